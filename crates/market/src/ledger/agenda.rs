//! What is due when: the open jobs that a tick can move, and those in which somebody is to act.
//!
//! An entry is written when a job gets another deadline and stays until that deadline comes, also if the job has moved on
//! by then: whoever reads it looks at the job again. To leave it costs less than to look for it.
//!
//! **Invariant:** a job that a tick can move is found at that tick; what is found is in the order of the names of jobs.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use assay_protocol::{
    id::JobId,
    job::{Job, LiveTime, Stage},
    units::Timestamp,
};

/// When ticks alone move a job: a time, or a round.
pub(super) type Due = (Option<Timestamp>, Option<u64>);

/// What is due when.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Agenda {
    by_time: BTreeMap<Timestamp, Vec<JobId>>,
    by_round: BTreeMap<u64, Vec<JobId>>,
    /// Jobs whose parties or verifiers are told at every tick what to do.
    attended: BTreeSet<JobId>,
}

impl Agenda {
    /// Notes how a job stands that may have moved; `planned` is what was noted of it last.
    pub(super) fn note(&mut self, job: &Job, planned: &mut Due) {
        if is_attended(job) {
            self.attended.insert(job.id());
        } else if *planned != job.due() {
            self.attended.remove(&job.id());
        }
        if *planned != job.due() {
            *planned = job.due();
            let (until, round) = job.due();
            until.into_iter().for_each(|until| self.by_time.entry(until).or_default().push(job.id()));
            round.into_iter().for_each(|round| self.by_round.entry(round).or_default().push(job.id()));
        }
    }

    /// Strikes out of what was noted of a job last what this moment has brought up: those entries are gone.
    pub(super) fn strike(planned: &mut Due, now: LiveTime) {
        let (until, round) = *planned;
        *planned = (until.filter(|until| *until > now.live), round.filter(|round| *round > now.beacon.round));
    }

    /// Strikes out a job that is closed.
    pub(super) fn forget(&mut self, job: JobId) {
        self.attended.remove(&job);
    }

    /// Takes the jobs that the tick of this moment may move, in their order.
    pub(super) fn take_due(&mut self, now: LiveTime) -> Vec<JobId> {
        // A job that is being checked may have to note a beacon at any tick.
        let mut due: Vec<JobId> = self.attended.iter().copied().collect();
        while let Some(entry) = self.by_time.first_entry().filter(|entry| *entry.key() <= now.live) {
            due.append(&mut entry.remove());
        }
        while let Some(entry) = self.by_round.first_entry().filter(|entry| *entry.key() <= now.beacon.round) {
            due.append(&mut entry.remove());
        }
        due.sort_unstable();
        due.dedup();
        due
    }

    /// The jobs that are to be looked at, each with when.
    pub(super) fn planned(&self) -> BTreeSet<(JobId, Due)> {
        let by_time =
            self.by_time.iter().flat_map(|(until, jobs)| jobs.iter().map(|job| (*job, (Some(*until), None))));
        let by_round = self
            .by_round
            .iter()
            .flat_map(|(round, jobs)| jobs.iter().map(|job| (*job, (None, Some(*round)))));
        by_time.chain(by_round).collect()
    }

    /// The jobs in which somebody is to act.
    pub(super) fn attended(&self) -> impl Iterator<Item = JobId> {
        self.attended.iter().copied()
    }
}

/// True while a party or a verifier of the job has something to do that the notary asks for.
fn is_attended(job: &Job) -> bool {
    match job.stage() {
        Stage::Cancelling { .. } | Stage::Claimed { .. } | Stage::Checking(_) | Stage::Jury(_) => true,
        Stage::Open { .. } | Stage::Drawing { .. } | Stage::Waiting { .. } | Stage::Closed(_) => false,
    }
}

/// True if the tick of this moment can move a job. A job that is being checked may have to note a beacon at any of them.
pub(super) fn may_move(job: &Job, now: LiveTime) -> bool {
    let (until, round) = job.due();
    matches!(job.stage(), Stage::Checking(_) | Stage::Jury(_))
        || until.is_some_and(|until| now.live >= until)
        || round.is_some_and(|round| now.beacon.round >= round)
}
