//! What a market comes to: how many orders, how they ended, who earned and lost what, and how long it took.
//!
//! **Invariant:** it keeps sums and counts, nothing of a job that is over.

use std::collections::{BTreeMap, BTreeSet};

use assay_market::{Effect, Event};
use assay_protocol::{
    id::{Digest, JobId, PeerId},
    outcome::Outcome,
    receipt::{Happening, Receipt},
    signed::Signer,
    units::{NANO_PER_CREDIT, Rate, Work},
};

use super::{MarketSight, Observer, directory::Directory};
use crate::{
    kernel::{Instant, Span},
    lab::{quantiles::Quantiles, series::SeriesRow, statistics::Moments},
    plan::Plan,
    world::Place,
};

/// Nanoseconds of a microsecond, in which waits are counted.
const MICRO: u64 = 1_000;
/// The most stretches that are counted apart: twice as many as a horizon has at most. What comes to rest long after it would have no
/// end of them.
const STRETCHES_MAX: usize = 20_000;
/// Of how many first jobs it is told what a provider was paid for them.
pub const FIRST_JOBS: [u64; 3] = [10, 100, 1_000];

/// What a market comes to.
#[derive(Debug)]
pub struct MarketTally {
    notary: Place,
    directory: Directory,
    /// The group of each place, if it is in one.
    groups: Vec<Option<u16>>,
    parts: Vec<GroupTally>,
    /// When each submission was made whose result is not here.
    waiting: BTreeMap<Digest, Instant>,
    /// Those whose only result so far is not what an honest machine would have made.
    deceived: BTreeSet<Digest>,
    /// Open jobs whose providers made something else than an honest machine would have.
    forged: BTreeSet<JobId>,
    convicted: BTreeSet<PeerId>,
    /// When the first order came.
    begun: Option<Instant>,
    /// When it began to count, and how long each stretch is of which it counts apart.
    stretches_from: Instant,
    stretch: Span,
    stretches: Vec<StretchTally>,
    /// How many orders came.
    pub submitted: u64,
    /// How many results came to those who ordered them.
    pub delivered: u64,
    /// From an order to its result, in microseconds.
    pub waits: Quantiles,
    /// How many jobs ended in each way.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// How many runs began for pay.
    pub runs: u64,
    /// How many began to check another.
    pub checks: u64,
    /// The sum of the rates at which paid jobs were to be checked, in parts of one.
    pub rates: f64,
    /// The variance of how many of them were, by those rates.
    pub variance: f64,
    /// How many paid jobs each provider ran.
    pub served: BTreeMap<PeerId, u64>,
    /// How many jobs each provider has sold since the market opened, and what it was paid for them.
    sold: BTreeMap<PeerId, (u64, u64)>,
}

/// What a group comes to. Sums are in nano-credits.
#[derive(Clone, Debug, Default)]
pub struct GroupTally {
    /// Jobs for which its members claimed a result that nobody cancelled.
    pub sold: u64,
    /// Those that were paid.
    pub paid: u64,
    /// Those that cost stake.
    pub slashed: u64,
    /// Of those, the ones whose claim was never opened.
    pub silent: u64,
    /// Of the jobs that were sold, those whose result is not what an honest machine would have made.
    pub forged: ForgedTally,
    /// What was paid for them.
    pub earned: u64,
    /// What was lost over them.
    pub lost: u64,
    /// What its members earned by checks.
    pub fees: u64,
    /// What they were fined.
    pub fines: u64,
    /// The work of the runs that its members did, for pay and in checks.
    pub worked: Work,
    /// How many orders of its members brought them what an honest machine would have made.
    pub results: u64,
    /// How long after the first order each that was ever convicted was so, in seconds.
    pub conviction: Moments,
    /// What each was paid for so many first jobs that has sold as many, in credits, in the order of [`FIRST_JOBS`].
    pub firsts: [Moments; 3],
}

/// What happened within one stretch of time.
#[derive(Clone, Copy, Debug, Default)]
struct StretchTally {
    orders: u64,
    results: u64,
    closed: u64,
    paid: u64,
    checked: u64,
    forged: u64,
    slashed: u64,
    waits: Moments,
}

impl StretchTally {
    /// In the order of [`crate::lab::series::FIGURES`].
    fn figures(&self) -> Vec<Option<f64>> {
        let Self { orders, results, closed, paid, checked, forged, slashed, waits } = self;
        let counts = [*orders, *results, *closed, *paid, *checked, *forged, *slashed];
        let wait = (waits.count() > 0).then(|| waits.mean());
        counts.into_iter().map(|count| Some(count as f64)).chain([wait]).collect()
    }
}

/// What became of results that are not what honest machines would have made.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForgedTally {
    /// How many were claimed.
    pub sold: u64,
    /// Those that were paid.
    pub paid: u64,
    /// Those that cost stake.
    pub slashed: u64,
}

impl ForgedTally {
    fn add(&mut self, outcome: Outcome, is_slashed: bool) {
        self.sold += u64::from(is_claimed(outcome));
        self.paid += u64::from(outcome.is_paid());
        self.slashed += u64::from(is_slashed);
    }
}

