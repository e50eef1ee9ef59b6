//! Fetching a blob or a receipt: one holder after another, until one gives it.
//!
//! **Invariant:** every fetch is answered once; only bytes with the digest that was asked for are kept, and only a receipt
//! that proves what it says is filed.

use std::rc::Rc;

use assay_market::{
    Input,
    input::{Blob, Uncollected},
};
use assay_protocol::{
    id::{Digest, JobId, PeerId},
    outcome::Outcome,
    receipt::{Receipt, verify},
};

use super::{Occurrence, Place, WithinPeer, World};
use crate::{crypto::Simulated, kernel::Span, network::Fate};

/// How long one holder is waited for.
const PATIENCE: Span = Span::millis(600);

/// What a peer looks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought {
    /// For which job.
    pub(super) job: JobId,
    pub(super) digest: Digest,
    /// True for the receipt of the job.
    pub(super) is_receipt: bool,
}

/// A peer is asked for a blob.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) asker: Place,
    /// The life of the asker.
    pub(super) life: u64,
    pub(super) sought: Sought,
    pub(super) holder: Place,
    /// Whom the asker turns to next.
    pub(super) rest: Vec<PeerId>,
}

impl World {
    /// Asks the next holder, if the blob is not here.
    pub(super) fn seek_blob(&mut self, place: Place, sought: Sought, mut from: Vec<PeerId>) {
        let here = self.peers[place.0].shelf.get(&sought.digest).cloned();
        if here.is_some() || from.is_empty() {
            return self.answer(place, sought, here.as_deref());
        }
        let holder = from.remove(0);
        let life = self.peers[place.0].life;
        let known = self.places.get(&holder).copied().filter(|holder| *holder != place);
        let Some(holder) = known else {
            self.within(place, Span::ZERO, WithinPeer::Sought(sought, from));
            return;
        };
        match self.arrival(place, holder) {
            Some(delay) => {
                let asked = Asked { asker: place, life, sought, holder, rest: from };
                self.schedule.after(delay, Occurrence::Asked(Box::new(asked)));
            }
            None => self.within(place, PATIENCE, WithinPeer::Sought(sought, from)),
        }
    }

    /// The holder answers, refuses or is not there.
    pub(super) fn ask(&mut self, asked: Asked) {
        let Asked { asker, life, sought, holder, rest } = asked;
        let peer = &self.peers[holder.0];
        let bytes: Option<Rc<[u8]>> = peer.shelf.fetch(&sought.digest, self.id(asker)).cloned();
        let up = peer.node.is_some();
        let answer = self.arrival(holder, asker).filter(|_| up);
        let (delay, what) = match (answer, bytes) {
            (Some(delay), Some(bytes)) => (delay, WithinPeer::Got(sought, bytes)),
            (Some(delay), None) => (delay, WithinPeer::Sought(sought, rest)),
            (None, _) => (PATIENCE, WithinPeer::Sought(sought, rest)),
        };
        self.schedule.after(delay, Occurrence::Within { place: asker, life, what });
    }

    /// Bytes have come in.
    pub(super) fn got(&mut self, place: Place, sought: Sought, bytes: &Rc<[u8]>) {
        let same = Digest::of(bytes) == sought.digest;
        self.answer(place, sought, same.then_some(bytes));
    }

    fn answer(&mut self, place: Place, sought: Sought, bytes: Option<&[u8]>) {
        let Sought { job, digest, is_receipt } = sought;
        let input = match is_receipt {
            true => Input::Collected { job, digest, found: self.judge(place, job, bytes) },
            false => Input::Fetched { holder: job, digest, found: self.keep(place, sought, bytes) },
        };
        self.feed(place, input);
    }

    fn keep(&mut self, place: Place, sought: Sought, bytes: Option<&[u8]>) -> Option<Blob> {
        let shelf = &mut self.peers[place.0].shelf;
        let kept = bytes.is_some_and(|bytes| shelf.put(sought.job, bytes));
        shelf.describe(&sought.digest).filter(|_| kept)
    }

    /// How a receipt proves that its job ended.
    fn judge(&mut self, place: Place, job: JobId, bytes: Option<&[u8]>) -> Result<Outcome, Uncollected> {
        let bytes = bytes.ok_or(Uncollected::Absent)?;
        let receipt = Receipt::from_bytes(bytes).map_err(|_| Uncollected::Refuted)?;
        let report = verify::<Simulated>(&receipt).map_err(|_| Uncollected::Refuted)?;
        if report.job != job || report.network != self.network_id {
            return Err(Uncollected::Refuted);
        }
        self.peers[place.0].shelf.file(&receipt);
        Ok(report.outcome)
    }

    /// When bytes sent now arrive, if they do.
    fn arrival(&mut self, from: Place, to: Place) -> Option<Span> {
        match self.network.carry(from, to) {
            Fate::Arrives(delays) => delays.into_iter().next(),
            Fate::Lost(_) => None,
        }
    }
}
