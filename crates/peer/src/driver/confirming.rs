//! Before a notary signs again after a start: whether anybody remembers more of its journal than it does.
//!
//! A copy of a home that is put back knows nothing of what was signed since, and a notary that went on from it would say
//! other things under numbers that it has used: every peer would leave it. So it asks whom it can reach for the last that
//! they heard it say. Each answer bears its own signature, so nobody can hold it up with a lie.
//!
//! **Invariant:** until somebody was heard, or its operator says that it is alone, a notary that has a journal signs
//! nothing; one that is behind its own words ends.

use std::{
    collections::BTreeSet,
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
use crate::journal::Broken;

/// How long a peer has to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How long others may still answer once one has.
const OTHERS_WAIT: Duration = Duration::from_secs(1);
/// How long those may answer who know nothing, before their word is enough.
const NOTHING_WAIT: Duration = Duration::from_secs(10);
/// How long a new notary looks for somebody who has heard of it.
const NEW_WAIT: Duration = Duration::from_secs(1);
/// After this long alone it says that it waits.
const ALONE_WAIT: Duration = Duration::from_secs(5);

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
    },
    /// This notary signed another journal than it holds.
    #[error("entry {entry} is not the one that it signed")]
    Forked {
        /// Which entry; the first is 1.
        entry: u64,
    },
}

/// What was heard so far.
pub(crate) struct Confirming {
    since: Instant,
    asked: BTreeSet<PeerId>,
    waiting: usize,
    /// When the first answered that knew something, and the first that did not.
    agreed: Option<Instant>,
    answered: bool,
    is_new: bool,
    told: bool,
}

impl Confirming {
    pub(crate) fn new(is_new: bool) -> Self {
        Self {
            since: Instant::now(),
            asked: BTreeSet::new(),
            waiting: 0,
            agreed: None,
            answered: false,
            is_new,
            told: false,
        }
    }

    /// True once enough was heard.
    fn suffices(&self) -> bool {
        let passed = self.since.elapsed();
        let all_heard = |since: Instant| self.waiting == 0 || since.elapsed() >= OTHERS_WAIT;
        self.agreed.is_some_and(all_heard)
            || (self.answered && passed >= NOTHING_WAIT)
            || (self.is_new && (self.answered || passed >= NEW_WAIT))
    }

    /// True if it is to be said now that nobody is there.
    fn waits_alone(&mut self) -> bool {
        let alone = !self.is_new && self.asked.is_empty() && self.since.elapsed() >= ALONE_WAIT;
        alone && !std::mem::replace(&mut self.told, true)
    }
}

impl Driver {
    /// Asks a peer what it heard of this notary, if that is not known yet.
    pub(super) fn confirm_by(&mut self, peer: PeerId) {
        let Some(confirming) = &mut self.confirming else { return };
        if confirming.asked.insert(peer) {
            confirming.waiting += 1;
            ask_head(&self.background, peer, (self.own, self.network_id));
        }
    }

    /// Takes what a peer heard.
    pub(super) fn weigh(&mut self, from: PeerId, heads: Option<&[Head]>) -> Result<(), Ended> {
        for head in heads.into_iter().flatten() {
            self.compare_with(*head)?;
        }
        let Some(confirming) = &mut self.confirming else { return Ok(()) };
        confirming.waiting = confirming.waiting.saturating_sub(1);
        match heads {
            None => {
                confirming.asked.remove(&from);
            }
            Some([]) => confirming.answered = true,
            Some(_) => confirming.agreed = confirming.agreed.or_else(|| Some(Instant::now())),
        }
        Ok(())
    }

    /// Compares a head that this notary signed with its journal.
    fn compare_with(&self, head: Head) -> Result<(), Ended> {
        let Some(last) = head.sequence.checked_sub(1) else { return Ok(()) };
        if head.sequence > self.entries {
            return Err(Ended::Behind { said: head.sequence, present: self.entries });
        }
        let read = self.journal.entries(last).next().and_then(Result::ok);
        let entry = read.and_then(|(_, bytes)| {
            let record = codec::decode::<Record>(&bytes, bytes.len());
            if let Ok(Record::Chain(entry)) = record { Some(entry.digest()) } else { None }
        });
        // What is not on the disk yet is younger than this life.
        match entry {
            Some(digest) if digest != head.digest => Err(Ended::Forked { entry: head.sequence }),
            Some(_) | None => Ok(()),
        }
    }

    /// Begins to keep books once enough was heard.
    pub(super) fn confirm(&mut self) {
        if self.confirming.is_none() {
            return;
        }
        for peer in self.background.network.peers() {
            self.confirm_by(peer);
        }
        let Some(confirming) = &mut self.confirming else { return };
        if confirming.suffices() {
            self.confirming = None;
            drop(self.background.reports.send(Input::Command(Command::KeepBooks)));
        } else if confirming.waits_alone() {
            tracing::warn!(
                "nobody is there to ask for the last head of this notary's journal: it signs nothing until somebody is, \
                 or until it is started with `assay up --alone`"
            );
        }
    }
}

/// Asks a peer, in a task of its own.
fn ask_head(background: &Background, peer: PeerId, own: (PeerId, NetworkId)) {
    let background = background.clone();
    tokio::spawn(async move {
        let asked = timeout(ANSWER_WAIT, background.network.ask(peer, pages::HEAD, Vec::new())).await;
        let answer = asked.ok().and_then(Result::ok);
        let words = answer.and_then(|bytes| pages::read_words(&bytes).ok());
        let heads = words.map(|words| words.into_iter().filter_map(|word| head_of(word, own)).collect());
        background.intake.heads(peer, heads).await;
    });
}

/// What this notary said of the end of its journal, if it said that.
fn head_of(word: Message, (own, network): (PeerId, NetworkId)) -> Option<Head> {
    let opened = word.open::<Ed25519>(network).ok().filter(|opened| opened.signer() == own)?;
    if let Opened::Tick(tick) = &opened {
        return tick.checkpoint.map(|checkpoint| checkpoint.head);
    }
    if let Opened::Account(account) = &opened {
        return Some(account.head);
    }
    if let Opened::Notice(notice) = &opened { Some(notice.head) } else { None }
}
