//! Fetching a blob or a receipt: one source after another, until one gives it.
//!
//! **Invariant:** every fetch is answered once; only bytes with the digest that was asked for are kept, and only a receipt
//! that proves what it says is filed.

use std::rc::Rc;

use assay_market::{
    Input,
    input::{Blob, Proven, Uncollected},
};
use assay_protocol::{id::Digest, receipt::Receipt};

use super::{
    Market, Observer,
    archive::{JudgedReceipt, PARTIES},
    event::{ExpectedReceipt, Matter, PendingAsk, SoughtPiece},
};
use crate::{
    kernel::Span,
    world::{
        Place,
        fetch::PATIENCE,
        fetches::{FetchId, Waiter, Want},
    },
};

impl<O: Observer> Market<O> {
    /// Gets a blob, which is kept for its holder from now on.
    pub(super) fn fetch(&mut self, place: Place, want: Want) {
        let own = self.directory.name(place);
        let living = self.living(place);
        living.store.keep(want.holder, want.digest);
        if let Some(id) = living.fetches.join(want, own) {
            self.within(place, Span::ZERO, Matter::SoughtPiece(SoughtPiece::Blob(id)));
        }
    }

    /// Ends everything that a holder keeps, serves and waits for.
    pub(super) fn release(&mut self, place: Place, holder: Digest) {
        let living = self.living(place);
        living.store.release(&holder);
        for digest in living.fetches.release(&holder) {
            let ended = Input::Fetched { holder, digest, found: None };
            self.within(place, Span::ZERO, Matter::Heard(ended));
        }
    }

    /// Looks here, then asks the first source.
    pub(super) fn seek(&mut self, place: Place, sought: SoughtPiece) {
        match sought {
            SoughtPiece::Blob(id) => self.seek_blob(place, id),
            SoughtPiece::Receipt(expected) => {
                let here = self.living(place).store.get(&expected.digest).cloned();
                let notary = self.directory.find(&expected.notary).filter(|notary| *notary != place);
                match (here, notary) {
                    (None, Some(notary)) => self.ask_for(place, sought, notary, u64::MAX),
                    (here, _) => self.answer_receipt(place, expected, here.as_ref()),
                }
            }
        }
    }

    fn seek_blob(&mut self, place: Place, id: FetchId) {
        if !self.living(place).fetches.goes_on(id) {
            return;
        }
        if let Some(found) = self.living(place).store.describe(&id.digest) {
            return self.answer_blob(place, id, Some(found));
        }
        while let Some((source, bytes_max)) = self.living(place).fetches.next(id) {
            if let Some(source) = self.directory.find(&source) {
                return self.ask_for(place, SoughtPiece::Blob(id), source, bytes_max);
            }
        }
        self.answer_blob(place, id, None);
    }

    fn ask_for(&mut self, asker: Place, sought: SoughtPiece, source: Place, bytes_max: u64) {
        match self.arrival(asker, source) {
            Some(delay) => {
                let life = self.residents[asker.0].life;
                self.comes(source, delay, Matter::PendingAsk(PendingAsk { asker, life, sought, bytes_max }));
            }
            None => self.within(asker, PATIENCE, Matter::Got(sought, None)),
        }
    }

    /// The source answers, refuses or is not there.
    pub(super) fn serve(&mut self, source: Place, asked: PendingAsk) {
        let PendingAsk { asker, life, sought, bytes_max } = asked;
        self.wake_up(source);
        self.observer.asked(self.sighting(source));
        let by = self.directory.name(asker);
        let living = self.living(source);
        let bytes = living.store.fetch(&sought.digest(), by);
        let is_up = living.node.is_some() && !self.is_asleep(source);
        let (delay, bytes) = match self.arrival(source, asker).filter(|_| is_up) {
            Some(delay) => (delay, bytes.filter(|bytes| bytes.len() as u64 <= bytes_max)),
            None => (PATIENCE, None),
        };
        if life == self.residents[asker.0].life {
            self.within(asker, delay, Matter::Got(sought, bytes));
        }
    }

    /// A source has given something, or is of no use.
    pub(super) fn got(&mut self, place: Place, sought: SoughtPiece, bytes: Option<&Rc<[u8]>>) {
        let bytes = bytes.filter(|bytes| Digest::of(bytes) == sought.digest());
        match (sought, bytes) {
            (SoughtPiece::Receipt(expected), bytes) => {
                self.answer_receipt(place, expected, bytes);
            }
            (SoughtPiece::Blob(id), None) => self.seek_blob(place, id),
            (SoughtPiece::Blob(id), Some(bytes)) => {
                let living = self.living(place);
                // What nobody waits for any more is let go.
                if living.fetches.goes_on(id) {
                    let stored = living.store.store(Rc::clone(bytes));
                    let found = living.store.describe(&id.digest).filter(|_| stored);
                    self.answer_blob(place, id, found);
                }
            }
        }
    }

    fn answer_blob(&mut self, place: Place, id: FetchId, found: Option<Blob>) {
        for Waiter { holder, bytes_max } in self.living(place).fetches.end(id) {
            let found = found.filter(|blob| blob.bytes <= bytes_max);
            self.feed(place, Input::Fetched { holder, digest: id.digest, found });
        }
    }

    fn answer_receipt(&mut self, place: Place, expected: ExpectedReceipt, bytes: Option<&Rc<[u8]>>) {
        let ExpectedReceipt { job, digest, .. } = expected;
        let found = self.judge(place, expected, bytes);
        self.feed(place, Input::Collected { job, digest, found });
    }

    /// What a receipt proves of its job.
    fn judge(
        &mut self,
        place: Place,
        expected: ExpectedReceipt,
        bytes: Option<&Rc<[u8]>>,
    ) -> Result<Proven, Uncollected> {
        let bytes = bytes.ok_or(Uncollected::Absent)?;
        let ExpectedReceipt { job, digest, notary } = expected;
        let filed = if self.ground.keeps_records { None } else { self.archive.read(&digest) };
        let judged = filed.map(|(judged, _)| judged);
        let judged = judged.or_else(|| JudgedReceipt::of(bytes)).ok_or(Uncollected::Refuted)?;
        if (judged.job, judged.notary, judged.network) != (job, notary, self.network) {
            return Err(Uncollected::Refuted);
        }
        if self.ground.keeps_records {
            self.living(place).store.file_as(job, judged.said, Rc::clone(bytes));
        } else if filed.is_some_and(|(_, readers)| readers == PARTIES) {
            let notary = self.plan.notary();
            self.living(notary).store.let_go(&digest);
        }
        Ok(judged.proven)
    }

    /// Keeps a receipt, which its parties will ask for.
    pub(super) fn file(&mut self, place: Place, receipt: &Receipt) {
        let bytes = receipt.to_bytes();
        let judged = JudgedReceipt::as_filed(receipt, Digest::of(&bytes), self.network);
        if !self.ground.keeps_records && place == self.plan.notary() {
            self.archive.file(judged);
        }
        self.living(place).store.file_as(judged.job, judged.said, bytes.into());
    }
}
