//! Networks as jobs run them, whichever engine computes them.
//!
//! **Invariant:** [`network_survey`](crate::network_survey) says which one does, and no other is tried.

use std::{io::Cursor, sync::Arc};

use assay_engine::wordpiece::WordPieces;
use wasmtime_wasi_nn::{
    ExecutionContext, Tensor,
    backend::{BackendError, BackendExecutionContext, BackendGraph, Id, NamedTensor},
};

use super::{onnx_runtime::OnnxRuntimeModel, rten::OnnxModel, session::EngineError};
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
    fn compute(&self, tensors: Vec<NamedTensor>) -> Result<Vec<NamedTensor>, EngineError> {
        match self {
            // It ends its process where there is no memory for it.
            Self::Rten(model) => model.compute(tensors).map_err(EngineError::Refused),
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

/// A network as one job sees it: every call is counted and every refusal noted, and also that its machine had no memory for it.
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

    /// Nothing was computed. Where that is no fault of the guest nothing of its run counts, whatever it does next.
    fn fail<T>(&self, error: EngineError) -> Result<T, BackendError> {
        match error {
            EngineError::Refused(why) => self.refuse(&why),
            EngineError::Lost(why) => {
                self.counts.lose_engine(&why);
                self.refuse("the engine is gone")
            }
        }
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
            Err(error) => self.fail(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::Digest;

    use super::*;
    use crate::{counts::tests::Nobody, envelope::Envelope};

    #[test]
    fn what_a_machine_has_no_memory_for_is_no_fault_of_the_guest() {
        let digits = include_bytes!("../../../../models/digits/digits.onnx");
        let network = Arc::new(NetworkModel::read(digits.to_vec()).unwrap());
        let envelope = Envelope::new(Digest::default(), Digest::of(digits));
        let lost = |error| {
            let counts = Arc::new(RunCounts::new(&envelope, 0, Arc::new(Nobody)));
            let refused: Result<(), BackendError> =
                Metered::new(Arc::clone(&network), Arc::clone(&counts)).fail(error);
            assert!(refused.is_err() && counts.complaint().is_some());
            counts.lost_engine()
        };
        assert_eq!(lost(EngineError::Refused("input \"x\" is missing".to_owned())), None);
        assert_eq!(lost(EngineError::Lost("std::bad_alloc".to_owned())).as_deref(), Some("std::bad_alloc"));
    }
}
