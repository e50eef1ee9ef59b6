//! Having a job that came to nothing run again, as it was wanted the first time.
//!
//! **Invariant:** to say it twice is to say it once: while what was ordered again goes on, or once it is paid, nothing more is
//! ordered. What can only fail again is ordered if that is said.

use assay_market::{Command, Input, submission::Submission};
use assay_protocol::{id::Digest, order::Failure, units::Amount};
use serde::{Deserialize, Serialize};

use super::submit::store;
use crate::{
    blobs::Hold,
    clock::moment,
    driver::{
        Driver, prepare,
        responder::{Respond, Responder},
        retried_jobs::RetriedJobs,
    },
    executor::SALT_BYTES,
    handle::{Call, Refused},
    journal::Broken,
};

/// Order a job again of which nothing came.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryJob {
    /// The key of the submission, a job id or a unique prefix of either.
    pub name: String,
    /// The most that each order of it may cost; as much as before if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_max: Option<Amount>,
    /// Order it although its input was refused, and will be the same.
    #[serde(default)]
    pub in_vain: bool,
}

/// What was ordered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetriedView {
    /// The key of the submission that came to nothing.
    pub of: Digest,
    /// The key of the one that is under way instead.
    pub key: Digest,
}

impl Call for RetryJob {
    const NAME: &'static str = "retry_job";
    type Answer = RetriedView;
}

/// What is to be ordered, or was already.
enum Again {
    Anew {
        /// What it is ordered instead of.
        follows: Digest,
        wish: Box<Submission>,
    },
    Known(Digest),
}

impl Respond for RetryJob {
    async fn respond(self, responder: &Responder) -> Result<RetriedView, Refused> {
        let Self { name, cost_max, in_vain } = self;
        let (of, again) = responder.look(move |driver| driver.again(&name, in_vain)).await??;
        let (follows, wish) = match again {
            Again::Known(key) => return Ok(RetriedView { of, key }),
            Again::Anew { follows, wish } => (follows, wish),
        };
        responder.takes_new()?;
        let blobs = responder.store.blobs.clone();
        let stored = responder.work(move |_| {
            let disk = |error: crate::blobs::BlobError| Refused::Disk { reason: error.to_string() };
            let blob = blobs.get(&wish.input_commit).map_err(disk)?;
            let input = blob.as_ref().and_then(|blob| blob.get(SALT_BYTES..));
            let input = input.ok_or(Refused::Forgotten { job: of })?;
            let blob = prepare::salted(input)?;
            let held = store(&blobs, &blob).map_err(disk)?;
            let cost_max = cost_max.unwrap_or(wish.cost_max);
            Ok::<_, Refused>((Submission { input_commit: Digest::of(&blob), cost_max, ..*wish }, held))
        });
        let (submission, held) = stored.await??;
        let key = submission.key;
        let order =
            responder.act_and_save(move |driver| Box::pin(driver.order_again(follows, submission, held)));
        order.await??;
        Ok(RetriedView { of, key })
    }
}

impl Driver {
    /// What is to be ordered instead of a job that came to nothing: it, or what was ordered instead of it, for the first time
    /// or again. What was refused for its input is not, unless that is wanted all the same.
    fn again(&self, name: &str, in_vain: bool) -> Result<(Digest, Again), Refused> {
        let of = self.submission_named(name)?;
        let (job, mut last) = (of.key, of);
        loop {
            if !last.ended || last.is_paid() {
                let refused = if last.ended { Refused::Paid { job } } else { Refused::NotOver { job } };
                return if last.key == job { Err(refused) } else { Ok((job, Again::Known(last.key))) };
            }
            let key = RetriedJobs::name(last.key);
            match self.node.submission(key) {
                Some(next) => last = next,
                None => {
                    let failure = self.node.failure(last.key).filter(|why| *why == Failure::BadInput);
                    if let Some(failure) = failure.filter(|_| !in_vain && !last.cancelled) {
                        return Err(Refused::InVain { job, failure });
                    }
                    let wish = self.node.wish(last.key).ok_or(Refused::Forgotten { job })?;
                    let wish = Box::new(Submission { key, until: None, ..wish.clone() });
                    return Ok((job, Again::Anew { follows: last.key, wish }));
                }
            }
        }
    }

    /// Its input is held until it is known whether it is taken.
    async fn order_again(
        &mut self,
        follows: Digest,
        submission: Submission,
        _held: Hold,
    ) -> Result<Result<(), Refused>, Broken> {
        let key = submission.key;
        let over_day = self.node.over_day(&submission, moment(), &self.book);
        self.take(Input::Command(Command::Submit(submission))).await?;
        if self.node.submission_content(key).is_none() {
            return Ok(Err(over_day.map_or(Refused::TooManyJobs, Refused::OverDay)));
        }
        let node = &self.node;
        self.retried.note(follows, |key| node.submission_content(key).is_some());
        Ok(Ok(()))
    }
}
