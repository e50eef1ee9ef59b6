//! Quantiles of numbers as they come, each within a hundredth of itself.
//!
//! **Invariant:** the order in which numbers come makes no difference, and memory does not grow with their count.

use std::collections::BTreeMap;

/// The ratio between the ends of one drawer.
const GROWTH: f64 = 1.02;

/// Counts of numbers by their size. Numbers that are not positive lie together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    drawers: BTreeMap<i32, u64>,
    flat: u64,
    count: u64,
}

impl Quantiles {
    /// Takes one number.
    pub fn add(&mut self, number: f64) {
        self.count += 1;
        if number > 0.0 {
            let drawer = libm::floor(libm::log(number) / libm::log(GROWTH)) as i32;
            *self.drawers.entry(drawer).or_default() += 1;
        } else {
            self.flat += 1;
        }
    }

    /// The number that this share of all is not above; none if there are none.
    #[must_use]
    pub fn at(&self, share: f64) -> Option<f64> {
        let rank = (libm::ceil(share * self.count as f64) as u64).clamp(1, self.count.max(1));
        if self.count == 0 {
            return None;
        }
        let mut below = self.flat;
        if rank <= below {
            return Some(0.0);
        }
        for (drawer, count) in &self.drawers {
            below += count;
            if rank <= below {
                return Some(libm::pow(GROWTH, f64::from(*drawer) + 0.5));
            }
        }
        None
    }

    /// Takes what others counted.
    pub fn merge(&mut self, other: &Self) {
        other.drawers.iter().for_each(|(drawer, count)| *self.drawers.entry(*drawer).or_default() += count);
        (self.flat, self.count) = (self.flat + other.flat, self.count + other.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_within_a_hundredth_of_the_true_one() {
        let (mut all, mut parts) = (Quantiles::default(), [Quantiles::default(), Quantiles::default()]);
        for number in 1..=10_000_u32 {
            all.add(f64::from(number));
            parts[number as usize % 2].add(f64::from(number));
        }
        for (share, expected) in [(0.5, 5_000.0), (0.9, 9_000.0), (0.99, 9_900.0), (0.0, 1.0)] {
            let found = all.at(share).unwrap();
            assert!((found / expected - 1.0).abs() < 0.011, "{share}: {found}");
        }
        let [mut one, other] = parts;
        one.merge(&other);
        assert_eq!(one, all);
        assert_eq!(Quantiles::default().at(0.5), None);
    }
}
