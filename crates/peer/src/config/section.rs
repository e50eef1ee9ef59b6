//! Tables of keys, each read and written by one list.
//!
//! **Invariant:** a table is read only if every key in it is known; a key that must be there and is not is named.

use super::value::Value;

/// Why a file is not what it should be; each fits in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// Not TOML.
    #[error("line {line}: {reason}")]
    Syntax {
        /// Where, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
    /// A key that means nothing.
    #[error("{key} is no known key{}", hint(nearest.as_deref()))]
    Unknown {
        /// Which.
        key: String,
        /// What may be meant.
        nearest: Option<String>,
    },
    /// A key that must be there.
    #[error("{key} is missing: expected {expected}")]
    Missing {
        /// Which.
        key: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A value of the wrong kind.
    #[error("{key} is {found}: expected {expected}")]
    Wrong {
        /// Of which key.
        key: String,
        /// What is there.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// Values that do not go together.
    #[error("{key}: {problem}")]
    Senseless {
        /// Which.
        key: String,
        /// Why.
        problem: &'static str,
    },
}

impl BadConfig {
    /// The key that is wrong, where it is one.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Syntax { .. } => None,
            Self::Unknown { key, .. }
            | Self::Missing { key, .. }
            | Self::Wrong { key, .. }
            | Self::Senseless { key, .. } => Some(key),
        }
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; is {nearest} meant?")).unwrap_or_default()
}

/// A set of keys that stand in one table.
pub(super) trait Section: Sized {
    /// Their names.
    const KEYS: &'static [&'static str];
    /// Takes the keys out of `table`.
    fn read(table: &mut KeyedTable) -> Result<Self, BadConfig>;
    /// Writes the keys, each below its comment.
    fn write(&self, out: &mut String);
}

/// Lists the keys of a table: all must be there, or all have the default of the type.
macro_rules! section {
    ($kind:ident { $($key:ident: $comment:literal),+ $(,)? }) => {
        impl $crate::config::section::Section for $kind {
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            fn read(table: &mut $crate::config::section::KeyedTable) -> Result<Self, $crate::config::BadConfig> {
                Ok(Self { $($key: table.take(stringify!($key))?),+ })
            }
            section!(@write $($key: $comment,)+);
        }
    };
    (optional $table:literal $kind:ident { $($key:ident $heeded:ident: $comment:literal),+ $(,)? }) => {
        impl $crate::config::keys::SettingTable for $kind {
            fn settings(&self) -> Vec<$crate::config::keys::HomeSetting> {
                vec![$($crate::config::keys::HomeSetting::of(
                    concat!($table, ".", stringify!($key)),
                    &self.$key,
                    $comment,
                    $crate::config::keys::Heeded::$heeded,
                )),+]
            }
        }

        impl $crate::config::section::Section for $kind {
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            fn read(table: &mut $crate::config::section::KeyedTable) -> Result<Self, $crate::config::BadConfig> {
                let assumed = Self::default();
                Ok(Self { $($key: table.take_or(stringify!($key), assumed.$key)?),+ })
            }
            section!(@write $($key: $comment,)+);
        }
    };
    (@write $($key:ident: $comment:literal,)+) => {
        fn write(&self, out: &mut String) {
            $($crate::config::section::line(out, stringify!($key), &self.$key, $comment);)+
        }
    };
}
pub(super) use section;

/// Writes one key below its comment.
pub(super) fn line(out: &mut String, key: &str, value: &impl Value, comment: &str) {
    out.push_str(&format!("# {comment}\n{key} = {}\n", value.write()));
}

/// Where a text is no TOML, and why.
pub(super) fn syntax(text: &str, error: &toml::de::Error) -> BadConfig {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let reason = error.message().lines().collect::<Vec<_>>().join(", ");
    BadConfig::Syntax { line: before.matches('\n').count() + 1, reason }
}

/// A table whose keys are taken out one by one.
#[derive(Debug)]
pub(super) struct KeyedTable {
    path: String,
    rest: toml::Table,
}

