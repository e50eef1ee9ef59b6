//! What must hold after every event, and what notaries said of the jobs they closed.
//!
//! **Invariant:** money is somewhere: free, at stake, held by an open job, in the pool or in the endowment; what was minted and not burned,
//! no more and no less.

use std::collections::BTreeMap;

use assay_market::{Event as Told, Node, view::BooksView};
use assay_protocol::{
    id::{JobId, PeerId},
    outcome::Outcome,
    units::Amount,
};

use super::Place;
use crate::crypto::SimulatedKey;

/// A job as its notary closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// How.
    pub outcome: Outcome,
    /// Who ran it.
    pub provider: PeerId,
    /// What it was paid.
    pub paid: Amount,
    /// What it lost.
    pub slashed: Amount,
}

/// What is known of all books.
#[derive(Debug, Default)]
pub(super) struct Watch {
    closed: BTreeMap<JobId, Closed>,
}

impl Watch {
    /// Asserts what must hold after every event.
    pub(super) fn check(&mut self, place: Place, node: &Node<SimulatedKey>) {
        let Some(books) = node.books() else { return };
        assert_eq!(boxes(&books), minted(&books), "the books of {place:?} do not balance: {books:?}");
        assert_eq!(books.held.is_zero(), books.open == 0, "what is held is not what is open: {books:?}");
    }

    /// Keeps how a job ended; asserts that it ended once.
    pub(super) fn told(&mut self, _place: Place, event: &Told) {
        assert!(!matches!(event, Told::Stranded { .. }), "money that nothing would ever release: {event:?}");
        let Told::Settled { job, outcome, provider, paid, slashed, .. } = event else { return };
        let closed = Closed { outcome: *outcome, provider: *provider, paid: *paid, slashed: *slashed };
        let before = self.closed.insert(*job, closed);
        assert!(
            before.is_none_or(|before| before == closed),
            "a closed job was closed otherwise: {before:?} {closed:?}"
        );
    }

    pub(super) fn closed(&self) -> &BTreeMap<JobId, Closed> {
        &self.closed
    }
}

fn boxes(books: &BooksView) -> u128 {
    [books.free, books.stake, books.unbonding, books.held, books.pool, books.endowment]
        .iter()
        .map(|amount| u128::from(amount.0))
        .sum()
}

fn minted(books: &BooksView) -> u128 {
    u128::from(books.minted.0) - u128::from(books.burned.0)
}
