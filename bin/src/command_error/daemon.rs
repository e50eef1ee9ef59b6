//! Why a daemon does not start, or ended on its own, as failures.

use assay_peer::{
    daemon::DaemonError,
    home::{LockError, Locked},
};
use serde_json::json;

use super::{CommandError, Exit};

impl From<LockError> for CommandError {
    fn from(error: LockError) -> Self {
        match &error {
            LockError::Locked(Locked { pid }) => {
                let hint = "use that one, or end it with `assay down`";
                Self::new(Exit::Daemon, "HOME_IN_USE", &error, hint).with(json!({ "process": pid }))
            }
            LockError::Disk(_) => Self::new(
                Exit::Forbidden,
                "HOME_UNWRITABLE",
                &error,
                "check who owns the home and whether its disk is full",
            ),
        }
    }
}

impl From<DaemonError> for CommandError {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::Lock(error) => error.into(),
            DaemonError::Key(error) => error.into(),
            DaemonError::File(error) => error.into(),
            DaemonError::Journal(_) | DaemonError::Read(_) => {
                let hint = "put the home back from a backup; the journal is what this peer must not forget";
                Self::new(Exit::Other, "JOURNAL_DAMAGED", &error, hint)
            }
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
                "remove the folder `index` in the home; it is made again",
            ),
            DaemonError::Network(_) => Self::new(
                Exit::Usage,
                "NOT_LISTENING",
                &error,
                "choose another --listen, such as /ip4/0.0.0.0/tcp/0",
            ),
            DaemonError::Socket { .. } => Self::new(
                Exit::Forbidden,
                "SOCKET",
                &error,
                "choose a --home with a shorter path, on a local disk that you own",
            ),
            DaemonError::Blobs(_) | DaemonError::Broken(_) | DaemonError::System(_) => {
                let hint = "free some space in the home, check who owns it, and start it again";
                Self::new(Exit::Other, "DISK", &error, hint)
            }
        }
    }
}
