//! ONNX networks on rten, on the CPU.
//!
//! **Invariant:** a network runs on exactly [`THREADS`] threads, since rten's convolutions differ between thread counts in
//! their last bits. Tensors that a guest made are compared with the model's own description before rten sees them, and
//! NaNs that leave have one bit pattern.

use std::collections::BTreeMap;

use assay_engine::wordpiece::WordPieces;
use rten::{Model, ModelOptions, NodeId, ShapeInferenceMode};
use wasmtime_wasi_nn::backend::NamedTensor;

pub(crate) use self::operators::called;
use self::{inexact::Axes, tensor::Described};
use super::network::pieces;
use crate::{
    models::{PIECES, PIECES_CASED},
    onnx_file::OnnxFile,
    outcome::{RunFailure, cut},
};

mod inexact;
mod operators;
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

/// The first of a network's operators that rten has not, or gives something wrong for, and then what.
pub(crate) fn lacks(file: &OnnxFile) -> Option<String> {
    file.operators.iter().find_map(|operator| match inexact::wrong(operator, file) {
        Some((name, why)) => Some(format!("{name} ({why})")),
        None => (!operators::has(operator)).then(|| called(operator)),
    })
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
    /// Reads an ONNX file, of which it [lacks] nothing and which says of itself what stands in `file`.
    pub(crate) fn read(bytes: Vec<u8>, file: &OnnxFile) -> Result<Self, RunFailure> {
        let refuse = |why: String| RunFailure::NotAModel(cut(why));
        let mut options = ModelOptions::with_all_ops();
        if inexact::axes(file) == Axes::Nameless {
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
        let said = |name: &str| model.metadata().get(name);
        let pieces = pieces(said(PIECES), said(PIECES_CASED)).map_err(refuse)?;
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
