//! One direction of a grid: a key, and the values that it takes one after another.
//!
//! **Invariant:** values are the digits that were written, never a sum that was rounded.

use super::SweepError;

/// The most values of one key.
const VALUES_MAX: usize = 1_000;
/// The most digits of a number in a range.
const DIGITS_MAX: usize = 15;

/// A key and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepAxis {
    /// The key, with the table it stands in.
    pub key: String,
    /// Its values, as a file of a scenario has them between quotes.
    pub values: Vec<String>,
}

/// A number as it is written: so many units of its last digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WrittenNumber {
    units: i64,
    /// Digits behind the point.
    places: u32,
}

impl SweepAxis {
    /// Reads `key=a,b,c`, or `key=from..to`, or `key=from..toxstep`; a range may have a unit.
    ///
    /// # Errors
    /// [`SweepError::Malformed`], if it is written otherwise.
    pub fn read(text: &str) -> Result<Self, SweepError> {
        let wrong = |problem: &str| SweepError::Malformed { over: text.into(), problem: problem.into() };
        // A population may have any name, and no value has the sign.
        let (key, values) = text.rsplit_once('=').ok_or_else(|| wrong("is written as KEY=VALUES"))?;
        let values: Vec<String> = match values.split_once("..") {
            Some((from, to)) => range(from, to).map_err(wrong)?,
            None => values.split(',').map(|value| value.trim().to_owned()).collect(),
        };
        if key.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(wrong("is written as KEY=VALUES, and each value is there"));
        }
        if values.len() > VALUES_MAX {
            return Err(wrong("has more than 1000 values"));
        }
        Ok(Self { key: key.trim().to_owned(), values })
    }

    /// As it is read.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}={}", self.key, self.values.join(","))
    }

    /// The values as numbers, and their unit; nothing if some is none or they have several units.
    #[must_use]
    pub fn numbers(&self) -> Option<(Vec<f64>, String)> {
        let parts: Vec<(&str, &str)> = self.values.iter().map(|value| taken_apart(value)).collect();
        let (_, unit) = parts.first()?;
        let numbers = parts.iter().map(|(number, other)| {
            let number = number.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
            number.filter(|_| other == unit)
        });
        Some((numbers.collect::<Option<_>>()?, (*unit).to_owned()))
    }
}

/// The values from one to the other, in steps of one where none is named.
fn range(from: &str, to: &str) -> Result<Vec<String>, &'static str> {
    let (to, step) = to.split_once('x').unwrap_or((to, "1"));
    let parts = [from, to, step].map(taken_apart);
    let mut units = parts.iter().map(|(_, unit)| *unit).filter(|unit| !unit.is_empty());
    let unit = units.next().unwrap_or_default();
    if units.any(|other| other != unit) {
        return Err("has two units in one range");
    }
    let mut numbers = [WrittenNumber { units: 0, places: 0 }; 3];
    for (number, (digits, _)) in numbers.iter_mut().zip(parts) {
        *number = WrittenNumber::read(digits)
            .ok_or("is written as FROM..TO or FROM..TOxSTEP, with a unit or without")?;
    }
    let places = numbers.iter().map(|number| number.places).max().unwrap_or_default();
    let [from, to, step] = numbers.map(|number| number.at(places));
    if step <= 0 {
        return Err("goes on by nothing: the step is above 0");
    }
    if from > to {
        return Err("ends before it begins");
    }
    let values = (0..=(to - from) / step).take(VALUES_MAX + 1).map(|number| {
        let units = i64::try_from(from + number * step).unwrap_or(i64::MAX);
        let number = WrittenNumber { units, places }.text();
        if unit.is_empty() { number } else { format!("{number} {unit}") }
    });
    Ok(values.collect())
}

/// A number and its unit.
fn taken_apart(value: &str) -> (&str, &str) {
    let value = value.trim();
    let is_of_number = |letter: char| letter.is_ascii_digit() || ['.', '-', '_'].contains(&letter);
    let end = value.find(|letter| !is_of_number(letter)).unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    (number, unit.trim())
}

