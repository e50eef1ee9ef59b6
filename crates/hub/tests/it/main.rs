//! A hub that is played on this machine: what is fetched of it, and what it may not do.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod caches;
mod certificates;
mod downloads;
mod fake_hub;
mod hostile;
mod scene;
mod searches;
#[allow(dead_code, reason = "the tests of the program let it hang, too")]
mod server;
mod tokens;
