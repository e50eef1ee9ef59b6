//! What the books cost: `cargo bench -p assay-market`.

use std::{collections::BTreeMap, fs, hint::black_box, ops::Range, time::Instant};

use assay_market::ledger::{LANES_MAX, Ledger};
use assay_protocol::{
    account::Grant,
    journal::Fact,
    order::{Abort, Failure},
    receipt::Happening,
    units::{Amount, Duration},
};
use divan::{Bencher, counter::ItemsCount};

use crate::{
    cheap::Cheap,
    day::{JOBS, market, serve},
    office::{CLIENT, ISSUER, NOTARY, Office, PROVIDER, id},
};

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/cheap.rs"]
mod cheap;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/course.rs"]
mod course;
#[path = "../tests/it/day.rs"]
mod day;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/office.rs"]
mod office;

/// Days before the measured one, so that trust is as it is in the long run.
const DAYS_BEFORE: u64 = 20;
/// Measured days.
const DAYS: u64 = 20;
/// Jobs whose bytes are counted.
const COUNTED: u64 = 20_000;
/// Lanes of one client.
const LANES: u64 = LANES_MAX as u64;

fn main() {
    print_bytes();
    print_kinds();
    divan::main();
}

/// Books with a past, and the facts of the days that follow.
fn days() -> (Ledger, Vec<Fact>) {
    let mut office = market();
    (0..DAYS_BEFORE).for_each(|day| serve(&mut office, day));
    office.facts.clear();
    let before = office.ledger.clone();
    (0..DAYS).for_each(|day| serve(&mut office, DAYS_BEFORE + day));
    (before, office.facts)
}

#[divan::bench(sample_count = 20)]
fn take_facts(bencher: Bencher<'_, '_>) {
    let (before, facts) = days();
    bencher.counter(ItemsCount::new(facts.len())).with_inputs(|| before.clone()).bench_values(
        |mut ledger| {
            for fact in &facts {
                black_box(ledger.apply(fact)).unwrap_or_else(|rejection| panic!("{rejection}"));
            }
            ledger
        },
    );
}

/// A tick while this many jobs are open of which it moves none.
#[divan::bench(args = [0, 1_000, 10_000], sample_count = 50)]
fn tick(bencher: Bencher<'_, '_>, jobs: u64) {
    let mut office = busy(jobs);
    office.tick();
    let tick = Fact::Tick(office.next_tick(office.genesis.timers.tick));
    bencher.with_inputs(|| office.ledger.clone()).bench_values(|mut ledger| {
        black_box(ledger.apply(&tick)).unwrap_or_else(|rejection| panic!("{rejection}"));
        ledger
    });
}

/// Books with so many open jobs, each of which lasts.
fn busy(jobs: u64) -> Office<Cheap> {
    let mut office = Office::<Cheap>::new(|genesis| {
        genesis.timers.settle_max = Duration::seconds(3_600);
        let provider = genesis.verifiers.iter_mut().find(|founder| founder.peer == id::<Cheap>(PROVIDER));
        provider.into_iter().for_each(|founder| founder.stake = Amount::credits(1_000_000));
    });
    for number in 0..jobs {
        let (client, lane) = (1_000 + number / LANES, u16::try_from(number % LANES).unwrap_or_default());
        if lane == 0 {
            endow(&mut office, client);
        }
        let mut order = office.order(client, PROVIDER, lane, 0);
        order.0.run_max = Duration::seconds(60);
        office.open(order).unwrap_or_else(|rejection| panic!("{rejection}"));
        office.facts.clear();
    }
    office
}

fn endow(office: &mut Office<Cheap>, client: u64) {
    office.knows(client);
    let (notary, account) = (id::<Cheap>(NOTARY), id::<Cheap>(client));
    let grant = Grant { notary, account, amount: Amount::credits(100_000), serial: client - 999 };
    let grant = office.say(id::<Cheap>(ISSUER), grant);
    office.enter(Fact::Grant(grant)).unwrap_or_else(|rejection| panic!("{rejection}"));
}

/// Where the time goes: what a fact of each kind takes on the measured days. What looking at the clock takes is in it, twenty to
/// fifty nanoseconds of each.
#[allow(clippy::print_stdout, reason = "a table beside the figures of the benches")]
fn print_kinds() {
    let (mut ledger, facts) = days();
    let mut kinds: BTreeMap<&str, (u64, u128)> = BTreeMap::new();
    for fact in &facts {
        let begin = Instant::now();
        let closed = ledger.apply(fact).unwrap_or_else(|rejection| panic!("{rejection}"));
        let kind = kinds.entry(kind(fact, !closed.news.is_empty())).or_default();
        *kind = (kind.0 + 1, kind.1 + begin.elapsed().as_nanos());
    }
    let all: u128 = kinds.values().map(|(_, nanos)| *nanos).sum();
    for (kind, (count, nanos)) in kinds.into_iter().chain([("all", (facts.len() as u64, all))]) {
        let (each, share) = (nanos as f64 / count as f64, 100.0 * nanos as f64 / all as f64);
        println!("{kind:24} {count:6} facts, {each:7.0} ns each, {share:5.1} % of all");
    }
    println!("{:24} {:6} jobs in {} facts", "", DAYS * u64::from(JOBS), facts.len());
}

fn kind(fact: &Fact, moves: bool) -> &'static str {
    match fact {
        Fact::Tick(_) if moves => "a tick that moves jobs",
        Fact::Tick(_) => "another tick",
        Fact::Open(_) => "an order",
        Fact::Job(Happening::Claim { .. }) => "a claim",
        Fact::Job(Happening::Reveal(_)) => "a reveal",
        Fact::Job(Happening::Seal(_)) => "a seal",
        Fact::Job(Happening::OpenClaim { .. }) => "an opening by a provider",
        Fact::Job(Happening::OpenSeal(_)) => "an opening by a verifier",
        Fact::Job(_) => "another step",
        Fact::Query(_) | Fact::Stake(_) | Fact::Unstake(_) | Fact::Register(_) | Fact::Grant(_) => {
            "an instruction"
        }
    }
}

/// The bytes that are left of a closed job, and those that an open one takes as it is opened.
#[allow(clippy::print_stdout, reason = "a table beside the figures of the benches")]
fn print_bytes() {
    // Closed first: what open jobs have occupied and freed again would be taken for these.
    let mut office = market();
    close(&mut office, 0..50);
    let before = resident();
    close(&mut office, 50..50 + COUNTED);
    println!("bytes of a closed job: {}", resident().saturating_sub(before) / COUNTED);
    let before = resident();
    let busy = busy(COUNTED);
    println!("bytes of an open job: {}", resident().saturating_sub(before) / COUNTED);
    drop(busy);
}

/// Opens jobs and lets their provider give them up.
fn close(office: &mut Office<Cheap>, jobs: Range<u64>) {
    for nonce in jobs {
        let order = office.order(CLIENT, PROVIDER, 0, nonce);
        let job = office.open(order).unwrap_or_else(|rejection| panic!("{rejection}"));
        let abort = Abort { job: job.id, ticket: job.ticket.digest(), reason: Failure::Machine };
        let abort = office.say(job.order.provider, abort);
        let step = office.step(Happening::Abort(abort));
        step.unwrap_or_else(|rejection| panic!("{rejection}"));
        office.facts.clear();
        office.closed.clear();
        if nonce % 50 == 0 {
            office.tick();
        }
    }
}

/// Bytes of memory that this process occupies.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1_024
}
