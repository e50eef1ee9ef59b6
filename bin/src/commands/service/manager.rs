//! Whoever keeps services running on this system, asked by its own program.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use assay_peer::config::Home;
use assay_protocol::id::Digest;

use super::unit;
use crate::{
    command_error::{CommandError, Exit},
    invocation::default_root,
    printer::short,
};

/// A service manager, and what a home's service is called there.
#[derive(Debug)]
pub(super) struct ServiceManager {
    kind: ManagerKind,
    name: String,
    folder: PathBuf,
}

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ManagerKind {
    Systemd,
    Launchd,
}

/// What is said of a service: the words of systemd, of which others have some.
const STATES: [&str; 7] =
    ["active", "reloading", "refreshing", "activating", "deactivating", "inactive", "failed"];

impl ServiceManager {
    /// The one of this system.
    pub(super) fn of(home: &Home) -> Result<Self, CommandError> {
        let none = |what: &str| {
            let hint = "have whatever starts programs here run `assay up`";
            CommandError::new(
                Exit::Usage,
                "NO_SERVICES",
                format!("services cannot be kept here: {what}"),
                hint,
            )
        };
        let folders = directories::BaseDirs::new().ok_or_else(|| none("this user has no home directory"))?;
        let (kind, folder) = match std::env::consts::OS {
            "linux" => (ManagerKind::Systemd, folders.config_dir().join("systemd/user")),
            "macos" => (ManagerKind::Launchd, folders.home_dir().join("Library/LaunchAgents")),
            other => return Err(none(&format!("{other} has no manager that this program knows"))),
        };
        Ok(Self { kind, name: name(home, kind), folder })
    }

    /// What the service is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The file that describes it.
    pub(super) fn file(&self) -> PathBuf {
        let ending = match self.kind {
            ManagerKind::Systemd => "service",
            ManagerKind::Launchd => "plist",
        };
        self.folder.join(format!("{}.{ending}", self.name))
    }

    /// What that file says of a daemon that is started with these arguments.
    pub(super) fn unit(&self, program: &Path, home: &Home, more: &[String]) -> Result<String, CommandError> {
        let (program, root, log) = (text(program)?, text(home.root())?, home.log());
        Ok(match self.kind {
            ManagerKind::Systemd => unit::systemd(program, root, more),
            ManagerKind::Launchd => unit::launchd(&self.name, program, root, more, text(&log)?),
        })
    }

    /// Where what the daemon says can be read.
    pub(super) fn log_hint(&self, home: &Home) -> String {
        match self.kind {
            ManagerKind::Systemd => format!("`journalctl --user -u {}` shows what it says", self.name),
            ManagerKind::Launchd => format!("what it says is in {}", home.log().display()),
        }
    }

    /// Starts it now, and whenever its user is there.
    pub(super) fn start(&self) -> Result<(), CommandError> {
        match self.kind {
            ManagerKind::Systemd => {
                ask("systemctl", &["--user", "daemon-reload"])?;
                ask("systemctl", &["--user", "enable", &self.unit_name()])?;
                // One that runs already is to run as it is described now.
                ask("systemctl", &["--user", "restart", &self.unit_name()])
            }
            ManagerKind::Launchd => {
                let file = self.file().display().to_string();
                // What is loaded already is not read again.
                let _ = output("launchctl", &["unload", &file]);
                ask("launchctl", &["load", "-w", &file])
            }
        }
    }

    /// Ends it, now and for later.
    pub(super) fn stop(&self) -> Result<(), CommandError> {
        match self.kind {
            ManagerKind::Systemd => ask("systemctl", &["--user", "disable", "--now", &self.unit_name()]),
            ManagerKind::Launchd => ask("launchctl", &["unload", "-w", &self.file().display().to_string()]),
        }
    }

    /// Has the manager know that its file is gone.
    pub(super) fn forget(&self) -> Result<(), CommandError> {
        match self.kind {
            ManagerKind::Systemd => ask("systemctl", &["--user", "daemon-reload"]),
            ManagerKind::Launchd => Ok(()),
        }
    }

    /// How it stands, in the manager's word: `active`, `inactive`, `failed` and such.
    pub(super) fn state(&self) -> Result<&'static str, CommandError> {
        match self.kind {
            ManagerKind::Systemd => {
                // Its exit status says the same once more.
                let output = output("systemctl", &["--user", "is-active", &self.unit_name()])?;
                match String::from_utf8_lossy(&output.stdout).trim() {
                    "" => Err(said_no("systemctl", &output)),
                    said => Ok(STATES.into_iter().find(|state| *state == said).unwrap_or("unknown")),
                }
            }
            ManagerKind::Launchd => {
                // What is loaded and does not run is listed without the number of a process.
                let output = output("launchctl", &["list", &self.name])?;
                let runs = String::from_utf8_lossy(&output.stdout).contains("\"PID\"");
                Ok(if runs { "active" } else { "inactive" })
            }
        }
    }

    fn unit_name(&self) -> String {
        format!("{}.service", self.name)
    }
}

/// A user's own home has the plain name; another has digits of where it is.
fn name(home: &Home, kind: ManagerKind) -> String {
    let plain = match kind {
        ManagerKind::Systemd => "assay",
        ManagerKind::Launchd => "assay.daemon",
    };
    match default_root().is_some_and(|root| root == home.root()) {
        true => plain.to_owned(),
        // However the same place was typed.
        false => {
            let root: PathBuf = home.root().components().collect();
            format!("{plain}-{}", short(Digest::of(root.as_os_str().as_encoded_bytes())))
        }
    }
}

/// A path as a service names it.
fn text(path: &Path) -> Result<&str, CommandError> {
    let is_plain = |text: &&str| !text.chars().any(|character| character.is_control());
    path.to_str().filter(is_plain).ok_or_else(|| {
        let message = format!("no service can name the path {}", path.display());
        CommandError::new(
            Exit::Usage,
            "PATH",
            message,
            "use one of UTF-8 without line ends, such as with --home",
        )
    })
}

fn ask(program: &str, arguments: &[&str]) -> Result<(), CommandError> {
    let output = output(program, arguments)?;
    if output.status.success() { Ok(()) } else { Err(said_no(program, &output)) }
}

fn output(program: &str, arguments: &[&str]) -> Result<Output, CommandError> {
    Command::new(program).args(arguments).output().map_err(|error| {
        let message = format!("{program} cannot be started: {error}");
        let hint = "`assay service install --print` shows the service, for another manager of services";
        CommandError::new(Exit::Other, "NO_SERVICES", message, hint)
    })
}

fn said_no(program: &str, output: &Output) -> CommandError {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = if said.is_empty() { output.status.to_string() } else { said };
    // So it is for who became another user, and on machines that nobody logs in to.
    let hint = match said.contains("bus") {
        true => {
            "log in as this user itself, or have `loginctl enable-linger USER` start its services without that"
        }
        false => "`assay service install --print` shows the service, for another manager of services",
    };
    CommandError::new(Exit::Other, "NO_SERVICES", format!("{program} says: {said}"), hint)
}
