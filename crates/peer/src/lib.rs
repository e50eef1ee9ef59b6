//! The shell of a peer: network, storage and clock around the brain.
//!
//! **Invariant:** nothing here decides about jobs, trust or money.

pub mod blobs;
pub mod clock;
pub mod config;
pub mod daemon;
mod driver;
pub mod executor;
pub mod handle;
pub mod home;
pub mod index;
pub mod journal;
pub mod network;
pub mod receipts;

mod fetcher;
mod files;
mod folder;
mod room;
mod store;
mod watchdog;
