//! The numbers that an order states about how tokens are chosen, and which it cannot state.

use std::{collections::BTreeMap, fmt};

/// Candidates that are ever drawn from: each costs a hash.
pub const TOP_K_MAX: usize = 64;
/// Written tokens that penalties look at.
pub const PENALTY_WINDOW_MAX: usize = 65_536;
const BIAS_MAX: f64 = 1_000.0;
const BIASES_MAX: usize = 65_536;
const PENALTY_MAX: f64 = 100.0;
const REPEAT_MIN: f64 = 0.01;
const TEMPERATURE_MAX: f64 = 100.0;

/// How tokens are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// 0 takes the greatest logit; more draws more evenly.
    pub temperature: f64,
    /// How many of the greatest logits are candidates.
    pub top_k: usize,
    /// The share of all candidates that those left have together, at least.
    pub top_p: f64,
    /// The share that a candidate has, in that of the greatest, at least.
    pub min_p: f64,
    /// What logits of written tokens are divided by, or multiplied with below zero.
    pub repeat_penalty: f64,
    /// What is taken off the logit of a written token.
    pub presence_penalty: f64,
    /// What is taken off for each time that it was written.
    pub frequency_penalty: f64,
    /// How many of the last written tokens penalties look at.
    pub penalty_window: usize,
    /// What is added to logits before all else.
    pub bias: BTreeMap<u32, f64>,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repeat_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            penalty_window: 64,
            bias: BTreeMap::new(),
        }
    }
}

/// A number that no rule can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wrong {
    /// What it is for.
    pub name: &'static str,
    /// The number.
    pub found: f64,
    /// The least that is right.
    pub min: f64,
    /// The most that is right.
    pub max: f64,
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, found, min, max } = self;
        write!(out, "{name} is {found}, which is not between {min} and {max}")
    }
}

impl Rule {
    /// Whether every number is one that the rule is defined for.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), Wrong> {
        let bounds = [
            ("temperature", self.temperature, 0.0, TEMPERATURE_MAX),
            ("top_k", self.top_k as f64, 1.0, TOP_K_MAX as f64),
            ("top_p", self.top_p, 0.0, 1.0),
            ("min_p", self.min_p, 0.0, 1.0),
            ("repeat_penalty", self.repeat_penalty, REPEAT_MIN, PENALTY_MAX),
            ("presence_penalty", self.presence_penalty, -PENALTY_MAX, PENALTY_MAX),
            ("frequency_penalty", self.frequency_penalty, -PENALTY_MAX, PENALTY_MAX),
            ("penalty_last_n", self.penalty_window as f64, 0.0, PENALTY_WINDOW_MAX as f64),
            ("the number of biases", self.bias.len() as f64, 0.0, BIASES_MAX as f64),
        ];
        let biases = self.bias.values().map(|bias| ("logit_bias", *bias, -BIAS_MAX, BIAS_MAX));
        for (name, found, min, max) in bounds.into_iter().chain(biases) {
            if !(min..=max).contains(&found) {
                return Err(Wrong { name, found, min, max });
            }
        }
        Ok(())
    }
}
