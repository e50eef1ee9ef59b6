//! Providers that crash, lose the end of their records or are set back to an old disk, at any moment of a job's life:
//! nobody ever hears two claims of one job.
//!
//! What a run gives differs a little each time, as it does on a graphics card, wherever a crash is all that happens: a
//! second claim would show. A disk that is set back may hold nothing of a claim that others have; there the machine gives
//! the same bytes again, and so must its peer.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Instant,
};

use assay_market::{effect::Run, view::AttemptState};
use assay_protocol::{id::JobId, manifest::Policy};
use assay_simulations::{
    behaviour::Behaviour,
    kernel::Span,
    plan::{EXACT, LABEL, Plan, TENSOR},
    random::Stream,
    world::{Crash, Place, Tail, Wish, World},
};

use crate::support::{LIMIT, claims, market, on_all_cores};

/// Histories in the tests of every day.
const FEW: u64 = 400;
/// Histories in those that take longer.
const MANY: u64 = 10_000;
/// Effects of a provider in the life of two jobs: a crash before one behind them comes too late to matter.
const POINTS: u64 = 60;
/// Those that follow when a run has ended.
const NEXT: u64 = 6;
/// The longest that is waited for a run to end.
const PATIENCE: Span = Span::seconds(5);
/// By how much the same run differs the next time: a fiftieth of what the network lets pass.
const UNSTEADY: f32 = 1e-6;
/// Times in a row at which its outputs differ.
const TIMES: u32 = 5;

/// A machine whose runs give something a little different each time. Its checks, and what must agree in each byte, it
/// gets right.
#[derive(Clone, Debug)]
struct Machine {
    steady: bool,
    runs: Rc<Cell<u32>>,
}

impl Behaviour for Machine {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if run.id.check {
            return output;
        }
        let before = self.runs.replace(self.runs.get() + 1);
        if self.steady || run.manifest.policy == Policy::Exact {
            return output;
        }
        let off = UNSTEADY * (before % TIMES) as f32;
        let numbers = output.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        numbers.flat_map(|number| (number + off).to_le_bytes()).collect()
    }
}

/// What becomes of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Lost,
    Kept,
    Twice,
    SetBack,
}

const FATES: [Fate; 4] = [Fate::Lost, Fate::Kept, Fate::Twice, Fate::SetBack];

/// What was seen in some histories.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    histories: u64,
    /// Jobs that were claimed, and those that were paid.
    claimed: u64,
    paid: u64,
    /// Histories in which the provider ran a job again.
    again: u64,
    /// Jobs of which two claims were heard.
    twice: u64,
    /// Jobs for which its stake was taken.
    unjust: u64,
    /// Jobs whose provider lost its stake for silence: on the disk that it was set back to it had not agreed to them.
    forgotten: u64,
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self {
            histories: self.histories + other.histories,
            claimed: self.claimed + other.claimed,
            paid: self.paid + other.paid,
            again: self.again + other.again,
            twice: self.twice + other.twice,
            unjust: self.unjust + other.unjust,
            forgotten: self.forgotten + other.forgotten,
        }
    }
}

/// Two jobs at one provider, and what becomes of it.
struct History {
    world: World,
    provider: Place,
    luck: Stream,
    fate: Fate,
    runs: Rc<Cell<u32>>,
    /// The jobs that it must answer for: where its disk is set back, those that the disk holds.
    known: Option<BTreeSet<JobId>>,
}

impl History {
    fn new(seed: u64, steady: impl Fn(Fate) -> bool) -> Self {
        let mut luck = Stream::new(seed, "fate", 0);
        let fate = FATES[luck.below(FATES.len() as u64) as usize];
        let mut world = market(Plan { seed, founders: 5, ..Plan::default() });
        let (provider, runs) = (world.plan().founder(0), Rc::new(Cell::new(0)));
        world.behave(provider, Machine { steady: steady(fate), runs: runs.clone() });
        world.overhear();
        Self { world, provider, luck, fate, runs, known: None }
    }

    /// Orders two jobs, lets come what comes, and waits until all has settled.
    fn live(&mut self) -> Tally {
        let client = self.world.plan().client(0);
        let wish = Wish { provider: Some(self.provider), attempts_max: 1, ..Wish::default() };
        let tensor = if self.luck.below(2) == 0 { LABEL } else { TENSOR };
        let keys = [(0, EXACT), (1, tensor)].map(|(number, manifest)| {
            let pause = Span::millis(number * self.luck.below(200));
            self.world.run_for(pause);
            self.world.submit(client, Wish { manifest, number, ..wish })
        });
        match self.fate {
            Fate::Lost => self.crash(Tail::Lost),
            Fate::Kept => self.crash(Tail::Kept),
            Fate::Twice => {
                self.crash_somehow();
                let end = self.world.now().after(PATIENCE);
                while self.world.awaits_crash(self.provider) && self.world.now() < end {
                    self.world.step();
                }
                self.crash_somehow();
            }
            Fate::SetBack => self.set_back(),
        }
        let settled = self.world.settle(LIMIT);
        settled.unwrap_or_else(|unsettled| panic!("{}: {unsettled}", self.context()));
        let is_paid = |key| matches!(self.world.state(client, key), Some(AttemptState::Closed(outcome)) if outcome.is_paid());
        let claims = claims(&self.world);
        let slashed = self.world.closed().iter().filter(|(_, closed)| !closed.slashed.is_zero());
        let slashed: Vec<JobId> = slashed.map(|(job, _)| *job).collect();
        let is_known = |job: &JobId| self.known.as_ref().is_none_or(|known| known.contains(job));
        let unjust = slashed.iter().filter(|job| is_known(job)).count() as u64;
        Tally {
            unjust,
            forgotten: slashed.len() as u64 - unjust,
            histories: 1,
            claimed: claims.len() as u64,
            paid: keys.into_iter().filter(|key| is_paid(*key)).count() as u64,
            again: u64::from(self.runs.get() > 2),
            twice: claims.values().filter(|signed| signed.len() > 1).count() as u64,
        }
    }

