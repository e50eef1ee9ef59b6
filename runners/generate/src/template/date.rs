//! The date of an order, in the forms that templates ask for.

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A day, and the time of day: midnight if none was stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Date {
    /// Reads `2026-11-27`, `2026-11-27 08:30` or `2026-11-27 08:30:45`, also with a `T` between.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let [year, month, day] = numbers(date, '-', &[4, 2, 2])?[..] else { return None };
        let time = match time {
            Some(time) => numbers(time, ':', &[2, 2, 2]).or_else(|| numbers(time, ':', &[2, 2]))?,
            None => Vec::new(),
        };
        let part = |number: usize| time.get(number).copied().unwrap_or(0);
        let date = Self { year, month, day, hour: part(0), minute: part(1), second: part(2) };
        let right = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        (right && date.hour < 24 && date.minute < 60 && date.second < 60).then_some(date)
    }

    /// Writes it as Python's `strftime` does in the C locale.
    pub(super) fn format(&self, form: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = form.chars();
        while let Some(character) = rest.next() {
            if character != '%' {
                out.push(character);
                continue;
            }
            match rest.next()? {
                // Without what it is filled up with.
                '-' => {
                    let part = self.part(rest.next()?)?;
                    let bare = part.trim_start_matches(['0', ' ']);
                    out += if bare.is_empty() { "0" } else { bare };
                }
                letter => out += &self.part(letter)?,
            }
        }
        Some(out)
    }

    fn part(&self, letter: char) -> Option<String> {
        let Self { year, month, day, hour, minute, second } = *self;
        let month_name = MONTHS.get(month as usize - 1)?;
        let day_name = DAYS.get(self.weekday())?;
        let hour_of_half = if hour % 12 == 0 { 12 } else { hour % 12 };
        Some(match letter {
            'Y' => format!("{year:04}"),
            'y' => format!("{:02}", year % 100),
            'm' => format!("{month:02}"),
            'B' => (*month_name).to_owned(),
            'b' | 'h' => month_name.chars().take(3).collect(),
            'd' => format!("{day:02}"),
            'e' => format!("{day:2}"),
            'j' => format!("{:03}", (1..month).map(|month| days_of(year, month)).sum::<u32>() + day),
            'A' => (*day_name).to_owned(),
            'a' => day_name.chars().take(3).collect(),
            'H' => format!("{hour:02}"),
            'I' => format!("{hour_of_half:02}"),
            'M' => format!("{minute:02}"),
            'S' => format!("{second:02}"),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'F' => format!("{year:04}-{month:02}-{day:02}"),
            'T' => format!("{hour:02}:{minute:02}:{second:02}"),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }

    /// Days since a Monday, of which the first of March of the year 0 was the third.
    fn weekday(&self) -> usize {
        let (year, month) = if self.month < 3 {
            (self.year + 399, self.month + 9)
        } else {
            (self.year + 400, self.month - 3)
        };
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + self.day - 1;
        ((days + 2) % 7) as usize
    }
}

/// Numbers of so many digits each, with a mark between them.
fn numbers(text: &str, mark: char, digits: &[usize]) -> Option<Vec<u32>> {
    let parts: Vec<&str> = text.split(mark).collect();
    let right = parts.len() == digits.len()
        && parts
            .iter()
            .zip(digits)
            .all(|(part, digits)| part.len() == *digits && part.bytes().all(|byte| byte.is_ascii_digit()));
    if right { parts.iter().map(|part| part.parse().ok()).collect() } else { None }
}

fn days_of(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
