//! `assay model check`: whether a file can be served here, before it is taken in.
//!
//! **Invariant:** it runs nothing and changes nothing; each rule is asked of whoever has it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_peer::{config::Settings, library};
use assay_protocol::{id::Digest, manifest::Manifest};
use assay_runtime::survey::ModelSurvey;
use serde_json::{Value, json};

use super::add::{TEXT_UNITS, TEXTS};
use crate::{
    command_error::{CommandError, Exit},
    commands::finding::{self, Finding},
    invocation::Invocation,
    own_model::{self, Embedding, RefusedFile, TextExtent},
    printer::{called, number_of, path_text, shell_path},
    system,
};

const EXAMPLES: &str = "\
Examples:
  assay model check SmolLM2-135M-Instruct.Q4_1.gguf
                                    a model of language
  assay model check all-MiniLM-L6-v2
                                    a folder with model.onnx and tokenizer.json: it embeds texts
  assay model check model.gguf --json
                                    the same, for programs

Exit status 12 says that it cannot be served here, and the lines say why. What is well was not run
yet: `assay model add` runs it once.";

/// Tokens of a text of usual length.
const USUAL_TOKENS: u64 = 2_048;
/// Bytes of the longest template that the runner of texts follows.
const TEMPLATE_BYTES_MAX: u64 = 1 << 18;
/// What is said of a licence that is not named.
const LICENCE_MENDS: &str = "--licence of `assay model add` names it to whoever orders it";

/// Look at a file: can it be served here?
///
/// Says its format, its family, how its weights are written, its vocabulary, how much memory it takes beside what is free,
/// its licence and its template, from the beginning of the file alone. What is not served is refused by its name.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file, a model of language as GGUF; or the folder of a network that embeds texts, as ONNX
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What a file shows, for programs.
#[derive(Default)]
struct FileShown {
    bytes: Option<u64>,
    survey: Option<ModelSurvey>,
    memory_bytes: Option<u64>,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let file = &args.file;
    fs::metadata(file).map_err(|error| own_model::unsellable(file, &error.to_string()))?;
    let free = system::free_memory_bytes();
    let (mut findings, shown, manifest) = look(file, free);
    if let Some(manifest) = &manifest {
        findings.extend(network(manifest, invocation));
    }
    findings.extend(shown.bytes.and_then(|bytes| room(bytes, invocation)));
    finding::tell("model-check", findings, shown.document(file, free), invocation)?;
    invocation.printer.note(format!("`assay model add {}` takes it in, and runs it once", shell_path(file)));
    Ok(())
}

/// What a file shows, what is to be said of that, and how the model in it would be run.
fn look(file: &Path, free: Option<u64>) -> (Vec<Finding>, FileShown, Option<Manifest>) {
    match Embedding::find(file) {
        Err(why) => (vec![refused("format", &own_model::unsellable(file, &why))], FileShown::default(), None),
        Ok(Some(embedding)) => embedding_look(&embedding, free),
        Ok(None) => language_look(file, free),
    }
}

fn embedding_look(embedding: &Embedding, free: Option<u64>) -> (Vec<Finding>, FileShown, Option<Manifest>) {
    let manifest = own_model::embedding_manifest(embedding, TEXTS);
    let (bytes, memory) = (embedding.bytes(), manifest.memory_bytes);
    let format =
        "ONNX, a network that embeds texts; whether each of its operators is run, `assay model add` tries";
    let findings = vec![
        Finding::fine("format", format),
        memory_finding(&format!("a run may take {} MiB", mib(memory)), memory, memory, free),
        Finding::warning("licence", "its files do not name it", LICENCE_MENDS),
    ];
    (findings, FileShown { bytes: Some(bytes), survey: None, memory_bytes: Some(memory) }, Some(manifest))
}

