//! Takes the keys of one table one by one, each with its unit and its bounds, and refuses what is left.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::source::{Literal, ScenarioError, Setting};

/// Units of time, in nanoseconds.
const TIMES: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("h", 3_600e9), ("d", 86_400e9)];
/// The longest length of time, a year.
const TIME_MAX: f64 = 365.0 * 86_400e9;

/// One table.
pub(super) struct SettingReader {
    name: String,
    whole: Setting,
    left: BTreeMap<String, Setting>,
    /// Where each key stands that was taken.
    taken: BTreeMap<&'static str, Setting>,
    known: Vec<&'static str>,
}

impl SettingReader {
    /// Reads a table.
    pub(super) fn new(name: &str, whole: Setting) -> Result<Self, ScenarioError> {
        let Literal::Table(left) = whole.value.clone() else {
            return Err(whole.wrong(name, "must be a table"));
        };
        Ok(Self { name: name.into(), whole, left, taken: BTreeMap::new(), known: Vec::new() })
    }

    /// What is wrong with a key beside others: told where it stands, or where its table does if it is not there.
    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>) -> ScenarioError {
        self.taken.get(key).unwrap_or(&self.whole).wrong(&self.path(key), problem)
    }

    fn path(&self, key: &str) -> String {
        match (self.name.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (_, true) => self.name.clone(),
            _ => format!("{}.{key}", self.name),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(String, Setting)> {
        self.known.push(key);
        let setting = self.left.remove(key)?;
        self.taken
            .insert(key, Setting { value: Literal::Other, file: setting.file.clone(), line: setting.line });
        Some((self.path(key), setting))
    }

    /// The table under a key; an empty one if there is none.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Self, ScenarioError> {
        let empty = Setting { value: Literal::Table(BTreeMap::new()), ..self.whole.clone() };
        let (path, setting) = self.take(key).unwrap_or((self.path(key), empty));
        Self::new(&path, setting)
    }

    /// The tables under a key.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Self>, ScenarioError> {
        let Some((path, setting)) = self.take(key) else { return Ok(Vec::new()) };
        let Literal::List(settings) = setting.value else {
            return Err(setting.wrong(&path, format!("is written as [[{key}]]")));
        };
        settings.into_iter().map(|setting| Self::new(&path, setting)).collect()
    }

    /// Words in quotes.
    pub(super) fn text(&mut self, key: &'static str, default: &str) -> Result<String, ScenarioError> {
        let Some((path, setting)) = self.take(key) else { return Ok(default.into()) };
        let Literal::Text(text) = setting.value else {
            return Err(setting.wrong(&path, "must be words in quotes"));
        };
        Ok(text)
    }

    /// Words in quotes, one after another.
    pub(super) fn texts(&mut self, key: &'static str) -> Result<Vec<String>, ScenarioError> {
        let Some((path, setting)) = self.take(key) else { return Ok(Vec::new()) };
        let text = |setting: &Setting| match &setting.value {
            Literal::Text(text) => Some(text.clone()),
            Literal::Number(_) | Literal::List(_) | Literal::Table(_) | Literal::Other => None,
        };
        let texts: Option<Vec<String>> = match &setting.value {
            Literal::List(settings) => settings.iter().map(text).collect(),
            Literal::Text(_) | Literal::Number(_) | Literal::Table(_) | Literal::Other => None,
        };
        texts.ok_or_else(|| setting.wrong(&path, "must be a list of words in quotes"))
    }

    /// True if a table stands under a key.
    pub(super) fn holds_table(&self, key: &str) -> bool {
        self.left.get(key).is_some_and(|setting| matches!(setting.value, Literal::Table(_)))
    }

    /// Refuses a key that is none of these, before anything else is said of the table: what a misspelt key leaves to its default is
    /// seldom what is wrong.
    pub(super) fn refuse_unknown(&self, known: &[&str]) -> Result<(), ScenarioError> {
        let mut unknown = self.left.iter().filter(|(key, _)| !known.contains(&key.as_str()));
        unknown.next().map_or(Ok(()), |(key, setting)| Err(self.unknown(key, setting, known)))
    }

    fn unknown(&self, key: &str, setting: &Setting, known: &[&str]) -> ScenarioError {
        setting.wrong(&self.path(key), format!("is not known here{}", nearest(key, known)))
    }

    /// Refuses a key that means something in another place.
    pub(super) fn refuse(&self, key: &str, problem: &str) -> Result<(), ScenarioError> {
        let refused = self.left.get(key).map(|setting| setting.wrong(&self.path(key), problem));
        refused.map_or(Ok(()), Err)
    }

    /// One of these words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        default: T,
        choices: &[(&'static str, T)],
    ) -> Result<T, ScenarioError> {
        let Some((path, setting)) = self.take(key) else { return Ok(default) };
        let Literal::Text(text) = &setting.value else {
            return Err(setting.wrong(&path, "must be a word in quotes"));
        };
        let found = choices.iter().find(|(name, _)| name == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<&'static str> = choices.iter().map(|(name, _)| *name).collect();
            setting.wrong(&path, format!("there is no `{text}`{}", nearest(text, &names)))
        })
    }

    /// A whole number within bounds.
    pub(super) fn count(
        &mut self,
        key: &'static str,
        default: u64,
        bounds: RangeInclusive<u64>,
    ) -> Result<u64, ScenarioError> {
        let Some((path, setting)) = self.take(key) else { return Ok(default) };
        let digits = if let Literal::Number(digits) = &setting.value {
            digits.replace('_', "")
        } else {
            String::new()
        };
        let number = digits.parse::<u64>().ok();
        number.filter(|number| bounds.contains(number)).ok_or_else(|| {
            setting
                .wrong(&path, format!("must be a whole number from {} to {}", bounds.start(), bounds.end()))
        })
    }

    /// A length of time, in nanoseconds.
    pub(super) fn time(&mut self, key: &'static str, default: u64) -> Result<u64, ScenarioError> {
        let Some((path, setting)) = self.take(key) else { return Ok(default) };
        let (number, unit) = quantity(&setting, &path, "a length of time such as \"30 s\"")?;
        let Some((_, nanos)) = TIMES.iter().find(|(name, _)| *name == unit) else {
            let names = TIMES.map(|(name, _)| name).join(", ");
            return Err(setting.wrong(&path, format!("`{unit}` is no unit of time; those are {names}")));
        };
        if !(0.0..=TIME_MAX).contains(&(number * nanos)) {
            return Err(setting.wrong(&path, "must be from \"0 s\" to \"365 d\""));
        }
        Ok(libm::round(number * nanos) as u64)
    }

    /// A share in parts of a million.
    pub(super) fn share(&mut self, key: &'static str, default: u64) -> Result<u64, ScenarioError> {
        let Some((path, setting)) = self.take(key) else { return Ok(default) };
        let (number, unit) = quantity(&setting, &path, "a share such as \"20 %\"")?;
        refuse_unit(&setting, &path, &unit, ("a share", "%"))?;
        if !(0.0..=100.0).contains(&number) {
            return Err(setting.wrong(&path, "must be from \"0 %\" to \"100 %\""));
        }
        Ok(libm::round(number * 10_000.0) as u64)
    }

    /// So many times something else, in parts of a million.
    pub(super) fn multiple(&mut self, key: &'static str, default: u64) -> Result<u64, ScenarioError> {
        let Some((path, setting)) = self.take(key) else { return Ok(default) };
        let (number, unit) = quantity(&setting, &path, "a part of something else, such as \"150 %\"")?;
        refuse_unit(&setting, &path, &unit, ("a part", "%"))?;
        if !(0.0..=10_000.0).contains(&number) {
            return Err(setting.wrong(&path, "must be from \"0 %\" to \"10000 %\""));
        }
        Ok(libm::round(number * 10_000.0) as u64)
    }

    /// Money, in thousandths of a credit.
    pub(super) fn money(&mut self, key: &'static str, default: u64) -> Result<u64, ScenarioError> {
        let Some((path, setting)) = self.take(key) else { return Ok(default) };
        let (number, unit) = quantity(&setting, &path, "money such as \"10 credits\"")?;
        refuse_unit(&setting, &path, &unit, ("money", "credits"))?;
        if !(0.0..=1e6).contains(&number) {
            return Err(setting.wrong(&path, "must be from \"0 credits\" to \"1000000 credits\""));
        }
        Ok(libm::round(number * 1_000.0) as u64)
    }

    /// Refuses every key that nobody took.
    pub(super) fn finish(&self) -> Result<(), ScenarioError> {
        let Some((key, setting)) = self.left.first_key_value() else { return Ok(()) };
        Err(self.unknown(key, setting, &self.known))
    }
}

