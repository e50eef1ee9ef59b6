//! That a job that was begun takes the steps that its table shows, and no others.

use assay_protocol::{
    claim::Written,
    manifest::End,
    order::Failure,
    signed::{Signed, Statement},
    units::Amount,
};

use super::*;
use crate::{
    fixture::{Key, genesis, order, peer, standing},
    node::drawn,
};

const CLIENT: u64 = 1;
const PROVIDER: u64 = 2;
const NOTARY: u64 = 3;

fn says<T: Statement>(by: u64, said: T) -> Verified<T> {
    Signed::seal(said, &Key(peer(by)), genesis().id())
}

fn placed() -> Order {
    order(Amount(1))
}

fn claim(end: End) -> Recorded<Claim> {
    let (ticket, commit) = (Digest::default(), Digest::default());
    says(PROVIDER, Claim { job: placed().id(), ticket, units: 1, work: 1, check_work: 1, end, commit }).into()
}

fn claimed() -> ServingStep {
    let (written, blind, end) = (Written::of(b"output"), Digest::default(), End::Stop);
    let (evidence_root, records, units, rms) = (written.root, 1, 1, 0);
    let (evidence_records, work, check_work) = (records, 1, 1);
    let result = RunResult { written, evidence_root, evidence_records, units, work, check_work, end, rms };
    ServingStep::Claim(Box::new(Claimed {
        claim: claim(end),
        result,
        output: OutputLeaf { written, units, end, blind },
        evidence: EvidenceLeaf { evidence_root, records, rms, blind },
    }))
}

fn yielded() -> ServingStep {
    ServingStep::Yield(claim(End::Cancelled))
}

fn aborted() -> ServingStep {
    let abort = Abort { job: placed().id(), ticket: Digest::default(), reason: Failure::Trap };
    ServingStep::Abort(says(PROVIDER, abort).into())
}

/// A job after these steps, and after some in vain.
fn after(steps: &[ServingStep]) -> Serving {
    let ticket = Ticket::new(&genesis(), &placed(), standing(0, Amount::ZERO));
    let mut serving = Serving::new(says(CLIENT, placed()), says(NOTARY, ticket));
    for step in steps {
        assert_eq!(serving.apply(step.clone()), Ok(()), "{step:?}");
    }
    serving.tries = 3;
    serving
}

/// What the table calls its state.
fn name(serving: &Serving) -> &'static str {
    match serving.phase {
        ServingPhase::Fetching => "fetching",
        ServingPhase::Running => "running",
        ServingPhase::Claimed(_) => "claimed",
        ServingPhase::Yielded(_) => "yielded",
        ServingPhase::Aborted(_) => "aborted",
    }
}

#[test]
fn a_job_takes_the_steps_that_its_table_shows_and_a_refused_one_leaves_it_as_it_was() {
    let states = [
        after(&[]),
        after(&[ServingStep::Run]),
        after(&[claimed()]),
        after(&[ServingStep::Run, yielded()]),
        after(&[ServingStep::Run, aborted()]),
    ];
    let steps = [("run", ServingStep::Run), ("claim", claimed()), ("yield", yielded()), ("abort", aborted())];
    drawn::check(include_str!("../serving.rs"), &states, name, &steps, Serving::apply);
}
