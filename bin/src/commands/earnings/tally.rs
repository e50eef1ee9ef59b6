//! What closed jobs came to, as one after the other is told, in no order.
//!
//! **Invariant:** however many there are, no more of them are held than a [`ServedStretch`] has; all others are in sums.

use std::collections::{BTreeMap, BTreeSet};

use assay_peer::handle::{ClosedServing, ServedJob};
use assay_protocol::{
    id::{Digest, JobId},
    units::Timestamp,
};

use super::sums::{By, Sum, ordered};

/// Where a job stands among those that are listed: by when it was opened.
pub(super) type ServedPlace = (Timestamp, JobId);

/// What is told of jobs that are closed.
#[derive(Debug)]
pub(super) struct EarningsTally {
    by: By,
    /// Only of jobs that were opened then or later.
    from: Option<Timestamp>,
    groups: BTreeMap<String, Sum>,
    pub(super) total: Sum,
    /// Those that are listed one by one.
    pub(super) stretch: ServedStretch,
    /// Receipts that cannot be read.
    pub(super) unread: usize,
    /// Jobs that were paid, of which no receipt was told yet.
    pub(super) unproven: BTreeSet<JobId>,
}

/// Some jobs one by one, in the order in which they were opened.
#[derive(Debug)]
pub(super) struct ServedStretch {
    end: StretchEnd,
    most: usize,
    jobs: BTreeMap<ServedPlace, (ServedJob, Digest)>,
    /// How many more there are, beyond where it ends.
    pub(super) more: u64,
}

/// Which jobs a stretch has of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StretchEnd {
    /// The first behind this one.
    FirstAfter(Option<ServedPlace>),
    /// The last before this one.
    LastBefore(Option<ServedPlace>),
}

impl EarningsTally {
    /// Nothing yet.
    pub(super) fn new(
        by: By,
        from: Option<Timestamp>,
        stretch: ServedStretch,
        paid: BTreeSet<JobId>,
    ) -> Self {
        let groups = BTreeMap::new();
        Self { by, from, groups, total: Sum::default(), stretch, unread: 0, unproven: paid }
    }

    /// Takes a job.
    pub(super) fn take(&mut self, ClosedServing { served, receipt }: ClosedServing) {
        let Some(served) = served else {
            self.unread += 1;
            return;
        };
        self.unproven.remove(&served.job);
        if self.from.is_some_and(|from| served.opened < from) {
            return;
        }
        let sum = self.groups.entry(self.by.name(&served)).or_default();
        *sum = sum.with(&served);
        self.total = self.total.with(&served);
        self.stretch.take(served, receipt);
    }

    /// What each day, model or client came to.
    pub(super) fn groups(&self) -> Vec<(String, Sum)> {
        ordered(self.by, self.groups.clone())
    }
}

impl ServedStretch {
    /// So many of those.
    pub(super) fn new(end: StretchEnd, most: usize) -> Self {
        Self { end, most, jobs: BTreeMap::new(), more: 0 }
    }

    /// Those that it has, with their receipts.
    pub(super) fn jobs(&self) -> impl ExactSizeIterator<Item = &(ServedJob, Digest)> {
        self.jobs.values()
    }

    /// Where the last of them stands.
    pub(super) fn last(&self) -> Option<ServedPlace> {
        self.jobs.last_key_value().map(|(place, _)| *place)
    }

    fn take(&mut self, served: ServedJob, receipt: Digest) {
        let place = (served.opened, served.job);
        let is_beyond = match self.end {
            StretchEnd::FirstAfter(after) => after.is_some_and(|after| place <= after),
            StretchEnd::LastBefore(before) => before.is_some_and(|before| place >= before),
        };
        if is_beyond {
            return;
        }
        self.jobs.insert(place, (served, receipt));
        if self.jobs.len() > self.most {
            match self.end {
                StretchEnd::FirstAfter(_) => self.jobs.pop_last(),
                StretchEnd::LastBefore(_) => self.jobs.pop_first(),
            };
            self.more += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::{id::PeerId, outcome::Outcome, units::Amount};

    use super::*;

    fn served(number: u8) -> ClosedServing {
        let served = ServedJob {
            job: Digest([number; 32]),
            client: PeerId::default(),
            manifest: "digits".to_owned(),
            // Two at a time.
            opened: Timestamp(u64::from(number / 2)),
            outcome: Outcome::Checked,
            paid: Amount(1),
            won: Amount::ZERO,
            lost: Amount::ZERO,
        };
        ClosedServing { served: Some(served), receipt: Digest([number; 32]) }
    }

    /// Seven jobs in no order, and a receipt that cannot be read.
    fn tally(from: Option<Timestamp>, end: StretchEnd, most: usize) -> EarningsTally {
        let paid = [3, 9].map(|number| Digest([number; 32])).into();
        let mut tally = EarningsTally::new(By::Day, from, ServedStretch::new(end, most), paid);
        [4, 1, 6, 0, 5, 2, 3].map(served).into_iter().for_each(|job| tally.take(job));
        tally.take(ClosedServing { served: None, receipt: Digest::default() });
        tally
    }

    fn numbers(tally: &EarningsTally) -> Vec<u8> {
        tally.stretch.jobs().map(|(job, _)| job.job.0[0]).collect()
    }

    #[test]
    fn all_jobs_are_in_the_sums_and_a_few_are_held() {
        let told = tally(None, StretchEnd::LastBefore(None), 3);
        assert_eq!((told.total.jobs, told.total.earned, told.unread), (7, Amount(7), 1));
        assert_eq!(told.groups(), [("1970-01-01".to_owned(), told.total)]);
        assert_eq!((numbers(&told), told.stretch.more), (vec![4, 5, 6], 4));
        assert_eq!(told.unproven, BTreeSet::from([Digest([9; 32])]), "of the others there is a receipt");
        let late = tally(Some(Timestamp(2)), StretchEnd::LastBefore(None), 2);
        assert_eq!((late.total.jobs, numbers(&late), late.stretch.more), (3, vec![5, 6], 1));
    }

    #[test]
    fn stretches_follow_each_other_in_either_direction_and_each_job_is_in_one() {
        let (mut forth, mut after) = (Vec::new(), None);
        loop {
            let told = tally(None, StretchEnd::FirstAfter(after), 3);
            after = told.stretch.last();
            forth.extend(numbers(&told));
            if told.stretch.more == 0 {
                break;
            }
        }
        assert_eq!(forth, [0, 1, 2, 3, 4, 5, 6]);
        let before = Some((Timestamp(2), Digest([4; 32])));
        let told = tally(None, StretchEnd::LastBefore(before), 3);
        assert_eq!((numbers(&told), told.stretch.more), (vec![1, 2, 3], 1));
    }
}
