//! The settings one by one: what each is called, what it is for, what may stand there, and when a change is heeded.
//!
//! **Invariant:** a key that can be read from a file can be named here, and no other: both come from one list.

use std::{net::SocketAddr, path::Path};

use super::{
    section::{BadConfig, nearest, wrong},
    settings::{BLOB_ROOM, BLOB_ROOM_MIN, Settings},
    value::Value,
};
use crate::network::is_place;

/// What is asked of a value of the right kind.
type Rule = fn(&toml::Value) -> bool;

/// Settings of which not every value of the right kind may stand there: what is asked of it, and that in words. Of all others
/// each may: amounts are 0 or more by their kind, and of numbers, times and lists of the others 0 or none says something.
static RULES: [(&str, Rule, &str); 12] = [
    ("daemon.listen", are_places, "addresses such as \"/ip4/0.0.0.0/tcp/4001\""),
    (BLOB_ROOM, is_room, "at least 3145728 bytes, which a model takes with its runner and what it is asked"),
    ("daemon.device", is_named, "\"auto\", \"processor\" or a part of a card's name"),
    ("daemon.onnxruntime", is_library, "\"auto\", \"none\" or the whole path of a library"),
    ("client.attempts_max", is_above_nought, "a whole number from 1 to 65535"),
    ("client.run_max", is_while, "a time above 0 such as \"500ms\", \"10s\", \"10m\" or \"12h\""),
    ("provider.programs", are_programs, "a list of programs, each by the name of its file, without a path"),
    ("gateway.listen", is_socket, "an address and a port such as \"127.0.0.1:11435\", or \"none\""),
    ("gateway.hosts", are_named, "a list of names"),
    ("gateway.origins", are_origins, "a list of origins such as \"https://notes.example\""),
    ("gateway.tokens_max", is_above_nought, "a whole number from 1"),
    ("gateway.otlp", is_collector, "an address such as \"http://127.0.0.1:4318\", or \"none\""),
];

/// When a change of a setting is heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heeded {
    /// By the next command, and by a running daemon from the next order on.
    AtOnce,
    /// When the daemon starts again.
    AtNextStart,
    /// When a gateway starts again.
    AtNextServe,
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
        self.asked_instead(&written).map_or(Ok(written), |expected| Err(wrong(expected)))
    }

    /// What is wrong with a value of it in a file, if anything is. One that it has already is left as it is.
    pub(super) fn fault(&self, value: &toml::Value) -> Option<BadConfig> {
        let Some(written) = (self.rewrite)(value) else {
            return Some(wrong(self.key.to_owned(), value, self.expected));
        };
        let expected = self.asked_instead(&written).filter(|_| written != self.value)?;
        Some(BadConfig::Wrong { key: self.key.to_owned(), found: written, expected })
    }

    /// What may stand there, where a value of the right kind may not, as it stands in a file.
    fn asked_instead(&self, written: &str) -> Option<&'static str> {
        let (_, holds, expected) = RULES.iter().find(|(key, ..)| *key == self.key)?;
        let table = format!("value = {written}").parse::<toml::Table>().unwrap_or_default();
        (!table.get("value").is_some_and(holds)).then_some(*expected)
    }
}

/// Whether a peer can be told to listen at all of these.
fn are_places(value: &toml::Value) -> bool {
    let places = value.as_array();
    places.is_some_and(|places| places.iter().all(|place| place.as_str().is_some_and(is_place)))
}

/// Whether a model has room in so many bytes.
fn is_room(value: &toml::Value) -> bool {
    value.as_integer().is_some_and(|bytes| u64::try_from(bytes).is_ok_and(|bytes| bytes >= BLOB_ROOM_MIN))
}

/// Whether a number is more than 0.
fn is_above_nought(value: &toml::Value) -> bool {
    value.as_integer().is_some_and(|number| number > 0)
}

/// Whether a time is longer than 0.
fn is_while(value: &toml::Value) -> bool {
    value.as_str().is_some_and(|time| !time.starts_with('0'))
}

