//! Fetching a blob or a receipt: one source after another, until one gives it.
//!
//! **Invariant:** every fetch is answered once; only bytes with the digest that was asked for are kept, and only a receipt
//! that proves what it says is filed.

use std::rc::Rc;

use assay_market::{
    Input,
    input::{Blob, Proven, Uncollected},
};
use assay_protocol::{
    id::Digest,
    receipt::{Receipt, verify},
};

use super::{
    Market, Observer,
    event::{Asked, ExpectedReceipt, Matter, Sought},
};
use crate::{
    crypto::Simulated,
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
            self.within(place, Span::ZERO, Matter::Sought(Sought::Blob(id)));
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
    pub(super) fn seek(&mut self, place: Place, sought: Sought) {
        match sought {
            Sought::Blob(id) => self.seek_blob(place, id),
            Sought::Receipt(expected) => {
                let here = self.living(place).store.get(&expected.digest).cloned();
                let notary = self.directory.find(&expected.notary).filter(|notary| *notary != place);
                match (here, notary) {
                    (None, Some(notary)) => self.ask_for(place, sought, notary, u64::MAX),
                    (here, _) => self.answer_receipt(place, expected, here.as_deref()),
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
                return self.ask_for(place, Sought::Blob(id), source, bytes_max);
            }
        }
        self.answer_blob(place, id, None);
    }

    fn ask_for(&mut self, asker: Place, sought: Sought, source: Place, bytes_max: u64) {
        match self.arrival(asker, source) {
            Some(delay) => {
                let life = self.residents[asker.0].life;
                self.comes(source, delay, Matter::Asked(Asked { asker, life, sought, bytes_max }));
            }
            None => self.within(asker, PATIENCE, Matter::Got(sought, None)),
        }
    }

    /// The source answers, refuses or is not there.
    pub(super) fn serve(&mut self, source: Place, asked: Asked) {
        let Asked { asker, life, sought, bytes_max } = asked;
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
    pub(super) fn got(&mut self, place: Place, sought: Sought, bytes: Option<&Rc<[u8]>>) {
        let bytes = bytes.filter(|bytes| Digest::of(bytes) == sought.digest());
        match (sought, bytes) {
            (Sought::Receipt(expected), bytes) => {
                self.answer_receipt(place, expected, bytes.map(AsRef::as_ref));
            }
            (Sought::Blob(id), None) => self.seek_blob(place, id),
            (Sought::Blob(id), Some(bytes)) => {
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

    fn answer_receipt(&mut self, place: Place, expected: ExpectedReceipt, bytes: Option<&[u8]>) {
        let ExpectedReceipt { job, digest, .. } = expected;
        let found = self.judge(place, expected, bytes);
        self.feed(place, Input::Collected { job, digest, found });
    }

    /// What a receipt proves of its job.
    fn judge(
        &mut self,
        place: Place,
        expected: ExpectedReceipt,
        bytes: Option<&[u8]>,
    ) -> Result<Proven, Uncollected> {
        let bytes = bytes.ok_or(Uncollected::Absent)?;
        let receipt = Receipt::from_bytes(bytes).map_err(|_| Uncollected::Refuted)?;
        let report = verify::<Simulated>(&receipt).map_err(|_| Uncollected::Refuted)?;
        let ExpectedReceipt { job, notary, .. } = expected;
        if (report.job, report.notary, report.network) != (job, notary, self.network) {
            return Err(Uncollected::Refuted);
        }
        self.living(place).store.file(&receipt);
        Ok(Proven { outcome: report.outcome, claim: report.claim, cost: report.cost })
    }
}
