//! Before a notary signs again after a start: whether anybody remembers more of its journal than it does.
//!
//! A copy of a home that is put back knows nothing of what was signed since, and a notary that went on from it would say
//! other things under numbers that it has used: every peer would leave it. So it asks whom it can reach for the last that
//! they heard it say. Each answer bears its own signature, so nobody can hold it up with a lie.
//!
//! It waits for all whom it asked, and for as long as others may take to connect: whoever comes first may know less than
//! who comes next, and an old head is as genuine as the last.
//!
//! What was not found out so may be later: whoever comes while books are kept is asked as well, and all that are connected in
//! turn. They also say whether they have left, since they have heard of another journal of this notary: that bears no signature
//! of it, so it is told as what they say, and nothing is done for it.
//!
//! **Invariant:** until somebody was heard, a notary that has a journal signs nothing; where its operator says that it is
//! alone, it waits for nobody but who is there within ten seconds. One that is behind its own words ends, whenever that is
//! heard. Where others are named, or there is a journal, no answer shortens the wait for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use assay_market::{Command, Input, Record};
use assay_protocol::{
    codec,
    id::{NetworkId, PeerId},
    message::{Message, Opened},
    notice::Head,
    signed::Ed25519,
};
use tokio::time::timeout;

use super::{Driver, background::Background, pages};
use crate::{home::books_mark::BooksMark, journal::Broken, network::Network};

/// How long a peer has to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How long others may take to connect, from the first that was asked and answered.
const OTHERS_WAIT: Duration = Duration::from_secs(10);
/// How long a new notary of a network that names no contacts looks for somebody who has heard of it.
const NEW_WAIT: Duration = Duration::from_secs(1);
/// After how long a peer that gave no answer is asked again.
const ASK_PAUSE: Duration = Duration::from_secs(10);
/// After this long without any answer it says that it waits.
const ALONE_WAIT: Duration = Duration::from_secs(5);
/// Between two who are asked because they come while books are kept.
const COMER_PAUSE: Duration = Duration::from_millis(250);
/// Between two of those who are there, who are asked in turn then.
const TURN_PAUSE: Duration = Duration::from_secs(5);
/// Peers that are noted to have left.
const LEFT_MAX: usize = 1_024;

/// Why a loop ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The journal broke.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// This notary signed what its journal does not hold.
    #[error("it signed the head of a journal of {said} entries, and holds {present} of them")]
    Behind {
        /// How long its journal was.
        said: u64,
        /// How much of it is here.
        present: u64,
        /// True if it has signed more since it began.
        has_begun: bool,
    },
    /// This notary signed another journal than it holds.
    #[error("entry {entry} is not the one that it signed")]
    Forked {
        /// Which entry; the first is 1.
        entry: u64,
        /// True if it has signed more since it began.
        has_begun: bool,
    },
}

impl Ended {
    /// True if something may have been signed in this life.
    pub(crate) fn has_begun(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Behind { has_begun, .. } | Self::Forked { has_begun, .. } => *has_begun,
        }
    }
}

/// What was heard so far.
pub(crate) struct Confirming {
    since: Instant,
    asked: BTreeMap<PeerId, HeadQuestion>,
    /// How long it waits where nobody may be there: without a journal, or alone.
    most_wait: Option<Duration>,
    told: bool,
    /// What says that this notary has begun.
    mark: BooksMark,
}

/// A peer that was asked.
struct HeadQuestion {
    at: Instant,
    answer: HeadAnswer,
}

/// What it said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HeadAnswer {
    /// It may still answer.
    Awaited,
    /// It refused, was not understood, or took too long.
    Missing,
    /// It gave what it heard, if that is nothing.
    Given,
}

impl Confirming {
    /// Of a notary with or without a journal, in a network that names contacts or none. One whose journal is gone, but that has
    /// begun before, is not new.
    fn new(now: Instant, is_empty: bool, has_contacts: bool, mark: BooksMark) -> Self {
        let is_new = is_empty && !mark.is_set();
        let most_wait = is_new.then_some(if has_contacts { OTHERS_WAIT } else { NEW_WAIT });
        Self { since: now, asked: BTreeMap::new(), most_wait, told: false, mark }
    }

    /// Of a notary as it is started: alone, if its operator says so.
    pub(crate) fn begun(
        now: Instant,
        is_empty: bool,
        (is_alone, has_contacts): (bool, bool),
        mark: BooksMark,
    ) -> Self {
        match is_alone && (!is_empty || mark.is_set()) {
            true => Self::alone(now, mark),
            false => Self::new(now, is_empty, has_contacts, mark),
        }
    }

