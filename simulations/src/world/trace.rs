//! A digest of everything that happens, in the order in which it does.

use assay_market::Event;
use assay_protocol::{codec, id::Digest};

use super::{Occurrence, Place, WithinPeer, fetch::Asked};
use crate::kernel::Instant;

/// The running digest.
#[derive(Debug, Default)]
pub(super) struct Trace {
    hasher: blake3::Hasher,
    events: u64,
}

impl Trace {
    pub(super) fn digest(&self) -> Digest {
        Digest(*self.hasher.finalize().as_bytes())
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn event(&mut self, now: Instant, event: &Occurrence) {
        self.events += 1;
        self.hasher.update(&now.0.to_be_bytes());
        match event {
            Occurrence::Arrival { from, to, bytes, .. } => {
                self.label(b'a', *from);
                self.label(b't', *to);
                self.hasher.update(bytes);
            }
            Occurrence::Asked(asked) => {
                let Asked { asker, source, sought, .. } = &**asked;
                self.label(b'q', *asker);
                self.label(b'h', *source);
                self.hasher.update(&sought.digest().0);
            }
            Occurrence::Start(place) => self.label(b's', *place),
            Occurrence::Wanted(place, _) => self.label(b'w', *place),
            Occurrence::Within { place, life, what } => {
                self.label(kind(what), *place);
                self.hasher.update(&life.to_be_bytes());
            }
        }
    }

    pub(super) fn record(&mut self, place: Place, bytes: &[u8]) {
        self.label(b'r', place);
        self.hasher.update(bytes);
    }

    pub(super) fn told(&mut self, place: Place, event: &Event) {
        self.label(b'u', place);
        self.hasher.update(&codec::encode(event));
    }

    fn label(&mut self, kind: u8, place: Place) {
        self.hasher.update(&[kind]);
        self.hasher.update(&(place.0 as u64).to_be_bytes());
    }
}

fn kind(what: &WithinPeer) -> u8 {
    match what {
        WithinPeer::Heard(_) => b'H',
        WithinPeer::Alarm(_) => b'A',
        WithinPeer::Synced => b'S',
        WithinPeer::Finished(..) => b'F',
        WithinPeer::Sought(_) | WithinPeer::Got(_, None) => b'B',
        WithinPeer::Got(_, Some(_)) => b'G',
        WithinPeer::Introduced => b'I',
    }
}
