//! That an order takes the steps that its table shows, and no others.

use assay_protocol::{
    claim::{EvidenceLeaf, OutputLeaf, Written},
    manifest::{End, Meter, TokenWeights},
    order::Accept,
    signed::{Signed, Statement},
    units::{Amount, Rate},
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

fn agree() -> AttemptStep {
    let order = placed();
    let accept =
        Accept { job: order.id(), class: order.class, rate_max: Rate::ONE, starts_in: Duration::default() };
    let (order, accept) = (says(CLIENT, order).into_signed(), says(PROVIDER, accept).into_signed());
    AttemptStep::Agree(says(CLIENT, Open { order, accept }).into())
}

fn open() -> AttemptStep {
    AttemptStep::Open(says(NOTARY, Ticket::new(&genesis(), &placed(), standing(0, Amount::ZERO))))
}

/// What the provider claims, for so many units.
fn claim(units: u64) -> Verified<Claim> {
    let (ticket, commit) = (Digest::default(), Digest::default());
    says(
        PROVIDER,
        Claim { job: placed().id(), ticket, units, work: 1, check_work: 1, end: End::Stop, commit },
    )
}

fn deliver() -> AttemptStep {
    let (written, blind) = (Written::of(b"output"), Digest::default());
    let leaf = OutputLeaf { written, units: 1, end: End::Stop, blind };
    let evidence = EvidenceLeaf { evidence_root: written.root, records: 1, rms: 0, blind }.digest();
    let claim = claim(1).into_signed();
    AttemptStep::Deliver(says(PROVIDER, Deliver { claim, leaf, evidence }))
}

const FAIL: AttemptStep = AttemptStep::Fail(Failure::Trap);
const CLOSE: AttemptStep = AttemptStep::Close(
    Digest([1; 32]),
    Proven { outcome: Outcome::Checked, claim: None, cost: Amount::ZERO },
);
const SILENCE: AttemptStep = AttemptStep::Drop(None);

/// An order after these steps.
fn after(steps: &[AttemptStep]) -> Attempt {
    let mut attempt = Attempt::new(Digest::default(), says(CLIENT, placed()), Digest::default());
    for step in steps {
        assert_eq!(attempt.apply(step.clone()), Ok(()), "{step:?}");
    }
    attempt
}

/// What the table calls its state.
fn name(attempt: &Attempt) -> &'static str {
    match attempt.state {
        AttemptState::Proposed => "proposed",
        AttemptState::Opening => "opening",
        AttemptState::Running => "running",
        AttemptState::Delivered => "delivered",
        AttemptState::Refused(_) | AttemptState::Unanswered if attempt.open.is_none() => "unseen",
        AttemptState::Refused(_) | AttemptState::Unanswered => "dropped",
        AttemptState::Failed(_) => "failed",
        AttemptState::Cancelled => "cancelled",
        AttemptState::Closed(_) if attempt.output.is_none() => "closed",
        AttemptState::Closed(_) => "done",
    }
}

/// Every state; of those that are dropped each way there.
fn states(dropped: &AttemptStep) -> [Attempt; 10] {
    [
        after(&[]),
        after(&[agree()]),
        after(&[agree(), open()]),
        after(&[agree(), open(), FAIL]),
        after(&[agree(), open(), deliver()]),
        after(core::slice::from_ref(dropped)),
        after(&[agree(), dropped.clone()]),
        after(&[AttemptStep::Cancel]),
        after(&[agree(), open(), CLOSE]),
        after(&[agree(), open(), deliver(), CLOSE]),
    ]
}

#[test]
fn an_order_takes_the_steps_that_its_table_shows_and_a_refused_one_leaves_it_as_it_was() {
    let refusal = AttemptStep::Drop(Some(Refusal::Busy));
    for dropped in [SILENCE, refusal] {
        let steps = [
            ("agree", agree()),
            ("open", open()),
            ("claim", AttemptStep::Claim(claim(1).into())),
            ("deliver", deliver()),
            ("fail", FAIL),
            ("close", CLOSE),
            ("drop", dropped.clone()),
            ("cancel", AttemptStep::Cancel),
            ("forsake", AttemptStep::Forsake),
            ("doubt", AttemptStep::Doubt(Doubt::Told)),
            ("no doubt", AttemptStep::Doubt(Doubt::None)),
        ];
        drawn::check(include_str!("../attempt.rs"), &states(&dropped), name, &steps, Attempt::apply);
    }
}

/// An offer says what a text of 64 tokens takes, and somebody may order thousands.
#[test]
fn a_provider_is_waited_for_as_long_as_all_that_is_ordered_takes_it() {
    let waited = |units_max, promised| {
        let mut order = Order { units_max, ..placed() };
        order.manifest.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
        let mut attempt = Attempt::new(Digest::default(), says(CLIENT, order), Digest::default());
        attempt.promised = promised;
        attempt.await_life(0, None, Timestamp(0));
        attempt.stirs_by
    };
    let second = Some(Duration::seconds(1));
    assert_eq!(waited(4, second), Some(Timestamp(5_000)), "never less");
    assert_eq!(waited(20 * 64 * 5, second), Some(Timestamp(60_000)), "three times twenty seconds");
    assert_eq!(waited(4, None), Some(Timestamp(180_000)), "after a restart it is what the order allows");
}
