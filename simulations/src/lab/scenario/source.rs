//! The text of a scenario: keys and values, each with the line it stands on, and what it extends.
//!
//! **Invariant:** every error names file, line and key.

use std::collections::BTreeMap;

use toml::de::{DeInteger, DeTable, DeValue};

/// How many scenarios may extend one another.
const EXTENDS_MAX: usize = 8;
/// How deep tables and lists may stand in one another; what stands deeper is no value that anybody takes.
const LEVELS_MAX: usize = 8;
/// Dots of one text. Each in a key is a table in a table, and by the thousand those take more stack than there is.
const DOTS_MAX: usize = 1_000;

/// What is wrong with a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: `{key}`: {problem}")]
pub struct ScenarioError {
    /// The file.
    pub file: String,
    /// The line, from one.
    pub line: usize,
    /// The key, with the tables it stands in.
    pub key: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) value: Literal,
}

/// A value as it is written.
#[derive(Clone, Debug)]
pub(super) enum Literal {
    Text(String),
    Number(String),
    List(Vec<Setting>),
    Table(BTreeMap<String, Setting>),
    Other,
}

impl Setting {
    /// What is wrong at this setting.
    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>) -> ScenarioError {
        let (file, line) = (self.file.clone(), self.line);
        ScenarioError { file, line, key: key.into(), problem: problem.into() }
    }

    /// The keys of its tables, each with the table it stands in; of a table in a list, with the name of that table as well.
    pub(super) fn keys(&self) -> Vec<String> {
        let Literal::Table(tables) = &self.value else { return Vec::new() };
        let under = |(table, within): (&String, &Self)| -> Vec<String> {
            match &within.value {
                Literal::Table(keys) => keys.keys().map(|key| format!("{table}.{key}")).collect(),
                Literal::List(settings) => {
                    let each = settings.iter().filter_map(|each| Some((each.called()?, each.table()?)));
                    each.flat_map(|(name, keys)| keys.keys().map(move |key| format!("{table}.{name}.{key}")))
                        .collect()
                }
                Literal::Text(_) | Literal::Number(_) | Literal::Other => Vec::new(),
            }
        };
        tables.iter().flat_map(under).collect()
    }

    /// Writes another value at one of these keys, in quotes where there are some; false if there is no such key.
    pub(super) fn put(&mut self, key: &str, value: &str) -> bool {
        let Some(setting) = self.at(key) else { return false };
        setting.value = match &setting.value {
            Literal::Number(_) => Literal::Number(value.to_owned()),
            Literal::Text(_) | Literal::List(_) | Literal::Table(_) | Literal::Other => {
                Literal::Text(value.to_owned())
            }
        };
        true
    }

    fn at(&mut self, key: &str) -> Option<&mut Self> {
        let (table, rest) = key.split_once('.')?;
        let Literal::Table(tables) = &mut self.value else { return None };
        match &mut tables.get_mut(table)?.value {
            Literal::Table(keys) => keys.get_mut(rest),
            Literal::List(settings) => {
                let (name, key) = rest.rsplit_once('.')?;
                let named = settings.iter_mut().find(|each| each.called() == Some(name))?;
                let Literal::Table(keys) = &mut named.value else { return None };
                keys.get_mut(key)
            }
            Literal::Text(_) | Literal::Number(_) | Literal::Other => None,
        }
    }

    fn table(&self) -> Option<&BTreeMap<String, Self>> {
        match &self.value {
            Literal::Table(keys) => Some(keys),
            Literal::Text(_) | Literal::Number(_) | Literal::List(_) | Literal::Other => None,
        }
    }

    /// The name that a table gives itself.
    fn called(&self) -> Option<&str> {
        match &self.table()?.get("name")?.value {
            Literal::Text(name) => Some(name),
            Literal::Number(_) | Literal::List(_) | Literal::Table(_) | Literal::Other => None,
        }
    }

    /// Forgets a key of a table: what is true of one scenario alone.
    fn forget(&mut self, table: &str, key: &str) {
        if let Literal::Table(tables) = &mut self.value
            && let Some(Self { value: Literal::Table(keys), .. }) = tables.get_mut(table)
        {
            keys.remove(key);
        }
    }

    /// Puts the keys of `over` above these. Lists are replaced as a whole.
    fn overlay(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Literal::Table(under), Literal::Table(keys)) => {
                (self.file, self.line) = (over.file, over.line);
                for (key, setting) in keys {
                    match under.get_mut(&key) {
                        Some(below) => below.overlay(setting),
                        None => drop(under.insert(key, setting)),
                    }
                }
            }
            (_, value) => *self = Self { value, ..over },
        }
    }
}

