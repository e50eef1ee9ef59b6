//! What a runner says while it runs.

use std::{panic, sync::Once};

use crate::bindings::assay::runner::session;

/// Sends a part of the result; false means that no more is wanted, so return what there is.
#[must_use = "false means that no more is wanted"]
pub fn emit(chunk: &[u8]) -> bool {
    session::emit(chunk)
}

/// Sends tokens that were chosen, each before it is read into the context, with text that they give.
///
/// The host ties each token to the row that it was chosen from: that of the position before it. Text may come later than
/// its tokens, as long as it is not yet clear; what was held back goes with a later call, which needs no token. False
/// means that no more is wanted or paid for, and that neither tokens nor text were taken: return what there is.
#[must_use = "false means that no more is wanted"]
pub fn emit_tokens(tokens: &[u32], text: &[u8]) -> bool {
    session::emit_tokens(tokens, text)
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
