//! A model of the user's own in the demonstration.

use std::path::Path;

use assay_protocol::{
    id::Digest,
    manifest::Manifest,
    units::{Amount, Duration, Units},
};
use assay_runtime::coarse_model::try_coarser;

use super::plan::{self, Bounds};
use crate::{
    bundle::Sample,
    command_error::CommandError,
    own_model::{self, TextExtent},
};

/// The most that an answer may be billed.
const UNITS: Units = 1_024;
/// How long its answers are.
const EXTENT: TextExtent = TextExtent { answer_tokens: 64, units: UNITS };
/// The most that an order of one asks for.
pub(super) const BOUNDS: Bounds = (Some(UNITS), Some(Duration::seconds(30)));
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
    /// Why there is no rounded copy of it, where one was wanted.
    pub(super) unrounded: Option<String>,
}

impl OwnModel {
    /// The model in a file that has this digest.
    ///
    /// # Errors
    /// [`CommandError`], if it is no GGUF file.
    pub(super) fn of(file: &Path, digest: Digest, question: &str) -> Result<Self, CommandError> {
        let (manifest, bytes) = (own_model::manifest(file, digest, EXTENT)?, own_model::bytes_of(file)?);
        let question = question.to_owned().leak();
        let question = Sample { file: question, bytes: question.as_bytes(), answer: "" };
        Ok(Self { manifest, question: Box::leak(Box::new(question)), bytes, unrounded: None })
    }

    /// The same, once it was tried whether what is stored of it can be rounded, unless that would be too large.
    pub(super) fn tried(self, stored: &Path) -> Self {
        let refused = if self.is_small() { try_coarser(stored).err() } else { None };
        Self { unrounded: refused.map(|error| error.to_string()), ..self }
    }

    /// Whether its rounded copy is the one that is sold.
    pub(super) fn is_rounded(&self) -> bool {
        self.is_small() && self.unrounded.is_none()
    }

    fn is_small(&self) -> bool {
        self.bytes <= plan::OWN_ROUNDED_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{bundle::SUMS, own_model::empty_part};

    #[test]
    fn a_model_in_parts_is_called_as_it_was_before_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] =
            [1, 2].map(|number| folder.path().join(format!("Big-0000{number}-of-00002.gguf")));
        fs::write(&first, empty_part(0, 2)).unwrap();
        fs::write(&second, empty_part(1, 2)).unwrap();
        let own = OwnModel::of(&second, Digest::default(), "Why?").unwrap();
        assert_eq!((own.manifest.name.as_str(), own.bytes), ("big", 32));
    }

    #[test]
    fn a_model_that_cannot_be_rounded_is_not_the_one_whose_copy_is_sold() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        let tried = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            OwnModel::of(&file, Digest::default(), "Why?").unwrap().tried(&file)
        };
        assert!(tried(SUMS.model).is_rounded());
        let name = "general.alignment";
        let key = [&(name.len() as u64).to_le_bytes()[..], name.as_bytes(), &4_u32.to_le_bytes()].concat();
        let head = [&b"GGUF\x03\0\0\0"[..], &[0; 8], &1_u64.to_le_bytes()].concat();
        let aligned = tried(&[head, key, 64_u32.to_le_bytes().to_vec()].concat());
        assert!(!aligned.is_rounded() && aligned.unrounded.is_some(), "{aligned:?}");
        let large = OwnModel { bytes: plan::OWN_ROUNDED_MAX + 1, ..aligned }.tried(&file);
        assert!(!large.is_rounded() && large.unrounded.is_none(), "nobody has so much in memory: {large:?}");
    }
}
