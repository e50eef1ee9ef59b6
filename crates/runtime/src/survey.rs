//! What a model of language is, by the beginning of its file: whether it is run here, and how much memory that takes.
//!
//! **Invariant:** no weight is read, and no more of a file than stands before them; what is refused here is what a run of it
//! would be refused for, in the same words.

use std::{
    collections::BTreeSet,
    io::{self, Read},
};

use assay_engine::{
    gguf::{Gguf, GgufError, read_beginning},
    model::{MemoryNeed, ModelError, ModelPlan},
    vocabulary::{Vocabulary, VocabularyError},
};

/// Bytes of the longest licence that is told.
const LICENCE_BYTES_MAX: usize = 256;
/// Where a file has it.
const LICENCE: &str = "general.license";

/// What a file says of its model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSurvey {
    /// Its family, by the name that files give it.
    pub family: &'static str,
    /// How its weights are written, by the names that people know.
    pub formats: BTreeSet<&'static str>,
    /// Layers.
    pub layers: u64,
    /// Positions that it was made for.
    pub context: u64,
    /// Tokens of its vocabulary.
    pub vocabulary: u64,
    /// Its licence.
    pub licence: Option<String>,
    /// Bytes of the template that it wants conversations to be written by.
    pub template_bytes: Option<u64>,
    need: MemoryNeed,
}

/// What of a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedPart {
    /// It cannot be read, or is no whole GGUF file.
    File,
    /// It is one of several parts, and no whole model.
    Split,
    /// The family, or what the family can have and is not run.
    Family,
    /// Weights that are missing, have no place, or are written in a way that is not read.
    Weights,
    /// The vocabulary.
    Vocabulary,
}

/// Why a model is not run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotRun {
    /// What of its file is refused.
    pub part: RefusedPart,
    /// Why.
    pub why: String,
}

/// Looks at a file of so many bytes.
///
/// # Errors
/// [`NotRun`].
pub fn survey(file: impl Read, file_bytes: u64) -> Result<ModelSurvey, NotRun> {
    let length = usize::try_from(file_bytes).unwrap_or(usize::MAX);
    read_beginning(file, |head| Gguf::parse_outline(head, length).map(|outline| ModelSurvey::of(&outline)))??
}

impl ModelSurvey {
    fn of(file: &Gguf<'_>) -> Result<Self, NotRun> {
        let plan = ModelPlan::of(file)?;
        let vocabulary = Vocabulary::read(file)?;
        let licence = file.get::<&str>(LICENCE).ok().flatten();
        Ok(Self {
            family: plan.settings.family.name(),
            formats: file.tensors().iter().map(|tensor| tensor.tensor_type.name()).collect(),
            layers: plan.settings.layers as u64,
            context: plan.settings.context as u64,
            vocabulary: vocabulary.len() as u64,
            licence: licence.filter(|licence| licence.len() <= LICENCE_BYTES_MAX).map(str::to_owned),
            template_bytes: vocabulary.template().map(|template| template.len() as u64),
            need: MemoryNeed::of(&plan),
        })
    }

    /// Bytes of memory that a run takes of so many tokens, read and written.
    #[must_use]
    pub fn memory_bytes(&self, tokens: u64) -> u64 {
        self.need.total(1, usize::try_from(tokens).unwrap_or(usize::MAX)) as u64
    }
}

impl From<io::Error> for NotRun {
    fn from(error: io::Error) -> Self {
        Self { part: RefusedPart::File, why: error.to_string() }
    }
}

impl From<GgufError> for NotRun {
    fn from(error: GgufError) -> Self {
        let is_of_weights = matches!(error, GgufError::TensorType { .. } | GgufError::NoTensor { .. });
        let part = if is_of_weights { RefusedPart::Weights } else { RefusedPart::File };
        Self { part, why: error.to_string() }
    }
}

