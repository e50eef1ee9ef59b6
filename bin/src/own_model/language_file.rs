//! The file of a model of language, looked at before it is run: the beginning of it says whether that can come to anything.
//!
//! **Invariant:** whoever takes such a file in is told the same of it as whoever only looks at it.

use std::{fs::File, path::Path};

use assay_runtime::survey::{ModelSurvey, NotRun, RefusedPart, survey};

use super::{PartedModel, bytes_of};
use crate::command_error::{CommandError, Exit};

/// Why a file is not run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedFile {
    /// What was looked at.
    pub(crate) about: &'static str,
    /// What it is called for programs that only look.
    pub(crate) code: &'static str,
    /// Why.
    pub(crate) why: String,
    /// What is to be done then.
    pub(crate) hint: &'static str,
}

/// What a file of so many bytes says of its model, or what its parts say once they are joined.
///
/// # Errors
/// [`RefusedFile`], if no run of it would come to anything.
pub(crate) fn survey_file(file: &Path, bytes: u64) -> Result<ModelSurvey, RefusedFile> {
    if let Ok(Some(parted)) = PartedModel::find(file) {
        return parted.survey();
    }
    File::open(file).map_err(NotRun::from).and_then(|file| survey(file, bytes)).map_err(RefusedFile::from)
}

/// Refuses a file of which no run would come to anything, before it is copied and run; `verb` is what it cannot be.
///
/// # Errors
/// [`CommandError`], in the words of whoever only looks at it.
pub(crate) fn refuse_unrunnable(file: &Path, name: &str, verb: &str) -> Result<(), CommandError> {
    survey_file(file, bytes_of(file)?).map(drop).map_err(|RefusedFile { why, hint, .. }| {
        let message = format!("{name} cannot be {verb}: {why}");
        CommandError::new(Exit::Usage, "NO_MODEL", message, hint)
    })
}

impl From<NotRun> for RefusedFile {
    fn from(NotRun { part, why }: NotRun) -> Self {
        let (about, code, hint) = match part {
            RefusedPart::File => {
                ("format", "FILE_REFUSED", "fetch the file again: it may have been cut off on its way")
            }
            RefusedPart::Split => (
                "format",
                "FILE_REFUSED",
                "call it and its other parts as they were called: NAME-00001-of-00003.gguf; then they are joined",
            ),
            RefusedPart::Family => ("family", "FAMILY_REFUSED", "choose a model of another family"),
            RefusedPart::Weights => (
                "weights",
                "WEIGHTS_REFUSED",
                "choose a file of the same model whose weights are written otherwise",
            ),
            RefusedPart::Vocabulary => {
                ("vocabulary", "VOCABULARY_REFUSED", "choose a model of another family")
            }
        };
        Self { about, code, why, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::SUMS;

    #[test]
    fn a_file_that_is_not_whole_is_refused_before_it_is_run_by_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        std::fs::write(&file, &SUMS.model[..SUMS.model.len() / 2]).unwrap();
        let [message, hint] =
            refuse_unrunnable(&file, "model", "added").unwrap_err().lines().map(str::to_owned);
        assert!(message.starts_with("model cannot be added: tensor "), "{message}");
        assert!(message.contains(" bytes from ") && hint.contains("cut off"), "{message}; {hint}");
        std::fs::write(&file, SUMS.model).unwrap();
        assert_eq!(refuse_unrunnable(&file, "model", "added"), Ok(()));
    }

    #[test]
    fn a_part_of_a_model_is_to_be_joined_and_its_weights_are_no_matter() {
        let why = "the file is part 1 of 3 of a model: join them first".to_owned();
        let refused = RefusedFile::from(NotRun { part: RefusedPart::Split, why });
        assert!(refused.hint.contains("are joined") && !refused.hint.contains("weights"), "{refused:?}");
        let weights = RefusedFile::from(NotRun { part: RefusedPart::Weights, why: String::new() });
        assert!(weights.hint.contains("weights are written otherwise"), "{weights:?}");
    }
}
