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
    id::{Digest, JobId, PeerId},
    receipt::{Receipt, verify},
};

use super::{
    Occurrence, Place, WithinPeer, World,
    fetches::{FetchId, Waiter, Want},
};
use crate::{crypto::Simulated, kernel::Span, network::Fate};

/// How long one source is waited for.
pub(crate) const PATIENCE: Span = Span::millis(600);

/// What a peer looks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sought {
    /// A blob, for all who wait for it.
    Blob(FetchId),
    /// A receipt.
    Receipt(Expected),
}

/// A receipt that is expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) job: JobId,
    pub(super) digest: Digest,
    /// Whose signature it must bear.
    pub(super) notary: PeerId,
}

/// A peer is asked for a blob.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) asker: Place,
    /// The life of the asker.
    pub(super) life: u64,
    pub(super) sought: Sought,
    pub(super) source: Place,
    /// The most bytes that are wanted.
    pub(super) bytes_max: u64,
}

impl Sought {
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Blob(id) => id.digest,
            Self::Receipt(expected) => expected.digest,
        }
    }
}

impl World {
    /// Gets a blob, which is kept for its holder from now on.
    pub(super) fn fetch(&mut self, place: Place, want: Want) {
        let peer = &mut self.peers[place.0];
        peer.store.keep(want.holder, want.digest);
        let own = peer.id();
        if let Some(id) = peer.fetches.join(want, own) {
            self.within(place, Span::ZERO, WithinPeer::Sought(Sought::Blob(id)));
        }
    }

    /// Ends everything that a holder keeps, serves and waits for.
    pub(super) fn release(&mut self, place: Place, holder: Digest) {
        let peer = &mut self.peers[place.0];
        peer.store.release(&holder);
        for digest in peer.fetches.release(&holder) {
            let ended = Input::Fetched { holder, digest, found: None };
            self.within(place, Span::ZERO, WithinPeer::Heard(Box::new(ended)));
        }
    }

    /// Looks here, then asks the first source.
    pub(super) fn seek(&mut self, place: Place, sought: Sought) {
        match sought {
            Sought::Blob(id) => self.seek_blob(place, id),
            Sought::Receipt(expected) => {
                let here = self.peers[place.0].store.get(&expected.digest).cloned();
                let notary = self.places.get(&expected.notary).copied().filter(|notary| *notary != place);
                match (here, notary) {
                    (None, Some(notary)) => self.ask(place, sought, notary, u64::MAX),
                    (here, _) => self.answer_receipt(place, expected, here.as_deref()),
                }
            }
        }
    }

    fn seek_blob(&mut self, place: Place, id: FetchId) {
        let peer = &mut self.peers[place.0];
        if !peer.fetches.goes_on(id) {
            return;
        }
        if let Some(found) = peer.store.describe(&id.digest) {
            return self.answer_blob(place, id, Some(found));
        }
        while let Some((source, bytes_max)) = self.peers[place.0].fetches.next(id) {
            if let Some(source) = self.places.get(&source).copied() {
                return self.ask(place, Sought::Blob(id), source, bytes_max);
            }
        }
        self.answer_blob(place, id, None);
    }

    fn ask(&mut self, place: Place, sought: Sought, source: Place, bytes_max: u64) {
        let life = self.peers[place.0].life;
        match self.arrival(place, source) {
            Some(delay) => {
                let asked = Asked { asker: place, life, sought, source, bytes_max };
                self.schedule.after(delay, Occurrence::Asked(Box::new(asked)));
            }
            None => self.within(place, PATIENCE, WithinPeer::Got(sought, None)),
        }
    }

    /// The source answers, refuses or is not there.
    pub(super) fn serve(&mut self, asked: Asked) {
        let Asked { asker, life, sought, source, bytes_max } = asked;
        let (by, asleep) = (self.id(asker), self.is_asleep(source));
        let peer = &mut self.peers[source.0];
        #[cfg(test)]
        peer.seen.note_asked();
        let bytes = peer.store.fetch(&sought.digest(), by);
        let up = peer.node.is_some() && !asleep;
        let (delay, bytes) = match self.arrival(source, asker).filter(|_| up) {
            Some(delay) => (delay, bytes.filter(|bytes| bytes.len() as u64 <= bytes_max)),
            None => (PATIENCE, None),
        };
        let what = WithinPeer::Got(sought, bytes);
        self.schedule.after(delay, Occurrence::Within { place: asker, life, what });
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
                let peer = &mut self.peers[place.0];
                // What nobody waits for any more is let go.
                if peer.fetches.goes_on(id) {
                    let stored = peer.store.store(Rc::clone(bytes));
                    let found = peer.store.describe(&id.digest).filter(|_| stored);
                    self.answer_blob(place, id, found);
                }
            }
        }
    }

    fn answer_blob(&mut self, place: Place, id: FetchId, found: Option<Blob>) {
        for Waiter { holder, bytes_max } in self.peers[place.0].fetches.end(id) {
            let found = found.filter(|blob| blob.bytes <= bytes_max);
            self.feed(place, Input::Fetched { holder, digest: id.digest, found });
        }
    }

    fn answer_receipt(&mut self, place: Place, expected: Expected, bytes: Option<&[u8]>) {
        let Expected { job, digest, .. } = expected;
        let found = self.judge(place, expected, bytes);
        self.feed(place, Input::Collected { job, digest, found });
    }

    /// What a receipt proves of its job.
    fn judge(
        &mut self,
        place: Place,
        expected: Expected,
        bytes: Option<&[u8]>,
    ) -> Result<Proven, Uncollected> {
        let bytes = bytes.ok_or(Uncollected::Absent)?;
        let receipt = Receipt::from_bytes(bytes).map_err(|_| Uncollected::Refuted)?;
        let report = verify::<Simulated>(&receipt).map_err(|_| Uncollected::Refuted)?;
        let Expected { job, notary, .. } = expected;
        if (report.job, report.notary, report.network) != (job, notary, self.network_id) {
            return Err(Uncollected::Refuted);
        }
        self.peers[place.0].store.file(&receipt);
        Ok(Proven { outcome: report.outcome, claim: report.claim, cost: report.cost })
    }

    /// When bytes sent now arrive, if they do.
    fn arrival(&mut self, from: Place, to: Place) -> Option<Span> {
        match self.network.carry(from, to) {
            Fate::Arrives(delays) => delays.into_iter().next(),
            Fate::Lost(_) => None,
        }
    }
}
