//! Why a daemon does not start, or ended on its own, as failures.

use std::{io::ErrorKind, path::Path};

use assay_peer::{
    config::Home,
    daemon::DaemonError,
    home::{LockError, Locked},
    journal::OpenError,
    network::NetworkError,
};
use serde_json::json;

use super::{CommandError, Exit};
use crate::printer::{shell_path, short};

/// What helps where the end of a journal is lost.
const WITHOUT_TAIL: &str = "put back the newest copy of the whole home; who keeps no books may go on without what is lost \
                            with `assay up --accept-lost-tail`: open jobs of that time may end as if this peer had been away";

/// What helps a notary there, which goes on with all of its journal or not at all.
const NOTARY_WITHOUT_TAIL: &str = "put back the newest copy of the whole home: a notary never goes on without what it said; `assay \
                                   notary recover` says what is left to do without one; nothing was signed";

/// What helps where no socket can be.
pub(super) const SHORTER_HOME: &str = "choose a --home with a shorter path, on a local disk that you own";

impl From<LockError> for CommandError {
    fn from(error: LockError) -> Self {
        match &error {
            LockError::Locked(Locked { pid }) => {
                let hint = "use that one, or end it with `assay down`";
                Self::new(Exit::Daemon, "HOME_IN_USE", &error, hint).with(json!({ "process": pid }))
            }
            LockError::Exposed { home, .. } => {
                let hint = format!("run `chmod -R go= {}`", shell_path(home));
                Self::new(Exit::Forbidden, "HOME_EXPOSED", &error, hint)
            }
            LockError::Disk { error: disk, .. } => {
                let hint = match disk.kind() == ErrorKind::PermissionDenied {
                    true => "run it as who owns that folder, or name one of your own with --home DIR",
                    false => "check who owns the home and whether its disk is full",
                };
                Self::new(Exit::Forbidden, "HOME_UNWRITABLE", &error, hint)
            }
        }
    }
}

impl CommandError {
    /// The same failure of a home that keeps books: nobody else may be told to go on without the end of a journal.
    #[must_use]
    pub(crate) fn of_notary(self) -> Self {
        if self.hint == WITHOUT_TAIL { Self { hint: NOTARY_WITHOUT_TAIL.to_owned(), ..self } } else { self }
    }
}

impl From<DaemonError> for CommandError {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::Lock(error) => error.into(),
            DaemonError::Key(error) => error.into(),
            DaemonError::File(error) => error.into(),
            DaemonError::Journal(error) => unopened(&error),
            DaemonError::Read(_) => Self::new(Exit::Problem, "JOURNAL_DAMAGED", &error, WITHOUT_TAIL),
            DaemonError::Behind { has_begun, .. } => {
                let signed = match has_begun {
                    true => "it has signed since it was started, and whoever heard both leaves it for good",
                    false => "nothing was signed",
                };
                let hint = format!(
                    "this is an older copy of its home: keep it, and put back the newest, which alone may go on; `assay notary \
                     recover` says what is left to do without one; {signed}"
                );
                Self::new(Exit::Problem, "NOTARY_BEHIND", &error, hint)
            }
            DaemonError::Forgetful => Self::new(
                Exit::Forbidden,
                "NOTARY_WOULD_FORK",
                &error,
                "put back the newest copy of the whole home; every peer leaves a notary that keeps two journals",
            ),
            DaemonError::Record { .. } => Self::new(
                Exit::Daemon,
                "WRONG_VERSION",
                &error,
                "start it with the version that wrote it, or a later one",
            ),
            DaemonError::Index(_) => Self::new(
                Exit::Other,
                "INDEX",
                &error,
                "move the folder `index` in the home aside; it is made again",
            ),
            DaemonError::HomeGone { ref home } => {
                let hint =
                    format!("this daemon says nothing more in its peer's name; {}", where_it_went(home, "up"));
                Self::new(Exit::NotFound, "HOME_GONE", &error, hint)
            }
            DaemonError::Network(error) => unjoined(&error),
            DaemonError::Socket { .. } => Self::new(Exit::Forbidden, "SOCKET", &error, SHORTER_HOME),
            DaemonError::Fault { .. } => Self::new(
                Exit::Other,
                "FAULT",
                &error,
                "start it again with `assay up`, which loses nothing, and report the lines above and in daemon.log",
            )
            .retryable(),
            DaemonError::Blobs(_) | DaemonError::Broken(_) | DaemonError::System(_) => {
                let hint = "free some space in the home, check who owns it, and start it again";
                Self::new(Exit::Other, "DISK", &error, hint)
            }
        }
    }
}

