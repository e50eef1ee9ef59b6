//! What a job would come to.
//!
//! **Invariant:** it is chosen as it would be for a submission, of which nothing is kept.

use assay_market::quote::Quote;
use serde::{Deserialize, Serialize};

use super::Submit;
use crate::{
    clock::moment,
    driver::{
        prepare::prepare,
        responder::{Respond, Responder},
    },
    handle::{Attachment, Call, Refused},
};

/// What a job would come to if it were submitted now. Its input is neither sent nor looked at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QuoteJob(pub Submit);

impl Call for QuoteJob {
    const NAME: &'static str = "quote_job";
    type Answer = Quote;
}

impl Respond for QuoteJob {
    async fn respond(self, responder: &Responder) -> Result<Quote, Refused> {
        let without_input = Submit { input: Attachment::default(), ..self.0 };
        let manifest = responder.any_model(&without_input.manifest).await?.manifest;
        let submission = prepare(without_input, manifest, &responder.settings.client())?.submission;
        let quote = responder.look(move |driver| driver.node.quote(&submission, moment(), &driver.book));
        quote.await
    }
}
