//! Being asked to end.

use std::{io::Read, thread};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::command_error::Exit;

/// Waits until a person (Ctrl-C) or the system asks this process to end, and says with which status it then should.
pub(crate) async fn asked() -> Exit {
    tokio::select! {
        () = heard(SignalKind::interrupt()) => Exit::Interrupted,
        () = heard(SignalKind::terminate()) => Exit::Terminated,
        () = heard(SignalKind::hangup()) => Exit::Terminated,
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

async fn heard(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        // Without a handler the system's own applies, which ends the process.
        Err(_) => std::future::pending().await,
    }
}