    fn crash_somehow(&mut self) {
        let tail = if self.luck.below(2) == 0 { Tail::Lost } else { Tail::Kept };
        self.crash(tail);
    }

    /// Lets the provider crash anywhere, or as often between the end of a run and what is said of it.
    fn crash(&mut self, tail: Tail) {
        let is_anywhere = self.luck.below(2) == 0;
        let (before, down) =
            (self.luck.below(if is_anywhere { POINTS } else { NEXT }), self.luck.between(10, 2_500));
        let (runs, end) = (self.runs.get(), self.world.now().after(PATIENCE));
        while !is_anywhere && self.runs.get() == runs && self.world.now() < end {
            self.world.step();
        }
        self.world.crash_at(self.provider, Crash { before, tail, down: Span::millis(down) });
    }

    /// A batch that is damaged at the end of a journal is cut off like one that was torn: the disk is a little older
    /// then. A copy may be older by any time.
    fn set_back(&mut self) {
        let longest = if self.luck.below(4) == 0 { 25_000 } else { 600 };
        let (until, since) = (self.luck.below(800), self.luck.below(longest));
        self.world.run_for(Span::millis(until));
        let runs = self.world.node(self.provider).map(|node| node.runs()).unwrap_or_default();
        self.known = Some(runs.iter().filter(|run| !run.check).map(|run| run.job).collect());
        // All of that is on the disk then.
        self.world.run_for(Span::millis(20));
        let backup = self.world.backup(self.provider);
        self.world.run_for(Span::millis(since));
        let down = Span::millis(self.luck.between(10, 2_500));
        self.world.restore(self.provider, backup, down);
    }

    fn context(&self) -> String {
        format!("{:?}, from the seed {}", self.fate, self.world.plan().seed)
    }
}

/// Lives through a history and demands that it is as it should be.
fn check(seed: u64) -> (Fate, Tally) {
    let mut history = History::new(seed, |fate| fate == Fate::SetBack);
    let tally = history.live();
    assert_eq!(tally.twice, 0, "{}: two claims of one job", history.context());
    assert_eq!(
        tally.unjust,
        0,
        "{}: somebody honest is slashed: {:?}",
        history.context(),
        history.world.closed()
    );
    (history.fate, tally)
}

/// Lives through so many histories on all cores, and says what was seen.
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn check_all(seeds: u64) {
    let began = Instant::now();
    let seen = on_all_cores(seeds, check);
    let mut tallies: BTreeMap<Fate, Tally> = BTreeMap::new();
    for (fate, tally) in seen {
        let sum = tallies.entry(fate).or_default();
        *sum = sum.plus(tally);
    }
    for (fate, tally) in &tallies {
        let Tally { histories, claimed, paid, again, forgotten, .. } = tally;
        println!(
            "{fate:?}: {histories} histories, {claimed} jobs claimed, {paid} paid, a run repeated in {again}"
        );
        println!("  slashed for silence about what its old disk had not begun: {forgotten}");
        assert!(30 * again >= *histories, "{fate:?}: the crashes come where they change nothing");
        assert!(2 * paid >= *histories, "{fate:?}: hardly anything is paid");
    }
    println!("seeds 0 to {}, {} s", seeds - 1, began.elapsed().as_secs());
}

#[test]
fn a_provider_that_crashes_or_is_set_back_never_signs_two_claims() {
    check_all(FEW);
}

#[test]
#[ignore = "takes minutes"]
fn a_provider_never_signs_two_claims_in_ten_thousand_histories() {
    check_all(MANY);
}

/// The test sees what it looks for: on a disk that knows nothing of a claim, a machine that gives something else the
/// next time makes a second one.
#[test]
fn a_machine_that_never_gives_the_same_again_and_is_set_back_signs_two_claims() {
    let set_back =
        (0..FEW).map(|seed| History::new(seed, |_| false)).filter(|history| history.fate == Fate::SetBack);
    let twice: u64 = set_back.map(|mut history| history.live().twice).sum();
    assert!(twice > 0);
}
