//! How long a search goes on: a time from now on, time of one core in all, or a number of attacks.
//!
//! **Invariant:** what was spent before counts as well, however often a search is gone on with.

use std::time::Duration;

use assay_protocol::units;
use assay_simulations::lab::seek::BATCH;

use crate::printer::ago;

/// How long it goes on where nobody says it.
const LENGTH: Duration = Duration::from_secs(2 * 3_600);
/// What stands behind the number in a file.
const UNIT: &str = "ms of one core";

/// How long a search goes on.
#[derive(Clone, Debug)]
pub(super) struct SeekBudget {
    /// From now on.
    length: Option<Duration>,
    /// Of one core, in all.
    cores: Option<Duration>,
    /// How many attacks.
    attacks: Option<u64>,
    /// How many cores it takes.
    threads: u32,
    /// How much time of one core it has taken.
    spent: Duration,
    /// How many attacks were tried when it was begun, or gone on with.
    begun_with: Option<usize>,
}

impl SeekBudget {
    /// A time from now on, a time of one core in all, and a number; two hours, if none of them is said.
    pub(super) fn new([length, cores]: [Option<Duration>; 2], attacks: Option<u64>, threads: usize) -> Self {
        let is_said = length.is_some() || cores.is_some() || attacks.is_some();
        let length = if is_said { length } else { Some(LENGTH) };
        let threads = u32::try_from(threads).unwrap_or(u32::MAX);
        Self { length, cores, attacks, threads, spent: Duration::ZERO, begun_with: None }
    }

    /// Takes what was spent before, as it was written down.
    pub(super) fn go_on(&mut self, text: &str) {
        let number = text.trim().strip_suffix(UNIT).and_then(|number| number.trim().parse().ok());
        self.spent = Duration::from_millis(number.unwrap_or_default());
    }

    /// What is written down.
    pub(super) fn text(&self) -> String {
        format!("{} {UNIT}\n", self.spent.as_millis())
    }

    /// Notes that all its cores took so long.
    pub(super) fn spend(&mut self, time: Duration) {
        self.spent = self.spent.saturating_add(time.saturating_mul(self.threads));
    }

    /// How much time of one core it has taken.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    /// Whether no more attacks are tried, once so many were and it took so long since it was begun.
    pub(super) fn is_spent(&mut self, tried: usize, elapsed: Duration) -> bool {
        self.begun_with.get_or_insert(tried);
        let has_time = self.length.is_none_or(|length| elapsed < length);
        let has_cores = self.cores.is_none_or(|cores| self.spent < cores);
        let has_more = self.most().is_none_or(|most| (tried as u64) < most);
        !(has_time && has_cores && has_more)
    }

    /// How long it takes until then, at about; nothing where that cannot be said yet.
    pub(super) fn left(&self, tried: usize, elapsed: Duration) -> String {
        let by_time = self.length.map(|length| length.saturating_sub(elapsed));
        let by_cores = self.cores.map(|cores| cores.saturating_sub(self.spent) / self.threads.max(1));
        let done = tried.saturating_sub(self.begun_with.unwrap_or_default());
        let by_number = self.most().filter(|_| done > 0).map(|most| {
            let rest = most.saturating_sub(tried as u64);
            elapsed.saturating_mul(u32::try_from(rest).unwrap_or(u32::MAX))
                / u32::try_from(done).unwrap_or(u32::MAX)
        });
        let left = [by_time, by_cores, by_number].into_iter().flatten().min().filter(|left| !left.is_zero());
        left.map_or_else(String::new, |left| {
            let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            format!(", about {} left", ago(units::Duration(millis)))
        })
    }

    /// How many attacks are tried, in whole batches.
    fn most(&self) -> Option<u64> {
        self.attacks.map(|attacks| attacks.checked_next_multiple_of(BATCH as u64).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_search_ends_after_a_time_or_after_a_number_in_eights_whichever_comes_first() {
        let spent = |length: Option<u64>, attacks: Option<u64>, tried: usize, elapsed: u64| {
            let mut budget = SeekBudget::new([length.map(seconds), None], attacks, 1);
            budget.is_spent(tried, seconds(elapsed))
        };
        assert!(!spent(Some(60), None, 1_000, 59) && spent(Some(60), None, 0, 60));
        assert!(!spent(None, Some(10), 8, 9_999) && spent(None, Some(10), 16, 0));
        assert!(spent(None, Some(16), 16, 0) && spent(Some(1), Some(16), 8, 2));
        assert!(!spent(None, Some(u64::MAX), 1_000, 9_999), "more than anybody tries");
        assert!(!spent(None, None, 1_000, 7_199) && spent(None, None, 0, 7_200), "two hours");
    }

    #[test]
    fn time_of_cores_counts_over_all_the_times_that_a_search_is_gone_on_with() {
        let new = || SeekBudget::new([None, Some(seconds(100))], None, 4);
        let mut budget = new();
        assert!(!budget.is_spent(0, seconds(1_000)));
        budget.spend(seconds(20));
        assert!(!budget.is_spent(8, seconds(1_000)));
        assert_eq!(budget.text(), "80000 ms of one core\n");
        let mut again = new();
        again.go_on(&budget.text());
        assert_eq!((again.spent(), again.is_spent(8, Duration::ZERO)), (seconds(80), false));
        assert_eq!(again.left(8, Duration::ZERO), ", about 5 s left", "of four cores");
        again.spend(seconds(5));
        assert!(again.is_spent(16, Duration::ZERO));
        let mut torn = new();
        torn.go_on("80000 m");
        assert_eq!(torn.spent(), Duration::ZERO);
    }

    #[test]
    fn how_long_it_takes_is_told_by_what_comes_first() {
        let mut budget = SeekBudget::new([Some(seconds(600)), None], Some(80), 2);
        assert!(!budget.is_spent(16, seconds(0)));
        assert_eq!(budget.left(16, seconds(0)), ", about 10 min left");
        // Eight in ten seconds: 56 more take 70.
        assert_eq!(budget.left(24, seconds(10)), ", about 70 s left");
        assert_eq!(budget.left(80, seconds(10)), "");
    }
}
