//! An amount of credits as somebody types it.
//!
//! **Invariant:** what is below nought is refused as the amount that it is, and not as a flag that nobody knows.

use assay_protocol::units::Amount;

/// The greatest amount that there can be.
const MOST: Amount = Amount(u64::MAX);

/// An amount of credits. Whatever takes one lets numbers begin with a minus, so that they get here.
pub(crate) fn credits(text: &str) -> Result<Amount, String> {
    if text.starts_with('-') {
        return Err("expected an amount of credits, 0 or more".to_owned());
    }
    text.parse::<Amount>().map_err(|error| match is_amount(text) {
        true => format!("expected credits, {MOST} at most"),
        false => error.to_string(),
    })
}

/// True for what is written as an amount, however much that is.
fn is_amount(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(part) && part.len() <= 9
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
        assert_eq!(credits(&MOST.to_string()), Ok(MOST));
        for text in ["1000000000000", "18446744073.709551616", &"9".repeat(40)] {
            let most = "expected credits, 18446744073.709551615 at most".to_owned();
            assert_eq!(credits(text), Err(most), "{text}");
        }
        assert!(credits("0.0000000001").is_err_and(|why| why.starts_with("expected credits such as 12")));
        assert!(credits("much").is_err_and(|why| why.starts_with("expected credits such as 12")));
    }
}
