//! Trust: what checked results say of a provider, and how long they say it.
//!
//! **Invariant:** only a result that was checked and whose client revealed its secret adds trust; one conviction ends it.

use alloc::collections::BTreeMap;

use assay_protocol::{
    id::{Digest, PeerId},
    order::Order,
    units::{Rate, Timestamp},
};

/// Milliseconds in an hour: trust decays by whole hours.
const HOUR_MS: u64 = 3_600_000;
/// What is left after an hour, in parts per 2³²: half is left after thirty days.
const HOURLY: u64 = 4_290_834_501;
/// Checks whose greyness is remembered, and matches in a row that end strictness.
const HISTORY: u32 = 20;
/// Hours after which nothing is left of any trust.
const HOURS_MAX: u64 = 720 * 64;

/// What trust is about: trust in one runner, model and class says nothing of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Kind {
    /// Who is trusted.
    pub provider: PeerId,
    /// With which runner.
    pub runner: Digest,
    /// With which model.
    pub model: Digest,
    /// On which class of machine.
    pub class: Digest,
}

impl Kind {
    /// What trust in the provider of this order is about.
    pub(crate) fn of(order: &Order) -> Self {
        let (runner, model) = (order.manifest.runner, order.manifest.model);
        Self { provider: order.provider, runner, model, class: order.class }
    }
}

/// What checks said of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct KindHistory {
    /// Checks passed, decayed, in parts per 2³².
    passed: u64,
    /// The hour up to which it has decayed.
    hour: u64,
    /// One bit for each of the last checks, the latest lowest: 1 for grey.
    greys: u32,
    /// Matches in a row that are still wanted before the rate may fall below one again.
    strict: u32,
}

/// What checks said of everyone.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trust {
    records: BTreeMap<Kind, KindHistory>,
}

impl Trust {
    /// Checks passed, decayed, in parts per 2³².
    #[must_use]
    pub fn value(&self, kind: &Kind, now: Timestamp) -> u64 {
        self.records.get(kind).map_or(0, |record| record.decayed(hour(now)))
    }

    /// The kinds in which a provider passed a check in the last thirty days, or more of them before, each with how many,
    /// decayed.
    pub fn passed(&self, provider: PeerId, now: Timestamp) -> impl Iterator<Item = (&Kind, u64)> {
        let least =
            Kind { provider, runner: Digest::default(), model: Digest::default(), class: Digest::default() };
        let of = self.records.range(least..).take_while(move |(kind, _)| kind.provider == provider);
        let passed = of.map(move |(kind, record)| (kind, record.decayed(hour(now))));
        passed.filter(|(_, value)| *value >= Rate::ONE.0 / 2)
    }

    /// Grey results among the last checks.
    #[must_use]
    pub fn greys(&self, kind: &Kind) -> u64 {
        self.records.get(kind).map_or(0, |record| u64::from(record.greys.count_ones()))
    }

    /// True while a run of grey results calls for a check of every job.
    #[must_use]
    pub fn is_strict(&self, kind: &Kind) -> bool {
        self.records.get(kind).is_some_and(|record| record.strict > 0)
    }

    /// A check matched.
    pub fn pass(&mut self, kind: Kind, now: Timestamp) {
        let record = self.at(kind, now);
        record.passed = record.passed.saturating_add(Rate::ONE.0);
        record.remember(false);
        record.strict = record.strict.saturating_sub(1);
    }

    /// A check was grey; `refunded` if it was one too many.
    pub fn grey(&mut self, kind: Kind, refunded: bool, now: Timestamp) {
        let record = self.at(kind, now);
        record.remember(true);
        if refunded || record.strict > 0 {
            record.strict = HISTORY;
        }
    }

    /// The provider was convicted, or a newcomer's result did not match.
    pub fn lose(&mut self, kind: Kind, now: Timestamp) {
        self.at(kind, now).passed = 0;
    }

    /// Too many that were to check it were given no input: all is checked until enough have matched.
    pub fn suspect(&mut self, kind: Kind, now: Timestamp) {
        let record = self.at(kind, now);
        (record.passed, record.strict) = (0, HISTORY);
    }

    fn at(&mut self, kind: Kind, now: Timestamp) -> &mut KindHistory {
        let record = self.records.entry(kind).or_default();
        record.passed = record.decayed(hour(now));
        record.hour = hour(now);
        record
    }
}

impl KindHistory {
    fn decayed(&self, hour: u64) -> u64 {
        let hours = hour.saturating_sub(self.hour);
        if hours > HOURS_MAX {
            return 0;
        }
        (0..hours).fold(self.passed, |passed, _| {
            u64::try_from((u128::from(passed) * u128::from(HOURLY)) >> 32).unwrap_or(passed)
        })
    }

    fn remember(&mut self, grey: bool) {
        self.greys = ((self.greys << 1) | u32::from(grey)) & ((1 << HISTORY) - 1);
    }
}

fn hour(now: Timestamp) -> u64 {
    now.0 / HOUR_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind {
        provider: PeerId([1; 32]),
        runner: Digest([2; 32]),
        model: Digest([3; 32]),
        class: Digest([4; 32]),
    };

    fn after_days(days: u64) -> Timestamp {
        Timestamp(days * 24 * HOUR_MS)
    }

    #[test]
    fn trust_halves_in_thirty_days_and_is_lost_at_once() {
        let mut trust = Trust::default();
        (0..100).for_each(|_| trust.pass(KIND, after_days(0)));
        assert_eq!(trust.value(&KIND, after_days(0)), 100 << 32);
        let half = trust.value(&KIND, after_days(30)) >> 22;
        assert!(half.abs_diff(50 << 10) <= 1, "{half}");
        assert_eq!(trust.value(&KIND, after_days(30 * 99)), 0);
        trust.lose(KIND, after_days(1));
        assert_eq!(trust.value(&KIND, after_days(1)), 0);
        let other = Kind { model: Digest([9; 32]), ..KIND };
        assert_eq!(trust.value(&other, after_days(0)), 0);
    }

    #[test]
    fn strictness_lasts_until_twenty_matches_in_a_row() {
        let mut trust = Trust::default();
        trust.grey(KIND, false, after_days(0));
        assert!(!trust.is_strict(&KIND));
        trust.grey(KIND, true, after_days(0));
        (0..19).for_each(|_| trust.pass(KIND, after_days(0)));
        assert!(trust.is_strict(&KIND));
        trust.grey(KIND, false, after_days(0));
        (0..19).for_each(|_| trust.pass(KIND, after_days(0)));
        assert!(trust.is_strict(&KIND));
        trust.pass(KIND, after_days(0));
        assert!(!trust.is_strict(&KIND));
        assert_eq!(trust.greys(&KIND), 0, "the greys are older than twenty checks");
    }
}