impl From<ModelError> for NotRun {
    fn from(error: ModelError) -> Self {
        let why = error.to_string();
        let part = match error {
            ModelError::Gguf(error) => return error.into(),
            ModelError::Family { .. }
            | ModelError::Unknown { .. }
            | ModelError::Number { .. }
            | ModelError::Float { .. }
            | ModelError::Multiple { .. } => RefusedPart::Family,
            ModelError::Part { .. } => RefusedPart::Split,
            ModelError::Shape { .. }
            | ModelError::Written { .. }
            | ModelError::Unplaced { .. }
            | ModelError::Infinite { .. }
            | ModelError::Weights { .. }
            | ModelError::Factor { .. } => RefusedPart::Weights,
            ModelError::Vocabulary { .. } => RefusedPart::Vocabulary,
        };
        Self { part, why }
    }
}

impl From<VocabularyError> for NotRun {
    fn from(error: VocabularyError) -> Self {
        Self { part: RefusedPart::Vocabulary, why: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use assay_engine::gguf::Writer;

    use super::*;

    const SUMS: &[u8] = include_bytes!("../../../models/sums/sums.gguf");

    fn refused(bytes: &[u8]) -> NotRun {
        survey(bytes, bytes.len() as u64).unwrap_err()
    }

    /// The model with other bytes of as many in the place of these, wherever they stand.
    fn with(from: &str, into: &str) -> Vec<u8> {
        assert_eq!(from.len(), into.len());
        let mut file = SUMS.to_vec();
        let places: Vec<usize> =
            (0..file.len() - from.len()).filter(|at| file[*at..].starts_with(from.as_bytes())).collect();
        assert!(!places.is_empty(), "{from}");
        places.into_iter().for_each(|at| file[at..at + into.len()].copy_from_slice(into.as_bytes()));
        file
    }

    #[test]
    fn a_file_is_known_before_its_weights_are_there() {
        let whole = survey(SUMS, SUMS.len() as u64).unwrap();
        assert_eq!((whole.family, whole.formats.contains("q8_0")), ("llama", true));
        assert!(whole.layers > 0 && whole.context > 0 && whole.vocabulary > 0, "{whole:?}");
        assert!(whole.template_bytes.is_some_and(|bytes| bytes > 0), "{whole:?}");
        let (short, long) = (whole.memory_bytes(1), whole.memory_bytes(4_096));
        assert!(short > SUMS.len() as u64 / 2 && long > short, "{short} and {long}");
        let head = &SUMS[..SUMS.len() / 2];
        assert_eq!(survey(head, SUMS.len() as u64), Ok(whole), "its weights are not looked at");
        assert_eq!(refused(head).part, RefusedPart::File, "a file that is no longer has not all of them");
    }

    #[test]
    fn what_is_not_run_is_refused_by_its_name() {
        let cases = [
            (b"GIF89a, and more".to_vec(), RefusedPart::File, "no GGUF file"),
            (SUMS[..2_000].to_vec(), RefusedPart::File, "ends within"),
            (
                Writer::new().key("general.architecture", "mamba").to_bytes(|_, _| {}),
                RefusedPart::Family,
                "mamba",
            ),
            (
                Writer::new().key("split.no", 1_u16).key("split.count", 3_u16).to_bytes(|_, _| {}),
                RefusedPart::Split,
                "part 2 of 3 of a model",
            ),
            (
                Writer::new()
                    .key("split.count", 0_u16)
                    .key("general.architecture", "mamba")
                    .to_bytes(|_, _| {}),
                RefusedPart::Family,
                "mamba",
            ),
            (with("output_norm.weight", "output_mean.weight"), RefusedPart::Weights, "output_norm.weight"),
            (with("blk.0.ffn_down.weight", "blk.0.ffn_side.weight"), RefusedPart::Weights, "ffn_down"),
            (
                with("tokenizer.ggml.model", "tokenizer.ggml.other"),
                RefusedPart::Vocabulary,
                "tokenizer.ggml.model is missing",
            ),
        ];
        for (bytes, part, said) in cases {
            let refused = refused(&bytes);
            assert!(refused.part == part && refused.why.contains(said), "{refused:?} is not about {said}");
        }
    }
}
