//! Being asked to end.

use std::{io::Read, thread};

use tokio::sync::oneshot;

pub(crate) use crate::system::asked;

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
