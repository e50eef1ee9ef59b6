//! A row for each reason why an order does not become a job; the books are left as they were.

use assay_market::{
    ledger::{LANES_MAX, Rejection},
    witness::state_of,
};
use assay_protocol::{
    account::Grant,
    genesis::Genesis,
    id::Digest,
    job::Stage,
    journal::Fact,
    order::{Accept, Open, Order, Refusal},
    units::{Amount, Duration, Rate, Timestamp},
};

use crate::{
    cheap::Cheap,
    course::{Conduct, Finding, output},
    office::{CLIENT, FREE, ISSUER, NEWCOMER, NOTARY, Office, PROVIDER, STRANGER, id},
    outcomes::{honest, judged_in, open, to_the_byte, truth},
};

type Desk = Office<Cheap>;

/// An order that differs from the usual one by this alone, why it is refused, and how it differs.
type Term = (&'static str, Refusal, fn(&mut Order));

/// An order that is just good enough.
type Enough = (&'static str, fn(&mut Order));

/// Books in which this happened before, why an order is refused there, and what was written in them.
type Case = (&'static str, Refusal, fn(&mut Genesis), fn(&mut Desk) -> Fact);

const TERMS: &[Term] = &[
    ("it names another notary", Refusal::Notary, |order| order.notary = id::<Cheap>(STRANGER)),
    ("it orders no units", Refusal::Numbers, |order| order.units_max = 0),
    ("it allows no work", Refusal::Numbers, |order| order.work_max = 0),
    ("it pays nothing", Refusal::Numbers, |order| order.unit_price = Amount::ZERO),
    ("its run may take no time", Refusal::Numbers, |order| order.run_max = Duration(0)),
    ("its price does not fit", Refusal::Numbers, |order| order.units_max = u64::MAX),
    ("its price fits, but not what is paid beside it", Refusal::Numbers, |order| {
        (order.units_max, order.unit_price, order.total_max) = (1, Amount(u64::MAX), Amount(u64::MAX));
    }),
    ("its checks do not fit", Refusal::Numbers, |order| {
        (order.checks, order.work_max) = (2, u64::MAX / 5_000_000);
        order.manifest.work_most = order.work_max;
    }),
    ("its price exceeds the total", Refusal::Numbers, |order| order.total_max = Amount(999_999_999)),
    ("its fee exceeds the price", Refusal::Numbers, |order| order.cancel_fee = Amount(1_000_000_001)),
    ("it names no licence", Refusal::Limits, |order| order.manifest.licence = String::new()),
    ("its parameters are too long", Refusal::Limits, |order| order.manifest.params = "x".repeat(4_097)),
    ("it wants too many checks", Refusal::Limits, |order| order.checks = 17),
    ("its client is its provider", Refusal::SelfDealing, |order| order.provider = order.client),
    ("it was to be opened before the last tick", Refusal::Late, |order| order.open_by.0 -= 30_001),
    ("it was to be opened on the first day of all", Refusal::Late, |order| order.open_by = Timestamp(0)),
    ("it may be opened in eleven minutes", Refusal::Future, |order| order.open_by.0 += 570_001),
    ("it may be opened for ever", Refusal::Future, |order| order.open_by = Timestamp::NEVER),
    ("its total is a nano-credit short of premium and one check", Refusal::Total, |order| {
        order.total_max = Amount(1_040_919_997);
    }),
    ("its total is more than twice what it can come to", Refusal::Total, |order| {
        order.total_max = Amount(2_081_839_997);
    }),
    ("its total is a nano-credit short of a prepaid check", Refusal::Total, |order| {
        (order.checks, order.total_max) = (1, Amount(1_040_919_997));
    }),
    ("its price is below the dues", Refusal::Dues, |order| {
        (order.units_max, order.unit_price, order.cancel_fee) = (1, Amount(45_079_998), Amount::ZERO);
        order.total_max = Amount(100_000_000);
    }),
    ("it takes longer than a minute and ten times its work", Refusal::Limits, |order| {
        order.run_max = Duration(64_001);
    }),
    ("it takes for ever", Refusal::Limits, |order| order.run_max = Duration(u64::MAX)),
    ("it takes too long to settle", Refusal::Settle, |order| {
        (order.work_max, order.unit_price, order.total_max) =
            (1_000, Amount(2_500_000_000), Amount::credits(16));
    }),
    ("nobody is registered for its class", Refusal::Checkers, |order| order.class = Digest::of(b"none")),
    ("nobody is registered for its manifest", Refusal::Checkers, |order| order.manifest.name.push('2')),
    ("it wants more checks than there are verifiers", Refusal::Checkers, |order| order.checks = 6),
    ("its work is more than its manifest allows", Refusal::Limits, |order| order.work_max = 1_001),
    ("its total is more than its client has", Refusal::Funds, |order| {
        (order.unit_price, order.total_max) = (Amount(12_500_000_000), Amount(FREE.0 + 1));
    }),
    ("its lane does not exist", Refusal::Nonce, |order| order.lane = LANES_MAX),
    ("its number is not the next", Refusal::Nonce, |order| order.nonce = 1),
    ("its number is the last of all", Refusal::Nonce, |order| order.nonce = u64::MAX),
    ("its client is not known", Refusal::Funds, |order| order.client = id::<Cheap>(STRANGER)),
    ("its client never had a credit", Refusal::Funds, |order| order.client = id::<Cheap>(NOTARY)),
];

const CASES: &[Case] = &[
    ("somebody else shows it", Refusal::Conflict, usual, |desk| {
        let order = desk.order(CLIENT, PROVIDER, 0, 0).0;
        agreement(desk, &order, [STRANGER, CLIENT, PROVIDER], order.id())
    }),
    ("its provider shows it", Refusal::Conflict, usual, |desk| {
        let order = desk.order(CLIENT, PROVIDER, 0, 0).0;
        agreement(desk, &order, [PROVIDER, CLIENT, PROVIDER], order.id())
    }),
    ("somebody else signed it", Refusal::Conflict, usual, |desk| {
        let order = desk.order(CLIENT, PROVIDER, 0, 0).0;
        agreement(desk, &order, [CLIENT, STRANGER, PROVIDER], order.id())
    }),
    ("somebody else agreed", Refusal::Conflict, usual, |desk| {
        let order = desk.order(CLIENT, PROVIDER, 0, 0).0;
        agreement(desk, &order, [CLIENT, CLIENT, NEWCOMER], order.id())
    }),
    ("the provider agreed to another one", Refusal::Conflict, usual, |desk| {
        let order = desk.order(CLIENT, PROVIDER, 0, 0).0;
        agreement(desk, &order, [CLIENT, CLIENT, PROVIDER], desk.order(CLIENT, PROVIDER, 1, 0).0.id())
    }),
    ("the provider runs another class", Refusal::Class, usual, |desk| {
        let order = desk.order(CLIENT, PROVIDER, 0, 0).0;
        let accept = Accept {
            job: order.id(),
            class: Digest::of(b"other"),
            rate_max: Rate::ONE,
            starts_in: Duration::default(),
        };
        let accept = desk.say(order.provider, accept);
        let open = Open { order: desk.say(order.client, order.clone()), accept };
        Fact::Open(desk.say(order.client, open))
    }),
    ("the provider does not work at such a rate", Refusal::Rate, usual, |desk| {
        let order = desk.order(CLIENT, PROVIDER, 0, 0).0;
        Fact::Open(desk.agreed(&order, Rate(Rate::ONE.0 - 1)))
    }),
    ("the books have no time yet", Refusal::Late, usual, |desk| {
        *desk = Office::unopened(desk.genesis.clone());
        ordered(desk, 0, |_| {})
    }),
    (
        "the notary is none of the network's",
        Refusal::Notary,
        |genesis| genesis.notaries.clear(),
        |desk| ordered(desk, 0, |_| {}),
    ),
    (
        "the network cannot compare such outputs",
        Refusal::Policy,
        |genesis| genesis.thresholds.clear(),
        |desk| ordered(desk, 0, |_| {}),
    ),
    (
        "a sixth verifier is demanded",
        Refusal::Checkers,
        |genesis| genesis.checks.leaves_min = 6,
        |desk| ordered(desk, 0, |_| {}),
    ),
    ("its lane holds an open job", Refusal::Nonce, usual, |desk| {
        open(desk, PROVIDER, 0);
        ordered(desk, 0, |order| order.nonce = 1)
    }),
    ("another job had its number", Refusal::Nonce, usual, |desk| {
        let job = open(desk, PROVIDER, 0);
        desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_)));
        ordered(desk, 0, |order| order.total_max = Amount(1_999_999_999))
    }),
    ("a number is left out", Refusal::Nonce, usual, |desk| {
        let job = open(desk, PROVIDER, 0);
        desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_)));
        ordered(desk, 0, |order| order.nonce = 2)
    }),
    ("its client has not what a trap would put at stake", Refusal::Funds, to_the_byte, |desk| {
        ordered(desk, 0, |order| {
            (order.unit_price, order.total_max) = (Amount(6_250_000_000), Amount(40_000_000_001));
        })
    }),
    ("its client has spent the rest", Refusal::Funds, usual, |desk| {
        let rich = |order: &mut Order| {
            (order.unit_price, order.total_max) = (Amount(6_250_000_000), Amount(FREE.0 / 2 + 1));
        };
        let first = ordered(desk, 0, rich);
        desk.enter(first).unwrap_or_else(|rejection| panic!("{rejection}"));
        ordered(desk, 1, rich)
    }),
    ("its provider is a newcomer with a job", Refusal::Newcomer, usual, |desk| {
        open(desk, NEWCOMER, 0);
        let order = desk.order(CLIENT, NEWCOMER, 1, 0).0;
        Fact::Open(desk.agreed(&order, Rate::ONE))
    }),
    ("a juror found against its provider", Refusal::Frozen, usual, |desk| {
        frozen(desk);
        ordered(desk, 1, |_| {})
    }),
    (
        "its provider's stake stands for three others",
        Refusal::Exposure,
        |genesis| stake(genesis, 4),
        |desk| {
            trusted(desk);
            (1..4).for_each(|lane| drop(open(desk, PROVIDER, lane)));
            ordered(desk, 4, |_| {})
        },
    ),
    (
        "it takes a nano-credit more than a quarter of its provider's stake",
        Refusal::Exposure,
        |genesis| stake(genesis, 4),
        |desk| {
            trusted(desk);
            open(desk, PROVIDER, 1);
            ordered(desk, 2, |order| (order.units_max, order.unit_price) = (1, Amount(1_045_000_001)))
        },
    ),
];

