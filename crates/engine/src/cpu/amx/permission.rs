//! The leave to use tiles: of the machine, of its system, and of that for this very process.
//!
//! **Invariant:** a refusal, by whatever wall, is an answer like any other: the process goes on without tiles.
//!
//! Linux gives a process eight kilobytes of state of tiles for each thread that uses them, and lets it use them once it has
//! asked. It refuses where a thread has a stack for signals that such a state has no room on; those that the standard library
//! sets up are as large as the kernel says that they must be, tiles counted. What a process may, threads that it
//! starts later may too, whatever walls went up meanwhile. Other systems are not asked, so they have no tiles here.

use std::{
    arch::x86_64::{__cpuid_count, _xgetbv},
    sync::OnceLock,
};

/// Where leaf 7 of CPUID says in EDX that there are tiles, and products of bytes by them.
const TILES: u32 = 1 << 24 | 1 << 25;
/// The shapes and the contents of tiles, among the states that the system keeps.
const STATES: u64 = 1 << 17 | 1 << 18;

/// Whether this process may use tiles. Asks once.
pub(in super::super) fn is_granted() -> bool {
    static GRANTED: OnceLock<bool> = OnceLock::new();
    *GRANTED.get_or_init(|| are_here() && ask())
}

/// Whether machine and system have them.
fn are_here() -> bool {
    // What is detected as AVX has a system that names the states it keeps, and a leaf 7.
    if !is_x86_feature_detected!("avx2") || !is_x86_feature_detected!("xsave") {
        return false;
    }
    // SAFETY: XSAVE is here, and the system uses it.
    let states = unsafe { _xgetbv(0) };
    __cpuid_count(7, 0).edx & TILES == TILES && states & STATES == STATES
}

#[cfg(target_os = "linux")]
fn ask() -> bool {
    /// `ARCH_REQ_XCOMP_PERM`.
    const ASK: libc::c_long = 0x1023;
    /// The state of the contents of tiles.
    const TILE_CONTENTS: libc::c_long = 18;
    // SAFETY: it changes what this process may use, and nothing that it has.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ASK, TILE_CONTENTS) == 0 }
}

#[cfg(not(target_os = "linux"))]
const fn ask() -> bool {
    false
}
