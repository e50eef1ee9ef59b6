//! What is held for an order, until when, and what comes back then: in words, and for programs.
//!
//! **Invariant:** a moment that is told is the latest that the rules of the network allow, but for a dispute, which is said beside
//! it.

use assay_market::held_money::HeldMoney;
use serde_json::{Value, json};

use crate::printer::{local, moment, money};

/// It in words.
pub(crate) fn words(held: &HeldMoney, unit: &str) -> String {
    let (amount, until, back) = (held.amount, local(held.until), held.beyond_price());
    format!(
        "{amount} {unit}s until {until} at the latest, longer in a dispute; {back} of it come back then, but for fees"
    )
}

/// The keys that a document of an order has of it.
pub(crate) fn document(held: Option<&HeldMoney>, unit: &str) -> Value {
    json!({
        "held_now": held.map(|held| money(held.amount, unit)),
        "held_until": held.map(|held| moment(held.until)),
        "coming_back": held.map(|held| money(held.beyond_price(), unit)),
    })
}

#[cfg(test)]
mod tests {
    use assay_protocol::units::{Amount, Timestamp};

    use super::*;
    use crate::fixture::held_money;

    #[test]
    fn who_waits_for_money_is_told_how_much_until_when_and_what_of_it_comes_back() {
        let held = held_money(Amount(24_000_000), Amount(20_000_000));
        let told = words(&held, "credit");
        assert!(told.starts_with(&format!("0.024 credits until {} at the latest", local(Timestamp(1_000)))));
        assert!(told.ends_with("; 0.004 of it come back then, but for fees"), "{told}");
        let document = document(Some(&held), "credit");
        assert_eq!(document["held_until"], "1970-01-01T00:00:01.000Z");
        assert_eq!(
            (&document["held_now"]["amount"], &document["coming_back"]["amount"]),
            (&"0.024".into(), &"0.004".into())
        );
        let nothing = super::document(None, "credit");
        assert!(nothing.as_object().unwrap().values().all(Value::is_null), "{nothing}");
    }
}
