//! What a peer keeps of many closed jobs, and how soon its brain is there again after the process was killed.
//!
//! A town trades. Each peer's records are sealed by the thousand, and a snapshot is made of each such part and the snapshot
//! before, as a daemon makes them. `ASSAY_JOBS` says how many jobs there are. Beside that: what each writes in a day on which
//! nobody orders anything, by the timers of a network of strangers.

use std::{collections::BTreeMap, time::Instant};

use assay_market::{
    Command, Config, Effect, Effects, Input, Node, Record, event::Event, node::Snapshot,
    record::RECORD_BYTES_MAX,
};
use assay_protocol::{
    codec,
    id::Digest,
    signed::Signer,
    units::{Duration, Timestamp},
};

use crate::{
    cheap::Cheap,
    town::{BEGIN, CLIENT_PLACE, Chronicle, JOB_PAUSE, Role, SETTLING, Town},
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

/// Set to a number, this chooses how many jobs there are.
const JOBS: &str = "ASSAY_JOBS";
const JOBS_USUAL: u64 = 10_000;
/// Records in a part of a journal.
const PART_RECORDS: usize = 1_024;
/// Bytes of snapshot that are written for one of records at most.
const BYTES_PER_BYTE: usize = 16;
/// Bytes of a journal around a record that is written alone.
const ALONE_BYTES: u64 = 88;
/// A day on which nothing happens.
const IDLE_DAY: Duration = Duration::seconds(24 * 60 * 60);
/// How often a start is timed.
const STARTS: usize = 9;

/// What one peer keeps.
#[derive(Default)]
struct Keeper {
    snapshot: Option<Vec<u8>>,
    /// Bytes of all snapshots that were written.
    snapshots_bytes: u64,
    /// The records behind that, and how many bytes they are.
    tail: Vec<Vec<u8>>,
    tail_bytes: usize,
    longest_tail: usize,
    records: u64,
    bytes: u64,
}

impl Keeper {
    fn save(&mut self, record: &Record, key: Cheap, config: &Config) {
        let record = codec::encode(record);
        self.records += 1;
        self.bytes += record.len() as u64;
        self.tail_bytes += record.len();
        self.tail.push(record);
        self.longest_tail = self.longest_tail.max(self.tail.len());
        let is_sealed = self.tail.len().is_multiple_of(PART_RECORDS);
        let snapshot_bytes = self.snapshot.as_ref().map_or(0, Vec::len);
        if is_sealed && snapshot_bytes <= self.tail_bytes * BYTES_PER_BYTE {
            let snapshot = self.start(key, config).snapshot();
            self.snapshots_bytes += snapshot.len() as u64;
            self.snapshot = Some(snapshot);
            self.tail.clear();
            self.tail_bytes = 0;
        }
    }

    /// The brain, from what is kept.
    fn start(&self, key: Cheap, config: &Config) -> Node<Cheap> {
        let read = |bytes: &Vec<u8>| Snapshot::read(bytes, key.id(), config).expect("it was just written");
        let record =
            |bytes: &Vec<u8>| codec::decode::<Record>(bytes, RECORD_BYTES_MAX).expect("it was saved");
        let (snapshot, tail) = (self.snapshot.as_ref().map(read), self.tail.iter().map(record));
        Node::restore_from(key, config.clone(), [0; 32], snapshot, tail, &mut Effects::new())
    }

    /// How long that takes, in the middle of some times.
    fn start_time(&self, key: Cheap, config: &Config) -> std::time::Duration {
        let mut times: Vec<std::time::Duration> = (0..STARTS)
            .map(|_| {
                let begun = Instant::now();
                drop(std::hint::black_box(self.start(key, config)));
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[STARTS / 2]
    }
}

/// A town whose client orders so many jobs, and what everybody keeps of them.
struct Trade {
    chronicle: Chronicle,
    config: Config,
    town: Town,
    keepers: Vec<Keeper>,
    ordered: u64,
    closed: u64,
    /// The input and the output of each submission that is under way.
    underway: BTreeMap<Digest, [Digest; 2]>,
}

impl Trade {
    fn new(chronicle: Chronicle) -> Self {
        let (config, mut town) = (Config::new(chronicle.genesis().clone()), Town::new(&chronicle));
        town.provide(chronicle.genesis());
        let keepers = chronicle.keys().iter().map(|_| Keeper::default()).collect();
        Self { chronicle, config, town, keepers, ordered: 0, closed: 0, underway: BTreeMap::new() }
    }

    fn order(&mut self) {
        self.town.order(self.chronicle.genesis(), self.ordered, JOB_PAUSE);
        self.ordered += 1;
    }

    fn run(&mut self, jobs: u64) {
        if jobs > 0 {
            self.order();
        }
        self.go_on_until(BEGIN.after(JOB_PAUSE.times(jobs + 1)).after(SETTLING), jobs);
    }

    fn go_on_until(&mut self, end: Timestamp, jobs: u64) {
        let mut effects = Effects::new();
        while let Some((place, input)) = self.town.next(end) {
            if let Input::Command(Command::Submit(submission)) = &input {
                self.underway.insert(submission.key, [submission.input_commit, Digest::default()]);
                if self.ordered < jobs {
                    self.order();
                }
            }
            self.town.hear(place, input, &mut effects);
            for effect in std::mem::take(&mut effects) {
                self.perform(place, effect);
            }
        }
    }

    fn perform(&mut self, place: usize, effect: Effect) {
        if let Effect::Save(record) = &effect {
            self.keepers[place].save(record, self.chronicle.keys()[place].1, &self.config);
        }
        if let Effect::Tell(event) = &effect
            && place == CLIENT_PLACE
        {
            self.note(event);
        }
        self.town.perform(place, effect);
    }

    fn note(&mut self, event: &Event) {
        if let Event::Delivered { key, output, .. } = event
            && let Some(underway) = self.underway.get_mut(key)
        {
            underway[1] = *output;
        }
        if let Event::Closed { key, .. } = event
            && let Some([input, output]) = self.underway.remove(key)
        {
            self.closed += 1;
            self.town.take_result(*key, &input, &output);
        }
    }
}

#[allow(clippy::print_stdout, reason = "a table beside the figures of the benches")]
fn main() {
    let jobs = std::env::var(JOBS).ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(JOBS_USUAL);
    idle_day();
    let mut trade = Trade::new(Chronicle::new());
    trade.run(jobs);
    assert_eq!((trade.closed, trade.underway.len()), (jobs, 0), "every job closes");
    println!("{jobs} closed jobs: what is kept of them, and how soon a brain is there again");
    for (keeper, (role, key)) in trade.keepers.iter().zip(trade.chronicle.keys()) {
        if *role == Role::Verifier && keeper.records == 0 {
            continue;
        }
        println!(
            "{:9} {:5.2} records and {:6.0} bytes of them a job; snapshot {:8} bytes, tail {:4} records ({:4} at most), \
             start {:7.2} ms",
            format!("{role:?}"),
            keeper.records as f64 / jobs as f64,
            keeper.bytes as f64 / jobs as f64,
            keeper.snapshot.as_ref().map_or(0, Vec::len),
            keeper.tail.len(),
            keeper.longest_tail,
            keeper.start_time(*key, &trade.config).as_secs_f64() * 1e3,
        );
    }
}

/// What each writes who has nothing to do: records, and what a journal and its snapshots add to them.
#[allow(clippy::print_stdout, reason = "a table beside the figures of the benches")]
fn idle_day() {
    let mut trade = Trade::new(Chronicle::unhurried());
    trade.go_on_until(BEGIN.after(IDLE_DAY), 0);
    println!("an idle day");
    for (keeper, (role, _)) in trade.keepers.iter().zip(trade.chronicle.keys()) {
        println!(
            "{:9} {:5} records, {:7} bytes with what a journal adds, {:7} bytes of snapshots",
            format!("{role:?}"),
            keeper.records,
            keeper.bytes + keeper.records * ALONE_BYTES,
            keeper.snapshots_bytes,
        );
    }
}
