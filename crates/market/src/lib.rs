//! What a peer decides: matching, pricing, money, verification, and the value that joins them, [`Node`].
//!
//! **Invariant:** nothing here waits, reads a clock or touches the machine; the same inputs give the same effects.
#![no_std]

extern crate alloc;

pub mod allowance;
pub mod audit;
pub mod barrier;
pub mod book;
pub mod command;
pub mod effect;
pub mod event;
mod former;
pub mod held_money;
pub mod input;
pub mod ledger;
pub mod matching;
pub mod moment;
pub mod node;
pub mod owner;
pub mod pace;
pub mod pause;
pub mod policy;
pub mod pricing;
pub mod provision;
pub mod quote;
mod recent;
pub mod record;
pub mod reliability;
pub mod submission;
pub mod trust;
pub mod view;
pub mod witness;

#[cfg(test)]
mod fixture;

pub use book::Book;
pub use command::Command;
pub use effect::{Effect, Effects};
pub use event::Event;
pub use input::Input;
pub use moment::{Moment, Steady};
pub use node::{Config, Node};
pub use record::Record;
