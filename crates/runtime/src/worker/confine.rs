//! The walls that a worker puts around itself before it reads a byte that a stranger wrote.
//!
//! **Invariant:** only the main thread exists when the walls go up, so every later thread stands inside them; each wall
//! that the machine did not give is named to the parent, and none is silently left out.
//!
//! The walls: no new privileges, no core dumps, no debugger, a ceiling on writable memory, few open files, a file system
//! of nothing but the cache of compiled components (readable for a worker that runs guests, writable for one that only
//! compiles), no network, no signals to others, and the system calls that compiling and running need.
//!
//! There is no parent-death signal: the kernel sends it when the *thread* that spawned the worker ends, and parents run
//! jobs on threads that come and go. A worker leaves when its parent's end of the socket closes, which the kernel does
//! however the parent dies.

use super::wire::Purpose;

#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod linux;

/// Shuts this process in and names what is missing.
pub(super) fn confine(purpose: Purpose, cache: Option<&str>, process_memory_bytes: u64) -> Vec<String> {
    #[cfg(target_os = "linux")]
    return linux::confine(purpose, cache, process_memory_bytes);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (purpose, cache, process_memory_bytes);
        ["memory ceiling", "file system", "network", "system calls"].map(String::from).into()
    }
}
