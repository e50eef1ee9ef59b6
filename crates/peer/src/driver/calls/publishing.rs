//! Models of this home that every peer of the network may fetch from here, offered or not.
//!
//! **Invariant:** what is published was run here once, so that nothing is given to everybody that only a stranger's manifest
//! calls a model; that it is published is on the disk when it is answered, and so is that it is no more.

use assay_protocol::{
    id::{Digest, PeerId},
    manifest::Manifest,
};
use serde::{Deserialize, Serialize};

use super::{ListedModel, provide::tried};
use crate::{
    driver::{
        models::MeantModel,
        names::ModelSource,
        responder::{Respond, Responder},
    },
    handle::{Call, ModelRefused, Refused},
};

/// Have everybody fetch these models from here; all that are published are the answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishModels {
    /// Models of the library.
    pub names: Vec<String>,
}

/// Take that back; all that are published still are the answer. What is offered can be fetched for as long as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawModels {
    /// Models of the library.
    pub names: Vec<String>,
}

/// What is published here, and where it is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedView {
    /// This peer.
    pub peer: PeerId,
    /// Where it listens.
    pub addresses: Vec<String>,
    /// The models.
    pub models: Vec<ListedModel>,
}

impl Call for PublishModels {
    const NAME: &'static str = "publish_models";
    type Answer = PublishedView;
}

impl Respond for PublishModels {
    async fn respond(self, responder: &Responder) -> Result<PublishedView, Refused> {
        let manifests: Vec<Manifest> =
            self.names.iter().map(|name| responder.publishable(name)).collect::<Result<_, _>>()?;
        for manifest in &manifests {
            let tried = tried(manifest, None, responder).await;
            tried.map_err(|refused| not_published(&manifest.name, refused))?;
        }
        if !manifests.is_empty() {
            responder.takes_new()?;
            responder.listens().await?;
        }
        for manifest in manifests {
            let published = responder.publish(manifest).await;
            // Another offer may have been settled between.
            responder.settle_open_models().await?;
            published?;
        }
        Ok(responder.published())
    }
}

impl Call for WithdrawModels {
    const NAME: &'static str = "withdraw_models";
    type Answer = PublishedView;
}

impl Respond for WithdrawModels {
    async fn respond(self, responder: &Responder) -> Result<PublishedView, Refused> {
        let digest = |name: &String| responder.library_model(name).map(|model| model.manifest.digest());
        let digests: Vec<Digest> = self.names.iter().map(digest).collect::<Result<_, _>>()?;
        let library = responder.store.library.clone();
        let withdraws =
            responder.work(move |_| digests.iter().try_for_each(|digest| library.withdraw(digest)));
        let withdrawn = withdraws.await?;
        responder.settle_open_models().await?;
        withdrawn?;
        Ok(responder.published())
    }
}

impl Responder {
    /// Opens what is offered and published now, and closes everything else.
    pub(super) async fn settle_open_models(&self) -> Result<(), Refused> {
        self.look(|driver| driver.open_models.settle(driver.node.provision())).await
    }

    /// The model of this name, if there is something to publish about it.
    fn publishable(&self, name: &str) -> Result<Manifest, Refused> {
        match self.own_model(name)? {
            MeantModel { manifest, source: ModelSource::Pinned } => {
                let reason = "the network pins it, so that everybody gets it anyway".to_owned();
                Err(ModelRefused::NotPublished { name: manifest.name, reason }.into())
            }
            MeantModel { manifest, .. } => Ok(manifest),
        }
    }

    /// Publishes a model that was tried.
    async fn publish(&self, manifest: Manifest) -> Result<(), Refused> {
        let (library, open_models) = (self.store.library.clone(), self.open_models.clone());
        let publishes = self.work(move |_| -> Result<(), ModelRefused> {
            let (digest, name) = (manifest.digest(), manifest.name.clone());
            let failed = |reason: String| ModelRefused::NotPublished { name: name.clone(), reason };
            let is_new = library.publish(&digest).map_err(|error| failed(error.to_string()))?;
            let Err(error) = open_models.prepare([&manifest]) else { return Ok(()) };
            let undone = if is_new { library.withdraw(&digest) } else { Ok(()) };
            undone.map_err(|error| failed(error.to_string()))?;
            Err(failed(error.to_string()))
        });
        Ok(publishes.await??)
    }

    fn published(&self) -> PublishedView {
        let store = &self.store;
        let listed = |manifest| ListedModel::of(manifest, false, &store.library, &store.blobs);
        PublishedView {
            peer: self.own,
            addresses: self.network.listening(),
            models: store.library.published().into_iter().map(listed).collect(),
        }
    }
}

/// Why a model is not published that did not work.
fn not_published(name: &str, refused: Refused) -> Refused {
    let reason = if let Refused::PartAbsent { part, .. } = refused {
        format!("its {part} is not here")
    } else if let Refused::TestFailed { reason, .. } = refused {
        format!("a run of it failed: {reason}")
    } else if let Refused::NoClass { reason } = refused {
        reason
    } else {
        return refused;
    };
    ModelRefused::NotPublished { name: name.to_owned(), reason }.into()
}
