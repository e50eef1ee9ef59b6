//! What can be false of a result, in the ways that save work.

use assay_market::effect::Run;
use assay_protocol::{
    codec,
    id::{Digest, JobId, PeerId},
    manifest::{Manifest, Policy},
    units::Rate,
};

use crate::machine::{
    self, Made,
    text::{self, Host, Manner, TextSession},
};

/// What the numbers of a cheaper model are multiplied by: as far off as a coarse quantisation.
const COARSE: f32 = 1.01;
/// What a cheaper model computes with.
const CHEAP: &str = "cheap";

/// What is false of what a peer says it computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// All of it: nothing was computed.
    Noise,
    /// Another, cheaper model computed it.
    Cheaper,
    /// Its second half is missing, and billed.
    Shorter,
    /// A cheaper model wrote it, and the true one only read along, so that its rows are true.
    Prefilled,
}

impl Lie {
    /// What is said to have been made, where an honest machine made `made`.
    #[must_use]
    pub fn tell(self, run: &Run, input: &[u8], made: Made) -> Made {
        match self {
            Self::Noise => noise(run, made),
            Self::Cheaper => cheaper(run, input, made),
            Self::Shorter => shorter(run, made),
            Self::Prefilled => prefilled(run, input, made),
        }
    }
}

fn noise(run: &Run, made: Made) -> Made {
    if !run.manifest.policy.is_proven_by_rows() {
        return Made { output: machine::forgery(run, "sold"), ..made };
    }
    let output = made.output.iter().map(|byte| byte ^ 1).collect();
    Made { output, rows: made_up(&made.rows), ..made }
}

/// As many rows, made up.
pub(super) fn made_up(rows: &[Digest]) -> Vec<Digest> {
    rows.iter().map(|row| codec::digest("simulated row that nobody computed", row)).collect()
}

fn cheaper(run: &Run, input: &[u8], made: Made) -> Made {
    match run.manifest.policy {
        Policy::Replay => cheap_text(run, input),
        Policy::Exact => {
            let manifest = Manifest { model: Digest::of(b"a cheaper model"), ..run.manifest.clone() };
            machine::run(&Run { manifest, ..run.clone() }, input, &PeerId::default(), None)
        }
        Policy::Tensor(_) => {
            let numbers = made.output.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let output = numbers.flat_map(|number| (number * COARSE).to_le_bytes()).collect();
            Made { output, ..made }
        }
    }
}

fn cheap_text(run: &Run, input: &[u8]) -> Made {
    text::write(run, input, None, Manner { precision: CHEAP, ..Manner::ordered(run) })
}

fn shorter(run: &Run, made: Made) -> Made {
    let pieces = made.output.len() / text::TOKEN_BYTES / 2;
    if pieces == 0 {
        return made;
    }
    let output = made.output[..pieces * text::TOKEN_BYTES].to_vec();
    let proven = run.manifest.policy.is_proven_by_rows();
    let rows = made.rows.iter().copied().take(if proven { pieces } else { 0 }).collect();
    Made { output, rows, ..made }
}

fn prefilled(run: &Run, input: &[u8], made: Made) -> Made {
    if !run.manifest.policy.is_proven_by_rows() {
        return cheaper(run, input, made);
    }
    let tokens: Vec<u32> = text::tokens(&cheap_text(run, input).output).collect();
    let session = TextSession::new(run, Manner::ordered(run).precision, input);
    text::compose(run, input, Host::new(session, None), |index, _| tokens.get(index).copied())
}

/// Whether chance picks this job of a peer for this, where it picks such a share of them.
pub(super) fn picks(purpose: &str, peer: PeerId, job: JobId, share: Rate) -> bool {
    let [a, b, c, d, ..] = codec::digest("simulated pick", &(purpose, peer, job)).0;
    u64::from(u32::from_be_bytes([a, b, c, d])) < share.0
}

#[cfg(test)]
mod tests {
    use assay_market::input::RunId;
    use assay_protocol::units::Duration;

    use super::*;
    use crate::plan;

    fn run(manifest: Manifest, number: u8) -> Run {
        Run {
            id: RunId { job: Digest([number; 32]), check: false },
            class: Digest::default(),
            input: Digest::default(),
            seed: Digest([number; 32]),
            units_max: plan::TEXT_UNITS,
            run_max: Duration::seconds(1),
            listener: None,
            draft: None,
            manifest,
        }
    }

    #[test]
    fn every_lie_changes_what_was_made_and_is_told_alike_each_time() {
        for manifest in plan::manifests().into_iter().chain([plan::text()]) {
            for lie in [Lie::Noise, Lie::Cheaper, Lie::Shorter, Lie::Prefilled] {
                let mut told = 0;
                for number in 0..20 {
                    let (run, input) = (run(manifest.clone(), number), [number; 40]);
                    let honest = machine::run(&run, &input, &PeerId::default(), None);
                    let lied = lie.tell(&run, &input, honest.clone());
                    assert_eq!(lied, lie.tell(&run, &input, honest.clone()));
                    told += u32::from(lied != honest);
                }
                // A text of one token, or none, leaves little to lie about.
                assert!(told >= 10, "{lie:?} about {}: {told} of 20", manifest.name);
            }
        }
    }

    #[test]
    fn whoever_only_reads_along_shows_true_rows_of_another_text() {
        let mut seen = 0;
        for number in 0..20 {
            let (run, input) = (run(plan::text(), number), [number; 40]);
            let honest = machine::run(&run, &input, &PeerId::default(), None);
            let lied = Lie::Prefilled.tell(&run, &input, honest.clone());
            if honest.rows.is_empty() || lied.rows.is_empty() {
                continue;
            }
            assert_ne!(lied.output, honest.output);
            // The first row does not depend on what is written.
            assert_eq!(lied.rows[0], honest.rows[0]);
            seen += 1;
        }
        assert!(seen > 10, "{seen} of 20");
    }

    #[test]
    fn chance_picks_as_many_jobs_as_it_should() {
        let count = |share| {
            let jobs = (0..10_000_u64).map(|number| Digest::of(&number.to_be_bytes()));
            jobs.filter(|job| picks("test", PeerId::default(), *job, share)).count()
        };
        assert_eq!((count(Rate::ZERO), count(Rate::ONE)), (0, 10_000));
        assert!((840..=1_160).contains(&count(Rate::per_mille(100))), "{}", count(Rate::per_mille(100)));
    }
}
