//! Computes a language model's answer again where there is no program but a browser.
//!
//! The host of a run and the engine behind it, compiled for pages: what the program's own workers are to a runner, so that the
//! very runner that an order names runs in a page too. What it writes is compared with what was claimed, token by token.
//!
//! **Invariant:** the module imports nothing, so whatever it says follows from the bytes that it was given. A model or a
//! runner with another digest than the order names is refused before it is read.

mod comparison;
mod ordered_run;
#[cfg(target_family = "wasm")]
mod page;
mod page_model;
mod rerun;

pub use comparison::{Comparison, Parting, ShownToken};
pub use ordered_run::{OrderedRun, RunClaim};
pub use page_model::{MEMORY_BYTES_MAX, MODEL_BYTES_MAX, NotRerun, PageModel};
pub use rerun::Rerun;
