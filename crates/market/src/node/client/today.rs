//! What the orders of this client may cost today, and the most that they may by its user's wish.
//!
//! A day is one of universal time, and an order belongs to the day it was made on. It counts with all that it can cost once
//! it is made, with so much less as comes back at its claim once that is in the books, with what it has cost once that is
//! proven, and with nothing once it is known to have been refused: one that its notary was shown may be opened by it yet, and
//! counts until its job is over. Of those that are asked beside each other at
//! most one is opened, so together they count as the dearest.
//!
//! **Invariant:** what counts is folded from the client's records alone, so a restart forgets none of it; a clock that goes
//! back gives nobody a second day. No order is made that does not fit into what is left.

use alloc::{borrow::Cow, boxed::Box};

use assay_protocol::{
    id::Digest,
    order::Order,
    units::{Amount, Timestamp},
};

use super::{Attempt, Client, Submitted, choice::ordered};
use crate::{
    matching::Passed,
    node::context::Outlook,
    record::ClientRecord,
    submission::{OverDay, Submission},
    view::{AttemptState, DayView},
};

const DAY_MS: u64 = 24 * 3_600_000;

/// What the orders of a day may cost.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct SpentToday {
    /// Which day, counted from the first of 1970.
    pub(super) day: u64,
    spent: Amount,
}

impl SpentToday {
    /// Begins the day of an order that is made now, unless it has begun.
    pub(super) fn begin(&mut self, order: &Order) {
        self.begin_day(ordered(order).0 / DAY_MS);
    }

    fn begin_day(&mut self, day: u64) {
        if day > self.day {
            *self = Self { day, spent: Amount::ZERO };
        } else if day + 1 < self.day {
            // The clock was days ahead: what was spent since counts for today, until its midnight.
            self.day = day;
        }
    }

    /// Counts what counted so much before otherwise.
    pub(super) fn change(&mut self, before: Amount, after: Amount) {
        self.spent = self.spent.minus_up_to(before).plus(after).unwrap_or(Amount(u64::MAX));
    }

    fn spent(self, now: Timestamp) -> Amount {
        if now.0 / DAY_MS > self.day { Amount::ZERO } else { self.spent }
    }
}

impl Client {
    /// The most that the orders of a day may cost, from now on.
    pub(in crate::node) fn limit_day(&mut self, daily_max: Option<Amount>) {
        self.daily_max = daily_max;
    }

    /// What is spent of today, and what may be.
    pub(in crate::node) fn day(&self, now: Timestamp) -> DayView {
        DayView { daily_max: self.daily_max, spent: self.today.spent(now) }
    }

    /// Why a submission would not be taken: whatever fits it costs more than what is left of today.
    pub(in crate::node) fn over_day(&self, wish: &Submission, outlook: Outlook<'_>) -> Option<OverDay> {
        let left = self.day(outlook.now).left()?;
        if left >= wish.cost_max { None } else { self.quote(wish, outlook).passed.counts.over_day }
    }

