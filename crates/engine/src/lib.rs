//! Language models by one stated arithmetic: the same bits on every processor and every card.
//!
//! `docs/arithmetic.md` is the law and `arithmetic` its definition in code; an instruction set, a thread count, a tile or
//! a batch decides the speed and never a bit. **Invariant:** this crate knows no wasm, no market and no network.

pub mod arithmetic;
pub mod cache;
pub mod coarse;
pub mod cpu;
pub mod format;
pub mod gguf;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod matrix;
pub mod model;
pub mod pack;
pub mod quantized;
pub mod session;
pub mod vocabulary;
pub mod wordpiece;
