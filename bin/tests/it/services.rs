//! The service of a home, before a manager that only writes down what it is asked: there is none on most machines that build
//! this.
#![cfg(target_os = "linux")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{
    assay::{Ran, assay_among},
    homes::Homestead,
};

/// A user whose `systemctl` writes down what it is asked.
struct User {
    folder: tempfile::TempDir,
    homestead: Homestead,
}

impl User {
    fn new(answer: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("systemctl");
        fs::write(&program, format!("#!/bin/sh\necho \"$@\" >> \"$HOME/asked\"\n{answer}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, homestead: Homestead::new(false) }
    }

    fn home(&self) -> &Path {
        self.homestead.home.root()
    }

    fn types(&self, arguments: &[&str]) -> Ran {
        self.types_in(self.home(), arguments)
    }

    fn types_in(&self, home: &Path, arguments: &[&str]) -> Ran {
        let path = self.folder.path().to_str().unwrap();
        let variables =
            [("HOME", path), ("XDG_CONFIG_HOME", path), ("PATH", &format!("{path}:/bin:/usr/bin"))];
        assay_among(home, &variables, arguments)
    }

    /// What its manager was asked since this was looked at.
    fn asked(&self) -> Vec<String> {
        let file = self.folder.path().join("asked");
        let asked = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(file);
        asked.lines().map(str::to_owned).collect()
    }

    fn units(&self) -> Vec<PathBuf> {
        let folder = self.folder.path().join("systemd/user");
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

#[test]
fn a_service_is_installed_asked_about_and_taken_away() {
    let user = User::new("[ \"$2\" = is-active ] && echo active\nexit 0");
    let nowhere = user.folder.path().join("nowhere");
    let homeless = user.types_in(&nowhere, &["service", "install"]);
    assert_eq!(homeless.status, Some(3), "{homeless:?}");
    assert_eq!(user.types(&["service", "status"]).status, Some(3), "none is installed");
    let printed = user.types(&["service", "install", "--print"]);
    assert_eq!(user.types(&["service", "install", "--print", "--json"]).document()["installed"], false);
    let command = format!("\"--home\" \"{}\" \"up\"", user.home().display());
    assert!(printed.stdout.contains(&command), "{printed:?}");
    let serving = user.types(&["service", "install", "--print", "--serve", "127.0.0.1:11436"]);
    assert!(serving.stdout.contains(&format!("{command} \"--serve\" \"127.0.0.1:11436\"\n")), "{serving:?}");
    let serving = user.types(&["service", "install", "--serve", "--print"]);
    assert!(serving.stdout.contains(&format!("{command} \"--serve\"\n")), "as the settings say: {serving:?}");
    assert!(user.units().is_empty() && user.asked().is_empty(), "it was only printed");

    let installed = user.types(&["service", "install"]);
    assert_eq!(installed.status, Some(0), "{installed:?}");
    let units = user.units();
    let name = units[0].file_name().unwrap().to_str().unwrap();
    assert_eq!(fs::read_to_string(&units[0]).unwrap(), printed.stdout);
    let asked = [
        "--user daemon-reload".to_owned(),
        format!("--user enable {name}"),
        format!("--user restart {name}"),
    ];
    assert_eq!(user.asked(), asked);
    assert!(user.types(&["service", "status"]).stdout.ends_with(": active\n"));
    assert_eq!(user.types(&["service", "status", "--json"]).document()["state"], "active");
    user.asked();

    assert!(user.types(&["service", "remove", "--json"]).document()["service"].is_string());
    assert_eq!(user.asked(), [format!("--user disable --now {name}"), "--user daemon-reload".to_owned()]);
    assert!(user.units().is_empty() && user.home().exists());
    assert_eq!(user.types(&["service", "remove"]).status, Some(3));
}

#[test]
fn what_the_manager_says_is_told_in_a_line() {
    let user = User::new("echo 'Failed to connect to bus:' >&2\necho 'No medium found' >&2\nexit 1");
    let failed = user.types(&["service", "install"]);
    assert_eq!(failed.status, Some(1));
    let line = "error: systemctl says: Failed to connect to bus: No medium found\n";
    assert!(failed.stderr.starts_with(line) && failed.stderr.contains("enable-linger"), "{failed:?}");
    assert!(user.units().is_empty(), "nothing is left of it");
}

#[test]
fn what_cannot_be_stopped_is_taken_away_all_the_same() {
    let user = User::new("[ \"$2\" = disable ] && { echo 'Access denied' >&2; exit 1; }\nexit 0");
    assert_eq!(user.types(&["service", "install"]).status, Some(0));
    let removed = user.types(&["service", "remove"]);
    assert_eq!(removed.status, Some(1));
    assert!(removed.stderr.contains("may still run: systemctl says: Access denied"), "{removed:?}");
    assert!(user.units().is_empty());
}