    /// A wish that costs no more than is left of today, and of its own ceiling where parts of what is wanted are paid already,
    /// or others came to nothing: they took their places, and those that were refuted may have kept checks. So where its notary says
    /// that the number of one is taken, and may open it beside the next all the same.
    pub(super) fn within_day<'a>(&self, wish: &'a Submission, now: Timestamp) -> Cow<'a, Submission> {
        let own = self.own_left(wish);
        let left = self.left_for(wish.key, now).map_or(own, |left| left.min(own));
        match left < wish.cost_max {
            true => Cow::Owned(Submission { cost_max: left, ..wish.clone() }),
            false => Cow::Borrowed(wish),
        }
    }

    /// Notes whether offers were passed over because of the day's ceiling alone: what is left of the wish's own would bear them.
    pub(super) fn note_over_day(&self, wish: &Submission, now: Timestamp, passed: &mut Passed) {
        let (Some(most), Some(left)) = (self.daily_max, self.left_for(wish.key, now)) else { return };
        let own = self.own_left(wish);
        let totals = passed.offers.iter().filter_map(|passed| passed.reason.total());
        let need = totals.filter(|total| *total > left && *total <= own).min();
        passed.counts.over_day = need.map(|need| OverDay { most, left, need });
    }

    /// Adds what is spent of a submission's own ceiling to the least that would be enough: the ceiling has to bear both.
    pub(super) fn note_spent(&self, key: Digest, passed: &mut Passed) {
        let least = passed.counts.cost_least;
        passed.counts.cost_least = least.and_then(|least| least.plus(self.cost_so_far(key)));
    }

    /// What is left of today for a submission, of whose orders that were not answered yet one more changes nothing.
    fn left_for(&self, key: Digest, now: Timestamp) -> Option<Amount> {
        let most = self.daily_max?;
        let (_, asked) = self.costs_today(key);
        Some(most.minus_up_to(self.today.spent(now).minus_up_to(asked)))
    }

    /// What is left of a wish's own ceiling.
    fn own_left(&self, wish: &Submission) -> Amount {
        wish.cost_max.minus_up_to(self.cost_so_far(wish.key))
    }

    /// What is spent of a submission's own ceiling whatever else comes of it: what its jobs that are closed have cost, its parts cost
    /// at most, and orders would that it left in their lanes, if their notary opened them against its word.
    fn cost_so_far(&self, key: Digest) -> Amount {
        let Some(submitted) = self.submissions.get(&key) else { return Amount::ZERO };
        let jobs = submitted.attempts.iter().chain(&submitted.waived);
        let costs =
            jobs.filter_map(|job| Some((*job, self.attempts.get(job)?))).filter_map(|(job, attempt)| {
                let is_spent = attempt.is_part() || matches!(attempt.state, AttemptState::Closed(_));
                let is_left = || self.is_left_behind(job, submitted);
                is_spent.then(|| attempt.cost_max()).or_else(|| is_left().then_some(attempt.order.total_max))
            });
        costs.fold(Amount::ZERO, |sum, cost| sum.plus(cost).unwrap_or(Amount(u64::MAX)))
    }

    /// All attempts at a submission, those among them that cost it none.
    fn attempts_at<'a>(&'a self, submitted: &'a Submitted) -> impl Iterator<Item = &'a Attempt> {
        let jobs = submitted.attempts.iter().chain(&submitted.waived);
        jobs.filter_map(|job| self.attempts.get(job)).map(Box::as_ref)
    }

    /// What the orders of a submission that were made today may cost.
    pub(super) fn cost_today(&self, key: Digest) -> Amount {
        let (opened, asked) = self.costs_today(key);
        opened.plus(asked).unwrap_or(Amount(u64::MAX))
    }

    /// The same of those that the notary was shown, and of those of which it may be shown one.
    fn costs_today(&self, key: Digest) -> (Amount, Amount) {
        let Some(submitted) = self.submissions.get(&key) else { return <_>::default() };
        let mut costs = (Amount::ZERO, Amount::ZERO);
        for attempt in self.attempts_at(submitted).filter(|attempt| attempt.day == self.today.day) {
            // Of such a one the notary may still hear.
            let may_open = !submitted.ended && attempt.is_waived();
            let cost = if may_open { attempt.order.total_max } else { attempt.cost_max() };
            match may_open || attempt.state == AttemptState::Proposed {
                true => costs.1 = costs.1.max(cost),
                false => costs.0 = costs.0.plus(cost).unwrap_or(Amount(u64::MAX)),
            }
        }
        costs
    }

    /// The submission that a record is about, if it can change what it costs.
    pub(super) fn priced_by(&self, record: &ClientRecord) -> Option<Digest> {
        let job = match record {
            ClientRecord::Submitted(_) | ClientRecord::Taken { .. } => return None,
            ClientRecord::Ordered { key, .. }
            | ClientRecord::Ended { key }
            | ClientRecord::Cancelled { key } => return Some(*key),
            ClientRecord::Agreed { open } => open.accept.said().job,
            ClientRecord::Ticketed(ticket) => ticket.job,
            ClientRecord::Claimed(claim) => claim.job,
            ClientRecord::Delivered { deliver, .. } => deliver.claim.said().job,
            ClientRecord::Dropped { job, .. }
            | ClientRecord::Failed { job, .. }
            | ClientRecord::Closed { job, .. }
            | ClientRecord::Forsaken { job }
            | ClientRecord::Disputed { job }
            | ClientRecord::NotDisputed { job } => *job,
        };
        Some(self.attempts.get(&job)?.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_years_ahead_leaves_tomorrow_to_be_spent() {
        let mut today = SpentToday::default();
        let spent = |today: SpentToday, day: u64| today.spent(Timestamp(day * DAY_MS));
        today.begin_day(3);
        today.change(Amount::ZERO, Amount(5));
        today.begin_day(2);
        assert_eq!((spent(today, 2), spent(today, 3)), (Amount(5), Amount(5)), "nobody gets a day twice");
        today.begin_day(900);
        today.change(Amount::ZERO, Amount(7));
        assert_eq!(spent(today, 3), Amount(7), "it counts for the day that it is");
        today.begin_day(3);
        assert_eq!((spent(today, 3), spent(today, 4)), (Amount(7), Amount::ZERO));
    }
}
