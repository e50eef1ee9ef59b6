//! What a peer's records lead to, written down, so that a start need not fold all of them.
//!
//! What lasts of each role is encoded as it is; what comes back by itself after a start (who was just asked, what waits
//! for a moment) is not. So a snapshot is the same whoever made it of the same records.
//!
//! **Invariant:** to go on from a snapshot and the records behind it is to go on from all records.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use assay_protocol::{
    codec,
    id::{Digest, NetworkId, PeerId},
    signed::Signer,
};

use super::{Config, Node, notaries::Notaries, roles::Roles, shape::shape};

/// The version of snapshots. It rises where the same fields come to mean something else; that there are others shows in
/// their shape.
const VERSION: u32 = 3;

/// What lasts of a peer.
type Lasting = (Roles, Notaries);

/// A snapshot that was read.
#[derive(Debug)]
pub struct Snapshot(Box<Lasting>);

/// In which version and shape, and whose.
type Title = (u32, Digest, PeerId, NetworkId);

fn title(own: PeerId, network: NetworkId) -> Vec<u8> {
    codec::encode::<Title>(&(VERSION, shape::<Lasting>(), own, network))
}

impl Snapshot {
    /// Reads a snapshot of this peer; nothing, if it is of another one, of another network or of another shape.
    #[must_use]
    pub fn read(bytes: &[u8], own: PeerId, config: &Config) -> Option<Self> {
        let body = bytes.strip_prefix(&title(own, config.network)[..])?;
        let (mut roles, notaries): Lasting = codec::decode_own(body)?;
        if roles.notary.is_some() != config.is_notary(own) {
            return None;
        }
        if let Some(notary) = &mut roles.notary {
            notary.ledger.share(Arc::clone(&config.genesis))?;
        }
        Some(Self(Box::new((roles, notaries))))
    }
}

impl<S: Signer> Node<S> {
    /// What its records led to.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        debug_assert!(!self.started, "a snapshot is of records alone");
        let mut bytes = title(self.signer.id(), self.network);
        bytes.extend(codec::encode(&(&self.roles, &self.notaries)));
        bytes
    }

    /// Goes on where a snapshot stands.
    pub(super) fn take_over(&mut self, snapshot: Snapshot) {
        (self.roles, self.notaries) = *snapshot.0;
        self.roles.client.count_room_uses();
        self.roles.provider.count_busy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::shape::is_whole;

    #[test]
    fn every_field_of_what_lasts_has_a_part_in_its_shape() {
        assert!(is_whole::<Lasting>());
    }
}
