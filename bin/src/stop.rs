//! Being asked to end.

use std::{io::Read, thread};

use tokio::sync::oneshot;

use crate::command_error::CommandError;
pub(crate) use crate::system::asked;

/// What this comes to, unless a person or the system asks the process to end before.
pub(crate) async fn unless_asked(
    work: impl Future<Output = Result<(), CommandError>>,
) -> Result<(), CommandError> {
    tokio::select! {
        biased;
        done = work => done,
        exit = asked() => {
            let hint = "what the daemon was asked for may be done all the same: `assay status` says how it is";
            Err(CommandError::new(exit, "INTERRUPTED", "left before the answer was there", hint))
        }
    }
}

/// Waits until standard input ends: until the process at the other end of the pipe is gone.
pub(crate) async fn orphaned() {
    let (ended, end) = oneshot::channel();
    // A thread of its own: nobody can interrupt a read, and the process must be able to end meanwhile.
    thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut byte = [0];
        while matches!(stdin.read(&mut byte), Ok(1..)) {}
        let _ = ended.send(());
    });
    let _ = end.await;
}
