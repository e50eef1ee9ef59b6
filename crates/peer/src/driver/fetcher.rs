//! Getting blobs from peers, and what is known of those that are here.
//!
//! **Invariant:** a blob counts as fetched only once it is in the store under its own digest.

use std::{collections::BTreeMap, time::Duration};

use assay_market::input::Blob;
use assay_protocol::{
    genesis::Genesis,
    id::{Digest, PeerId},
    manifest::Manifest,
    merkle::{self, RECORD_BYTES},
};
use tokio::{sync::Semaphore, time::timeout};

use super::outbox::keep;
use crate::{blobs::Blobs, executor::has_model, network::Network};

/// How long one peer has to serve a blob.
const PEER_WAIT: Duration = Duration::from_secs(30);
/// Peers that are asked for a runner or a model.
const SOURCES_MAX: usize = 16;

/// A part of a manifest that nobody has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absent {
    /// Runner or model.
    pub(crate) part: &'static str,
    /// Its digest.
    pub(crate) digest: Digest,
}

/// Fetches blobs.
pub(crate) struct Fetcher {
    network: Network,
    blobs: Blobs,
    own: PeerId,
    /// Who is asked for what the network pins, besides those who are connected.
    founders: Vec<PeerId>,
    /// What the network pins, each with a permit, so that it is fetched once however many want it.
    pinned: BTreeMap<Digest, Semaphore>,
}

impl Fetcher {
    pub(crate) fn new(network: Network, blobs: Blobs, own: PeerId, genesis: &Genesis) -> Self {
        let verifiers = genesis.verifiers.iter().map(|founder| founder.peer);
        let founders = verifiers.chain(genesis.notaries.iter().copied()).collect();
        let parts = genesis.manifests.iter().flat_map(|manifest| parts(manifest).map(|(_, digest)| digest));
        let pinned: BTreeMap<_, _> = parts.map(|digest| (digest, Semaphore::new(1))).collect();
        for digest in pinned.keys() {
            blobs.pin(*digest);
            blobs.serve_all(*digest);
        }
        Self { network, blobs, own, founders, pinned }
    }

    /// Gets a blob from the first of these peers that serves it, and says what is here then.
    pub(crate) async fn fetch(&self, digest: Digest, from: &[PeerId]) -> Option<Blob> {
        if let Some(found) = self.facts(digest).await {
            return Some(found);
        }
        for peer in from.iter().filter(|peer| **peer != self.own) {
            match timeout(PEER_WAIT, self.network.fetch(*peer, digest)).await {
                Ok(Ok(bytes)) => match keep(&self.blobs, move || bytes).await {
                    Ok(kept) if kept == digest => return self.facts(digest).await,
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%digest, %error, "a fetched blob cannot be stored"),
                },
                Ok(Err(error)) => tracing::debug!(%digest, %peer, %error, "a blob was not served"),
                Err(_) => tracing::debug!(%digest, %peer, "a blob was not served in time"),
            }
        }
        None
    }

    /// Sees to it that runner and model of a pinned manifest are here.
    pub(crate) async fn equip(&self, manifest: &Manifest) -> Result<(), Absent> {
        for (part, digest) in parts(manifest) {
            if self.blobs.contains(&digest) {
                continue;
            }
            let absent = Absent { part, digest };
            let permit = self.pinned.get(&digest).ok_or(absent)?.acquire().await;
            let _alone = permit.map_err(|_| absent)?;
            if self.blobs.contains(&digest) {
                continue;
            }
            let mut sources = self.network.peers();
            sources.extend(
                self.founders.iter().filter(|peer| !sources.contains(peer)).copied().collect::<Vec<_>>(),
            );
            sources.truncate(SOURCES_MAX);
            self.fetch(digest, &sources).await.ok_or(absent)?;
        }
        Ok(())
    }

    /// Length and root of a blob that is here.
    async fn facts(&self, digest: Digest) -> Option<Blob> {
        if !self.blobs.contains(&digest) {
            return None;
        }
        let blobs = self.blobs.clone();
        let read = tokio::task::spawn_blocking(move || {
            let bytes = blobs.get(&digest).ok().flatten()?;
            Some(Blob { bytes: bytes.len() as u64, root: merkle::root(&bytes, RECORD_BYTES) })
        });
        read.await.ok().flatten()
    }
}

/// What a manifest needs.
fn parts(manifest: &Manifest) -> impl Iterator<Item = (&'static str, Digest)> {
    let model = has_model(manifest).then_some(("model", manifest.model));
    [("runner", manifest.runner)].into_iter().chain(model)
}
