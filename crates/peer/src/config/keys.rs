//! The settings one by one: what each is called, what it is for, what may stand there, and when a change is heeded.
//!
//! **Invariant:** a key that can be read from a file can be named here, and no other: both come from one list.

use super::{
    section::{BadConfig, nearest},
    settings::{BLOB_ROOM, BLOB_ROOM_MIN, Settings},
    value::Value,
};
use crate::network::is_place;

/// The setting whose texts a daemon would not start with, unless they are addresses.
const LISTEN: &str = "daemon.listen";

/// When a change of a setting is heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heeded {
    /// By the next command, and by a running daemon from the next order on.
    AtOnce,
    /// When the daemon starts again.
    AtNextStart,
}

/// One setting.
#[derive(Clone, Debug)]
pub struct HomeSetting {
    /// Its name, with its table's in front.
    pub key: &'static str,
    /// Its value, as it stands in a file.
    pub value: String,
    /// What it is for.
    pub about: &'static str,
    /// What may stand there.
    pub expected: &'static str,
    /// When a change of it is heeded.
    pub heeded: Heeded,
    /// The same value as it is written here, if it is one that may stand there.
    rewrite: fn(&toml::Value) -> Option<String>,
}

/// The settings of one table.
pub(super) trait SettingTable {
    /// Each of them.
    fn settings(&self) -> Vec<HomeSetting>;
}

impl HomeSetting {
    /// The setting of this name.
    ///
    /// # Errors
    /// [`BadConfig::Unknown`], with the name that is nearest.
    pub fn find(key: &str) -> Result<Self, BadConfig> {
        let all = Settings::default().list();
        let names: Vec<&str> = all.iter().map(|setting| setting.key).collect();
        let nearest = nearest(key, &names).map(str::to_owned);
        let found = all.into_iter().find(|setting| setting.key == key);
        found.ok_or_else(|| BadConfig::Unknown { key: key.to_owned(), nearest })
    }

    /// The table that it stands in, and its name there.
    #[must_use]
    pub fn place(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }

    pub(super) fn of<V: Value>(key: &'static str, value: &V, about: &'static str, heeded: Heeded) -> Self {
        let rewrite = |value: &toml::Value| V::read(value).map(|value| value.write());
        Self { key, value: value.write(), about, expected: V::EXPECTED, heeded, rewrite }
    }

    /// What somebody typed, as it stands in a file: a value as TOML has it, a text without its quotes, or several with
    /// commas between them.
    ///
    /// # Errors
    /// [`BadConfig::Wrong`], if it is nothing that may stand there.
    pub fn read(&self, typed: &str) -> Result<String, BadConfig> {
        let text = |text: &str| toml::Value::String(text.to_owned());
        let as_toml = || {
            let table = format!("value = {typed}").parse::<toml::Table>().ok()?;
            table.get("value").cloned().filter(|_| table.len() == 1)
        };
        let as_list = || toml::Value::Array(typed.split(',').map(str::trim).map(text).collect());
        let read = as_toml().and_then(|value| (self.rewrite)(&value));
        let read = read.or_else(|| (self.rewrite)(&text(typed))).or_else(|| (self.rewrite)(&as_list()));
        let wrong =
            |expected| BadConfig::Wrong { key: self.key.to_owned(), found: format!("{typed:?}"), expected };
        let written = read.ok_or_else(|| wrong(self.expected))?;
        if self.key == LISTEN && !are_places(&written) {
            return Err(wrong("addresses such as \"/ip4/0.0.0.0/tcp/4001\""));
        }
        if self.key == BLOB_ROOM && written.parse::<u64>().is_ok_and(|bytes| bytes < BLOB_ROOM_MIN) {
            return Err(wrong(
                "at least 3145728 bytes, which a model takes with its runner and what it is asked",
            ));
        }
        Ok(written)
    }
}

/// Whether a peer can be told to listen at all of these, as they stand in a file.
fn are_places(written: &str) -> bool {
    let table = format!("value = {written}").parse::<toml::Table>().unwrap_or_default();
    let places = table.get("value").and_then(toml::Value::as_array);
    places.is_some_and(|places| places.iter().all(|place| place.as_str().is_some_and(is_place)))
}
