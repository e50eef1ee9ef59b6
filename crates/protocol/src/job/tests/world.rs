//! One job with all that its parties hold, and its story so far: the only user of the table in these tests.
//!
//! A story is told in words, each a step of the party whose step it is: `claim reveal rounds draw:check seat seal:same`.
//! The module [`words`](super::words) says what each of them does.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::super::*;
use crate::{
    genesis::{Founder, Money},
    manifest::{Manifest, Meter, TensorFormat, WorkPerMeter},
    merkle,
    order::secret_commit,
    roster::{Checkers, Squares},
    ticket::Standing,
    units::{Amount, Rate},
};

pub(crate) const CLIENT: PeerId = PeerId([1; 32]);
pub(crate) const PROVIDER: PeerId = PeerId([2; 32]);
pub(crate) const NOTARY: PeerId = PeerId([3; 32]);
/// What the client reveals.
pub(super) const SECRET: Digest = Digest([9; 32]);
/// Where the claim stands in the journal.
pub(super) const POSITION: u64 = 7;

/// What the tests vary in an order and in what the books say of its parties.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) policy: Policy,
    pub(crate) output_bytes: usize,
    pub(crate) checks: u16,
    pub(crate) unchecked_ok: bool,
    pub(crate) leaves: u64,
    pub(crate) margin: u64,
    pub(crate) stake: Amount,
    pub(crate) greys: u64,
}

/// An output of few records, all of which are opened.
const FEW: usize = 1_000;
/// An output of more records than are opened.
const MANY: usize = 20 * merkle::RECORD_BYTES;

impl Terms {
    /// A check by the draw, of a provider whose stake covers everything; the jury's margin is 6.
    pub(crate) const SPOT: Self = Self {
        policy: Policy::Tensor(TensorFormat::F32),
        output_bytes: FEW,
        checks: 0,
        unchecked_ok: false,
        leaves: 13,
        margin: 6,
        stake: Amount(300_000_000),
        greys: 0,
    };
    /// Outputs that must agree in each byte: claims and seals open themselves.
    pub(crate) const EXACT: Self = Self { policy: Policy::Exact, ..Self::SPOT };
    /// The records to be opened are drawn.
    pub(crate) const LONG: Self = Self { output_bytes: MANY, ..Self::SPOT };
    /// One check that the client pays in advance.
    pub(crate) const ALWAYS: Self = Self { checks: 1, ..Self::SPOT };
    /// Three of them.
    pub(crate) const THRICE: Self = Self { checks: 3, ..Self::SPOT };
    /// A provider without a stake.
    pub(crate) const NEWCOMER: Self = Self { stake: Amount::ZERO, ..Self::SPOT };

    /// The same with a jury that convicts by this margin.
    pub(crate) const fn with_margin(self, margin: u64) -> Self {
        Self { margin, ..self }
    }
}

/// A network whose fees come out even: a check costs a thousand for each unit of work, the base rate is a 64th.
/// The class of machine that usual orders are for.
const CLASS: Digest = Digest([13; 32]);

pub(crate) fn genesis() -> Genesis {
    let parts = |share: f64| Rate((share * Rate::ONE.0 as f64) as u64);
    Genesis {
        name: "tests".to_string(),
        unit: "credit".to_string(),
        real_money: false,
        notaries: [NOTARY].into(),
        issuer: PeerId([4; 32]),
        timers: Timers::default(),
        checks: Checks { base: Rate::of(1, 64), ..Checks::default() },
        money: Money { place_hour: Amount::ZERO, ..Money::default() },
        thresholds: [Threshold { format: TensorFormat::F32, ok: parts(5e-5), bad: parts(5e-4) }].into(),
        manifests: Vec::new(),
        endowed: Vec::new(),
        verifiers: [founder()].into(),
    }
}

/// The same, with the jury of these terms: it clears by the margin that it convicts by, and by four at most.
pub(crate) fn rules(terms: &Terms) -> Genesis {
    let mut genesis = genesis();
    (genesis.checks.convict_margin, genesis.checks.clear_margin) = (terms.margin, terms.margin.min(4));
    genesis
}

