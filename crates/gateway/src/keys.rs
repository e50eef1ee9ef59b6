//! Who may use the gateway: keys, each with what it may do.
//!
//! **Invariant:** a key is shown once, when it is made; the file holds its digest. Where there is a key, nothing is done
//! without one.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use assay_protocol::{id::Digest, units::Amount};
use serde::{Deserialize, Serialize};

use crate::{batch::replace_with, credits};

/// What a key begins with, so that those who find one know what it is.
const PREFIX: &str = "assay-";
/// Random bytes of a key.
const SECRET_BYTES: usize = 24;
/// Characters of a key's name.
const NAME_MAX: usize = 64;
/// Keys of one gateway.
const KEYS_MAX: usize = 1_000;

/// One key, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// What its owner calls it.
    pub name: String,
    /// The digest of the key.
    pub digest: Digest,
    /// The most that its orders of a day may cost.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "credits")]
    pub daily_max: Option<Amount>,
    /// The models that it may ask, by the names that it uses; all if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

/// The keys of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKeys {
    /// Each of them.
    #[serde(default, rename = "key")]
    pub keys: Vec<AccessKey>,
}

/// Why keys are not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file is not one of keys.
    #[error("{} is no file of keys: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is one of this name.
    #[error("there is a key called {0} already")]
    Present(String),
    /// There is none.
    #[error("no key is called {0}")]
    Absent(String),
    /// A name that is none.
    #[error("a key's name has 1 to {NAME_MAX} letters, digits, - or _")]
    Name,
    /// There are too many.
    #[error("there are {KEYS_MAX} keys already")]
    TooMany,
    /// The disk failed, or there is no randomness.
    #[error("{}: {error}", path.display())]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl AccessKeys {
    /// Those of a file; none where there is none.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(KeysError::Disk { path: path.to_owned(), error }),
        };
        toml::from_str(&text).map_err(|error| KeysError::Malformed {
            path: path.to_owned(),
            reason: error.message().to_owned(),
        })
    }

    /// Writes them to a file, whole or not at all: for its owner alone, and whoever may read the one that is there.
    ///
    /// # Errors
    /// [`KeysError::Disk`].
    pub fn write(&self, path: &Path) -> Result<(), KeysError> {
        let disk = |error: io::Error| KeysError::Disk { path: path.to_owned(), error };
        let text = toml::to_string_pretty(self).map_err(|error| disk(io::Error::other(error)))?;
        replace_with(path, |file| file.write_all(text.as_bytes())).map_err(disk)
    }

    /// Changes those of a file: of two that are changed at a time both changes last, so that no key comes back that was taken
    /// away meanwhile.
    ///
    /// # Errors
    /// [`KeysError`]; nothing is changed then.
    pub fn change<T>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, KeysError>,
    ) -> Result<T, KeysError> {
        let lock_path = path.with_extension("lock");
        let disk = |error: io::Error| KeysError::Disk { path: lock_path.clone(), error };
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(disk)?;
        lock.lock().map_err(disk)?;
        let mut keys = Self::read(path)?;
        let changed = change(&mut keys)?;
        keys.write(path)?;
        Ok(changed)
    }

    /// Makes another; gives what its owner has to know, which stands nowhere else.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn add(
        &mut self,
        name: &str,
        daily_max: Option<Amount>,
        models: Vec<String>,
    ) -> Result<String, KeysError> {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_name) {
            return Err(KeysError::Name);
        }
        if self.keys.iter().any(|key| key.name == name) {
            return Err(KeysError::Present(name.to_owned()));
        }
        if self.keys.len() >= KEYS_MAX {
            return Err(KeysError::TooMany);
        }
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| KeysError::Disk { path: PathBuf::new(), error: io::Error::other(error) })?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = format!("{PREFIX}{digits}");
        let digest = Digest::of(secret.as_bytes());
        self.keys.push(AccessKey { name: name.to_owned(), digest, daily_max, models });
        Ok(secret)
    }

    /// Takes one away.
    ///
    /// # Errors
    /// [`KeysError::Absent`].
    pub fn remove(&mut self, name: &str) -> Result<(), KeysError> {
        let before = self.keys.len();
        self.keys.retain(|key| key.name != name);
        if self.keys.len() == before { Err(KeysError::Absent(name.to_owned())) } else { Ok(()) }
    }

    /// The key that somebody shows. It is looked up by its digest: how long that takes says nothing of the key.
    #[must_use]
    pub fn shown(&self, secret: &str) -> Option<&AccessKey> {
        let digest = Digest::of(secret.as_bytes());
        self.keys.iter().find(|key| key.digest == digest)
    }
}

