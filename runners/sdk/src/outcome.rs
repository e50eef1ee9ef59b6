//! What a job gave.

use crate::bindings::assay::runner::types;

/// What a job gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result; empty if it was sent with [`crate::session::emit`] or [`crate::session::emit_tokens`].
    pub output: Vec<u8>,
    /// Why the job ended.
    pub end: End,
}

/// Why a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was done.
    Stop,
    /// It was as long as it may be.
    Length,
    /// The client wanted no more.
    Cancelled,
}

impl Outcome {
    /// A job that was done, and its result.
    #[must_use]
    pub fn bytes(output: Vec<u8>) -> Self {
        Self { output, end: End::Stop }
    }

    /// A job that was done, and its result as little-endian numbers: what the policy `tensor f32` compares.
    #[must_use]
    pub fn floats(output: &[f32]) -> Self {
        Self::bytes(output.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// A job whose result was sent while it ran.
    #[must_use]
    pub fn emitted(end: End) -> Self {
        Self { output: Vec::new(), end }
    }
}

impl From<Outcome> for types::Outcome {
    fn from(outcome: Outcome) -> Self {
        let end = match outcome.end {
            End::Stop => types::End::Stop,
            End::Length => types::End::Length,
            End::Cancelled => types::End::Cancelled,
        };
        Self { output: outcome.output, end }
    }
}