    /// Of a notary that has a journal and whose operator says that nobody can be asked: who is there all the same, is.
    fn alone(now: Instant, mark: BooksMark) -> Self {
        Self { since: now, asked: BTreeMap::new(), most_wait: Some(OTHERS_WAIT), told: false, mark }
    }

    /// How many have answered.
    fn answered(&self) -> usize {
        self.asked.values().filter(|asked| asked.answer == HeadAnswer::Given).count()
    }

    /// Notes that a peer is asked; false if that is not to be done now.
    fn ask(&mut self, peer: PeerId, now: Instant) -> bool {
        // Strangers who come, say nothing and go are not kept in mind.
        self.asked.retain(|_, asked| asked.answer != HeadAnswer::Missing || now - asked.at < ASK_PAUSE);
        if self.asked.contains_key(&peer) {
            return false;
        }
        self.asked.insert(peer, HeadQuestion { at: now, answer: HeadAnswer::Awaited });
        true
    }

    /// Notes what a peer answered.
    fn note(&mut self, peer: PeerId, answer: HeadAnswer) {
        if let Some(asked) = self.asked.get_mut(&peer) {
            asked.answer = answer;
        }
    }

    /// When the first was asked of those that answered.
    fn met(&self) -> Option<Instant> {
        self.asked.values().filter(|asked| asked.answer == HeadAnswer::Given).map(|asked| asked.at).min()
    }

    /// True once enough was heard. Those that are asked late are not waited for: else strangers could hold it up for ever.
    fn suffices(&self, now: Instant) -> bool {
        // Where nobody is named, whoever is there is all that there is.
        if self.most_wait == Some(NEW_WAIT) && self.met().is_some() {
            return true;
        }
        let met = || self.met().map(|met| met + OTHERS_WAIT);
        let Some(begin) = self.most_wait.map(|wait| self.since + wait).or_else(met) else { return false };
        let awaited = |asked: &HeadQuestion| asked.answer == HeadAnswer::Awaited && asked.at < begin;
        now >= begin && !self.asked.values().any(awaited)
    }

    /// True if it is to be said now that nobody answers.
    fn waits_alone(&mut self, now: Instant) -> bool {
        let alone = self.most_wait.is_none() && self.met().is_none() && now - self.since >= ALONE_WAIT;
        alone && !std::mem::replace(&mut self.told, true)
    }
}

/// What others say of this notary while it keeps books.
pub(crate) struct Afterwards {
    is_notary: bool,
    /// From when on somebody who comes may be asked.
    next_comer: Instant,
    /// From when on the next of those who are there is asked, and which of them.
    next_turn: Instant,
    turn: usize,
    /// Who says that it has left.
    left: BTreeSet<PeerId>,
}

impl Afterwards {
    /// Of a peer that keeps books, or of one that has nothing to ask.
    pub(crate) fn new(is_notary: bool, now: Instant) -> Self {
        Self { is_notary, next_comer: now, next_turn: now, turn: 0, left: BTreeSet::new() }
    }

    /// True if somebody who comes now is to be asked.
    fn asks_comer(&mut self, now: Instant) -> bool {
        let asks = self.is_notary && now >= self.next_comer;
        if asks {
            self.next_comer = now + COMER_PAUSE;
        }
        asks
    }

    /// Who is to be asked now of those who are there.
    fn in_turn(&mut self, present: impl Fn() -> Vec<PeerId>, now: Instant) -> Option<PeerId> {
        if !self.is_notary || now < self.next_turn {
            return None;
        }
        self.next_turn = now + TURN_PAUSE;
        let present = present();
        self.turn = self.turn.wrapping_add(1);
        present.get(self.turn.checked_rem(present.len())?).copied()
    }

    /// Notes that a peer has left; true if that is news.
    fn note_left(&mut self, peer: PeerId) -> bool {
        self.left.len() < LEFT_MAX && self.left.insert(peer)
    }

    /// How many say that they have left.
    pub(super) fn left_by(&self) -> u64 {
        self.left.len() as u64
    }
}

impl Driver {
    /// Asks a peer what it heard of this notary, if that is not known yet.
    pub(super) fn confirm_by(&mut self, peer: PeerId) {
        let now = Instant::now();
        let asks = match &mut self.confirming {
            Some(confirming) => confirming.ask(peer, now),
            None => self.afterwards.asks_comer(now),
        };
        if asks {
            ask_head(&self.background, peer, (self.own, self.network_id));
        }
    }

    /// Asks the next of those who are connected, while books are kept.
    fn ask_in_turn(&mut self) {
        let network = &self.background.network;
        if let Some(peer) = self.afterwards.in_turn(|| network.peers(), Instant::now()) {
            ask_head(&self.background, peer, (self.own, self.network_id));
        }
    }

