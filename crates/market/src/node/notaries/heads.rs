//! What notaries say of their journals: two statements that cannot both be true prove a fork, and its notary is left.
//!
//! A checkpoint stands in this peer's journal before it is compared with a later one, so nothing of it need be in memory
//! but what tells it from another. What a notary tells this peer alone is kept whole, and costs nothing where it says
//! nothing.
//!
//! **Invariant:** a notary counts as forked for good, once two of its own signed statements show it; what proves it, and
//! every checkpoint that was heard in time, survives a restart.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use assay_protocol::{
    id::{Digest, PeerId},
    message::{Message, Opened},
    notice::{Head, Tick},
    signed::{Recorded, Signer, Verified},
};

use super::Context;
use crate::{
    event::Event,
    record::{Fork, HeadQuote, OwnerRecord},
};

/// Checkpoints of one notary that are remembered. They are passed on for an hour, and between strangers an epoch takes
/// ten minutes: what comes later than eight others is told by nobody any more.
const CHECKPOINTS_MAX: usize = 8;
/// Other statements of one notary that are remembered.
const TOLD_MAX: usize = 16;

/// What notaries said: of each that said something, and a network names few.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Heads {
    notaries: Vec<Word>,
}

/// What one notary said.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Word {
    notary: PeerId,
    /// Its last checkpoints, by round.
    checkpoints: VecDeque<Noted>,
    /// The last of them, as it was signed: whoever kept that journal may have lost it.
    last: Option<Box<Recorded<Tick>>>,
    /// What it told this peer alone of the end of its journal, oldest first.
    #[serde(skip)]
    told: VecDeque<(Head, Box<HeadQuote>)>,
    forked: bool,
}

/// A checkpoint in this peer's journal.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Noted {
    round: u64,
    /// Tells its tick from another of this round.
    tick: Digest,
    head: Head,
}

/// Compares what a statement says of its notary's journal with what was said before.
pub(super) fn compare<S: Signer>(message: &Opened, cx: &mut Context<'_, S>) {
    if let Opened::Account(account) = message {
        hear_alone(account.signer(), account.head, || HeadQuote::Account(account.into()), cx);
    } else if let Opened::Notice(notice) = message {
        hear_alone(notice.signer(), notice.head, || HeadQuote::Notice(Box::new(notice.into())), cx);
    } else if let Opened::Tick(tick) = message {
        hear_checkpoint(tick, cx);
    }
}

/// Takes a checkpoint that a notary tells everyone.
fn hear_checkpoint<S: Signer>(tick: &Verified<Tick>, cx: &mut Context<'_, S>) {
    let (notary, Some(checkpoint)) = (tick.signer(), &tick.checkpoint) else { return };
    if !watches(notary, cx) {
        return;
    }
    let said = cx.notaries.heads.of(notary);
    if let Some(other) = said.contradicting(checkpoint.head).or_else(|| said.contradicting_tick(tick)) {
        let quotes = [other, HeadQuote::Tick(tick.into())];
        leave(Fork { notary, quotes }, cx);
    } else if said.is_new(tick.round) && tick.names_convicts() {
        cx.keep_of_notary(OwnerRecord::Checkpoint(tick.into()));
    }
}

