//! Jobs through real worker processes: what works, what is refused, and what a hostile guest gets.
//!
//! **Invariant:** everything goes through [`world::World`], which ends each case by running an honest job in the same pool.

mod guests;
mod honest;
// Other systems hand over no session.
mod hostile;
#[cfg(unix)]
mod hosting;
mod language;
mod onnx;
mod process;
mod world;
