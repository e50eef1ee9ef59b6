//! How many jobs of one honest provider are checked, by the law's own rate: the closed form that a market is held to.

use assay_protocol::{genesis::Checks, rate, units::Rate};

/// Chances below this are let go, so that the list grows with the root of the jobs.
const CHANCE_MIN: f64 = 1e-18;

/// The mean number of checks among the first n jobs of a provider that passes every one of them, for each n up to `jobs`:
/// each job opened after the one before was closed, and deterrence below the base rate.
#[must_use]
pub fn checked_means(checks: &Checks, jobs: usize) -> Vec<f64> {
    let mut means = vec![0.0];
    // The chance of each count of passed checks.
    let mut chances = vec![1.0_f64];
    for _ in 0..jobs {
        let mut next = vec![0.0; chances.len() + 1];
        let mut drawn = 0.0;
        for (passed, chance) in chances.iter().enumerate() {
            let rate = rate_after(checks, passed as u64);
            next[passed] += chance * (1.0 - rate);
            next[passed + 1] += chance * rate;
            drawn += chance * rate;
        }
        while next.last().is_some_and(|chance| *chance < CHANCE_MIN) {
            next.pop();
        }
        means.push(means.last().copied().unwrap_or_default() + drawn);
        chances = next;
    }
    means
}

/// The rate of a provider that has passed so many checks.
fn rate_after(checks: &Checks, passed: u64) -> f64 {
    let trust = passed.saturating_mul(Rate::ONE.0);
    rate::ramp(checks, trust).max(checks.base).0 as f64 / Rate::ONE.0 as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn a_provider_is_checked_as_often_as_its_rates_add_up_to() {
        let checks = Checks::default();
        let means = checked_means(&checks, 400);
        assert_eq!(means[..6], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "before any trust every job is checked");
        let mut luck = Stream::new(1, "checks", 0);
        let mut total = 0;
        for _ in 0..2_000 {
            let passed = (0..400).fold(0_u64, |passed, _| {
                passed + u64::from(luck.happens(Rate((rate_after(&checks, passed) * 4_294_967_296.0) as u64)))
            });
            total += passed;
        }
        let found = total as f64 / 2_000.0;
        assert!((found - means[400]).abs() < 0.5, "{found} instead of {}", means[400]);
    }
}