fn language_look(file: &Path, free: Option<u64>) -> (Vec<Finding>, FileShown, Option<Manifest>) {
    let bytes = match own_model::bytes_of(file) {
        Ok(bytes) => bytes,
        Err(failure) => return (vec![refused("format", &failure)], FileShown::default(), None),
    };
    let shown = FileShown { bytes: Some(bytes), ..FileShown::default() };
    let survey = match own_model::survey_file(file, bytes) {
        Ok(survey) => survey,
        Err(RefusedFile { about, code, why, hint }) => {
            let failure = CommandError::new(Exit::Usage, code, why, hint);
            return (vec![refused(about, &failure)], shown, None);
        }
    };
    let memory = survey.memory_bytes(survey.context);
    let extent = TextExtent { answer_tokens: 1, units: TEXT_UNITS };
    let manifest = own_model::manifest(file, Digest::default(), extent).ok();
    let findings = language_findings(&survey, free);
    (findings, FileShown { survey: Some(survey), memory_bytes: Some(memory), ..shown }, manifest)
}

fn language_findings(survey: &ModelSurvey, free: Option<u64>) -> Vec<Finding> {
    let formats: Vec<&str> = survey.formats.iter().copied().collect();
    let usual = survey.context.min(USUAL_TOKENS);
    let (least, most) = (survey.memory_bytes(usual), survey.memory_bytes(survey.context));
    let memory = format!(
        "its weights and a text of {usual} tokens take {} MiB, and one of all {} tokens {} MiB",
        mib(least),
        survey.context,
        mib(most)
    );
    let (family, layers) = (survey.family, number_of(survey.layers, "layer"));
    let licence = match &survey.licence {
        Some(licence) => Finding::fine("licence", called(licence)),
        None => Finding::warning("licence", "its file does not name it", LICENCE_MENDS),
    };
    vec![
        Finding::fine("format", "GGUF, a model of language"),
        Finding::fine("family", format!("{family}, {layers}, texts of {} tokens", survey.context)),
        Finding::fine("weights", formats.join(", ")),
        Finding::fine("vocabulary", number_of(survey.vocabulary, "token")),
        memory_finding(&memory, least, most, free),
        licence,
        template(survey.template_bytes),
    ]
}

fn template(bytes: Option<u64>) -> Finding {
    match bytes {
        Some(bytes) if bytes > TEMPLATE_BYTES_MAX => Finding::warning(
            "template",
            format!("it has {bytes} bytes, and {TEMPLATE_BYTES_MAX} are followed: it takes no conversations"),
            "a file whose template is shorter",
        ),
        Some(_) => Finding::fine("template", "conversations are written by its own"),
        None => Finding::warning(
            "template",
            "it has none: it goes on from texts, and takes no conversations",
            "nothing, if that is what it is for; else a file that has tokenizer.chat_template",
        ),
    }
}

/// Whether there is memory for what it takes at least, and for what it may take.
fn memory_finding(said: &str, least: u64, most: u64, free: Option<u64>) -> Finding {
    let Some(free) = free else {
        return Finding::fine("memory", format!("{said}; how much is free, this system does not say"));
    };
    let said = format!("{said}; {} MiB are free", free >> 20);
    if free < least {
        let hint = "close other programs, or choose a smaller model, or one whose weights have fewer bits";
        return refused("memory", &CommandError::new(Exit::Other, "NO_MEMORY", said, hint));
    }
    if free < most {
        return Finding::warning(
            "memory",
            said,
            "--units of `assay model add` bounds how long its texts may be",
        );
    }
    Finding::fine("memory", said)
}

/// Whether the network lets it be offered.
fn network(manifest: &Manifest, invocation: &Invocation) -> Option<Finding> {
    if !invocation.home.network().exists() {
        return None;
    }
    let hint = "`assay network show` tells the rules of this network";
    let why = match invocation.network() {
        Ok(network) => library::examine(manifest, &network.genesis).err()?,
        Err(failure) => return Some(refused("network", &failure)),
    };
    Some(refused("network", &CommandError::new(Exit::Usage, "NO_MODEL", why, hint)))
}

