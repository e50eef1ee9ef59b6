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

/// Logits that are looked at together: whether one of them is great enough is asked once.
const GLANCE: usize = 16;

/// The greatest of those that were looked at, from the greatest on, equal ones by their token.
struct Greatest<'a> {
    count: usize,
    allowed: &'a dyn Fn(u32) -> bool,
    candidates: Vec<Candidate>,
}

impl Greatest<'_> {
    /// Looks at the logits of tokens from `next` on, which come behind all that were looked at before.
    fn look(&mut self, mut next: u32, logits: &[f32]) {
        let (glances, rest) = logits.as_chunks::<GLANCE>();
        for glance in glances {
            // Most of a vocabulary goes here.
            let least = self.least();
            if glance.iter().fold(false, |any, logit| any | (f64::from(*logit) > least)) {
                self.take_each(next, glance);
            }
            next += GLANCE as u32;
        }
        self.take_each(next, rest);
    }

    fn take_each(&mut self, next: u32, logits: &[f32]) {
        for (token, logit) in (next..).zip(logits) {
            self.take(token, f64::from(*logit));
        }
    }

    /// Takes a token in, if it is among the greatest. An equal one with a greater token comes behind.
    fn take(&mut self, token: u32, logit: f64) {
        if logit <= self.least() || !logit.is_finite() || !(self.allowed)(token) {
            return;
        }
        let place = self.candidates.partition_point(|better| better.logit >= logit);
        self.candidates.insert(place, Candidate { token, logit, share: 1.0 });
        self.candidates.truncate(self.count);
    }

    /// What a logit must be greater than.
    fn least(&self) -> f64 {
        match self.candidates.last() {
            Some(last) if self.candidates.len() == self.count => last.logit,
            Some(_) | None => f64::NEG_INFINITY,
        }
    }
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
        let candidates = Vec::with_capacity(count + 1);
        let mut greatest = Greatest { count, allowed, candidates };
        let (mut next, mut left) = (0, step.row);
        for (token, logit) in self.adjusted(step) {
            // Each is of the row, and they come by their tokens.
            let Some((before, [_, behind @ ..])) = left.split_at_checked((token - next) as usize) else {
                break;
            };
            greatest.look(next, before);
            greatest.take(token, logit);
            (next, left) = (token + 1, behind);
        }
        greatest.look(next, left);
        greatest.candidates
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