/// What helps where a home is gone under a command that goes on until somebody ends it: one that was moved is whole, and another may
/// be in its place.
pub(super) fn where_it_went(home: &Path, command: &str) -> String {
    match Home::at(home).network().exists() {
        true => format!("start what is there now with `assay {command}`"),
        false => format!("if it was moved, start it where it is now: `assay {command} --home DIR`"),
    }
}

/// A network that cannot be joined.
fn unjoined(error: &NetworkError) -> CommandError {
    match error {
        NetworkError::Listen { .. } => {
            let hint = "end what listens there, or listen elsewhere: `assay config set daemon.listen /ip4/0.0.0.0/tcp/4001` from \
                        now on, `assay up --listen ADDR` this once; others look for a notary where the network's file says";
            CommandError::new(Exit::Usage, "NOT_LISTENING", error, hint)
        }
        NetworkError::Address { .. } => {
            let hint = "correct it in the home's network.toml: addresses are no part of the rules";
            CommandError::new(Exit::Usage, "BAD_NETWORK_FILE", error, hint)
        }
        NetworkError::Setup { .. } | NetworkError::Closed => CommandError::new(
            Exit::Other,
            "NO_NETWORK",
            error,
            "start it again; `assay doctor` says what else is wrong",
        ),
    }
}

/// A journal that does not open.
fn unopened(error: &OpenError) -> CommandError {
    match error {
        OpenError::OtherNetwork { .. } => {
            let hint = "put the network file back that this home was made with, or join the other network from a home of its \
                        own (`--home DIR`)";
            CommandError::new(Exit::Usage, "OTHER_NETWORK", error, hint)
        }
        OpenError::Foreign { owner } => {
            let hint = format!(
                "the key in this home is another peer's: move identity.key aside, and put back that of {} with `assay key \
                 restore FILE`, or the newest copy of its whole home; nothing was changed",
                short(owner)
            );
            CommandError::new(Exit::Problem, "OTHER_KEY", error, hint)
        }
        OpenError::LostTail { .. } => CommandError::new(Exit::Problem, "JOURNAL_CUT", error, WITHOUT_TAIL),
        OpenError::NoBeginning { .. } => {
            let hint = "start it with the version that wrote its snapshots, or put back the newest copy of the whole home";
            CommandError::new(Exit::Problem, "SNAPSHOTS_LOST", error, hint)
        }
        OpenError::NotAJournal | OpenError::Damaged { .. } => {
            CommandError::new(Exit::Problem, "JOURNAL_DAMAGED", error, WITHOUT_TAIL)
        }
        OpenError::Disk(_) => {
            let hint = "check who owns the home, and whether its disk is full or cannot be read; then start it again";
            CommandError::new(Exit::Other, "DISK", error, hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_told_to_start_what_is_there_finds_something_there() {
        let folder = tempfile::tempdir().unwrap();
        let hint = || {
            let failure = CommandError::from(DaemonError::HomeGone { home: folder.path().to_owned() });
            assert_eq!(failure.exit(), Exit::NotFound);
            let [_, hint] = failure.lines();
            hint.to_owned()
        };
        let nothing = hint();
        assert!(nothing.ends_with("start it where it is now: `assay up --home DIR`"), "{nothing}");
        std::fs::write(Home::at(folder.path()).network(), "").unwrap();
        let another = hint();
        assert!(another.ends_with("; start what is there now with `assay up`"), "{another}");
    }
}
