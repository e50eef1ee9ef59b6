//! The law, seen from outside: what other implementations read, and what a stranger can do to it.

mod fields;
mod fuzz;
mod golden;
mod happenings;
mod inside;
mod lies;
mod receipts;
mod samples;
mod schema;
