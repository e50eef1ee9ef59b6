//! A model of the user's own: any GGUF file that the engine knows, or a network that embeds texts; and how it is sold.
//!
//! **Invariant:** its manifest names the bytes that were stored, and says no more of them than its files do.

mod embedding;
mod language_file;
mod own_runner;
mod parted;
mod tokenizer_file;

use std::{fs, path::Path};

use assay_protocol::{
    id::Digest,
    manifest::{Manifest, Meter, NAME_BYTES_MAX, Policy, TokenWeights, WorkPerMeter},
    units::{Units, Work},
};
use assay_runtime::class::{ARITHMETIC, model_header};
use serde_json::json;

#[cfg(test)]
pub(crate) use self::parted::tests::part as empty_part;
pub(crate) use self::{
    embedding::Embedding,
    language_file::{RefusedFile, refuse_unrunnable, survey_file},
    own_runner::{component, runner_manifest},
    parted::{JoinedFile, PartedModel, WholeFile, is_of_disk, unjoined},
};
use crate::{
    bundle::{Bundle, SUMS},
    command_error::{CommandError, Exit},
};

/// What is put before a name that a bundled model has.
const OWN: &str = "my-";
/// Memory that a run takes beside its model.
const MEMORY_BESIDE: u64 = 1 << 30;

/// How long its texts may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextExtent {
    /// Tokens of an answer, where the order says nothing else.
    pub(crate) answer_tokens: u32,
    /// The most units of a run.
    pub(crate) units: Units,
}

/// How the model in a file that has this digest is run, or that of a file that was cut into parts.
///
/// # Errors
/// [`CommandError`], if it is no GGUF file.
pub(crate) fn manifest(file: &Path, digest: Digest, extent: TextExtent) -> Result<Manifest, CommandError> {
    if let Some(parted) = PartedModel::find(file)? {
        return Ok(manifest_of(parted.name(), parted.bytes(), digest, extent));
    }
    Ok(manifest_of(file, bytes_of(file)?, digest, extent))
}

/// How a model is run that is called like this file and has so many bytes, wherever that file is.
pub(crate) fn manifest_of(file: &Path, bytes: u64, digest: Digest, extent: TextExtent) -> Manifest {
    // Work is counted in tokens of `sums`; how long one takes goes with the bytes of its weights.
    let token = (bytes / SUMS.model.len() as u64).max(1);
    Manifest {
        name: name_of(file),
        model: digest,
        params: json!({ "max_tokens": extent.answer_tokens }).to_string(),
        policy: Policy::Replay,
        meter: Meter::Tokens(TokenWeights { read: 1, written: 4 }),
        work: WorkPerMeter { token_read: token, token_written: 4 * token, ..SUMS.manifest().work },
        work_most: extent.units.saturating_mul(token) as Work,
        memory_bytes: MEMORY_BESIDE.saturating_add(bytes.saturating_mul(3)),
        licence: "as its file says".to_owned(),
        ..SUMS.manifest()
    }
}

/// How long a file is that says that it is a GGUF file, or will be once its parts are joined.
///
/// # Errors
/// [`CommandError`], if it does not.
pub(crate) fn bytes_of(file: &Path) -> Result<u64, CommandError> {
    if let Some(parted) = PartedModel::find(file)? {
        return Ok(parted.bytes());
    }
    let failed = |why: String| unsellable(file, &why);
    // Whoever opened a pipe would wait for somebody to write to it.
    let is_file = fs::metadata(file).map_err(|error| failed(error.to_string()))?.is_file();
    if !is_file {
        return Err(failed("it is no file".to_owned()));
    }
    let header = model_header(file).map_err(|error| failed(error.to_string()))?;
    if !ARITHMETIC.runs(&header) {
        let why = match is_onnx(&header) {
            true => {
                "it is an ONNX file, which does not say what its inputs and outputs mean; what can be taken in are models of \
                 language, as GGUF, and networks that embed texts, with their tokenizer.json beside them"
            }
            false => "it is no GGUF file",
        };
        return Err(failed(why.to_owned()));
    }
    Ok(fs::metadata(file).map_err(|error| failed(error.to_string()))?.len())
}

/// How a network that embeds texts is run, so many of them at most in a run.
pub(crate) fn embedding_manifest(embedding: &Embedding, texts: Units) -> Manifest {
    embedding.manifest(plain_name(&embedding.stem()), texts)
}

/// Why a file of the user's is no model that can be sold.
pub(crate) fn unsellable(file: &Path, why: &str) -> CommandError {
    let message = format!("{} cannot be sold: {why}", file.display());
    let hint = "name a GGUF file of a model of language, or a folder with model.onnx and tokenizer.json";
    CommandError::new(Exit::Usage, "NO_MODEL", message, hint)
}

/// Whether it begins as ONNX files do: with the small number of their version.
fn is_onnx(header: &[u8]) -> bool {
    matches!(header, [0x08, 1..=32, ..])
}

/// The name of its file, as far as it can be that of a model.
fn name_of(file: &Path) -> String {
    plain_name(&file.file_stem().unwrap_or_default().to_string_lossy())
}

fn plain_name(stem: &str) -> String {
    let stem = stem.to_lowercase();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    let name: String = stem.chars().map(plain).take(NAME_BYTES_MAX - OWN.len()).collect();
    let is_taken = Bundle::all().iter().any(|bundle| bundle.name == name);
    if is_taken || name.is_empty() { format!("{OWN}{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: TextExtent = TextExtent { answer_tokens: 64, units: 1_024 };

    #[test]
    fn a_model_is_called_like_its_file_and_costs_what_its_bytes_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Small Model-1B.Q4_1.gguf");
        fs::write(&file, [b"GGUF".as_slice(), &vec![0; 4 * SUMS.model.len()]].concat()).unwrap();
        let own = manifest(&file, Digest::of(b"it"), EXTENT).unwrap();
        assert_eq!(own.name, "small-model-1b.q4-1");
        assert_eq!((own.work.token_read, own.work.token_written), (4, 16));
        assert_eq!((own.model, own.work_most), (Digest::of(b"it"), 4 * 1_024));
        assert!(own.is_bounded());
        let bundled = folder.path().join("sums.gguf");
        fs::copy(&file, &bundled).unwrap();
        assert_eq!(manifest(&bundled, Digest::of(b"it"), EXTENT).unwrap().name, "my-sums");
        let digits = folder.path().join("digits.onnx");
        fs::write(&digits, crate::bundle::DIGITS.model).unwrap();
        let refused = bytes_of(&digits).unwrap_err();
        assert!(refused.to_string().contains("is an ONNX file, which does not say"), "{refused}");
        fs::write(&file, "PK").unwrap();
        assert_eq!(manifest(&file, Digest::of(b"it"), EXTENT).unwrap_err().exit(), Exit::Usage);
    }
}
