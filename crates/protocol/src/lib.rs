//! What peers say and the law they say it under: names, units, signed messages, the job table, and everything a receipt
//! is judged by.
//!
//! **Invariant:** nothing here knows a clock, a socket, a file or a random source; the same arguments give the same bytes.
#![no_std]

extern crate alloc;

pub mod account;
pub mod admission;
pub mod check;
pub mod claim;
pub mod codec;
pub mod compare;
pub mod costs;
pub mod deadline;
pub mod draw;
pub mod exposure;
pub mod frames;
pub mod genesis;
pub mod id;
pub mod job;
pub mod journal;
pub mod jury;
pub mod manifest;
pub mod merkle;
pub mod message;
pub mod notice;
pub mod objection;
pub mod offer;
pub mod order;
pub mod outcome;
pub mod payout;
pub mod place;

pub mod rate;
pub mod receipt;
pub mod remainder;
pub mod roster;
pub mod signed;
pub mod standing;
pub mod ticket;
pub mod transcript;
pub mod units;
