//! Adaptive replication as BOINC does it: a host that agreed often enough in a row is checked with the chance of one in
//! as many as it has agreed.

use crate::random::Stream;

/// Agreements in a row before which everything is replicated.
const TRUSTED_FROM: u64 = 10;

/// How many jobs of one honest host are replicated, of so many.
pub fn replicated(jobs: u64, luck: &mut Stream) -> u64 {
    (0..jobs).fold(0, |agreed, _| {
        let replicates = agreed < TRUSTED_FROM || luck.below(agreed) == 0;
        agreed + u64::from(replicates)
    })
}

/// The mean of that, exactly: the chances of all counts of agreements, job by job.
#[must_use]
pub fn replicated_mean(jobs: u64) -> f64 {
    let mut chances = vec![1.0_f64];
    for _ in 0..jobs {
        let mut next = vec![0.0; chances.len() + 1];
        for (agreed, chance) in chances.iter().enumerate() {
            let replicates = if (agreed as u64) < TRUSTED_FROM { 1.0 } else { 1.0 / agreed as f64 };
            next[agreed] += chance * (1.0 - replicates);
            next[agreed + 1] += chance * replicates;
        }
        // What can no longer be told from nothing is let go, so that the list grows with the root of the jobs.
        while next.last().is_some_and(|chance| *chance < 1e-18) {
            next.pop();
        }
        chances = next;
    }
    chances.iter().enumerate().map(|(agreed, chance)| agreed as f64 * chance).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_honest_host_is_replicated_as_often_as_published() {
        for (jobs, expected) in [(20, 10.96), (100, 16.81), (1_000, 45.84), (10_000, 142.00)] {
            let found = replicated_mean(jobs);
            assert!((found - expected).abs() < 0.005, "{jobs}: {found} instead of {expected}");
        }
    }
}
