//! ONNX networks on ONNX Runtime, on the CPU, where whoever has this machine brings it.
//!
//! **Invariant:** a network runs on exactly [`THREADS`] threads, which is the one that asks, and starts none. Its bytes come from
//! memory, no library of operators is ever registered, and tensors that a guest made are compared with the file's own
//! description before ONNX Runtime sees them.

mod library;
mod numbers;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use assay_engine::wordpiece::WordPieces;
use ort::{
    ep::CPU,
    logging::LogLevel,
    session::{Session, builder::GraphOptimizationLevel},
    value::DynValue,
};
use wasmtime_wasi_nn::backend::NamedTensor;

pub(crate) use self::library::{LoadedLibrary, load, loaded};
use super::{network::pieces, session::EngineError};
use crate::{
    models::{PIECES, PIECES_CASED},
    network_survey::RuntimeNeed,
    onnx_file::{OnnxFile, OnnxValue},
    outcome::{RunFailure, cut},
};

/// Threads that one network runs on.
pub(crate) const THREADS: usize = 1;
/// What an error ends with where there was no memory for a tensor, as the libraries of each system put it.
const OUT_OF_MEMORY: [&str; 2] = ["std::bad_alloc", "bad allocation"];

/// A model that ONNX Runtime has read.
pub(crate) struct OnnxRuntimeModel {
    /// It does not compute twice at a time.
    session: Mutex<Session>,
    inputs: Vec<OnnxValue>,
    outputs: Vec<String>,
    /// The vocabulary that texts for it are written in, if its file has one.
    pub(crate) pieces: Option<WordPieces>,
}

impl OnnxRuntimeModel {
    /// Reads an ONNX file that says of itself what stands in `file`.
    pub(crate) fn read(bytes: &[u8], file: OnnxFile, need: &RuntimeNeed) -> Result<Self, RunFailure> {
        let refuse = |why: String| RunFailure::NotAModel(cut(why));
        let version = match loaded() {
            LoadedLibrary::Version(version) => version,
            LoadedLibrary::Absent => return Err(refuse(format!("{need}, and ONNX Runtime is not here"))),
            LoadedLibrary::Unusable(why) => {
                return Err(refuse(format!("{need}, and that is not loaded: {why}")));
            }
        };
        Self::of(bytes, file).map_err(|why| refuse(format!("ONNX Runtime {version} says: {why}")))
    }

    /// The same for a file that any engine runs.
    pub(crate) fn of(bytes: &[u8], file: OnnxFile) -> Result<Self, String> {
        let session = session(bytes).map_err(|error| error.to_string())?;
        let OnnxFile { inputs, .. } = file;
        let has_same = session.inputs().len() == inputs.len()
            && session.inputs().iter().all(|found| inputs.iter().any(|input| input.name == found.name()));
        if !has_same {
            return Err("it reads other inputs than the file lists".into());
        }
        let outputs: Vec<String> = session.outputs().iter().map(|output| output.name().to_owned()).collect();
        if outputs.is_empty() || outputs.iter().any(String::is_empty) {
            return Err("it has no outputs that have names, so it is no network".into());
        }
        let pieces = {
            let metadata = session.metadata().map_err(|error| error.to_string())?;
            let (tokens, cased) = (metadata.custom(PIECES), metadata.custom(PIECES_CASED));
            pieces(tokens.as_deref(), cased.as_deref())?
        };
        Ok(Self { session: Mutex::new(session), inputs, outputs, pieces })
    }

    /// Computes all outputs from all inputs.
    pub(crate) fn compute(&self, tensors: Vec<NamedTensor>) -> Result<Vec<NamedTensor>, EngineError> {
        let values = self.values(tensors).map_err(EngineError::Refused)?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let results = session.run(values).map_err(|error| failed(error.to_string()))?;
        let named = self.outputs.iter().map(|name| {
            let value = results.get(name).ok_or_else(|| format!("output {name:?} was not computed"))?;
            let tensor = numbers::tensor(value).map_err(|why| format!("output {name:?} {why}"))?;
            Ok(NamedTensor { name: name.clone(), tensor })
        });
        named.collect::<Result<_, String>>().map_err(EngineError::Refused)
    }

    /// What the library is given: each input once.
    fn values(&self, tensors: Vec<NamedTensor>) -> Result<Vec<(String, DynValue)>, String> {
        let mut values: Vec<(String, DynValue)> = Vec::new();
        let mut sizes = BTreeMap::new();
        for NamedTensor { name, tensor } in tensors {
            let input = self.inputs.iter().find(|input| input.name == name);
            let input = input.ok_or_else(|| self.no_such_input(&name))?;
            let value = numbers::value(input, &tensor, &mut sizes)
                .map_err(|why| format!("the tensor for input {name:?} {why}"))?;
            if values.iter().any(|(given, _)| *given == name) {
                return Err(format!("input {name:?} is given twice"));
            }
            values.push((name, value));
        }
        let is_given = |input: &&OnnxValue| values.iter().any(|(given, _)| *given == input.name);
        if let Some(OnnxValue { name, .. }) = self.inputs.iter().find(|input| !is_given(input)) {
            return Err(format!("input {name:?} is missing"));
        }
        Ok(values)
    }

    fn no_such_input(&self, name: &str) -> String {
        let known: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        format!("the model has no input {name:?}; it has {}", known.join(", "))
    }
}

/// Why a network gave nothing. Whether there is memory for it follows from the machine, and is no answer to what was asked.
fn failed(why: String) -> EngineError {
    match OUT_OF_MEMORY.iter().any(|words| why.trim_end().ends_with(words)) {
        true => EngineError::Lost(why),
        false => EngineError::Refused(why),
    }
}

/// A session of its own for a network, which gives the same bits each time and keeps no memory between two computations.
fn session(bytes: &[u8]) -> ort::Result<Session> {
    let processor = CPU::default().with_arena_allocator(false).build().error_on_failure();
    Session::builder()?
        .with_no_environment_execution_providers()?
        .with_execution_providers([processor])?
        .with_intra_threads(THREADS)?
        .with_inter_threads(THREADS)?
        .with_parallel_execution(false)?
        .with_optimization_level(GraphOptimizationLevel::Level2)?
        .with_memory_pattern(false)?
        .with_deterministic_compute(true)?
        // Nobody reads what it would say beside its errors, and a pipe that is full would hold it up.
        .with_log_level(LogLevel::Fatal)?
        .commit_from_memory(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_has_no_memory_left_refuses_nothing() {
        let said = |name: &str, why: &str| {
            format!(
                "Non-zero status code returned while running Add node. Name:'{name}' Status Message: {why}"
            )
        };
        for words in OUT_OF_MEMORY {
            let why = said("sum", words);
            assert_eq!(failed(why.clone()), EngineError::Lost(why));
            let other = said(words, "left operand cannot broadcast on dim 1");
            assert_eq!(failed(other.clone()), EngineError::Refused(other), "a name says nothing");
        }
    }
}
