//! `assay model add`: takes a file of the user's, or one that lies on a hub, into the library.
//!
//! **Invariant:** what is added was run once here, by the manifest that is shown.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use assay_hub::{BadHubName, Downloaded, HubName, SCHEME};
use assay_peer::{
    config::Home,
    library::{self, ModelOrigin, NewModel},
};
use assay_protocol::{
    id::Digest,
    manifest::{Manifest, NAME_BYTES_MAX, PARAMS_BYTES_MAX},
    units::Units,
};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::{hub::HubModel, listed_document, parts, table, whole_name};
use crate::{
    bundle::{EMBED, SUMS},
    command_error::{CommandError, Exit},
    home_models::HomeModels,
    invocation::Invocation,
    own_model::{self, Embedding, JoinedFile, PartedModel, TextExtent},
    printer::{Printer, called},
};

const EXAMPLES: &str = "\
Examples:
  assay model add SmolLM2-135M-Instruct.Q4_1.gguf --licence Apache-2.0
                                    a model of language, called like its file
  assay model add adder.gguf --name sums-of-mine --max-tokens 64
                                    another name, and short answers
  assay model add all-MiniLM-L6-v2 --licence Apache-2.0
                                    a folder with model.onnx and tokenizer.json: it embeds texts
  assay model add big-00001-of-00003.gguf
                                    a model in parts: the others are beside it, and are joined
  assay model add hf:OWNER/REPO     a model of a hub; where a repository has several, all are shown
  assay model add hf:OWNER/REPO/small.Q4_0.gguf@main
                                    one of them, at a branch, a tag or a commit
  assay model add --runner shout.wasm
                                    a runner of your own, which computes all by itself
  assay model add flowers.onnx --runner flowers.wasm --params '{\"side\":224}'
                                    one that runs a model

What comes from a hub is proven by the SHA-256 that the hub names. What has come stays over Ctrl-C
and lost connections, in the folder `hub` of the home; the same command goes on where it was. What
the hub's own tools have fetched already (HF_HOME, HF_HUB_CACHE) is found and not fetched again. A
gated model needs a token, in HF_TOKEN or where those tools keep it; it is shown to the hub alone,
and only if the hub asks for one. HF_ENDPOINT names another hub, SSL_CERT_FILE who vouches for it.
A model that was cut into parts is taken in by the name of one of them, or of their folder, and
is one file here: the same for everybody who joins the same parts.
A file is not copied where the disk can share its bytes: to replace or remove it later changes
nothing here, but what is written into it spoils the model, which is then found damaged; --copy
avoids that.

The longer its runs may be, the more whoever checks it must have at stake: --units says how long.
Then `assay provide NAME` offers it, others order it by its name, or get it with `assay model pull`.
A job of it needs verifiers who have it too: see `assay account register`.";

/// Units of a run of a model of language.
pub(super) const TEXT_UNITS: Units = 8_192;
/// Texts that one run embeds.
pub(super) const TEXTS: Units = 64;

/// Take a model of language, or a network that embeds texts, into this home, ready to be offered.
///
/// A model of language is a GGUF file, or one that lies on a hub, whole or in parts. A network that embeds texts is an ONNX file with its
/// tokenizer.json beside it, whose vocabulary is of the kind WordPiece; what else lies there says how its vectors are made.
/// Stores the file, runs it once, and writes down how it is run and what a run of it counts: its manifest, whose digest is
/// its name among all peers. Works while the daemon runs, and without one.
///
/// With --runner, a runner of your own runs the model, or does all by itself: `assay model new` makes one to begin with. Whoever
/// offers or checks its jobs lets it run there with `assay provider allow`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file, a model of language as GGUF, or one of its parts; the folder of a network that embeds texts, as ONNX; or
    /// hf:OWNER/REPO[/FILE][@REVISION] on a hub
    #[arg(value_name = "FILE", value_parser = OsStringValueParser::new().try_map(place), required_unless_present = "runner")]
    place: Option<GivenModel>,
    /// What people call it; like its file if not given
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// The most tokens of an answer of a model of language, where an order says nothing else
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: u32,
    /// The most units of a run: a token that is read counts one, one that is written four, a text that is embedded one;
    /// 8192 tokens or 64 texts if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    units: Option<Units>,
    /// The licence of the model, as an SPDX expression such as Apache-2.0
    #[arg(long, value_name = "TEXT", value_parser = licence)]
    licence: Option<String>,
    /// Copy the file, even where the disk can share its bytes
    #[arg(long)]
    copy: bool,
    /// A runner of your own: a component of WebAssembly that runs the model, or that computes all by itself where no FILE is
    /// named; then a unit is a million of its instructions
    #[arg(long, value_name = "WASM")]
    runner: Option<PathBuf>,
    /// The parameters that a runner of your own gets, as a JSON object
    #[arg(long, value_name = "JSON", requires = "runner", default_value = "{}", value_parser = params)]
    params: String,
}

