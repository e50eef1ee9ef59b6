//! Machines that come and go: how long they stay, and how long work takes that begins anew each time.

use super::distribution::Distribution;
use crate::random::Stream;

/// How long peers stay online, in seconds, as it was measured in file sharing.
pub const SESSION: Distribution = Distribution::Weibull(0.608, 3.66 * 3_600.0);

/// The share of sessions that are over after so many hours, of as many as are drawn.
pub fn share_over(hours: f64, sessions: u64, luck: &mut Stream) -> f64 {
    let over = (0..sessions).filter(|_| SESSION.seconds(luck) <= hours * 3_600.0).count();
    over as f64 / sessions as f64
}

/// The same in theory.
#[must_use]
pub fn share_over_mean(hours: f64) -> f64 {
    1.0 - libm::exp(-libm::pow(hours / 3.66, 0.608))
}

/// How long a job takes that needs so many seconds without a failure and begins anew after each.
pub fn with_restarts(work: f64, failures: f64, luck: &mut Stream) -> f64 {
    let between = Distribution::Exponential(1.0 / failures);
    let mut spent = 0.0;
    loop {
        let failure = between.seconds(luck);
        if failure >= work {
            return spent + work;
        }
        spent += failure;
    }
}

/// The mean of that.
#[must_use]
pub fn with_restarts_mean(work: f64, failures: f64) -> f64 {
    libm::expm1(failures * work) / failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_sessions_last_two_hours_and_four_fifths_eight() {
        assert!((share_over_mean(2.0) - 0.5).abs() < 0.01);
        assert!((share_over_mean(8.0) - 0.8).abs() < 0.01);
        assert!((with_restarts_mean(1.0, 1.0) - 1.718_28).abs() < 1e-5);
    }
}
