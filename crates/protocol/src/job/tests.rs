//! The table, cell by cell, and what holds whatever happens: refusals and repetitions change nothing, ticks close
//! every job, closed is final.

mod cases;
mod chance;
mod checks;
mod jury;
mod table;
pub(crate) mod ticks;
mod words;
pub(crate) mod world;
