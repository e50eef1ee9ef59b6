//! Why a model is refused.

use super::family::Family;
use crate::{gguf::GgufError, matrix::BadWeights};

/// Why a model is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The file is broken, or lacks something.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A part of a file that was cut into several.
    #[error(
        "the file is part {part} of {parts} of a model, and a model here is one file, which all of them give together"
    )]
    Part {
        /// Which it is, from one on.
        part: u64,
        /// How many there are.
        parts: u64,
    },
    /// A family that is not known.
    #[error("models of the family {found} are not run; known are {}", Family::known())]
    Family {
        /// What the file says.
        found: String,
    },
    /// Something that the family can have, and that is not run.
    #[error("{key} is {found}, which is not run; known is {known}")]
    Unknown {
        /// The key.
        key: String,
        /// What it holds.
        found: String,
        /// What is known.
        known: &'static str,
    },
    /// A number outside its bounds.
    #[error("{key} is {found}, and can be {least} to {most}")]
    Number {
        /// The key.
        key: String,
        /// What it holds.
        found: u64,
        /// The least that is run.
        least: u64,
        /// The most that is run.
        most: u64,
    },
    /// A float outside its bounds.
    #[error("{key} is {found}, and can be {least} to {most}")]
    Float {
        /// The key.
        key: String,
        /// What it holds.
        found: f64,
        /// The least that is run.
        least: f64,
        /// The most that is run.
        most: f64,
    },
    /// A number that blocks or tiles do not divide.
    #[error("{key} is {found}, which is no multiple of {unit}")]
    Multiple {
        /// The key, or what is computed from keys.
        key: String,
        /// The number.
        found: usize,
        /// What it must be a multiple of.
        unit: usize,
    },
    /// A tensor of a shape that does not fit the keys.
    #[error("tensor {tensor} is {found}, where the keys say {wanted}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its lengths.
        found: String,
        /// What they are to be.
        wanted: String,
    },
    /// A tensor that is not written as it must be.
    #[error("tensor {tensor} is written as {found}, and is read as {wanted} alone")]
    Written {
        /// The tensor.
        tensor: String,
        /// How it is written.
        found: &'static str,
        /// How it could be.
        wanted: &'static str,
    },
    /// A tensor that this skeleton has no place for: to leave it out would be another model.
    #[error("tensor {tensor} has no place in a model of the family {family}")]
    Unplaced {
        /// The tensor.
        tensor: String,
        /// The family.
        family: &'static str,
    },
    /// A number that is none.
    #[error("tensor {tensor} holds an infinity, or what is not a number")]
    Infinite {
        /// The tensor.
        tensor: String,
    },
    /// Weights that cannot be computed with.
    #[error("tensor {tensor}: {why}")]
    Weights {
        /// The tensor.
        tensor: String,
        /// What is wrong with it.
        why: BadWeights,
    },
    /// A divisor of frequencies outside its bounds.
    #[error("tensor {tensor} holds a divisor of frequencies that is not within a millionth and a million")]
    Factor {
        /// The tensor.
        tensor: String,
    },
    /// Two places that say how many tokens there are.
    #[error("the vocabulary has {tokens} tokens, and the embeddings {rows} rows")]
    Vocabulary {
        /// Tokens by the vocabulary.
        tokens: usize,
        /// Rows of the embeddings.
        rows: usize,
    },
}
