//! Why a schema is not held.

use std::fmt;

/// Why a schema is not held. Places are paths from the schema's root, such as `/properties/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaError {
    /// The text is no JSON.
    NotJson(String),
    /// It has more bytes than are read.
    TooLong {
        /// Its bytes, written without spaces.
        bytes: usize,
    },
    /// It comes to more shapes than are held.
    TooMany,
    /// What stands there is no schema.
    NoSchema {
        /// Where.
        at: String,
    },
    /// A word that is not held.
    Unknown {
        /// The word.
        keyword: String,
        /// Where it stands.
        at: String,
    },
    /// A word that is held, but not as it is used.
    Wrong {
        /// The word.
        keyword: String,
        /// Where it stands.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// No document fits.
    Impossible {
        /// The place that nothing fits.
        at: String,
    },
}

impl fmt::Display for SchemaError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(why) => write!(out, "the schema is no JSON: {why}"),
            Self::TooLong { bytes } => {
                write!(out, "the schema has {bytes} bytes, and at most {} are read", crate::SCHEMA_BYTES_MAX)
            }
            Self::TooMany => write!(out, "the schema has more parts than {}", crate::parser::SHAPES_MAX),
            Self::NoSchema { at } => write!(out, "what stands at {} is no schema", Place(at)),
            Self::Unknown { keyword, at } => write!(out, "{keyword:?} at {} is not held", Place(at)),
            Self::Wrong { keyword, at, why } => write!(out, "{keyword:?} at {} {why}", Place(at)),
            Self::Impossible { at } => write!(out, "nothing fits the schema at {}", Place(at)),
        }
    }
}

impl std::error::Error for SchemaError {}

/// A path as it is shown: the root has no name, and a stranger's keys are escaped.
struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => out.write_str("its root"),
            path => write!(out, "{}", path.escape_debug()),
        }
    }
}
