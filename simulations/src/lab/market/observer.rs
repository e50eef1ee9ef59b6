//! Who looks on while a market lives: each sees what happens and changes nothing of it.

use assay_market::{Effect, Node};
use assay_protocol::{
    id::{Digest, JobId},
    units::Work,
};

use crate::{crypto::SimulatedKey, kernel::Instant, world::Place};

/// When something was seen, and at whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketSight {
    /// When.
    pub at: Instant,
    /// At whom.
    pub place: Place,
}

/// Looks on.
pub trait Observer {
    /// A client's user wants a job to be run.
    fn submitted(&mut self, seen: MarketSight, key: Digest) {
        let _ = (seen, key);
    }

    /// A peer's shell performs an effect.
    fn performed(&mut self, seen: MarketSight, effect: &Effect) {
        let _ = (seen, effect);
    }

    /// A peer is asked for a blob or a receipt.
    fn asked(&mut self, seen: MarketSight) {
        let _ = seen;
    }

    /// A provider has made something else of a job than an honest machine would have.
    fn forged(&mut self, seen: MarketSight, job: JobId) {
        let _ = (seen, job);
    }

    /// A peer has done the work of a run.
    fn worked(&mut self, seen: MarketSight, work: Work) {
        let _ = (seen, work);
    }

    /// What was seen so far counts no more.
    fn recounts(&mut self, at: Instant) {
        let _ = at;
    }

    /// A brain has taken an input, and what it wants is about to be performed.
    fn thought(&mut self, seen: MarketSight, node: &Node<SimulatedKey>) {
        let _ = (seen, node);
    }
}

/// Nobody looks on.
impl Observer for () {}

impl<O: Observer> Observer for Option<O> {
    fn submitted(&mut self, seen: MarketSight, key: Digest) {
        self.iter_mut().for_each(|observer| observer.submitted(seen, key));
    }

    fn performed(&mut self, seen: MarketSight, effect: &Effect) {
        self.iter_mut().for_each(|observer| observer.performed(seen, effect));
    }

    fn asked(&mut self, seen: MarketSight) {
        self.iter_mut().for_each(|observer| observer.asked(seen));
    }

    fn forged(&mut self, seen: MarketSight, job: JobId) {
        self.iter_mut().for_each(|observer| observer.forged(seen, job));
    }

    fn worked(&mut self, seen: MarketSight, work: Work) {
        self.iter_mut().for_each(|observer| observer.worked(seen, work));
    }

    fn recounts(&mut self, at: Instant) {
        self.iter_mut().for_each(|observer| observer.recounts(at));
    }

    fn thought(&mut self, seen: MarketSight, node: &Node<SimulatedKey>) {
        self.iter_mut().for_each(|observer| observer.thought(seen, node));
    }
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn submitted(&mut self, seen: MarketSight, key: Digest) {
        self.0.submitted(seen, key);
        self.1.submitted(seen, key);
    }

    fn performed(&mut self, seen: MarketSight, effect: &Effect) {
        self.0.performed(seen, effect);
        self.1.performed(seen, effect);
    }

    fn asked(&mut self, seen: MarketSight) {
        self.0.asked(seen);
        self.1.asked(seen);
    }

    fn forged(&mut self, seen: MarketSight, job: JobId) {
        self.0.forged(seen, job);
        self.1.forged(seen, job);
    }

    fn worked(&mut self, seen: MarketSight, work: Work) {
        self.0.worked(seen, work);
        self.1.worked(seen, work);
    }

    fn recounts(&mut self, at: Instant) {
        self.0.recounts(at);
        self.1.recounts(at);
    }

    fn thought(&mut self, seen: MarketSight, node: &Node<SimulatedKey>) {
        self.0.thought(seen, node);
        self.1.thought(seen, node);
    }
}
