//! What notaries say of their journals: two statements that cannot both be true prove a fork, and its notary is left.
//!
//! **Invariant:** a notary counts as forked for good, once two of its own signed statements show it; what proves it, and
//! every checkpoint that was heard, survives a restart.

use alloc::{boxed::Box, collections::BTreeMap};

use assay_protocol::{
    id::{Digest, PeerId},
    notice::{Account, Head, Notice, Tick},
    signed::{Signer, Verified},
};

use super::Node;
use crate::{
    effect::{Effect, Effects, Event},
    recent::Recent,
    record::{Fork, OwnerRecord, Quote},
};

/// Ends of one journal that are remembered, and checkpoints: a day and more of these.
const HEADS_MAX: usize = 256;

/// What notaries said.
#[derive(Debug, Default)]
pub(super) struct Heads {
    notaries: BTreeMap<PeerId, Said>,
}

/// What one notary said.
#[derive(Debug)]
struct Said {
    /// The end of its journal, by length.
    ends: Recent<u64, (Digest, Quote)>,
    /// Its checkpoints, by round.
    checkpoints: Recent<u64, (Digest, Quote)>,
    forked: bool,
}

impl Default for Said {
    fn default() -> Self {
        let (ends, checkpoints) = (Recent::new(HEADS_MAX), Recent::new(HEADS_MAX));
        Self { ends, checkpoints, forked: false }
    }
}

impl<S: Signer> Node<S> {
    /// Compares what an account's statement says of the journal with what was said before.
    pub(super) fn compare_account(&mut self, account: &Verified<Account>, out: &mut Effects) {
        let quote = || Quote::Account(account.signed().clone());
        self.compare(account.signer(), account.head, quote, out);
    }

    /// Compares what a notice says of the journal with what was said before.
    pub(super) fn compare_notice(&mut self, notice: &Verified<Notice>, out: &mut Effects) {
        let quote = || Quote::Notice(Box::new(notice.signed().clone()));
        self.compare(notice.signer(), notice.head, quote, out);
    }

    /// Takes a checkpoint that a notary tells everyone.
    pub(super) fn on_checkpoint(&mut self, tick: &Verified<Tick>, out: &mut Effects) {
        let (notary, Some(checkpoint)) = (tick.signer(), tick.checkpoint) else { return };
        if !self.watches(notary) {
            return;
        }
        let quote = || Quote::Tick(tick.signed().clone());
        self.compare(notary, checkpoint.head, quote, out);
        if self.heads.has_forked(notary) {
            return;
        }
        let said = self.heads.notaries.entry(notary).or_default();
        match said.checkpoints.get(&tick.round) {
            Some((digest, other)) if *digest != tick.digest() => {
                let quotes = [other.clone(), quote()];
                self.leave(Fork { notary, quotes }, out);
            }
            // One of long ago says nothing that a later one does not.
            None if said.checkpoints.last().is_none_or(|(last, _)| *last < tick.round) => {
                self.keep_owner(OwnerRecord::Checkpoint(tick.signed().clone()), out);
            }
            Some(_) | None => {}
        }
    }

    fn compare(&mut self, notary: PeerId, head: Head, quote: impl Fn() -> Quote, out: &mut Effects) {
        if !self.watches(notary) {
            return;
        }
        let said = self.heads.notaries.entry(notary).or_default();
        match said.ends.get(&head.sequence) {
            Some((digest, _)) if *digest == head.digest => {}
            Some((_, other)) => {
                let quotes = [other.clone(), quote()];
                self.leave(Fork { notary, quotes }, out);
            }
            None => said.ends.insert(head.sequence, (head.digest, quote())),
        }
    }

    /// True for the other notaries of the network that are not left already.
    fn watches(&self, notary: PeerId) -> bool {
        notary != self.signer.id()
            && self.config.genesis.notaries.contains(&notary)
            && !self.heads.has_forked(notary)
    }

    fn leave(&mut self, fork: Fork, out: &mut Effects) {
        let notary = fork.notary;
        self.keep_owner(OwnerRecord::Forked(Box::new(fork)), out);
        out.push(Effect::Tell(Event::Forked { notary }));
    }

    /// The notaries of the network that have not forked: new orders name the first of them.
    pub(super) fn notaries_in_use(&self) -> impl Iterator<Item = PeerId> {
        self.config.genesis.notaries.iter().copied().filter(|notary| !self.heads.has_forked(*notary))
    }

    /// True for a notary of the network that has not forked.
    pub(super) fn takes_orders_of(&self, notary: PeerId) -> bool {
        self.config.genesis.notaries.contains(&notary) && !self.heads.has_forked(notary)
    }

    /// Remembers a checkpoint.
    pub(super) fn fold_heads(&mut self, tick: &Verified<Tick>) {
        let said = self.heads.notaries.entry(tick.signer()).or_default();
        said.checkpoints.insert(tick.round, (tick.digest(), Quote::Tick(tick.signed().clone())));
    }
}

impl Heads {
    /// True for a notary of which it is proven that it keeps two journals.
    pub(super) fn has_forked(&self, notary: PeerId) -> bool {
        self.notaries.get(&notary).is_some_and(|said| said.forked)
    }

    /// Notes that it is.
    pub(super) fn fork(&mut self, notary: PeerId) {
        self.notaries.entry(notary).or_default().forked = true;
    }

    /// The notaries that have forked.
    pub(super) fn forked(&self) -> impl Iterator<Item = PeerId> {
        self.notaries.iter().filter(|(_, said)| said.forked).map(|(notary, _)| *notary)
    }
}
