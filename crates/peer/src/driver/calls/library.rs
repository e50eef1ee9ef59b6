//! Models that the owner of this home takes in, and lets go again.
//!
//! **Invariant:** what was added was run here once; what is being offered does not go.

use std::path::PathBuf;

use assay_protocol::{
    id::{Digest, PeerId},
    manifest::Manifest,
};
use serde::{Deserialize, Serialize};

use super::ListedModel;
use crate::{
    driver::{
        models::MeantModel,
        names::ModelSource,
        responder::{Respond, Responder},
    },
    handle::{Attachment, Call, ModelRefused, Refused},
    library::{LibraryError, ModelOrigin, NewModel, holder, parts},
};

/// Take a file of a model into the library, and run it once before.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddModel {
    /// Where the file is, as an absolute path.
    pub file: PathBuf,
    /// The component that runs it.
    pub runner: Attachment,
    /// How it is run; runner and model are named by what is stored.
    pub manifest: Manifest,
    /// Where it comes from, if somebody else has it too.
    pub origin: Option<ModelOrigin>,
    /// Whether it is copied even where the disk can share its bytes.
    pub is_copied: bool,
}

/// Get a model that others offer: its manifest, its runner and its weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullModel {
    /// Its name, `name@prefix`, or a prefix of its digest.
    pub name: String,
    /// Who is asked for it; those who offer it, if nobody is named.
    pub from: Option<PullSource>,
}

/// Somebody who offers or publishes a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullSource {
    /// Who.
    pub peer: PeerId,
    /// Where it can be reached, beside what is known of that.
    pub addresses: Vec<String>,
}

/// Take a model out of the library, and publish it no more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveModel {
    /// Its name, `name@prefix`, or a prefix of its digest.
    pub name: String,
}

impl Call for AddModel {
    const NAME: &'static str = "add_model";
    type Answer = ListedModel;

    fn attachments(&mut self) -> Vec<&mut Attachment> {
        vec![&mut self.runner]
    }
}

impl Respond for AddModel {
    async fn respond(self, responder: &Responder) -> Result<ListedModel, Refused> {
        responder.takes_new()?;
        let Self { file, runner, manifest, origin, is_copied } = self;
        let place = responder.works.clone().acquire_owned().await.map_err(|_| Refused::Ending)?;
        let (library, executor) = (responder.store.library.clone(), responder.executor.clone());
        let name = manifest.name.clone();
        let new = NewModel { file, runner: runner.0, manifest, origin, is_copied };
        // A run cannot be called back: it keeps its place until it is over.
        let added = tokio::spawn(async move {
            let _place = place;
            library.add_file(new, &executor).await
        });
        let added = added.await.map_err(|_| Refused::Ending)?;
        let manifest = added.map_err(|error| ModelRefused::of_file(name, &error))?;
        Ok(ListedModel::of(manifest, false, &responder.store.library, &responder.store.blobs))
    }
}

impl Call for PullModel {
    const NAME: &'static str = "pull_model";
    type Answer = ListedModel;
}

impl Respond for PullModel {
    async fn respond(self, responder: &Responder) -> Result<ListedModel, Refused> {
        responder.takes_new()?;
        let Self { name, from } = self;
        let MeantModel { manifest, source } = match &from {
            Some(from) => responder.model_from(&name, from).await?,
            None => responder.any_model(&name).await?,
        };
        let name = manifest.name.clone();
        let not_pulled = |reason: String| ModelRefused::NotPulled { name: name.clone(), reason };
        let pulled = match source {
            ModelSource::Pinned => responder.pinned.equip(&manifest).await,
            ModelSource::Library | ModelSource::Offered => {
                responder.adopt(&manifest).await?;
                let from = match from {
                    Some(from) => vec![from.peer],
                    None => responder.providers_of(manifest.digest()).await?,
                };
                responder.pinned.pull(&manifest, from).await
            }
        };
        pulled.map_err(|absent| not_pulled(format!("its {}: {}", absent.part, absent.why)))?;
        let (store, digest) = (&responder.store, manifest.digest());
        if source != ModelSource::Pinned && store.library.get(&digest).is_none() {
            // Who let it go meanwhile is the last who spoke.
            store.blobs.release(holder(digest));
            return Err(not_pulled("it was let go meanwhile".to_owned()).into());
        }
        let is_pinned = source == ModelSource::Pinned;
        Ok(ListedModel::of(manifest, is_pinned, &store.library, &store.blobs))
    }
}

impl Call for RemoveModel {
    const NAME: &'static str = "remove_model";
    type Answer = Digest;
}

impl Respond for RemoveModel {
    async fn respond(self, responder: &Responder) -> Result<Digest, Refused> {
        let store = responder.store.clone();
        let (digest, removed) = match store.library.damaged_of(&self.name) {
            Some(damaged) => (damaged, None),
            None => {
                let manifest = responder.library_model(&self.name)?.manifest;
                (manifest.digest(), Some(manifest))
            }
        };
        let offers = move |stock: &Manifest| stock.digest() == digest;
        let is_offered = responder.look(move |driver| {
            let provision = driver.node.provision();
            provision.is_some_and(|provision| provision.stocks().any(|(_, stock)| offers(&stock.manifest)))
        });
        if is_offered.await? {
            return Err(ModelRefused::Offered { name: self.name }.into());
        }
        let library = store.library.clone();
        let is_removed = responder.work(move |_| library.remove(&digest)).await?;
        // Where the disk failed as well: it is published no more, so nobody fetches it any more.
        responder.settle_open_models().await?;
        is_removed?;
        let drops = responder.work(move |_| {
            let mut parts = removed.iter().flat_map(parts);
            parts.try_for_each(|(_, part)| store.blobs.drop_idle(&part)).map_err(LibraryError::from)
        });
        drops.await??;
        Ok(digest)
    }
}

impl Responder {
    /// Takes a manifest into the library, so that its name means the same from now on.
    pub(super) async fn adopt(&self, manifest: &Manifest) -> Result<(), Refused> {
        let (library, manifest) = (self.store.library.clone(), manifest.clone());
        Ok(self.work(move |_| library.add(&manifest)).await??)
    }
}
