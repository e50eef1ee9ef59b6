//! What many numbers amount to, without keeping them, and how sure one can be of it.
//!
//! **Invariant:** an interval is one over independent seeds, never over the events of one run.

use super::student;

/// Count, mean and variance of numbers as they come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes one number.
    pub fn add(&mut self, number: f64) {
        self.count += 1;
        let before = number - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (number - self.mean);
    }

    /// How many numbers there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; zero if there were none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation of a sample; zero for fewer than two.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        if self.count < 2 { 0.0 } else { libm::sqrt(self.squares / (self.count - 1) as f64) }
    }

    /// Where the mean of all that could be drawn lies, with this confidence; none for fewer than two numbers.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> Option<ConfidenceInterval> {
        let freedom = self.count.checked_sub(1).filter(|freedom| *freedom > 0)?;
        let t = student::two_sided(confidence, freedom as f64);
        let half = t * self.deviation() / libm::sqrt(self.count as f64);
        Some(ConfidenceInterval { low: self.mean - half, high: self.mean + half })
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut moments = Self::default();
        numbers.into_iter().for_each(|number| moments.add(number));
        moments
    }
}

/// Where a mean lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfidenceInterval {
    /// From here.
    pub low: f64,
    /// To here.
    pub high: f64,
}

impl ConfidenceInterval {
    /// True if `value` lies in it.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The most that a share can be, with a confidence of 95 %, of which none was seen in so many trials: 3/n.
#[must_use]
pub fn unseen_share_max(trials: u64) -> f64 {
    if trials == 0 { 1.0 } else { (3.0 / trials as f64).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lab::distribution::normal, random::Stream};

    #[test]
    fn moments_are_those_of_a_small_sample_by_hand() {
        let moments: Moments = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter().collect();
        assert_eq!((moments.count(), moments.mean()), (8, 5.0));
        assert!((moments.deviation() - 2.138_089_935).abs() < 1e-9);
        let interval = moments.interval(0.95).unwrap();
        assert!((interval.high - 6.787_493).abs() < 1e-5, "{interval:?}");
        assert_eq!(Moments::from_iter([1.0]).interval(0.95), None);
    }

    #[test]
    fn an_interval_holds_the_truth_as_often_as_it_says() {
        let mut luck = Stream::new(1, "intervals", 0);
        let held = (0..10_000).filter(|_| {
            let sample: Moments = (0..5).map(|_| normal(&mut luck)).collect();
            sample.interval(0.95).is_some_and(|interval| interval.holds(0.0))
        });
        let held = held.count();
        assert!((9_413..=9_587).contains(&held), "{held} of 10,000 held");
    }

    #[test]
    fn what_was_never_seen_has_three_in_n_as_its_bound() {
        assert_eq!((unseen_share_max(0), unseen_share_max(2), unseen_share_max(300)), (1.0, 1.0, 0.01));
    }
}
