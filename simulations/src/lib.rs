//! The other shell: whole networks of peers in virtual time, from a seed.
//!
//! What a peer decides is [`assay_market::Node`], unchanged. Here are a clock that is a number, a network that loses,
//! repeats and delays, disks that forget what was not synced, machines that only pretend to compute, and behaviours
//! that cheat.
//!
//! **Invariant:** nothing here reads a clock, a random source or a map without order: one plan gives one trace digest.

pub mod behaviour;
pub mod crypto;
pub mod kernel;
pub mod lab;
pub mod links;
pub mod machine;
pub mod network;
pub mod plan;
pub mod random;
pub mod world;

#[cfg(test)]
#[path = "../../crates/market/tests/conformance/suite.rs"]
mod suite;
