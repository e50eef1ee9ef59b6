//! How lengths of time are spread, and numbers drawn from that.
//!
//! **Invariant:** each draw takes a known count of numbers from its stream, and no function of the system's own library
//! decides a digit.

use crate::{kernel::Span, random::Stream};

/// Nanoseconds of a second.
const NANOS: f64 = 1e9;

/// How a length of time is spread. All parameters are in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(f64),
    /// Evenly between two lengths.
    Uniform(f64, f64),
    /// With this mean and no memory.
    Exponential(f64),
    /// With this mean, and this ratio of variance to the square of the mean, as one of two exponentials.
    Hyperexponential(f64, f64),
    /// Shape and scale.
    Weibull(f64, f64),
    /// The median, and the standard deviation of the logarithm.
    Lognormal(f64, f64),
}

impl Distribution {
    /// Draws a length in seconds.
    pub fn seconds(&self, luck: &mut Stream) -> f64 {
        match *self {
            Self::Constant(length) => length,
            Self::Uniform(least, most) => least + (most - least) * unit(luck),
            Self::Exponential(mean) => exponential(luck) * mean,
            Self::Hyperexponential(mean, ratio) => {
                // Both phases carry half of the mean.
                let first = (1.0 + libm::sqrt((ratio - 1.0) / (ratio + 1.0))) / 2.0;
                let share = if unit(luck) < first { first } else { 1.0 - first };
                exponential(luck) * mean / (2.0 * share)
            }
            Self::Weibull(shape, scale) => scale * libm::pow(exponential(luck), 1.0 / shape),
            Self::Lognormal(median, sigma) => median * libm::exp(sigma * normal(luck)),
        }
    }

    /// Draws a length.
    pub fn span(&self, luck: &mut Stream) -> Span {
        Span((self.seconds(luck) * NANOS) as u64)
    }

    /// The mean in seconds.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Constant(mean) | Self::Exponential(mean) | Self::Hyperexponential(mean, _) => mean,
            Self::Uniform(least, most) => (least + most) / 2.0,
            Self::Weibull(shape, scale) => scale * libm::tgamma(1.0 + 1.0 / shape),
            Self::Lognormal(median, sigma) => median * libm::exp(sigma * sigma / 2.0),
        }
    }
}

/// A number from 0 to 1, without 1.
pub fn unit(luck: &mut Stream) -> f64 {
    (luck.number() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number with mean 1 and no memory.
pub fn exponential(luck: &mut Stream) -> f64 {
    -libm::log(1.0 - unit(luck))
}

/// A number with mean 0 and variance 1.
pub fn normal(luck: &mut Stream) -> f64 {
    let radius = libm::sqrt(2.0 * exponential(luck));
    radius * libm::cos(2.0 * core::f64::consts::PI * unit(luck))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::statistics::Moments;

    #[test]
    fn draws_have_the_mean_that_their_distribution_says() {
        for (spread, deviation) in [
            (Distribution::Constant(2.0), 0.0),
            (Distribution::Uniform(1.0, 3.0), 0.5774),
            (Distribution::Exponential(2.0), 2.0),
            (Distribution::Hyperexponential(2.0, 4.0), 4.0),
            (Distribution::Weibull(2.0, 2.0), 0.9265),
            (Distribution::Lognormal(2.0, 0.5), 1.2078),
        ] {
            let (mut luck, mut moments) = (Stream::new(1, "draws", 0), Moments::default());
            (0..200_000).for_each(|_| moments.add(spread.seconds(&mut luck)));
            let error = (moments.mean() - spread.mean()).abs();
            assert!(error <= 4.0 * deviation / 447.2 + 1e-12, "{spread:?}: {} off", error);
            assert!((moments.deviation() - deviation).abs() <= 0.03 * deviation, "{spread:?}: {moments:?}");
        }
    }
}
