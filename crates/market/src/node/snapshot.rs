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

use serde::de::DeserializeOwned;

use super::{
    Config, Node,
    notaries::Notaries,
    roles::{FormerRoles, Roles},
    shape::shape,
};

/// The version of snapshots. It rises where the same fields come to mean something else; that there are others shows in
/// their shape.
const VERSION: u32 = 3;

/// What lasts of a peer.
type Lasting = (Roles, Notaries);
/// The same, as the version before wrote it.
type FormerLasting = (FormerRoles, Notaries);

/// A snapshot that was read.
#[derive(Debug)]
pub struct Snapshot(Box<Lasting>);

/// In which version and shape, and whose.
type Title = (u32, Digest, PeerId, NetworkId);

fn title<T: DeserializeOwned>(own: PeerId, network: NetworkId) -> Vec<u8> {
    codec::encode::<Title>(&(VERSION, shape::<T>(), own, network))
}

/// What lasts of a peer, by a snapshot of this version or of the one before.
fn lasting(bytes: &[u8], own: PeerId, network: NetworkId) -> Option<Lasting> {
    if let Some(body) = bytes.strip_prefix(&title::<Lasting>(own, network)[..]) {
        return codec::decode_own(body);
    }
    let body = bytes.strip_prefix(&title::<FormerLasting>(own, network)[..])?;
    let (roles, notaries): FormerLasting = codec::decode_own(body)?;
    Some((roles.into(), notaries))
}

impl Snapshot {
    /// Reads a snapshot of this peer; nothing, if it is of another one, of another network or of another shape.
    #[must_use]
    pub fn read(bytes: &[u8], own: PeerId, config: &Config) -> Option<Self> {
        let (mut roles, notaries) = lasting(bytes, own, config.network)?;
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
        let mut bytes = title::<Lasting>(self.signer.id(), self.network);
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
    use crate::{
        fixture::{genesis, peer, submission},
        node::shape::is_whole,
        record::ClientRecord,
        submission::Submission,
    };

    #[test]
    fn every_field_of_what_lasts_has_a_part_in_its_shape() {
        assert!(is_whole::<Lasting>());
        assert!(is_whole::<FormerLasting>());
        assert_ne!(shape::<Lasting>(), shape::<FormerLasting>());
    }

    /// What lasts of a client with one wish, which leaves these out.
    fn leaving_out(ignored: Vec<PeerId>) -> Vec<u8> {
        let mut roles = Roles::new(None);
        roles.client.fold(&ClientRecord::Submitted(Submission { ignored, ..submission(1) }), &genesis());
        codec::encode(&(roles, Notaries::default()))
    }

    #[test]
    fn a_peer_goes_on_from_a_snapshot_of_the_version_before() {
        let (own, config) = (peer(1), Config::new(genesis()));
        let (now, other) = (leaving_out(Vec::new()), leaving_out([peer(9)].into()));
        // Where the number of those stands that are left out.
        let place = now.iter().zip(&other).take_while(|(one, other)| one == other).count();
        let mut bytes = title::<FormerLasting>(own, config.network);
        bytes.extend(now[..place].iter().chain(&now[place + 1..]));
        let read = Snapshot::read(&bytes, own, &config).expect("it is of this peer");
        assert_eq!(read.0.0.client.wish_of(submission(1).key), Some(&submission(1)));
        assert!(Snapshot::read(&bytes, peer(2), &config).is_none());
    }
}
