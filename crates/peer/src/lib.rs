//! The shell of a peer: network, storage and clock around the brain.
//!
//! **Invariant:** nothing here decides about jobs, trust or money.

#[cfg(test)]
extern crate self as assay_peer;

pub mod blobs;
pub mod checkup;
pub mod clock;
pub mod companion;
pub mod config;
pub mod daemon;
pub mod disk;
mod driver;
pub mod executor;
pub mod handle;
pub mod hearing;
pub mod home;
pub mod index;
pub mod journal;
pub mod library;
pub mod network;
pub mod pieces;
pub mod receipts;
pub mod system;

mod asked_notaries;
#[cfg(test)]
#[allow(unreachable_pub, reason = "the tests of whole peers use it too")]
#[path = "../tests/it/brittle.rs"]
mod brittle;
mod devices;
mod fetcher;
mod folder;
mod heard_texts;
mod price_history;
mod room;
pub mod sensors;
mod snapshots;
mod speech;
mod store;
mod watchdog;
