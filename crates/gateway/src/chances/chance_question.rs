//! How likely the tokens of an answer were: asked of the daemon once the answer is here, by what its order asked.
//!
//! **Invariant:** what is told is of the tokens that were delivered. Where this machine writes others the answer ends as a failure.
//! A question is asked again of a daemon that went away and came back, and not for ever.

use assay_peer::handle::{
    Attachment, CallError, Handle, OfferRefused, Refused, TellChances, ToldChances, WrittenChance,
};
use assay_protocol::{
    id::{JobId, PeerId},
    manifest::Manifest,
};
use axum::http::StatusCode;

use crate::failure::HttpFailure;

/// What is asked of an answer.
#[derive(Clone, Debug)]
pub(crate) struct ChanceQuestion {
    /// How many of the likeliest tokens are told of each place.
    pub(crate) likeliest: u8,
    /// What was ordered.
    pub(crate) input: Attachment,
}

impl ChanceQuestion {
    /// How often it is asked of a daemon that goes away meanwhile.
    pub(crate) const TRIES: usize = 3;

    /// Asks it of what a provider delivered for a job. The daemon may be away, and it is then asked again.
    pub(crate) async fn ask(
        &self,
        handle: &Handle,
        manifest: &Manifest,
        output: &[u8],
        (provider, job): (PeerId, JobId),
    ) -> Result<Result<Vec<WrittenChance>, HttpFailure>, CallError> {
        let question = TellChances {
            name: manifest.digest().to_string(),
            input: self.input.clone(),
            output: Attachment(output.to_vec()),
            likeliest: self.likeliest,
        };
        Ok(match handle.call(question).await? {
            ToldChances::Told(chances) => Ok(chances),
            ToldChances::OtherText => {
                let why = format!(
                    "what provider {provider} delivered is not what this machine writes for it; `assay job dispute {job}` has it checked"
                );
                Err(HttpFailure::new(StatusCode::BAD_GATEWAY, "other_words", why).after_order())
            }
            ToldChances::Failed(failure) => Err(untold(StatusCode::BAD_GATEWAY, "no_chances", job, &failure)),
        })
    }

    /// Why nothing is told where the daemon went away as often as it was asked, or did not come back.
    pub(crate) fn unasked(job: JobId) -> HttpFailure {
        let why = "the daemon went away while it was asked";
        untold(StatusCode::SERVICE_UNAVAILABLE, HttpFailure::NO_DAEMON, job, &why)
    }

    /// Why it cannot be asked of a model's answers: they are told by its file, in this home, by a runner that may run here. The
    /// daemon is asked about nothing, which it looks at as at any answer.
    pub(crate) async fn refusal(handle: &Handle, manifest: &Manifest) -> Result<Option<String>, CallError> {
        let (input, output) = (Attachment::default(), Attachment::default());
        let question = TellChances { name: manifest.digest().to_string(), input, output, likeliest: 0 };
        let name = &manifest.name;
        match handle.call(question).await {
            Ok(_) => Ok(None),
            Err(CallError::Refused(Refused::BlobAbsent { .. })) => Ok(Some(format!(
                "chances are computed by the model's file, which is not in this home; `assay model pull {name}` fetches it"
            ))),
            Err(CallError::Refused(Refused::Offer(refused @ OfferRefused::RunnerNotAllowed { .. }))) => {
                Ok(Some(format!("{refused}; `assay provider allow {name}` lets it")))
            }
            Err(error) => Err(error),
        }
    }
}

/// An answer that is here without what was asked of it.
fn untold(status: StatusCode, code: &'static str, job: JobId, why: &dyn std::fmt::Display) -> HttpFailure {
    let why = format!(
        "the answer is here, and how likely its tokens were is not: {why}; `assay job result {job}` prints it"
    );
    HttpFailure::new(status, code, why).after_order()
}
