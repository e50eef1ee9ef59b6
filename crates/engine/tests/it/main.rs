//! What is asked of the engine from outside.

mod attention;
mod bounds;
mod functions;
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
