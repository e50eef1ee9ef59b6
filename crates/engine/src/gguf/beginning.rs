//! The beginning of a file, as much of it as is needed.

use std::io::{self, Read};

use super::{GgufError, HEADER_BYTES_MAX};

/// Bytes that are read first; while they do not suffice, as many again as are there.
const FIRST_BYTES: u64 = 1 << 20;

/// Reads a file from its beginning until what is parsed of that does not break off any more.
///
/// # Errors
/// If the file cannot be read. What is wrong with its bytes is in what is given back.
pub fn read_beginning<T>(
    mut file: impl Read,
    mut parse: impl FnMut(&[u8]) -> Result<T, GgufError>,
) -> io::Result<Result<T, GgufError>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        file.by_ref().take(FIRST_BYTES.max(before as u64)).read_to_end(&mut head)?;
        let has_more = head.len() > before && head.len() <= HEADER_BYTES_MAX;
        match parse(&head) {
            Err(GgufError::Truncated { .. }) if has_more => {}
            parsed => return Ok(parsed),
        }
    }
}
