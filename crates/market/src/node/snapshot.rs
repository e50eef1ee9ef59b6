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
use serde::{Deserialize, Serialize};

use super::{
    Config, Node, client::Client, notaries::Notaries, notary::Notary, provider::Provider, verifier::Verifier,
};

/// The shape of a snapshot. It rises with every change of what a role remembers.
pub const SHAPE: u32 = 1;
/// A snapshot that was read.
#[derive(Debug)]
pub struct Snapshot(Box<Lasting>);

/// What lasts of a peer.
#[derive(Debug, Deserialize)]
struct Lasting {
    client: Client,
    provider: Provider,
    verifier: Verifier,
    notaries: Notaries,
    notary: Option<Box<Notary>>,
}

/// The same, where it is.
#[derive(Serialize)]
struct LastingOf<'a> {
    client: &'a Client,
    provider: &'a Provider,
    verifier: &'a Verifier,
    notaries: &'a Notaries,
    notary: &'a Option<Box<Notary>>,
}

/// Whose it is and in which shape.
type Title = (u32, PeerId, NetworkId);

impl Snapshot {
    /// Reads a snapshot of this peer; nothing, if it is of another one, of another network or of another shape.
    #[must_use]
    pub fn read(bytes: &[u8], own: PeerId, config: &Config) -> Option<Self> {
        let title = codec::encode::<Title>(&(SHAPE, own, config.network));
        let body = bytes.strip_prefix(&title[..])?;
        let mut lasting: Lasting = codec::decode_own(body)?;
        if lasting.notary.is_some() != config.is_notary(own) {
            return None;
        }
        if let Some(notary) = &mut lasting.notary {
            notary.ledger.share(Arc::clone(&config.genesis))?;
        }
        Some(Self(Box::new(lasting)))
    }
}

impl<S: Signer> Node<S> {
    /// What its records led to.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = codec::encode::<Title>(&(SHAPE, self.signer.id(), self.network));
        let roles = &self.roles;
        bytes.extend(codec::encode(&LastingOf {
            client: &roles.client,
            provider: &roles.provider,
            verifier: &roles.verifier,
            notaries: &self.notaries,
            notary: &roles.notary,
        }));
        bytes
    }

    /// Goes on where a snapshot stands.
    pub(super) fn take_over(&mut self, snapshot: Snapshot) {
        let Lasting { client, provider, verifier, notaries, notary } = *snapshot.0;
        self.notaries = notaries;
        let roles = &mut self.roles;
        (roles.client, roles.provider, roles.verifier, roles.notary) = (client, provider, verifier, notary);
    }
}
