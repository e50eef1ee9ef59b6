//! This client's jobs: how far each is, and why.
//!
//! **Invariant:** a job is found by its whole name without a look at the others.

use assay_market::{
    held_money::HeldMoney,
    view::{AwaitedPlace, Grounds, SubmissionView},
};
use assay_protocol::{
    id::{Digest, JobId},
    units::Amount,
};
use serde::{Deserialize, Serialize};

use crate::{
    clock::moment,
    driver::{
        Driver,
        history::Dated,
        names,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
};

/// Those that came first, oldest first: whoever asks on behind the last of them sees all, and holds a page.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListJobs {
    /// Only those that have not ended.
    pub running: bool,
    /// Only those behind this one; all, if it is forgotten.
    pub after: Option<Digest>,
    /// How many are told; [`JOBS_LISTED_MAX`] if none is said, and at most.
    pub most: Option<usize>,
}

/// Some of them, those that came last.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageJobs {
    /// Only those that have not ended.
    pub running: bool,
    /// Only those before this one.
    pub behind: Option<Digest>,
    /// How many are told, [`JOBS_LISTED_MAX`] at most.
    pub most: usize,
}

/// A page of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct JobPage {
    /// How they stand, oldest first.
    pub jobs: Vec<JobView>,
    /// How many are older.
    pub older: u64,
}

/// Jobs on the longest page.
pub const JOBS_LISTED_MAX: usize = 1_000;

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowJob {
    /// Its key, a job id or a unique prefix of either.
    pub name: String,
}

/// One of them, with why what became of it became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainJob {
    /// Its key, a job id or a unique prefix of either.
    pub name: String,
}

/// Those of these that were ordered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownJobs {
    /// The keys of submissions, [`KNOWN_JOBS_MAX`] at most.
    pub keys: Vec<Digest>,
}

/// An order that was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KnownJob {
    /// How it stands.
    pub submission: SubmissionView,
    /// The most that each order of it may cost; nothing if it is so long over that only its outcome is remembered.
    pub cost_max: Option<Amount>,
    /// The most that a unit may cost; likewise.
    pub unit_price_max: Option<Amount>,
    /// Whether less of its answer would be worth something: then it can be ordered shorter. False where that is forgotten.
    pub gives_parts: bool,
    /// What keeps it waiting while nobody is asked, if it is something that time brings.
    pub awaits: Option<AwaitedPlace>,
}

/// Keys that are looked up at a time.
pub const KNOWN_JOBS_MAX: usize = 64;

/// A client's job and when what happened to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobView {
    /// The job.
    pub submission: SubmissionView,
    /// What happened since the daemon started, oldest first.
    pub timeline: Vec<Dated>,
    /// The submission that it was ordered instead of, after nothing came of that.
    pub retry_of: Option<Digest>,
    /// The submission that was ordered instead of it, after nothing came of it.
    pub retried_as: Option<Digest>,
    /// What is held for its orders that are open.
    pub held: Vec<HeldMoney>,
    /// What keeps it waiting while nobody is asked, if it is something that time brings.
    pub awaits: Option<AwaitedPlace>,
}

impl JobView {
    /// What is held for one of its orders.
    #[must_use]
    pub fn held_for(&self, job: JobId) -> Option<&HeldMoney> {
        self.held.iter().find(|held| held.job == job)
    }
}

/// A client's job and why what became of it became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The job.
    pub job: JobView,
    /// Why; nothing if it is so long over that only its outcome is remembered.
    pub grounds: Option<Grounds>,
}

impl Call for ListJobs {
    const NAME: &'static str = "list_jobs";
    type Answer = Vec<JobView>;
}

impl Respond for ListJobs {
    async fn respond(self, responder: &Responder) -> Result<Vec<JobView>, Refused> {
        responder.look(move |driver| driver.jobs(&self)).await
    }
}

impl Call for PageJobs {
    const NAME: &'static str = "page_jobs";
    type Answer = JobPage;
}

impl Respond for PageJobs {
    async fn respond(self, responder: &Responder) -> Result<JobPage, Refused> {
        responder.look(move |driver| driver.job_page(&self)).await?
    }
}

