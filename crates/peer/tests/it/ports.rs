//! Ports of this machine for peers that begin to listen later, or again.
//!
//! **Invariant:** none is given twice, nor one that a connection to somewhere may take meanwhile, or a peer of a network that the
//! program makes by itself.

use std::{
    net::TcpListener,
    ops::Range,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below those that usual systems give to who asks for any, and below those of the program's own networks.
const PORTS: Range<u32> = 12_000..20_000;
/// How far the ports of two processes are apart that were started one after the other.
const STRIDE: u32 = 101;

/// A port of the loopback that is free.
pub(crate) fn free_port() -> u16 {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let (count, first) = (PORTS.end - PORTS.start, process::id().wrapping_mul(STRIDE));
    for _ in PORTS {
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(PORTS.start + first.wrapping_add(asked) % count).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
