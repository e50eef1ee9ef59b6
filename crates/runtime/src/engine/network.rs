//! Networks as jobs run them, whichever engine computes them.
//!
//! **Invariant:** [`network_survey`](crate::network_survey) says which one does, and no other is tried.

use std::{io::Cursor, sync::Arc};

use assay_engine::wordpiece::WordPieces;
use wasmtime_wasi_nn::{
    ExecutionContext, Tensor,
    backend::{BackendError, BackendExecutionContext, BackendGraph, Id, NamedTensor},
};

use super::{onnx_runtime::OnnxRuntimeModel, rten::OnnxModel};
use crate::{
    counts::RunCounts,
    models::PIECES_CASED,
    network_survey::{NetworkEngine, engine_of},
    onnx_file::OnnxFile,
    outcome::{RunFailure, cut},
};

/// A network that an engine has read.
pub(crate) enum NetworkModel {
    Rten(Box<OnnxModel>),
    OnnxRuntime(Box<OnnxRuntimeModel>),
}

impl NetworkModel {
    /// Reads an ONNX file by the engine that it is for.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Self, RunFailure> {
        let refuse = |why: &dyn std::fmt::Display| RunFailure::NotAModel(cut(why.to_string()));
        let file = OnnxFile::read(Cursor::new(&bytes))
            .map_err(|error| refuse(&format_args!("it is no whole file: {error}")))?;
        match engine_of(&file).map_err(|refused| refuse(&refused))? {
            NetworkEngine::Rten => OnnxModel::read(bytes, &file).map(Box::new).map(Self::Rten),
            NetworkEngine::OnnxRuntime(need) => {
                OnnxRuntimeModel::read(&bytes, file, &need).map(Box::new).map(Self::OnnxRuntime)
            }
        }
    }

    /// The vocabulary that texts for it are written in, if its file has one.
    pub(crate) fn pieces(&self) -> Option<&WordPieces> {
        match self {
            Self::Rten(model) => model.pieces.as_ref(),
            Self::OnnxRuntime(model) => model.pieces.as_ref(),
        }
    }

    /// Computes all outputs from all inputs.
    fn compute(&self, tensors: Vec<NamedTensor>) -> Result<Vec<NamedTensor>, String> {
        match self {
            Self::Rten(model) => model.compute(tensors),
            Self::OnnxRuntime(model) => model.compute(tensors),
        }
    }
}

/// The vocabulary of a file, by what the file says of it.
pub(super) fn pieces(tokens: Option<&str>, cased: Option<&str>) -> Result<Option<WordPieces>, String> {
    let Some(tokens) = tokens else { return Ok(None) };
    let cased = match cased {
        Some("true") => true,
        Some("false") => false,
        Some(_) | None => return Err(format!("{PIECES_CASED} is neither true nor false")),
    };
    WordPieces::read(tokens, cased).map(Some).map_err(|error| error.to_string())
}

/// A network as one job sees it: every call is counted and every refusal noted.
pub(crate) struct Metered {
    network: Arc<NetworkModel>,
    counts: Arc<RunCounts>,
}

impl Metered {
    pub(crate) fn new(network: Arc<NetworkModel>, counts: Arc<RunCounts>) -> Self {
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