/// Whether a notary refuses an order for this reason, and not only a provider.
fn is_of_the_books(reason: Refusal) -> bool {
    match reason {
        Refusal::Busy | Refusal::Price | Refusal::ModelAbsent => false,
        Refusal::Class
        | Refusal::Limits
        | Refusal::Conflict
        | Refusal::Late
        | Refusal::Future
        | Refusal::SelfDealing
        | Refusal::Notary
        | Refusal::Nonce
        | Refusal::Frozen
        | Refusal::Newcomer
        | Refusal::Funds
        | Refusal::Total
        | Refusal::Dues
        | Refusal::Rate
        | Refusal::Settle
        | Refusal::Exposure
        | Refusal::Checkers
        | Refusal::Numbers
        | Refusal::Policy
        | Refusal::Full => true,
    }
}

/// Reasons of the books: [`Refusal::Full`] has a test of its own.
const REASONS: usize = 20;

fn usual(_: &mut Genesis) {}

/// Lets the provider have so many credits and a half at stake, and keeps them so.
fn stake(genesis: &mut Genesis, credits: u64) {
    genesis.money.autostake = Rate::ZERO;
    let provider = id::<Cheap>(PROVIDER);
    for founder in genesis.verifiers.iter_mut().filter(|founder| founder.peer == provider) {
        founder.stake = Amount(credits * 1_000_000_000 + 500_000_000);
    }
}