/// Whether a text says something.
fn is_named(value: &toml::Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// Whether a library lies there, wherever the program is started, or it is said that none does or that nobody chose.
fn is_library(value: &toml::Value) -> bool {
    let is_place = |place: &str| matches!(place, "auto" | "none") || Path::new(place).is_absolute();
    value.as_str().is_some_and(is_place)
}

/// Whether somebody can listen there, or it is said that nobody chose where.
fn is_socket(value: &toml::Value) -> bool {
    value.as_str().is_some_and(|place| place == "none" || place.parse::<SocketAddr>().is_ok())
}

/// Whether something can be told there, or to nobody.
fn is_collector(value: &toml::Value) -> bool {
    value.as_str().is_some_and(|place| place == "none" || is_of_web(place))
}

/// Whether pages can come from each of these.
fn are_origins(value: &toml::Value) -> bool {
    let origins = value.as_array();
    origins.is_some_and(|origins| origins.iter().all(|origin| origin.as_str().is_some_and(is_of_web)))
}

fn is_of_web(place: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| place.starts_with(scheme))
}

/// Whether each of these can be the name of a program: what runs is compared by the name of its file, so a path never fits.
fn are_programs(value: &toml::Value) -> bool {
    let is_path = |text: &toml::Value| text.as_str().is_some_and(|text| text.contains(['/', '\\']));
    are_named(value) && !value.as_array().is_some_and(|texts| texts.iter().any(is_path))
}

/// Whether each of these texts does.
fn are_named(value: &toml::Value) -> bool {
    value.as_array().is_some_and(|texts| texts.iter().all(is_named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_key_by_key() {
        let cases = [
            ("daemon.listen", "port 4001", "addresses such as"),
            ("daemon.blob_bytes_max", "0", "at least 3145728 bytes"),
            ("daemon.pack_bytes_max", "much", "a whole number"),
            ("daemon.workers", "-1", "a whole number"),
            ("daemon.device", "\" \"", "\"auto\", "),
            ("daemon.onnxruntime", "libonnxruntime.so", "\"auto\", \"none\" or the whole path"),
            ("daemon.free_bytes_min", "much", "a whole number"),
            ("client.cost_max", "-1", "credits such as"),
            ("client.daily_max", "-1", "credits such as"),
            ("client.unit_price_max", "-1", "credits such as"),
            ("client.attempts_max", "0", "a whole number from 1"),
            ("client.run_max", "0s", "a time above 0"),
            ("provider.programs", "[\"\"]", "a list of programs"),
            ("provider.idle_min", "5", "a time such as"),
            ("provider.mains_only", "maybe", "true or false"),
            ("provider.temperature_max", "-1", "a whole number"),
            ("provider.card_others_max", "-1", "a whole number"),
            ("provider.hours", "late", "a list of times"),
            ("provider.settle", "soon", "a time such as"),
            ("gateway.listen", "here", "an address and a port"),
            ("gateway.hosts", "[\"\"]", "a list of names"),
            ("gateway.origins", "notes.example", "a list of origins"),
            ("gateway.tokens_max", "0", "a whole number from 1"),
            ("gateway.otlp", "127.0.0.1:4318", "an address such as"),
        ];
        let tried: Vec<&str> = cases.iter().map(|(key, ..)| *key).collect();
        let all: Vec<&str> = Settings::default().list().iter().map(|setting| setting.key).collect();
        assert_eq!(tried, all, "each key is tried");
        for (key, typed, expected) in cases {
            let why = HomeSetting::find(key).unwrap().read(typed).unwrap_err().to_string();
            assert!(why.contains(&format!(": expected {expected}")), "{key}: {why}");
        }
    }

    #[test]
    fn a_program_is_named_without_its_path() {
        let programs = HomeSetting::find("provider.programs").unwrap();
        assert_eq!(programs.read("blender, Blender.exe").unwrap(), "[\"blender\", \"Blender.exe\"]");
        for path in ["/usr/bin/blender", "blender,./game", "C:\\Games\\game.exe"] {
            let why = programs.read(path).unwrap_err().to_string();
            assert!(why.contains("without a path"), "{path}: {why}");
        }
    }

    #[test]
    fn what_is_assumed_may_stand_there() {
        for setting in Settings::default().list() {
            assert_eq!(setting.read(&setting.value).unwrap(), setting.value, "{}", setting.key);
        }
    }
}
