//! Fetching a blob: one holder after another, until one gives it.
//!
//! **Invariant:** every fetch is answered once; only bytes with the digest that was asked for are kept.

use std::rc::Rc;

use assay_market::Input;
use assay_protocol::id::{Digest, PeerId};

use super::{Event, Happening, Place, World};
use crate::{kernel::Span, network::Fate};

/// How long one holder is waited for.
const PATIENCE: Span = Span::millis(600);

/// A peer is asked for a blob.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) asker: Place,
    /// The life of the asker.
    pub(super) life: u64,
    pub(super) digest: Digest,
    pub(super) holder: Place,
    /// Whom the asker turns to next.
    pub(super) rest: Vec<PeerId>,
}

impl World {
    /// Asks the next holder, if the blob is not here.
    pub(super) fn seek_blob(&mut self, place: Place, digest: Digest, mut from: Vec<PeerId>) {
        let here = self.peers[place.0].shelf.describe(&digest);
        if here.is_some() || from.is_empty() {
            self.feed(place, Input::Fetched { digest, found: here });
            return;
        }
        let holder = from.remove(0);
        let life = self.peers[place.0].life;
        let known = self.places.get(&holder).copied().filter(|holder| *holder != place);
        let Some(holder) = known else {
            self.within(place, Span::ZERO, Happening::Sought(digest, from));
            return;
        };
        match self.arrival(place, holder) {
            Some(delay) => {
                let asked = Asked { asker: place, life, digest, holder, rest: from };
                self.queue.after(delay, Event::Asked(Box::new(asked)));
            }
            None => self.within(place, PATIENCE, Happening::Sought(digest, from)),
        }
    }

    /// The holder answers, refuses or is not there.
    pub(super) fn ask(&mut self, asked: Asked) {
        let Asked { asker, life, digest, holder, rest } = asked;
        let peer = &self.peers[holder.0];
        let bytes: Option<Rc<[u8]>> = peer.shelf.fetch(&digest, self.id(asker)).cloned();
        let up = peer.node.is_some();
        let answer = self.arrival(holder, asker).filter(|_| up);
        let (delay, what) = match (answer, bytes) {
            (Some(delay), Some(bytes)) => (delay, Happening::Got(digest, bytes)),
            (Some(delay), None) => (delay, Happening::Sought(digest, rest)),
            (None, _) => (PATIENCE, Happening::Sought(digest, rest)),
        };
        self.queue.after(delay, Event::Within { place: asker, life, what });
    }

    pub(super) fn got(&mut self, place: Place, digest: Digest, bytes: &Rc<[u8]>) {
        let shelf = &mut self.peers[place.0].shelf;
        let kept = Digest::of(bytes) == digest && shelf.put(bytes.clone()) == digest;
        let found = shelf.describe(&digest).filter(|_| kept);
        self.feed(place, Input::Fetched { digest, found });
    }

    /// When bytes sent now arrive, if they do.
    fn arrival(&mut self, from: Place, to: Place) -> Option<Span> {
        match self.network.carry(from, to) {
            Fate::Arrives(delays) => delays.into_iter().next(),
            Fate::Lost(_) => None,
        }
    }
}