/// The usual order in this lane, but for a change.
fn ordered(desk: &Desk, lane: u16, change: impl FnOnce(&mut Order)) -> Fact {
    let mut order = desk.order(CLIENT, PROVIDER, lane, 0).0;
    change(&mut order);
    Fact::Open(desk.agreed(&order, Rate::ONE))
}

/// An order as it was shown, signed and agreed to by these.
fn agreement(desk: &Desk, order: &Order, by: [u64; 3], job: Digest) -> Fact {
    let [shown, signed, agreed] = by.map(id::<Cheap>);
    let accept = desk
        .say(agreed, Accept { job, class: order.class, rate_max: Rate::ONE, starts_in: Duration::default() });
    Fact::Open(desk.say(shown, Open { order: desk.say(signed, order.clone()), accept }))
}

/// One checked job lowers the provider's rate to a half.
fn trusted(desk: &mut Desk) {
    judged_in(desk, 0, &|_| truth(), true);
}

/// A jury is at work on a job of the provider, and its first juror has found against it.
fn frozen(desk: &mut Desk) {
    let job = open(desk, PROVIDER, 0);
    desk.run(&job, &honest());
    let lie = |_| Finding::Output(output(300, 0.5));
    while desk.job(job.id).is_some_and(|job| job.tally().against.draws == 0) {
        desk.judge_once(&job, &honest(), Conduct { finding: &lie, opens: true });
    }
    assert!(desk.job(job.id).is_some(), "one juror convicts nobody here");
}

