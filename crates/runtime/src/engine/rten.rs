//! ONNX networks on rten, on the CPU.
//!
//! **Invariant:** a network runs on exactly [`THREADS`] threads, since rten's convolutions differ between thread counts in
//! their last bits. Tensors that a guest made are compared with the model's own description before rten sees them, and
//! NaNs that leave have one bit pattern.

use std::{collections::BTreeMap, sync::Arc};

use assay_engine::wordpiece::WordPieces;
use rten::{Model, ModelOptions, NodeId, ShapeInferenceMode};
use wasmtime_wasi_nn::{
    ExecutionContext, Tensor,
    backend::{BackendError, BackendExecutionContext, BackendGraph, Id, NamedTensor},
};

use self::{inexact::Axes, tensor::Described};
use crate::{
    counts::RunCounts,
    models::{PIECES, PIECES_CASED},
    outcome::{RunFailure, cut},
};

mod inexact;
mod tensor;

/// Threads that one network runs on; the worker's environment says so to rten before it makes its pool.
pub(crate) const THREADS: usize = 1;
/// The variable that rten reads [`THREADS`] from.
pub(crate) const THREADS_VARIABLE: &str = "RTEN_NUM_THREADS";
/// The version that is linked, which is part of the class.
pub(crate) const VERSION: &str = "0.27.0";

/// Starts the threads that networks run on, which cannot be started later.
pub(crate) fn start_threads() {
    rten::thread_pool().run(|| ());
}

/// A model that rten has read.
pub(crate) struct OnnxModel {
    model: Model,
    inputs: BTreeMap<String, ModelInput>,
    outputs: Vec<(String, NodeId)>,
    /// The vocabulary that texts for it are written in, if its file has one.
    pub(crate) pieces: Option<WordPieces>,
}

struct ModelInput {
    node: NodeId,
    described: Described,
}

impl OnnxModel {
    /// Reads an ONNX file.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Self, RunFailure> {
        let refuse = |why: String| RunFailure::NotAModel(cut(why));
        let mut options = ModelOptions::with_all_ops();
        if inexact::examine(&bytes).map_err(refuse)? == Axes::Nameless {
            options.shape_inference(ShapeInferenceMode::Off);
        }
        let model = options.load(bytes).map_err(|error| refuse(format!("rten {VERSION} says: {error}")))?;
        let name = |node: NodeId| {
            let name = model.node_info(node).and_then(|info| info.name()).map(str::to_owned);
            name.ok_or_else(|| refuse("an input or output has no name".into()))
        };
        let mut inputs = BTreeMap::new();
        for node in model.input_ids() {
            let described = Described::of(model.node_info(*node));
            inputs.insert(name(*node)?, ModelInput { node: *node, described });
        }
        let mut outputs = Vec::new();
        for node in model.output_ids() {
            outputs.push((name(*node)?, *node));
        }
        if outputs.is_empty() {
            return Err(refuse("it has no outputs, so it is no network".into()));
        }
        let pieces = pieces(&model).map_err(refuse)?;
        Ok(Self { model, inputs, outputs, pieces })
    }

    /// Computes all outputs from all inputs.
    pub(crate) fn compute(&self, tensors: Vec<NamedTensor>) -> Result<Vec<NamedTensor>, String> {
        let mut values = BTreeMap::new();
        let mut sizes = BTreeMap::new();
        for NamedTensor { name, tensor } in tensors {
            let input = self.inputs.get(&name).ok_or_else(|| self.no_such_input(&name))?;
            let value = input
                .described
                .value(tensor, &mut sizes)
                .map_err(|why| format!("the tensor for input {name:?} {why}"))?;
            if values.insert(input.node, value).is_some() {
                return Err(format!("input {name:?} is given twice"));
            }
        }
        if let Some((name, _)) = self.inputs.iter().find(|(_, input)| !values.contains_key(&input.node)) {
            return Err(format!("input {name:?} is missing"));
        }
        let values = values.into_iter().map(|(node, value)| (node, value.into())).collect();
        let nodes: Vec<NodeId> = self.outputs.iter().map(|(_, node)| *node).collect();
        let results = self.model.run(values, &nodes, None).map_err(|error| error.to_string())?;
        let named = self.outputs.iter().zip(results).map(|((name, _), value)| {
            let tensor = tensor::of_value(value).map_err(|why| format!("output {name:?} {why}"))?;
            Ok(NamedTensor { name: name.clone(), tensor })
        });
        named.collect()
    }

    fn no_such_input(&self, name: &str) -> String {
        let known: Vec<&str> = self.inputs.keys().map(String::as_str).collect();
        format!("the model has no input {name:?}; it has {}", known.join(", "))
    }
}

/// The vocabulary of a file.
fn pieces(model: &Model) -> Result<Option<WordPieces>, String> {
    let Some(tokens) = model.metadata().get(PIECES) else { return Ok(None) };
    let cased = match model.metadata().get(PIECES_CASED) {
        Some("true") => true,
        Some("false") => false,
        Some(_) | None => return Err(format!("{PIECES_CASED} is neither true nor false")),
    };
    WordPieces::read(tokens, cased).map(Some).map_err(|error| error.to_string())
}

/// A network as one job sees it: every call is counted and every refusal noted.
pub(crate) struct Metered {
    network: Arc<OnnxModel>,
    counts: Arc<RunCounts>,
}

impl Metered {
    pub(crate) fn new(network: Arc<OnnxModel>, counts: Arc<RunCounts>) -> Self {
        Self { network, counts }
    }

    fn refuse<T>(&self, why: &str) -> Result<T, BackendError> {
        self.counts.complain(why);
        Err(BackendError::BackendAccess(wasmtime::Error::msg(why.to_owned())))
    }
}

impl BackendGraph for Metered {
    fn init_execution_context(&self) -> Result<ExecutionContext, BackendError> {
        let context: Box<dyn BackendExecutionContext> =
            Box::new(Self::new(Arc::clone(&self.network), Arc::clone(&self.counts)));
        Ok(context.into())
    }
}

impl BackendExecutionContext for Metered {
    fn set_input(&mut self, _id: Id, _tensor: &Tensor) -> Result<(), BackendError> {
        self.refuse("inputs are given to compute")
    }

    fn get_output(&mut self, _id: Id) -> Result<Tensor, BackendError> {
        self.refuse("outputs are given by compute")
    }

    fn compute(
        &mut self,
        inputs: Option<Vec<NamedTensor>>,
    ) -> Result<Option<Vec<NamedTensor>>, BackendError> {
        if !self.counts.count_call() {
            return self.refuse("the units ordered are used up");
        }
        match self.network.compute(inputs.unwrap_or_default()) {
            Ok(outputs) => Ok(Some(outputs)),
            Err(why) => self.refuse(&why),
        }
    }
}
