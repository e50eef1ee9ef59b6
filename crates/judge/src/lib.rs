//! Judges receipts where there is no program but a browser: the law of the network, compiled for pages.
//!
//! What is a receipt, what holds and what it is called is `assay-protocol`'s, as everywhere. Here it becomes one document.
//!
//! **Invariant:** the module imports nothing, so whatever it says follows from the bytes that it was given.

#[cfg(target_family = "wasm")]
mod page;
mod run;
mod verdict;

pub use verdict::verdict;
