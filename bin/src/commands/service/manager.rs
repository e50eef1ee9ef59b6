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

    /// What that file says.
    pub(super) fn unit(&self, program: &str, home: &Path) -> Result<String, CommandError> {
        let home = home.display().to_string();
        if [program, &home].into_iter().any(|path| path.chars().any(|character| character.is_control())) {
            let hint = "name another home with --home";
            return Err(CommandError::new(
                Exit::Usage,
                "PATH",
                "no service can name a path with line ends",
                hint,
            ));
        }
        Ok(match self.kind {
            ManagerKind::Systemd => unit::systemd(program, &home),
            ManagerKind::Launchd => unit::launchd(&self.name, program, &home),
        })
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
            ManagerKind::Launchd => ask("launchctl", &["load", "-w", &self.file().display().to_string()]),
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
    pub(super) fn state(&self) -> Result<String, CommandError> {
        match self.kind {
            ManagerKind::Systemd => {
                // Its exit status says the same once more.
                let output = output("systemctl", &["--user", "is-active", &self.unit_name()])?;
                let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                match state.is_empty() {
                    true => Err(said_no("systemctl", &output)),
                    false => Ok(state),
                }
            }
            ManagerKind::Launchd => {
                let output = output("launchctl", &["list", &self.name])?;
                Ok(if output.status.success() { "active" } else { "inactive" }.to_owned())
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
        false => format!("{plain}-{}", short(Digest::of(home.root().as_os_str().as_encoded_bytes()))),
    }
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
    let hint = "`assay service install --print` shows the service, for another manager of services";
    CommandError::new(Exit::Other, "NO_SERVICES", format!("{program} says: {said}"), hint)
}
