//! What is asked of the engine from outside.

mod attention;
mod functions;
mod golden;
mod matrices;
mod products;
mod random;
mod rows;