/// True if a job ended by what its provider had claimed.
pub(crate) fn is_claimed(outcome: Outcome) -> bool {
    match outcome {
        Outcome::NoClaim | Outcome::Aborted | Outcome::Cancelled | Outcome::Withdrawn => false,
        Outcome::NotDrawn
        | Outcome::Checked
        | Outcome::Grey
        | Outcome::Cleared
        | Outcome::Unchecked
        | Outcome::GreyRefunded
        | Outcome::Mismatch
        | Outcome::Disputed
        | Outcome::Slashed
        | Outcome::Silent
        | Outcome::FalseStream
        | Outcome::FalseOpening
        | Outcome::Void
        | Outcome::Unreached
        | Outcome::Trap => true,
    }
}

impl MarketTally {
    /// Counts by groups, for each place of a plan the number of its group; and by stretches of time of this length.
    #[must_use]
    pub fn new(plan: &Plan, groups: Vec<Option<u16>>, stretch: Span) -> Self {
        let names = (0..plan.peers()).map(|place| plan.key(Place(place)).id());
        let count = groups.iter().flatten().map(|group| usize::from(*group) + 1).max().unwrap_or_default();
        Self {
            notary: plan.notary(),
            directory: Directory::new(names.collect()),
            parts: vec![GroupTally::default(); count],
            groups,
            waiting: BTreeMap::new(),
            deceived: BTreeSet::new(),
            forged: BTreeSet::new(),
            convicted: BTreeSet::new(),
            begun: None,
            stretches_from: Instant::default(),
            stretch,
            stretches: Vec::new(),
            submitted: 0,
            delivered: 0,
            waits: Quantiles::default(),
            outcomes: BTreeMap::new(),
            runs: 0,
            checks: 0,
            rates: 0.0,
            variance: 0.0,
            served: BTreeMap::new(),
            sold: BTreeMap::new(),
        }
    }

    /// What each group comes to.
    #[must_use]
    pub fn groups(&self) -> &[GroupTally] {
        &self.parts
    }

    /// How many jobs ended in a way that this picks.
    pub fn count(&self, pick: impl Fn(Outcome) -> bool) -> u64 {
        self.outcomes.iter().filter(|(outcome, _)| pick(**outcome)).map(|(_, count)| count).sum()
    }

    /// What happened in each stretch, from the first on: in those of the time that orders come, which is this long, and in those
    /// after it up to the last in which something did, or to as many as are counted apart: the last of those has all that came later.
    #[must_use]
    pub fn series(&self, orders_come: Span) -> Vec<SeriesRow> {
        let of_orders = orders_come.0.div_ceil(self.stretch.0.max(1));
        let count = self.stretches.len().max(usize::try_from(of_orders).unwrap_or_default());
        let row = |number: usize| SeriesRow {
            from: number as f64 * self.stretch.0 as f64 / 1e9,
            values: self.stretches.get(number).copied().unwrap_or_default().figures(),
        };
        (0..count).map(row).collect()
    }

    /// The stretch that a moment lies in.
    fn stretch_at(&mut self, at: Instant) -> &mut StretchTally {
        let passed = at.0.saturating_sub(self.stretches_from.0);
        let number =
            usize::try_from(passed / self.stretch.0.max(1)).unwrap_or(usize::MAX).min(STRETCHES_MAX - 1);
        if self.stretches.len() <= number {
            self.stretches.resize(number + 1, StretchTally::default());
        }
        &mut self.stretches[number]
    }

    fn part(&mut self, peer: &PeerId) -> Option<&mut GroupTally> {
        let place = self.directory.find(peer)?;
        self.part_at(place)
    }

    fn part_at(&mut self, place: Place) -> Option<&mut GroupTally> {
        let group = self.groups.get(place.0).copied().flatten()?;
        self.parts.get_mut(usize::from(group))
    }

    fn closed(&mut self, at: Instant, receipt: &Receipt) {
        let story = &receipt.story;
        let (outcome, provider) = (story.outcome, story.open.said().order.said().provider);
        *self.outcomes.entry(outcome).or_default() += 1;
        if outcome.is_paid() {
            // Whatever was drawn, a job is checked whose client revealed nothing.
            let revealed = story.events.iter().any(|event| matches!(event.what, Happening::Reveal(_)));
            let rate = if revealed { story.ticket.rate.0 as f64 / Rate::ONE.0 as f64 } else { 1.0 };
            self.rates += rate;
            self.variance += rate * (1.0 - rate);
            *self.served.entry(provider).or_default() += 1;
        }
        let is_first = outcome.is_slashed() && self.convicted.insert(provider);
        let settlement = &story.settlement;
        let begun = self.begun.unwrap_or(at);
        let is_slashed = !settlement.slashed.is_zero();
        let is_forged = self.forged.remove(&story.ticket.job);
        let is_checked = !matches!(outcome, Outcome::NotDrawn | Outcome::Unchecked);
        let stretch = self.stretch_at(at);
        stretch.closed += 1;
        stretch.paid += u64::from(outcome.is_paid());
        stretch.checked += u64::from(outcome.is_paid() && is_checked);
        stretch.forged += u64::from(outcome.is_paid() && is_forged);
        stretch.slashed += u64::from(is_slashed);
        let first = is_claimed(outcome).then(|| self.sold_one(provider, settlement.provider.0)).flatten();
        if let Some(part) = self.part(&provider) {
            if let Some((place, paid)) = first {
                part.firsts[place].add(paid);
            }
            part.sold += u64::from(is_claimed(outcome));
            part.paid += u64::from(outcome.is_paid());
            part.slashed += u64::from(is_slashed);
            if is_forged {
                part.forged.add(outcome, is_slashed);
            }
            part.silent += u64::from(outcome == Outcome::Silent);
            part.earned += settlement.provider.0;
            part.lost += settlement.slashed.0;
            if is_first {
                part.conviction.add((at.0 - begun.0) as f64 / 1e9);
            }
        }
        for fee in &settlement.fees {
            self.part(&fee.peer).into_iter().for_each(|part| part.fees += fee.amount.0);
        }
        for fine in &settlement.fines {
            self.part(&fine.peer).into_iter().for_each(|part| part.fines += fine.amount.0);
        }
    }

