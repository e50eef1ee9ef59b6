//! The files of a job, inside a worker that may open none itself.
//!
//! **Invariant:** what is used is what its name says.

use std::io::Read;

use assay_protocol::id::Digest;

use super::system::Handed;
use crate::outcome::RunFailure;

/// Reads a file and makes sure that it holds what its name says.
pub(super) fn read(
    mut file: Handed,
    name: Digest,
    absent: fn(String) -> RunFailure,
) -> Result<Vec<u8>, RunFailure> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| absent(error.to_string()))?;
    if Digest::of(&bytes) != name {
        return Err(RunFailure::WrongBytes { name });
    }
    Ok(bytes)
}
