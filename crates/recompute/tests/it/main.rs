//! Answers computed again, by the crate and by what pages load of it.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod answers;
mod known;
#[cfg(not(target_family = "wasm"))]
mod module;
