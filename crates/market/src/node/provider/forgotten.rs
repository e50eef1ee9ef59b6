//! Jobs that are over and not remembered any more: whoever shows the ticket of one again would have it run for nothing.
//!
//! A ticket is good for as long as its order allows, which may be hours, and who fills what is remembered of jobs that are over with
//! others that cost hardly anything is done in minutes. So of what is given up it is noted when the last was opened: what was opened
//! by then is not begun. Whoever orders shows its ticket within seconds, while thousands of later jobs have yet to end.
//!
//! **Invariant:** no job is begun that was opened before one that is over and not remembered. What this life has not seen counts as
//! opened up to its start: so whoever goes on from a snapshot knows as much as whoever reads all records.

use assay_protocol::{id::JobId, units::Timestamp};

use super::memory::SERVED_MAX;
use crate::recent::Recent;

/// When those jobs were opened, by their notaries' clocks.
#[derive(Clone, Debug)]
pub(super) struct ForgottenJobs {
    /// Those that are over and remembered, and that this life saw closed.
    opened: Recent<JobId, Timestamp>,
    /// The last of those that are not remembered.
    until: Option<Timestamp>,
    /// When this life began; nothing before it does, while records are read.
    begun: Option<Timestamp>,
}

impl Default for ForgottenJobs {
    fn default() -> Self {
        Self { opened: Recent::new(SERVED_MAX), until: None, begun: None }
    }
}

impl ForgottenJobs {
    /// A job that was opened then is over, and remembered instead of another one, if that is named.
    pub(super) fn close(&mut self, job: JobId, opened: Timestamp, instead: Option<JobId>) {
        // Of what is read from records a snapshot would say nothing.
        let Some(begun) = self.begun else { return };
        if let Some(other) = instead {
            self.until = self.until.max(Some(self.opened.get(&other).copied().unwrap_or(begun)));
        }
        self.opened.insert(job, opened);
    }

    /// One that was opened then was turned away, and that is not remembered any more.
    pub(super) fn turned_away(&mut self, opened: Timestamp) {
        self.until = self.until.max(Some(opened));
    }

    /// Begins a life with so many jobs that are over and remembered: where there is no room for more, others may have been given
    /// up for them.
    pub(super) fn begin(&mut self, remembered: usize, now: Timestamp) {
        self.begun = Some(now);
        if remembered >= SERVED_MAX {
            self.until = self.begun;
        }
    }

    /// True if a job that was opened then may be over.
    pub(super) fn may_hold(&self, opened: Timestamp) -> bool {
        self.until.is_some_and(|until| opened <= until)
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::Digest;

    use super::*;

    fn job(number: u64) -> JobId {
        Digest::of(&number.to_be_bytes())
    }

    /// So many jobs are over of which each was opened a moment after the one before; and as many were over before this life.
    fn over(jobs: u64, before: u64) -> ForgottenJobs {
        let mut forgotten = ForgottenJobs::default();
        forgotten.begin(usize::try_from(before).unwrap(), Timestamp(500));
        for number in 0..jobs {
            let all = before + number;
            let oldest = all.checked_sub(SERVED_MAX as u64);
            // Those before are named by other numbers.
            let name =
                |oldest: u64| if oldest < before { job(1_000_000 + oldest) } else { job(oldest - before) };
            forgotten.close(job(number), Timestamp(1_000 + number), oldest.map(name));
        }
        forgotten
    }

    #[test]
    fn what_was_opened_before_a_job_that_is_over_and_not_remembered_may_be_over() {
        let most = SERVED_MAX as u64;
        let may_hold = |jobs, before, opened| over(jobs, before).may_hold(Timestamp(opened));
        assert!(!may_hold(most, 0, 0), "all of them are remembered");
        assert_eq!([1_000, 1_001].map(|opened| may_hold(most + 1, 0, opened)), [true, false]);
        assert_eq!([1_009, 1_010].map(|opened| may_hold(most + 10, 0, opened)), [true, false]);
    }

    #[test]
    fn nothing_is_noted_while_records_are_read() {
        let mut forgotten = ForgottenJobs::default();
        forgotten.close(job(1), Timestamp(1_000), Some(job(0)));
        assert_eq!(
            (forgotten.opened.iter().count(), forgotten.until),
            (0, None),
            "a snapshot would not say it"
        );
        forgotten.begin(SERVED_MAX, Timestamp(500));
        assert_eq!([500, 501].map(|opened| forgotten.may_hold(Timestamp(opened))), [true, false]);
    }

    #[test]
    fn of_jobs_before_a_start_it_is_known_that_they_were_opened_before_this_life() {
        let most = SERVED_MAX as u64;
        let may_hold = |jobs, before, opened| over(jobs, before).may_hold(Timestamp(opened));
        assert_eq!([500, 501].map(|opened| may_hold(0, most, opened)), [true, false]);
        assert!(!may_hold(0, most - 1, 0), "none was given up");
        assert_eq!([500, 501].map(|opened| may_hold(2, most - 1, opened)), [true, false]);
    }

    #[test]
    fn what_was_turned_away_and_is_not_remembered_may_be_over_as_well() {
        let mut forgotten = ForgottenJobs::default();
        for opened in [7, 5] {
            forgotten.turned_away(Timestamp(opened));
        }
        assert_eq!([7, 8].map(|opened| forgotten.may_hold(Timestamp(opened))), [true, false]);
    }
}
