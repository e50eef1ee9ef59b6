//! What is counted of a run from some moment on: the work that peers did, and what their orders brought them.
//!
//! **Invariant:** nothing that happens rests on it.

use std::collections::{BTreeMap, BTreeSet};

use assay_market::Event;
use assay_protocol::{
    id::{Digest, JobId},
    units::Work,
};

use super::{Closed, Place, World};
use crate::kernel::Instant;

/// The work of each peer since it is counted.
#[derive(Debug, Default)]
pub(super) struct CountedWork {
    since: Instant,
    /// Jobs that were closed before.
    earlier: BTreeSet<JobId>,
    work: BTreeMap<Place, Work>,
}

impl CountedWork {
    /// A peer has done the work of a run.
    pub(super) fn add(&mut self, place: Place, work: Work) {
        let done = self.work.entry(place).or_default();
        *done = done.saturating_add(work);
    }
}

impl World {
    /// What was counted so far counts no more.
    pub fn recount(&mut self) {
        let earlier = self.closed().keys().copied().collect();
        self.counted = CountedWork { since: self.now(), earlier, work: BTreeMap::new() };
    }

    /// The jobs that were closed since it is counted.
    pub fn counted(&self) -> impl Iterator<Item = (&JobId, &Closed)> {
        self.closed().iter().filter(|(job, _)| !self.counted.earlier.contains(job))
    }

    /// The work of the runs that a peer did since it is counted, for pay and in checks.
    #[must_use]
    pub fn worked(&self, place: Place) -> Work {
        self.counted.work.get(&place).copied().unwrap_or_default()
    }

    /// How many orders of a peer brought it what an honest machine would have made, since it is counted.
    #[must_use]
    pub fn results(&self, place: Place) -> u64 {
        let told = self.told(place).iter().filter(|(at, _)| *at >= self.counted.since);
        let brought = told.filter_map(|(_, event)| {
            let Event::Delivered { key, job, .. } = event else { return None };
            (!self.forged().contains(job)).then_some(*key)
        });
        brought.collect::<BTreeSet<Digest>>().len() as u64
    }
}
