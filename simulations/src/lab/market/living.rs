//! One peer that something has happened to: its brain, and the machine around it. All others are a number.

use std::collections::BTreeMap;

use assay_market::{Book, Config, Effects, Node, Steady, effect::Run, input::RunId};
use assay_protocol::codec;

use super::{journal::MarketJournal, roll::PeerStance};
use crate::{
    behaviour::Behaviour,
    crypto::SimulatedKey,
    kernel::{Instant, Span},
    plan::Plan,
    random::Stream,
    world::{Place, fetches::SimulatedFetches, peer::run_holder, store::SimulatedStore},
};

/// Bytes that a peer has of blobs that nobody keeps, where nobody restarts.
const IDLE_BYTES_MAX: usize = 1 << 16;

/// A place where a peer is, or could be.
#[derive(Debug, Default)]
pub(super) struct Resident {
    /// Nothing before anything happens to it.
    pub(super) living: Option<Box<Living>>,
    /// Until then the machine stands still.
    pub(super) awake: Instant,
    /// How often the process crashed.
    pub(super) life: u16,
}

/// A peer that lives.
#[derive(Debug)]
pub(super) struct Living {
    /// Nothing while the process is down.
    pub(super) node: Option<Node<SimulatedKey>>,
    /// Honest, if none.
    pub(super) behaviour: Option<Box<dyn Behaviour>>,
    /// The offers that it has heard of, where not all read in one book.
    pub(super) book: Option<Box<Book>>,
    pub(super) journal: MarketJournal,
    pub(super) store: SimulatedStore,
    pub(super) fetches: SimulatedFetches,
    /// The runs that are going on, each under the number it was started with.
    pub(super) runs: BTreeMap<RunId, (u64, Run)>,
    runs_started: u64,
    /// Until when a machine that runs one after another is busy.
    busy_until: Instant,
    pub(super) bell: Bell,
    /// What the brain wants to hear of others.
    pub(super) stance: PeerStance,
    /// The number of what everybody was told last, of what it heard.
    pub(super) told: u64,
    pub(super) skew_millis: i64,
    /// The chance of the machine.
    pub(super) luck: Stream,
    /// The chance of what it sends.
    pub(super) way: Stream,
}

/// The one alarm of a peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bell {
    /// When the brain wants to be woken.
    wanted: Steady,
    /// When the ring that counts is due; none if there is none.
    due: Option<Steady>,
    /// Its number.
    number: u32,
}

impl Default for Bell {
    fn default() -> Self {
        Self { wanted: Steady::NEVER, due: None, number: 0 }
    }
}

/// What becomes of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ring {
    /// The brain is woken.
    Wakes,
    /// It is too early: this ring comes then.
    Again(Steady, u32),
    /// Nobody waits for it.
    Stale,
}

impl Bell {
    /// The brain wants to be woken then, and at no other time: which ring is to come for that, if none does already.
    pub(super) fn set(&mut self, wanted: Steady) -> Option<(Steady, u32)> {
        self.wanted = wanted;
        // A ring that comes too early looks again.
        if wanted == Steady::NEVER || self.due.is_some_and(|due| due <= wanted) {
            return None;
        }
        self.due = Some(wanted);
        self.number = self.number.wrapping_add(1);
        Some((wanted, self.number))
    }

    /// A ring has come.
    pub(super) fn ring(&mut self, number: u32, now: Steady) -> Ring {
        if number != self.number || self.due.is_none() {
            return Ring::Stale;
        }
        self.due = None;
        if self.wanted <= now {
            self.wanted = Steady::NEVER;
            return Ring::Wakes;
        }
        self.set(self.wanted).map_or(Ring::Stale, |(at, number)| Ring::Again(at, number))
    }
}

impl Living {
    pub(super) fn new(plan: &Plan, config: Config, place: Place, keeps_records: bool) -> Self {
        let number = place.0 as u64;
        let mut luck = Stream::new(plan.seed, "machine", number);
        let mut store = SimulatedStore::default();
        if !keeps_records {
            store.limit_idle(IDLE_BYTES_MAX);
        }
        let skew = luck.between(0, 2 * plan.skew_ms_max);
        Self {
            node: Some(Node::new(plan.key(place), config, entropy(plan, place, 0))),
            behaviour: None,
            book: None,
            journal: MarketJournal::new(keeps_records),
            store,
            fetches: SimulatedFetches::default(),
            runs: BTreeMap::new(),
            runs_started: 0,
            busy_until: Instant::default(),
            bell: Bell::default(),
            stance: PeerStance::default(),
            told: 0,
            skew_millis: 0_i64.saturating_add_unsigned(skew).saturating_sub_unsigned(plan.skew_ms_max),
            way: Stream::new(plan.seed, "network", number),
            luck,
        }
    }

    /// Goes on with what is on the disk.
    pub(super) fn restore(&mut self, plan: &Plan, config: Config, place: Place, life: u16) -> Effects {
        let mut effects = Effects::new();
        let (entropy, records) = (entropy(plan, place, life), self.journal.records().iter().cloned());
        let node = Node::restore(plan.key(place), config, entropy, records, &mut effects);
        self.node = Some(node);
        effects
    }

    /// The process ends: what only memory knew is gone.
    pub(super) fn end(&mut self) {
        self.node = None;
        self.journal.crash();
        self.runs.clear();
        self.store.crash();
        self.fetches = SimulatedFetches::default();
        self.bell = Bell::default();
        self.stance = PeerStance::default();
    }

    /// Notes a run as going on, and keeps its input meanwhile; nothing if it goes on already.
    pub(super) fn begin_run(&mut self, run: Run) -> Option<u64> {
        if self.runs.contains_key(&run.id) {
            return None;
        }
        self.runs_started += 1;
        self.store.keep(run_holder(&run.id), run.input);
        self.runs.insert(run.id, (self.runs_started, run));
        Some(self.runs_started)
    }

    /// A run goes on no more.
    pub(super) fn end_run(&mut self, id: &RunId) {
        if self.runs.remove(id).is_some() {
            self.store.release(&run_holder(id));
        }
    }

    /// How long a run takes that begins now, and takes so long once all before it are over.
    pub(super) fn queue(&mut self, now: Instant, span: Span) -> Span {
        self.busy_until = self.busy_until.max(now).after(span);
        Span(self.busy_until.0 - now.0)
    }
}

fn entropy(plan: &Plan, place: Place, life: u16) -> [u8; 32] {
    codec::digest("simulated entropy", &(plan.seed, place.0 as u64, u64::from(life))).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_rings_once_for_the_last_wish_and_never_too_early() {
        let mut bell = Bell::default();
        let (at, first) = bell.set(Steady(100)).unwrap();
        assert_eq!((at, bell.set(Steady(300))), (Steady(100), None));
        let Ring::Again(Steady(300), second) = bell.ring(first, Steady(100)) else { panic!("{bell:?}") };
        let (_, third) = bell.set(Steady(200)).unwrap();
        assert_eq!(bell.ring(third, Steady(200)), Ring::Wakes);
        assert_eq!(bell.ring(third, Steady(200)), Ring::Stale);
        assert_eq!(bell.ring(second, Steady(300)), Ring::Stale);
        assert_eq!(bell.set(Steady::NEVER), None);
    }
}
