//! Jobs through real worker processes: what works, what is refused, and what a hostile guest gets.
//!
//! **Invariant:** everything goes through [`world::World`], which ends each case by running an honest job in the same pool.

#[cfg(target_os = "linux")]
mod cancels;
// Other systems hand over no session.
#[cfg(all(unix, feature = "gpu"))]
mod cards;
mod embeddings;
mod guests;
mod honest;
#[cfg(target_os = "linux")]
mod hordes;
mod hostile;
#[cfg(unix)]
mod hosting;
mod language;
mod networks;
mod onnx;
mod onnx_runtime;
#[cfg(unix)]
mod packs;
mod process;
mod schemas;
#[cfg(unix)]
mod strangers;
mod vocabularies;
mod wide;
mod world;
