//! `assay`, the one program: what people type, what they read, and how it ends.
//!
//! **Invariant:** nothing here decides about jobs, trust or money; every way to fail is one line, one hint and one exit
//! code. It is a library so that tests can found networks the way `assay demo` does.

mod bundle;
mod cli;
pub mod commands;
mod context;
mod daemon;
mod failure;
mod output;
mod stop;

pub use bundle::Bundle;
pub use cli::{Cli, main};
pub use context::Context;
pub use failure::{Exit, Failure};
pub use output::Output;
