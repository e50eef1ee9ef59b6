//! The words of a settings file, in which one value is changed and all else stays as its owner wrote it.
//!
//! **Invariant:** what a change gives out was read again: it says what was wanted, and of every other key what it said
//! before.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{
    keys::HomeSetting,
    section::{BadConfig, syntax},
    settings::Settings,
};

/// Why a value cannot be changed without touching what stands around it.
const ENTANGLED: &str = "it stands in the file in a way that only its owner can change";

/// The text of a settings file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsText(String);

impl SettingsText {
    /// A text, which may make no sense yet.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What it says.
    ///
    /// # Errors
    /// [`BadConfig`], which names the key.
    pub fn settings(&self) -> Result<Settings, BadConfig> {
        Settings::parse(&self.0)
    }

    /// All that makes no sense in it, a fault for each key: what [`HomeSetting::read`] refuses as well, but for values that are
    /// as they were before.
    #[must_use]
    pub fn faults(&self, before: &Settings) -> Vec<BadConfig> {
        let file = match self.0.parse::<toml::Table>() {
            Ok(file) => file,
            Err(error) => return vec![syntax(&self.0, &error)],
        };
        let known = before.list();
        let mut faults: Vec<BadConfig> = Vec::new();
        for (table, keys) in file.iter().filter_map(|(table, keys)| Some((table, keys.as_table()?))) {
            for (name, value) in keys {
                let key = format!("{table}.{name}");
                faults.extend(match known.iter().find(|setting| setting.key == key) {
                    Some(setting) => setting.fault(value),
                    None => HomeSetting::find(&key).err(),
                });
            }
        }
        // What is no key of a table is found by whoever reads the whole.
        let is_told = |error: &BadConfig| {
            let begins = |(told, key): (&str, &str)| told.starts_with(key);
            faults.iter().any(|fault| fault.key().zip(error.key()).is_some_and(begins))
        };
        let other = self.settings().err().filter(|error| !is_told(error));
        faults.extend(other);
        faults
    }

    /// Whether a key of this name stands in it, known or not, on whatever line that is (from 1).
    ///
    /// # Errors
    /// [`BadConfig::Syntax`].
    pub fn line_of(&self, key: &str) -> Result<Option<usize>, BadConfig> {
        let place = self.place_of(key)?;
        Ok(place.map(|place| self.0[..place.key.start].matches('\n').count() + 1))
    }

    /// The same text with this value, which is as it stands in a file, under a key.
    ///
    /// # Errors
    /// [`BadConfig`], if the text makes no sense, now or then.
    pub fn with(&self, setting: &HomeSetting, value: &str) -> Result<Self, BadConfig> {
        let (table, name) = setting.place();
        let mut text = self.0.clone();
        if let Some(place) = self.place_of(setting.key)? {
            text.replace_range(place.value, value);
        } else if let Some(end) = self.end_of(table)? {
            let begin = if self.0[..end].ends_with('\n') { "" } else { "\n" };
            text.insert_str(end, &format!("{begin}{name} = {value}\n"));
        } else {
            let begin = match self.0.as_str() {
                "" => "",
                text if text.ends_with('\n') => "\n",
                _ => "\n\n",
            };
            text.push_str(&format!("{begin}[{table}]\n{name} = {value}\n"));
        }
        self.changed(text, setting.key, Some(value))
    }

    /// The same text without a key, known or not: its line goes, and of comments only that which says of a known key what
    /// it is for.
    ///
    /// # Errors
    /// [`BadConfig`], if the text makes no sense then.
    pub fn without(&self, key: &str) -> Result<Self, BadConfig> {
        let Some(place) = self.place_of(key)? else { return Ok(self.clone()) };
        let start = self.0[..place.key.start].rfind('\n').map_or(0, |end| end + 1);
        let end = self.0[place.value.end..].find('\n').map_or(self.0.len(), |end| place.value.end + end + 1);
        let (before, after) = (&self.0[start..place.key.start], self.0[place.value.end..end].trim());
        let is_whole = before.trim().is_empty() || is_dotted(before, key);
        if !is_whole || !(after.is_empty() || after.starts_with('#')) {
            return Err(BadConfig::Senseless { key: key.to_owned(), problem: ENTANGLED });
        }
        let about =
            HomeSetting::find(key).map(|setting| format!("# {}\n", setting.about)).unwrap_or_default();
        let start = if self.0[..start].ends_with(&about) { start - about.len() } else { start };
        let mut text = self.0.clone();
        text.replace_range(start..end, "");
        self.changed(text, key, None)
    }