/// Where a model is.
#[derive(Clone, Debug)]
enum GivenModel {
    /// In a file of the user's.
    File(PathBuf),
    /// On a hub.
    Hub(HubName),
}

/// The file of a model that is to be added.
#[derive(Default)]
pub(super) struct ModelFile {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Where it comes from.
    pub(super) origin: Option<ModelOrigin>,
    /// What was fetched of it, which can go once it is added.
    pub(super) downloaded: Vec<Downloaded>,
    /// The file itself, of a model that was cut into parts.
    pub(super) joined: Option<JoinedFile>,
    /// The file itself, of a network that embeds texts, and of no model: written for as long as it takes to store it.
    pub(super) written: Option<NamedTempFile>,
    /// The component that runs it, if that is none of those that come with the program.
    pub(super) runner: Option<Vec<u8>>,
}

impl ModelFile {
    /// The one file of a network and what belongs to it.
    fn written(embedding: &Embedding, manifest: &Manifest, home: &Home) -> Result<Self, CommandError> {
        // Where the blobs are too, so that its bytes can be theirs.
        let file = NamedTempFile::new_in(home.root()).map_err(|error| unsellable(manifest, &error))?;
        embedding.write(file.path()).map_err(|error| unsellable(manifest, &error))?;
        Ok(Self { path: file.path().to_owned(), written: Some(file), ..Self::default() })
    }

    /// A file of the user's, or what its parts give.
    async fn given(path: &Path, manifest: &Manifest, invocation: &Invocation) -> Result<Self, CommandError> {
        let Some(parted) = PartedModel::find(path)? else {
            let path = std::path::absolute(path).map_err(|error| unsellable(manifest, &error))?;
            return Ok(Self { path, ..Self::default() });
        };
        let stem = parted.stem();
        let joined = parts::join(parted, &stem, invocation).await?;
        Ok(Self { path: joined.path().to_owned(), joined: Some(joined), ..Self::default() })
    }
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    if let Some(runner) = &args.runner {
        return add_runner(args, runner, invocation).await;
    }
    let Some(place) = &args.place else {
        return Err(own_model::unsellable(Path::new(""), "no file is named"));
    };
    let found = match place {
        GivenModel::File(path) => Embedding::find(path).map_err(|why| own_model::unsellable(path, &why))?,
        GivenModel::Hub(_) => None,
    };
    if let (GivenModel::File(path), None) = (place, &found) {
        own_model::bytes_of(path)?;
    }
    // What cannot be added anyway is not fetched; and while something is fetched, a daemon may start.
    let genesis = HomeModels::reach(invocation).await?.genesis;
    let sellable = |manifest: &Manifest| match &genesis {
        Some(genesis) => library::examine(manifest, genesis).map_err(|error| unsellable(manifest, &error)),
        None => Ok(()),
    };
    let (manifest, file) = match (place, &found) {
        (GivenModel::File(_), Some(embedding)) => {
            let suggested = own_model::embedding_manifest(embedding, args.units.unwrap_or(TEXTS));
            let manifest = args.manifest(suggested, None);
            sellable(&manifest)?;
            let file = ModelFile::written(embedding, &manifest, &invocation.home)?;
            (manifest, file)
        }
        (GivenModel::File(path), None) => {
            let manifest = args.manifest(own_model::manifest(path, Digest::default(), args.extent())?, None);
            sellable(&manifest)?;
            // What is not run is not joined.
            own_model::refuse_unrunnable(path, &manifest.name, "added")?;
            let file = ModelFile::given(path, &manifest, invocation).await?;
            (manifest, file)
        }
        (GivenModel::Hub(name), _) => {
            let model = HubModel::find(name, &invocation.printer).await?;
            let (called, licence) = (model.path(), model.licence().map(str::to_owned));
            let suggested = |bytes| {
                let suggested = own_model::manifest_of(&called, bytes, Digest::default(), args.extent());
                args.manifest(suggested, licence.as_deref())
            };
            sellable(&suggested(model.bytes()))?;
            let file = model.take(invocation).await?;
            match own_model::bytes_of(&file.path) {
                Ok(bytes) => (suggested(bytes), file),
                Err(error) => {
                    // It will be no model the next time either.
                    file.downloaded.into_iter().for_each(|part| drop(part.remove()));
                    return Err(error);
                }
            }
        }
    };
    add(args, manifest, file, invocation).await
}

