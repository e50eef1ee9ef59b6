//! Runners and models of the manifests that the network pins: kept here, open to everybody, got from whoever has them.
//!
//! **Invariant:** a part of a pinned manifest never makes room for anything, and every peer may fetch it.

use std::{collections::BTreeSet, pin::pin, time::Duration};

use assay_protocol::{
    codec::{self, BLOB_BYTES_MAX},
    genesis::Genesis,
    id::{Digest, PeerId},
    manifest::Manifest,
};
use assay_runtime::template_file::{SeenTemplate, template_in};
use tokio::{sync::mpsc, task::spawn_blocking, time::timeout};

use crate::{
    blobs::Blobs,
    fetcher::{Fetcher, Unfetched, Want},
    handle::Refused,
    library::{self, parts},
    network::{ExchangeFailure, FetchError, Network, Progress},
};

/// Peers that are asked for a runner or a model.
pub(crate) const SOURCES_MAX: usize = 16;
/// How long those who have a model's file have to show its beginning, all together, and each of them: one that is slow is not to
/// take the time of all others.
const HEAD_WAIT: Duration = Duration::from_secs(30);
const HEAD_WAIT_OF_ONE: Duration = Duration::from_secs(10);
/// Bytes of the longest file whose beginning is looked at: of each of its pieces a value is held meanwhile, and how long it may
/// be is said by whoever offers it.
const HEADED_BYTES_MAX: u64 = 1 << 38;
/// Pieces of it that wait to be looked at.
const PIECES_QUEUED: usize = 4;

/// A part of a manifest that is not here.
#[derive(Clone, Debug)]
pub(crate) struct Absent {
    /// Runner or model.
    pub(crate) part: &'static str,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Why it could not be had.
    pub(crate) why: Unfetched,
}

impl Absent {
    /// Why a model is not offered without it.
    pub(crate) fn refuses(self, manifest: &Manifest) -> Refused {
        let (manifest, part) = (manifest.name.clone(), self.part.to_owned());
        match self.why {
            Unfetched::NoRoom { need, have, limit } => {
                Refused::BlobsFull { manifest, part, need, have, limit }
            }
            Unfetched::Disk { reason } => {
                Refused::Disk { reason: format!("{manifest} cannot be offered: its {part}: {reason}") }
            }
            Unfetched::Nobody { .. } | Unfetched::TooLong { .. } | Unfetched::Released => {
                Refused::PartAbsent { manifest, part, digest: self.digest }
            }
        }
    }
}

/// The parts of all pinned manifests.
pub(crate) struct Pinned {
    network: Network,
    blobs: Blobs,
    fetcher: Fetcher,
    /// Who is asked besides those who are connected.
    founders: Vec<PeerId>,
    digests: BTreeSet<Digest>,
}

impl Pinned {
    pub(crate) fn new(network: Network, blobs: Blobs, fetcher: Fetcher, genesis: &Genesis) -> Self {
        let verifiers = genesis.verifiers.iter().map(|founder| founder.peer);
        let founders = verifiers.chain(genesis.notaries.iter().copied()).collect();
        let digests = genesis.manifests.iter().flat_map(|manifest| parts(manifest).map(|(_, digest)| digest));
        let digests: BTreeSet<_> = digests.collect();
        for digest in &digests {
            blobs.keep(holder(), *digest);
            blobs.permit_all(holder(), *digest);
        }
        Self { network, blobs, fetcher, founders, digests }
    }

    /// Sees to it that runner and model of a pinned manifest are here.
    pub(crate) async fn equip(&self, manifest: &Manifest) -> Result<(), Absent> {
        for (part, digest) in parts(manifest) {
            if self.blobs.contains(&digest) {
                continue;
            }
            if !self.digests.contains(&digest) {
                return Err(Absent { part, digest, why: Unfetched::Nobody { digest } });
            }
            let want =
                Want { holder: holder(), digest, from: self.sources(), bytes_max: bytes_max(manifest) };
            self.fetcher.fetch(want).await.map_err(|why| Absent { part, digest, why })?;
        }
        Ok(())
    }

    /// Gets runner and model of a manifest of the library from those who offer it. What is longer than all blobs may be is
    /// refused before a byte of it arrives.
    pub(crate) async fn pull(&self, manifest: &Manifest, from: Vec<PeerId>) -> Result<(), Absent> {
        let bytes_max = bytes_max(manifest).min(self.blobs.figures().limit_bytes);
        for (part, digest) in parts(manifest) {
            if self.blobs.contains(&digest) {
                continue;
            }
            let holder = library::holder(manifest.digest());
            let want = Want { holder, digest, from: from.clone(), bytes_max };
            self.fetcher.fetch(want).await.map_err(|why| Absent { part, digest, why })?;
        }
        Ok(())
    }

