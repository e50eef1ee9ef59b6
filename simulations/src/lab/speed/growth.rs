//! How what a market costs grows: markets of several sizes, and the slope of a line through them where both axes are logarithms.
//!
//! A cost that grows as n log n is no straight line there; the slope of the line through it, over the same sizes, is what a slope
//! is held to.

use super::cost::{MarketCost, MarketSize};

/// Jobs of each market in which the number of peers grows.
const JOBS: usize = 10_000;
/// Jobs of each in which the number of providers does.
const PROVIDED: usize = 2_000;

/// What there is more and more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Growth {
    /// Peers, with as many providers among them as in the markets of [`MarketSize::WHOLE`].
    Peers,
    /// Jobs, among a thousand peers.
    Jobs,
    /// Peers that provide and check, beside as many clients.
    Providers,
}

impl Growth {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Peers, Self::Jobs, Self::Providers];
    /// What a slope rests on where it is steeper.
    pub const BOUNDED_BY: &str =
        "a larger market no longer lies in the caches of a processor, and who asks everybody asks more";

    /// What grows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Jobs => "jobs",
            Self::Providers => "providers",
        }
    }

    /// How many of it a market has.
    #[must_use]
    pub fn count(self, size: &MarketSize) -> usize {
        match self {
            Self::Peers => size.peers(),
            Self::Jobs => size.jobs,
            Self::Providers => size.founders,
        }
    }

    /// The markets that are measured, the smallest first.
    #[must_use]
    pub fn sizes(self, quick: bool) -> Vec<MarketSize> {
        let plain = MarketSize::PLAIN;
        // A million jobs are more than a hundred clients can pay.
        let thousand = MarketSize { founders: 64, clients: 935, ..plain };
        let peopled = [(16, 83), (64, 935), (256, 9_743), (512, 99_487)];
        let sizes: Vec<MarketSize> = match self {
            Self::Peers => {
                let jobs = if quick { JOBS / 5 } else { JOBS };
                peopled.map(|(founders, clients)| MarketSize { founders, clients, jobs, ..plain }).into()
            }
            Self::Jobs if quick => {
                [500, 2_000, 8_000, 32_000].map(|jobs| MarketSize { jobs, ..thousand }).into()
            }
            Self::Jobs => {
                [1_000, 10_000, 100_000, 1_000_000].map(|jobs| MarketSize { jobs, ..thousand }).into()
            }
            Self::Providers => {
                let jobs = if quick { PROVIDED / 4 } else { PROVIDED };
                [16, 64, 256, 512].map(|founders| MarketSize { founders, jobs, ..plain }).into()
            }
        };
        // A hundred thousand peers, or five hundred providers, are no quick thing.
        let last = if quick && self != Self::Jobs { 3 } else { sizes.len() };
        sizes.into_iter().take(last).collect()
    }
}

/// The seconds of a market in all, from when there is nobody until all is settled.
#[must_use]
pub fn seconds_of(cost: &MarketCost) -> f64 {
    cost.opening + cost.seconds
}

/// The slope of the line that lies nearest to these points, by least squares, where both axes are logarithms; none through fewer
/// than two sizes.
#[must_use]
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> =
        points.iter().map(|(size, cost)| (libm::log(*size), libm::log(cost.max(1e-9)))).collect();
    let count = logs.len() as f64;
    let size_mean = logs.iter().map(|(size, _)| size).sum::<f64>() / count;
    let cost_mean = logs.iter().map(|(_, cost)| cost).sum::<f64>() / count;
    let spread: f64 = logs.iter().map(|(size, _)| (size - size_mean) * (size - size_mean)).sum();
    let common: f64 = logs.iter().map(|(size, cost)| (size - size_mean) * (cost - cost_mean)).sum();
    (spread > 0.0).then(|| common / spread)
}

/// The slope of n log n over the same sizes.
#[must_use]
pub fn linearithmic_slope(points: &[(f64, f64)]) -> Option<f64> {
    let as_it_may: Vec<(f64, f64)> =
        points.iter().map(|(size, _)| (*size, size * libm::log(*size))).collect();
    slope(&as_it_may)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(cost: impl Fn(f64) -> f64) -> Option<f64> {
        let points = [100.0, 1_000.0, 10_000.0, 100_000.0].map(|size| (size, cost(size)));
        slope(&points)
    }

    #[test]
    fn a_line_is_found_by_its_slope_and_n_log_n_is_a_little_steeper_than_n() {
        for power in [0.5, 1.0, 2.0] {
            let found = through(|size| 3.0 * libm::pow(size, power)).unwrap();
            assert!((found - power).abs() < 1e-9, "{found} instead of {power}");
        }
        let points = [100.0, 1_000.0, 10_000.0, 100_000.0].map(|size| (size, 0.0));
        let allowed = linearithmic_slope(&points).unwrap();
        assert!((1.12..1.15).contains(&allowed), "{allowed}");
        // What grows with the square of what there is is not taken for it, though it begins with what is always there.
        assert!(through(|size| 1e4 + size * size).unwrap() > allowed);
        assert!(through(|size| 1e4 + size * libm::log(size)).unwrap() < allowed);
    }

    #[test]
    fn one_size_has_no_slope() {
        assert_eq!((slope(&[]), slope(&[(3.0, 1.0)]), slope(&[(3.0, 1.0), (3.0, 2.0)])), (None, None, None));
    }

    #[test]
    fn sizes_go_from_a_hundred_peers_to_a_hundred_thousand_and_from_a_thousand_jobs_to_a_million() {
        let counts = |growth: Growth, quick| -> Vec<usize> {
            growth.sizes(quick).iter().map(|size| growth.count(size)).collect()
        };
        assert_eq!(counts(Growth::Peers, false), [100, 1_000, 10_000, 100_000]);
        assert_eq!(counts(Growth::Jobs, false), [1_000, 10_000, 100_000, 1_000_000]);
        assert_eq!(counts(Growth::Providers, false), [16, 64, 256, 512]);
        for growth in Growth::ALL {
            let quick = counts(growth, true);
            assert!(quick.len() >= 3 && quick.is_sorted(), "{growth:?}: {quick:?}");
            // What does not grow is the same in all of them.
            let of = |size: &MarketSize| if growth == Growth::Jobs { size.peers() } else { size.jobs };
            let sizes = growth.sizes(false);
            assert!(sizes.iter().all(|size| of(size) == of(&sizes[0])), "{growth:?}");
        }
    }
}
