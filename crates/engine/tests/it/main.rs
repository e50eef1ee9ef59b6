//! The engine, seen from outside: what it reads and what a stranger's file can do to it.

mod files;
mod fuzz;
mod vocabularies;
