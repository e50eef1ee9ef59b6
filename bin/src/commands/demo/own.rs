//! A model of the user's own in the demonstration: any GGUF file that the engine knows.

use std::{fs, path::Path};

use assay_protocol::{
    id::Digest,
    manifest::{Manifest, Meter, NAME_BYTES_MAX, Policy, TokenWeights, WorkPerMeter},
    units::{Amount, Duration, Units, Work},
};
use assay_runtime::class::{Class, model_header};
use serde_json::json;

use crate::{
    bundle::{Bundle, SUMS, Sample},
    command_error::{CommandError, Exit},
};

/// The version of the arithmetic that its texts are computed by; any would do to tell the file.
const ARITHMETIC: u32 = 1;
/// The most tokens of an answer.
const ANSWER_TOKENS: u32 = 64;
/// The most that an answer may be billed.
pub(super) const UNITS: Units = 1_024;
/// The longest run of it.
pub(super) const RUN_MAX: Duration = Duration::seconds(30);
/// What is asked for a token.
pub(super) const TOKEN_PRICE: Amount = Amount(500_000);
/// What is put before a name that a bundled model has.
const OWN: &str = "my-";
/// Memory that a run takes beside its model.
const MEMORY_BESIDE: u64 = 1 << 30;

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
        let bytes = Self::bytes_of(file)?;
        // Work is counted in tokens of `sums`; how long one takes goes with the bytes of its weights.
        let token = (bytes / SUMS.model.len() as u64).max(1);
        let manifest = Manifest {
            name: name_of(file),
            model: digest,
            params: json!({ "max_tokens": ANSWER_TOKENS }).to_string(),
            policy: Policy::Replay,
            meter: Meter::Tokens(TokenWeights { read: 1, written: 4 }),
            work: WorkPerMeter { token_read: token, token_written: 4 * token, ..SUMS.manifest().work },
            work_most: UNITS.saturating_mul(token) as Work,
            memory_bytes: MEMORY_BESIDE.saturating_add(bytes.saturating_mul(3)),
            licence: "as its file says".to_owned(),
            ..SUMS.manifest()
        };
        let question = question.to_owned().leak();
        let question = Sample { file: question, bytes: question.as_bytes(), answer: "" };
        Ok(Self { manifest, question: Box::leak(Box::new(question)) })
    }

    /// How long a file is that says that it is a GGUF file.
    ///
    /// # Errors
    /// [`CommandError`], if it does not.
    pub(super) fn bytes_of(file: &Path) -> Result<u64, CommandError> {
        let failed = |why: String| {
            let message = format!("{} cannot be sold: {why}", file.display());
            CommandError::new(Exit::Usage, "NO_MODEL", message, "name a GGUF file of a model of language")
        };
        let header = model_header(file).map_err(|error| failed(error.to_string()))?;
        if !Class::Arithmetic(ARITHMETIC).runs(&header) {
            return Err(failed("it is no GGUF file".to_owned()));
        }
        Ok(fs::metadata(file).map_err(|error| failed(error.to_string()))?.len())
    }
}

/// The name of its file, as far as it can be that of a model.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    let name: String = stem.chars().map(plain).take(NAME_BYTES_MAX - OWN.len()).collect();
    let is_taken = Bundle::all().iter().any(|bundle| bundle.name == name);
    if is_taken || name.is_empty() { format!("{OWN}{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_like_its_file_and_costs_what_its_bytes_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Small Model-1B.Q4_1.gguf");
        std::fs::write(&file, [b"GGUF".as_slice(), &vec![0; 4 * SUMS.model.len()]].concat()).unwrap();
        let own = OwnModel::of(&file, Digest::of(b"it"), "Why?").unwrap();
        assert_eq!(own.manifest.name, "small-model-1b.q4-1");
        assert_eq!((own.manifest.work.token_read, own.manifest.work.token_written), (4, 16));
        assert!(own.manifest.is_bounded());
        let bundled = folder.path().join("sums.gguf");
        std::fs::copy(&file, &bundled).unwrap();
        assert_eq!(OwnModel::of(&bundled, Digest::of(b"it"), "Why?").unwrap().manifest.name, "my-sums");
        std::fs::write(&file, "PK").unwrap();
        assert_eq!(OwnModel::of(&file, Digest::of(b"it"), "Why?").unwrap_err().exit(), Exit::Usage);
    }
}
