//! What notaries say of their journals: two statements that cannot both be true prove a fork, and its notary is left.
//!
//! **Invariant:** a notary counts as forked for good, once two of its own signed statements show it; what proves it, and
//! every checkpoint that was heard, survives a restart.

use alloc::{boxed::Box, collections::BTreeMap};

use assay_protocol::{
    id::{Digest, PeerId},
    message::Opened,
    notice::{Head, Tick},
    signed::{Recorded, Signer, Verified},
};

use super::Context;
use crate::{
    event::Event,
    recent::Recent,
    record::{Fork, OwnerRecord, Quote},
};

/// Ends of one journal that are remembered, and checkpoints: a day and more of these.
const HEADS_MAX: usize = 256;

/// What notaries said.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads {
    notaries: BTreeMap<PeerId, Said>,
}

/// What one notary said.
#[derive(Clone, Debug)]
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

/// Compares what a statement says of its notary's journal with what was said before.
pub(super) fn compare<S: Signer>(message: &Opened, cx: &mut Context<'_, S>) {
    if let Opened::Account(account) = message {
        let quote = || Quote::Account(account.into());
        compare_head(account.signer(), account.head, quote, cx);
    } else if let Opened::Notice(notice) = message {
        let quote = || Quote::Notice(Box::new(notice.into()));
        compare_head(notice.signer(), notice.head, quote, cx);
    } else if let Opened::Tick(tick) = message {
        compare_checkpoint(tick, cx);
    }
}

/// Takes a checkpoint that a notary tells everyone.
fn compare_checkpoint<S: Signer>(tick: &Verified<Tick>, cx: &mut Context<'_, S>) {
    let (notary, Some(checkpoint)) = (tick.signer(), tick.checkpoint) else { return };
    if !watches(notary, cx) {
        return;
    }
    let quote = || Quote::Tick(tick.into());
    compare_head(notary, checkpoint.head, quote, cx);
    if cx.notaries.has_forked(notary) {
        return;
    }
    let said = cx.notaries.heads.of(notary);
    match said.checkpoints.get(&tick.round) {
        Some((digest, other)) if *digest != tick.digest() => {
            let quotes = [other.clone(), quote()];
            leave(Fork { notary, quotes }, cx);
        }
        // One of long ago says nothing that a later one does not.
        None if said.checkpoints.last().is_none_or(|(last, _)| *last < tick.round) => {
            cx.keep_of_notary(OwnerRecord::Checkpoint(tick.into()));
        }
        Some(_) | None => {}
    }
}

fn compare_head<S: Signer>(notary: PeerId, head: Head, quote: impl Fn() -> Quote, cx: &mut Context<'_, S>) {
    if !watches(notary, cx) {
        return;
    }
    let said = cx.notaries.heads.of(notary);
    match said.ends.get(&head.sequence) {
        Some((digest, _)) if *digest == head.digest => {}
        Some((_, other)) => {
            let quotes = [other.clone(), quote()];
            leave(Fork { notary, quotes }, cx);
        }
        None => drop(said.ends.insert(head.sequence, (head.digest, quote()))),
    }
}

/// True for the other notaries of the network that are not left already.
fn watches<S: Signer>(notary: PeerId, cx: &Context<'_, S>) -> bool {
    notary != cx.own() && cx.takes_orders_of(notary)
}

fn leave<S: Signer>(fork: Fork, cx: &mut Context<'_, S>) {
    let notary = fork.notary;
    cx.keep_of_notary(OwnerRecord::Forked(Box::new(fork)));
    cx.tell(Event::Forked { notary });
}

impl Heads {
    fn of(&mut self, notary: PeerId) -> &mut Said {
        self.notaries.entry(notary).or_default()
    }

    /// Remembers a checkpoint.
    pub(super) fn note_checkpoint(&mut self, tick: &Recorded<Tick>) {
        let quote = Quote::Tick(tick.clone());
        self.of(tick.signer()).checkpoints.insert(tick.round, (tick.verified().digest(), quote));
    }

    /// True for a notary of which it is proven that it keeps two journals.
    pub(super) fn has_forked(&self, notary: PeerId) -> bool {
        self.notaries.get(&notary).is_some_and(|said| said.forked)
    }

    /// Notes that it is.
    pub(super) fn fork(&mut self, notary: PeerId) {
        self.of(notary).forked = true;
    }

    /// The notaries that have forked.
    pub(super) fn forked(&self) -> impl Iterator<Item = PeerId> {
        self.notaries.iter().filter(|(_, said)| said.forked).map(|(notary, _)| *notary)
    }
}