/// Somebody through whom the network knows the class of the usual order.
fn founder() -> Founder {
    let peer = PeerId([64; 32]);
    let (stake, free) = (Amount(1_000_000), Amount::ZERO);
    Founder { peer, stake, free, classes: [CLASS].into() }
}

/// So many verifiers of equal weight, beside parties that are none.
pub(crate) fn checkers(leaves: u64) -> Checkers {
    Checkers {
        leaves,
        weight: leaves,
        squares: Squares { high: 0, low: leaves },
        parties: [0; 2],
        missing: 0,
    }
}

pub(crate) fn order(terms: &Terms) -> Order {
    let manifest = Manifest {
        name: "echo".to_string(),
        runner: Digest([11; 32]),
        model: Digest([12; 32]),
        params: String::new(),
        policy: terms.policy,
        meter: Meter::Calls,
        work: WorkPerMeter::default(),
        work_most: 1_000,
        memory_bytes: 1 << 20,
        licence: "MIT".to_string(),
    };
    Order {
        client: CLIENT,
        provider: PROVIDER,
        notary: NOTARY,
        lane: 0,
        nonce: 0,
        class: CLASS,
        manifest,
        input_commit: Digest([14; 32]),
        units_max: 1_000,
        work_max: 80,
        unit_price: Amount(1_000),
        total_max: Amount(2_000_000),
        checks: terms.checks,
        unchecked_ok: terms.unchecked_ok,
        cancel_fee: Amount(50_000),
        run_max: Duration::seconds(60),
        open_by: Timestamp(1_030_000),
        secret_commit: secret_commit(SECRET.as_bytes()),
    }
}

/// What the books say: with a trust of 19 the policy checks every fourth job; fees have a margin of an eighth.
pub(crate) fn standing(terms: &Terms) -> Standing {
    Standing {
        opened: Timestamp(1_000_000),
        round: 100,
        position: 5,
        checkers: checkers(terms.leaves),
        trust: 19 << 32,
        greys: terms.greys,
        strict: false,
        endowed: false,
        stake: terms.stake,
        exposed: Amount::ZERO,
        reserve: Amount::ZERO,
        serving: 0,
        open: 0,
        fee_margin: Rate::of(1, 8),
    }
}

/// One job with all that its parties hold.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) genesis: Genesis,
    pub(crate) job: Job,
    pub(crate) now: LiveTime,
    /// What the provider computed.
    pub(super) output: Vec<u8>,
}

impl World {
    pub(crate) fn new(terms: &Terms) -> Self {
        Self::open(rules(terms), order(terms), standing(terms), terms.output_bytes)
    }

    /// The world in which this order was opened, of an output of so many bytes.
    pub(crate) fn open(genesis: Genesis, order: Order, standing: Standing, output_bytes: usize) -> Self {
        let ticket = Ticket::new(&genesis, &order, standing);
        let beacon = Beacon { round: standing.round, value: Digest([100; 32]) };
        let now = LiveTime { live: standing.opened, beacon };
        // Pairs of numbers about one, each pair its own.
        let numbers = (0..output_bytes / 4).map(|at| {
            let number = 1.0 + (at / 2) as f32 / 1_024.0;
            if at % 2 == 0 { number } else { -number }
        });
        let output = numbers.flat_map(f32::to_le_bytes).collect();
        Self { job: Job::open(&genesis, order, ticket, now), genesis, now, output }
    }

    /// The world after a story of which every word is accepted.
    pub(crate) fn after(terms: &Terms, story: &str) -> Self {
        let mut world = Self::new(terms);
        for word in super::words::expand(story) {
            let by = world.speaker(&word);
            let taken = world.act(&word, by);
            assert!(taken.is_ok(), "{word} in {story}: {}", said(taken));
        }
        world
    }