    /// Takes what a peer heard, and whether it has left.
    pub(super) fn weigh(
        &mut self,
        from: PeerId,
        (heads, has_left): (Option<&[Head]>, bool),
    ) -> Result<(), Ended> {
        for head in heads.into_iter().flatten() {
            self.compare_with(*head)?;
        }
        if has_left && self.afterwards.note_left(from) {
            // Anybody can say so, under as many names as it likes.
            tracing::warn!(
                peer = %from,
                "says, and does not prove, that it has left this notary for good, since it has heard of two journals of it"
            );
        }
        let Some(confirming) = &mut self.confirming else { return Ok(()) };
        confirming.note(from, if heads.is_some() { HeadAnswer::Given } else { HeadAnswer::Missing });
        Ok(())
    }

    /// Compares a head that this notary signed with its journal.
    fn compare_with(&self, head: Head) -> Result<(), Ended> {
        let Some(last) = head.sequence.checked_sub(1) else { return Ok(()) };
        let has_begun = self.confirming.is_none();
        if head.sequence > self.entries {
            return Err(Ended::Behind { said: head.sequence, present: self.entries, has_begun });
        }
        let read = self.journal.entries(last).next().and_then(Result::ok);
        let entry = read.and_then(|(_, bytes)| {
            let record = codec::decode::<Record>(&bytes, bytes.len());
            if let Ok(Record::Chain(entry)) = record { Some(entry.digest()) } else { None }
        });
        // What is not on the disk yet is younger than this life.
        match entry {
            Some(digest) if digest != head.digest => Err(Ended::Forked { entry: head.sequence, has_begun }),
            Some(_) | None => Ok(()),
        }
    }

    /// Begins to keep books once enough was heard.
    pub(super) fn confirm(&mut self) {
        if self.confirming.is_none() {
            return self.ask_in_turn();
        }
        for peer in self.background.network.peers() {
            self.confirm_by(peer);
        }
        let Some(confirming) = &mut self.confirming else { return };
        if confirming.suffices(Instant::now()) {
            if let Err(error) = confirming.mark.set() {
                return tracing::error!(%error, "no books are kept: that they were begun cannot be noted");
            }
            let (entries, answered) = (self.entries, confirming.answered());
            tracing::info!(
                entries,
                answered,
                "keeps books: nobody who answered has heard more of this notary"
            );
            self.confirming = None;
            drop(self.background.reports.send(Input::Command(Command::KeepBooks)));
        } else if confirming.waits_alone(Instant::now()) {
            tracing::warn!(
                "nobody has said what they heard last of this notary's journal: it signs nothing until somebody does, \
                 or until it is started with `assay up --alone`"
            );
        }
    }
}

/// Asks a peer, in a task of its own.
pub(super) fn ask_head(background: &Background, peer: PeerId, own: (PeerId, NetworkId)) {
    let background = background.clone();
    tokio::spawn(async move {
        let network = &background.network;
        let head = asked(network, peer, (pages::HEAD, pages::WORDS_BYTES_MAX));
        let (words, left) = tokio::join!(head, asked(network, peer, (pages::LEFT, pages::LEFT_BYTES_MAX)));
        let words = words.and_then(|bytes| pages::read_words(&bytes).ok());
        let heads = words.map(|words| words.into_iter().filter_map(|word| head_of(word, own)).collect());
        let has_left = left.is_some_and(|bytes| pages::read_left(&bytes));
        background.intake.heads(peer, heads, has_left).await;
    });
}

/// What a peer answers to a question of this kind, so long at most, if it does in time. Strangers who are silent hold each
/// place of other questions for longer than that time, so these wait for none: a peer is asked once at a time, or again after a pause.
async fn asked(network: &Network, peer: PeerId, (kind, bytes_max): (u8, usize)) -> Option<Vec<u8>> {
    timeout(ANSWER_WAIT, network.ask_at_once(peer, kind, bytes_max)).await.ok()?.ok()
}

/// What this notary said of the end of its journal, if it said that.
fn head_of(word: Message, (own, network): (PeerId, NetworkId)) -> Option<Head> {
    let opened = word.open::<Ed25519>(network).ok().filter(|opened| opened.signer() == own)?;
    if let Opened::Tick(tick) = &opened {
        return tick.checkpoint.as_ref().map(|checkpoint| checkpoint.head);
    }
    if let Opened::Account(account) = &opened {
        return Some(account.head);
    }
    if let Opened::Notice(notice) = &opened { Some(notice.head) } else { None }
}

#[cfg(test)]
mod tests;
