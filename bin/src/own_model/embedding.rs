//! A network that embeds texts, as the libraries of others lay it out: an ONNX file with `tokenizer.json` beside it.
//!
//! The vocabulary goes into the model's own file, among its properties, so that one digest names all that its vectors are made
//! of. **Invariant:** what the parameters say stands in the files, or is refused; only where a file is absent is it what nearly
//! all such networks are.

use std::{
    fs::{self, File},
    io::{self, BufReader, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use assay_protocol::{
    id::Digest,
    manifest::{Manifest, Meter, Policy, TensorFormat, WorkPerMeter},
    units::{Units, Work},
};
use assay_runtime::{
    models::{PIECES, PIECES_CASED},
    onnx_file::{self, OnnxFile, OnnxValue},
};
use serde_json::{Value, json};

use super::{MEMORY_BESIDE, tokenizer_file::PieceVocabulary};
use crate::bundle::{EMBED, SUMS};

/// The file of the network, in a folder or below it.
const NETWORKS: [&str; 2] = ["model.onnx", "onnx/model.onnx"];
/// The file of the vocabulary.
const TOKENIZER: &str = "tokenizer.json";
/// Tokens of a text that are read, where no file says how many.
const LENGTH_ASSUMED: u64 = 512;
/// Bytes of the longest file beside a network.
const BESIDE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a weight; those of the models that work is counted by have one.
const WEIGHT_BYTES: u64 = 4;

/// Such a network in its files.
#[derive(Debug)]
pub(crate) struct Embedding {
    network: PathBuf,
    folder: PathBuf,
    pieces: PieceVocabulary,
    params: Value,
    bytes: u64,
}

impl Embedding {
    /// The one that a folder holds, or that a file is of; none where no vocabulary is beside it.
    ///
    /// # Errors
    /// Says why it cannot be run.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, String> {
        let Some((network, folder)) = files(path) else { return Ok(None) };
        let pieces =
            beside(&folder, TOKENIZER).and_then(|file| PieceVocabulary::read(&file.unwrap_or_default()));
        let pieces = pieces.map_err(|why| format!("its {TOKENIZER} is not followed: {why}"))?;
        let file = File::open(&network).and_then(|file| OnnxFile::read(BufReader::new(file)));
        let file = file.map_err(|error| format!("it is no whole ONNX file: {error}"))?;
        let params = params(&file, &EmbeddingSettings::read(&folder)?)?;
        let bytes = fs::metadata(&network).map_err(|error| error.to_string())?.len();
        Ok(Some(Self { network, folder, pieces, params, bytes }))
    }

    /// The file that is run, with the vocabulary in it.
    pub(crate) fn write(&self, to: &Path) -> io::Result<()> {
        let PieceVocabulary { tokens, cased } = &self.pieces;
        let cased = if *cased { "true" } else { "false" };
        let more = onnx_file::properties([(PIECES, tokens.as_str()), (PIECES_CASED, cased)]);
        let mut copy = File::create(to)?;
        io::copy(&mut File::open(&self.network)?, &mut copy)?;
        copy.write_all(&more)
    }

    /// Bytes of its network.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it is called by its files.
    pub(super) fn stem(&self) -> String {
        let named = self.network.file_stem().filter(|stem| *stem != "model");
        let folder = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        let name = named.map(ToOwned::to_owned).or_else(|| folder.file_name().map(ToOwned::to_owned));
        name.unwrap_or_default().to_string_lossy().into_owned()
    }

    /// How it is run; a run embeds so many texts at most.
    pub(super) fn manifest(&self, name: String, texts: Units) -> Manifest {
        // Work is counted in tokens of `sums`; how long one takes goes with the weights that it meets.
        let token = (self.bytes / WEIGHT_BYTES / SUMS.model.len() as u64).max(1);
        let length = self.params["max_length"].as_u64().unwrap_or(LENGTH_ASSUMED);
        let call = token.saturating_mul(length) as Work;
        Manifest {
            name,
            runner: Digest::of(EMBED),
            model: Digest::default(),
            params: self.params.to_string(),
            policy: Policy::Tensor(TensorFormat::F32),
            meter: Meter::Calls,
            work: WorkPerMeter { call, ..WorkPerMeter::default() },
            work_most: texts.saturating_mul(call) as Work,
            memory_bytes: MEMORY_BESIDE.saturating_add(self.bytes.saturating_mul(3)),
            licence: "as its file says".to_owned(),
        }
    }
}

/// The file of the network and the folder of what belongs to it, where there is a vocabulary.
fn files(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let has_vocabulary = |folder: &&Path| folder.join(TOKENIZER).is_file();
    if path.is_dir() {
        let network = NETWORKS.into_iter().map(|name| path.join(name)).find(|network| network.is_file())?;
        return has_vocabulary(&path).then(|| (network, path.to_owned()));
    }
    // A model of language has its vocabulary in it, whatever lies beside it.
    path.extension().filter(|kind| kind.eq_ignore_ascii_case("onnx"))?;
    let folder = path.ancestors().skip(1).take(2).find(has_vocabulary)?;
    Some((path.to_owned(), folder.to_owned()))
}

/// A file beside a network, if it is there.
fn beside(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, String> {
    let path = folder.join(name);
    let failed = |error: io::Error| format!("{name} cannot be read: {error}");
    match fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.is_file() || metadata.len() > BESIDE_BYTES_MAX => {
            return Err(format!("{name} is no file of at most {} MiB", BESIDE_BYTES_MAX >> 20));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(BESIDE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// What the files beside a network say of it.
struct EmbeddingSettings {
    pooling: Value,
    length: Option<u64>,
    width: Option<u64>,
    modules: Option<Vec<Value>>,
}

impl EmbeddingSettings {
    fn read(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            let file = beside(folder, name)?.map(|file| serde_json::from_slice::<Value>(&file));
            file.transpose().map_err(|error| format!("{name} is not understood: {error}"))
        };
        let (texts, network) = (read("sentence_bert_config.json")?, read("config.json")?);
        let number = |file: &Option<Value>, key: &str| file.as_ref().and_then(|file| file[key].as_u64());
        Ok(Self {
            pooling: read("1_Pooling/config.json")?.unwrap_or_default(),
            length: number(&texts, "max_seq_length").or_else(|| number(&network, "max_position_embeddings")),
            width: number(&network, "hidden_size"),
            modules: read("modules.json")?.and_then(|file| file.as_array().cloned()),
        })
    }

    /// How rows become a vector; the mean, where nothing is said.
    fn pooling(&self) -> Result<&'static str, String> {
        let Some(modes) = self.pooling.as_object() else { return Ok("mean") };
        let chosen =
            modes.iter().filter(|(name, on)| name.starts_with("pooling_mode_") && on.as_bool() == Some(true));
        match chosen.map(|(name, _)| name.as_str()).collect::<Vec<_>>()[..] {
            ["pooling_mode_mean_tokens"] => Ok("mean"),
            ["pooling_mode_cls_token"] => Ok("first"),
            ref others => Err(format!(
                "its vectors are made by {others:?}, and what is known is the mean, and the first token's"
            )),
        }
    }

    /// Whether a vector is made one long, as nearly all are.
    fn normalises(&self) -> Result<bool, String> {
        let Some(modules) = &self.modules else { return Ok(true) };
        let kinds = modules.iter().filter_map(|module| module["type"].as_str()?.rsplit('.').next());
        let mut normalises = false;
        for kind in kinds {
            match kind {
                "Transformer" | "Pooling" => {}
                "Normalize" => normalises = true,
                other => return Err(format!("it has a part {other}, which is not run here")),
            }
        }
        Ok(normalises)
    }
}

/// The runner's parameters.
fn params(file: &OnnxFile, settings: &EmbeddingSettings) -> Result<Value, String> {
    let [mut tokens, mut mask, mut types] = [None, None, None];
    for OnnxValue { name, .. } in &file.inputs {
        let place = match name.as_str() {
            "input_ids" => &mut tokens,
            "attention_mask" => &mut mask,
            "token_type_ids" => &mut types,
            other => return Err(format!("it has an input {other:?}, which no text gives")),
        };
        *place = Some(name);
    }
    let tokens = tokens.ok_or("it has no input \"input_ids\"")?;
    // A row for each token of each text.
    let rows = |output: &&OnnxValue| output.axes.len() == 3;
    let named = |name: &str| file.outputs.iter().filter(rows).find(|output| output.name == name);
    let output = named("last_hidden_state").or_else(|| named("token_embeddings"));
    let output = output.or_else(|| file.outputs.first().filter(rows));
    let output = output.ok_or("none of its outputs is a row for each token")?;
    let width =
        output.axes[2].length().or(settings.width).ok_or("nothing says how many numbers its vectors have")?;
    let mut params = json!({
        "tokens": tokens, "output": output.name, "width": width,
        "max_length": settings.length.unwrap_or(LENGTH_ASSUMED),
        "pooling": settings.pooling()?, "normalise": settings.normalises()?,
    });
    for (name, input) in [("mask", mask), ("types", types)] {
        if let Some(input) = input {
            params[name] = json!(input);
        }
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use assay_runtime::onnx_file::OnnxAxis;

    use super::*;

    fn value(name: &str, axes: &[Option<u64>]) -> OnnxValue {
        let axis = |length: &Option<u64>| length.map_or(OnnxAxis::Open, OnnxAxis::Fixed);
        OnnxValue { name: name.to_owned(), axes: axes.iter().map(axis).collect(), ..OnnxValue::default() }
    }

    fn file(inputs: &[&str], output: OnnxValue) -> OnnxFile {
        let inputs = inputs.iter().map(|name| value(name, &[None, None])).collect();
        OnnxFile { inputs, outputs: vec![output], ..OnnxFile::default() }
    }

    fn settings(pooling: &Value, modules: Option<&[&str]>) -> EmbeddingSettings {
        let module = |kind: &&str| json!({ "type": format!("sentence_transformers.models.{kind}") });
        EmbeddingSettings {
            pooling: pooling.clone(),
            length: Some(256),
            width: Some(8),
            modules: modules.map(|kinds| kinds.iter().map(module).collect()),
        }
    }

    const ALL: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

    #[test]
    fn the_parameters_say_what_the_files_do() {
        let rows = || value("last_hidden_state", &[None, None, Some(384)]);
        let mean = json!({ "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false, "word_embedding_dimension": 384 });
        let said =
            params(&file(&ALL, rows()), &settings(&mean, Some(&["Transformer", "Pooling", "Normalize"])));
        let whole = json!({
            "tokens": "input_ids", "mask": "attention_mask", "types": "token_type_ids", "output": "last_hidden_state",
            "width": 384, "max_length": 256, "pooling": "mean", "normalise": true,
        });
        assert_eq!(said, Ok(whole));
        let first = json!({ "pooling_mode_cls_token": true });
        let plain = settings(&first, Some(&["Transformer", "Pooling"]));
        let said = params(&file(&ALL[..1], value("rows", &[None, None, None])), &plain).unwrap();
        assert_eq!(said["pooling"], "first");
        assert_eq!((&said["normalise"], &said["width"], said.get("mask")), (&json!(false), &json!(8), None));
    }

    #[test]
    fn what_the_files_say_and_is_not_done_here_is_refused_by_its_name() {
        let rows = || value("rows", &[None, None, Some(4)]);
        let plain = || settings(&Value::Null, None);
        let refused = |file: &OnnxFile, settings: &EmbeddingSettings| params(file, settings).unwrap_err();
        assert!(refused(&file(&["pixels"], rows()), &plain()).contains("\"pixels\""));
        assert!(refused(&file(&ALL[1..], rows()), &plain()).contains("\"input_ids\""));
        assert!(
            refused(&file(&ALL, value("scores", &[None, Some(2)])), &plain())
                .contains("a row for each token")
        );
        let wide = EmbeddingSettings { width: None, ..plain() };
        assert!(refused(&file(&ALL, value("rows", &[None; 3])), &wide).contains("how many numbers"));
        let most = settings(&json!({ "pooling_mode_max_tokens": true }), None);
        assert!(refused(&file(&ALL, rows()), &most).contains("pooling_mode_max_tokens"));
        let dense = settings(&Value::Null, Some(&["Transformer", "Dense"]));
        assert!(refused(&file(&ALL, rows()), &dense).contains("a part Dense"));
    }

    #[test]
    fn a_vocabulary_is_found_beside_a_network_or_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("onnx")).unwrap();
        fs::write(at("onnx/model.onnx"), "").unwrap();
        assert_eq!(files(folder.path()), None, "there is no vocabulary");
        fs::write(at(TOKENIZER), "{}").unwrap();
        let found = Some((at("onnx/model.onnx"), folder.path().to_owned()));
        assert_eq!(files(folder.path()), found);
        assert_eq!(files(&at("onnx/model.onnx")), found);
        let refused = Embedding::find(folder.path()).unwrap_err();
        assert!(refused.contains("tokenizer.json is not followed"), "{refused}");
        fs::write(at("words.gguf"), "GGUF").unwrap();
        assert_eq!(files(&at("words.gguf")), None, "a model of language has its own");
    }

    #[test]
    fn what_lies_beside_a_network_and_is_not_understood_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str| {
            let why = EmbeddingSettings::read(folder.path()).err().unwrap_or_default();
            assert!(why.contains(name), "{name}: {why}");
            let path = folder.path().join(name);
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
        };
        fs::write(folder.path().join("config.json"), "{,}").unwrap();
        refused("config.json");
        fs::create_dir(folder.path().join("modules.json")).unwrap();
        refused("modules.json");
        assert!(EmbeddingSettings::read(folder.path()).is_ok_and(|settings| settings.width.is_none()));
    }
}
