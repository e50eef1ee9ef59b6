//! An amount of credits as somebody types it.
//!
//! **Invariant:** what is below nought is refused as the amount that it is, and not as a flag that nobody knows.

use assay_protocol::units::Amount;

/// An amount of credits. Whatever takes one lets numbers begin with a minus, so that they get here.
pub(crate) fn credits(text: &str) -> Result<Amount, String> {
    if text.starts_with('-') {
        return Err("expected an amount of credits, 0 or more".to_owned());
    }
    text.parse::<Amount>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_nought_or_more() {
        assert_eq!(credits("0"), Ok(Amount::ZERO));
        assert_eq!(credits("0.5"), Ok(Amount(500_000_000)));
        for text in ["-1", "-0.5", "-much"] {
            assert_eq!(credits(text), Err("expected an amount of credits, 0 or more".to_owned()), "{text}");
        }
        assert!(credits("much").is_err_and(|why| why.starts_with("expected credits such as 12")));
    }
}
