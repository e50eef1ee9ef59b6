//! The chat template that a model brings, wherever its file is.
//!
//! **Invariant:** it is the one in the file that the manifest names: read of it here, or of pieces that are proven. Whoever asks
//! gets no model by that.

use std::{fs::File, io};

use assay_protocol::{id::Digest, manifest::Manifest};
use assay_runtime::template_file::read_template;
use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    executor::has_model,
    handle::{Call, ModelRefused, Refused},
};

/// The chat template of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowTemplate {
    /// Its name, `name@prefix`, or a prefix of its digest.
    pub name: String,
}

/// How a model wants conversations to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateView {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Jinja, where its file has some.
    pub template: Option<String>,
}

impl Call for ShowTemplate {
    const NAME: &'static str = "show_template";
    type Answer = TemplateView;
}

impl Respond for ShowTemplate {
    async fn respond(self, responder: &Responder) -> Result<TemplateView, Refused> {
        let manifest = responder.any_model(&self.name).await?.manifest;
        let digest = manifest.digest();
        // Nothing but a model of language is talked to.
        let is_talked_to = manifest.policy.is_proven_by_rows() && has_model(&manifest);
        let template = if is_talked_to { responder.template(&manifest).await? } else { None };
        Ok(TemplateView { manifest: digest, template })
    }
}

impl Responder {
    async fn template(&self, manifest: &Manifest) -> Result<Option<String>, Refused> {
        let (blobs, model) = (self.store.blobs.clone(), manifest.model);
        let reads = self.work(move |_| -> io::Result<Option<Option<String>>> {
            let Some(path) = blobs.path(&model).map_err(io::Error::other)? else { return Ok(None) };
            read_template(File::open(path)?).map(Some)
        });
        let read = reads.await?.map_err(|error| Refused::Disk { reason: error.to_string() })?;
        if let Some(template) = read {
            return Ok(template);
        }
        let from = self.providers_of(manifest.digest()).await?;
        let shown = self.pinned.template(manifest, from).await;
        let absent = |reason: String| ModelRefused::NoTemplate { name: manifest.name.clone(), reason };
        Ok(shown.map_err(|unfetched| absent(unfetched.to_string()))?)
    }
}
