//! Positions as rotations of pairs of numbers.
//!
//! **Invariant:** frequencies are the nearest f64; cosines and sines are computed in f64 through `libm` (the same on every
//! machine), rounded once to f32 and passed through a door; on f32 there is only the rotation itself.

use std::f64::consts::PI;

use super::{door, frequency::frequency};

/// Which two numbers of a head make a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    /// 2i and 2i + 1.
    Neighbours,
    /// i and i + half of the rotated width.
    Halves,
}

/// How fast each pair turns with the position.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    frequencies: Vec<f64>,
    magnitude: f64,
}

impl Rotary {
    /// Pair i of `width` numbers turns by base^(−2i/width) a position. The base is above 1.
    #[must_use]
    pub fn new(width: usize, base: f64) -> Self {
        let pairs = width / 2;
        Self { frequencies: (0..pairs).map(|pair| frequency(base, pair, pairs)).collect(), magnitude: 1.0 }
    }

    /// Every pair turns slower by one factor.
    #[must_use]
    pub fn slowed(mut self, factor: f64) -> Self {
        self.frequencies.iter_mut().for_each(|frequency| *frequency /= factor);
        self
    }

    /// Each pair turns slower by a factor of its own, as files of llama-3 and longrope say in a tensor.
    #[must_use]
    pub fn slowed_each(mut self, factors: &[f32]) -> Self {
        for (frequency, factor) in self.frequencies.iter_mut().zip(factors) {
            *frequency /= f64::from(*factor);
        }
        self
    }

    /// Yarn: slow pairs by `factor`, fast ones not, between the two (counted in turns within `context`) by a ramp.
    #[must_use]
    pub fn yarn(mut self, base: f64, factor: f64, context: f64, turns_fast: f64, turns_slow: f64) -> Self {
        let width = 2.0 * self.frequencies.len() as f64;
        let pair = |turns: f64| width * libm::log(context / (turns * 2.0 * PI)) / (2.0 * libm::log(base));
        let low = libm::floor(pair(turns_fast)).max(0.0);
        let high = libm::ceil(pair(turns_slow)).min(width - 1.0);
        for (i, frequency) in self.frequencies.iter_mut().enumerate() {
            let ramp = ((i as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
            *frequency = *frequency / factor * ramp + *frequency * (1.0 - ramp);
        }
        self.magnitude = 0.1 * libm::log(factor) + 1.0;
        self
    }

    /// Multiplies every cosine and sine, as longrope does.
    #[must_use]
    pub fn magnified(mut self, magnitude: f64) -> Self {
        self.magnitude = magnitude;
        self
    }

    /// How many pairs are rotated.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.frequencies.len()
    }

    /// By how much each pair turns a position.
    #[must_use]
    pub fn frequencies(&self) -> &[f64] {
        &self.frequencies
    }

    /// The cosines and sines of a position, one of each a pair.
    pub fn turn(&self, position: usize, cosines: &mut [f32], sines: &mut [f32]) {
        for ((frequency, cosine), sine) in self.frequencies.iter().zip(cosines).zip(sines) {
            let angle = position as f64 * frequency;
            *cosine = door((libm::cos(angle) * self.magnitude) as f32);
            *sine = door((libm::sin(angle) * self.magnitude) as f32);
        }
    }
}

/// Rotates the pairs of one head: (a·c − b·s, a·s + b·c), a and b through a door. What is beyond the pairs stays.
#[inline(always)]
pub fn rotate(head: &mut [f32], pairs: Pairs, cosines: &[f32], sines: &[f32]) {
    let turn = |a: &mut f32, b: &mut f32, c: f32, s: f32| {
        let (x, y) = (door(*a), door(*b));
        *a = x * c - y * s;
        *b = x * s + y * c;
    };
    match pairs {
        Pairs::Neighbours => {
            for (([a, b], c), s) in head.as_chunks_mut::<2>().0.iter_mut().zip(cosines).zip(sines) {
                turn(a, b, *c, *s);
            }
        }
        Pairs::Halves => {
            let (low, high) = head.split_at_mut(cosines.len());
            for (((a, b), c), s) in low.iter_mut().zip(high).zip(cosines).zip(sines) {
                turn(a, b, *c, *s);
            }
        }
    }
}
