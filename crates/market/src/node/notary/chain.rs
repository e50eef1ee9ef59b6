//! The public chain of a notary: every fact that its books took, and the receipts that follow from them.
//!
//! **Invariant:** an entry quotes the one before; the books are the fold of the chain, live and on restore alike.

use alloc::boxed::Box;

use assay_protocol::{
    id::NetworkId,
    journal::{Entry, Fact},
    notice::Head,
    receipt::Receipt,
    signed::Signer,
};

use super::{News, Notary, Record, Rejection};
use crate::{
    effect::{Effect, Effects},
    node::context::Context,
};

/// Entries at the end of a chain whose receipts are filed again after a restart: a crash can lose no more.
pub const REFILED_ENTRIES: u64 = 256;

impl Notary {
    /// Takes a fact into the books, saves it, and says what follows.
    pub(super) fn enter<S: Signer>(&mut self, fact: Fact, cx: &mut Context<'_, S>) -> Result<(), Rejection> {
        let touched = self.ledger.apply(&fact)?;
        let entry = Entry { previous: self.head.digest, fact };
        self.head = Head { sequence: self.head.sequence + 1, digest: entry.digest() };
        cx.save(Record::Chain(Box::new(entry)));
        touched.news.into_iter().for_each(|news| self.announce(news, cx));
        self.disclose(&touched.jobs, cx);
        Ok(())
    }

    /// Takes an entry of its own chain again.
    pub(in crate::node) fn fold_entry<S: Signer>(&mut self, entry: &Entry, signer: &S, network: NetworkId) {
        let position = self.head.sequence;
        let Ok(touched) = self.ledger.apply(&entry.fact) else { return };
        self.head = Head { sequence: position + 1, digest: entry.digest() };
        for news in touched.news {
            let News::Closed { story, .. } = news else { continue };
            let (receipt, digest) = Receipt::seal(*story, signer, network);
            self.openings.remove(&receipt.story.ticket.job);
            self.receipts.insert(receipt.story.ticket.job, digest);
            self.recent.retain(|(at, _)| at + REFILED_ENTRIES >= position);
            self.recent.push((position, Box::new(receipt)));
        }
    }

    /// Files again what a crash may have kept from being filed.
    pub(in crate::node) fn refile(&mut self, out: &mut Effects) {
        let since = self.head.sequence.saturating_sub(REFILED_ENTRIES);
        let lost = self.recent.iter().filter(|(position, _)| *position >= since);
        out.extend(lost.map(|(_, receipt)| Effect::File { receipt: receipt.clone() }));
    }
}
