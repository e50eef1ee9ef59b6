//! The settings file of a home, changed whole or not at all.
//!
//! **Invariant:** a file that makes no sense is never put in place of one; of two that change it at a time neither is
//! lost.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

use super::{
    home::Home,
    network::{ConfigError, read_bounded},
    section::BadConfig,
    settings_text::SettingsText,
};
use crate::system::{private, sync_folder};

/// The settings file of a home, which nobody else changes for as long as this lives.
#[derive(Debug)]
pub struct SettingsFile {
    path: PathBuf,
    text: SettingsText,
    is_there: bool,
    _lock: File,
}

impl SettingsFile {
    /// Reads the file of a home, whether what it says makes sense or not.
    ///
    /// # Errors
    /// [`ConfigError::Disk`].
    pub fn open(home: &Home) -> Result<Self, ConfigError> {
        let path = home.settings();
        let disk = |error: io::Error| ConfigError::Disk { file: path.display().to_string(), error };
        let lock = private().create(true).truncate(false).write(true).open(path.with_extension("lock"));
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock)).map_err(disk)?;
        let found = match read_bounded(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(disk(error)),
        };
        let is_there = found.is_some();
        Ok(Self { path, text: SettingsText::new(found.unwrap_or_default()), is_there, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// What it says, to the word.
    #[must_use]
    pub fn text(&self) -> &SettingsText {
        &self.text
    }

    /// What it says, once others may change it.
    #[must_use]
    pub fn into_text(self) -> SettingsText {
        self.text
    }

    /// Whether there is one.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.is_there
    }

    /// Puts this text in its place, as a file of its owner's alone.
    ///
    /// # Errors
    /// [`ConfigError`]; then it says what it said.
    pub fn put(&mut self, text: SettingsText) -> Result<(), ConfigError> {
        let file = self.path.display().to_string();
        if let Err(error) = text.settings() {
            return Err(ConfigError::BadSettings { file, error });
        }
        self.write(&text).map_err(|error| ConfigError::Disk { file, error })?;
        (self.text, self.is_there) = (text, true);
        Ok(())
    }

    /// Says of a problem in which file it is.
    #[must_use]
    pub fn blame(&self, error: BadConfig) -> ConfigError {
        ConfigError::BadSettings { file: self.path.display().to_string(), error }
    }

    fn write(&self, text: &SettingsText) -> io::Result<()> {
        // A link stays one, and what it leads to is changed.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let beside = path.with_extension("new");
        // What is left of a write that was interrupted is nobody's: the lock is held.
        if let Err(error) = fs::remove_file(&beside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = private().create_new(true).write(true).open(&beside)?;
        file.write_all(text.text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        path.parent().map_or(Ok(()), sync_folder)
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, thread};

    use super::*;
    use crate::config::HomeSetting;

    #[test]
    fn a_file_is_changed_whole_or_not_at_all_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        fs::write(home.settings(), "# mine\n").unwrap();
        fs::set_permissions(home.settings(), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(home.settings().with_extension("new"), "half of").unwrap();
        let mut file = SettingsFile::open(&home).unwrap();
        let refused = file.put(SettingsText::new("[client]\ncost = 1\n".to_owned())).unwrap_err();
        assert!(matches!(refused, ConfigError::BadSettings { .. }), "{refused}");
        assert_eq!(fs::read_to_string(home.settings()).unwrap(), "# mine\n");
        file.put(SettingsText::new("# mine\n[client]\ncost_max = \"2\"\n".to_owned())).unwrap();
        assert_eq!(fs::read_to_string(home.settings()).unwrap(), file.text().text());
        assert_eq!(fs::metadata(home.settings()).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!home.settings().with_extension("new").exists());
    }

    #[test]
    fn what_many_change_at_a_time_is_changed_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let all = ["client.cost_max", "client.unit_price_max", "client.attempts_max", "daemon.workers"];
        thread::scope(|scope| {
            for key in all {
                scope.spawn(|| {
                    let setting = HomeSetting::find(key).unwrap();
                    let mut file = SettingsFile::open(&home).unwrap();
                    let text = file.text().with(&setting, &setting.read("7").unwrap()).unwrap();
                    file.put(text).unwrap();
                });
            }
        });
        let text = fs::read_to_string(home.settings()).unwrap();
        assert_eq!(text.matches("= \"7.00\"").count() + text.matches("= 7").count(), all.len(), "{text}");
    }
}
