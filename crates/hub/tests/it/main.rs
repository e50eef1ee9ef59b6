//! A hub that is played on this machine: what is fetched of it, and what it may not do.

mod caches;
mod certificates;
mod downloads;
mod fake_hub;
mod hostile;
mod scene;
mod server;
mod tokens;
