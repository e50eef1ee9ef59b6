//! The engine as its users see it: files in, rows out.

mod hostile;
mod models;
mod packs;
mod random;
mod sessions;