/// A length of time as people write it: in the longest unit of which it is a whole number.
pub(super) fn written(nanos: u64) -> String {
    if nanos == 0 {
        return "0 s".to_owned();
    }
    let whole = |(name, unit): &(&str, f64)| {
        let unit = *unit as u64;
        nanos.is_multiple_of(unit).then(|| format!("{} {name}", nanos / unit))
    };
    TIMES.iter().rev().find_map(whole).unwrap_or_else(|| format!("{nanos} ns"))
}

/// A number and its unit.
fn quantity(setting: &Setting, path: &str, example: &str) -> Result<(f64, String), ScenarioError> {
    let Literal::Text(text) = &setting.value else {
        return Err(setting.wrong(path, format!("has no unit; it is {example}")));
    };
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && !['.', '-', '_'].contains(&letter));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let number = number.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
    let Some(number) = number else { return Err(setting.wrong(path, format!("must be {example}"))) };
    if unit.trim().is_empty() {
        return Err(setting.wrong(path, format!("has no unit; it is {example}")));
    }
    Ok((number, unit.trim().to_owned()))
}

/// Refuses another unit than the only one of such a thing.
fn refuse_unit(
    setting: &Setting,
    path: &str,
    unit: &str,
    (thing, known): (&str, &str),
) -> Result<(), ScenarioError> {
    if unit == known {
        return Ok(());
    }
    Err(setting.wrong(path, format!("`{unit}` is no unit of {thing}; that is `{known}`")))
}

/// Words that say which of these names was meant.
pub(super) fn nearest(word: &str, names: &[&str]) -> String {
    let near = names.iter().min_by_key(|name| distance(word, name));
    near.map_or_else(String::new, |name| format!("; the nearest is `{name}`"))
}

/// How many letters must be put in, taken out or changed to make one word of the other.
pub(super) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().take(64).enumerate() {
        let mut corner = core::mem::replace(&mut row[0], line + 1);
        for (place, opposite) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != *opposite);
            corner = row[place + 1];
            row[place + 1] = changed.min(corner + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}
