//! Language models by one stated arithmetic: the same bits on every processor and every card.
//!
//! `docs/arithmetic.md` is the law and `arithmetic` its definition in code; an instruction set, a thread count, a tile or
//! a batch decides the speed and never a bit. **Invariant:** this crate knows no wasm, no market and no network.
