//! What a peer costs in each role, and what it costs to know others: `cargo bench -p assay-market`.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fs,
    hint::black_box,
    sync::LazyLock,
    time::{Duration, Instant},
};

use assay_market::{
    Book, Effect, Effects, Input, Moment, Node, Steady,
    matching::{Convicted, Criteria, OrderCost, Yardstick, rank},
    reliability::Reliability,
    submission::Submission,
};
use assay_protocol::{
    codec,
    genesis::Genesis,
    id::{Digest, NetworkId},
    message::Opened,
    notice::NoticeEvent,
    offer::{Bench, Offer, Reachability, Service},
    signed::{Signed, Signer, Verified},
    units::{self, Amount, Timestamp},
};
use divan::{Bencher, counter::ItemsCount};

use crate::{
    cheap::Cheap,
    day::market,
    office::{CLIENT, Key},
    town::{Chronicle, Heard, JOBS, Role},
};

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/cheap.rs"]
mod cheap;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/course.rs"]
mod course;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/day.rs"]
mod day;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/office.rs"]
mod office;
#[allow(dead_code, reason = "another bench uses the rest")]
#[path = "nodes/town.rs"]
mod town;

/// Offers that are remembered.
const OFFERS: u64 = 9_000;
/// How often the kinds of inputs are timed.
const RUNS: usize = 5;
/// Kinds of which there are fewer are left out.
const KIND_MIN: u32 = 50;
/// What an input is that is nothing but the time.
const ALARM: &str = "an alarm";
/// When they are heard.
const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// The roles, and all of them together.
const ROLES: [(&str, Option<Role>); 5] = [
    ("all", None),
    ("notary", Some(Role::Notary)),
    ("provider", Some(Role::Provider)),
    ("client", Some(Role::Client)),
    ("verifiers", Some(Role::Verifier)),
];

static TOWN: LazyLock<Chronicle> = LazyLock::new(Chronicle::of_a_town);

fn main() {
    print_bytes();
    print_roles();
    print_kinds();
    divan::main();
}

/// Gives every peer what it heard, again; says how many effects that had.
fn live(nodes: &mut [Node<Cheap>], heard: Vec<Heard>) -> usize {
    let (mut effects, mut count) = (Effects::new(), 0);
    for Heard { place, at, input } in heard {
        nodes[place].handle(input, moment(at), TOWN.book(), &mut effects);
        count += effects.len();
        black_box(&mut effects).clear();
    }
    count
}

#[divan::bench(args = ["all", "notary", "provider", "client", "verifiers"], sample_count = 10, sample_size = 1)]
fn handle(bencher: Bencher<'_, '_>, name: &str) {
    let (_, role) = ROLES.into_iter().find(|(known, _)| *known == name).unwrap_or(ROLES[0]);
    let counter = ItemsCount::new(TOWN.heard(role).len());
    bencher.counter(counter).with_inputs(|| (TOWN.nodes(), TOWN.heard(role))).bench_local_values(
        |(mut nodes, heard)| {
            live(&mut nodes, heard);
            nodes
        },
    );
}

/// A book that takes the offers of so many providers, takes them again, or has no room for more.
#[divan::bench(args = ["new", "renewed", "beyond room"], sample_count = 20, sample_size = 1)]
fn hear_offers(bencher: Bencher<'_, '_>, which: &str) {
    let genesis = market().genesis;
    let (before, heard) = match which {
        "new" => (offers(&genesis, 0..0, 1), offers(&genesis, 0..OFFERS, 1)),
        "renewed" => (offers(&genesis, 0..OFFERS, 1), offers(&genesis, 0..OFFERS, 2)),
        _ => (offers(&genesis, 0..OFFERS, 1), offers(&genesis, OFFERS..2 * OFFERS, 1)),
    };
    let inputs = || {
        let mut book = Book::default();
        hear(&mut book, before.clone());
        (book, heard.clone())
    };
    bencher.counter(ItemsCount::new(heard.len())).with_inputs(inputs).bench_local_values(
        |(mut book, heard)| {
            hear(&mut book, heard);
            book
        },
    );
}

