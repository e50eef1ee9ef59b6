//! Why parts are not joined.

use std::io;

use super::PARTS_MAX;
use crate::gguf::GgufError;

/// Why parts are not joined into one file. Parts are counted from one.
#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    /// A part cannot be read.
    #[error("{name} cannot be read: {error}")]
    Read {
        /// The part.
        name: String,
        /// Why.
        error: io::Error,
    },
    /// A part is no whole file.
    #[error("{name}: {error}")]
    Part {
        /// The part.
        name: String,
        /// What is wrong with it.
        error: GgufError,
    },
    /// A file that was not cut.
    #[error("{name} is no part: it says of no others")]
    Whole {
        /// The file.
        name: String,
    },
    /// More parts than are joined.
    #[error("{name} is one of {parts} parts, and at most {PARTS_MAX} are joined")]
    Many {
        /// A part.
        name: String,
        /// How many it says there are.
        parts: u64,
    },
    /// A part that cannot be one of so many.
    #[error("{name} says that it is part {part} of {parts}")]
    Beyond {
        /// The part.
        name: String,
        /// Which it says it is.
        part: u64,
        /// How many it says there are.
        parts: u64,
    },
    /// A part is not there.
    #[error("part {part} of {parts} is missing")]
    Missing {
        /// The first that is not there.
        part: u64,
        /// How many there are.
        parts: u64,
    },
    /// A part is there twice.
    #[error("{one} and {other} are both part {part}")]
    Twice {
        /// Which.
        part: u64,
        /// One file of it.
        one: String,
        /// Another.
        other: String,
    },
    /// Parts of different files.
    #[error(
        "{one} and {other} are parts of different models: they say other numbers of parts, or of tensors"
    )]
    Counts {
        /// One part.
        one: String,
        /// A part that says otherwise.
        other: String,
    },
    /// Parts of different versions of the format.
    #[error("{one} is of version {version}, and {other} of version {found}")]
    Versions {
        /// One part.
        one: String,
        /// Its version.
        version: u32,
        /// A part of another.
        other: String,
        /// That one's version.
        found: u32,
    },
    /// Parts that have other tensors than they should.
    #[error("the parts have {found} tensors, and say that they have {said}")]
    Sum {
        /// How many they have.
        found: u64,
        /// How many they say.
        said: u64,
    },
    /// Two tensors of one name.
    #[error("tensor {tensor} is in {one} and in {other}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// One part that has it.
        one: String,
        /// Another.
        other: String,
    },
    /// Tensors that share bytes: what is joined would be longer than its parts, and by any amount.
    #[error("tensors of {name} overlap")]
    Overlap {
        /// The part.
        name: String,
    },
    /// What comes of them could not be read.
    #[error("what the parts give is no file that is read: {0}")]
    Joined(GgufError),
    /// It cannot be written.
    #[error("what is joined cannot be written: {0}")]
    Write(io::Error),
    /// Whoever was told how far it is wanted no more.
    #[error("the parts were not joined to the end")]
    Stopped,
}
