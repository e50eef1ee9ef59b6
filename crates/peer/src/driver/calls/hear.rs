//! What the provider of a job writes, as it writes it.
//!
//! **Invariant:** what is heard is a hint: what was bought is the output that is delivered under the claim, and nothing else.

use std::time::{Duration, Instant};

use assay_protocol::{
    codec::BLOB_BYTES_MAX,
    id::{Digest, JobId, PeerId},
};
use futures::stream;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    handle::{ByteFlow, Call, CallError, Refused},
    network::{ExchangeFailure, Network, Recital},
};

/// Until a provider is asked again whose run has not begun, at first and at most.
const ASK_AGAIN_MIN: Duration = Duration::from_millis(10);
const ASK_AGAIN_MAX: Duration = Duration::from_millis(200);
/// Until one is asked again that could not be heard, at most.
const ASK_LOST_AGAIN: Duration = Duration::from_secs(2);
/// How long nothing may be heard.
const SILENCE_MAX: Duration = Duration::from_secs(10 * 60);

/// What the provider of a job writes, as it writes it. It waits until its run has begun, goes on where it broke off, and ends
/// where that ends in good order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HearJob {
    /// The key of the submission.
    pub key: Digest,
    /// Which attempt at it.
    pub job: JobId,
}

impl Call for HearJob {
    const NAME: &'static str = "hear_job";
    type Answer = ByteFlow;
}

impl Respond for HearJob {
    async fn respond(self, responder: &Responder) -> Result<ByteFlow, Refused> {
        let Self { key, job } = self;
        let provider = responder.look(move |driver| driver.provider_of(key, job)).await??;
        let network = responder.network.clone();
        let ear = Ear { network, provider, job, recital: None, heard: 0 };
        Ok(ByteFlow::new(stream::unfold(ear, |mut ear| async {
            let heard = ear.next().await.transpose()?;
            Some((heard, ear))
        })))
    }
}

/// Hears one provider, again and again until it has all.
struct Ear {
    network: Network,
    provider: PeerId,
    job: JobId,
    recital: Option<Recital>,
    heard: u64,
}

impl Ear {
    /// What is written next. Whoever is not heard is asked again: its run may not have begun, or begin anew.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, CallError> {
        let (since, mut pause) = (Instant::now(), ASK_AGAIN_MIN);
        loop {
            let failure = match self.ask().await {
                Ok(Some(Some(bytes))) => {
                    self.heard += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(Some(None)) => return Ok(None),
                Ok(None) => None,
                Err(failure) => Some(failure),
            };
            self.recital = None;
            if since.elapsed() > SILENCE_MAX {
                let reason = failure.map_or("nothing runs there".to_owned(), |failure| failure.to_string());
                return Err(Refused::Unheard { provider: self.provider, reason }.into());
            }
            sleep(pause).await;
            pause = (2 * pause).min(if failure.is_some() { ASK_LOST_AGAIN } else { ASK_AGAIN_MAX });
        }
    }

    /// What the provider says next, and whether that was all; nothing while it does not run the job.
    async fn ask(&mut self) -> Result<Option<Option<Vec<u8>>>, ExchangeFailure> {
        if self.heard > BLOB_BYTES_MAX as u64 {
            return Err(ExchangeFailure::Broken);
        }
        if self.recital.is_none() {
            self.recital = self.network.hear(self.provider, &self.job, self.heard).await?;
        }
        let Some(recital) = &mut self.recital else { return Ok(None) };
        recital.next().await.map(Some)
    }
}

impl Driver {
    fn provider_of(&self, key: Digest, job: JobId) -> Result<PeerId, Refused> {
        let submission = self.node.submission(key);
        let attempts = submission.into_iter().flat_map(|submission| submission.attempts);
        let provider =
            attempts.into_iter().find_map(|attempt| (attempt.job == job).then_some(attempt.provider));
        provider.ok_or_else(|| Refused::UnknownJob { name: job.to_string() })
    }
}
