//! `assay service`: has the system keep the daemon running.
//!
//! **Invariant:** what is installed belongs to this user and this home, and is named so that another home's is another.

mod manager;
mod unit;

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{self, Path, PathBuf},
};

use assay_peer::handle::{ConnectError, Handle};
use serde_json::json;

use self::manager::ServiceManager;
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::path_text,
};

/// Have the system start the daemon, and start it again when it fails.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Install(InstallArgs),
    Remove(RemoveServiceArgs),
    Status(ServiceStatusArgs),
}

const INSTALL_EXAMPLES: &str = "\
Examples:
  assay service install                    from now on, and whenever you log in
  assay service install --print            only show what would be written
  assay service install --serve            with the gateway for tools of others, as `assay up --serve`
  assay --home /srv/second service install  for another home

On systems with systemd it runs while you are logged in; `loginctl enable-linger` has it run always.";

/// Write a service for the daemon of this home, and start it.
#[derive(Debug, clap::Args)]
#[command(after_help = INSTALL_EXAMPLES)]
pub(crate) struct InstallArgs {
    /// Have it serve tools of others as well, as `assay up --serve` does; there, or at gateway.listen
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1)]
    serve: Option<Option<SocketAddr>>,
    /// Print what would be written, and where, and do nothing
    #[arg(long)]
    print: bool,
}

/// Stop the service of this home's daemon, and take it away.
///
/// The home and everything in it stay.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assay service remove  the daemon ends in good order; `assay up` starts it by hand"
)]
pub(crate) struct RemoveServiceArgs {}

/// Show whether the system keeps the daemon of this home running.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assay service status         whether it is installed, and runs\n  assay service status --json  the same, for programs"
)]
pub(crate) struct ServiceStatusArgs {}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    let manager = ServiceManager::of(&invocation.home)?;
    match verb {
        Verb::Install(args) => install(args, &manager, invocation).await,
        Verb::Remove(RemoveServiceArgs {}) => remove(&manager, invocation),
        Verb::Status(ServiceStatusArgs {}) => status(&manager, invocation),
    }
}

async fn install(
    args: &InstallArgs,
    manager: &ServiceManager,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let (file, printer) = (manager.file(), &invocation.printer);
    let text = manager.unit(&program()?, &invocation.home, &args.words())?;
    let document = |is_written: bool| json!({ "service": manager.name(), "file": path_text(&file), "unit_text": text, "installed": is_written });
    if args.print {
        printer.document("service", &document(false));
        printer.bytes(text.as_bytes());
        printer.note(format!("this would be {}", file.display()));
        return Ok(());
    }
    // Whoever has no home yet would only get a service that fails.
    invocation.network()?;
    invocation.home.key()?;
    refuse_another(manager, invocation).await?;
    let before = fs::read(&file).ok();
    write(&file, text.as_bytes())?;
    if let Err(error) = manager.start() {
        take_back(manager, before);
        return Err(error);
    }
    printer.document("service", &document(true));
    printer.line(format!("installed {} and started it", manager.name()));
    printer.note(format!("it is {}; `assay service remove` takes it away", file.display()));
    printer.note(manager.log_hint(&invocation.home));
    Ok(())
}

impl InstallArgs {
    /// What `assay up` is told by the service.
    fn words(&self) -> Vec<String> {
        let Some(place) = self.serve else { return Vec::new() };
        ["--serve".to_owned()].into_iter().chain(place.map(|place| place.to_string())).collect()
    }
}

/// Nothing is left of a service that could not be started, and of one that was there before as much as can be.
fn take_back(manager: &ServiceManager, before: Option<Vec<u8>>) {
    let (file, was_there) = (manager.file(), before.is_some());
    let _ = match before {
        Some(before) => fs::write(&file, before),
        None => {
            let _ = manager.stop();
            fs::remove_file(&file)
        }
    };
    let _ = manager.forget();
    if was_there {
        let _ = manager.start();
    }
}

/// A daemon that was started by hand has the home: the service's would fail, again and again.
async fn refuse_another(manager: &ServiceManager, invocation: &Invocation) -> Result<(), CommandError> {
    let is_ours = manager.file().exists() && manager.state()? == "active";
    if is_ours {
        return Ok(());
    }
    match Handle::connect(&invocation.home).await {
        Ok(_) => {}
        // The service would fail, too.
        Err(error @ ConnectError::Unnameable { .. }) => return Err(error.into()),
        Err(_) => return Ok(()),
    }
    let message = "a daemon of this home runs already, and is not the service's";
    Err(CommandError::new(
        Exit::Usage,
        "DAEMON_RUNNING",
        message,
        "end it with `assay down`, then say this again",
    ))
}

fn remove(manager: &ServiceManager, invocation: &Invocation) -> Result<(), CommandError> {
    let file = manager.file();
    if !file.exists() {
        return Err(none(manager));
    }
    let stopped = manager.stop();
    // Whatever the manager says, it is not to start it again.
    fs::remove_file(&file).map_err(|error| failed(&file, &error))?;
    let forgotten = manager.forget();
    if let Err(error) = stopped.and(forgotten) {
        let [message, hint] = error.lines();
        let message = format!("{} is removed, and may still run: {message}", file.display());
        return Err(CommandError::new(
            Exit::Other,
            "NOT_STOPPED",
            message,
            format!("`assay down` ends it; {hint}"),
        ));
    }
    invocation
        .printer
        .document("service-removed", &json!({ "service": manager.name(), "file": path_text(&file) }));
    invocation.printer.line(format!("stopped {} and took it away; the home stays", manager.name()));
    Ok(())
}

fn status(manager: &ServiceManager, invocation: &Invocation) -> Result<(), CommandError> {
    let file = manager.file();
    if !file.exists() {
        return Err(none(manager));
    }
    let state = manager.state()?;
    invocation.printer.document(
        "service-status",
        &json!({ "service": manager.name(), "file": path_text(&file), "state": state }),
    );
    invocation.printer.line(format!("{}: {state}", manager.name()));
    invocation.printer.note(format!("it is {}", file.display()));
    Ok(())
}

/// Where this program is: as it was typed if that leads there, because a link outlives the version that it leads to.
fn program() -> Result<PathBuf, CommandError> {
    let failed = |error: io::Error| {
        let message = format!("where this program is cannot be found out: {error}");
        CommandError::new(Exit::Other, "NO_PROGRAM", message, "start it by its whole name")
    };
    let own = env::current_exe().and_then(fs::canonicalize).map_err(failed)?;
    let typed = env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let found = match typed.components().count() {
        1 => env::var_os("PATH")
            .map(|path| env::split_paths(&path).map(|folder| folder.join(&typed)).collect::<Vec<_>>())
            .unwrap_or_default(),
        _ => path::absolute(&typed).into_iter().collect(),
    };
    let is_own =
        |path: &PathBuf| path.is_absolute() && fs::canonicalize(path).is_ok_and(|found| found == own);
    Ok(found.into_iter().find(is_own).unwrap_or(own))
}

fn write(file: &Path, text: &[u8]) -> Result<(), CommandError> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).and_then(|()| fs::write(file, text)).map_err(|error| failed(file, &error))
}

fn none(manager: &ServiceManager) -> CommandError {
    let message = format!("no service of this home is installed: there is no {}", manager.file().display());
    CommandError::new(Exit::NotFound, "NO_SERVICE", message, "`assay service install` installs one")
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    let message = format!("{}: {error}", path.display());
    CommandError::new(
        Exit::Other,
        "DISK",
        message,
        "check who owns this folder, and that the disk is not full",
    )
}