#[divan::bench(args = [10, 100, 1_000], sample_count = 200)]
fn rank_offers(bencher: Bencher<'_, '_>, count: u64) {
    let genesis = market().genesis;
    let offers = offers(&genesis, 0..count, 1);
    let submission = submission(&genesis);
    let (excluded, resting, reliability) = (BTreeSet::new(), BTreeMap::new(), Reliability::default());
    let convicted = Convicted::default();
    let criteria = Criteria {
        submission: &submission,
        manifest: submission.manifest.digest(),
        client: Cheap::numbered(CLIENT).id(),
        excluded: &excluded,
        resting: &resting,
        attempt: 0,
        yardstick: Yardstick::default(),
        reliability: &reliability,
        convicted: &convicted,
        now: NOW,
    };
    let cost = |service: &Service| {
        Some(OrderCost { total: service.unit_price.times(submission.units_max)?, entry: Amount::credits(1) })
    };
    bencher
        .counter(ItemsCount::new(count))
        .bench_local(|| rank(black_box(&offers).iter(), &criteria, cost).chosen);
}

fn hear(book: &mut Book, offers: Vec<Verified<Offer>>) {
    for offer in offers {
        black_box(book.take(offer, NOW, |offer| u64::from(offer.signer().0[31] % 2)));
    }
}

/// Offers of strangers, at prices of their own: one in ten serves the network's model, the others each another one.
fn offers(genesis: &Genesis, numbers: std::ops::Range<u64>, sequence: u64) -> Vec<Verified<Offer>> {
    let (network, model) = (genesis.id(), genesis.manifests[0].digest());
    let manifest = |number: u64| {
        let other = codec::digest("model", &(number / 100));
        if numbers.end <= 1_000 || number.is_multiple_of(10) { model } else { other }
    };
    numbers.clone().map(|number| offer(network, number, sequence, manifest(number))).collect()
}

fn offer(network: NetworkId, number: u64, sequence: u64, manifest: Digest) -> Verified<Offer> {
    let price = Amount(200_000_000 + number * 7_919 % 50_000_000);
    let service = Service {
        manifest,
        name: "numbers".to_owned(),
        unit_price: price,
        run: units::Duration(100 + number % 50),
        warm: number.is_multiple_of(2),
    };
    let offer = Offer {
        sequence,
        valid_until: NOW.after(units::Duration::seconds(900)),
        benches: vec![Bench {
            class: codec::digest("class", &(number % 7)),
            machine: "a machine with sixteen cores".to_owned(),
            device: String::new(),
            memory_free: 1 << 30,
            slots: 4,
            services: vec![service],
        }],
        notaries: vec![Cheap::numbered(1).id()],
        addresses: vec![format!("/ip4/10.0.{}.{}/tcp/4001", number / 256 % 256, number % 256)],
        reachability: Reachability::Unknown,
        standing: None,
    };
    Signed::seal(offer, &Cheap::numbered(100_000 + number), network)
}

fn submission(genesis: &Genesis) -> Submission {
    Submission {
        key: codec::digest("wish", &0_u64),
        content: Digest::default(),
        manifest: genesis.manifests[0].clone(),
        input_commit: Digest::default(),
        input_bytes: 1,
        units_max: 4,
        work_max: 8,
        run_max: units::Duration::seconds(1),
        checks: 0,
        unchecked_ok: false,
        cost_max: Amount::credits(10),
        unit_price_max: Amount::credits(1),
        provider: None,
        ignored: Vec::new(),
        returns_to: None,
        attempts_max: 3,
        cancel_fee: Amount::ZERO,
        until: None,
    }
}

/// How much each role hears and does for so many jobs; the same again, or the benches measure something else.
#[allow(clippy::print_stdout, reason = "a table beside the figures of the benches")]
fn print_roles() {
    for (name, role) in ROLES {
        let heard = TOWN.heard(role);
        let (inputs, effects) = (heard.len(), live(&mut TOWN.nodes(), heard));
        assert_eq!(effects, TOWN.effects(role), "what is heard again has other effects");
        println!("{name:12} {inputs:6} inputs, {effects:6} effects, {JOBS} jobs");
    }
}

