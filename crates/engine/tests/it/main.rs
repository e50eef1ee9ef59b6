//! What is asked of the engine from outside, and what a stranger's file can do to it.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod attention;
mod bounds;
#[cfg(feature = "gpu")]
mod divided;
mod files;
mod functions;
mod fuzz;
mod golden;
#[cfg(feature = "gpu")]
mod gpu;
mod hostile;
mod matrices;
mod models;
mod packs;
mod parts;
mod products;
mod random;
mod rows;
mod sessions;
mod settings;
mod shapes;
mod splitter;
mod vocabularies;
mod ways;
