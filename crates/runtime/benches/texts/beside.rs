//! The engine called directly, and workers beside it, with the same model and the same to write.
//!
//! `ASSAY_MODEL` names another GGUF file than the shipped one.

use std::{env, fs, path::PathBuf, sync::Arc, time::Duration};

use assay_engine::{
    cpu::Cpu,
    gguf::Gguf,
    model::{Choices, Model},
    pack::Pack,
    session::Processor,
    vocabulary::Vocabulary,
};
use assay_protocol::{
    id::Digest,
    manifest::{Meter, TokenWeights},
};
use assay_runtime::{
    envelope::Envelope,
    outcome::Completed,
    pool::Pool,
    worker::{Files, Follower, Given, WorkerSource},
};
use tempfile::TempDir;

pub(crate) const PROMPT: &str = "The three most important things to know about the sea are";

/// The engine, called directly.
pub(crate) struct Direct {
    pub(crate) model: Arc<Model>,
    pub(crate) processor: Processor,
    pub(crate) prompt: Vec<u32>,
    /// Tokens that end a text, which are never chosen here.
    pub(crate) ends: Vec<u32>,
}

/// The same through workers.
pub(crate) struct Hired {
    pub(crate) pool: Pool,
    pub(crate) envelope: Envelope,
    runner: PathBuf,
    pub(crate) model: PathBuf,
    biases: String,
    _cache: TempDir,
}

impl Hired {
    /// The same in a pool of their own, which has done nothing yet.
    pub(crate) fn others(&self) -> Self {
        let (pool, cache) = pool();
        let Self { envelope, runner, model, biases, .. } = self;
        let (envelope, runner, model) = (envelope.clone(), runner.clone(), model.clone());
        Self { pool, envelope, runner, model, biases: biases.clone(), _cache: cache }
    }

    /// How texts are written that have so many tokens, whatever they say.
    pub(crate) fn writes(&mut self, tokens: usize) {
        let biases = &self.biases;
        self.envelope.params =
            format!(r#"{{"temperature":0,"raw":true,"max_tokens":{tokens},"logit_bias":{{{biases}}}}}"#);
    }

    pub(crate) fn answer(&self, given: Given<'_>, follower: &mut dyn Follower) -> Completed {
        let files = Files { runner: &self.runner, model: Some(&self.model) };
        self.pool.run(&self.envelope, files, given, follower).expect("it is written")
    }
}

/// A pool, and where it keeps runners.
fn pool() -> (Pool, TempDir) {
    let cache = tempfile::tempdir().expect("a temporary directory");
    let binary = env!("CARGO_BIN_EXE_assay-worker").into();
    let pool = Pool::new(WorkerSource { binary, cache: Some(cache.path().into()), onnx_runtime: None });
    (pool, cache)
}

/// The one in the middle, in milliseconds.
pub(crate) fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// The engine, and workers beside it.
pub(crate) fn both(threads: usize) -> (Direct, Hired) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shipped = root.join("models/sums/sums.gguf");
    let model = env::var_os("ASSAY_MODEL").map_or(shipped, PathBuf::from);
    let bytes = fs::read(&model).expect("the model is there");
    let file = Gguf::parse(&bytes).expect("it is a model");
    let vocabulary = Vocabulary::read(&file).expect("it has a vocabulary");
    let pack = Pack::of_file(&file, [0; 32]).expect("it can be packed");
    let loaded = Arc::new(Model::load(&pack, Choices::default()).expect("it can be run"));
    let mut prompt: Vec<u32> = vocabulary.bos().filter(|_| vocabulary.begins()).into_iter().collect();
    prompt.extend(vocabulary.tokenize(PROMPT, true).expect("it is text"));
    let ends = vocabulary.ends().to_vec();
    let processor = Processor::new(Arc::clone(&loaded), Cpu::new(threads));
    let biases: Vec<String> = ends.iter().map(|end| format!("\"{end}\":-1000")).collect();
    let direct = Direct { model: loaded, processor, prompt, ends };
    let runner = root.join("runners/generate/generate.wasm");
    let name = |path| Digest::of(&fs::read(path).expect("it is there"));
    let mut envelope = Envelope::new(name(&runner), Digest::of(&bytes));
    envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    envelope.units_max = 8_192;
    let (pool, cache) = pool();
    (direct, Hired { pool, envelope, runner, model, biases: biases.join(","), _cache: cache })
}
