//! What a job would come to.
//!
//! **Invariant:** it is chosen as it would be for a submission, of which nothing is kept. That too little is there is not said on
//! an old word of a notary where it says a newer one soon.

use assay_market::{quote::Quote, submission::Submission};
use assay_protocol::id::PeerId;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{
    Submit,
    account::{STATEMENT_WAIT, asked},
};
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
        let quote = quoted(submission.clone(), responder).await?;
        let Some(notary) = doubtful(&quote, responder) else { return Ok(quote) };
        let is_stated = is_stated_anew(notary, responder).await;
        if is_stated { quoted(submission, responder).await } else { Ok(quote) }
    }
}

async fn quoted(submission: Submission, responder: &Responder) -> Result<Quote, Refused> {
    responder.look(move |driver| driver.node.quote(&submission, moment(), &driver.book)).await
}

/// By whose word too little is there, if it is: there may be more since it was said, by a grant or the end of a job.
fn doubtful(quote: &Quote, responder: &Responder) -> Option<PeerId> {
    let free = quote.free?;
    match (&quote.chosen, quote.passed.counts.cost_least) {
        (Some(chosen), _) => (chosen.needed() > free).then_some(chosen.order.notary),
        (None, Some(least)) if least > free => responder.notary(None).ok(),
        (None, _) => None,
    }
}

/// Whether a notary says soon what the account holds now.
async fn is_stated_anew(notary: PeerId, responder: &Responder) -> bool {
    let stated = async { matches!(timeout(STATEMENT_WAIT, asked(responder, notary)).await, Ok(Ok(_))) };
    responder.beside.asked.has_said(notary, stated).await
}
