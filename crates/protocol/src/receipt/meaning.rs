//! What a verified receipt says about the result, in words.
//!
//! **Invariant:** each outcome has words of its own; whoever shows a receipt says the same of it.

use alloc::{borrow::ToOwned, string::String};

use super::Report;
use crate::outcome::Outcome;

impl Report {
    /// What the outcome says about the result, with the numbers it rests on.
    #[must_use]
    pub fn meaning(&self) -> String {
        let mut told = self.of_outcome();
        if self.unrevealed {
            told.push_str(
                "; its client had not revealed its secret, so that it was to be checked whatever was drawn",
            );
        }
        told
    }

    fn of_outcome(&self) -> String {
        let Self { agreeing, checks, rate, .. } = self;
        match self.outcome {
            Outcome::Checked if *checks == 1 => {
                "run again by a peer drawn at random, which agrees; paid".to_owned()
            }
            Outcome::Checked => {
                alloc::format!("run again by {checks} peers drawn at random, {agreeing} of which agree; paid")
            }
            Outcome::Cleared => {
                alloc::format!("accused, and cleared by {agreeing} of {checks} peers drawn at random; paid")
            }
            Outcome::NotDrawn => alloc::format!("it would have been checked with a chance of {rate}; paid"),
            Outcome::Grey => {
                "run again, with a result too near to reject and too far to confirm; paid".to_owned()
            }
            Outcome::Unchecked if *checks > 0 => alloc::format!(
                "to be checked more often than it was: {checks} done, {agreeing} of which agree, and nobody could do the rest; the \
                 stake covered it; paid"
            ),
            Outcome::Unchecked => "to be checked, but nobody could; the stake covered it; paid".to_owned(),
            Outcome::Slashed => {
                alloc::format!("{} of {checks} peers drawn at random disagree; refunded, stake lost", checks.saturating_sub(*agreeing))
            }
            Outcome::Silent => {
                "accused, and the provider never opened its claim; refunded, stake lost".to_owned()
            }
            Outcome::Mismatch => "a newcomer's result, with which the check disagrees; refunded".to_owned(),
            Outcome::NoClaim => "no result came in time".to_owned(),
            Outcome::Aborted => "the provider gave up before it had a result".to_owned(),
            Outcome::Cancelled => "the client cancelled it before there was a claim".to_owned(),
            Outcome::FalseStream => {
                "the provider had streamed something else than it claimed; refunded, stake lost".to_owned()
            }
            Outcome::FalseOpening => {
                "what the provider opened is not what it had claimed; refunded, stake lost".to_owned()
            }
            Outcome::GreyRefunded => "one unclear result too many of this provider".to_owned(),
            Outcome::Disputed => "a jury was against the result without convicting".to_owned(),
            Outcome::Withdrawn => {
                "the provider was convicted over another job before it claimed this one".to_owned()
            }
            Outcome::Trap => {
                "a trap: before anybody was drawn to check it, both its parties had called the claim false on purpose; the client \
                 has its money back, but for what that cost"
                    .to_owned()
            }
            Outcome::Void => "nothing could be found out; the client has its money back".to_owned(),
            Outcome::Unreached => {
                "too many who were to check it were given no input; the client has its money back".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;
    use crate::{
        id::{JobId, NetworkId, PeerId},
        units::{Amount, Rate},
    };

    #[test]
    fn each_outcome_has_words_of_its_own() {
        let reported = |outcome: Outcome, agreeing: u64, checks: u64| Report {
            network: NetworkId::default(),
            network_name: String::new(),
            notary: PeerId::default(),
            job: JobId::default(),
            client: PeerId::default(),
            provider: PeerId::default(),
            outcome,
            label: outcome.label(),
            rate: Rate::per_mille(20),
            claim: None,
            cost: Amount::ZERO,
            agreeing,
            checks,
            unrevealed: false,
        };
        let told =
            |outcome: Outcome, agreeing: u64, checks: u64| reported(outcome, agreeing, checks).meaning();
        let words = |outcome: Outcome| told(outcome, 1, 3);
        let all: BTreeSet<String> = Outcome::ALL.into_iter().map(words).collect();
        assert_eq!(all.len(), Outcome::ALL.len());
        assert_eq!(words(Outcome::Slashed), "2 of 3 peers drawn at random disagree; refunded, stake lost");
        assert!(told(Outcome::Unchecked, 0, 0).contains("nobody could;"));
        let some = told(Outcome::Unchecked, 2, 2);
        assert!(some.contains("2 done, 2 of which agree") && !some.contains("nobody could;"), "{some}");
        assert!(words(Outcome::NotDrawn).contains("a chance of 2.00 %"));
        let unrevealed = Report { unrevealed: true, ..reported(Outcome::Checked, 1, 1) }.meaning();
        assert!(unrevealed.starts_with(&told(Outcome::Checked, 1, 1)) && unrevealed.contains("not revealed"));
    }
}
