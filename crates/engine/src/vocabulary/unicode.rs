//! What kind of character a code point is.
//!
//! **Invariant:** the table is committed and of one version of Unicode; no library's update moves a token.

mod table;

use self::table::RUNS;

/// A kind of character, as far as words are told apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Letter,
    Mark,
    Number,
    Punctuation,
    Symbol,
    Space,
    Other,
}

impl Kind {
    pub(super) fn of(character: char) -> Self {
        let point = u32::from(character);
        // The last run that begins at or before it: all of its codes are below that of the next code point.
        let behind = RUNS.partition_point(|run| *run < (point + 1) << 3);
        match RUNS.get(behind.wrapping_sub(1)).map_or(0, |run| run & 7) {
            1 => Self::Letter,
            2 => Self::Mark,
            3 => Self::Number,
            4 => Self::Punctuation,
            5 => Self::Symbol,
            6 => Self::Space,
            _ => Self::Other,
        }
    }
}
