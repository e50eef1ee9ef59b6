//! Which tokens are drawn from, in the order of their logits.
//!
//! **Invariant:** at least one is left if any token is allowed and has a finite logit.

use std::collections::BTreeMap;

use crate::{Rule, Step};

/// A token that may be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The token.
    pub token: u32,
    /// Its logit with bias and penalties.
    pub logit: f64,
    /// Its share among the greatest; all of it goes to the first where nothing is drawn.
    pub share: f64,
}

impl Rule {
    /// Those that are left to be drawn from, from the greatest logit on, equal ones by their token.
    pub fn candidates(&self, step: &Step<'_>, allowed: &dyn Fn(u32) -> bool) -> Vec<Candidate> {
        let mut greatest = self.greatest(step, allowed);
        if self.temperature > 0.0 {
            self.share(&mut greatest);
            self.cut(&mut greatest);
        }
        greatest
    }

    /// The greatest that are allowed. What is not finite is no logit.
    fn greatest(&self, step: &Step<'_>, allowed: &dyn Fn(u32) -> bool) -> Vec<Candidate> {
        // Where nothing is drawn all but the first would go again, and each of them may be dear to ask for.
        let count = if self.temperature > 0.0 { self.top_k.max(1) } else { 1 };
        let mut greatest: Vec<Candidate> = Vec::with_capacity(count + 1);
        let mut adjusted = self.adjusted(step).into_iter().peekable();
        for (token, logit) in (0_u32..).zip(step.row) {
            let logit = match adjusted.next_if(|(next, _)| *next == token) {
                Some((_, logit)) => logit,
                None => f64::from(*logit),
            };
            // Most of a vocabulary goes here. An equal one with a greater token comes behind.
            let hopeless = greatest.len() == count && greatest.last().is_some_and(|last| logit <= last.logit);
            if hopeless || !logit.is_finite() || !allowed(token) {
                continue;
            }
            let place = greatest.partition_point(|better| better.logit >= logit);
            greatest.insert(place, Candidate { token, logit, share: 1.0 });
            greatest.truncate(count);
        }
        greatest
    }

    /// The logits that bias and penalties change, by token.
    fn adjusted(&self, step: &Step<'_>) -> BTreeMap<u32, f64> {
        let mut written: BTreeMap<u32, u32> = BTreeMap::new();
        let first = step.written.len().saturating_sub(self.penalty_window);
        for token in step.written.iter().skip(first) {
            *written.entry(*token).or_default() += 1;
        }
        let mut adjusted = BTreeMap::new();
        for token in self.bias.keys().chain(written.keys()) {
            let Some(logit) = step.row.get(*token as usize) else { continue };
            let biased = f64::from(*logit) + self.bias.get(token).copied().unwrap_or(0.0);
            let count = written.get(token).copied().unwrap_or(0);
            adjusted.insert(*token, self.penalized(biased, count));
        }
        adjusted
    }

    fn penalized(&self, logit: f64, count: u32) -> f64 {
        if count == 0 {
            return logit;
        }
        let repeated = if logit > 0.0 { logit / self.repeat_penalty } else { logit * self.repeat_penalty };
        repeated - f64::from(count) * self.frequency_penalty - self.presence_penalty
    }

    /// Each one's share: a softmax in their order.
    fn share(&self, greatest: &mut [Candidate]) {
        let Some(most) = greatest.first().map(|first| first.logit) else { return };
        let mut sum = 0.0;
        for candidate in greatest.iter_mut() {
            candidate.share = exp((candidate.logit - most) / self.temperature);
            sum += candidate.share;
        }
        for candidate in greatest {
            candidate.share /= sum;
        }
    }

    /// Leaves those with enough of a share.
    fn cut(&self, candidates: &mut Vec<Candidate>) {
        let Some(most) = candidates.first().map(|first| first.share) else { return };
        let least = self.min_p * most;
        candidates.retain(|candidate| candidate.share >= least);
        let mut sum = 0.0;
        let mut left = 0;
        for candidate in candidates.iter() {
            left += 1;
            sum += candidate.share;
            if sum >= self.top_p {
                break;
            }
        }
        candidates.truncate(left);
    }
}

/// Below this an exponential is zero, and none that is not is rounded to fewer bits.
const EXPONENT_MIN: f64 = -700.0;

pub(crate) fn exp(exponent: f64) -> f64 {
    if exponent < EXPONENT_MIN { 0.0 } else { libm::exp(exponent) }
}
