//! Quantities and names as people and programs read them.

use std::path::Path;

use assay_protocol::units::{Amount, Duration, Rate, Timestamp};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::escape;
use crate::system;

/// Digits of a name that people are shown; a unique prefix is understood everywhere.
const SHORT_DIGITS: usize = 12;
/// What stands for a moment that is farther away than a calendar goes.
const NEVER: &str = "never";

/// Money for programs.
pub(crate) fn money(amount: Amount, unit: &str) -> Value {
    json!({ "amount": amount.to_string(), "unit": unit })
}

/// A share for programs: the exact parts per 2³², and the figure.
pub(crate) fn rate(rate: Rate) -> Value {
    json!({ "parts_per_2_32": rate.0, "per_cent": rate.to_string() })
}

/// A moment for programs, as RFC 3339 has it, in UTC.
pub(crate) fn moment(time: Timestamp) -> String {
    dated(time).map_or_else(|| NEVER.to_owned(), |moment| format!("{moment:.3}"))
}

/// A moment for people: to the second, by the clock of the place where this machine stands.
pub(crate) fn local(time: Timestamp) -> String {
    local_in(time, TimeZone::system())
}

fn local_in(time: Timestamp, zone: TimeZone) -> String {
    let told = |moment: jiff::Timestamp| moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string();
    dated(time).map_or_else(|| NEVER.to_owned(), told)
}

fn dated(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(time.0).ok()?).ok()
}

/// A name in full.
pub(crate) fn full(name: impl std::fmt::Display) -> String {
    name.to_string()
}

/// A place for programs. Its name need be no text, and JSON is: what is none is replaced, as it is for people.
pub(crate) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A place as it is typed at a shell: in quotes, where a shell would take anything in it for more than a letter, and so that no program
/// takes it for an option.
pub(crate) fn shell_path(path: &Path) -> String {
    let text = path_text(path);
    let here = if text.starts_with('-') { "./" } else { "" };
    system::shell_word(&format!("{here}{text}"))
}

/// A field of a file of comma-separated values. What a spreadsheet would compute is a text there, too.
pub(crate) fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", escape::field(text, usize::MAX).replace('"', "\"\""))
}

/// The beginning of a name.
pub(crate) fn short(name: impl std::fmt::Display) -> String {
    name.to_string().chars().take(SHORT_DIGITS).collect()
}

/// So many of a thing whose name has an s where there are more.
pub(crate) fn number_of(count: impl std::fmt::Display, thing: &str) -> String {
    let count = count.to_string();
    let end = if count == "1" { "" } else { "s" };
    format!("{count} {thing}{end}")
}

/// What so many do where more of them would do the other.
pub(crate) fn verb<'a, N: PartialEq + From<u8>>(count: N, one: &'a str, more: &'a str) -> &'a str {
    if count == N::from(1) { one } else { more }
}

/// A length of time for people.
pub(crate) fn ago(length: Duration) -> String {
    let seconds = length.0 / 1_000;
    match seconds {
        0 if length.0 == 0 => "less than 1 ms".to_owned(),
        0 => format!("{} ms", length.0),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_place_whose_name_is_no_text_becomes_one() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

        let place = Path::new(OsStr::from_bytes(b"/home/\xff"));
        assert_eq!(json!({ "home": path_text(place) }), json!({ "home": "/home/\u{fffd}" }));
    }

    #[test]
    fn a_place_that_is_typed_is_no_option() {
        assert_eq!(shell_path(Path::new("-x.toml")), "./-x.toml");
        assert_eq!(shell_path(Path::new("a-x.toml")), "a-x.toml");
    }

    #[test]
    fn quantities_read_as_the_manual_says() {
        assert_eq!(money(Amount(12_300_000), "credit"), json!({"amount": "0.0123", "unit": "credit"}));
        assert_eq!(moment(Timestamp(1_000)), "1970-01-01T00:00:01.000Z");
        assert_eq!(moment(Timestamp::NEVER), "never");
        let at = |hours| local_in(Timestamp(86_399_999), TimeZone::fixed(jiff::tz::offset(hours)));
        assert_eq!([-1, 0, 2].map(at), ["1970-01-01 22:59:59", "1970-01-01 23:59:59", "1970-01-02 01:59:59"]);
        assert_eq!(local(Timestamp::NEVER), "never");
        assert_eq!(short(assay_protocol::id::Digest([0xab; 32])), "abababababab");
        let counts = [0, 1, 2].map(|count| number_of(count, "job") + " " + verb(count, "is", "are"));
        assert_eq!(counts, ["0 jobs are", "1 job is", "2 jobs are"]);
        let lengths = [0, 1, 999, 1_000, 119_000, 120_000, 7_200_000].map(Duration).map(ago);
        assert_eq!(lengths, ["less than 1 ms", "1 ms", "999 ms", "1 s", "119 s", "2 min", "2 h"]);
    }
}