/// Takes what a notary tells this peer alone.
fn hear_alone<S: Signer>(notary: PeerId, head: Head, quote: impl Fn() -> HeadQuote, cx: &mut Context<'_, S>) {
    if !watches(notary, cx) {
        return;
    }
    let said = cx.notaries.heads.of(notary);
    match said.contradicting(head) {
        Some(other) => leave(Fork { notary, quotes: [other, quote()] }, cx),
        None => said.remember(head, quote),
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
    fn of(&mut self, notary: PeerId) -> &mut Word {
        let known = self.notaries.iter().position(|said| said.notary == notary);
        let place = known.unwrap_or_else(|| {
            self.notaries.reserve_exact(1);
            self.notaries.push(Word::nothing(notary));
            self.notaries.len() - 1
        });
        &mut self.notaries[place]
    }

    /// Remembers a checkpoint.
    pub(super) fn note_checkpoint(&mut self, tick: &Recorded<Tick>) {
        let Some(checkpoint) = &tick.checkpoint else { return };
        let noted = Noted { round: tick.round, tick: tick.signed().said().digest(), head: checkpoint.head };
        let said = self.of(tick.signer());
        if said.last.as_ref().is_none_or(|last| last.round < tick.round) {
            said.last = Some(Box::new(tick.clone()));
        }
        said.note(noted);
    }

    /// The last that a notary said of the end of its journal, to everyone and to this peer alone.
    pub(super) fn last_words(&self, notary: PeerId) -> Vec<Message> {
        let Some(said) = self.notaries.iter().find(|said| said.notary == notary) else { return Vec::new() };
        let told = said.told.iter().max_by_key(|(head, _)| head.sequence);
        let told = told.and_then(|(_, quote)| match &**quote {
            HeadQuote::Account(account) => Some(account.verified().into()),
            HeadQuote::Notice(notice) => Some(notice.verified().into()),
            HeadQuote::Tick(_) | HeadQuote::Checkpoint { .. } => None,
        });
        said.last.iter().map(|last| last.verified().into()).chain(told).collect()
    }

    /// True for a notary of which it is proven that it keeps two journals.
    pub(super) fn has_forked(&self, notary: PeerId) -> bool {
        self.notaries.iter().any(|said| said.notary == notary && said.forked)
    }

    /// Notes that it is.
    pub(super) fn fork(&mut self, notary: PeerId) {
        let said = self.of(notary);
        *said = Word { forked: true, ..Word::nothing(notary) };
    }

    /// The notaries that have forked.
    pub(super) fn forked(&self) -> impl Iterator<Item = PeerId> {
        self.notaries.iter().filter(|said| said.forked).map(|said| said.notary)
    }
}

impl Word {
    fn nothing(notary: PeerId) -> Self {
        Self { notary, checkpoints: VecDeque::new(), last: None, told: VecDeque::new(), forked: false }
    }

    /// What it said of a journal of this length that ends otherwise.
    fn contradicting(&self, head: Head) -> Option<HeadQuote> {
        let contradicts = |other: Head| other.sequence == head.sequence && other.digest != head.digest;
        let noted = self.checkpoints.iter().find(|noted| contradicts(noted.head));
        let told = || self.told.iter().find(|(other, _)| contradicts(*other));
        noted.map(Noted::quote).or_else(|| told().map(|(_, quote)| (**quote).clone()))
    }

    /// Another checkpoint of its round.
    fn contradicting_tick(&self, tick: &Verified<Tick>) -> Option<HeadQuote> {
        let of_round = self.checkpoints.iter().find(|noted| noted.round == tick.round);
        of_round.filter(|noted| noted.tick != tick.digest()).map(Noted::quote)
    }

    /// True for a round that nothing is known of, and that can still be told.
    fn is_new(&self, round: u64) -> bool {
        let is_known = self.checkpoints.iter().any(|noted| noted.round == round);
        let is_late = self.checkpoints.len() >= CHECKPOINTS_MAX
            && self.checkpoints.front().is_some_and(|oldest| round < oldest.round);
        !is_known && !is_late
    }

    /// Remembers a checkpoint instead of the oldest.
    fn note(&mut self, noted: Noted) {
        if !self.is_new(noted.round) {
            return;
        }
        if self.checkpoints.len() >= CHECKPOINTS_MAX {
            self.checkpoints.pop_front();
        }
        let place = self.checkpoints.partition_point(|other| other.round < noted.round);
        self.checkpoints.insert(place, noted);
    }

    /// Remembers what it told this peer alone, instead of the oldest.
    fn remember(&mut self, head: Head, quote: impl Fn() -> HeadQuote) {
        if self.told.iter().any(|(other, _)| other.sequence == head.sequence) {
            return;
        }
        if self.told.len() >= TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back((head, Box::new(quote())));
    }
}

impl Noted {
    fn quote(&self) -> HeadQuote {
        HeadQuote::Checkpoint { round: self.round }
    }
}
