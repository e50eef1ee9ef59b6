//! Quantiles of many lengths without keeping them: how many fell into each of ever wider bins.
//!
//! **Invariant:** what is told is at most one part in [`PARTS`] above the truth, and the same in whatever order the lengths
//! came.

/// Bins in each doubling.
pub const PARTS: u64 = 64;

/// Counts of whole numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    bins: Vec<u64>,
    count: u64,
}

impl Quantiles {
    /// Takes one number.
    pub fn add(&mut self, number: u64) {
        let bin = bin(number);
        if self.bins.len() <= bin {
            self.bins.resize(bin + 1, 0);
        }
        self.bins[bin] += 1;
        self.count += 1;
    }

    /// How many numbers there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The least number that this share of all is not above; none of none.
    #[must_use]
    pub fn at(&self, share: f64) -> Option<u64> {
        let rank = libm::ceil(share * self.count as f64).max(1.0) as u64;
        let mut seen = 0;
        let found = self.bins.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map(last)
    }
}

/// The bin of a number: by its highest ones.
fn bin(number: u64) -> usize {
    if number < PARTS {
        return number as usize;
    }
    let shift = u64::from(number.ilog2() - PARTS.ilog2());
    (shift * PARTS + (number >> shift)) as usize
}

/// The largest number of a bin.
fn last(bin: usize) -> u64 {
    let bin = bin as u64;
    if bin < 2 * PARTS {
        return bin;
    }
    let shift = bin / PARTS - 1;
    ((bin % PARTS + PARTS + 1) << shift).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn quantiles_are_those_of_a_sorted_list_within_one_part() {
        let mut luck = Stream::new(1, "quantiles", 0);
        let (mut quantiles, mut list) = (Quantiles::default(), Vec::new());
        for _ in 0..20_000 {
            let number = luck.number() >> luck.below(64);
            quantiles.add(number);
            list.push(number);
        }
        list.sort_unstable();
        for share in [0.01, 0.1, 0.5, 0.9, 0.999, 1.0] {
            let (found, truth) = (quantiles.at(share).unwrap(), list[(share * 20_000.0) as usize - 1]);
            assert!(truth <= found && found - truth <= truth / PARTS, "{share}: {found} instead of {truth}");
        }
        assert_eq!(Quantiles::default().at(0.5), None);
    }

    #[test]
    fn each_number_is_in_the_bin_that_ends_with_it_or_above() {
        for number in (0..5_000).chain([u64::MAX - 1, u64::MAX]) {
            assert!(
                last(bin(number)) >= number && (number == 0 || last(bin(number)) - number <= number / PARTS)
            );
            assert_eq!(bin(last(bin(number))), bin(number), "{number}");
        }
    }
}