    /// Notes that a provider has sold one more job; if that makes as many as are told of, which that is and what it was paid for
    /// all of them, in credits.
    fn sold_one(&mut self, provider: PeerId, paid: u64) -> Option<(usize, f64)> {
        let (jobs, all) = self.sold.entry(provider).or_default();
        (*jobs, *all) = (*jobs + 1, all.saturating_add(paid));
        let place = FIRST_JOBS.iter().position(|first| *first == *jobs)?;
        Some((place, *all as f64 / NANO_PER_CREDIT as f64))
    }

    fn told(&mut self, seen: MarketSight, event: &Event) {
        let Event::Delivered { key, job, .. } = event else { return };
        let since = self.waiting.remove(key);
        if let Some(since) = since {
            self.delivered += 1;
            self.waits.add((seen.at.0 - since.0) / MICRO);
            let stretch = self.stretch_at(seen.at);
            stretch.results += 1;
            stretch.waits.add((seen.at.0 - since.0) as f64 / 1e9);
        }
        // Whoever was given something else is given the result once more, by another.
        if since.is_none() && !self.deceived.remove(key) {
            return;
        }
        if self.forged.contains(job) {
            self.deceived.insert(*key);
        } else if let Some(part) = self.part_at(seen.place) {
            part.results += 1;
        }
    }
}

impl Observer for MarketTally {
    fn submitted(&mut self, seen: MarketSight, key: Digest) {
        self.submitted += 1;
        self.stretch_at(seen.at).orders += 1;
        self.begun.get_or_insert(seen.at);
        self.waiting.insert(key, seen.at);
    }

    fn forged(&mut self, _: MarketSight, job: JobId) {
        self.forged.insert(job);
    }

    fn worked(&mut self, seen: MarketSight, work: Work) {
        if let Some(part) = self.part_at(seen.place) {
            part.worked = part.worked.saturating_add(work);
        }
    }

    /// Who was convicted stays so, and what is under way is counted when it ends.
    fn recounts(&mut self, at: Instant) {
        self.parts.iter_mut().for_each(|part| *part = GroupTally::default());
        (self.begun, self.stretches_from) = (None, at);
        self.stretches.clear();
        (self.submitted, self.delivered, self.runs, self.checks) = (0, 0, 0, 0);
        (self.rates, self.variance) = (0.0, 0.0);
        self.waits = Quantiles::default();
        self.outcomes.clear();
        self.served.clear();
    }

    fn performed(&mut self, seen: MarketSight, effect: &Effect) {
        match effect {
            Effect::File { receipt } if seen.place == self.notary => self.closed(seen.at, receipt),
            Effect::Run(run) if run.id.check => self.checks += 1,
            Effect::Run(_) => self.runs += 1,
            Effect::Tell(event) => self.told(seen, event),
            Effect::File { .. }
            | Effect::Save(_)
            | Effect::Send { .. }
            | Effect::Publish(_)
            | Effect::Fetch { .. }
            | Effect::Collect { .. }
            | Effect::Stop(_)
            | Effect::Cut(_)
            | Effect::Show { .. }
            | Effect::Keep { .. }
            | Effect::Release { .. }
            | Effect::Serve { .. }
            | Effect::Recall(_)
            | Effect::WakeAt(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_long_after_the_horizon_lies_in_the_last_stretch_that_is_counted_apart() {
        let plan = Plan::default();
        let mut tally = MarketTally::new(&plan, Vec::new(), Span(1));
        // An hour in stretches of a nanosecond is more than any machine holds.
        for at in [3, 3_600_000_000_000, u64::MAX] {
            let seen = MarketSight { at: Instant(at), place: plan.client(0) };
            tally.submitted(seen, Digest::of(b"an order"));
        }
        let series = tally.series(Span(5));
        assert_eq!(series.len(), STRETCHES_MAX);
        let orders = |number: usize| series[number].values[0];
        assert_eq!((orders(3), orders(4), orders(STRETCHES_MAX - 1)), (Some(1.0), Some(0.0), Some(2.0)));
    }
}
