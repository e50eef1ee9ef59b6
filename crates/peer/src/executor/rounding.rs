//! What a peer runs that is paid for a model of language and runs one with less of each weight.
//!
//! **Invariant:** it is run as any model is, and what is said of the run is said of what was ordered: nothing but another run tells
//! them apart.

use assay_protocol::{id::Digest, manifest::Manifest, order::Failure};
use assay_runtime::coarse_model::coarser;

use super::{Conduct, Inner, lock};

/// Bits of a weight that are left.
const BITS: u32 = 4;
/// The same of a small model, such as the bundled one, which mostly answers the same with those.
const SMALL_BITS: u32 = 2;
/// Bytes of the largest model that is small.
const SMALL_BYTES: u64 = 16 << 20;

impl Inner {
    /// What is run where this is ordered.
    pub(super) fn ran_for(&self, manifest: &Manifest) -> Result<Manifest, Failure> {
        if self.conduct != Conduct::Round || !manifest.policy.is_proven_by_rows() {
            return Ok(manifest.clone());
        }
        let model = self.rounded(manifest.model).ok_or(Failure::Unusable)?;
        Ok(Manifest { model, ..manifest.clone() })
    }

    /// The rounded file of a model, which is made once.
    fn rounded(&self, model: Digest) -> Option<Digest> {
        let mut known = lock(&self.rounded);
        if let Some(rounded) = known.get(&model).filter(|rounded| self.blobs.contains(rounded)) {
            return Some(*rounded);
        }
        let path = self.blobs.path(&model).ok().flatten()?;
        let is_small = path.metadata().is_ok_and(|metadata| metadata.len() <= SMALL_BYTES);
        let file = coarser(&path, if is_small { SMALL_BITS } else { BITS });
        let file = file.inspect_err(|error| tracing::warn!(%model, %error, "a model cannot be rounded"));
        let rounded = self.blobs.put(&file.ok()?).ok()?;
        tracing::warn!(%model, %rounded, "a model was rounded, and is run instead of the whole one");
        known.insert(model, rounded);
        Some(rounded)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use assay_protocol::manifest::{Meter, Policy, WorkPerMeter};

    use super::*;
    use crate::{blobs::Blobs, executor::Executor};

    const SUMS: &[u8] = include_bytes!("../../../../models/sums/sums.gguf");

    fn manifest(model: Digest, policy: Policy) -> Manifest {
        Manifest {
            name: "sums".into(),
            runner: Digest::default(),
            model,
            params: String::new(),
            policy,
            meter: Meter::Calls,
            work: WorkPerMeter::default(),
            work_most: 0,
            memory_bytes: 0,
            licence: "MIT".into(),
        }
    }

    #[test]
    fn a_rounded_model_of_language_is_run_instead_by_whoever_does_so_alone() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&folder.path().join("blobs"), 8 << 20).unwrap();
        let model = blobs.put(SUMS).unwrap();
        let by = |conduct| {
            Executor::new(PathBuf::new(), folder.path().to_owned(), 1, blobs.clone(), conduct).inner
        };
        let text = manifest(model, Policy::Replay);
        assert_eq!(by(Conduct::Honest).ran_for(&text), Ok(text.clone()));
        let rounding = by(Conduct::Round);
        let exact = manifest(model, Policy::Exact);
        assert_eq!(rounding.ran_for(&exact), Ok(exact.clone()), "it rounds what it can");
        let ran = rounding.ran_for(&text).unwrap();
        assert_ne!(ran.model, model);
        assert_eq!(Manifest { model, ..ran.clone() }, text, "nothing else is another");
        assert!(blobs.get(&ran.model).unwrap().unwrap().len() < SUMS.len());
        assert_eq!(rounding.ran_for(&text), Ok(ran), "it is made once");
        let nothing = manifest(Digest::of(b"nothing"), Policy::Replay);
        assert_eq!(rounding.ran_for(&nothing), Err(Failure::Unusable));
    }
}
