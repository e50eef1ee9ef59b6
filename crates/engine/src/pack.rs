//! Packs: a model's weights as they are computed with, written once, mapped and shared by all that run it.
//!
//! ```text
//!  magic        8 bytes
//!  version      u32        of this layout
//!  arithmetic   u32        the version of the arithmetic it is for
//!  source       32 bytes   the digest of the file it was made of
//!  keys         u64        bytes of the next part but one
//!  parts        u64        how many there are
//!  keys                    the source without its tensors: settings, vocabulary, template
//!  table                   of each part: name (u16, bytes), format (u32), rows (u64), columns (u64), begin (u64)
//!  parts                   each from a multiple of 64 bytes
//!  digest       32 bytes   of all before it
//! ```
//!
//! Numbers are little-endian. A vector is f32, its rows are 1.
//!
//! **Invariant:** what a pack gives lies within it. Whether it is what was once written, [`Pack::verify`] alone says:
//! opening looks at no weight.

#[cfg(unix)]
mod cut;
mod digest;
mod error;
mod memory;
mod reader;
mod writer;

use std::{collections::BTreeMap, fmt, ops::Range};

use crate::{format::Format, matrix::SharedBytes};

#[cfg(unix)]
pub use cut::{CUT_EXIT_CODE, end_where_a_file_is_cut};
pub use error::PackError;
pub use writer::{write, write_by};

/// The version of the layout.
pub const VERSION: u32 = 1;
/// What parts begin at a multiple of.
pub const ALIGNMENT: usize = 64;

/// What a pack takes beside its keys and parts.
pub(crate) const FRAME_BYTES: usize = PREFIX + DIGEST + ALIGNMENT;
/// What a part takes beside its name and numbers: its entry in the table, and the way to the next multiple.
pub(crate) const PART_BYTES: usize = 2 + 4 + 3 * 8 + ALIGNMENT;

const MAGIC: &[u8; 8] = b"assaypak";
const PREFIX: usize = 64;
const DIGEST: usize = 32;

/// A model, packed.
#[derive(Clone)]
pub struct Pack {
    bytes: SharedBytes,
    source: [u8; DIGEST],
    keys: Range<usize>,
    parts: BTreeMap<String, PackPart>,
}

/// Where a tensor lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PackPart {
    format: Format,
    rows: usize,
    columns: usize,
    begin: usize,
}

impl fmt::Debug for Pack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a pack of {} parts", self.parts.len())
    }
}
