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
pub(super) const UNITS: Units = 1_024;
/// How long its answers are.
const EXTENT: TextExtent = TextExtent { answer_tokens: 64, units: UNITS };
/// The longest run of it.
pub(super) const RUN_MAX: Duration = Duration::seconds(30);
/// What is asked for a token.
pub(super) const TOKEN_PRICE: Amount = Amount(500_000);

/// A file to be sold and asked.
#[derive(Clone, Debug)]
pub(super) struct OwnModel {
    /// How it is run.
    pub(super) manifest: Manifest,
    /// What it is asked.
    pub(super) question: &'static Sample,
}

impl OwnModel {
    /// The model in a file that has this digest.
    ///
    /// # Errors
    /// [`CommandError`], if it is no GGUF file.
    pub(super) fn of(file: &Path, digest: Digest, question: &str) -> Result<Self, CommandError> {
        let manifest = own_model::manifest(file, digest, EXTENT)?;
        let question = question.to_owned().leak();
        let question = Sample { file: question, bytes: question.as_bytes(), answer: "" };
        Ok(Self { manifest, question: Box::leak(Box::new(question)) })
    }
}
