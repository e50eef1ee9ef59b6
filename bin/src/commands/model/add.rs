//! `assay model add`: takes a file of the user's into the library.
//!
//! **Invariant:** what is added was run once here, by the manifest that is shown.

use std::path::PathBuf;

use assay_peer::library::{self, NewModel};
use assay_protocol::{
    id::Digest,
    manifest::{Manifest, NAME_BYTES_MAX},
    units::Units,
};

use tempfile::NamedTempFile;

use super::{listed_document, table, whole_name};
use crate::{
    bundle::{EMBED, SUMS},
    command_error::{CommandError, Exit},
    home_models::HomeModels,
    invocation::Invocation,
    own_model::{self, Embedding, TextExtent},
    printer::called,
};

const EXAMPLES: &str = "\
Examples:
  assay model add SmolLM2-135M-Instruct.Q4_1.gguf --licence Apache-2.0
                                    a model of language, called like its file
  assay model add adder.gguf --name sums-of-mine --max-tokens 64
                                    another name, and short answers
  assay model add all-MiniLM-L6-v2 --licence Apache-2.0
                                    a folder with model.onnx and tokenizer.json: it embeds texts

The longer its runs may be, the more whoever checks it must have at stake: --units says how long.
Then `assay provide NAME` offers it, others order it by its name, or get it with `assay model pull`.
A job of it needs verifiers who have it too: see `assay account register`.";

/// Units of a run of a model of language.
const TEXT_UNITS: Units = 8_192;
/// Texts that one run embeds.
const TEXTS: Units = 64;

/// Take a model of language, or a network that embeds texts, into this home, ready to be offered.
///
/// A model of language is a GGUF file. A network that embeds texts is an ONNX file with its tokenizer.json beside it, whose
/// vocabulary is of the kind WordPiece; what else lies there says how its vectors are made. Copies the file, runs it once, and writes down how it is run and what a run of it counts: its manifest, whose digest is
/// its name among all peers. Works while the daemon runs, and without one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file, a model of language as GGUF; or the folder of a network that embeds texts, as ONNX
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What people call it; like its file if not given
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// The most tokens of an answer, where an order says nothing else
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: u32,
    /// The most units of a run: a token that is read counts one, one that is written four, a text that is embedded one;
    /// 8192 tokens or 64 texts if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    units: Option<Units>,
    /// The licence of the model, as an SPDX expression such as Apache-2.0
    #[arg(long, value_name = "TEXT", value_parser = licence)]
    licence: Option<String>,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let found = Embedding::find(&args.file).map_err(|why| own_model::unsellable(&args.file, &why))?;
    let manifest = args.manifest(found.as_ref())?;
    let models = HomeModels::reach(invocation).await?;
    if let Some(genesis) = &models.genesis {
        library::examine(&manifest, genesis).map_err(|error| unsellable(&manifest, &error))?;
    }
    let spinner = invocation.printer.spinner("copying the model, and running it once");
    let written = found.map(|embedding| write(&embedding, &manifest)).transpose()?;
    let (file, runner) = match &written {
        Some(file) => (file.path(), EMBED),
        None => (args.file.as_path(), SUMS.runner),
    };
    let file = std::path::absolute(file).map_err(|error| unsellable(&manifest, &error))?;
    let added = models.add(NewModel { file, runner: runner.to_vec(), manifest }).await;
    spinner.end();
    let added = added?;
    let printer = &invocation.printer;
    printer.table(&table(&added.manifest, models.genesis.as_ref()));
    printer.document("model", &listed_document(&added));
    let name = called(&added.manifest.name);
    let sharing =
        models.list().await?.models.into_iter().filter(|listed| listed.manifest.name == added.manifest.name);
    let name = match sharing.count() {
        0 | 1 => name,
        _ => {
            printer.note(format!(
                "another model here is called {name} too: this one is {}",
                whole_name(&added.manifest)
            ));
            whole_name(&added.manifest)
        }
    };
    printer.note(format!("it was run once and works; `assay provide {name}` offers it"));
    Ok(())
}

impl Args {
    /// How the file is run, as far as it is known before it is copied.
    fn manifest(&self, found: Option<&Embedding>) -> Result<Manifest, CommandError> {
        let suggested = match found {
            Some(embedding) => own_model::embedding_manifest(embedding, self.units.unwrap_or(TEXTS)),
            None => {
                let units = self.units.unwrap_or(TEXT_UNITS);
                let extent = TextExtent { answer_tokens: self.max_tokens, units };
                own_model::manifest(&self.file, Digest::default(), extent)?
            }
        };
        Ok(Manifest {
            name: self.name.clone().unwrap_or(suggested.name),
            licence: self.licence.clone().unwrap_or(suggested.licence),
            ..suggested
        })
    }
}

/// Writes the file of a network that is run, for as long as it takes to copy it.
fn write(embedding: &Embedding, manifest: &Manifest) -> Result<NamedTempFile, CommandError> {
    let file = NamedTempFile::new().map_err(|error| unsellable(manifest, &error))?;
    embedding.write(file.path()).map_err(|error| unsellable(manifest, &error))?;
    Ok(file)
}

fn unsellable(manifest: &Manifest, error: &dyn std::fmt::Display) -> CommandError {
    let message = format!("{} cannot be added: {error}", manifest.name);
    CommandError::new(Exit::Usage, "NO_MODEL", message, "`assay model add --help` says what can be chosen")
}

/// A name that nobody takes for something else.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.chars().all(is_plain) {
        return Err(format!("expected 1 to {NAME_BYTES_MAX} letters, digits, dots, - and _"));
    }
    Ok(text.to_owned())
}

fn licence(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        return Err(format!("expected 1 to {NAME_BYTES_MAX} bytes"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_that_is_no_digest_of_another() {
        assert_eq!(name("smol-1.5b_q4"), Ok("smol-1.5b_q4".to_owned()));
        for text in ["", "two words", "sums@1234", "ü", "a/b", "line\n", &"n".repeat(65)] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
