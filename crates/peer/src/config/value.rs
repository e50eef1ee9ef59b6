//! Values as people write them: money in credits, time with its unit, rates in per cent.
//!
//! **Invariant:** what is written reads back as exactly the same value.

use assay_market::owner::DaySpan;
use assay_protocol::{
    id::{Digest, PeerId},
    manifest::{Meter, Policy, TensorFormat, TokenWeights, WorkPerMeter},
    units::{Amount, Duration, Rate},
};

/// Something that stands behind a key.
pub(super) trait Value: Sized {
    /// What is expected there, in words.
    const EXPECTED: &'static str;
    /// What the file says, if it is of this kind.
    fn read(value: &toml::Value) -> Option<Self>;
    /// As it stands in a file.
    fn write(&self) -> String;
}

/// Values that are written as a quoted text.
macro_rules! texts {
    ($($kind:ty, $expected:literal, $parse:expr, $print:expr;)+) => {
        $(impl Value for $kind {
            const EXPECTED: &'static str = $expected;

            fn read(value: &toml::Value) -> Option<Self> {
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(value.as_str()?)
            }

            fn write(&self) -> String {
                let print: fn(&Self) -> String = $print;
                quoted(&print(self))
            }
        })+
    };
}

texts! {
    String, "a text", |text| Some(text.to_owned()), Clone::clone;
    Digest, "64 hexadecimal digits", |text| text.parse().ok(), ToString::to_string;
    PeerId, "a peer, as 64 hexadecimal digits", |text| text.parse().ok(), ToString::to_string;
    Amount, "credits such as \"12\" or \"0.0035\"", |text| text.parse().ok(), ToString::to_string;
    Duration, "a time such as \"500ms\", \"10s\", \"10m\" or \"12h\"", read_duration, write_duration;
    Rate, "a rate such as \"2%\" or \"1.5\"", read_rate, write_rate;
    Policy, "\"exact\", \"replay\" or \"tensor f32\"", read_policy, write_policy;
    TensorFormat, "\"f32\"", |text| (text == "f32").then_some(TensorFormat::F32), |_| "f32".to_owned();
    Meter, "\"calls\", \"mega_fuel\", or \"tokens\" with their weights such as \"tokens 1 4\"", read_meter, write_meter;
}

/// Values that may be none, which is written as that word.
macro_rules! optional {
    ($($kind:ty, $expected:literal;)+) => {
        $(impl Value for Option<$kind> {
            const EXPECTED: &'static str = $expected;

            fn read(value: &toml::Value) -> Option<Self> {
                if value.as_str() == Some("none") { Some(None) } else { <$kind>::read(value).map(Some) }
            }

            fn write(&self) -> String {
                self.as_ref().map_or_else(|| quoted("none"), Value::write)
            }
        })+
    };
}

optional! {
    Amount, "credits such as \"12\" or \"0.0035\", or \"none\"";
    Duration, "a time such as \"500ms\", \"10s\", \"10m\" or \"12h\", or \"none\"";
    u16, "a whole number up to 65535, or \"none\"";
    u64, "a whole number, or \"none\"";
    String, "a text, or \"none\"";
}

impl Value for u64 {
    const EXPECTED: &'static str = "a whole number";

    fn read(value: &toml::Value) -> Option<Self> {
        Self::try_from(value.as_integer()?).ok()
    }