    /// The changed text, if it says the same as before but for this key.
    fn changed(&self, text: String, key: &str, value: Option<&str>) -> Result<Self, BadConfig> {
        let changed = Self(text);
        let entangled = || BadConfig::Senseless { key: key.to_owned(), problem: ENTANGLED };
        // What made no sense before can only have become better.
        let before = self.settings().ok();
        let now = changed.settings().map_err(|error| if before.is_some() { entangled() } else { error })?;
        let kept = before.is_none_or(|before| {
            let pairs = before.list().into_iter().zip(now.list());
            pairs.filter(|(before, _)| before.key != key).all(|(before, now)| before.value == now.value)
        });
        let is_there = value.is_none_or(|value| {
            now.list().iter().any(|setting| setting.key == key && setting.value == value)
        });
        if kept && is_there { Ok(changed) } else { Err(entangled()) }
    }

    fn place_of(&self, key: &str) -> Result<Option<KeyPlace>, BadConfig> {
        let file = DeTable::parse(&self.0).map_err(|error| syntax(&self.0, &error))?;
        let (table, name) = key.split_once('.').unwrap_or(("", key));
        let inner = if table.is_empty() { Some(file.get_ref()) } else { table_of(file.get_ref(), table) };
        let found = inner.and_then(|inner| inner.iter().find(|(known, _)| known.get_ref() == name));
        Ok(found.map(|(key, value)| KeyPlace { key: key.span(), value: value.span() }))
    }

    /// Where another line of a table goes: behind its last, or behind its head.
    fn end_of(&self, table: &str) -> Result<Option<usize>, BadConfig> {
        let file = DeTable::parse(&self.0).map_err(|error| syntax(&self.0, &error))?;
        let Some(inner) = table_of(file.get_ref(), table) else { return Ok(None) };
        let behind = |place: usize| self.0[place..].find('\n').map_or(self.0.len(), |end| place + end + 1);
        let last = inner.values().map(|value| value.span().end).max();
        let head =
            file.get_ref().iter().find(|(known, _)| known.get_ref() == table).map(|(key, _)| key.span().end);
        Ok(last.or(head).map(behind))
    }
}

/// Where a key and its value stand.
struct KeyPlace {
    key: Range<usize>,
    value: Range<usize>,
}

/// Whether what stands before the last name of a key is its table and a dot: such a line says nothing else either.
fn is_dotted(before: &str, key: &str) -> bool {
    let table = key.split_once('.').map(|(table, _)| table);
    let named = before.trim().strip_suffix('.').map(|named| named.trim().trim_matches(['"', '\'']));
    named.is_some() && named == table
}

