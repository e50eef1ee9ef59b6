//! Which token follows a row of logits: a rule, to the bit. Its page is `docs/sampling.md`.
//!
//! **Invariant:** the same row, rule, seed and written tokens choose the same token on every machine: all is f64, each
//! step rounded once, in an order that the page gives, and nothing asks a library of the system.

mod candidates;
mod noise;
mod rule;

pub use candidates::Candidate;
pub use noise::{SEED_BYTES, Seed, gumbel, seed_of};
pub use rule::{PENALTY_WINDOW_MAX, Rule, TOP_K_MAX, Wrong};

/// What one choice is made from.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The logits, one for each token of the vocabulary.
    pub row: &'a [f32],
    /// What was written so far, in order; penalties look at the last of it.
    pub written: &'a [u32],
    /// The place of the token that is chosen among those written.
    pub index: u32,
    /// What all choices of a run are drawn from.
    pub seed: &'a Seed,
}

impl Rule {
    /// The token that is written next: none if no token may be.
    #[must_use]
    pub fn choose(&self, step: &Step<'_>, allowed: &dyn Fn(u32) -> bool) -> Option<u32> {
        let left = self.candidates(step, allowed);
        let mut best: Option<(f64, u32)> = None;
        for candidate in &left {
            let key = self.key(step, candidate);
            let better =
                best.is_none_or(|(most, token)| key > most || (key == most && candidate.token < token));
            if better {
                best = Some((key, candidate.token));
            }
        }
        best.map(|(_, token)| token)
    }

    /// What decides between the candidates that are left: the greatest wins.
    #[must_use]
    pub fn key(&self, step: &Step<'_>, candidate: &Candidate) -> f64 {
        if self.temperature > 0.0 {
            candidate.logit + self.temperature * gumbel(step.seed, step.index, candidate.token)
        } else {
            candidate.logit
        }
    }
}

#[cfg(test)]
mod tests;
