//! Peers of one network on this machine, each in a home of its own: what the demonstration and every devnet begin with.
//!
//! **Invariant:** whoever is settled here is reached over the loopback alone; nothing runs yet.

mod rules;

use std::{
    fs, io,
    net::TcpListener,
    ops::Range,
    path::Path,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use assay_peer::{
    blobs::{BlobError, Blobs},
    config::{DaemonSettings, Home, NetworkFile},
};
use assay_protocol::id::{Digest, PeerId};
use assay_runtime::{
    class::Class,
    envelope::RunLimits,
    outcome::RunFailure,
    worker::{Worker, WorkerSource},
};

pub(crate) use self::rules::{STAKE, genesis};
use crate::{
    bundle::DIGITS,
    command_error::{CommandError, Exit},
    own_model::{self, WholeFile},
};

/// Ports that no usual system gives to who asks for any: one of those may be in use for a connection to somewhere by the time
/// that a peer listens at it, or listens again. Nor is one of them that of a peer to whom nobody said where to listen.
const PORTS: Range<u32> = 20_000..29_000;
/// How far the first ports of two processes are apart that were started one after the other: most networks have fewer peers.
const STRIDE: u32 = 101;

/// A peer to be: a home with a key, and where it will be reached.
pub(crate) struct LocalPeer {
    /// Its name in the network.
    pub(crate) id: PeerId,
    /// Its files.
    pub(crate) home: Home,
    /// A port of the loopback that nobody used a moment ago.
    pub(crate) listen: String,
}

impl LocalPeer {
    /// Makes a home with a key.
    pub(crate) fn settle(name: &str, folder: &Path) -> Result<Self, CommandError> {
        let home = Home::at(folder.join(name));
        let id = home.create_key()?;
        let port = free_port().map_err(|error| portless(&error))?;
        Ok(Self { id, home, listen: format!("/ip4/127.0.0.1/tcp/{port}") })
    }
}

/// A port of the loopback that is free, and another one each time.
fn free_port() -> io::Result<u16> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let (count, first) = (PORTS.end - PORTS.start, process::id().wrapping_mul(STRIDE));
    let mut taken = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in PORTS {
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + first.wrapping_add(asked) % count;
        let Ok(port) = u16::try_from(port) else { unreachable!("the range is one of ports") };
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            // Systems do not call it the same where they keep a port for themselves.
            Err(error) => taken = error,
        }
    }
    Err(taken)
}

/// What this machine is to those that run and check jobs on it.
pub(crate) fn classes(binary: &Path) -> Result<Vec<Class>, CommandError> {
    let worker_source = WorkerSource { binary: binary.to_owned(), cache: None, onnx_runtime: None };
    Worker::spawn(&worker_source, &RunLimits::default())
        .and_then(|mut worker| worker.classes())
        .map_err(|error| unmeasured(&error))
}

/// Puts a copy of a model where everybody who runs or checks it has its models.
pub(crate) fn stock<'a>(homes: impl Iterator<Item = &'a Home>, file: &Path) -> Result<Digest, CommandError> {
    own_model::bytes_of(file)?;
    let (homes, mut digest) = (homes.collect::<Vec<&Home>>(), Digest::default());
    let Some(first) = homes.first() else { return Ok(digest) };
    let whole = WholeFile::of(file, &first.hub(), 0)?;
    for home in homes {
        let blobs = Blobs::open(&home.blobs(), DaemonSettings::default().blob_bytes_max);
        let put = blobs.map_err(BlobError::from).and_then(|blobs| blobs.put_file(whole.path()));
        digest = put.map_err(|error| {
            let message = format!("{} cannot be stored: {error}", file.display());
            let hint = "name a GGUF file, and free as much space as a copy of it takes for each provider";
            CommandError::new(Exit::Usage, "NO_MODEL", message, hint)
        })?;
    }
    Ok(digest)
}

/// Writes the network's file for whoever joins and into each home, with what is settled there, and pictures to be read.
pub(crate) fn write<'a>(
    folder: &Path,
    file: &NetworkFile,
    homes: impl Iterator<Item = (&'a Home, String)>,
) -> io::Result<()> {
    let file = file.to_toml();
    fs::write(folder.join("network.toml"), &file)?;
    for sample in DIGITS.samples {
        fs::write(folder.join(sample.file), sample.bytes)?;
    }
    for (home, settings) in homes {
        fs::write(home.network(), &file)?;
        fs::write(home.settings(), settings)?;
    }
    Ok(())
}

fn unmeasured(error: &RunFailure) -> CommandError {
    let message = format!("this machine's class cannot be measured: {error}");
    CommandError::new(Exit::Other, "NO_CLASS", message, "the sandbox must be able to start processes here")
}

fn portless(error: &io::Error) -> CommandError {
    let message = format!("a peer has no port on this machine: {error}");
    CommandError::new(Exit::Other, "NO_PORT", message, "make sure that the loopback works and try again")
}

#[cfg(test)]
mod tests {
    use assay_peer::network::USUAL_PORT;

    use super::*;

    #[test]
    fn a_port_is_free_given_once_and_none_that_a_connection_may_take() {
        let ports: Vec<u16> = (0..8).map(|_| free_port().unwrap()).collect();
        let mut different = ports.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), ports.len());
        assert!(ports.iter().all(|port| PORTS.contains(&u32::from(*port))), "{ports:?}");
        assert!(!PORTS.contains(&u32::from(USUAL_PORT)), "a peer of another network may come back there");
        let next = PORTS.start + (u32::from(ports[7]) + 1 - PORTS.start) % (PORTS.end - PORTS.start);
        let taken = TcpListener::bind(("127.0.0.1", u16::try_from(next).unwrap()));
        assert!(taken.is_err() || u32::from(free_port().unwrap()) != next, "it is somebody's");
    }
}
