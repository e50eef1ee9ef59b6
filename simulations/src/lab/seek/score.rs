//! How good an attack is: what it gains, or by how much it harms more than it costs.

use crate::lab::attack::{AttackOutcome, AttackReference};

/// What an honest result counts for that cost stake, in credits: more than any gain.
const SLASHED: f64 = 10.0;

/// How good an attack is, in credits a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeekScore {
    /// What it gains, or harms beyond its cost, whichever is more.
    pub mean: f64,
    /// The same, less by as much as it may be off.
    pub least: f64,
    /// What it gains.
    pub surplus: f64,
    /// Beside what.
    pub beside: AttackReference,
    /// By how much it harms more than it costs.
    pub excess: f64,
    /// How many honest results cost stake.
    pub slashed: f64,
}

impl SeekScore {
    /// By what came of it.
    #[must_use]
    pub fn of(outcome: &AttackOutcome) -> Self {
        let (surplus, excess) = (outcome.surplus, outcome.excess);
        let beyond = excess.mean() - outcome.dust;
        let off = |deviation: f64| deviation / libm::sqrt(outcome.seeds().max(1) as f64);
        let slashed = outcome.slashed * SLASHED;
        Self {
            mean: surplus.mean().max(beyond) + slashed,
            least: (surplus.mean() - off(surplus.deviation())).max(beyond - off(excess.deviation()))
                + slashed,
            surplus: surplus.mean(),
            beside: outcome.surplus_beside,
            excess: excess.mean(),
            slashed: outcome.slashed,
        }
    }

    /// Whether it is worth trying with more seeds.
    #[must_use]
    pub fn is_promising(&self) -> bool {
        self.least > 0.0
    }
}
