//! Having a job run by somebody else.
//!
//! **Invariant:** the user hears that a job was taken once it is on the disk, and its input before it; the input of one that was
//! refused may make room.

use assay_market::{Command, Input, submission::Submission};
use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    units::{Amount, Duration, Units, Work},
};
use serde::{Deserialize, Serialize};

use crate::{
    blobs::{BlobError, Blobs, Hold},
    clock::moment,
    driver::{
        Driver,
        models::MeantModel,
        names::ModelSource,
        prepare::{Prepared, prepare},
        responder::{Respond, Responder},
    },
    handle::{Attachment, Call, Refused},
    journal::Broken,
};

/// Run a job as a user wants it; what is left out is taken from the home's settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Submit {
    /// A model: its name, `name@prefix`, or a unique prefix of its digest.
    pub manifest: String,
    /// What the runner reads.
    pub input: Attachment,
    /// The same word again is the same job.
    pub idempotency_key: Option<String>,
    /// The most that may be spent.
    pub cost_max: Option<Amount>,
    /// The most that a unit may cost.
    pub unit_price_max: Option<Amount>,
    /// Only this provider.
    pub provider: Option<PeerId>,
    /// None of these providers.
    pub ignored: Vec<PeerId>,
    /// Re-executions that are paid in advance and must all agree; 0 leaves the check to the draw.
    pub checks: u16,
    /// Rather this provider than others that are not much better: it knows what was said before.
    pub returns_to: Option<PeerId>,
    /// Providers tried one after another.
    pub attempts_max: Option<u16>,
    /// The most units that are paid.
    pub units_max: Option<Units>,
    /// The most work that checks are paid for.
    pub work_max: Option<Work>,
    /// The longest run that an order asks for, however long it could be.
    pub run_max: Option<Duration>,
}

/// A job was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmittedView {
    /// Names the submission.
    pub key: Digest,
}

impl Submit {
    /// What a job is named by whose user says this word.
    #[must_use]
    pub fn key_of(idempotency_key: &str) -> Digest {
        codec::digest("submission", &idempotency_key)
    }
}

impl Call for Submit {
    const NAME: &'static str = "submit";
    type Answer = SubmittedView;

    fn attachments(&mut self) -> Vec<&mut Attachment> {
        vec![&mut self.input]
    }
}

impl Respond for Submit {
    async fn respond(self, responder: &Responder) -> Result<SubmittedView, Refused> {
        responder.takes_new()?;
        let MeantModel { manifest, source } = responder.any_model(&self.manifest).await?;
        if source == ModelSource::Offered {
            responder.adopt(&manifest).await?;
        }
        let settings = responder.settings.client();
        let Prepared { submission, blob } =
            responder.work(move |_| prepare(self, manifest, &settings)).await??;
        let (key, content) = (submission.key, submission.content);
        // The input of one that is known is kept, or was, under another salt. It is said once that one is on the disk.
        let known = responder.act_and_save(move |driver| {
            let known = driver.node.submission_content(key);
            Box::pin(async move { Ok(known) })
        });
        match known.await? {
            Some(known) if known == content => return Ok(SubmittedView { key }),
            Some(_) => return Err(Refused::KeyInUse),
            None => {}
        }
        let blobs = responder.store.blobs.clone();
        let stored = responder.work(move |_| store(&blobs, &blob)).await?;
        let held = stored.map_err(|error| Refused::Disk { reason: error.to_string() })?;
        responder.act_and_save(|driver| Box::pin(driver.submit(submission, held))).await?
    }
}

/// Puts the blob of an input into the store, where it stays for as long as the answer lives: an order that is taken keeps it for
/// itself, and one that is refused is nobody's.
pub(super) fn store(blobs: &Blobs, blob: &[u8]) -> Result<Hold, BlobError> {
    let held = blobs.hold([]);
    blobs.put_for(held.holder(), blob)?;
    Ok(held)
}

impl Driver {
    /// Its input is held until it is known whether it is taken.
    async fn submit(
        &mut self,
        submission: Submission,
        _held: Hold,
    ) -> Result<Result<SubmittedView, Refused>, Broken> {
        let (key, content) = (submission.key, submission.content);
        let over_day = self.node.over_day(&submission, moment(), &self.book);
        self.take(Input::Command(Command::Submit(submission))).await?;
        Ok(match self.node.submission_content(key) {
            Some(known) if known == content => Ok(SubmittedView { key }),
            Some(_) => Err(Refused::KeyInUse),
            None => Err(over_day.map_or(Refused::TooManyJobs, Refused::OverDay)),
        })
    }
}
