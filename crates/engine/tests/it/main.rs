//! What is asked of the engine from outside, and what a stranger's file can do to it.

mod attention;
mod bounds;
mod files;
mod functions;
mod fuzz;
mod golden;
mod hostile;
mod matrices;
mod models;
mod packs;
mod products;
mod random;
mod rows;
mod sessions;
mod shapes;
mod vocabularies;
