//! The brain: one pure value that is the whole behaviour of a peer.

use alloc::vec::Vec;

use assay_protocol::{
    genesis::Genesis,
    id::PeerId,
    offer::Offer,
    signed::{Signer, Verified},
    units::Timestamp,
};

use crate::{
    effect::Effects,
    input::Input,
    record::Record,
    view::{AccountView, BooksView, RunView, SubmissionView},
};

/// What a peer is told once and for all.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network's rules.
    pub genesis: Genesis,
}

/// A peer.
#[derive(Debug)]
pub struct Node<S> {
    signer: S,
    config: Config,
    entropy: [u8; 32],
}

impl<S: Signer> Node<S> {
    /// A peer that has done nothing yet.
    pub fn new(signer: S, config: Config, entropy: [u8; 32]) -> Self {
        Self { signer, config, entropy }
    }

    /// A peer that goes on where its records end; emits again what was unfinished.
    pub fn restore(
        signer: S,
        config: Config,
        entropy: [u8; 32],
        saved: impl Iterator<Item = Record>,
        out: &mut Effects,
    ) -> Self {
        let _ = (saved, out);
        Self::new(signer, config, entropy)
    }

    /// Takes one input; never fails, never blocks.
    pub fn handle(&mut self, input: Input, now: Timestamp, out: &mut Effects) {
        let _ = (input, now, out);
    }

    /// This peer.
    pub fn id(&self) -> PeerId {
        self.signer.id()
    }

    /// The offers that are known.
    pub fn offers(&self) -> impl Iterator<Item = &Verified<Offer>> {
        core::iter::empty()
    }

    /// The jobs of this client, oldest first.
    pub fn submissions(&self) -> Vec<SubmissionView> {
        Vec::new()
    }

    /// The runs of this provider and verifier, by job.
    pub fn runs(&self) -> Vec<RunView> {
        Vec::new()
    }

    /// This peer's accounts, as their notaries last stated them.
    pub fn accounts(&self) -> Vec<AccountView> {
        Vec::new()
    }

    /// The books, if this peer is a notary of its network.
    pub fn books(&self) -> Option<BooksView> {
        None
    }

    /// How many entries of this notary's chain may be published: those after it concern jobs that are still open.
    pub fn published(&self) -> u64 {
        0
    }
}
