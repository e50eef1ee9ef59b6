//! A model of the user's own in the demonstration.

use std::path::Path;

use assay_protocol::{
    id::Digest,
    manifest::Manifest,
    units::{Amount, Duration, Units},
};

use crate::{
    bundle::Sample,
    command_error::CommandError,
    own_model::{self, TextExtent},
};

/// The most that an answer may be billed.
const UNITS: Units = 1_024;
/// How long its answers are.
const EXTENT: TextExtent = TextExtent { answer_tokens: 64, units: UNITS };
/// The most that an order of one asks for: units, and the time of its run.
pub(super) const BOUNDS: (Units, Duration) = (UNITS, Duration::seconds(30));
/// What is asked for a token.
pub(super) const TOKEN_PRICE: Amount = Amount(500_000);
/// What is asked for one by whoever rounds it.
pub(super) const TOKEN_CHEAP: Amount = Amount(400_000);

/// A file to be sold and asked.
#[derive(Clone, Debug)]
pub(super) struct OwnModel {
    /// How it is run.
    pub(super) manifest: Manifest,
    /// What it is asked.
    pub(super) question: &'static Sample,
    /// Bytes of its file.
    pub(super) bytes: u64,
}

impl OwnModel {
    /// The model in a file that has this digest.
    ///
    /// # Errors
    /// [`CommandError`], if it is no GGUF file.
    pub(super) fn of(file: &Path, digest: Digest, question: &str) -> Result<Self, CommandError> {
        let bytes = own_model::bytes_of(file)?;
        let manifest = own_model::manifest_of(file, bytes, digest, EXTENT);
        let question = question.to_owned().leak();
        let question = Sample { file: question, bytes: question.as_bytes(), answer: "" };
        Ok(Self { manifest, question: Box::leak(Box::new(question)), bytes })
    }
}