impl WrittenNumber {
    fn read(digits: &str) -> Option<Self> {
        let digits = digits.replace('_', "");
        let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
        let units = format!("{whole}{part}");
        let places = u32::try_from(part.len()).ok()?;
        let units = (units.len() <= DIGITS_MAX).then(|| units.parse().ok())??;
        Some(Self { units, places })
    }

    /// The same in units of so many digits behind the point.
    fn at(self, places: u32) -> i128 {
        i128::from(self.units) * 10_i128.pow(places - self.places)
    }

    /// Without noughts behind the point that say nothing.
    fn text(self) -> String {
        let sign = if self.units < 0 { "-" } else { "" };
        let width = self.places as usize + 1;
        let digits = format!("{:0>width$}", self.units.unsigned_abs());
        let (whole, part) = digits.split_at(digits.len() - self.places as usize);
        let part = part.trim_end_matches('0');
        let point = if part.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        SweepAxis::read(text).unwrap().values
    }

    #[test]
    fn a_key_takes_the_values_of_a_list_or_of_a_range() {
        for (text, expected) in [
            ("a.b=1,2,4", vec!["1", "2", "4"]),
            ("a.b= 0 % , 5 % ", vec!["0 %", "5 %"]),
            ("a.b=forger,honest", vec!["forger", "honest"]),
            ("a.b=1..4", vec!["1", "2", "3", "4"]),
            ("a.b=1..2x0.5", vec!["1", "1.5", "2"]),
            ("a.b=0..1x0.25", vec!["0", "0.25", "0.5", "0.75", "1"]),
            ("a.b=0..20x5 %", vec!["0 %", "5 %", "10 %", "15 %", "20 %"]),
            ("a.b=100ms..300msx100ms", vec!["100 ms", "200 ms", "300 ms"]),
            ("a.b=1..4x2", vec!["1", "3"]),
            ("a.b=-1..1", vec!["-1", "0", "1"]),
            ("a.b=-0.5..0.5x0.5", vec!["-0.5", "0", "0.5"]),
            ("a.b=1_000..3_000x1_000", vec!["1000", "2000", "3000"]),
        ] {
            assert_eq!(values(text), expected, "{text}");
        }
        assert_eq!(values("a.b=0..1x0.1").len(), 11, "a tenth is a tenth");
        let odd = SweepAxis::read("population.a=b.count=1,2").unwrap();
        assert_eq!(
            (odd.key.as_str(), odd.text().as_str()),
            ("population.a=b.count", "population.a=b.count=1,2")
        );
    }

    #[test]
    fn what_is_written_otherwise_is_refused_with_how_it_is_written() {
        for (text, problem) in [
            ("a.b", "is written as KEY=VALUES"),
            ("=1", "is written as KEY=VALUES"),
            ("a.b=", "each value is there"),
            ("a.b=1,,2", "each value is there"),
            ("a.b=..2", "FROM..TO"),
            ("a.b=1..", "FROM..TO"),
            ("a.b=1..2xa", "FROM..TO"),
            ("a.b=1..2x0", "the step is above 0"),
            ("a.b=2..1", "ends before it begins"),
            ("a.b=1 s..2 ms", "two units"),
            ("a.b=1..5000", "more than 1000 values"),
            ("a.b=0..999999999999999x0.00000000000001", "more than 1000 values"),
            ("a.b=1..9999999999999999", "FROM..TO"),
        ] {
            let error = SweepAxis::read(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--over {text}: ")) && error.contains(problem), "{error}");
        }
    }

    #[test]
    fn values_of_one_unit_are_numbers_and_others_are_words() {
        let numbers = |text: &str| SweepAxis::read(text).unwrap().numbers();
        assert_eq!(numbers("a.b=1,2.5"), Some((vec![1.0, 2.5], String::new())));
        assert_eq!(numbers("a.b=0 %,5%"), Some((vec![0.0, 5.0], "%".to_owned())));
        assert_eq!(numbers("a.b=500 ms,1 s"), None);
        assert_eq!(numbers("a.b=forger,honest"), None);
    }
}
