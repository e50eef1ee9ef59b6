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

use super::{listed_document, table, whole_name};
use crate::{
    bundle::SUMS,
    command_error::{CommandError, Exit},
    home_models::HomeModels,
    invocation::Invocation,
    own_model::{self, TextExtent},
    printer::called,
};

const EXAMPLES: &str = "\
Examples:
  assay model add SmolLM2-135M-Instruct.Q4_1.gguf --licence Apache-2.0
                                    a model of language, called like its file
  assay model add adder.gguf --name sums-of-mine --max-tokens 64
                                    another name, and short answers

The longer its runs may be, the more whoever checks it must have at stake: --units says how long.
Then `assay provide NAME` offers it, others order it by its name, or get it with `assay model pull`.
A job of it needs verifiers who have it too: see `assay account register`.";

/// Take a file with a model of language into this home, ready to be offered.
///
/// Copies the file, runs it once, and writes down how it is run and what a run of it counts: its manifest, whose digest is
/// its name among all peers. Works while the daemon runs, and without one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file: a model of language, as GGUF
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What people call it; like its file if not given
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// The most tokens of an answer, where an order says nothing else
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: u32,
    /// The most units of a run: a token that is read counts one, one that is written four
    #[arg(long, value_name = "N", default_value_t = 8_192, value_parser = clap::value_parser!(u64).range(1..))]
    units: Units,
    /// The licence of the model, as an SPDX expression such as Apache-2.0
    #[arg(long, value_name = "TEXT", value_parser = licence)]
    licence: Option<String>,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let manifest = args.manifest()?;
    let models = HomeModels::reach(invocation).await?;
    if let Some(genesis) = &models.genesis {
        library::examine(&manifest, genesis).map_err(|error| unsellable(&manifest, &error))?;
    }
    let file = std::path::absolute(&args.file).map_err(|error| unsellable(&manifest, &error))?;
    let spinner = invocation.printer.spinner("copying the model, and running it once");
    let added = models.add(NewModel { file, runner: SUMS.runner.to_vec(), manifest }).await;
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
    fn manifest(&self) -> Result<Manifest, CommandError> {
        let extent = TextExtent { answer_tokens: self.max_tokens, units: self.units };
        let suggested = own_model::manifest(&self.file, Digest::default(), extent)?;
        Ok(Manifest {
            name: self.name.clone().unwrap_or(suggested.name),
            licence: self.licence.clone().unwrap_or(suggested.licence),
            ..suggested
        })
    }
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
