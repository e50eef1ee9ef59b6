//! The graphs that one job can load, by name.
//!
//! **Invariant:** the names are the digest of the job's one model and the word [`ROLE`] that stands for it; there is no
//! name for anything else on the machine.

use std::sync::Arc;

use assay_protocol::id::Digest;
use wasmtime_wasi_nn::{Graph, GraphRegistry, backend::BackendGraph};

use crate::{
    counts::RunCounts,
    engine::rten::{Metered, OnnxModel},
    outcome::RunFailure,
};

/// The name by which a runner that serves any model asks for the one of its job.
pub const ROLE: &str = "model";

/// A model in memory, ready for any number of jobs.
pub(crate) struct Loaded {
    name: Digest,
    network: Arc<OnnxModel>,
}

impl Loaded {
    /// Reads a model that is known to be the one called `name`.
    pub(crate) fn read(name: Digest, bytes: Vec<u8>) -> Result<Self, RunFailure> {
        Ok(Self { name, network: Arc::new(OnnxModel::read(bytes)?) })
    }
}

/// The registry behind `load-by-name`.
pub(crate) struct Graphs {
    graph: Option<(String, Graph)>,
    counts: Arc<RunCounts>,
}

impl Graphs {
    /// The registry of one job.
    pub(crate) fn new(model: Option<&Loaded>, counts: &Arc<RunCounts>) -> Self {
        let graph = model.map(|loaded| {
            let graph: Box<dyn BackendGraph> =
                Box::new(Metered::new(Arc::clone(&loaded.network), Arc::clone(counts)));
            (loaded.name.to_string(), Graph::from(graph))
        });
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
