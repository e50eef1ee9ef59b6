//! What lies in the home: rules, key, settings, journal, and the disk under them.
//!
//! **Invariant:** while a daemon runs, the journal is its own, and it is asked instead of the disk.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process,
};

use assay_peer::{
    checkup::{self, HomeFigures},
    config::{DaemonSettings, Home, NetworkFile},
    handle::StatusView,
    home,
    network::{USUAL_PORT, can_listen},
    system::free_bytes,
};
use assay_protocol::signed::Signer;

use super::{
    super::status::{disk, is_short},
    Finding,
};
use crate::{
    command_error::{CommandError, Exit},
    daemon::unwritable,
    invocation::Invocation,
    printer::{called, number_of, short},
};

pub(super) fn look(
    invocation: &Invocation,
    settings_failure: Option<&CommandError>,
    settings: &DaemonSettings,
    status: Option<&StatusView>,
    findings: &mut Vec<Finding>,
) {
    let home = &invocation.home;
    let file = match invocation.network() {
        Ok(file) => {
            let name = called(&file.genesis.name);
            findings.push(Finding::fine("network", format!("{name} ({})", short(file.genesis.id()))));
            Some(file)
        }
        Err(failure) => {
            findings.push(Finding::problem("network", &failure));
            None
        }
    };
    if home.root().exists() {
        findings.push(privacy(home));
        findings.push(disk_room(home, settings, status));
    }
    findings.extend(settings_failure.map(|failure| Finding::problem("settings", failure)));
    let key = home.key().map_err(CommandError::from);
    match &key {
        Ok(key) => findings.push(Finding::fine("key", format!("that of peer {}", short(key.id())))),
        // Without rules there is no peer, and that was said.
        Err(failure) if file.is_some() => findings.push(Finding::problem("key", failure)),
        Err(_) => {}
    }
    if let (Some(file), Ok(key)) = (&file, &key) {
        let keeps_books = file.genesis.notaries.contains(&key.id());
        findings.push(journal(home, file, keeps_books, status));
    }
    if status.is_none() {
        findings.extend(ports(settings));
    }
}

fn privacy(home: &Home) -> Finding {
    let place = home.root().display();
    if let Err(error) = home::check(home.root()) {
        return Finding::problem("home", &error.into());
    }
    match try_to_write(home.root()) {
        Ok(()) => Finding::fine("home", format!("{place}, open to nobody else")),
        Err(error) => {
            let other = || {
                let hint = "check who owns the home and whether its disk is full";
                let message = format!("the home {place} cannot be written: {error}");
                CommandError::new(Exit::Forbidden, "HOME_UNWRITABLE", message, hint)
            };
            Finding::problem("home", &unwritable(home, &error).unwrap_or_else(other))
        }
    }
}

/// Writes a file into a folder as nearly every command does, and removes it.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".tried-{}", process::id()));
    let written = File::create_new(&path)?.write_all(b"whether a file can be written here");
    fs::remove_file(&path)?;
    written
}

fn disk_room(home: &Home, settings: &DaemonSettings, status: Option<&StatusView>) -> Finding {
    let seen = status.map(|status| (status.disk_free, status.disk_floor));
    let (free, floor) = seen.unwrap_or_else(|| (free_bytes(home.root()), settings.free_bytes_min));
    let said = disk(free, floor);
    if !is_short(free, floor) {
        return Finding::fine("disk", said);
    }
    let hint = "free some space, or lower daemon.free_bytes_min in the home's config.toml";
    Finding::problem("disk", &CommandError::new(Exit::Other, "NO_ROOM", said, hint))
}

fn journal(home: &Home, file: &NetworkFile, keeps_books: bool, status: Option<&StatusView>) -> Finding {
    let bytes = match checkup::bytes_in(&home.journal()) {
        Ok(bytes) => bytes / 1024,
        Err(error) => {
            let hint = "check who owns the home and whether its disk can be read";
            return Finding::problem("journal", &CommandError::new(Exit::Other, "DISK", error, hint));
        }
    };
    if let Some(status) = status {
        return Finding::fine(
            "journal",
            format!("{}, {bytes} KiB, in use", number_of(status.records, "record")),
        );
    }
    let HomeFigures { journal, snapshots, unusable, indexed } = match checkup::memory(home, file) {
        Ok(memory) => memory,
        Err(error) => {
            let failure = CommandError::from(error);
            let failure = if keeps_books { failure.of_notary() } else { failure };
            return Finding::problem("journal", &failure);
        }
    };
    let Some(journal) = journal else { return Finding::fine("journal", "none yet") };
    let (records, parts) = (number_of(journal.records, "record"), number_of(journal.parts, "part"));
    let said = format!("{records}, {bytes} KiB in {parts}, snapshots: {snapshots}");
    if unusable > 0 {
        let found = format!("{said}, and {unusable} that cannot be used");
        return Finding::warning("journal", found, "nothing: the one before, or the journal, is begun with");
    }
    if journal.torn_bytes > 0 {
        let found = format!("{said}, and {} bytes of a write that was cut short", journal.torn_bytes);
        return Finding::warning("journal", found, "nothing: nobody relied on it, the next start removes it");
    }
    if indexed.is_none() {
        let found = format!("{said}, and there is no index of it that would open");
        return Finding::warning("journal", found, "nothing: the next start makes it anew");
    }
    Finding::fine("journal", said)
}

/// Where a daemon would listen.
fn ports(settings: &DaemonSettings) -> Vec<Finding> {
    if settings.listen.is_empty() {
        let usual = format!("/ip4/0.0.0.0/tcp/{USUAL_PORT}");
        return vec![match can_listen(&usual) {
            Ok(()) => Finding::fine("ports", format!("{usual} is free for when this peer serves others")),
            Err(error) => Finding::warning(
                "ports",
                format!("once this peer serves others it takes any free port: {error}"),
                "name another one, so that a router can be told: `assay config set daemon.listen /ip4/0.0.0.0/tcp/4001`",
            ),
        }];
    }
    let found = settings.listen.iter().map(|address| match can_listen(address) {
        Ok(()) => Finding::fine("ports", format!("{address} can be listened on")),
        Err(error) => {
            let hint = "end whoever listens there, or name another place: `assay config set daemon.listen /ip4/0.0.0.0/tcp/4001`";
            Finding::problem("ports", &CommandError::new(Exit::Usage, "NOT_LISTENING", error, hint))
        }
    });
    found.collect()
}
