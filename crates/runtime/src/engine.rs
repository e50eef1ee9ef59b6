//! Inference engines, one file each, behind `wasi:nn`.
//!
//! **Invariant:** an engine sees only tensors whose name, type and shape fit the model and whose bytes fit their shape.

pub(crate) mod language;
pub(crate) mod rten;
