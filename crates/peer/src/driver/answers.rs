//! Answers to other peers' questions.
//!
//! **Invariant:** what can be answered from the loop's own state is answered at once; what needs the disk is answered by a
//! task, and the loop goes on.

use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    journal::JournalRange,
    signed::Verified,
};

use super::{
    Driver,
    pages::{self, BOOK, HEAD, HEARD, JOURNAL, LEFT},
};
use crate::{journal::Records, network};

/// Bytes of the longest question about a journal.
const WANTED_BYTES_MAX: usize = 16;

impl Driver {
    /// Answers another peer.
    pub(super) fn answer_peer(&self, from: PeerId, kind: u8, bytes: &[u8], reply: network::Reply) {
        match kind {
            BOOK => {
                let own = self.book.get(self.own);
                let others = self.book.iter().filter(|offer| offer.signer() != self.own);
                reply.answer(pages::book(own.into_iter().chain(others).map(Verified::signed)));
            }
            JOURNAL => match codec::decode::<JournalRange>(bytes, WANTED_BYTES_MAX) {
                Ok(wanted) => self.answer_page(wanted, reply),
                Err(error) => tracing::warn!(%from, %error, "a question about the journal is none"),
            },
            HEAD => reply.answer(pages::words(&self.node.last_words(from))),
            LEFT => reply.answer(pages::left(self.node.forked().contains(&from))),
            HEARD => {
                if let Some((job, heard)) = bytes.split_first_chunk() {
                    self.background.executor.expect(from, Digest(*job), heard);
                }
                reply.answer(Vec::new());
            }
            // Refused by being dropped.
            _ => tracing::debug!(%from, kind, "a question of an unknown kind"),
        }
    }

    /// So many entries of this notary at most, from the one of this number on: which places are withheld, how many entries there are,
    /// and what reads them. What is saved and not durable yet cannot be read, and is nobody's to know.
    pub(super) fn published(&self, from: u64, most: u64) -> (Vec<u64>, u64, Records) {
        let withheld = self.node.withheld(from..from.saturating_add(most));
        (withheld, self.journal.entry_count(), self.journal.entries(from))
    }

    fn answer_page(&self, wanted: JournalRange, reply: network::Reply) {
        let (withheld, total, records) = self.published(wanted.from, pages::ENTRIES_MAX);
        tokio::task::spawn_blocking(move || {
            reply.answer(codec::encode(&pages::page(records, wanted, &withheld, total)));
        });
    }
}