fn table_of<'a>(file: &'a DeTable<'_>, name: &str) -> Option<&'a DeTable<'a>> {
    let (_, value) = file.iter().find(|(known, _)| known.get_ref() == name)?;
    if let DeValue::Table(table) = value.get_ref() { Some(table) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "# mine\n[client] # money\n# not much\ncost_max = \"0.5\" # of late\n\n# later\n\n[daemon]\n\
                           listen = [\n  \"/ip4/0.0.0.0/tcp/4001\", # here\n]\nworkers = 2";

    fn set(text: &str, key: &str, typed: &str) -> Result<String, BadConfig> {
        let setting = HomeSetting::find(key)?;
        let value = setting.read(typed)?;
        Ok(SettingsText::new(text.to_owned()).with(&setting, &value)?.0)
    }

    #[test]
    fn a_value_is_changed_and_every_word_around_it_stays() {
        let cases = [
            ("client.cost_max", "2", "cost_max = \"0.5\"", "cost_max = \"2.00\""),
            ("daemon.workers", "4", "workers = 2", "workers = 4"),
            (
                "daemon.listen",
                "/ip4/0.0.0.0/tcp/1, /ip4/0.0.0.0/tcp/2",
                "[\n  \"/ip4/0.0.0.0/tcp/4001\", # here\n]",
                "[\"/ip4/0.0.0.0/tcp/1\", \"/ip4/0.0.0.0/tcp/2\"]",
            ),
            ("client.run_max", "2m", "# of late\n", "# of late\nrun_max = \"2m\"\n"),
            ("daemon.device", "processor", "workers = 2", "workers = 2\ndevice = \"processor\"\n"),
        ];
        for (key, typed, from, to) in cases {
            assert_eq!(set(WRITTEN, key, typed).unwrap(), WRITTEN.replacen(from, to, 1), "{key}");
        }
    }

    #[test]
    fn a_table_that_is_missing_is_begun() {
        let begun = "[client]\ncost_max = \"2.00\"\n";
        assert_eq!(set("", "client.cost_max", "2").unwrap(), begun);
        assert_eq!(set("# mine", "client.cost_max", "2").unwrap(), format!("# mine\n\n{begun}"));
        assert_eq!(set("[client]", "client.cost_max", "2").unwrap(), begun);
        assert_eq!(set("[client]\n", "client.cost_max", "2").unwrap(), begun);
    }

    #[test]
    fn what_cannot_be_changed_alone_is_left_to_its_owner() {
        for text in ["client = { cost_max = \"1\" }\n", "client.cost_max = \"1\"\ndaemon.workers = 1\n"] {
            assert!(set(text, "client.cost_max", "2").is_ok(), "{text}");
            let added = set(text, "client.run_max", "2s").unwrap_err();
            assert!(matches!(added, BadConfig::Senseless { .. }), "{added}");
        }
        let inline = SettingsText::new("client = { cost_max = \"1\" }\n".to_owned());
        assert!(matches!(inline.without("client.cost_max"), Err(BadConfig::Senseless { .. })));
    }

    #[test]
    fn each_value_that_makes_no_sense_is_a_fault_unless_it_did_so_before() {
        let text = "[daemon]\nlisten = [\"port 4001\"]\n[client]\nrun_max = 5\nattempts_max = 0\ncostmax = 1\n[clint]\n";
        let told = |before: &Settings| {
            let faults = SettingsText::new(text.to_owned()).faults(before);
            faults.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let mut before = Settings::default();
        let all = told(&before);
        let some = |begin: &str| all.iter().any(|fault| fault.starts_with(begin));
        assert!(some("daemon.listen is [\"port 4001\"]: expected addresses such as"), "{all:?}");
        assert!(some("client.run_max is 5: expected a time"), "{all:?}");
        assert!(some("client.attempts_max is 0: expected a whole number from 1"), "{all:?}");
        assert!(some("client.costmax is no known key; is client.cost_max meant?"), "{all:?}");
        assert!(some("clint is no known key"), "{all:?}");
        assert_eq!(all.len(), 5, "{all:?}");
        before.daemon.listen = vec!["port 4001".to_owned()];
        before.client.attempts_max = 0;
        assert_eq!(told(&before).len(), 3, "what nobody changed is let be");
        assert!(SettingsText::new(WRITTEN.to_owned()).faults(&before).is_empty());
        let broken = SettingsText::new("[client]\ncost_max = \n".to_owned()).faults(&before);
        assert!(matches!(broken[..], [BadConfig::Syntax { line: 2, .. }]), "{broken:?}");
    }

    #[test]
    fn a_key_goes_with_its_line_and_what_explains_it() {
        let without = |text: &str, key: &str| SettingsText::new(text.to_owned()).without(key).unwrap().0;
        assert_eq!(
            without(WRITTEN, "client.cost_max"),
            WRITTEN.replacen("cost_max = \"0.5\" # of late\n", "", 1)
        );
        assert_eq!(without(WRITTEN, "daemon.workers"), WRITTEN.replacen("workers = 2", "", 1));
        assert_eq!(without(WRITTEN, "client.run_max"), WRITTEN);
        let documented = Settings::default().to_documented_toml();
        let mut text = SettingsText::new(documented);
        for setting in Settings::default().list() {
            text = text.without(setting.key).unwrap();
        }
        assert_eq!(text.text(), "[daemon]\n\n[client]\n\n[provider]\n\n[gateway]\n");
        assert_eq!(
            without("[client]\ncostmax = \"1\"\n", "client.costmax"),
            "[client]\n",
            "what is wrong goes too"
        );
        let dotted = "client.cost_max = \"1\" # of late\nclient.costmax = 2\n\"daemon\" . workers = 1\n";
        let left = without(dotted, "client.costmax");
        assert_eq!(left, dotted.replacen("client.costmax = 2\n", "", 1));
        assert_eq!(without(&left, "client.cost_max"), "\"daemon\" . workers = 1\n");
        assert_eq!(without(&left, "daemon.workers"), "client.cost_max = \"1\" # of late\n");
    }

    #[test]
    fn what_may_not_stand_there_is_refused_before_anything_is_changed() {
        let cases = [
            ("client.costmax", "1", "client.costmax is no known key; is client.cost_max meant?"),
            ("cost_max", "1", "cost_max is no known key; is client.cost_max meant?"),
            (
                "client.cost_max",
                "much",
                "client.cost_max is \"much\": expected credits such as \"12\" or \"0.0035\"",
            ),
            ("daemon.workers", "1\nx = 1", "daemon.workers is \"1\\nx = 1\": expected a whole number"),
        ];
        for (key, typed, message) in cases {
            assert_eq!(set(WRITTEN, key, typed).unwrap_err().to_string(), message);
        }
        let broken = set("[client]\ncost_max = \n", "client.cost_max", "1").unwrap_err();
        assert!(matches!(broken, BadConfig::Syntax { line: 2, .. }), "{broken}");
    }
}
