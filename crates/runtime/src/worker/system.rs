//! What a worker and its parent ask of the system that they run on, and where each system's answer stands.
//!
//! | what | Linux | other Unix systems | elsewhere |
//! |---|---|---|---|
//! | requests | a socket | a socket | a pipe, written by a thread |
//! | files of a job | handed over open | handed over open | copied into the worker's memory |
//! | packs of models | mapped; a cut one ends its process in words | the same | none are handed over |
//! | sessions at an engine | a socket each | a socket each | none: each worker reads its model itself |
//! | rows of a session | pages that both see | over the socket | – |
//! | replies | a pipe that is polled | a pipe that is polled | a pipe, read by a thread |
//! | the cache | its owner's alone; the worker's, of root | its owner's alone | as open as the folder it is in |
//! | walls | [all of them](linux) | none | none |
//!
//! **Invariant:** no other file of this crate names a system; what one does not give is named to the parent, by every
//! worker, as any wall that is missing.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(unix), test))]
mod pipe;
#[cfg(unix)]
mod socket;
#[cfg(not(target_os = "linux"))]
mod unpaged;
#[cfg(not(target_os = "linux"))]
mod unwalled;

#[cfg(target_os = "linux")]
use self::linux::PagesEnd;
#[cfg(target_os = "linux")]
pub(crate) use self::linux::{ReadPages, WrittenPages};
#[cfg(target_os = "linux")]
pub(super) use self::linux::{confine, is_single_threaded, seal, user};
#[cfg(not(unix))]
pub(super) use self::pipe::{
    Arrivals, Handed, Intake, Outlet, create_folder, environment, intake, pack, replies, spawn,
};
#[cfg(not(unix))]
pub(crate) use self::pipe::{EngineLink, links};
#[cfg(all(unix, test))]
pub(crate) use self::socket::links_of;
#[cfg(unix)]
pub(super) use self::socket::{
    Arrivals, Handed, Intake, Outlet, create_folder, environment, intake, pack, replies, spawn,
};
#[cfg(unix)]
pub(crate) use self::socket::{EngineLink, links};
#[cfg(all(unix, not(target_os = "linux")))]
use self::unpaged::PagesEnd;
#[cfg(not(target_os = "linux"))]
pub(crate) use self::unpaged::{ReadPages, WrittenPages};
#[cfg(not(target_os = "linux"))]
pub(super) use self::unwalled::{confine, is_single_threaded, seal, user};