/// Where the time goes: what an input of each kind takes in each role, at the best of a few times, the dearest together first.
/// What looking at the clock takes is in it, twenty to fifty nanoseconds of each.
#[allow(clippy::print_stdout, reason = "a table beside the figures of the benches")]
fn print_kinds() {
    let mut rows: Vec<(&str, &str, u32, Duration)> = Vec::new();
    for (name, role) in &ROLES[1..] {
        let mut kinds: BTreeMap<&str, (u32, Duration)> = BTreeMap::new();
        for run in 0..RUNS {
            for (kind, (count, time)) in timed(*role) {
                let best = kinds.entry(kind).or_insert((count, time));
                *best = if run == 0 { (count, time) } else { (*best).min((count, time)) };
            }
        }
        rows.extend(kinds.into_iter().map(|(kind, (count, time))| (*name, kind, count, time)));
    }
    let all: Duration = rows.iter().map(|(.., time)| *time).sum();
    let inputs: u32 = rows.iter().map(|(_, _, count, _)| *count).sum();
    rows.sort_by_key(|(.., time)| Reverse(*time));
    rows.retain(|(_, _, count, _)| *count >= KIND_MIN);
    for (name, kind, count, time) in rows.into_iter().chain([("all", "", inputs, all)]) {
        let each = time.as_secs_f64() * 1e9 / f64::from(count);
        let share = 100.0 * time.as_secs_f64() / all.as_secs_f64();
        println!("{name:12} {kind:28} {count:6} inputs, {each:7.0} ns each, {share:5.1} % of all");
    }
}

/// A time by both clocks.
fn moment(at: Timestamp) -> Moment {
    Moment { steady: Steady(at.0), wall: at }
}

/// How many inputs of each kind there are, and how long they take together.
fn timed(role: Option<Role>) -> BTreeMap<&'static str, (u32, Duration)> {
    let (mut nodes, mut effects, mut kinds) = (TOWN.nodes(), Effects::new(), BTreeMap::new());
    for Heard { place, at, input } in TOWN.heard(role) {
        let kind = kind(&input);
        let begin = Instant::now();
        nodes[place].handle(input, moment(at), TOWN.book(), &mut effects);
        let closes = effects.iter().any(|effect| matches!(effect, Effect::File { .. }));
        black_box(&mut effects).clear();
        let took = begin.elapsed();
        let kind = if closes && kind == ALARM { "an alarm that closes jobs" } else { kind };
        let (count, time): &mut (u32, Duration) = kinds.entry(kind).or_default();
        (*count, *time) = (*count + 1, *time + took);
    }
    kinds
}

fn kind(input: &Input) -> &'static str {
    match input {
        Input::Message(Opened::Notice(notice)) if matches!(notice.event, NoticeEvent::Closed { .. }) => {
            "Notice of a close"
        }
        Input::Message(message) => message.kind(),
        Input::Command(_) => "a command",
        Input::Offered { .. } => "an offer",
        Input::Undelivered { .. } => "not delivered",
        Input::Connection { .. } => "a connection",
        Input::Fetched { .. } => "a blob",
        Input::Collected { .. } => "a receipt",
        Input::Ran { .. } => "a run's end",
        Input::Streamed { .. } => "what was streamed",
        Input::Shown { .. } => "records",
        Input::Recalled { .. } => "what was long closed",
        Input::Sensed(_) => "a look at the machine",
        Input::Wake => ALARM,
    }
}

/// The bytes that a book occupies for each offer.
#[allow(clippy::print_stdout, reason = "a table beside the figures of the benches")]
fn print_bytes() {
    let genesis = market().genesis;
    let mut book = Book::default();
    let before = resident();
    for number in 0..OFFERS {
        hear(&mut book, offers(&genesis, number..number + 1, 1));
    }
    println!("bytes of an offer in the book: {}", resident().saturating_sub(before) / OFFERS);
    assert_eq!(book.len() as u64, OFFERS, "not all offers are remembered");
}

/// Bytes of memory that this process occupies.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1_024
}
