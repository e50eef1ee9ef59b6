//! How likely the tokens of an output were: what its order asked is run again here, with the output as its draft.
//!
//! **Invariant:** only what is here is run, by a runner that may run here, and only while somebody waits for it. Nothing is fetched,
//! and no job comes of it.

use assay_protocol::order::Failure;
use assay_runtime::chances::WrittenChance;
use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Attachment, Call, Refused},
};

/// Say how likely each token of a text was that a model wrote whose file is here; of no text, only whether that could be said.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TellChances {
    /// The model: its name, `name@prefix`, or a prefix of its digest.
    pub name: String,
    /// What it was asked, with what its choices are drawn from.
    pub input: Attachment,
    /// What came of that.
    pub output: Attachment,
    /// How many of the likeliest tokens are told of each place, up to 20.
    pub likeliest: u8,
}

/// What is known of that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldChances {
    /// Of each token.
    Told(Vec<WrittenChance>),
    /// This machine writes something else.
    OtherText,
    /// It cannot be run here.
    Failed(Failure),
}

impl Call for TellChances {
    const NAME: &'static str = "tell_chances";
    type Answer = ToldChances;

    fn attachments(&mut self) -> Vec<&mut Attachment> {
        vec![&mut self.input, &mut self.output]
    }
}

impl Respond for TellChances {
    async fn respond(self, responder: &Responder) -> Result<ToldChances, Refused> {
        let Self { name, input: Attachment(input), output: Attachment(output), likeliest } = self;
        let manifest = responder.any_model(&name).await?.manifest;
        let parts = [manifest.runner, manifest.model];
        if let Some(digest) = parts.into_iter().find(|digest| !responder.store.blobs.contains(digest)) {
            return Err(Refused::BlobAbsent { digest });
        }
        responder.store.library.lets_run(&manifest, &responder.genesis)?;
        if output.is_empty() {
            return Ok(ToldChances::Told(Vec::new()));
        }
        let told = responder.executor.chances(manifest, (input, output), likeliest).await;
        Ok(match told {
            Ok(Some(chances)) => ToldChances::Told(chances),
            Ok(None) => ToldChances::OtherText,
            Err(failure) => ToldChances::Failed(failure),
        })
    }
}
