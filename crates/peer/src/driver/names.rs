//! From what people type to what they mean.
//!
//! **Invariant:** a name stands for exactly one thing, or for nothing; a prefix that fits two is refused.

use assay_market::view::SubmissionView;
use assay_protocol::{genesis::Genesis, id::Digest, manifest::Manifest};

use crate::handle::Refused;

/// Digits of the shortest prefix of a digest.
const PREFIX_DIGITS_MIN: usize = 4;

/// The pinned manifest of this name, or whose digest begins so.
pub(crate) fn manifest<'a>(genesis: &'a Genesis, name: &str) -> Result<&'a Manifest, Refused> {
    if let Some(manifest) = genesis.manifest(name) {
        return Ok(manifest);
    }
    let fitting = genesis.manifests.iter().filter(|manifest| fits(&manifest.digest(), name));
    let known = genesis.manifests.iter().map(|manifest| manifest.name.clone()).collect();
    one(fitting, name, Refused::UnknownManifest { name: name.to_owned(), known })
}

/// The submission whose key, or one of whose jobs, begins so.
pub(crate) fn submission<'a>(all: &'a [SubmissionView], name: &str) -> Result<&'a SubmissionView, Refused> {
    let is_meant = |view: &&SubmissionView| {
        fits(&view.key, name) || view.attempts.iter().any(|attempt| fits(&attempt.job, name))
    };
    one(all.iter().filter(is_meant), name, Refused::UnknownJob { name: name.to_owned() })
}

fn one<T>(mut fitting: impl Iterator<Item = T>, name: &str, nothing: Refused) -> Result<T, Refused> {
    let first = fitting.next().ok_or(nothing)?;
    match fitting.count() {
        0 => Ok(first),
        others => Err(Refused::Ambiguous { name: name.to_owned(), matches: others as u64 + 1 }),
    }
}

fn fits(digest: &Digest, name: &str) -> bool {
    name.len() >= PREFIX_DIGITS_MIN && digest.to_string().starts_with(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(key: u8, job: Option<u8>) -> SubmissionView {
        use assay_market::view::{AttemptState, AttemptView};
        let attempts = job.map(|job| AttemptView {
            job: Digest([job; 32]),
            provider: Default::default(),
            price: Default::default(),
            total_max: Default::default(),
            state: AttemptState::Running,
            end: None,
            rate: None,
            output: None,
            receipt: None,
        });
        SubmissionView {
            key: Digest([key; 32]),
            manifest: String::new(),
            attempts: attempts.into_iter().collect(),
            cancelled: false,
            ended: false,
            unmatched: None,
        }
    }

    #[test]
    fn a_job_is_found_by_a_prefix_that_only_it_has() {
        let all = [view(0x11, None), view(0x22, Some(0x33)), view(0x44, Some(0x11))];
        let found = |name: &str| submission(&all, name).map(|view| view.key.0[0]);
        assert_eq!(found("2222"), Ok(0x22));
        assert_eq!(found("33333"), Ok(0x22));
        assert_eq!(found("1111"), Err(Refused::Ambiguous { name: "1111".into(), matches: 2 }));
        assert_eq!(found("222"), Err(Refused::UnknownJob { name: "222".into() }));
        assert_eq!(found("5555"), Err(Refused::UnknownJob { name: "5555".into() }));
    }
}
