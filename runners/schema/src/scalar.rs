//! Strings and numbers, byte by byte.
//!
//! **Invariant:** after each byte that is taken, some bytes more complete the value.

use crate::shape::{INTEGER_DIGITS_MAX, IntegerShape, TextShape};

/// Digits in front of a point, behind it and of an exponent: what they give is always a number of 64 bits.
const WHOLE_DIGITS_MAX: u32 = 18;
const FRACTION_DIGITS_MAX: u32 = 18;
const EXPONENT_DIGITS_MAX: u32 = 2;

/// Where a string stands, behind its first quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextState {
    /// Characters that are whole, counted no further than a bound needs.
    count: u32,
    within: Within,
}

/// Where a character stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    None,
    /// This many more bytes, the next of them within bounds.
    Utf8 {
        left: u8,
        low: u8,
        high: u8,
    },
    Escape,
    /// This many digits more; whether the first was one that surrogates begin with.
    Hex {
        left: u8,
        high: bool,
    },
}

/// What a byte did to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken<S> {
    /// It goes on.
    More(S),
    /// The byte was its last.
    Whole,
}

impl<S> Taken<S> {
    pub(crate) fn map<T>(self, change: impl FnOnce(S) -> T) -> Taken<T> {
        match self {
            Self::More(state) => Taken::More(change(state)),
            Self::Whole => Taken::Whole,
        }
    }
}

impl TextState {
    pub(crate) const BEGUN: Self = Self { count: 0, within: Within::None };

    pub(crate) fn step(self, shape: TextShape, byte: u8) -> Option<Taken<Self>> {
        let full = shape.max.is_some_and(|max| self.count >= max);
        let within = match (self.within, byte) {
            (Within::None, b'"') => return (self.count >= shape.min).then_some(Taken::Whole),
            (Within::None, _) if full => return None,
            (Within::None, b'\\') => Within::Escape,
            (Within::None, _) => begun(byte)?,
            (Within::Escape, b'u') => Within::Hex { left: 4, high: false },
            (Within::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Within::None,
            (Within::Escape, _) => return None,
            (Within::Hex { left, high }, _) => hex(left, high, byte)?,
            (Within::Utf8 { left, low, high }, _) if (low..=high).contains(&byte) => match left {
                1 => Within::None,
                _ => Within::Utf8 { left: left - 1, low: 0x80, high: 0xBF },
            },
            (Within::Utf8 { .. }, _) => return None,
        };
        let whole = u32::from(within == Within::None);
        // Without an upper bound nothing is counted beyond the lower one, so that a long string is one state.
        let most = shape.max.unwrap_or(shape.min);
        Some(Taken::More(Self { count: (self.count + whole).min(most), within }))
    }
}

/// What the first byte of a character that is no escape leads to.
fn begun(byte: u8) -> Option<Within> {
    let (left, low, high) = match byte {
        0x20..=0x7F => return Some(Within::None),
        0xC2..=0xDF => (1, 0x80, 0xBF),
        0xE0 => (2, 0xA0, 0xBF),
        0xED => (2, 0x80, 0x9F),
        0xE1..=0xEF => (2, 0x80, 0xBF),
        0xF0 => (3, 0x90, 0xBF),
        0xF1..=0xF3 => (3, 0x80, 0xBF),
        0xF4 => (3, 0x80, 0x8F),
        _ => return None,
    };
    Some(Within::Utf8 { left, low, high })
}

/// Surrogates are left out: what they stand for has bytes of its own.
fn hex(left: u8, high: bool, byte: u8) -> Option<Within> {
    let surrogate = left == 3 && high && !matches!(byte, b'0'..=b'7');
    if !byte.is_ascii_hexdigit() || surrogate {
        return None;
    }
    let high = left == 4 && matches!(byte, b'd' | b'D');
    Some(if left == 1 { Within::None } else { Within::Hex { left: left - 1, high } })
}

/// Where a whole number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntegerState {
    negative: bool,
    digits: u32,
    value: i64,
}

impl IntegerState {
    pub(crate) const BEGUN: Self = Self { negative: false, digits: 0, value: 0 };

    pub(crate) fn step(self, shape: IntegerShape, byte: u8) -> Option<Self> {
        let next = match byte {
            b'-' if self.digits == 0 && !self.negative => Self { negative: true, ..self },
            b'0'..=b'9' if self.digits < INTEGER_DIGITS_MAX && !self.is_nought() => {
                Self { digits: self.digits + 1, value: self.value * 10 + i64::from(byte - b'0'), ..self }
            }
            _ => return None,
        };
        next.leads_into(shape).then_some(next)
    }

    /// Whether it may end here.
    pub(crate) fn is_whole(self, shape: IntegerShape) -> bool {
        let value = if self.negative { -self.value } else { self.value };
        self.digits > 0 && (shape.min..=shape.max).contains(&value)
    }

    /// A nought takes no digits behind it.
    fn is_nought(self) -> bool {
        self.digits > 0 && self.value == 0
    }

    /// Whether it, or what more digits make of it, is within the bounds.
    fn leads_into(self, shape: IntegerShape) -> bool {
        let (min, max) = if self.negative { (-shape.max, -shape.min) } else { (shape.min, shape.max) };
        if self.digits == 0 {
            return max > 0;
        }
        if self.value == 0 {
            return !self.negative && min <= 0 && max >= 0;
        }
        // So many more digits make of it each number of a span.
        let mut span = 1_i64;
        for _ in self.digits..=INTEGER_DIGITS_MAX {
            let least = self.value * span;
            if least <= max && least + (span - 1) >= min {
                return true;
            }
            span = span.saturating_mul(10);
        }
        false
    }
}

/// Where a number stands: how many digits its last part has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberState {
    Begun,
    Minus,
    Nought,
    Whole(u32),
    Point,
    Fraction(u32),
    Exponent,
    Signed,
    Power(u32),
}

impl NumberState {
    pub(crate) fn step(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Begun, b'-') => Self::Minus,
            (Self::Begun | Self::Minus, b'0') => Self::Nought,
            (Self::Begun | Self::Minus, b'1'..=b'9') => Self::Whole(1),
            (Self::Whole(digits), b'0'..=b'9') if digits < WHOLE_DIGITS_MAX => Self::Whole(digits + 1),
            (Self::Nought | Self::Whole(_), b'.') => Self::Point,
            (Self::Point, b'0'..=b'9') => Self::Fraction(1),
            (Self::Fraction(digits), b'0'..=b'9') if digits < FRACTION_DIGITS_MAX => {
                Self::Fraction(digits + 1)
            }
            (Self::Nought | Self::Whole(_) | Self::Fraction(_), b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::Signed,
            (Self::Exponent | Self::Signed, b'0'..=b'9') => Self::Power(1),
            (Self::Power(digits), b'0'..=b'9') if digits < EXPONENT_DIGITS_MAX => Self::Power(digits + 1),
            _ => return None,
        })
    }

    /// Whether it may end here.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Self::Nought | Self::Whole(_) | Self::Fraction(_) | Self::Power(_))
    }
}
