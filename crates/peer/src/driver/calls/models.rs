//! The models of the network and of this home's library, and one more that somebody names.
//!
//! **Invariant:** whoever is answered with a manifest can order by it.

use std::path::PathBuf;

use assay_protocol::{genesis::Genesis, id::Digest, manifest::Manifest};
use serde::{Deserialize, Serialize};

use crate::{
    blobs::Blobs,
    driver::{
        models::MeantModel,
        names::{self, ModelSource, NamedModel},
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
    library::{Library, parts},
};

/// The models that this peer knows by itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListModels;

/// Models, and files that were to be some.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelList {
    /// What the network pins, and then what the library holds.
    pub models: Vec<ListedModel>,
    /// Files of the library that are not what their names say.
    pub damaged: Vec<Digest>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedModel {
    /// How it is run.
    pub manifest: Manifest,
    /// True if the network pins it.
    pub is_pinned: bool,
    /// True if runner and model are here.
    pub is_here: bool,
    /// Bytes of the model, if it is here.
    pub bytes: Option<u64>,
    /// Bytes that it takes once more as it is computed with, if that is kept.
    pub pack_bytes: Option<u64>,
    /// Where it was fetched, if it was not another peer.
    pub origin: Option<String>,
    /// The file with its card.
    pub card: Option<PathBuf>,
}

/// The model of this name, among those that this peer knows and those that others offer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindModel {
    /// Its name, `name@prefix`, or a prefix of its digest.
    pub name: String,
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundModel {
    /// How it is run.
    pub manifest: Manifest,
    /// Whose word it is that it is called so.
    pub source: ModelSource,
    /// How many others offer it.
    pub providers: u64,
    /// Where it was fetched, if it was not another peer.
    pub origin: Option<String>,
    /// The file with its card.
    pub card: Option<PathBuf>,
}

impl ModelList {
    /// What a network pins and a library holds, with what is here of it.
    #[must_use]
    pub fn of(genesis: Option<&Genesis>, library: &Library, blobs: &Blobs) -> Self {
        let pinned = genesis.map_or(&[][..], |genesis| &genesis.manifests);
        let pinned_models =
            pinned.iter().map(|manifest| ListedModel::of(manifest.clone(), true, library, blobs));
        let held = library.manifests().into_iter().filter(|manifest| !pinned.contains(manifest));
        let held = held.map(|manifest| ListedModel::of(manifest, false, library, blobs));
        Self { models: pinned_models.chain(held).collect(), damaged: library.damaged() }
    }

    /// The one that a name means.
    ///
    /// # Errors
    /// [`Refused::UnknownManifest`], [`Refused::Model`].
    pub fn meant(&self, name: &str) -> Result<&ListedModel, Refused> {
        let named = |listed: &ListedModel| NamedModel {
            source: if listed.is_pinned { ModelSource::Pinned } else { ModelSource::Library },
            name: listed.manifest.name.clone(),
            digest: listed.manifest.digest(),
        };
        let digest = names::model(&self.models.iter().map(named).collect::<Vec<_>>(), name)?.digest;
        let found = self.models.iter().find(|listed| listed.manifest.digest() == digest);
        Ok(found.unwrap_or_else(|| unreachable!("a model that is meant is one of them")))
    }
}

impl ListedModel {
    /// A manifest, with what is here of it.
    #[must_use]
    pub fn of(manifest: Manifest, is_pinned: bool, library: &Library, blobs: &Blobs) -> Self {
        let is_here = parts(&manifest).all(|(_, part)| blobs.contains(&part));
        let (bytes, pack_bytes) = (blobs.bytes_of(&manifest.model), blobs.pack_bytes_of(&manifest.model));
        let (origin, card) = library.origin(&manifest.digest()).unzip();
        Self { manifest, is_pinned, is_here, bytes, pack_bytes, origin, card: card.flatten() }
    }
}

impl Call for ListModels {
    const NAME: &'static str = "list_models";
    type Answer = ModelList;
}

impl Respond for ListModels {
    async fn respond(self, responder: &Responder) -> Result<ModelList, Refused> {
        let store = &responder.store;
        Ok(ModelList::of(Some(&responder.genesis), &store.library, &store.blobs))
    }
}

impl Call for FindModel {
    const NAME: &'static str = "find_model";
    type Answer = FoundModel;
}

impl Respond for FindModel {
    async fn respond(self, responder: &Responder) -> Result<FoundModel, Refused> {
        let MeantModel { manifest, source } = responder.any_model(&self.name).await?;
        let providers = responder.providers_of(manifest.digest()).await?.len() as u64;
        let (origin, card) = responder.store.library.origin(&manifest.digest()).unzip();
        Ok(FoundModel { manifest, source, providers, origin, card: card.flatten() })
    }
}
