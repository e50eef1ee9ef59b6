//! What a job gave.

use crate::bindings::assay::runner::types;

/// What a job gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The result; empty if it was sent in chunks with [`crate::session::emit`].
    pub output: Vec<u8>,
    /// What a check compares, for runners whose policy is `tokens`; the host makes it for all others.
    pub evidence: Option<Evidence>,
    /// Why the job ended.
    pub end: End,
}

/// What a check compares: records of one size.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Bytes in each record.
    pub record_bytes: u32,
    /// The records, one after the other.
    pub records: Vec<u8>,
}

/// Why a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was done.
    Stop,
    /// The ceiling on units was reached.
    Length,
    /// The client wanted no more.
    Cancelled,
}

impl Outcome {
    /// A job that was done, and its result.
    #[must_use]
    pub fn bytes(output: Vec<u8>) -> Self {
        Self { output, evidence: None, end: End::Stop }
    }

    /// A job that was done, and its result as little-endian numbers: what the policy `tensor f32` compares.
    #[must_use]
    pub fn floats(output: &[f32]) -> Self {
        Self::bytes(output.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// A job whose result was sent in chunks.
    #[must_use]
    pub fn emitted(end: End) -> Self {
        Self { output: Vec::new(), evidence: None, end }
    }
}

impl From<Outcome> for types::Outcome {
    fn from(outcome: Outcome) -> Self {
        let evidence = outcome
            .evidence
            .map(|Evidence { record_bytes, records }| types::Evidence { record_bytes, records });
        let end = match outcome.end {
            End::Stop => types::End::Stop,
            End::Length => types::End::Length,
            End::Cancelled => types::End::Cancelled,
        };
        Self { output: outcome.output, evidence, end }
    }
}
