//! The engine, seen from outside: what it reads and what a stranger's file can do to it.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod files;
mod fuzz;
mod vocabularies;
