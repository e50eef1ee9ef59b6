//! A row for each reason why anything but an order is not taken into the books; they are left as they were.

mod facts;

use assay_market::{
    ledger::{Rejection, WITHDRAWALS_MAX},
    witness::state_of,
};
use assay_protocol::{
    check::{Seal, Unserved},
    genesis::Genesis,
    id::Digest,
    job::Misstep,
    journal::Fact,
    manifest::End,
    notice::{Convict, Tick},
    objection::Dispute,
    receipt::Happening,
    standing::day,
    units::Amount,
};

use crate::{
    cheap::{Cheap, CheapScheme},
    course::{output, unhidden},
    office::{CLIENT, FIRST_VERIFIER, ISSUER, NOTARY, Office, PROVIDER, STAKE, STRANGER, id},
    outcomes::{honest, open},
};

pub(crate) use self::facts::waiting;
use self::facts::*;

type Desk = Office<Cheap>;

/// What is wrong with a fact, why it is not taken, and how it comes about.
type Case = (&'static str, Rejection, fn(&mut Desk) -> Fact);

/// Instructions, grants and questions.
const INSTRUCTIONS: &[Case] = &[
    ("a stake in other books", Rejection::OtherNotary, |desk| stake(desk, CLIENT, ISSUER, 1, 1)),
    ("a stake without an account", Rejection::NoAccount, |desk| stake(desk, STRANGER, NOTARY, 1, 1)),
    ("a stake beyond what is free", Rejection::Funds, |desk| stake(desk, CLIENT, NOTARY, 1, 101)),
    ("the second instruction first", Rejection::Sequence, |desk| stake(desk, CLIENT, NOTARY, 2, 1)),
    ("instruction number nothing", Rejection::Conflict, |desk| stake(desk, CLIENT, NOTARY, 0, 1)),
    ("an instruction for the second time", Rejection::Known, |desk| {
        let fact = stake(desk, CLIENT, NOTARY, 1, 1);
        take(desk, fact.clone());
        fact
    }),
    ("another instruction of the same number", Rejection::Conflict, |desk| {
        take_new(desk, |desk| stake(desk, CLIENT, NOTARY, 1, 1));
        stake(desk, CLIENT, NOTARY, 1, 2)
    }),
    ("an older instruction", Rejection::Conflict, |desk| {
        let fact = stake(desk, CLIENT, NOTARY, 1, 1);
        take(desk, fact.clone());
        take_new(desk, |desk| stake(desk, CLIENT, NOTARY, 2, 1));
        fact
    }),
    ("a withdrawal from other books", Rejection::OtherNotary, |desk| {
        unstake(desk, PROVIDER, ISSUER, Amount(1))
    }),
    ("a withdrawal without an account", Rejection::NoAccount, |desk| {
        unstake(desk, STRANGER, NOTARY, Amount(1))
    }),
    ("a withdrawal of more than is at stake", Rejection::Funds, |desk| {
        unstake(desk, PROVIDER, NOTARY, Amount(STAKE.0 + 1))
    }),
    ("a withdrawal of what stands for pay", Rejection::Exposed, |desk| {
        checked(desk, 0);
        open(desk, PROVIDER, 1);
        let stake = desk.account(PROVIDER).stake;
        unstake(desk, PROVIDER, NOTARY, Amount(stake.0 - 999_999_999))
    }),
    ("one withdrawal too many", Rejection::Full, |desk| {
        (0..WITHDRAWALS_MAX).for_each(|_| {
            take_new(desk, |desk| unstake(desk, PROVIDER, NOTARY, Amount(1)));
        });
        unstake(desk, PROVIDER, NOTARY, Amount(1))
    }),
    ("a registration in other books", Rejection::OtherNotary, |desk| {
        register(desk, FIRST_VERIFIER, ISSUER, &[1])
    }),
    ("a registration without an account", Rejection::NoAccount, |desk| {
        register(desk, STRANGER, NOTARY, &[1])
    }),
    ("a registration in descending order", Rejection::Unordered, |desk| {
        register(desk, CLIENT, NOTARY, &[2, 1])
    }),
    ("a registration of the same twice", Rejection::Unordered, |desk| {
        register(desk, CLIENT, NOTARY, &[1, 1])
    }),
    ("a grant by the notary", Rejection::NotTheIssuer, |desk| grant(desk, NOTARY, NOTARY, 1, 1)),
    ("a grant by somebody else", Rejection::NotTheIssuer, |desk| grant(desk, CLIENT, NOTARY, 1, 1)),
    ("a grant for other books", Rejection::OtherNotary, |desk| grant(desk, ISSUER, ISSUER, 1, 1)),
    ("the second grant first", Rejection::Sequence, |desk| grant(desk, ISSUER, NOTARY, 2, 1)),
    ("a grant number nothing", Rejection::Conflict, |desk| grant(desk, ISSUER, NOTARY, 0, 1)),
    ("a grant of more than all money", Rejection::TooMuch, |desk| grant(desk, ISSUER, NOTARY, 1, u64::MAX)),
    ("a grant for the second time", Rejection::Known, |desk| {
        take_new(desk, |desk| grant(desk, ISSUER, NOTARY, 1, 1));
        grant(desk, ISSUER, NOTARY, 1, 1)
    }),
    ("another grant of the same number", Rejection::Conflict, |desk| {
        take_new(desk, |desk| grant(desk, ISSUER, NOTARY, 1, 1));
        grant(desk, ISSUER, NOTARY, 1, 2)
    }),
    ("a question by a known account", Rejection::KnownAccount, |desk| query(desk, CLIENT)),
    ("a question where nobody is welcomed", Rejection::NoWelcome, |desk| query(desk, STRANGER)),
];

/// Ticks.
const TICKS: &[Case] = &[
    ("the same tick again", Rejection::Tick, |desk| {
        let tick = Fact::Tick(desk.next_tick(desk.genesis.timers.tick));
        desk.tick();
        tick
    }),
    ("somebody else's tick", Rejection::Tick, |desk| tick(desk, CLIENT, |_| {})),
    ("a round left out", Rejection::Tick, |desk| tick(desk, NOTARY, |tick| tick.round += 1)),
    ("a clock set back", Rejection::Tick, |desk| tick(desk, NOTARY, |tick| tick.time.0 -= 1_000)),
    ("more time than passed", Rejection::Tick, |desk| tick(desk, NOTARY, |tick| tick.live.0 += 1)),
    ("less time than passed", Rejection::Tick, |desk| tick(desk, NOTARY, |tick| tick.live.0 -= 1)),
    ("a beacon of no chain", Rejection::Tick, |desk| {
        tick(desk, NOTARY, |tick| tick.beacon = Digest::of(b"chosen"))
    }),
    ("a checkpoint in mid-epoch", Rejection::Tick, |desk| {
        let Some(Fact::Tick(first)) = desk.facts.first() else { panic!("the first fact is a tick") };
        let checkpoint = first.said().checkpoint.clone();
        let tick = desk.next_tick(desk.genesis.timers.tick).said().clone();
        Fact::Tick(desk.say(id::<Cheap>(NOTARY), Tick { checkpoint, ..tick }))
    }),
    ("an epoch without a checkpoint", Rejection::Tick, |desk| {
        until_epoch(desk);
        tick(desk, NOTARY, |tick| tick.checkpoint = None)
    }),
    ("a checkpoint with other rosters", Rejection::Tick, |desk| {
        until_epoch(desk);
        tick(desk, NOTARY, |tick| {
            let checkpoint = tick.checkpoint.as_mut();
            checkpoint.into_iter().for_each(|checkpoint| checkpoint.rosters = Digest::default());
        })
    }),
    ("a checkpoint that says of somebody that it was convicted", Rejection::Tick, |desk| {
        until_epoch(desk);
        tick(desk, NOTARY, |tick| {
            let checkpoint = tick.checkpoint.as_mut();
            let (peer, on) = (id::<Cheap>(PROVIDER), day(tick.time));
            checkpoint.into_iter().for_each(|checkpoint| checkpoint.convicted.push(Convict { peer, on }));
        })
    }),
    ("a checkpoint at another place of the journal", Rejection::Tick, |desk| {
        until_epoch(desk);
        tick(desk, NOTARY, |tick| {
            tick.checkpoint.as_mut().into_iter().for_each(|checkpoint| checkpoint.head.sequence += 1);
        })
    }),
    ("a first tick whose beacon is not its anchor", Rejection::Tick, |desk| {
        *desk = Office::unopened(desk.genesis.clone());
        tick(desk, NOTARY, |tick| tick.beacon = Digest::of(b"chosen"))
    }),
];

/// Steps of jobs.
const STEPS: &[Case] = &[
    ("a step of no job", Rejection::Unknown, |desk| {
        let job = Digest::of(b"none");
        step(desk, CLIENT, Dispute { job }, Happening::Dispute)
    }),
    ("a draw that somebody states", Rejection::Misstep(Misstep::NotYours), |desk| {
        open(desk, PROVIDER, 0);
        Fact::Job(Happening::Draw { check: false })
    }),
    ("a claim by the client", Rejection::Misstep(Misstep::NotYours), |desk| {
        let job = open(desk, PROVIDER, 0);
        claim(desk, CLIENT, &job, |_| {}, 0)
    }),
    ("a claim at another position", Rejection::Position, |desk| {
        let job = open(desk, PROVIDER, 0);
        claim(desk, PROVIDER, &job, |_| {}, 1)
    }),
    ("a claim for another ticket", Rejection::Misstep(Misstep::OtherTicket), |desk| {
        let job = open(desk, PROVIDER, 0);
        claim(desk, PROVIDER, &job, |claim| claim.ticket = Digest::default(), 0)
    }),
    ("a claim of more than was ordered", Rejection::Misstep(Misstep::Excess), |desk| {
        let job = open(desk, PROVIDER, 0);
        claim(desk, PROVIDER, &job, |claim| claim.units = 5, 0)
    }),
    ("a claim of a cancelled job that is not", Rejection::Misstep(Misstep::NotCancelled), |desk| {
        let job = open(desk, PROVIDER, 0);
        claim(desk, PROVIDER, &job, |claim| claim.end = End::Cancelled, 0)
    }),
    ("a claim for the second time", Rejection::Misstep(Misstep::Known), |desk| {
        let job = claimed(desk);
        claim(desk, PROVIDER, &job, |_| {}, 0)
    }),
    ("an abort after a claim", Rejection::Misstep(Misstep::TooLate), |desk| {
        let job = claimed(desk);
        abort(desk, PROVIDER, &job)
    }),
    ("an abort by the client", Rejection::Misstep(Misstep::NotYours), |desk| {
        let job = open(desk, PROVIDER, 0);
        abort(desk, CLIENT, &job)
    }),
    ("a second cancellation", Rejection::Misstep(Misstep::Known), |desk| {
        let job = open(desk, PROVIDER, 0);
        let fact = cancel(desk, CLIENT, &job);
        take(desk, fact.clone());
        fact
    }),
    ("a cancellation by the provider", Rejection::Misstep(Misstep::NotYours), |desk| {
        let job = open(desk, PROVIDER, 0);
        cancel(desk, PROVIDER, &job)
    }),
    ("a secret before the claim", Rejection::Misstep(Misstep::TooEarly), |desk| {
        let job = open(desk, PROVIDER, 0);
        reveal(desk, &job, 0, job.secret)
    }),
    ("a secret for another claim", Rejection::Misstep(Misstep::OtherPosition), |desk| {
        let job = claimed(desk);
        reveal(desk, &job, 0, job.secret)
    }),
    ("another secret", Rejection::Misstep(Misstep::Unmatched), |desk| {
        let job = claimed(desk);
        reveal(desk, &job, desk.head.sequence - 1, Digest::default())
    }),
    ("a dispute before the draw", Rejection::Misstep(Misstep::TooEarly), |desk| {
        let job = claimed(desk);
        step(desk, CLIENT, Dispute { job: job.id }, Happening::Dispute)
    }),
    ("a dispute by the provider", Rejection::Misstep(Misstep::NotYours), |desk| {
        let job = waiting(desk);
        step(desk, PROVIDER, Dispute { job: job.id }, Happening::Dispute)
    }),
    ("a stream that is what was claimed", Rejection::Misstep(Misstep::Consistent), |desk| {
        let job = claimed(desk);
        contradict(desk, &job, PROVIDER, &honest().output)
    }),
    ("a stream that somebody else signed", Rejection::Misstep(Misstep::Unmatched), |desk| {
        let job = claimed(desk);
        contradict(desk, &job, CLIENT, &output(1_200, 0.5))
    }),
    ("a seal by somebody who was not drawn", Rejection::Misstep(Misstep::NotYours), |desk| {
        let job = sealing(desk);
        step(desk, CLIENT, Seal { job: job.id, commit: Digest::default(), evidence: None }, Happening::Seal)
    }),
    ("another seal", Rejection::Misstep(Misstep::Conflict), |desk| {
        let job = opening(desk);
        let seat = seated(desk, &job);
        let seal = desk.say(seat, Seal { job: job.id, commit: Digest::default(), evidence: None });
        Fact::Job(Happening::Seal(seal))
    }),
    ("a complaint after the seal", Rejection::Misstep(Misstep::TooLate), |desk| {
        let job = opening(desk);
        let seat = seated(desk, &job);
        Fact::Job(Happening::Unserved(desk.say(seat, Unserved { job: job.id })))
    }),
    ("an opening before any seal", Rejection::Misstep(Misstep::TooEarly), |desk| {
        let job = sealing(desk);
        let Some(opening) = desk.opening(&job, &small()) else { panic!("few records need no draw") };
        step(desk, PROVIDER, opening, unhidden)
    }),
    ("an opening of other records", Rejection::Misstep(Misstep::Unwanted), |desk| {
        let job = opening(desk);
        let Some(mut opening) = desk.opening(&job, &small()) else { panic!("few records need no draw") };
        opening.records.pop();
        step(desk, PROVIDER, opening, unhidden)
    }),
    ("an opening of another seal", Rejection::Misstep(Misstep::Unmatched), |desk| {
        let job = opening(desk);
        open_seal(desk, &job, |opening| opening.evidence.units = 3)
    }),
    ("an opening with another record", Rejection::Misstep(Misstep::Unproven), |desk| {
        let job = opening(desk);
        open_seal(desk, &job, |opening| opening.records[0].bytes[0] ^= 1)
    }),
    ("an opening for the second time", Rejection::Misstep(Misstep::Known), |desk| {
        let job = opening(desk);
        let fact = open_seal(desk, &job, |_| {});
        take(desk, fact.clone());
        fact
    }),
    ("a step of a closed job", Rejection::Misstep(Misstep::Closed), |desk| {
        let job = checked(desk, 0);
        abort(desk, PROVIDER, &job)
    }),
];

fn check(cases: &[Case]) {
    for (about, reason, arrange) in cases {
        let mut desk = Desk::new(|_| {});
        let fact = arrange(&mut desk);
        let before = state_of(&desk.ledger);
        let said = desk.enter(fact).map(drop);
        assert_eq!(said, Err(*reason), "{about}");
        assert_eq!(state_of(&desk.ledger), before, "the books changed by {about}");
    }
}

#[test]
fn an_instruction_that_is_not_the_next_or_cannot_be_met_is_refused_for_its_own_reason() {
    check(INSTRUCTIONS);
}

#[test]
fn a_tick_that_is_not_the_next_one_is_refused() {
    check(TICKS);
}

#[test]
fn a_step_that_is_not_due_not_its_signers_or_not_true_is_refused_for_its_own_reason() {
    check(STEPS);
}

#[test]
fn where_strangers_are_welcomed_only_the_first_few_of_an_hour_are() {
    let mut desk = Desk::new(|genesis: &mut Genesis| {
        (genesis.money.welcome, genesis.money.welcomes_per_hour) = (Amount::credits(1), 1);
    });
    desk.knows(1_000);
    take_new(&mut desk, |desk| query(desk, STRANGER));
    let before = state_of(&desk.ledger);
    for (by, reason) in [(1_000, Rejection::NoWelcome), (STRANGER, Rejection::KnownAccount)] {
        let fact = query(&desk, by);
        assert_eq!(desk.enter(fact).map(drop), Err(reason));
        assert_eq!(state_of(&desk.ledger), before);
    }
}

#[test]
fn the_tables_name_every_reason_there_is() {
    let mut named: Vec<String> = Vec::new();
    for (_, reason, _) in INSTRUCTIONS.iter().chain(TICKS).chain(STEPS) {
        let name = format!("{reason:?}");
        if !named.contains(&name) {
            named.push(name);
        }
    }
    // The reasons of the books but the refusal of an order, and the missteps.
    assert_eq!(named.len(), 16 + 14, "{named:?}");
}

#[test]
fn what_was_signed_for_another_network_is_nobodys_word_here() {
    let (here, there) = (Desk::new(|_| {}), Desk::new(|genesis| genesis.name.push('2')));
    let order = there.order(CLIENT, PROVIDER, 0, 0).0;
    let open = there.agreed(&order, assay_protocol::units::Rate::ONE);
    assert!(open.clone().open::<CheapScheme>(there.network).is_ok());
    assert!(open.open::<CheapScheme>(here.network).is_err());
    let order = there.say(order.client, order);
    assert!(order.open::<CheapScheme>(here.network).is_err());
}
