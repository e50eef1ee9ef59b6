//! The engines behind `wasi:nn`, and what a run has at that of language models: a session.
//!
//! **Invariant:** an engine sees only tensors whose name, type and shape fit the model and whose bytes fit their shape.

pub(crate) mod cards;
pub(crate) mod draft_pieces;
pub(crate) mod far;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod kept_sessions;
pub(crate) mod language;
pub(crate) mod network;
pub(crate) mod onnx_runtime;
pub(crate) mod placed;
pub(crate) mod rten;
pub(crate) mod session;
pub(crate) mod shared_engine;
mod tensor_bytes;
pub(crate) mod turn;
