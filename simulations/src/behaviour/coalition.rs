//! What the members of a coalition know of each other, and share behind the backs of all others.
//!
//! **Invariant:** nothing in it comes from a peer that is not a member.

use std::{cell::Cell, rc::Rc};

use assay_protocol::id::{JobId, PeerId};

use super::Leaks;
use crate::machine::Made;

/// Peers with one purse.
#[derive(Debug, Default)]
pub struct Coalition {
    providers: Vec<PeerId>,
    clients: Vec<PeerId>,
    sold: Leaks,
    burnt: Cell<u64>,
}

impl Coalition {
    /// These peers, those that provide and those that order.
    #[must_use]
    pub fn new(providers: Vec<PeerId>, clients: Vec<PeerId>) -> Rc<Self> {
        Rc::new(Self { providers, clients, sold: Leaks::default(), burnt: Cell::new(0) })
    }

    /// Its members that provide.
    #[must_use]
    pub fn providers(&self) -> &[PeerId] {
        &self.providers
    }

    /// All its members.
    pub fn members(&self) -> impl Iterator<Item = PeerId> {
        self.providers.iter().chain(&self.clients).copied()
    }

    /// True for a member.
    #[must_use]
    pub fn holds(&self, peer: PeerId) -> bool {
        self.providers.contains(&peer) || self.clients.contains(&peer)
    }

    /// Tells all members what one of them sells.
    pub fn note_sold(&self, job: JobId, made: Made) {
        self.sold.borrow_mut().insert(job, made);
    }

    /// What a member sold in a job.
    #[must_use]
    pub fn sold(&self, job: &JobId) -> Option<Made> {
        self.sold.borrow().get(job).cloned()
    }

    /// How many of its names are of no more use.
    #[must_use]
    pub fn burnt(&self) -> u64 {
        self.burnt.get()
    }

    /// One more name is of no use.
    pub fn burn(&self) {
        self.burnt.set(self.burnt.get() + 1);
    }
}