/// Takes in a runner of the user's own, with the model that it runs, if it runs one.
async fn add_runner(args: &Args, runner: &Path, invocation: &Invocation) -> Result<(), CommandError> {
    let model = match &args.place {
        None => None,
        Some(GivenModel::File(path)) => Some(path.as_path()),
        Some(GivenModel::Hub(name)) => {
            let message = format!("{name} is on a hub, and a runner of your own runs a file that is here");
            let hint = "fetch the file first, and name it";
            return Err(CommandError::new(Exit::Usage, "NO_MODEL", message, hint));
        }
    };
    let component = own_model::component(runner)?;
    let suggested = own_model::runner_manifest(runner, model, &args.params, args.units, args.extent())?;
    let manifest = args.manifest(suggested, None);
    let genesis = HomeModels::reach(invocation).await?.genesis;
    if let Some(genesis) = &genesis {
        library::examine(&manifest, genesis).map_err(|error| unsellable(&manifest, &error))?;
    }
    let failed = |error: std::io::Error| unsellable(&manifest, &error);
    let file = match model {
        Some(path) => ModelFile::given(path, &manifest, invocation).await?,
        None => {
            let nothing = NamedTempFile::new_in(invocation.home.root()).map_err(failed)?;
            ModelFile { path: nothing.path().to_owned(), written: Some(nothing), ..ModelFile::default() }
        }
    };
    add(args, manifest, ModelFile { runner: Some(component), ..file }, invocation).await
}

/// Takes a file in, and shows what came of it.
async fn add(
    args: &Args,
    manifest: Manifest,
    file: ModelFile,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let (printer, models) = (&invocation.printer, HomeModels::reach(invocation).await?);
    let ModelFile { path: file, origin, downloaded, joined, written, runner } = file;
    let is_runnable = match (&runner, &written) {
        (None, None) => own_model::refuse_unrunnable(&file, &manifest.name, "added"),
        (Some(_), _) | (_, Some(_)) => Ok(()),
    };
    let shipped = if written.is_some() { EMBED } else { SUMS.runner };
    let runner = runner.unwrap_or_else(|| shipped.to_vec());
    let spinner = printer.spinner("storing the model, and running it once");
    // What was joined nobody else writes into.
    let is_copied = args.copy && joined.is_none();
    let new = NewModel { file, runner, manifest, origin, is_copied };
    let added = match is_runnable {
        Ok(()) => models.add(new).await,
        Err(refused) => Err(refused),
    };
    spinner.end();
    drop(joined);
    let added = added.inspect_err(|_| tell_kept(&downloaded, printer))?;
    for fetched in downloaded {
        if let Err(error) = fetched.remove() {
            printer.note(format!("what was fetched stays: {error}"));
        }
    }
    printer.table(&table(&added.manifest, models.genesis.as_ref()));
    origin_lines(added.origin.as_deref(), added.card.as_deref()).for_each(|line| printer.note(line));
    printer.document("model-added", &listed_document(&added));
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

/// Says where what was fetched is, of a model that was not added.
pub(super) fn tell_kept(downloaded: &[Downloaded], printer: &Printer) {
    let kept = downloaded.iter().map(Downloaded::path);
    let said = kept.map(|path| format!("what was fetched stays in {} for another try", path.display()));
    said.for_each(|said| printer.note(said));
}

impl Args {
    fn extent(&self) -> TextExtent {
        TextExtent { answer_tokens: self.max_tokens, units: self.units.unwrap_or(TEXT_UNITS) }
    }

    /// How the file is run, as far as it is known before it is stored.
    fn manifest(&self, suggested: Manifest, licence: Option<&str>) -> Manifest {
        let licence = self.licence.as_deref().or(licence).map(str::to_owned);
        Manifest {
            name: self.name.clone().unwrap_or(suggested.name),
            licence: licence.unwrap_or(suggested.licence),
            ..suggested
        }
    }
}

/// Where a model comes from, for whoever wants to know.
fn origin_lines(origin: Option<&str>, card: Option<&Path>) -> impl Iterator<Item = String> {
    let from = origin.map(|origin| format!("it comes from {origin}"));
    from.into_iter().chain(card.map(|card| format!("its card is {}", card.display())))
}

/// A file, or a name on a hub.
fn place(typed: OsString) -> Result<GivenModel, BadHubName> {
    match typed.to_str() {
        Some(name) if name.starts_with(SCHEME) => Ok(GivenModel::Hub(name.parse()?)),
        Some(_) | None => Ok(GivenModel::File(typed.into())),
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

/// The parameters of a runner: one object.
fn params(text: &str) -> Result<String, String> {
    let params: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match params {
        Value::Object(_) if text.len() <= PARAMS_BYTES_MAX => Ok(text.to_owned()),
        Value::Object(_) => Err(format!("expected at most {PARAMS_BYTES_MAX} bytes")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("expected a JSON object, such as {\"side\":224}".to_owned())
        }
    }
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
    fn parameters_are_one_object_as_it_was_typed() {
        assert_eq!(params("{ \"end\": 1.50 }"), Ok("{ \"end\": 1.50 }".to_owned()));
        for text in ["", "[]", "7", "{,}", &format!("{{\"a\":\"{}\"}}", "a".repeat(PARAMS_BYTES_MAX))] {
            assert!(params(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_is_a_word_that_is_no_digest_of_another() {
        assert_eq!(name("smol-1.5b_q4"), Ok("smol-1.5b_q4".to_owned()));
        for text in ["", "two words", "sums@1234", "ü", "a/b", "line\n", &"n".repeat(65)] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
