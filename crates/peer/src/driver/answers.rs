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
use crate::network;

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

    fn answer_page(&self, wanted: JournalRange, reply: network::Reply) {
        let total = self.entries;
        let last = wanted.from.saturating_add(pages::ENTRIES_MAX);
        let withheld = self.node.withheld(wanted.from..last);
        let records = self.journal.entries(wanted.from);
        tokio::task::spawn_blocking(move || {
            reply.answer(codec::encode(&pages::page(records, wanted, &withheld, total)));
        });
    }
}
