//! What peers decide, seen from outside.

mod course;
mod golden;
mod office;
mod outcomes;
