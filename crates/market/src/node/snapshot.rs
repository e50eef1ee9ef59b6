//! What a peer's records lead to, written down, so that a start need not fold all of them.
//!
//! What lasts of each role is encoded as it is; what comes back by itself after a start (who was just asked, what waits
//! for a moment) is not. So a snapshot is the same whoever made it of the same records.
//!
//! **Invariant:** to go on from a snapshot and the records behind it is to go on from all records.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use assay_protocol::{
    codec,
    id::{NetworkId, PeerId},
    signed::Signer,
};

use super::{Config, Node, notaries::Notaries, roles::Roles};

/// The shape of a snapshot. It rises with every change of what a role remembers.
const SHAPE: u32 = 2;

/// A snapshot that was read.
#[derive(Debug)]
pub struct Snapshot(Box<(Roles, Notaries)>);

/// Whose it is and in which shape.
type Title = (u32, PeerId, NetworkId);

impl Snapshot {
    /// Reads a snapshot of this peer; nothing, if it is of another one, of another network or of another shape.
    #[must_use]
    pub fn read(bytes: &[u8], own: PeerId, config: &Config) -> Option<Self> {
        let title = codec::encode::<Title>(&(SHAPE, own, config.network));
        let body = bytes.strip_prefix(&title[..])?;
        let (mut roles, notaries): (Roles, Notaries) = codec::decode_own(body)?;
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
        let mut bytes = codec::encode::<Title>(&(SHAPE, self.signer.id(), self.network));
        bytes.extend(codec::encode(&(&self.roles, &self.notaries)));
        bytes
    }

    /// Goes on where a snapshot stands.
    pub(super) fn take_over(&mut self, snapshot: Snapshot) {
        (self.roles, self.notaries) = *snapshot.0;
    }
}