    /// Goes on with a story, whether its words are accepted or not.
    pub(crate) fn tell(&mut self, story: &str) {
        for word in super::words::expand(story) {
            let _ = self.act(&word, self.speaker(&word));
        }
    }

    /// Probes the last of some words after a story and the words before it.
    pub(super) fn probed(terms: &Terms, story: &str, words: &str) -> (Self, Result<Stage, Misstep>) {
        let words = super::words::expand(&format!("{story} {words}"));
        let Some((last, before)) = words.split_last() else { panic!("no word to probe") };
        let mut world = Self::after(terms, &before.join(" "));
        let by = world.speaker(last);
        let (taken, _) = world.probe(last, by);
        (world, taken)
    }

    /// Lets the time of a word pass and takes its step.
    pub(crate) fn act(&mut self, word: &str, by: Party) -> Result<Stage, Misstep> {
        self.pass(word);
        self.job.apply(self.step(word, by), by, self.now)
    }

    /// Acts and says what came of it, and of the same step once more; what was refused, and what was done before, has
    /// changed nothing.
    pub(crate) fn probe(
        &mut self,
        word: &str,
        by: Party,
    ) -> (Result<Stage, Misstep>, Result<Stage, Misstep>) {
        self.pass(word);
        let step = self.step(word, by);
        let before = self.written();
        let taken = self.job.apply(step.clone(), by, self.now);
        let once = self.written();
        assert!(taken.is_ok() || before == once, "{word} by {by:?} was refused and changed the job");
        let again = self.job.apply(step, by, self.now);
        // Who has a seat may be drawn as often as chance has it.
        let drawn_again = word.starts_with("seat:") && again.is_ok();
        assert!(drawn_again || once == self.written(), "{word} by {by:?} changed the job a second time");
        (taken, again)
    }

    /// All that the job holds, as text.
    pub(crate) fn written(&self) -> String {
        format!("{:?}", self.job)
    }

    /// Moves on to the tick that a word speaks of, if it speaks of one.
    fn pass(&mut self, word: &str) {
        let next = self.now.live.after(self.genesis.timers.tick);
        let due = self.job.due().0.unwrap_or(next);
        let live = match word {
            "tick" => next,
            "overdue" | "frozen" => due.max(self.now.live),
            "almost" => Timestamp(due.0 - 1),
            "leap" => self.now.live.after(Duration::seconds(30 * 24 * 3_600)),
            _ => return,
        };
        let round = self.now.beacon.round + 1;
        self.now = LiveTime { live, beacon: Beacon { round, value: Digest::of(&round.to_be_bytes()) } };
    }
}

/// The name of an open stage; the way in which a closed one ended.
pub(crate) fn name(stage: Stage) -> String {
    let phase = |phase| match phase {
        SeatPhase::Disclosing { .. } => "Disclosing",
        SeatPhase::Seating { .. } => "Seating",
        SeatPhase::Calling { .. } => "Calling",
        SeatPhase::Sealing { .. } => "Sealing",
        SeatPhase::Opening { .. } => "Opening",
        SeatPhase::Silence { .. } => "Silence",
        SeatPhase::Doubting { .. } => "Doubting",
    };
    match stage {
        Stage::Open { .. } => "Open".to_string(),
        Stage::Cancelling { .. } => "Cancelling".to_string(),
        Stage::Claimed { .. } => "Claimed".to_string(),
        Stage::Drawing { .. } => "Drawing".to_string(),
        Stage::Waiting { .. } => "Waiting".to_string(),
        Stage::Checking(at) => format!("Checking.{}", phase(at)),
        Stage::Jury(at) => format!("Jury.{}", phase(at)),
        Stage::Closed(outcome) => format!("{outcome:?}"),
    }
}

/// The stage that a step led to, or why it was refused.
pub(crate) fn said(taken: Result<Stage, Misstep>) -> String {
    match taken {
        Ok(stage) => name(stage),
        Err(misstep) => format!("! {misstep:?}"),
    }
}
