//! That a quote is what a submission then does, and that it says whose word it rests on.

mod time;

use alloc::vec::Vec;

use assay_protocol::{
    genesis::Genesis,
    message::{Message, Opened},
    notice::{Account, Head},
    order::{Accept, Open},
    signed::{Signed, Verified},
    ticket::Standing,
    units::{Amount, Duration, Rate, Timestamp},
};

use super::*;
use crate::{
    Book, Command, Effect, Input, Moment, Node, Record, Steady,
    effect::Effects,
    fixture::{Key, NOW, genesis, offer, peer, signed, standing, submission},
    ledger::LANES_MAX,
    matching::Reason,
    node::Config,
    record::ClientRecord,
};

const CLIENT: u64 = 1;
const NOTARY: u64 = 3;
const FREE: Amount = Amount::credits(7);
/// What the providers ask, in micro-credits: some within five per cent of the cheapest, some beyond, one twice.
const PRICES: [u64; 8] = [100, 101, 102, 103, 103, 110, 150, 400];
/// The number of the first of them.
const FIRST: u64 = 10;

fn micros(count: u64) -> Amount {
    Amount(count * 1_000)
}

fn account() -> Verified<Account> {
    let account = Account {
        sequence: 1,
        free: FREE,
        stake: Amount::ZERO,
        unbonding: Amount::ZERO,
        forfeited: Amount::ZERO,
        instruction: 0,
        held: Amount::ZERO,
        owed: Amount::ZERO,
        fee_margin: Rate::ZERO,
        suspended: 0,
        open: 0,
        head: Head { sequence: 1, digest: Digest::default() },
    };
    Signed::seal(account, &Key(peer(NOTARY)), genesis().id())
}

/// A time by both clocks.
fn moment(now: Timestamp) -> Moment {
    Moment { steady: Steady(now.0), wall: now }
}

/// A client with the offers it has heard of.
struct Buyer {
    node: Node<Key>,
    book: Book,
}

impl Buyer {
    /// One that knows these rules and offers, and nobody yet.
    fn new(genesis: Genesis, offers: impl IntoIterator<Item = (u64, Amount)>) -> Self {
        let mut book = Book::default();
        for (number, price) in offers {
            book.take(signed(number, offer(number, price)), NOW, |_| 0);
        }
        Self { node: Node::new(Key(peer(CLIENT)), Config::new(genesis), [7; 32]), book }
    }

    fn handle(&mut self, input: Input, now: Timestamp) -> Effects {
        let mut out = Effects::new();
        self.node.handle(input, moment(now), &self.book, &mut out);
        out
    }

    fn quote(&self, submission: &Submission, now: Timestamp) -> Quote {
        self.node.quote(submission, moment(now), &self.book)
    }
}

/// A client that knows its account and these offers.
fn client(offers: impl IntoIterator<Item = (u64, Amount)>) -> Buyer {
    let mut buyer = Buyer::new(genesis(), offers);
    buyer.handle(Input::Message(Opened::Account(account())), NOW);
    buyer
}

fn market() -> Buyer {
    client((FIRST..).zip(PRICES.map(micros)))
}

fn proposed(out: &Effects) -> Option<Order> {
    out.iter().find_map(|effect| {
        let Effect::Send { message: Message::Propose(propose), .. } = effect else { return None };
        Some(propose.said().order.said().clone())
    })
}

/// Quotes a submission, makes it, and demands that it does what was quoted.
fn check(node: &mut Buyer, submission: Submission) -> Quote {
    let (key, now) = (submission.key, NOW.after(Duration(50)));
    let quote = node.quote(&submission, now);
    let out = node.handle(Input::Command(Command::Submit(submission)), now);
    let ordered = proposed(&out).map(|order| Order { secret_commit: Digest::default(), ..order });
    assert_eq!(quote.chosen.as_ref().map(|chosen| &chosen.order), ordered.as_ref());
    assert_eq!(Some(&quote.passed), node.node.passed_over(key));
    quote
}

/// The quote of a submission that somebody takes, and the provider in it.
fn taken(node: &mut Buyer, submission: Submission) -> Chosen {
    check(node, submission).chosen.expect("somebody fits")
}

#[test]
fn a_submission_proposes_what_its_quote_said() {
    let mut node = market();
    let mut chosen: BTreeMap<u64, u64> = BTreeMap::new();
    for number in 0..60 {
        let found = taken(&mut node, submission(number));
        assert_eq!(found.order.price(), found.order.unit_price.times(10));
        *chosen.entry(found.order.unit_price.0 / 1_000).or_default() += 1;
    }
    // A lot decides among those that are nearly as good, and nobody else is taken.
    assert!(chosen.len() > 2 && chosen.keys().all(|price| *price < 110), "{chosen:?}");
}

#[test]
fn a_quote_keeps_to_the_ceilings_of_its_submission() {
    let mut node = market();
    let named = Submission { provider: Some(peer(FIRST + 7)), ..submission(0) };
    assert_eq!(taken(&mut node, named).order.unit_price, micros(400));
    let cheap = Submission { unit_price_max: micros(100), ..submission(1) };
    let quote = check(&mut node, cheap);
    assert_eq!(quote.chosen.map(|chosen| chosen.order.unit_price), Some(micros(100)));
    assert_eq!((quote.passed.counts.offers, quote.passed.counts.price), (8, 7));
    let asked = |passed: &Passed| match passed.offers.first().map(|passed| passed.reason) {
        Some(Reason::Price { asked }) => Some(asked),
        _ => None,
    };
    assert!(asked(&quote.passed) > Some(micros(100)));
    let more = Submission { units_max: 40, checks: 2, ..submission(2) };
    assert_eq!(taken(&mut node, more).explanation.cost.prepaid, Amount(30_000));
}

