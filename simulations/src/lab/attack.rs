//! Attacks: what a coalition gains by not being honest, and what that costs it and everybody else.
//!
//! The same market is run up to four times with each seed. Once as it is, with the coalition at work. Once with its members honest,
//! at the usual price, and once with them honest at the price that they ask in the attack, where that is another: what it has
//! beyond the better of both is its surplus. And once without what they came for: their founders honest, for those would be there
//! anyway, their newcomers and the orders of their clients missing. What the coalition has less than that is its cost. What
//! everybody else has less is the harm; where they have less already because its members ask less, what they have less than that.
//!
//! What is put beside each other is money by the books, less the work that was done, and with what true results are worth to
//! those who ordered them: so a cheat has the work that it saves, and a client that is not served lacks a result.
//!
//! **Invariant:** an honest coalition has neither surplus nor cost, and does no harm, but for chance.

mod adversary;
mod case;
mod kept;
mod outcome;
mod plan;
#[cfg(test)]
mod tests;

pub use self::{
    adversary::{Adversary, AdversaryPart, share_of},
    case::{AttackCase, AttackError, joined},
    kept::{read_runs, runs_text},
    outcome::{AttackOutcome, AttackReference, AttackVerdict, AttackedRuns, GroupLoss},
    plan::{AttackPlan, NamedOutcome, table},
};

/// What the coalition of an attack is called.
pub const COALITION: &str = "attackers";
