//! Quantities: money, time, work and rates. Whole numbers, each of its own type.
//!
//! **Invariant:** money is added and taken only with a check; there is no operator that wraps or saturates it silently.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Nano-credits in one credit.
pub const NANO_PER_CREDIT: u64 = 1_000_000_000;

/// Money in nano-credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(pub u64);

impl Amount {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// A whole number of credits, for constants and tests.
    #[must_use]
    pub const fn credits(whole: u64) -> Self {
        Self(whole * NANO_PER_CREDIT)
    }

    /// The sum, unless it does not fit.
    #[must_use]
    pub const fn plus(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// What is left after taking `other`, unless there is not enough.
    #[must_use]
    pub const fn minus(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// What is left after taking as much of `other` as there is.
    #[must_use]
    pub const fn minus_up_to(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The product with a count, unless it does not fit.
    #[must_use]
    pub const fn times(self, count: u64) -> Option<Self> {
        match self.0.checked_mul(count) {
            Some(product) => Some(Self(product)),
            None => None,
        }
    }

    /// The share `rate` of this amount, rounded down.
    #[must_use]
    pub fn share(self, rate: Rate) -> Self {
        let share = (u128::from(self.0) * u128::from(rate.0)) >> 32;
        Self(u64::try_from(share).unwrap_or(u64::MAX))
    }

    /// True for no money.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Amount {
    /// Credits, with at least two and at most nine digits behind the point.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut nano, mut width) = (self.0 / NANO_PER_CREDIT, self.0 % NANO_PER_CREDIT, 9);
        while width > 2 && nano.is_multiple_of(10) {
            nano /= 10;
            width -= 1;
        }
        write!(out, "{whole}.{nano:0width$}")
    }
}

/// Why a text is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected credits such as 12 or 0.0035, with at most nine digits behind the point")]
pub struct NotAnAmount;

impl FromStr for Amount {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 9 {
            return Err(NotAnAmount);
        }
        let whole: u64 = whole.parse().map_err(|_| NotAnAmount)?;
        let scale = (part.len()..9).fold(1, |scale, _| scale * 10);
        let nano = part.parse::<u64>().map_err(|_| NotAnAmount)? * scale;
        whole
            .checked_mul(NANO_PER_CREDIT)
            .and_then(|whole| whole.checked_add(nano))
            .map(Self)
            .ok_or(NotAnAmount)
    }
}

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(pub u64);

impl Duration {
    /// A whole number of seconds.
    #[must_use]
    pub const fn seconds(whole: u64) -> Self {
        Self(whole * 1_000)
    }

    /// The sum, held at the greatest representable length.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The product with a count, held at the greatest representable length.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

/// A moment: milliseconds since the Unix epoch, by the clock of whoever states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// A moment that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `length` later, held at [`Timestamp::NEVER`].
    #[must_use]
    pub const fn after(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length.0))
    }

    /// How long ago `earlier` was; nothing if it is still to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

/// What a job is billed by: calls, or tokens read and written.
pub type Units = u64;
/// What a job costs to compute, in the network's unit of work: what a check of it is paid by.
pub type Work = u64;

/// A fraction in parts per 2³²; [`Rate::ONE`] is the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub u64);

impl Rate {
    /// The whole.
    pub const ONE: Self = Self(1 << 32);
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `part / whole`, rounded down; the whole of nothing is [`Rate::ONE`].
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Self {
        let scaled = (u128::from(part) << 32).checked_div(u128::from(whole));
        Self(scaled.map_or(Self::ONE.0, |rate| u64::try_from(rate).unwrap_or(u64::MAX)))
    }

    /// A number of thousandths.
    #[must_use]
    pub fn per_mille(parts: u64) -> Self {
        Self::of(parts, 1_000)
    }

    /// The difference, or nothing.
    #[must_use]
    pub const fn minus_up_to(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The product, rounded down.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let product = (u128::from(self.0) * u128::from(other.0)) >> 32;
        Self(u64::try_from(product).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Rate {
    /// Per cent with two digits behind the point.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let basis_points = (u128::from(self.0) * 10_000 + (1 << 31)) >> 32;
        write!(out, "{}.{:02} %", basis_points / 100, basis_points % 100)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn money_prints_and_reads_back() {
        let cases = [(0, "0.00"), (1, "0.000000001"), (NANO_PER_CREDIT, "1.00"), (12_345_000_000, "12.345")];
        for (nano, text) in cases {
            assert_eq!(Amount(nano).to_string(), text);
            assert_eq!(text.parse(), Ok(Amount(nano)));
        }
        for text in ["", ".", "1.", "-1", "1e3", "1.0000000001", "99999999999999999999", "+1"] {
            assert_eq!(text.parse::<Amount>(), Err(NotAnAmount), "{text}");
        }
    }

    #[test]
    fn money_never_wraps() {
        assert_eq!(Amount(u64::MAX).plus(Amount(1)), None);
        assert_eq!(Amount(0).minus(Amount(1)), None);
        assert_eq!(Amount(u64::MAX).times(2), None);
        assert_eq!(Amount(u64::MAX).share(Rate::ONE), Amount(u64::MAX));
    }

    #[test]
    fn a_rate_is_rounded_down() {
        assert_eq!(Rate::of(1, 3).0, 1_431_655_765);
        assert_eq!(Rate::per_mille(20).to_string(), "2.00 %");
        assert_eq!(Amount(100).share(Rate::of(1, 3)), Amount(33));
    }
}
