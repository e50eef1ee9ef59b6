//! A time of day on some days of the week, as people write it: `22:00-07:00`, `Mon-Fri 18:00-08:00`, `Sat,Sun`.
//!
//! **Invariant:** what is written reads back as the same span. One that ends no later than it begins ends on the day after.

use core::{fmt, str::FromStr};

/// Minutes of a week.
pub const WEEK_MINUTES: u16 = 7 * DAY_MINUTES;

const DAY_MINUTES: u16 = 24 * 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const EVERY_DAY: u8 = 0x7f;

/// A time of day on some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DaySpan {
    /// The days on which it begins, Monday in the lowest bit.
    days: u8,
    /// The minute of the day that it begins in.
    from: u16,
    /// How many minutes it has, up to a whole day.
    length: u16,
}

/// Not a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time such as \"22:00-07:00\", \"Mon-Fri 18:00-08:00\" or \"Sat,Sun\"")]
pub struct BadSpan;

impl DaySpan {
    /// Whether it is that time at a minute of the week, counted from Monday's first.
    #[must_use]
    pub fn contains(&self, minute: u16) -> bool {
        let minute = minute % WEEK_MINUTES;
        let begins = (0..7_u16).filter(|day| self.days & (1 << day) != 0);
        begins.map(|day| day * DAY_MINUTES + self.from).any(|begin| {
            let since = (minute + WEEK_MINUTES - begin) % WEEK_MINUTES;
            since < self.length
        })
    }
}

impl FromStr for DaySpan {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let text = text.trim();
        let (days, times) = match text.rsplit_once(' ') {
            Some((days, times)) => (days.trim(), times),
            None if text.contains(':') => ("", text),
            None if text.is_empty() => return Err(BadSpan),
            None => (text, "00:00-24:00"),
        };
        let days = if days.is_empty() { EVERY_DAY } else { read_days(days)? };
        let (from, until) = times.split_once('-').ok_or(BadSpan)?;
        let (from, until) = (read_minute(from)?, read_minute(until)?);
        if from == DAY_MINUTES {
            return Err(BadSpan);
        }
        let length = if until > from { until - from } else { until + DAY_MINUTES - from };
        Ok(Self { days, from, length })
    }
}

impl fmt::Display for DaySpan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != EVERY_DAY {
            let mut chosen = (0..7_usize).filter(|day| self.days & (1 << day) != 0);
            write!(out, "{}", chosen.next().map_or("", |day| DAYS[day]))?;
            chosen.try_for_each(|day| write!(out, ",{}", DAYS[day]))?;
            if (self.from, self.length) == (0, DAY_MINUTES) {
                return Ok(());
            }
            write!(out, " ")?;
        }
        let end = self.from + self.length;
        let until = if end > DAY_MINUTES { end - DAY_MINUTES } else { end };
        let clock = |minute: u16| (minute / 60, minute % 60);
        let ((from_hour, from_minute), (until_hour, until_minute)) = (clock(self.from), clock(until));
        write!(out, "{from_hour:02}:{from_minute:02}-{until_hour:02}:{until_minute:02}")
    }
}

/// Days and ranges of days, with commas between them.
fn read_days(text: &str) -> Result<u8, BadSpan> {
    let mut days = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (read_day(first)?, read_day(last)?);
        days |= 1 << day;
        while day != last {
            day = (day + 1) % 7;
            days |= 1 << day;
        }
    }
    Ok(days)
}

fn read_day(text: &str) -> Result<u8, BadSpan> {
    let place = DAYS.iter().position(|day| day.eq_ignore_ascii_case(text.trim()));
    place.and_then(|place| u8::try_from(place).ok()).ok_or(BadSpan)
}

/// Hours and minutes, up to 24:00.
fn read_minute(text: &str) -> Result<u16, BadSpan> {
    let (hours, minutes) = text.trim().split_once(':').ok_or(BadSpan)?;
    let digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) || minutes.len() != 2 {
        return Err(BadSpan);
    }
    let (hours, minutes): (u16, u16) =
        (hours.parse().map_err(|_| BadSpan)?, minutes.parse().map_err(|_| BadSpan)?);
    let minute = hours * 60 + minutes;
    if minutes < 60 && minute <= DAY_MINUTES { Ok(minute) } else { Err(BadSpan) }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    fn span(text: &str) -> DaySpan {
        text.parse().unwrap()
    }

    fn minute(day: u16, hour: u16, minute: u16) -> u16 {
        day * DAY_MINUTES + hour * 60 + minute
    }

    #[test]
    fn a_span_begins_on_its_days_and_may_end_on_the_day_after() {
        let night = span("22:00-07:00");
        let within = [(6, 22, 0), (0, 6, 59), (3, 0, 0)].map(|(day, h, m)| night.contains(minute(day, h, m)));
        let without = [(0, 7, 0), (0, 21, 59)].map(|(day, h, m)| night.contains(minute(day, h, m)));
        assert_eq!((within, without), ([true; 3], [false; 2]));
        let workdays = span("Mon-Fri 18:00-08:00");
        assert!(workdays.contains(minute(5, 7, 59)), "Friday's night ends on Saturday");
        assert!(!workdays.contains(minute(0, 7, 59)), "nothing began on Sunday");
        let weekend = span("sat,sun");
        let days: alloc::vec::Vec<u16> = (0..7).filter(|day| weekend.contains(minute(*day, 12, 0))).collect();
        assert_eq!(days, [5, 6]);
        assert!(span("Sun-Mon").contains(minute(0, 0, 0)), "a week goes on");
        assert_eq!((span("00:00-24:00").contains(0), span("12:00-12:00").contains(5)), (true, true));
    }

    #[test]
    fn what_only_resembles_a_time_is_refused() {
        for text in [
            "",
            "-",
            "22-07",
            "22:00",
            "25:00-26:00",
            "24:00-01:00",
            "22:60-23:00",
            "Mo 22:00-07:00",
            "Mon-Fri-Sun",
            "22:00-07:00 Mon",
            "Mon 22:00 - 07:00",
            "+1:00-02:00",
            "1:0-2:00",
            "Mon,",
        ] {
            assert_eq!(text.parse::<DaySpan>(), Err(BadSpan), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_span_reads_back(days in 1..=EVERY_DAY, from in 0..DAY_MINUTES, length in 1..=DAY_MINUTES) {
            let span = DaySpan { days, from, length };
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
