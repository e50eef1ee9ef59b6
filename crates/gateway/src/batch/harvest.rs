//! What came of a line, as OpenAI's files of answers have it.
//!
//! **Invariant:** each line of answers names its request, and says beside the answer which job it was, who ran it, what it cost
//! in the end and where the receipt is.

use assay_market::view::{AttemptState, AttemptView, SubmissionView};
use assay_peer::handle::{CallError, ExplainJob, Handle, Pieces, ReadOutput, Refused, WrittenChance};
use assay_protocol::{
    id::Digest,
    manifest::{End, Manifest},
    units::Amount,
};
use serde_json::{Value, json};

use super::line_log::LineResult;
use crate::{BatchedFailure, BatchedRequest, DeliveredAnswer, chances::ChanceQuestion};

/// What came of a line.
pub(super) struct Harvest {
    answer: Value,
    failure: Option<String>,
}

impl Harvest {
    /// Of a line of which nothing came.
    pub(super) fn failed(key: Digest, request: &BatchedRequest, failure: &BatchedFailure) -> Self {
        let answer = answer_line(key, request, failure.status(), failure.document());
        Self { answer, failure: Some(failure.code().to_owned()) }
    }

    /// Whether something came of it.
    pub(super) fn is_answer(&self) -> bool {
        self.failure.is_none()
    }

    /// As it is recorded.
    pub(super) fn result(self, (line, attempt): (usize, u32), cost: Amount) -> LineResult {
        let Self { answer, failure } = self;
        LineResult { line, attempt, cost, failure, answer }
    }
}

/// Reads the answer to a line, which was drawn from this seed, once its job is over. What was read counts as handed over once the
/// rest of it is taken.
pub(super) async fn gather(
    handle: &Handle,
    submission: &SubmissionView,
    request: &BatchedRequest,
    (manifest, seed): (&Manifest, u32),
) -> Result<(Harvest, Pieces), CallError> {
    let Some(attempt) = submission.answer() else { unreachable!("only what has an answer is gathered") };
    let Some(digest) = attempt.output else { unreachable!("an answer has an output") };
    let key = submission.key;
    let explained = handle.call(ExplainJob { name: key.to_string() }).await?;
    let orders = explained.grounds.into_iter().flat_map(|grounds| grounds.orders);
    let unit_price =
        orders.into_iter().find(|grounds| grounds.job == attempt.job).map(|grounds| grounds.order.unit_price);
    let mut pieces = handle.call(ReadOutput { digest, of: Some(key) }).await?;
    let output = pieces.whole().await?;
    let chances = match chances(handle, request, (manifest, seed), (attempt, &output)).await? {
        Ok(chances) => chances,
        Err(failure) => return Ok((Harvest::failed(key, request, &failure), pieces)),
    };
    let delivered = DeliveredAnswer { key, manifest, attempt, output, unit_price, chances };
    let harvest = match request.document(delivered) {
        Ok(mut document) => {
            document["assay"] = provenance(submission, attempt);
            Harvest { answer: answer_line(key, request, 200, document), failure: None }
        }
        Err(failure) => Harvest::failed(key, request, &failure),
    };
    Ok((harvest, pieces))
}

/// How likely the tokens of an answer were, if its line asks that. Whoever carries it out after an end asks it again: it is
/// computed from the line.
async fn chances(
    handle: &Handle,
    request: &BatchedRequest,
    (manifest, seed): (&Manifest, u32),
    (attempt, output): (&AttemptView, &[u8]),
) -> Result<Result<Vec<WrittenChance>, BatchedFailure>, CallError> {
    // What was broken off is no answer.
    let Some(likeliest) = request.chances().filter(|_| attempt.end != Some(End::Cancelled)) else {
        return Ok(Ok(Vec::new()));
    };
    let input = match request.order(manifest, seed) {
        Ok(submit) => submit.input,
        Err(failure) => return Ok(Err(failure)),
    };
    let question = ChanceQuestion { likeliest, input };
    match question.ask(handle, manifest, output, (attempt.provider, attempt.job)).await {
        Ok(told) => Ok(told.map_err(BatchedFailure::from)),
        Err(CallError::Refused(refused)) if refused != Refused::Ending => {
            Ok(Err(BatchedFailure::of_refused(refused)))
        }
        Err(error) => Err(error),
    }
}

fn answer_line(key: Digest, request: &BatchedRequest, status: u16, body: Value) -> Value {
    json!({
        "id": format!("batch_req_{key}"), "custom_id": request.custom_id(),
        "response": { "status_code": status, "request_id": key.to_string(), "body": body }, "error": null,
    })
}

/// Where an answer came from, once its job is over.
fn provenance(submission: &SubmissionView, attempt: &AttemptView) -> Value {
    let label = if let AttemptState::Closed(outcome) = attempt.state { Some(outcome.label()) } else { None };
    let refuted = submission.refuted().map(|refuted| {
        json!({ "job": refuted.job.to_string(), "provider": refuted.provider.to_string(),
            "receipt": refuted.receipt.map(|receipt| receipt.to_string()), })
    });
    json!([{
        "key": submission.key.to_string(), "job": attempt.job.to_string(), "provider": attempt.provider.to_string(),
        "price": attempt.price.to_string(), "cost": submission.cost_max().to_string(), "label": label,
        "receipt": attempt.receipt.map(|receipt| receipt.to_string()), "cut_off": attempt.end == Some(End::Length),
        "refuted": refuted.collect::<Vec<_>>(),
    }])
}
