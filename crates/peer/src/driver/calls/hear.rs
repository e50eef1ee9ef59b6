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
        pages::HEARD,
        responder::{Respond, Responder},
    },
    handle::{ByteFlow, Call, CallError, Refused},
    heard_texts::HeardTexts,
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
        let (network, texts) = (responder.network.clone(), responder.beside.heard.clone());
        let ear = Ear { network, texts, key, provider, job, recital: None, heard: 0 };
        Ok(ByteFlow::new(stream::unfold(ear, |mut ear| async {
            let heard = ear.next().await.transpose()?;
            Some((heard, ear))
        })))
    }
}

/// Hears one provider, again and again until it has all.
struct Ear {
    network: Network,
    /// What was heard of the same text before, here or elsewhere.
    texts: HeardTexts<Digest>,
    key: Digest,
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
                    self.texts.note(self.key, usize::try_from(self.heard).unwrap_or(usize::MAX), &bytes);
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
    /// Hands the provider of a job that begins what was heard of its text elsewhere, so that it need not write that again. It
    /// leaves at once, and what shows that the job is open waits for the disk first.
    pub(in crate::driver) fn hand_on(&self, key: Digest, job: JobId) {
        let Some(heard) = self.background.heard.get(&key) else { return };
        let Ok(provider) = self.provider_of(key, job) else { return };
        let network = self.background.network.clone();
        tokio::spawn(async move {
            let handed = [&job.as_bytes()[..], &heard].concat();
            if let Err(error) = network.ask(provider, HEARD, handed).await {
                tracing::debug!(%provider, %job, %error, "what was heard of a job is not handed on");
            }
        });
    }

    fn provider_of(&self, key: Digest, job: JobId) -> Result<PeerId, Refused> {
        let submission = self.node.submission(key);
        let attempts = submission.into_iter().flat_map(|submission| submission.attempts);
        let provider =
            attempts.into_iter().find_map(|attempt| (attempt.job == job).then_some(attempt.provider));
        provider.ok_or_else(|| Refused::UnknownJob { name: job.to_string() })
    }
}
