//! The graphs that one job can load, by name.
//!
//! **Invariant:** the names are the digest of the job's one model and the word [`ROLE`] that stands for it; there is no
//! name for anything else on the machine.

use std::sync::{Arc, Mutex};

use assay_engine::{cpu::Cpu, vocabulary::Vocabulary, wordpiece::WordPieces};
use assay_protocol::id::Digest;
use wasmtime_wasi_nn::{Graph, GraphRegistry, backend::BackendGraph};

use crate::{
    counts::RunCounts,
    engine::{
        language::{LanguageGraph, LanguageModel},
        network::{Metered, NetworkModel},
        rten,
    },
    outcome::RunFailure,
    worker::EngineLink,
};

/// The name by which a runner that serves any model asks for the one of its job.
pub const ROLE: &str = "model";

/// What a file's own list of properties calls the texts of the tokens that a network reads, a line each.
pub const PIECES: &str = "assay.wordpieces";
/// What it calls whether case matters in them: `true` or `false`.
pub const PIECES_CASED: &str = "assay.wordpieces.cased";

/// Threads that a language model runs on whose worker reads it itself. As many workers run as there are places; more threads
/// in each would wait for each other at every product.
const THREADS: usize = 1;

/// A model's bytes, and the threads of the engine that runs it.
pub(crate) enum Unread {
    /// For an engine of networks, whose threads are its own.
    Onnx(Vec<u8>),
    /// For the engine of language models.
    Gguf(Vec<u8>, Cpu),
}

impl Unread {
    /// Says by its header which engine runs a model, and starts that engine's threads: later there may be none to start.
    pub(crate) fn prepare(bytes: Vec<u8>) -> Self {
        if LanguageModel::is_one(&bytes) {
            return Self::Gguf(bytes, Cpu::new(THREADS));
        }
        rten::start_threads();
        Self::Onnx(bytes)
    }
}

/// What texts for a model are written in.
pub(crate) enum TextVocabulary<'a> {
    /// That of a model of language: texts to tokens and back.
    Whole(&'a Vocabulary),
    /// That of a network, which reads texts and writes none.
    Pieces(&'a WordPieces),
}

/// A model in memory, ready for any number of jobs.
#[derive(Clone)]
pub(crate) struct Loaded {
    name: Digest,
    model: LoadedModel,
}

#[derive(Clone)]
enum LoadedModel {
    Network(Arc<NetworkModel>),
    Language(Arc<LanguageModel>),
}

impl Loaded {
    /// Reads a model that is known to be the one called `name`.
    pub(crate) fn read(name: Digest, model: Unread) -> Result<Self, RunFailure> {
        let model = match model {
            Unread::Onnx(bytes) => LoadedModel::Network(Arc::new(NetworkModel::read(bytes)?)),
            Unread::Gguf(bytes, cpu) => {
                LoadedModel::Language(Arc::new(LanguageModel::read(name, &bytes, cpu)?))
            }
        };
        Ok(Self { name, model })
    }

    /// Reads what has to be known of a model that another process holds, over a session there.
    pub(crate) fn far(name: Digest, link: &EngineLink) -> Result<Self, RunFailure> {
        Ok(Self { name, model: LoadedModel::Language(Arc::new(LanguageModel::far(link)?)) })
    }

    /// The vocabulary that texts for it are written in, if it has one.
    pub(crate) fn vocabulary(&self) -> Option<TextVocabulary<'_>> {
        match &self.model {
            LoadedModel::Language(language) => Some(TextVocabulary::Whole(&language.vocabulary)),
            LoadedModel::Network(network) => network.pieces().map(TextVocabulary::Pieces),
        }
    }

    /// Whether a guest means this model by a name.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        name == ROLE || name == self.name.to_string()
    }
}

/// The model of one job, and what the job has of it.
pub(crate) struct JobModel {
    pub(crate) loaded: Loaded,
    /// The tokens that the job is expected to write; a hint.
    draft: Arc<[u32]>,
    /// The way to the engine, where another process holds the model.
    link: Option<EngineLink>,
}

impl JobModel {
    pub(crate) fn new(loaded: &Loaded, draft: &Arc<[u32]>, link: Option<EngineLink>) -> Self {
        Self { loaded: loaded.clone(), draft: Arc::clone(draft), link }
    }

    fn graph(self, counts: &Arc<RunCounts>, logits_bytes_max: u64) -> Graph {
        let Self { loaded, draft, link } = self;
        let counts = Arc::clone(counts);
        let graph: Box<dyn BackendGraph> = match loaded.model {
            LoadedModel::Network(network) => Box::new(Metered::new(network, counts)),
            LoadedModel::Language(language) => {
                Box::new(LanguageGraph { language, counts, logits_bytes_max, draft, link: Mutex::new(link) })
            }
        };
        Graph::from(graph)
    }
}

/// The registry behind `load-by-name`.
pub(crate) struct Graphs {
    graph: Option<(String, Graph)>,
    counts: Arc<RunCounts>,
}

impl Graphs {
    /// The registry of one job. One call gives at most so many bytes of rows.
    pub(crate) fn new(model: Option<JobModel>, counts: &Arc<RunCounts>, logits_bytes_max: u64) -> Self {
        let graph = |model: JobModel| (model.loaded.name.to_string(), model.graph(counts, logits_bytes_max));
        let graph = model.map(graph);
        Self { graph, counts: Arc::clone(counts) }
    }
}

impl GraphRegistry for Graphs {
    fn get(&self, name: &str) -> Option<&Graph> {
        match &self.graph {
            Some((digest, graph)) if name == digest || name == ROLE => Some(graph),
            Some(_) => {
                self.counts.complain(&format!("no graph is called {name:?}"));
                None
            }
            None => {
                self.counts.complain("the job has no model");
                None
            }
        }
    }

    /// Graphs are shared between jobs, so nobody may change one.
    fn get_mut(&mut self, _name: &str) -> Option<&mut Graph> {
        None
    }
}
