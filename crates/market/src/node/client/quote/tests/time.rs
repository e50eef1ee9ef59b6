//! How long orders let a run take, and how long and how much money is held with that.

use assay_protocol::{
    deadline,
    genesis::{Money, Timers},
    manifest::{Manifest, Meter, Policy, TokenWeights, WorkPerMeter},
    offer::Offer,
    order::{Failure, Refuse},
    place,
    standing::PeerStanding,
    units::{Units, Work},
};

use super::*;

/// A client that knows offers of these: each says how long a typical run takes, and shows what it has at stake.
fn knowing(runs: &[(u64, Duration, Option<Amount>)]) -> Buyer {
    let mut buyer = client([]);
    for (number, run, stake) in runs {
        let mut offer = offer(*number, micros(100));
        offer.benches[0].services[0].run = *run;
        offer.standing = stake.map(|stake| standing_with(*number, stake));
        buyer.book.take(signed(*number, offer), NOW, |_| 0);
    }
    buyer
}

/// What the notary says of a peer that has so much at stake.
fn standing_with(number: u64, stake: Amount) -> Signed<PeerStanding> {
    let standing = PeerStanding {
        peer: peer(number),
        epoch: 0,
        stake,
        exposed: Amount::ZERO,
        passed: Vec::new(),
        unclaimed: 0,
        convictions: 0,
        convicted_on: 0,
        means: 0,
    };
    Signed::seal(standing, &Key(peer(NOTARY)), genesis().id()).into_signed()
}

/// The longest run of what is ordered of the first provider.
fn longest(buyer: &mut Buyer, wish: Submission) -> Duration {
    taken(buyer, Submission { provider: Some(peer(FIRST)), ..wish }).order.run_max
}

#[test]
fn an_order_asks_for_the_time_that_its_run_takes_and_not_for_all_that_its_user_allows() {
    let of = |run: u64, wish: Submission| longest(&mut knowing(&[(FIRST, Duration(run), None)]), wish);
    assert_eq!(of(20, submission(1)), Duration(5_000 + 1_200), "ten calls of 20 ms, six times over");
    assert_eq!(of(200, submission(1)), Duration(5_000 + 12_000), "a slow offer is given more");
    assert_eq!(of(2_000, submission(1)), Duration::seconds(60), "and no more than its user allows");
    assert_eq!(of(0, submission(1)), Duration::seconds(60), "who says nothing has all of it");
    let hasty = Submission { run_max: Duration(1_200), ..submission(1) };
    assert_eq!(of(20, hasty), Duration(1_200));
    let patient = Submission { run_max: Duration::seconds(3_600), ..submission(1) };
    let allowed = Duration::seconds(60).plus(Duration(100));
    assert_eq!(of(20_000, patient), allowed, "nor than its network does");
}

/// What is waited for goes with the longest run: the same order took seven times as long before.
#[test]
fn a_short_order_is_settled_in_the_time_of_a_short_run() {
    let mut buyer = knowing(&[(FIRST, Duration(20), None)]);
    let order = taken(&mut buyer, submission(1)).order;
    let settle = |run_max| deadline::settle(&genesis(), &Order { run_max, ..order.clone() });
    // Three runs and 4 s for the claim; 3 s to reveal and two ticks, twice; four checks of three runs and 4 s; 3 s to open.
    assert_eq!(
        settle(order.run_max),
        Duration(3 * 6_200 + 4_000 + 2 * 4_000 + 4 * (3 * 6_200 + 4_000) + 3_000)
    );
    assert!(settle(submission(1).run_max) > settle(order.run_max).times(7));
}

#[test]
fn who_may_check_it_is_given_time_as_well_and_who_has_nothing_at_stake_makes_no_order_longer() {
    let least = genesis().stake_least(1_000);
    let less = Amount(least.0 - 1);
    for (stake, expected) in [(Some(least), 5_000 + 30_000), (Some(less), 6_200), (None, 6_200)] {
        let mut buyer = knowing(&[(FIRST, Duration(20), None), (FIRST + 1, Duration(1_000), stake)]);
        assert_eq!(longest(&mut buyer, submission(1)), Duration(expected), "{stake:?}");
    }
}

