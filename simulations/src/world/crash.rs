//! Crashes: a process ends at a chosen effect and starts again later.

use super::{Occurrence, Place, World, fetches::SimulatedFetches, peer::empty_book};
use crate::kernel::Span;

/// A crash that is to come.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    /// The effect, counted from when the crash was ordered, before which the process ends; 0 is the next.
    pub before: u64,
    /// What becomes of records that were not synced.
    pub tail: Tail,
    /// After this time the process starts again.
    pub down: Span,
}

/// What becomes of records that were written and not yet synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// The disk forgot them.
    Lost,
    /// They reached the disk, though nobody was told so.
    Kept,
}

/// A copy of a peer's disk.
#[derive(Clone, Debug)]
pub struct Backup(Vec<Vec<u8>>);

impl World {
    /// What a peer's disk holds now.
    #[must_use]
    pub fn backup(&self, place: Place) -> Backup {
        Backup(self.peers[place.0].disk.copy())
    }

    /// Lets a peer crash now and start again from an old copy of its disk, as if nothing had come after it.
    pub fn restore(&mut self, place: Place, backup: Backup, down: Span) {
        self.crash(place, Tail::Lost, down);
        self.peers[place.0].disk.overwrite(backup.0);
    }

    /// Lets a peer crash once, at an effect to come.
    pub fn crash_at(&mut self, place: Place, crash: Crash) {
        let peer = &mut self.peers[place.0];
        peer.crash = Some(Crash { before: peer.performed + crash.before, ..crash });
    }

    /// Lets a peer crash now.
    pub fn crash(&mut self, place: Place, tail: Tail, down: Span) {
        let peer = &mut self.peers[place.0];
        peer.crash = None;
        peer.node = None;
        peer.life += 1;
        peer.book = empty_book(self.plan.seed, place, peer.life);
        peer.runs.clear();
        peer.store.crash();
        peer.fetches = SimulatedFetches::default();
        let saved = peer.disk.saved();
        peer.disk.crash(tail == Tail::Lost);
        peer.forget_kept();
        if place == self.plan.notary() && peer.disk.saved() < saved {
            self.watch.restart(&peer.disk.records());
        }
        self.schedule.after(down, Occurrence::Start(place));
    }

    /// Lets no crash come any more that was ordered and has not come.
    pub fn call_crashes_off(&mut self) {
        self.peers.iter_mut().for_each(|peer| peer.crash = None);
    }

    /// How many effects a peer's shell has performed: each is a point at which it can crash.
    #[must_use]
    pub fn performed(&self, place: Place) -> u64 {
        self.peers[place.0].performed
    }

    /// True if a crash that was ordered has not come yet.
    #[must_use]
    pub fn awaits_crash(&self, place: Place) -> bool {
        self.peers[place.0].crash.is_some()
    }

    /// Counts an effect; true if the process ends before it.
    pub(super) fn crashes(&mut self, place: Place) -> bool {
        let peer = &mut self.peers[place.0];
        let due = peer.crash.filter(|crash| crash.before == peer.performed);
        peer.performed += 1;
        let Some(crash) = due else { return false };
        self.crash(place, crash.tail, crash.down);
        true
    }
}