    /// Gets the bytes of a manifest from those who offer it, for a holder.
    pub(crate) async fn show(
        &self,
        holder: Digest,
        digest: Digest,
        from: Vec<PeerId>,
    ) -> Result<(), Unfetched> {
        let want = Want { holder, digest, from, bytes_max: library::MANIFEST_BYTES_MAX };
        self.fetcher.fetch(want).await.map(|_| ())
    }

    /// The chat template of a model whose file is not here: so much of the file is fetched as shows it, from these peers and
    /// whoever has it anyway, and none of it is kept.
    pub(crate) async fn template(
        &self,
        manifest: &Manifest,
        mut from: Vec<PeerId>,
    ) -> Result<Option<String>, Unfetched> {
        let (digest, bytes_max) = (manifest.model, headed_bytes_max(manifest));
        if self.digests.contains(&digest) {
            let others = self.sources().into_iter().filter(|peer| !from.contains(peer));
            from.extend(others.collect::<Vec<_>>());
        }
        let asks = async {
            for peer in from {
                let shown = timeout(HEAD_WAIT_OF_ONE, self.template_from(peer, digest, bytes_max)).await;
                match shown.unwrap_or(Err(ExchangeFailure::TimedOut.into())) {
                    Ok(template) => return Some(template),
                    Err(error) => {
                        tracing::debug!(%digest, from = %peer, %error, "a model's beginning was not served");
                    }
                }
            }
            None
        };
        timeout(HEAD_WAIT, asks).await.ok().flatten().ok_or(Unfetched::Nobody { digest })
    }

    async fn template_from(
        &self,
        from: PeerId,
        digest: Digest,
        bytes_max: u64,
    ) -> Result<Option<String>, FetchError> {
        let pieces = self.network.ask_pieces(from, digest, bytes_max).await?;
        let (into, arriving) = mpsc::channel(PIECES_QUEUED);
        let progress = Progress::default();
        let mut brings = pin!(self.network.fetch_pieces(from, (digest, &pieces), 0, &progress, into));
        let mut looks = pin!(look(arriving));
        tokio::select! {
            // First: once it is seen no more of the file is wanted.
            biased;
            seen = &mut looks => seen,
            brought = &mut brings => {
                brought?;
                looks.await
            }
        }
    }

    fn sources(&self) -> Vec<PeerId> {
        let connected = self.network.peers();
        // Strangers who are connected come last: they could be many, and slow.
        let (known, strangers): (Vec<_>, Vec<_>) =
            connected.iter().partition(|peer| self.founders.contains(peer));
        let away = self.founders.iter().copied().filter(|peer| !connected.contains(peer));
        known.into_iter().chain(away).chain(strangers).take(SOURCES_MAX).collect()
    }
}

/// The template that shows in the pieces of a file, as soon as it does. A file that ends before has none.
async fn look(mut arriving: mpsc::Receiver<Vec<u8>>) -> Result<Option<String>, FetchError> {
    let mut head = Vec::new();
    while let Some(piece) = arriving.recv().await {
        head.extend(piece);
        let looked = spawn_blocking(move || (template_in(&head), head)).await;
        let (seen, read) = looked.map_err(|_| ExchangeFailure::Closed)?;
        head = read;
        match seen {
            SeenTemplate::Found(template) => return Ok(Some(template)),
            SeenTemplate::Absent => return Ok(None),
            SeenTemplate::Beyond => {}
        }
    }
    Ok(None)
}

/// Who keeps what the network pins: the shell itself.
fn holder() -> Digest {
    codec::digest("shell", "pinned manifests")
}

/// The most bytes that a runner or a model may have: what runs in so much memory is no longer.
fn bytes_max(manifest: &Manifest) -> u64 {
    manifest.memory_bytes.max(BLOB_BYTES_MAX as u64)
}

/// The same of a file of which no more than the beginning is wanted.
fn headed_bytes_max(manifest: &Manifest) -> u64 {
    bytes_max(manifest).min(HEADED_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use assay_protocol::manifest::{Meter, Policy, WorkPerMeter};

    use super::*;

    #[test]
    fn how_long_a_file_may_be_whose_beginning_is_wanted_is_not_for_a_stranger_to_say() {
        let manifest = |memory_bytes: u64| Manifest {
            name: "poet".into(),
            runner: Digest::default(),
            model: Digest::default(),
            params: String::new(),
            policy: Policy::Replay,
            meter: Meter::Calls,
            work: WorkPerMeter::default(),
            work_most: 1,
            memory_bytes,
            licence: "MIT".into(),
        };
        assert_eq!(headed_bytes_max(&manifest(1 << 35)), 1 << 35);
        assert_eq!(headed_bytes_max(&manifest(u64::MAX)), HEADED_BYTES_MAX);
    }
}