/// Whether a home may hold it at all.
fn room(bytes: u64, invocation: &Invocation) -> Option<Finding> {
    let most = match Settings::read(&invocation.home) {
        Ok(settings) => settings.daemon.blob_bytes_max,
        Err(error) => return Some(refused("settings", &error.into())),
    };
    if bytes <= most {
        return None;
    }
    let found = format!("it has {} MiB, and the models of this home may take {}", mib(bytes), most >> 20);
    let hint = "raise daemon.blob_bytes_max in config.toml, or choose a smaller file";
    Some(refused("room", &CommandError::new(Exit::Other, "BLOBS_FULL", found, hint)))
}

fn refused(about: &'static str, failure: &CommandError) -> Finding {
    Finding::problem(about, failure)
}

impl FileShown {
    fn document(&self, file: &Path, free: Option<u64>) -> Value {
        let survey = self.survey.as_ref();
        json!({
            "file": path_text(file), "bytes": self.bytes, "family": survey.map(|survey| survey.family),
            "weight_formats": survey.map(|survey| &survey.formats), "layers": survey.map(|survey| survey.layers),
            "context_tokens": survey.map(|survey| survey.context),
            "vocabulary_tokens": survey.map(|survey| survey.vocabulary),
            "template_bytes": survey.and_then(|survey| survey.template_bytes),
            "licence": survey.and_then(|survey| survey.licence.as_ref()),
            "memory_bytes": self.memory_bytes, "memory_free_bytes": free,
        })
    }
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bundle::SUMS, commands::finding::Severity};

    fn found(findings: &[Finding], about: &str) -> (Severity, Option<&'static str>, String) {
        let found = findings.iter().find(|finding| finding.about == about);
        let found = found.unwrap_or_else(|| panic!("nothing is said of {about}: {findings:?}"));
        (found.severity, found.code, found.found.clone())
    }

    fn written(bytes: &[u8], free: Option<u64>) -> Vec<Finding> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        fs::write(&file, bytes).unwrap();
        look(&file, free).0
    }

    #[test]
    fn a_model_that_can_be_served_is_said_to_be_well() {
        let findings = written(SUMS.model, Some(1 << 40));
        assert!(findings.iter().all(|finding| finding.severity == Severity::Fine), "{findings:?}");
        assert!(found(&findings, "family").2.starts_with("llama, 4 layers"), "{findings:?}");
        assert_eq!(found(&findings, "licence").2, "MIT OR Apache-2.0");
    }

    #[test]
    fn memory_is_compared_with_what_is_free() {
        let severity = |free| found(&written(SUMS.model, free), "memory").0;
        assert_eq!(severity(Some(1 << 20)), Severity::Problem);
        assert_eq!(severity(None), Severity::Fine);
        let said = |free| memory_finding("it", 2 << 20, 8 << 20, Some(free)).severity;
        assert_eq!(
            [(2 << 20) - 1, 2 << 20, 8 << 20].map(said),
            [Severity::Problem, Severity::Warning, Severity::Fine]
        );
    }

    #[test]
    fn what_is_not_served_is_refused_by_what_is_not() {
        let cut = &SUMS.model[..SUMS.model.len() / 2];
        let (severity, code, _) = found(&written(cut, None), "format");
        assert_eq!((severity, code), (Severity::Problem, Some("FILE_REFUSED")));
        let name = b"llama";
        let at = SUMS.model.windows(name.len()).position(|bytes| bytes == name).unwrap();
        let other = [&SUMS.model[..at], b"mamba", &SUMS.model[at + name.len()..]].concat();
        let (severity, code, why) = found(&written(&other, None), "family");
        assert_eq!((severity, code), (Severity::Problem, Some("FAMILY_REFUSED")));
        assert!(why.contains("mamba") && why.contains("qwen3"), "{why}");
        let (severity, code, _) = found(&written(b"PK\x03\x04", None), "format");
        assert_eq!((severity, code), (Severity::Problem, Some("NO_MODEL")));
    }

    #[test]
    fn a_model_without_a_template_is_said_to_take_no_conversations() {
        assert_eq!(template(Some(7)).severity, Severity::Fine);
        for bytes in [None, Some(TEMPLATE_BYTES_MAX + 1)] {
            let finding = template(bytes);
            assert!(finding.severity == Severity::Warning && finding.found.contains("no conversations"));
        }
    }
}
