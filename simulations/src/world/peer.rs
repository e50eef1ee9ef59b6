//! One peer: its brain, and the machine around it.

use std::collections::BTreeMap;

use assay_market::{Book, Command, Event, Node, effect::Run, input::RunId};
use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    signed::Signer,
};

use super::{Place, crash::Crash, disk::Disk, fetches::SimulatedFetches, store::SimulatedStore};
use crate::{
    behaviour::{Behaviour, Honest},
    crypto::SimulatedKey,
    kernel::{Instant, Span},
    plan::Plan,
    random::Stream,
};

/// One peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) key: SimulatedKey,
    pub(super) behaviour: Box<dyn Behaviour>,
    /// True while nothing stands between its brain and the world.
    pub(super) is_honest: bool,
    /// Nothing while the process is down.
    pub(super) node: Option<Node<SimulatedKey>>,
    /// The offers it has heard of.
    pub(super) book: Book,
    /// How often the process crashed.
    pub(super) life: u64,
    /// Until then the machine stands still.
    pub(super) awake: Instant,
    pub(super) skew_millis: i64,
    pub(super) disk: Disk,
    pub(super) store: SimulatedStore,
    pub(super) fetches: SimulatedFetches,
    /// The number of the alarm that counts; those before it were replaced.
    pub(super) alarm: u64,
    /// The runs that are going on, each under the number it was started with.
    pub(super) runs: BTreeMap<RunId, (u64, Run)>,
    pub(super) runs_started: u64,
    /// Until when a machine that runs one after another is busy.
    busy_until: Instant,
    /// Commands, each with the record that must be durable before its user can rely on it.
    pub(super) unkept: Vec<(u64, Command)>,
    /// Nobody waits for what it wanted.
    pub(super) disowned: bool,
    pub(super) told: Vec<(Instant, Event)>,
    /// How many effects the shell has performed in all.
    pub(super) performed: u64,
    pub(super) crash: Option<Crash>,
    pub(super) luck: Stream,
    #[cfg(test)]
    pub(super) seen: super::conformance::Seen,
}

/// A book with nothing in it, for a life of a peer.
pub(crate) fn empty_book(seed: u64, place: Place, life: u64) -> Book {
    Book::new(codec::digest("simulated book", &(seed, place.0 as u64, life)))
}

impl Peer {
    pub(super) fn new(plan: &Plan, place: Place) -> Self {
        let mut luck = Stream::new(plan.seed, "machine", place.0 as u64);
        let skew = luck.between(0, 2 * plan.skew_ms_max);
        Self {
            key: plan.key(place),
            behaviour: Box::new(Honest),
            is_honest: true,
            node: None,
            book: empty_book(plan.seed, place, 0),
            life: 0,
            awake: Instant::default(),
            skew_millis: 0_i64.saturating_add_unsigned(skew).saturating_sub_unsigned(plan.skew_ms_max),
            disk: Disk::default(),
            store: SimulatedStore::default(),
            fetches: SimulatedFetches::default(),
            alarm: 0,
            runs: BTreeMap::new(),
            runs_started: 0,
            busy_until: Instant::default(),
            unkept: Vec::new(),
            disowned: false,
            told: Vec::new(),
            performed: 0,
            crash: None,
            luck,
            #[cfg(test)]
            seen: super::conformance::Seen::default(),
        }
    }

    pub(super) fn id(&self) -> PeerId {
        self.key.id()
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

    /// How long a run takes that begins now, and takes so long once all before it are over.
    pub(super) fn queue(&mut self, now: Instant, span: Span) -> Span {
        self.busy_until = self.busy_until.max(now).after(span);
        Span(self.busy_until.0 - now.0)
    }

    /// A run goes on no more.
    pub(super) fn end_run(&mut self, id: &RunId) {
        if self.runs.remove(id).is_some() {
            self.store.release(&run_holder(id));
        }
    }

    /// Lets go of the commands whose records are durable.
    pub(super) fn forget_kept(&mut self) {
        let durable = self.disk.durable();
        self.unkept.retain(|(kept_by, _)| *kept_by > durable);
    }
}

/// For whom the input of a run is kept.
pub(crate) fn run_holder(run: &RunId) -> Digest {
    codec::digest("simulated run", run)
}