impl Call for KnownJobs {
    const NAME: &'static str = "known_jobs";
    type Answer = Vec<KnownJob>;
}

impl Respond for KnownJobs {
    async fn respond(self, responder: &Responder) -> Result<Vec<KnownJob>, Refused> {
        let count = self.keys.len();
        if count > KNOWN_JOBS_MAX {
            let reason = format!("it asks for {count} jobs, where {KNOWN_JOBS_MAX} are told at a time");
            return Err(Refused::Unreadable { reason });
        }
        responder
            .look(move |driver| self.keys.into_iter().filter_map(|key| driver.known_job(key)).collect())
            .await
    }
}

impl Call for ShowJob {
    const NAME: &'static str = "show_job";
    type Answer = JobView;
}

impl Respond for ShowJob {
    async fn respond(self, responder: &Responder) -> Result<JobView, Refused> {
        responder.look(move |driver| driver.job_named(&self.name)).await?
    }
}

impl Call for ExplainJob {
    const NAME: &'static str = "explain_job";
    type Answer = Explained;
}

impl Respond for ExplainJob {
    async fn respond(self, responder: &Responder) -> Result<Explained, Refused> {
        let explained = responder.look(move |driver| {
            let job = driver.job_named(&self.name)?;
            let grounds = driver.node.grounds(job.submission.key);
            Ok(Explained { job, grounds })
        });
        explained.await?
    }
}

impl Driver {
    /// The job of a submission.
    pub(in crate::driver) fn job(&self, key: &Digest) -> Option<JobView> {
        Some(self.job_of(self.node.submission(*key)?))
    }

    fn known_job(&self, key: Digest) -> Option<KnownJob> {
        let (submission, wish) = (self.node.submission(key)?, self.node.wish(key));
        let (cost_max, unit_price_max) = wish.map(|wish| (wish.cost_max, wish.unit_price_max)).unzip();
        let gives_parts = wish.is_some_and(|wish| wish.manifest.gives_parts());
        let awaits = self.awaited(key);
        Some(KnownJob { submission, cost_max, unit_price_max, gives_parts, awaits })
    }

    /// What keeps a job of which nobody is asked waiting.
    pub(super) fn awaited(&self, key: Digest) -> Option<AwaitedPlace> {
        self.node.awaited(key, moment(), &self.book)
    }

    /// The job that goes by a name.
    pub(super) fn job_named(&self, name: &str) -> Result<JobView, Refused> {
        self.submission_named(name).map(|submission| self.job_of(submission))
    }

    /// The submission that goes by a name.
    pub(super) fn submission_named(&self, name: &str) -> Result<SubmissionView, Refused> {
        if let Some(submission) = name.parse().ok().and_then(|key| self.node.submission(key)) {
            return Ok(submission);
        }
        let all = self.node.submissions();
        names::submission(&all, name).cloned()
    }

    fn jobs(&self, wanted: &ListJobs) -> Vec<JobView> {
        let most = wanted.most.map_or(JOBS_LISTED_MAX, |most| most.min(JOBS_LISTED_MAX));
        let earliest = self.node.earliest_submissions(wanted.running, wanted.after, most);
        earliest.into_iter().map(|submission| self.job_of(submission)).collect()
    }

    fn job_page(&self, wanted: &PageJobs) -> Result<JobPage, Refused> {
        let is_unknown = |key: &Digest| self.node.submission(*key).is_none();
        if let Some(unknown) = wanted.behind.filter(is_unknown) {
            return Err(Refused::UnknownJob { name: unknown.to_string() });
        }
        let most = wanted.most.min(JOBS_LISTED_MAX);
        let (latest, older) = self.node.latest_submissions(wanted.running, wanted.behind, most);
        let jobs = latest.into_iter().map(|submission| self.job_of(submission)).collect();
        Ok(JobPage { jobs, older: older as u64 })
    }

    fn job_of(&self, submission: SubmissionView) -> JobView {
        let key = submission.key;
        JobView {
            timeline: self.history.of(&key),
            retry_of: self.retried.before(key),
            retried_as: self.retried.after(key),
            held: self.node.held_for(key),
            awaits: self.awaited(key),
            submission,
        }
    }
}
