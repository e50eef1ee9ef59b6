//! `assay`, the one program: what people type, what they read, and how it ends.
//!
//! **Invariant:** nothing here decides about jobs, trust or money; every way to fail is one line, one hint and one exit
//! code. It is a library so that tests can found networks the way `assay demo` does.

mod bundle;
mod cli;
mod command_error;
pub mod commands;
mod credits;
mod daemon;
mod few;
#[cfg(test)]
mod fixture;
mod home_models;
mod invocation;
mod key_backup;
mod local_network;
mod log;
mod own_model;
mod peer_name;
mod printer;
mod stop;
mod system;

pub use bundle::Bundle;
pub use cli::{Cli, main};
pub use command_error::{CommandError, Exit};
pub use invocation::Invocation;
pub use printer::{Paint, Printer, Spinner, Styled};
