//! What the owner of an account had its notary do: by which instruction, from when it counts, and when it can be taken back.

use assay_peer::{clock, handle::AccountOrder};
use assay_protocol::units::{Amount, Duration, Timestamp};
use serde_json::{Value, json};

use crate::printer::{ago, local, moment, money, number_of};

/// Something that a notary has done as it was told.
#[derive(Debug)]
pub(super) struct AccountDeed {
    order: AccountOrder,
    /// The number under which it was signed, where that is known.
    number: Option<u64>,
    /// When that was known here.
    done: Timestamp,
    /// How long money that is withdrawn still stands for what was done.
    unbonding: Duration,
}

impl AccountDeed {
    /// One that was done just now.
    pub(super) fn done(order: AccountOrder, number: Option<u64>, unbonding: Duration) -> Self {
        Self { order, number, done: clock::wall(), unbonding }
    }

    /// When what was withdrawn is free at the earliest.
    fn free_from(&self) -> Option<Timestamp> {
        matches!(self.order, AccountOrder::Unstake { .. }).then(|| self.done.after(self.unbonding))
    }

    /// It in a line.
    pub(super) fn words(&self, unit: &str) -> String {
        let number = self
            .number
            .map_or_else(|| "the instruction".to_owned(), |number| format!("instruction {number}"));
        let what = match &self.order {
            AccountOrder::Stake { amount, target } => {
                let target =
                    target.map(|target| format!(", and a part of each pay until {target} are there"));
                format!(
                    "{amount} {unit}s are at stake from now on{}; `assay account unstake {amount}` withdraws them, and \
                     they are free {} after that",
                    target.unwrap_or_default(),
                    ago(self.unbonding)
                )
            }
            AccountOrder::Unstake { amount } => format!(
                "{amount} {unit}s are at stake no more from now on, and free from {} on at the earliest",
                local(self.done.after(self.unbonding))
            ),
            AccountOrder::Check { models } if models.is_empty() => {
                "nothing is checked here any more".to_owned()
            }
            AccountOrder::Check { models } => {
                format!("registered as a verifier of {}", number_of(models.len(), "model"))
            }
        };
        format!("{number} is carried out: {what}")
    }

    pub(super) fn document(&self, unit: &str) -> Value {
        let (act, moved): (&str, Option<Amount>) = match &self.order {
            AccountOrder::Stake { amount, .. } => ("stake", Some(*amount)),
            AccountOrder::Unstake { amount } => ("unstake", Some(*amount)),
            AccountOrder::Check { .. } => ("register", None),
        };
        json!({
            "instruction": self.number, "act": act, "moved": moved.map(|moved| money(moved, unit)),
            "counts_from": moment(self.done), "free_from": self.free_from().map(moment),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(order: AccountOrder, number: Option<u64>) -> AccountDeed {
        AccountDeed { order, number, done: Timestamp(1_000), unbonding: Duration::seconds(24 * 3_600) }
    }

    #[test]
    fn what_was_put_at_stake_or_withdrawn_is_told_with_its_number_and_its_times() {
        let two = Amount::credits(2);
        let staked = deed(AccountOrder::Stake { amount: two, target: None }, Some(3));
        assert_eq!(
            staked.words("credit"),
            "instruction 3 is carried out: 2.00 credits are at stake from now on; `assay account unstake 2.00` withdraws \
             them, and they are free 24 h after that"
        );
        let told = staked.document("credit");
        assert_eq!((&told["instruction"], &told["act"]), (&json!(3), &json!("stake")));
        assert_eq!((&told["moved"], &told["free_from"]), (&money(two, "credit"), &Value::Null));
        let withdrawn = deed(AccountOrder::Unstake { amount: two }, None);
        let free = Timestamp(86_401_000);
        assert_eq!(
            withdrawn.words("credit"),
            format!(
                "the instruction is carried out: 2.00 credits are at stake no more from now on, and free from {} on at the \
                 earliest",
                local(free)
            )
        );
        let told = withdrawn.document("credit");
        assert_eq!(
            (&told["free_from"], &told["counts_from"]),
            (&json!(moment(free)), &json!(moment(Timestamp(1_000))))
        );
        let target = AccountOrder::Stake { amount: two, target: Some(Amount::credits(5)) };
        assert!(
            deed(target, None).words("credit").contains(", and a part of each pay until 5.00 are there; ")
        );
        let models = vec!["digits".to_owned()];
        let registered = deed(AccountOrder::Check { models }, Some(4)).words("credit");
        assert_eq!(registered, "instruction 4 is carried out: registered as a verifier of 1 model");
    }
}
