//! `assay` as people and programs meet it: what it prints, how it fails, what it leaves behind.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod arrows;
mod assay;
#[path = "../../../crates/peer/tests/it/brittle.rs"]
mod brittle;
mod demo;
mod docs;
mod endurance;
mod errors;
mod help;
mod homes;
mod joins;
mod kill_loops;
mod kills;
mod logs;
mod names;
mod outages;
mod quotes;
mod receipts;
mod statuses;
mod terminals;
mod tidy;
mod town;
