//! The process of one peer of a devnet: whether it runs, how it begins and how it ends.
//!
//! **Invariant:** who has a home is asked of its lock; a process is killed only if the lock names it twice, some time apart, while
//! it is held: the number of the one before stands there for a moment after another has taken it.

use std::time::{Duration, Instant};

use assay_peer::{
    config::Home,
    handle::{ConnectError, Handle, ShowStatus, Shutdown, StatusView},
    home,
};
use tokio::time::{sleep, timeout};

use super::devnet_folder::failed;
use crate::{
    command_error::{CommandError, Exit},
    daemon, system,
};

/// Between two looks at a home.
const LOOK_STEP: Duration = Duration::from_millis(25);
/// How long one that begins or ends has until it answers, or is gone.
const CHANGE_WAIT: Duration = Duration::from_secs(30);
/// How long a daemon has to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How long it has to end in good order, before it is killed: longer than all that it waits for itself.
const END_WAIT: Duration = Duration::from_secs(30);
/// How long a process that was killed has to be gone.
const DEATH_WAIT: Duration = Duration::from_secs(10);
/// Between two looks at who has a home, where that is acted on.
const CERTAIN_STEP: Duration = Duration::from_millis(60);

/// What is to be seen of a peer.
#[derive(Debug)]
pub(super) struct PeerSight {
    /// The process that has its home.
    pub(super) process: Option<u32>,
    /// What it says, if it answers.
    pub(super) status: Option<StatusView>,
}

/// How a peer came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerEnd {
    /// Nobody had its home.
    WasGone,
    /// As it was asked to.
    InOrder,
    /// It did not end, and was killed.
    Killed,
}

impl PeerEnd {
    /// The words for it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::WasGone => "was not running",
            Self::InOrder => "ended",
            Self::Killed => "killed: it did not end when it was asked to",
        }
    }
}

/// Looks at a peer.
pub(super) async fn look(home: &Home) -> Result<PeerSight, CommandError> {
    let asked = async {
        let handle = Handle::connect(home).await.ok()?;
        handle.call(ShowStatus).await.ok()
    };
    let status = timeout(ANSWER_WAIT, asked).await.ok().flatten();
    Ok(PeerSight { process: owner(home)?, status })
}

/// Has a peer run: finds its daemon, or starts one.
pub(super) async fn wake(home: &Home) -> Result<Handle, CommandError> {
    let deadline = Instant::now() + CHANGE_WAIT;
    loop {
        match timeout(ANSWER_WAIT, Handle::connect(home)).await {
            Ok(Ok(handle)) => return Ok(handle),
            // One that begins listens soon; one that ends lets go of its home soon.
            Ok(Err(ConnectError::NotRunning { .. })) => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(stuck(home, "does not answer")),
        }
        if owner(home)?.is_none() {
            return daemon::start_in(home).await;
        }
        if Instant::now() > deadline {
            return Err(stuck(home, "does not listen"));
        }
        sleep(LOOK_STEP).await;
    }
}

/// Ends a peer in good order, or kills it if that takes too long.
pub(super) async fn end(home: &Home) -> Result<PeerEnd, CommandError> {
    let deadline = Instant::now() + END_WAIT;
    let (mut was_there, mut is_told) = (false, false);
    while owner(home)?.is_some() {
        was_there = true;
        if Instant::now() > deadline {
            kill(home).await?;
            return Ok(PeerEnd::Killed);
        }
        // One that has just begun does not listen yet.
        if !is_told && let Ok(Ok(handle)) = timeout(ANSWER_WAIT, Handle::connect(home)).await {
            is_told = matches!(timeout(ANSWER_WAIT, handle.call(Shutdown)).await, Ok(Ok(())));
        }
        sleep(LOOK_STEP).await;
    }
    Ok(if was_there { PeerEnd::InOrder } else { PeerEnd::WasGone })
}

/// Kills the process that has a home, and waits until it is gone; nothing, if there is none.
pub(super) async fn kill(home: &Home) -> Result<Option<u32>, CommandError> {
    let Some(process) = certain_owner(home).await? else { return Ok(None) };
    system::kill_process(process, &home.root().join(home::LOCK_FILE)).map_err(|error| {
        let message =
            format!("the process {process}, which has {}, cannot be killed: {error}", home.root().display());
        CommandError::new(
            Exit::Forbidden,
            "NOT_KILLED",
            message,
            "end it with `kill -9` as whoever started it",
        )
    })?;
    let deadline = Instant::now() + DEATH_WAIT;
    while owner(home)? == Some(process) {
        if Instant::now() > deadline {
            return Err(stuck(home, "was killed and is not gone"));
        }
        sleep(LOOK_STEP).await;
    }
    Ok(Some(process))
}

/// The process that has a home, if the lock says the same for a while.
async fn certain_owner(home: &Home) -> Result<Option<u32>, CommandError> {
    let deadline = Instant::now() + CHANGE_WAIT;
    let mut before = owner(home)?;
    loop {
        sleep(CERTAIN_STEP).await;
        let now = owner(home)?;
        match now {
            None => return Ok(None),
            Some(process) if process != 0 && now == before => return Ok(now),
            Some(_) if Instant::now() > deadline => return Err(stuck(home, "does not say its number")),
            Some(_) => before = now,
        }
    }
}

fn owner(home: &Home) -> Result<Option<u32>, CommandError> {
    home::owner_of(home.root()).map_err(|error| failed(home.root(), &error))
}

fn stuck(home: &Home, how: &str) -> CommandError {
    let message = format!("the process that has {} {how}", home.root().display());
    let hint = "`assay devnet kill PEER` kills it, and `assay devnet up` starts it again; its log is daemon.log there";
    CommandError::new(Exit::TimedOut, "PEER_STUCK", message, hint)
}