impl KeyedTable {
    /// The table that a whole file is, in which there are only these tables.
    pub(super) fn parse(text: &str, keys: &[&str]) -> Result<Self, BadConfig> {
        let rest = text.parse::<toml::Table>().map_err(|error| syntax(text, &error))?;
        Self::new(String::new(), rest, keys)
    }

    fn new(path: String, rest: toml::Table, keys: &[&str]) -> Result<Self, BadConfig> {
        let table = Self { path, rest };
        let unknown = table.rest.keys().find(|key| !keys.contains(&key.as_str()));
        match unknown {
            None => Ok(table),
            Some(key) => {
                let nearest = nearest(key, keys).map(|nearest| table.name(nearest));
                Err(BadConfig::Unknown { key: table.name(key), nearest })
            }
        }
    }

    /// The value of a key that must be there.
    pub(super) fn take<V: Value>(&mut self, key: &'static str) -> Result<V, BadConfig> {
        let expected = V::EXPECTED;
        let missing = BadConfig::Missing { key: self.name(key), expected };
        self.take_if_there(key)?.ok_or(missing)
    }

    /// The value of a key that may be left out.
    pub(super) fn take_or<V: Value>(&mut self, key: &'static str, assumed: V) -> Result<V, BadConfig> {
        Ok(self.take_if_there(key)?.unwrap_or(assumed))
    }

    /// A table in this table; an empty one if it is not there.
    pub(super) fn section<S: Section>(&mut self, key: &'static str) -> Result<S, BadConfig> {
        let path = self.name(key);
        let value = self.rest.remove(key).unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
        read(path, value, "a table")
    }

    /// A list of tables in this table; none if it is not there.
    pub(super) fn sections<S: Section>(&mut self, key: &'static str) -> Result<Vec<S>, BadConfig> {
        let path = self.name(key);
        let rows = match self.rest.remove(key) {
            None => Vec::new(),
            Some(toml::Value::Array(rows)) => rows,
            Some(other) => return Err(wrong(path, &other, "a list of tables, each below a line [[…]]")),
        };
        let numbered = (1..).zip(rows);
        numbered.map(|(number, row)| read(format!("{path} {number}"), row, "a table")).collect()
    }

    fn take_if_there<V: Value>(&mut self, key: &'static str) -> Result<Option<V>, BadConfig> {
        let Some(value) = self.rest.remove(key) else { return Ok(None) };
        let read = V::read(&value).ok_or_else(|| wrong(self.name(key), &value, V::EXPECTED))?;
        Ok(Some(read))
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn read<S: Section>(path: String, value: toml::Value, expected: &'static str) -> Result<S, BadConfig> {
    let toml::Value::Table(rest) = value else { return Err(wrong(path, &value, expected)) };
    S::read(&mut KeyedTable::new(path, rest, S::KEYS)?)
}

/// A value that may not stand where it does.
pub(super) fn wrong(key: String, found: &toml::Value, expected: &'static str) -> BadConfig {
    let found = match found {
        toml::Value::Table(_) => "a table".to_owned(),
        toml::Value::Array(_) => "a list".to_owned(),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => found.to_string().lines().collect(),
    };
    BadConfig::Wrong { key, found, expected }
}

/// The known key that is the fewest changes away from what was typed, if that is at most half of its letters.
pub(super) fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|known| (distance(typed, known), *known)).min()?;
    (near.0 * 2 <= near.1.len().max(typed.len())).then_some(near.1)
}

/// Letters to insert, remove or replace to make one text of the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.bytes().enumerate() {
        let mut corner = above;
        row[0] = above + 1;
        for (place, other) in to.bytes().enumerate() {
            let replaced = corner + usize::from(letter != other);
            corner = row[place + 1];
            row[place + 1] = replaced.min(corner + 1).min(row[place] + 1);
        }
    }
    row[to.len()]
}