#[test]
fn where_there_was_too_little_time_the_next_order_gives_all_that_there_is() {
    for (reason, expected) in [(Failure::Overdue, 60_000), (Failure::Machine, 6_200)] {
        let mut buyer = knowing(&[(FIRST, Duration(20), None)]);
        let job = ticketed(&mut buyer, 1, |_| {}, standing(0, Amount::ZERO)).id();
        buyer.node.fold(&Record::Client(ClientRecord::Failed { job, reason }.into()));
        let quoted = buyer.quote(&submission(1), NOW).chosen.map(|chosen| chosen.order.run_max);
        assert_eq!(quoted, Some(Duration(expected)), "{reason}");
        let later = NOW.after(Duration::seconds(3_600));
        let mut renewed =
            Offer { sequence: 2, valid_until: later.after(Duration(1)), ..offer(FIRST, micros(100)) };
        renewed.benches[0].services[0].run = Duration(20);
        buyer.book.take(signed(FIRST, renewed), later, |_| 0);
        let later = buyer.quote(&submission(2), later).chosen;
        assert_eq!(later.map(|chosen| chosen.order.run_max), Some(Duration(6_200)), "an hour later");
    }
}

#[test]
fn a_place_is_paid_in_advance_for_the_hours_of_the_run_and_not_of_all_that_is_allowed() {
    let mut genesis = genesis();
    genesis.money.place_hour = Amount(1_600);
    let mut buyer = Buyer::new(genesis.clone(), [(FIRST, micros(100))]);
    buyer.handle(Input::Message(Opened::Account(account())), NOW);
    // 100 s by the estimate, so that 17 minutes are allowed, and a typical run takes a tenth of a second.
    let wish = Submission { work_max: 100_000, run_max: Duration::seconds(1_000), ..submission(1) };
    let order = taken(&mut buyer, wish.clone()).order;
    let brief = Submission { key: submission(2).key, run_max: order.run_max, ..wish };
    assert_eq!(order.run_max, Duration(5_000 + 6_000));
    assert_eq!(taken(&mut buyer, brief).order.total_max, order.total_max);
    let longest = Order { run_max: Duration::seconds(1_000), ..order.clone() };
    let reserved = |order| place::reserved(&genesis, order, Amount(1));
    assert_eq!([reserved(&order), reserved(&longest)], [1, 5].map(|hours| Some(Amount(hours))));
}

/// A text in tokens of a model that is so many times as large as `sums`.
fn text(times: u64, units_most: Units, memory_bytes: u64) -> Manifest {
    Manifest {
        policy: Policy::Replay,
        meter: Meter::Tokens(TokenWeights { read: 1, written: 4 }),
        work: WorkPerMeter { token_read: times, token_written: 4 * times, ..WorkPerMeter::default() },
        work_most: units_most * times,
        memory_bytes,
        ..crate::fixture::manifest()
    }
}

/// The numbers of a network of a few, in which the heaviest check of all earns this.
fn few(timers: Timers, heaviest_check: u64, heaviest: Work) -> Genesis {
    let per_work = Amount(heaviest_check / heaviest);
    let money = Money { per_work, place_hour: Amount::ZERO, ..Money::default() };
    Genesis { timers, money, ..genesis() }
}