#[test]
fn where_nobody_matches_a_quote_says_what_the_submission_finds() {
    let mut node = market();
    let poor = Submission { cost_max: micros(1), ..submission(0) };
    let quote = check(&mut node, poor);
    assert_eq!((quote.chosen, quote.passed.counts.cost), (None, 8));
    let elsewhere = Submission { provider: Some(peer(99)), ..submission(1) };
    assert_eq!(check(&mut node, elsewhere).passed.counts.other_provider, 8);
    assert_eq!(check(&mut client([]), submission(2)).passed.counts.offers, 0);
    let alone = Genesis { notaries: Vec::new(), ..genesis() };
    let node = Buyer::new(alone, []);
    let quote = node.quote(&submission(3), NOW);
    assert_eq!((quote.chosen, quote.passed.counts.refusal), (None, Some(Refusal::Notary)));
}

#[test]
fn of_a_stranger_the_most_that_the_client_could_put_up_is_quoted() {
    let mut node = market();
    let found = taken(&mut node, submission(0));
    assert_eq!(found.basis, Basis::Newcomer);
    assert_eq!(found.explanation.cost.total, found.order.total_max);
    assert!(found.explanation.newcomer.is_some());
    assert_eq!(check(&mut node, submission(1)).free, Some(FREE));
}

#[test]
fn a_quote_needs_no_lane() {
    let mut node = market();
    for number in 0..=u64::from(LANES_MAX) {
        node.handle(Input::Command(Command::Submit(submission(number))), NOW);
    }
    assert!(node.node.roles.client.free_lane(peer(NOTARY)).is_none());
    assert!(node.quote(&submission(u64::from(LANES_MAX) + 1), NOW).chosen.is_some());
}

/// Gives the client a ticket for an order of its own, and returns what it is about.
fn ticketed(node: &mut Buyer, number: u64, change: impl FnOnce(&mut Order), standing: Standing) -> Order {
    let key = submission(number).key;
    let mut order = Order { nonce: number, ..crate::fixture::order(micros(100)) };
    (order.provider, order.units_max) = (peer(FIRST), 10);
    change(&mut order);
    let ticket = Ticket::new(&genesis(), &order, standing);
    let sign = |number| Key(peer(number));
    let accept =
        Accept { job: order.id(), class: order.class, rate_max: Rate::ONE, starts_in: Duration::default() };
    let open = Open {
        order: Signed::seal(order.clone(), &sign(CLIENT), genesis().id()).into_signed(),
        accept: Signed::seal(accept, &sign(FIRST), genesis().id()).into_signed(),
    };
    let records = [
        ClientRecord::Submitted(submission(number)),
        ClientRecord::Ordered {
            key,
            order: Signed::seal(order.clone(), &sign(CLIENT), genesis().id()).into(),
            secret: Digest::default(),
        },
        ClientRecord::Agreed { open: Signed::seal(open, &sign(CLIENT), genesis().id()).into() },
        ClientRecord::Ticketed(Signed::seal(ticket, &sign(NOTARY), genesis().id()).into()),
    ];
    records.into_iter().for_each(|record| node.node.fold(&Record::Client(record.into())));
    order
}

#[test]
fn a_provider_counts_as_its_notary_last_said() {
    let mut node = market();
    let at = |position, passed| Standing { position, ..standing(passed, Amount::credits(10_000)) };
    let wish = Submission { provider: Some(peer(FIRST)), ..submission(100) };
    let last = ticketed(&mut node, 1, |_| {}, at(9, 1_000));
    ticketed(&mut node, 2, |_| {}, at(5, 3));
    // Of others, of another model, on another class, by another notary: later, and beside the point.
    ticketed(&mut node, 3, |order| order.provider = peer(FIRST + 1), at(20, 0));
    ticketed(&mut node, 4, |order| order.manifest.model = Digest::of(b"other"), at(21, 0));
    ticketed(&mut node, 5, |order| order.class = Digest::of(b"other"), at(22, 0));
    ticketed(&mut node, 6, |order| order.notary = peer(8), at(23, 0));
    let found = node.quote(&wish, NOW).chosen.expect("it fits");
    assert_eq!(found.basis, Basis::Ticket { job: last.id(), opened: NOW, position: 9 });
    assert_eq!(found.explanation.rate, genesis().checks.base);
    let explained = policy::explain(&genesis(), &found.order, at(9, 1_000), &CHEAT_SHARES);
    assert_eq!(Some(&found.explanation), explained.as_ref());
    let stranger = Submission { provider: Some(peer(FIRST + 2)), ..submission(101) };
    assert_eq!(node.quote(&stranger, NOW).chosen.map(|chosen| chosen.basis), Some(Basis::Newcomer));
}

#[test]
fn the_grounds_of_a_job_are_those_of_its_ticket_and_of_its_choice() {
    let mut node = market();
    assert_eq!(node.node.grounds(submission(0).key), None);
    let quote = check(&mut node, submission(0));
    let grounds = node.node.grounds(submission(0).key).expect("it was just submitted");
    assert_eq!(grounds.passed, Some(quote.passed));
    assert_eq!(
        (grounds.orders.len(), grounds.orders[0].standing, &grounds.orders[0].explanation),
        (1, None, &None)
    );
    let stood = standing(1_000, Amount::credits(10_000));
    let order = ticketed(&mut node, 1, |_| {}, stood);
    let grounds = node.node.grounds(submission(1).key).expect("it is under way");
    assert_eq!(grounds.passed, None, "after a restart nobody knows");
    let explanation = policy::explain(&genesis(), &order, stood, &CHEAT_SHARES);
    assert_eq!(grounds.orders, [OrderGrounds { job: order.id(), order, standing: Some(stood), explanation }]);
}
