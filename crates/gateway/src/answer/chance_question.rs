//! How likely the tokens of an answer were: asked of the daemon once the answer is here, by what its order asked.
//!
//! **Invariant:** what is told is of the tokens that were delivered. Where this machine writes others the answer ends as a failure.

use assay_peer::handle::{Attachment, Handle, TellChances, ToldChances, WrittenChance};
use assay_protocol::manifest::Manifest;
use axum::http::StatusCode;

use super::WholeAnswer;
use crate::failure::HttpFailure;

/// What is asked of an answer.
#[derive(Debug)]
pub(super) struct ChanceQuestion {
    /// How many of the likeliest tokens are told of each place.
    pub(super) likeliest: u8,
    /// What was ordered.
    pub(super) input: Attachment,
}

impl ChanceQuestion {
    /// Asks it.
    pub(super) async fn ask(
        &self,
        handle: &Handle,
        manifest: &Manifest,
        whole: &WholeAnswer,
    ) -> Result<Vec<WrittenChance>, HttpFailure> {
        let question = TellChances {
            name: manifest.digest().to_string(),
            input: self.input.clone(),
            output: Attachment(whole.output.clone()),
            likeliest: self.likeliest,
        };
        let failed = |code: &'static str, why: String| {
            HttpFailure::new(StatusCode::BAD_GATEWAY, code, why).after_order()
        };
        let job = whole.by.job;
        match handle.call(question).await.map_err(|error| HttpFailure::from(error).after_order())? {
            ToldChances::Told(chances) => Ok(chances),
            ToldChances::OtherText => {
                let why = format!(
                    "what provider {} delivered is not what this machine writes for it; `assay job dispute {job}` has it checked",
                    whole.by.provider
                );
                Err(failed("other_words", why))
            }
            ToldChances::Failed(failure) => {
                let why = format!(
                    "the answer is here, and how likely its tokens were is not: {failure}; `assay job result {job}` prints it"
                );
                Err(failed("no_chances", why))
            }
        }
    }
}
