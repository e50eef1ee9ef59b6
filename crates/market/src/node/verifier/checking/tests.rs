//! That a check takes the steps that its table shows, and no others.

use assay_protocol::{
    claim::Written,
    id::PeerId,
    manifest::End,
    signed::{Signed, Statement},
    units::Duration,
};

use super::*;
use crate::{
    fixture::{Key, NOW, genesis, manifest, peer},
    node::drawn,
};

const NOTARY: u64 = 3;
const VERIFIER: u64 = 4;
const JOB: Digest = Digest([1; 32]);

fn says<T: Statement>(by: u64, said: T) -> Verified<T> {
    Signed::seal(said, &Key(peer(by)), genesis().id())
}

fn asked() -> Verified<Check> {
    let nothing = Digest::default();
    says(
        NOTARY,
        Check {
            job: JOB,
            verifier: peer(VERIFIER),
            class: nothing,
            manifest: manifest(),
            units_max: 1,
            run_max: Duration::seconds(1),
            seed: nothing,
            input_commit: nothing,
            sources: [PeerId::default(); 2],
            seal_by: NOW,
            draft: None,
            due: NOW,
        },
    )
}

fn seal() -> CheckingStep {
    let (written, salt) = (Written::of(b"output"), Digest::default());
    let (evidence_root, records, units, work, check_work, end, rms) =
        (written.root, 1, 1, 1, 1, End::Stop, 0);
    let evidence = Evidence { written, evidence_root, records, units, work, check_work, end, rms, salt };
    let seal = says(VERIFIER, Seal { job: JOB, commit: evidence.commit(), evidence: None }).into();
    CheckingStep::Seal(Sealed { seal, evidence, output: Digest::of(b"output") })
}

fn give_up() -> CheckingStep {
    CheckingStep::GiveUp(says(VERIFIER, Unserved { job: JOB }).into())
}

/// A check after these steps.
fn after(steps: &[CheckingStep]) -> Checking {
    let mut checking = Checking::new(asked());
    for step in steps {
        assert_eq!(checking.apply(step.clone()), Ok(()), "{step:?}");
    }
    checking
}

/// What the table calls its state.
fn name(checking: &Checking) -> &'static str {
    match checking.phase {
        CheckingPhase::Fetching => "fetching",
        CheckingPhase::Running => "running",
        CheckingPhase::Sealed(_) => "sealed",
        CheckingPhase::Unserved(_) => "unserved",
        CheckingPhase::Ended => "ended",
    }
}

#[test]
fn a_check_takes_the_steps_that_its_table_shows_and_a_refused_one_leaves_it_as_it_was() {
    let states = [
        after(&[]),
        after(&[CheckingStep::Run]),
        after(&[CheckingStep::Run, seal()]),
        after(&[give_up()]),
        after(&[CheckingStep::Run, CheckingStep::Fail]),
    ];
    let steps =
        [("run", CheckingStep::Run), ("seal", seal()), ("give up", give_up()), ("fail", CheckingStep::Fail)];
    drawn::check(include_str!("../checking.rs"), &states, name, &steps, Checking::apply);
}
