//! What a runner says while it runs.

use std::{panic, sync::Once};

use crate::bindings::assay::runner::session;

/// Sends a part of the result; false means that no more is wanted, so return what there is.
#[must_use = "false means that no more is wanted"]
pub fn emit(chunk: &[u8]) -> bool {
    session::emit(chunk)
}

/// Writes a line to the job's log, which is bounded: what is too much is dropped.
pub fn log(line: &str) {
    session::log(line);
}

/// Writes panics to the job's log; the trap that follows says only that there was one.
pub(crate) fn log_panics() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| panic::set_hook(Box::new(|panic| log(&panic.to_string()))));
}