/// What a job of these comes to, where its user allows 30 s: the longest run in milliseconds, and from the draw to the payment
/// in seconds, before that followed the job and now; what is held beside its price, and the price, in micro-credits.
fn course(
    genesis: &Genesis,
    manifest: &Manifest,
    (units_max, work_max): (Units, Work),
    run: u64,
) -> [u64; 5] {
    let mut buyer = Buyer::new(genesis.clone(), []);
    buyer.handle(Input::Message(Opened::Account(account())), NOW);
    let mut offer = offer(FIRST, Amount(1_000_000));
    let service = &mut offer.benches[0].services[0];
    (service.run, service.manifest) = (Duration(run), manifest.digest());
    buyer.book.take(signed(FIRST, offer), NOW, |_| 0);
    let wish =
        Submission { units_max, work_max, input_bytes: 40, run_max: Duration::seconds(30), ..submission(1) };
    let wish = Submission { manifest: manifest.clone(), ..wish };
    let Some(Chosen { order, .. }) = buyer.quote(&wish, NOW).chosen else { panic!("nobody fits") };
    let window = |run_max| deadline::window(genesis, &Order { run_max, ..order.clone() }).0 / 1_000;
    let price = order.price().unwrap_or_default();
    let beside = order.total_max.minus_up_to(price);
    [order.run_max.0, window(wish.run_max), window(order.run_max), beside.0 / 1_000, price.0 / 1_000]
}

/// The figures of decision 092, of networks as `assay devnet up --model` and `assay network new --model` found them.
#[test]
fn what_is_held_is_the_price_of_the_longest_answer_and_for_how_long_goes_with_the_run() {
    let sums = text(1, 640, 64 << 20);
    let small = text(54, 8_192, (1 << 30) + 3 * 98_000_000);
    let work = WorkPerMeter { call: 8, ..WorkPerMeter::default() };
    let digits = Manifest { work, work_most: 512, memory_bytes: 64 << 20, ..crate::fixture::manifest() };
    let devnet = few(Timers { seal: Duration::seconds(3), ..Timers::brisk() }, 160_000_000, small.work_most);
    let founded =
        few(Timers { window: Duration::seconds(300), ..Timers::default() }, 40_000_000, small.work_most);
    let strangers = Genesis { timers: Timers::default(), money: Money::default(), ..genesis() };
    let answer = (1_064, 1_064 * 54);
    let jobs = [(&sums, (87, 87), 24), (&small, answer, 600), (&small, answer, 100), (&digits, (1, 8), 7)];
    let of = |genesis| jobs.map(|(manifest, most, run)| course(genesis, manifest, most, run));
    let (sum, slow, quick, picture) = (5_273, 19_579, 9_601, 5_171);
    let on_a_devnet = [
        [sum, 379, 82, 63, 87_000],
        [slow, 379, 253, 42_022, 1_064_000],
        [quick, 379, 134, 42_022, 1_064_000],
        [picture, 379, 81, 5, 1_000],
    ];
    let among_friends = [
        [sum, 650, 353, 15, 87_000],
        [slow, 650, 524, 10_476, 1_064_000],
        [quick, 650, 405, 10_476, 1_064_000],
        [picture, 650, 352, 1, 1_000],
    ];
    let among_strangers = [
        [sum, 650, 600, 188, 87_000],
        [slow, 650, 600, 116_418, 1_064_000],
        [quick, 650, 600, 116_418, 1_064_000],
        [picture, 650, 600, 28, 1_000],
    ];
    assert_eq!([of(&devnet), of(&founded), of(&strangers)], [on_a_devnet, among_friends, among_strangers]);
}

#[test]
fn a_provider_that_refuses_for_its_limits_leaves_the_next_all_the_time() {
    let mut buyer = knowing(&[(FIRST, Duration(20), None), (FIRST + 1, Duration(20), None)]);
    let first = proposed(&buyer.handle(Input::Command(Command::Submit(submission(1))), NOW));
    let first = first.expect("somebody is asked");
    let refuse = Refuse { job: first.id(), reason: Refusal::Limits };
    let refuse = Signed::seal(refuse, &Key(first.provider), genesis().id());
    let next = proposed(&buyer.handle(Input::Message(Opened::Refuse(refuse)), NOW));
    let next = next.expect("the other is asked");
    assert_ne!(next.provider, first.provider);
    assert_eq!([first.run_max, next.run_max], [Duration(6_200), Duration::seconds(60)]);
}