fn check(about: &str, desk: &mut Desk, fact: Fact, reason: Refusal) {
    let before = state_of(&desk.ledger);
    let said = desk.enter(fact).map(drop);
    assert_eq!(said, Err(Rejection::Refused(reason)), "{about}");
    assert_eq!(state_of(&desk.ledger), before, "the books changed although {about}");
}

#[test]
fn an_order_with_one_wrong_term_is_refused_for_it_and_the_books_stay_as_they_were() {
    for (about, reason, change) in TERMS {
        let mut desk = Desk::new(|_| {});
        let fact = ordered(&desk, 0, change);
        check(about, &mut desk, fact, *reason);
    }
}

#[test]
fn an_order_that_the_books_do_not_allow_now_is_refused_for_it() {
    for (about, reason, change, arrange) in CASES {
        let mut desk = Desk::new(change);
        let fact = arrange(&mut desk);
        check(about, &mut desk, fact, *reason);
    }
}

#[test]
fn the_tables_name_every_reason_of_the_books() {
    let terms = TERMS.iter().map(|(_, reason, _)| *reason);
    let cases = CASES.iter().map(|(_, reason, _, _)| *reason);
    let named: std::collections::BTreeSet<Refusal> = terms.chain(cases).chain([Refusal::Full]).collect();
    assert!(named.iter().all(|reason| is_of_the_books(*reason)));
    assert_eq!(named.len(), REASONS);
}

#[test]
fn orders_with_the_least_that_is_enough_are_opened() {
    let terms: [Enough; 6] = [
        ("premium and one check are covered", |order| order.total_max = Amount(1_040_919_998)),
        ("the prepaid check is covered", |order| {
            (order.checks, order.total_max) = (1, Amount(1_040_919_998))
        }),
        ("the dues are covered", |order| {
            (order.units_max, order.unit_price, order.cancel_fee) = (1, Amount(45_079_999), Amount::ZERO);
            order.total_max = Amount(100_000_000);
        }),
        ("it may be opened in ten minutes", |order| order.open_by.0 += 570_000),
        ("it must be opened at once", |order| order.open_by.0 -= 30_000),
        ("its total is twice what it can come to", |order| order.total_max = Amount(2_081_839_996)),
    ];
    for (about, change) in terms {
        let mut desk = Desk::new(|_| {});
        let fact = ordered(&desk, 0, change);
        assert!(desk.enter(fact).is_ok(), "{about}");
    }
}

#[test]
fn an_order_that_was_opened_before_is_known_and_changes_nothing() {
    let mut desk = Desk::new(|_| {});
    let fact = ordered(&desk, 0, |_| {});
    desk.enter(fact.clone()).unwrap_or_else(|rejection| panic!("{rejection}"));
    for waited in [Duration(0), Duration::seconds(60)] {
        desk.wait(waited);
        let before = state_of(&desk.ledger);
        assert_eq!(desk.enter(fact.clone()).map(drop), Err(Rejection::Known));
        assert_eq!(state_of(&desk.ledger), before);
    }
}

#[test]
fn books_with_as_many_open_jobs_as_they_keep_refuse_another() {
    const JOBS_MAX: u64 = 300;
    let mut desk = Desk::new(|genesis| {
        genesis.money.jobs_max = JOBS_MAX;
        stake(genesis, 1_000_000_000);
    });
    let clients = JOBS_MAX.div_ceil(u64::from(LANES_MAX)) + 1;
    for client in (0..clients).map(|number| 1_000 + number) {
        desk.knows(client);
        let (serial, amount) = (client - 999, Amount::credits(1_000));
        let grant = Grant { notary: id::<Cheap>(NOTARY), account: id::<Cheap>(client), amount, serial };
        let grant = desk.say(id::<Cheap>(ISSUER), grant);
        desk.enter(Fact::Grant(grant)).unwrap_or_else(|rejection| panic!("{rejection}"));
    }
    let mut jobs = (0..clients).flat_map(|client| (0..LANES_MAX).map(move |lane| (1_000 + client, lane)));
    for (client, lane) in jobs.by_ref().take(JOBS_MAX as usize) {
        let order = desk.order(client, PROVIDER, lane, 0);
        desk.open(order).unwrap_or_else(|rejection| panic!("{rejection}"));
        desk.facts.clear();
    }
    let Some((client, lane)) = jobs.next() else { panic!("there are more lanes than jobs") };
    let order = desk.order(client, PROVIDER, lane, 0).0;
    let fact = Fact::Open(desk.agreed(&order, Rate::ONE));
    check("the books are full", &mut desk, fact, Refusal::Full);
}
