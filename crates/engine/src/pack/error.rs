//! Why a pack is not made, or not taken.

use std::io;

use super::VERSION;
use crate::{
    gguf::GgufError,
    matrix::BadWeights,
    model::{ARITHMETIC_VERSION, ModelError},
};

/// Why a pack is not made, or not taken.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The model is refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It could not be written, mapped, or given memory.
    #[error("a pack could not be written or mapped: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("this is no pack")]
    Magic,
    /// It is of another version.
    #[error("the pack is of version {found}, and version {VERSION} is read: make it anew")]
    Version {
        /// The version it says.
        found: u32,
    },
    /// It is for another arithmetic.
    #[error(
        "the pack is for version {found} of the arithmetic, and this is {ARITHMETIC_VERSION}: make it anew"
    )]
    Arithmetic {
        /// The version it says.
        found: u32,
    },
    /// It ends too soon, or names what is not in it.
    #[error("the pack is cut or broken: {what}")]
    Broken {
        /// Where it was seen.
        what: &'static str,
    },
    /// A part does not lie in it.
    #[error("part {name} of the pack: {why}")]
    Part {
        /// The part.
        name: String,
        /// What is wrong with it.
        why: BadWeights,
    },
    /// Its bytes are not those that were written.
    #[error("the pack is not what was written: its digest differs")]
    Digest,
}

impl From<GgufError> for PackError {
    fn from(error: GgufError) -> Self {
        Self::Model(error.into())
    }
}