/// Reads a scenario and all that it extends; `find` gives the text of a preset by its name.
pub(super) fn read(
    file: &str,
    text: &str,
    find: &dyn Fn(&str) -> Option<String>,
) -> Result<Setting, ScenarioError> {
    let mut layers = vec![parse(file, text)?];
    while let Some(preset) = extended(&mut layers)? {
        let Setting { value: Literal::Text(name), .. } = &preset else {
            return Err(preset.wrong("extends", "must be the name of a scenario in quotes"));
        };
        let Some(text) = find(name) else {
            return Err(preset.wrong("extends", format!("there is no scenario `{name}`")));
        };
        if layers.len() == EXTENDS_MAX {
            return Err(preset.wrong("extends", format!("more than {EXTENDS_MAX} scenarios, or a circle")));
        }
        let mut below = parse(name, &text)?;
        below.forget("run", "takes");
        layers.push(below);
    }
    let mut layers = layers.into_iter().rev();
    let Some(mut all) = layers.next() else { unreachable!("there is one layer at least") };
    layers.for_each(|layer| all.overlay(layer));
    Ok(all)
}

fn extended(layers: &mut [Setting]) -> Result<Option<Setting>, ScenarioError> {
    let Some(Setting { value: Literal::Table(keys), .. }) = layers.last_mut() else { return Ok(None) };
    Ok(keys.remove("extends"))
}

fn parse(file: &str, text: &str) -> Result<Setting, ScenarioError> {
    let wrong = |offset: usize, problem: &str| {
        let line = line(text, offset);
        let key = text.lines().nth(line - 1).unwrap_or_default().split('=').next().unwrap_or_default();
        let key = key.trim().to_owned();
        ScenarioError { file: file.into(), line, key, problem: problem.to_owned() }
    };
    if let Some((offset, _)) = text.match_indices('.').nth(DOTS_MAX) {
        return Err(wrong(offset, "is beyond what a scenario says: it has more than 1000 dots"));
    }
    let table = DeTable::parse(text)
        .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message()))?;
    let value = keys(file, text, table.get_ref(), 0);
    Ok(Setting { file: file.into(), line: 1, value })
}

fn keys(file: &str, text: &str, table: &DeTable<'_>, level: usize) -> Literal {
    if level > LEVELS_MAX {
        return Literal::Other;
    }
    let settings = table.iter().map(|(key, value)| {
        let line = line(text, key.span().start);
        let value = literal(file, text, value.get_ref(), (line, level));
        (key.get_ref().to_string(), Setting { file: file.into(), line, value })
    });
    Literal::Table(settings.collect())
}

fn literal(file: &str, text: &str, value: &DeValue<'_>, (above, level): (usize, usize)) -> Literal {
    match value {
        DeValue::String(words) => Literal::Text(words.to_string()),
        DeValue::Integer(number) => Literal::Number(decimal(number)),
        DeValue::Float(number) => Literal::Number(number.as_str().to_owned()),
        DeValue::Boolean(_) | DeValue::Datetime(_) => Literal::Other,
        DeValue::Array(_) if level >= LEVELS_MAX => Literal::Other,
        DeValue::Array(settings) => {
            let settings = settings.iter().map(|setting| {
                let line = line(text, setting.span().start).max(above);
                let value = literal(file, text, setting.get_ref(), (line, level + 1));
                Setting { file: file.into(), line, value }
            });
            Literal::List(settings.collect())
        }
        DeValue::Table(table) => keys(file, text, table, level + 1),
    }
}

/// A whole number by its decimal digits, whatever it is written in: `0x10` is 16. What is larger than any number that counts stays
/// what was written, which no key takes.
fn decimal(number: &DeInteger<'_>) -> String {
    if number.radix() == 10 {
        return number.as_str().to_owned();
    }
    let digits = number.as_str().replace('_', "");
    let counted = u64::from_str_radix(&digits, number.radix());
    counted.map_or_else(|_| number.to_string(), |counted| counted.to_string())
}

fn line(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}
