//! The way from a command to the daemon of its home, which it starts if there is none.
//!
//! **Invariant:** a daemon that a command started outlives it: it has no terminal, its own process group and its log in
//! the home.

pub(crate) mod last_words;

use std::{
    fs, io,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use assay_peer::{
    config::{Home, NetworkFile},
    handle::{ConnectError, Handle, Respond},
};
use assay_protocol::{genesis::Genesis, id::PeerId};
use clap::Args;

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    peer_name::PeerName,
    printer::full,
    system,
};

/// The flag of a daemon that a command starts, like none that somebody would type or mistype.
pub(crate) const FOR_COMMAND: &str = "as-daemon-of-assay";
/// What a daemon has to begin to listen.
const START_WAIT: Duration = Duration::from_secs(60);
/// Between two looks at whether it listens.
const LOOK_STEP: Duration = Duration::from_millis(25);

/// What a daemon ends with whose home another version wrote.
const WRONG_VERSION: &str = "WRONG_VERSION";

/// How far a command goes to reach the daemon.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    /// Fail if no daemon is running, instead of starting one in the background
    #[arg(long)]
    no_start: bool,
}

impl Reach {
    /// True if a daemon is started where none runs: whoever asks that of it waits as well until it has heard of others.
    pub(crate) fn starts(self) -> bool {
        !self.no_start
    }
}

/// A daemon and the rules of its network.
pub(crate) struct RunningDaemon {
    /// The way to it.
    pub(crate) handle: Handle,
    /// The rules.
    pub(crate) genesis: Genesis,
}

impl RunningDaemon {
    /// Finds the daemon of the invocation's home, or starts one.
    pub(crate) async fn reach(invocation: &Invocation, reach: Reach) -> Result<Self, CommandError> {
        let genesis = invocation.network()?.genesis;
        let handle = match Handle::connect(&invocation.home).await {
            Ok(handle) => handle,
            Err(ConnectError::NotRunning { .. }) if !reach.no_start => start(invocation).await?,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { handle, genesis })
    }

    /// Finds the daemon of a home, and starts none.
    pub(crate) async fn find(home: &Home) -> Result<Self, CommandError> {
        let genesis = NetworkFile::read(&home.network())?.genesis;
        Ok(Self { handle: Handle::connect(home).await?, genesis })
    }

    /// Asks one thing.
    pub(crate) async fn call<C: Respond>(&self, call: C) -> Result<C::Answer, CommandError> {
        Ok(self.handle.call(call).await?)
    }

    /// The notary that was named, if one was.
    pub(crate) fn notary(&self, named: Option<&PeerName>) -> Result<Option<PeerId>, CommandError> {
        let notaries = || self.genesis.notaries.iter().copied();
        let named = named
            .map(|name| name.among(notaries(), "the network's file lists those that are"))
            .transpose()?;
        match named.filter(|named| !notaries().any(|notary| notary == *named)) {
            None => Ok(named),
            Some(other) => {
                let message = format!("{} is no notary of this network", full(other));
                let hint = "leave --notary out: the network's first is meant then";
                Err(CommandError::new(Exit::NotFound, "UNKNOWN_NOTARY", message, hint))
            }
        }
    }

    /// What a credit is called.
    pub(crate) fn unit(&self) -> &str {
        &self.genesis.unit
    }
}

async fn start(invocation: &Invocation) -> Result<Handle, CommandError> {
    // Said first: the key is missing more often than the daemon fails.
    invocation.home.key()?;
    let handle = start_in(&invocation.home).await?;
    let log = invocation.home.log();
    invocation.printer.note(format!(
        "started a daemon in the background; `assay down` ends it, its log is {}",
        log.display()
    ));
    Ok(handle)
}

/// Starts a daemon in the background, and waits until it takes calls.
pub(crate) async fn start_in(home: &Home) -> Result<Handle, CommandError> {
    let mut child = spawn(home).map_err(|error| not_spawned(home, &error))?;
    let process = child.id();
    // What it said itself is what is the matter.
    let said = || last_words::of(&log(home), process);
    let started =
        listening(home, &mut child, |reason| said().unwrap_or_else(|| not_started(home, reason))).await;
    bury(child);
    started
}

/// Waits for the end of a daemon, aside: a gateway outlives many, and each that nobody waits for stays in the system's list.
fn bury(mut child: Child) {
    // Where there is no thread for it, it stays there until this process ends.
    drop(thread::Builder::new().name("daemon's end".into()).spawn(move || child.wait()));
}

fn spawn(home: &Home) -> io::Result<Child> {
    let log = system::open_log(&home.log())?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("--home")
        .arg(home.root())
        .arg("up")
        .arg(format!("--{FOR_COMMAND}"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/");
    system::detach(&mut command).spawn()
}

/// Waits until a daemon that was just started takes calls; what `failed` makes of the reason, if it does not.
pub(crate) async fn listening(
    home: &Home,
    child: &mut Child,
    failed: impl Fn(&str) -> CommandError,
) -> Result<Handle, CommandError> {
    let deadline = Instant::now() + START_WAIT;
    let mut is_second = false;
    loop {
        match Handle::connect(home).await {
            Err(ConnectError::NotRunning { .. }) => {}
            answer => return Ok(answer?),
        }
        if let (false, Ok(Some(status))) = (is_second, child.try_wait()) {
            let failure = failed(&format!("it ended with {status}"));
            // Another command was quicker, and its daemon takes calls in a moment.
            is_second =
                status.code() == Some(i32::from(Exit::Daemon as u8)) && failure.code() != WRONG_VERSION;
            if !is_second {
                return Err(failure);
            }
        }
        if Instant::now() > deadline {
            return Err(failed("it does not listen"));
        }
        tokio::time::sleep(LOOK_STEP).await;
    }
}

/// Why there is not even a process: where its log cannot be, the home is what is the matter.
fn not_spawned(home: &Home, error: &io::Error) -> CommandError {
    unwritable(home, error).unwrap_or_else(|| not_started(home, &error.to_string()))
}

/// What is the matter with a home in which a file cannot be written, if that is why.
pub(crate) fn unwritable(home: &Home, error: &io::Error) -> Option<CommandError> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    let place = home.root().display();
    if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) {
        let message = format!("the home {place} cannot be written: {error}");
        let hint = "check who owns the home and whether its disk is full";
        return Some(CommandError::new(Exit::Forbidden, "HOME_UNWRITABLE", message, hint));
    }
    (error.kind() == StorageFull).then(|| {
        let message = format!("the disk of the home {place} is full: {error}");
        CommandError::new(Exit::Other, "DISK", message, "free some space there, and say it again")
    })
}

fn not_started(home: &Home, reason: &str) -> CommandError {
    let said = last_error(home).map(|line| format!(": {line}")).unwrap_or_default();
    let message = format!("the daemon could not be started: {reason}{said}");
    CommandError::new(Exit::Daemon, "DAEMON_NOT_STARTED", message, "run `assay up` to see what it says")
}

/// What is in the log; nothing, if it cannot be read.
fn log(home: &Home) -> String {
    fs::read(home.log()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The last error that a daemon wrote into its log.
fn last_error(home: &Home) -> Option<String> {
    let log = log(home);
    let line = log.lines().rev().find(|line| line.starts_with("error: "))?;
    Some(line.trim_start_matches("error: ").to_owned())
}
