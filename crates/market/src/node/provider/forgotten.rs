//! Jobs that are over and not remembered any more: whoever shows the ticket of one again would have it run for nothing.
//!
//! A ticket is good for as long as its order allows, which may be hours, and who fills what is remembered of jobs that are over with
//! others that cost hardly anything is done in minutes. So of what is given up it is noted when the last was opened: what was opened
//! by then is not begun. Whoever orders shows its ticket within seconds, while thousands of later jobs have yet to end.
//!
//! **Invariant:** no job is begun that was opened before one that is over and not remembered. What this life has not seen counts as
//! opened up to its start: so whoever goes on from a snapshot knows as much as whoever reads all records. What time that was is
//! asked of the clock each time: one that was wrong as this life began, and was put right since, would keep jobs away until the
//! time that it showed, or begin some that are over.

use assay_protocol::{
    id::JobId,
    units::{Duration, Timestamp},
};

use super::memory::SERVED_MAX;
use crate::{moment::Steady, recent::Recent};

/// When those jobs were opened, by their notaries' clocks.
#[derive(Clone, Debug)]
pub(super) struct ForgottenJobs {
    /// Those that are over and remembered, and that this life saw closed.
    opened: Recent<JobId, Timestamp>,
    /// The last of those that are not remembered, as far as this life saw them.
    until: Option<Timestamp>,
    /// When this life began; nothing before it does, while records are read.
    begun: Option<Steady>,
    /// True once others that were over before this life may not be remembered.
    lacks_former: bool,
}

impl Default for ForgottenJobs {
    fn default() -> Self {
        Self { opened: Recent::new(SERVED_MAX), until: None, begun: None, lacks_former: false }
    }
}

impl ForgottenJobs {
    /// A job that was opened then is over, and remembered instead of another one, if that is named.
    pub(super) fn close(&mut self, job: JobId, opened: Timestamp, instead: Option<JobId>) {
        // Of what is read from records a snapshot would say nothing.
        if self.begun.is_none() {
            return;
        }
        if let Some(other) = instead {
            let known = self.opened.get(&other).copied();
            self.until = self.until.max(known);
            self.lacks_former |= known.is_none();
        }
        self.opened.insert(job, opened);
    }

    /// One that was opened then was turned away, and that is not remembered any more.
    pub(super) fn turned_away(&mut self, opened: Timestamp) {
        self.until = self.until.max(Some(opened));
    }

    /// Begins a life with so many jobs that are over and remembered: where there is no room for more, others may have been given
    /// up for them.
    pub(super) fn begin(&mut self, remembered: usize, now: Steady) {
        self.begun = Some(now);
        self.lacks_former = remembered >= SERVED_MAX;
    }

    /// True if a job that was opened then may be over, by what time it is now.
    pub(super) fn may_hold(&self, opened: Timestamp, (time, now): (Timestamp, Steady)) -> bool {
        let life = self.begun.filter(|_| self.lacks_former).map(|begun| now.since(begun));
        let begun = life.map(|Duration(life)| Timestamp(time.0.saturating_sub(life)));
        self.until.max(begun).is_some_and(|until| opened <= until)
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::Digest;

    use super::*;

    fn job(number: u64) -> JobId {
        Digest::of(&number.to_be_bytes())
    }

    /// When a life began, by both clocks, and as time goes on.
    const BEGUN: Steady = Steady(90);
    const BEGUN_AT: Timestamp = Timestamp(500);
    const LATER: (Timestamp, Steady) = (Timestamp(2_500), Steady(2_090));

    /// So many jobs are over of which each was opened a moment after the one before; and as many were over before this life.
    fn over(jobs: u64, before: u64) -> ForgottenJobs {
        let mut forgotten = ForgottenJobs::default();
        forgotten.begin(usize::try_from(before).unwrap(), BEGUN);
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
        let may_hold = |jobs, before, opened| over(jobs, before).may_hold(Timestamp(opened), LATER);
        assert!(!may_hold(most, 0, 0), "all of them are remembered");
        assert_eq!([1_000, 1_001].map(|opened| may_hold(most + 1, 0, opened)), [true, false]);
        assert_eq!([1_009, 1_010].map(|opened| may_hold(most + 10, 0, opened)), [true, false]);
    }

    #[test]
    fn nothing_is_noted_while_records_are_read() {
        let mut forgotten = ForgottenJobs::default();
        forgotten.close(job(1), Timestamp(1_000), Some(job(0)));
        assert_eq!(
            (forgotten.opened.iter().count(), forgotten.until, forgotten.lacks_former),
            (0, None, false),
            "a snapshot would not say it"
        );
        forgotten.begin(SERVED_MAX, BEGUN);
        for time in [(BEGUN_AT, BEGUN), LATER] {
            assert_eq!([500, 501].map(|opened| forgotten.may_hold(Timestamp(opened), time)), [true, false]);
        }
    }

    #[test]
    fn of_jobs_before_a_start_it_is_known_that_they_were_opened_before_this_life() {
        let most = SERVED_MAX as u64;
        let may_hold = |jobs, before, opened| over(jobs, before).may_hold(Timestamp(opened), LATER);
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
        assert_eq!([7, 8].map(|opened| forgotten.may_hold(Timestamp(opened), LATER)), [true, false]);
    }

    #[test]
    fn a_life_began_when_the_clock_says_that_it_did_once_that_is_put_right() {
        let forgotten = over(0, SERVED_MAX as u64);
        for (put_right, began) in [(-400, 100), (400, 900)] {
            let time = (Timestamp(LATER.0.0.saturating_add_signed(put_right)), LATER.1);
            let may_hold = |opened| forgotten.may_hold(Timestamp(opened), time);
            assert_eq!([began, began + 1].map(may_hold), [true, false], "{put_right}");
        }
    }
}