    /// Numbers that TOML cannot hold do not occur: they are bounded when they are read.
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Value for u16 {
    const EXPECTED: &'static str = "a whole number up to 65535";

    fn read(value: &toml::Value) -> Option<Self> {
        Self::try_from(value.as_integer()?).ok()
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Value for Vec<String> {
    const EXPECTED: &'static str = "a list of texts";

    fn read(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(String::read).collect()
    }

    fn write(&self) -> String {
        list(self)
    }
}

impl Value for Vec<DaySpan> {
    const EXPECTED: &'static str =
        "a list of times such as \"22:00-07:00\", \"Mon-Fri 18:00-08:00\" or \"Sat,Sun\"";

    fn read(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(|span| span.as_str()?.parse().ok()).collect()
    }

    fn write(&self) -> String {
        list(&self.iter().map(DaySpan::to_string).collect::<Vec<_>>())
    }
}

impl Value for Vec<Digest> {
    const EXPECTED: &'static str = "a list of digests, each of 64 hexadecimal digits";

    fn read(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(Digest::read).collect()
    }

    fn write(&self) -> String {
        list(self)
    }
}

impl Value for WorkPerMeter {
    const EXPECTED: &'static str =
        "whole numbers such as { call = 1, token_read = 0, token_written = 0, mega_fuel = 0 }";

    fn read(value: &toml::Value) -> Option<Self> {
        let table = value.as_table()?;
        let mut work = Self::default();
        for (key, count) in table {
            let place = match key.as_str() {
                "call" => &mut work.call,
                "token_read" => &mut work.token_read,
                "token_written" => &mut work.token_written,
                "mega_fuel" => &mut work.mega_fuel,
                _ => return None,
            };
            *place = u64::read(count)?;
        }
        Some(work)
    }

    fn write(&self) -> String {
        let Self { call, token_read, token_written, mega_fuel } = self;
        format!(
            "{{ call = {call}, token_read = {token_read}, token_written = {token_written}, mega_fuel = {mega_fuel} }}"
        )
    }
}

fn list<V: Value>(values: &[V]) -> String {
    let values: Vec<String> = values.iter().map(V::write).collect();
    format!("[{}]", values.join(", "))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Units of time, the longest first, in milliseconds.
const TIMES: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

fn read_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|symbol: char| !symbol.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let (_, each) = TIMES.iter().find(|(name, _)| *name == unit.trim_start())?;
    count.parse::<u64>().ok()?.checked_mul(*each).map(Duration)
}

fn write_duration(time: &Duration) -> String {
    let whole = TIMES.iter().find(|(_, each)| time.0 > 0 && time.0.is_multiple_of(*each));
    let (unit, each) = whole.unwrap_or(&("s", 1_000));
    format!("{}{unit}", time.0 / each)
}

/// Digits behind the point that tell any two rates apart.
const RATE_DIGITS_MAX: usize = 10;

/// A decimal fraction, or one in per cent, rounded down to a whole number of parts.
fn read_rate(text: &str) -> Option<Rate> {
    let (number, shift) = text.strip_suffix('%').map_or((text, 0), |number| (number.trim_end(), 2));
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > RATE_DIGITS_MAX {
        return None;
    }
    let count: u128 = format!("{whole}{part}").parse().ok()?;
    let scale = 10_u128.pow(u32::try_from(part.len() + shift).ok()?);
    u64::try_from(count.checked_mul(1 << 32)? / scale).ok().map(Rate)
}

/// The shortest decimal fraction that reads back as the same rate; in per cent below the whole.
fn write_rate(rate: &Rate) -> String {
    let (shift, sign) = if *rate < Rate::ONE { (2, "%") } else { (0, "") };
    let candidate = |digits: usize| {
        let scale = 10_u128.pow(u32::try_from(digits + shift).unwrap_or(0));
        let count = (u128::from(rate.0) * scale).div_ceil(1 << 32);
        let below = 10_u128.pow(u32::try_from(digits).unwrap_or(0));
        let (whole, part) = (count / below, count % below);
        if digits == 0 { format!("{whole}{sign}") } else { format!("{whole}.{part:0digits$}{sign}") }
    };
    let mut candidates = (0..=RATE_DIGITS_MAX).map(candidate);
    candidates.find(|text| read_rate(text) == Some(*rate)).unwrap_or_else(|| candidate(RATE_DIGITS_MAX))
}

fn read_policy(text: &str) -> Option<Policy> {
    match text {
        "exact" => Some(Policy::Exact),
        "replay" => Some(Policy::Replay),
        "tensor f32" => Some(Policy::Tensor(TensorFormat::F32)),
        _ => None,
    }
}

fn write_policy(policy: &Policy) -> String {
    match policy {
        Policy::Exact => "exact",
        Policy::Replay => "replay",
        Policy::Tensor(TensorFormat::F32) => "tensor f32",
    }
    .to_owned()
}

fn read_meter(text: &str) -> Option<Meter> {
    match text {
        "calls" => Some(Meter::Calls),
        "mega_fuel" => Some(Meter::MegaFuel),
        _ => {
            let (read, written) = text.strip_prefix("tokens ")?.split_once(' ')?;
            let (read, written) = (read.parse().ok()?, written.parse().ok()?);
            let meter = Meter::Tokens(TokenWeights { read, written });
            (write_meter(&meter) == text).then_some(meter)
        }
    }
}

fn write_meter(meter: &Meter) -> String {
    match meter {
        Meter::Calls => "calls",
        Meter::Tokens(TokenWeights { read, written }) => return format!("tokens {read} {written}"),
        Meter::MegaFuel => "mega_fuel",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_written_as_people_write_them() {
        let rates = [(Rate::of(2, 100), "2%"), (Rate::of(15, 10), "1.5"), (Rate::of(5, 100_000), "0.005%")];
        for (rate, text) in rates {
            assert_eq!((write_rate(&rate).as_str(), read_rate(text)), (text, Some(rate)));
        }
        let weights = TokenWeights { read: 1, written: 4 };
        for (meter, text) in [(Meter::Calls, "calls"), (Meter::Tokens(weights), "tokens 1 4")] {
            assert_eq!((write_meter(&meter).as_str(), read_meter(text)), (text, Some(meter)));
        }
        let times = [(0, "0s"), (500, "500ms"), (90_000, "90s"), (600_000, "10m"), (43_200_000, "12h")];
        for (ms, text) in times {
            assert_eq!(
                (write_duration(&Duration(ms)).as_str(), read_duration(text)),
                (text, Some(Duration(ms)))
            );
        }
    }

    #[test]
    fn texts_that_only_resemble_a_value_are_refused() {
        for text in
            ["", "%", "2 percent", "-1%", ".5", "1.", "1e3", "99999999999999999999999999999999999999999"]
        {
            assert_eq!(read_rate(text), None, "{text}");
        }
        for text in ["tokens", "tokens 1", "tokens 1 4 ", "tokens 01 4", "tokens -1 4", "tokens 1 4294967296"]
        {
            assert_eq!(read_meter(text), None, "{text}");
        }
        for text in ["", "10", "s", "10 days", "1.5s", "-1s", "99999999999999999999h"] {
            assert_eq!(read_duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_rate_and_time_reads_back(rate in 0..u64::MAX >> 20, ms in any::<u64>()) {
            prop_assert_eq!(read_rate(&write_rate(&Rate(rate))), Some(Rate(rate)));
            prop_assert_eq!(read_duration(&write_duration(&Duration(ms))), Some(Duration(ms)));
        }
    }
}
