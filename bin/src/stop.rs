//! Being asked to end.

use std::{future::poll_fn, io::Read, pin::pin, task::Poll, thread};

use tokio::sync::oneshot;

pub(crate) use crate::system::asked;
use crate::{
    command_error::{CommandError, Exit},
    printer::Printer,
};

/// What helps whoever has left what makes a home.
pub(crate) const TAKEN_UP: &str = "what was begun is taken up again by the same command";

/// What this comes to, unless a person or the system asks the process to end before.
pub(crate) async fn unless_asked<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    tokio::select! {
        biased;
        done = work => done,
        exit = asked() => {
            let hint = "what the daemon was asked for may be done all the same: `assay status` says how it is";
            Err(CommandError::new(exit, "INTERRUPTED", "left before the answer was there", hint))
        }
    }
}

/// The same of what this process does itself: asked to end before, it cleans up behind what was begun, and leaves.
pub(crate) async fn unless_left<T>(
    hint: &'static str,
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let asked = pin!(asked_from_now().await);
    tokio::select! {
        biased;
        done = work => done,
        exit = asked => Err(left(exit, hint)),
    }
}

/// What this comes to; asked to end before, the process ends at once, with a line. For what holds its thread and cannot be left,
/// such as a question at a terminal or a file that is read.
pub(crate) async fn at_once<T>(
    printer: &Printer,
    hint: &'static str,
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let (is_json, asked) = (printer.is_json(), asked_from_now().await);
    let watch = tokio::spawn(async move { end(asked.await, is_json, hint) });
    let done = work.await;
    watch.abort();
    done
}

/// Waits until the process is asked to end, and has heard it from now on, whenever it is waited for.
pub(crate) async fn asked_from_now() -> impl Future<Output = Exit> + Send {
    let mut asking = Box::pin(asked());
    // It listens from its first poll on.
    let early = poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx))).await;
    async move {
        match early {
            Poll::Ready(exit) => exit,
            Poll::Pending => asking.await,
        }
    }
}

/// Ends the process, whatever its other threads do.
fn end(exit: Exit, is_json: bool, hint: &'static str) {
    Printer::new(is_json).failure(&left(exit, hint));
    std::process::exit(i32::from(exit as u8))
}

fn left(exit: Exit, hint: &'static str) -> CommandError {
    CommandError::new(exit, "INTERRUPTED", "left before it was done", hint)
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