impl AccessKey {
    /// Whether it may ask a model that it calls so.
    pub(crate) fn may_ask(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|allowed| allowed == model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_digest_alone_and_for_as_long_as_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let mut keys = AccessKeys::read(&path).unwrap();
        assert_eq!(keys, AccessKeys::default());
        let secret = keys.add("phone", Some(Amount::credits(5)), vec!["poet".to_owned()]).unwrap();
        keys.add("laptop", None, Vec::new()).unwrap();
        keys.write(&path).unwrap();
        assert!(!fs::read_to_string(&path).unwrap().contains(&secret));
        let mut read = AccessKeys::read(&path).unwrap();
        assert_eq!(read, keys);
        let phone = read.shown(&secret).unwrap();
        assert_eq!(
            (phone.name.as_str(), phone.may_ask("poet"), phone.may_ask("digits")),
            ("phone", true, false)
        );
        assert_eq!(read.shown(&secret[1..]), None);
        read.remove("phone").unwrap();
        assert_eq!(read.shown(&secret), None);
        assert!(matches!(read.remove("phone"), Err(KeysError::Absent(_))));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_keys_is_its_owners_and_whoever_else_may_read_it_still_may_once_it_changes() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let mut keys = AccessKeys::default();
        keys.write(&path).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        keys.add("phone", None, Vec::new()).unwrap();
        keys.write(&path).unwrap();
        assert_eq!(mode(), 0o640, "a gateway that another account runs would let nobody in");
    }

    #[test]
    fn names_are_words_and_no_two_keys_have_one() {
        let mut keys = AccessKeys::default();
        keys.add("phone", None, Vec::new()).unwrap();
        assert!(matches!(keys.add("phone", None, Vec::new()), Err(KeysError::Present(_))));
        for name in ["", "a b", "\u{1b}[2J", &"a".repeat(65)] {
            assert!(matches!(keys.add(name, None, Vec::new()), Err(KeysError::Name)), "{name:?}");
        }
    }

    #[test]
    fn keys_that_are_made_at_the_same_time_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let make = |place: usize| {
            for number in 0..8 {
                let name = format!("key-{place}-{number}");
                AccessKeys::change(&path, |keys| keys.add(&name, None, Vec::new())).unwrap();
            }
        };
        std::thread::scope(|threads| {
            for place in 0..4 {
                threads.spawn(move || make(place));
            }
        });
        assert_eq!(AccessKeys::read(&path).unwrap().keys.len(), 32);
        let absent = AccessKeys::change(&path, |keys| {
            keys.keys.clear();
            keys.remove("none")
        });
        assert!(matches!(absent, Err(KeysError::Absent(_))));
        assert_eq!(AccessKeys::read(&path).unwrap().keys.len(), 32, "what failed changes nothing");
    }

    #[test]
    fn a_file_that_is_none_of_keys_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        for text in ["[[key]]\nname = 3", "[[key]]\nname = \"a\"\nsecret = \"b\"", "key ="] {
            fs::write(&path, text).unwrap();
            assert!(matches!(AccessKeys::read(&path), Err(KeysError::Malformed { .. })), "{text}");
        }
    }
}
