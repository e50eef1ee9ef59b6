//! From the name of a model to its manifest: the network's, the library's, or one that somebody offers.
//!
//! **Invariant:** a manifest that a stranger showed is the one that its digest names; what this peer has itself is never
//! passed over for what a stranger offers.

use std::{cmp::Reverse, time::Duration};

use assay_protocol::{
    id::{Digest, PeerId},
    manifest::Manifest,
};
use tokio::time::{sleep, timeout};

use super::{
    Driver,
    calls::PullSource,
    names::{self, ModelSource, NamedModel},
    pinned::SOURCES_MAX,
    responder::Responder,
};
use crate::{
    clock::moment,
    handle::{ModelRefused, Refused, short},
    library,
};

/// How long those who offer a model have to show its manifest.
const MANIFEST_WAIT: Duration = Duration::from_secs(20);
/// How long a peer that has just started waits for the offers that others know.
const OFFERS_WAIT_MS: u64 = 5_000;
/// Between two looks at the offers.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A model that somebody named.
#[derive(Clone, Debug)]
pub(crate) struct MeantModel {
    pub(crate) manifest: Manifest,
    pub(crate) source: ModelSource,
}

impl Responder {
    /// The model of this name that the network pins or the library holds.
    pub(super) fn own_model(&self, name: &str) -> Result<MeantModel, Refused> {
        let pinned = self.genesis.manifests.iter().cloned();
        let all: Vec<MeantModel> = pinned
            .map(|manifest| MeantModel { manifest, source: ModelSource::Pinned })
            .chain(self.library_models())
            .collect();
        meant(all, name)
    }

    /// The model of this name that the library holds.
    pub(super) fn library_model(&self, name: &str) -> Result<MeantModel, Refused> {
        meant(self.library_models().collect(), name)
    }

    fn library_models(&self) -> impl Iterator<Item = MeantModel> + use<> {
        let held = self.store.library.manifests().into_iter();
        held.map(|manifest| MeantModel { manifest, source: ModelSource::Library })
    }

    /// The model of this name, of whomever it can be ordered. What only strangers offer is one that the law of this network
    /// lets a job be ordered by.
    pub(super) async fn any_model(&self, name: &str) -> Result<MeantModel, Refused> {
        let unknown = match self.own_model(name) {
            Err(unknown @ Refused::UnknownManifest { .. }) => unknown,
            own => return own,
        };
        if let Ok(digest) = name.parse()
            && let Some(manifest) = self.stored_manifest(digest).await?
        {
            return self.offered(manifest);
        }
        loop {
            let typed = name.to_owned();
            let look = self.look(move |driver| (driver.offered_models(&typed), driver.is_early()));
            let (offered, is_early) = look.await?;
            match names::model(&offered, name) {
                Ok(named) => {
                    let from = self.providers_of(named.digest).await?;
                    return self.offered(self.shown_manifest(&named, name, from).await?);
                }
                Err(Refused::UnknownManifest { .. }) if is_early => sleep(LOOK_EVERY).await,
                Err(Refused::UnknownManifest { .. }) => return Err(unknown),
                Err(refused) => return Err(refused),
            }
        }
    }

    /// The model of this name, of whomever it can be had; where that is a whole digest that is not known here, the manifest that
    /// a peer shows.
    pub(super) async fn model_from(&self, name: &str, source: &PullSource) -> Result<MeantModel, Refused> {
        for address in &source.addresses {
            let noted = self.network.add_address(source.peer, address);
            noted.map_err(|error| ModelRefused::NotPulled {
                name: name.to_owned(),
                reason: error.to_string(),
            })?;
        }
        let (Ok(digest), Err(Refused::UnknownManifest { .. })) =
            (name.parse::<Digest>(), self.own_model(name))
        else {
            return self.any_model(name).await;
        };
        let named = NamedModel { source: ModelSource::Offered, name: short(digest), digest };
        self.offered(self.shown_manifest(&named, name, vec![source.peer]).await?)
    }

