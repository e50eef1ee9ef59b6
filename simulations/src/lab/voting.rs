//! Spot checks, votes and juries: what chance alone lets through.

use assay_protocol::{genesis::Checks, units::Rate};

use super::distribution::unit;
use crate::random::Stream;

/// How often a majority of so many copies is wrong if this share of hosts collude.
#[must_use]
pub fn wrong_majority(copies: u32, collude: f64) -> f64 {
    (copies / 2 + 1..=copies).map(|wrong| binomial(copies, wrong, collude)).sum()
}

/// How many equal copies a result needs, the first that has them being taken, to be wrong no more often than that.
#[must_use]
pub fn copies_needed(collude: f64, error: f64) -> u32 {
    // Whoever is first with m of them has the majority of 2m − 1.
    (1..1_000).find(|equal| wrong_majority(2 * equal - 1, collude) <= error).unwrap_or(u32::MAX)
}

fn binomial(of: u32, hits: u32, chance: f64) -> f64 {
    let factorial = |number: u32| libm::lgamma(f64::from(number) + 1.0);
    let ways = factorial(of) - factorial(hits) - factorial(of - hits);
    libm::exp(ways + f64::from(hits) * libm::log(chance) + f64::from(of - hits) * libm::log(1.0 - chance))
}

/// True if a majority of so many copies comes from those that collude.
pub fn vote(copies: u32, collude: f64, luck: &mut Stream) -> bool {
    let wrong = (0..copies).filter(|_| unit(luck) < collude).count();
    wrong > copies as usize / 2
}

/// The chance that so many different verifiers, drawn from a number of whom some collude, all do.
#[must_use]
pub fn all_collude(drawn: u64, collude: u64, of: u64) -> f64 {
    (0..drawn).map(|number| (collude - number) as f64 / (of - number) as f64).product()
}

/// Draws different verifiers; true if all collude.
pub fn draws_colluders(drawn: u64, collude: u64, of: u64, luck: &mut Stream) -> bool {
    (0..drawn).all(|number| luck.below(of - number) < collude - number)
}

/// How many cheats pass before the first that is caught, if each is with this chance.
pub fn accepted_before_caught(caught: f64, luck: &mut Stream) -> u64 {
    let mut accepted = 0;
    while unit(luck) >= caught {
        accepted += 1;
    }
    accepted
}

/// True if a jury whose draws are against the provider with this chance convicts it: a walk between the margins.
pub fn jury(checks: &Checks, against: Rate, luck: &mut Stream) -> bool {
    let (mut ahead, convicts, clears) = (0_i64, checks.convict_margin as i64, checks.clear_margin as i64);
    for _ in 0..checks.draws_max {
        ahead += if luck.happens(against) { 1 } else { -1 };
        if ahead >= convicts {
            return true;
        }
        if ahead <= -clears {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_colluders_are_the_published_ones() {
        let copies = [0.05, 0.01, 0.001].map(|error| copies_needed(0.35, error));
        assert_eq!(copies, [15, 29, 51]);
        for (drawn, expected) in [(1, 0.2), (2, 0.0384), (3, 0.00705)] {
            assert!((all_collude(drawn, 20, 100) / expected - 1.0).abs() < 0.001, "{drawn}");
        }
        assert!((wrong_majority(3, 0.35) - 0.28175).abs() < 1e-9);
    }
}
