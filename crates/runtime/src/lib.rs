//! Runs one job exactly as ordered, in a sandbox inside a child process, and gives back its output or one typed failure.
//!
//! **Invariant:** nothing here knows a peer, money or a network. Runners are WebAssembly components that import nothing but
//! the host's own interfaces; models are reached by digest through `wasi:nn`; every resource has a ceiling with a name.
//!
//! A caller holds a [`pool::Pool`], hands it an [`envelope::Envelope`] with the paths of the two files, and blocks until
//! there is an [`outcome::Completed`] or a [`outcome::RunFailure`]. The program it names must call [`worker::main`].

pub mod chances;
pub mod class;
pub mod coarse_model;
mod counts;
mod engine;
pub mod envelope;
mod hosts;
pub mod models;
pub mod network_survey;
pub mod onnx_file;
pub mod outcome;
pub mod packs;
pub mod parts;
pub mod pool;
mod sandbox;
pub mod survey;
pub mod template_file;
pub mod worker;