    fn offered(&self, manifest: Manifest) -> Result<MeantModel, Refused> {
        match library::examine(&manifest, &self.genesis) {
            Ok(()) => Ok(MeantModel { manifest, source: ModelSource::Offered }),
            Err(error) => {
                Err(ModelRefused::Unusable { name: manifest.name, reason: error.to_string() }.into())
            }
        }
    }

    /// Has those who offer or publish a model show its manifest. It stays among the blobs, from where it may make room.
    async fn shown_manifest(
        &self,
        named: &NamedModel,
        typed: &str,
        from: Vec<PeerId>,
    ) -> Result<Manifest, Refused> {
        let NamedModel { name, digest, .. } = named;
        let absent =
            |reason: String| ModelRefused::ManifestAbsent { name: name.clone(), digest: *digest, reason };
        let held = self.store.blobs.hold([*digest]);
        let shown = timeout(MANIFEST_WAIT, self.pinned.show(held.holder(), *digest, from)).await;
        shown
            .map_err(|_| absent("it does not arrive".to_owned()))?
            .map_err(|error| absent(error.to_string()))?;
        let manifest = self.stored_manifest(*digest).await?;
        let manifest = manifest.ok_or_else(|| absent("what they show is none".to_owned()))?;
        // A name that an offer alone says is not the model's.
        let own = NamedModel { name: manifest.name.clone(), ..named.clone() };
        match names::model(&[own], typed) {
            Ok(_) => Ok(manifest),
            Err(_) => {
                let reason = format!("it is offered by this name, and calls itself {}", manifest.name);
                Err(ModelRefused::Unusable { name: name.clone(), reason }.into())
            }
        }
    }

    async fn stored_manifest(&self, digest: Digest) -> Result<Option<Manifest>, Refused> {
        let blobs = self.store.blobs.clone();
        let bytes = self.work(move |_| blobs.get(&digest)).await?;
        Ok(bytes.ok().flatten().and_then(|bytes| library::read(&bytes)))
    }

    /// Those who offer a model, of whom the network is told where they are.
    pub(super) async fn providers_of(&self, digest: Digest) -> Result<Vec<PeerId>, Refused> {
        let providers = self.look(move |driver| {
            let providers = driver.providers(digest);
            providers.iter().for_each(|provider| driver.introduce(*provider));
            providers
        });
        providers.await
    }
}

fn meant(all: Vec<MeantModel>, name: &str) -> Result<MeantModel, Refused> {
    let named = |model: &MeantModel| NamedModel {
        source: model.source,
        name: model.manifest.name.clone(),
        digest: model.manifest.digest(),
    };
    let digest = names::model(&all.iter().map(named).collect::<Vec<_>>(), name)?.digest;
    let found = all.into_iter().find(|model| model.manifest.digest() == digest);
    Ok(found.unwrap_or_else(|| unreachable!("a model that is meant is one of them")))
}

impl Driver {
    /// What others offer that a name could mean, by what they call it.
    fn offered_models(&self, typed: &str) -> Vec<NamedModel> {
        let others = self.book.iter().filter(|offer| offer.signer() != self.own);
        let services = others.flat_map(|offer| offer.services().map(|(_, service)| service));
        let mut named: Vec<NamedModel> = services
            .map(|service| NamedModel {
                source: ModelSource::Offered,
                name: service.name.clone(),
                digest: service.manifest,
            })
            .filter(|model| model.answers_to(typed))
            .collect();
        named.sort_unstable();
        named.dedup();
        named
    }

    /// Who offers a model: first those who have something to lose.
    fn providers(&self, digest: Digest) -> Vec<PeerId> {
        let others = self.book.iter().filter(|offer| offer.signer() != self.own);
        let mut offering: Vec<_> =
            others.filter(|offer| offer.services().any(|(_, service)| service.manifest == digest)).collect();
        offering.sort_by_key(|offer| Reverse(self.node.worth(offer)));
        offering.iter().map(|offer| offer.signer()).take(SOURCES_MAX).collect()
    }

    /// True while the offers that others know may still be on their way.
    fn is_early(&self) -> bool {
        moment().steady.since(self.started.steady).0 < OFFERS_WAIT_MS
    }
}
