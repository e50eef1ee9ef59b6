//! The walls that a worker puts around itself before it reads a byte that a stranger wrote.
//!
//! **Invariant:** only the main thread exists when the walls go up, so every later thread stands inside them; each wall
//! that the machine did not give is named to the parent, and none is silently left out.
//!
//! The walls: no new privileges, no capabilities, another user than root, no core dumps, no debugger, a ceiling on writable
//! memory and none that is shared but pages of rows, which only an engine writes to, few open files, a file system of nothing but the cache of compiled components (readable
//! for a worker that runs guests, writable for one that only compiles), no network, no signals to others, and the system
//! calls that compiling and running need. Once runner and model are read, and before a guest runs, [`seal`] takes the calls
//! away that name a file or start a thread. A process that holds a model has no cache and no call that names a file; it
//! starts threads, and never runs a guest. One that holds a model on a card reaches the driver's files and devices besides,
//! and shares memory with those; it is refused where the kernel keeps it from no other file. A worker whose model needs ONNX
//! Runtime loads that library before, by the path that the owner of this machine named, and gives up if it started a thread.
//!
//! There is no parent-death signal: the kernel sends it when the *thread* that spawned the worker ends, and parents run
//! jobs on threads that come and go. A worker leaves when its parent's end of the socket closes, which the kernel does
//! however the parent dies.

use super::wire::Purpose;

/// Bytes of the longest file that a worker writes: a compiled component, or the image of a guest's memory.
pub(super) const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What a worker is shut in with.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no other system builds a wall of it yet"))]
pub(super) struct Enclosure {
    /// What it is for.
    pub(super) purpose: Purpose,
    /// The cache, if it has one.
    pub(super) cache: Option<String>,
    /// Whom it runs as instead of root.
    pub(super) user: Option<u32>,
    /// Bytes that it may write to.
    pub(super) process_memory_bytes: u64,
    /// Bytes of the longest file that it may write.
    pub(super) file_bytes: u64,
}

/// What came of it.
pub(super) struct Confined {
    /// The walls that the machine did not give.
    pub(super) missing: Vec<String>,
    /// Where the cache is, seen from inside.
    pub(super) cache: Option<String>,
    /// Whether this process reaches no file but those that it is meant to, as far as the kernel knows how.
    pub(super) has_file_wall: bool,
}
