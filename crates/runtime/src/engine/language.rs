//! Language models from GGUF files, on the engine whose bits are the same everywhere.
//!
//! **Invariant:** what a guest says of a tensor is checked before the engine sees it. Every row that a guest is given is
//! digested here and noted in the run's transcript, so that no guest can make its evidence up; a draft decides the speed
//! and never a bit.

use std::sync::{Arc, Mutex, PoisonError};

use assay_engine::{
    cpu::Cpu,
    gguf::{Gguf, MAGIC},
    model::{Choices, Model},
    pack::Pack,
    session::{DRAFT_TOKENS_MAX, Processor, Row, Rows, Session},
    vocabulary::Vocabulary,
};
use assay_protocol::id::Digest;
use wasmtime_wasi_nn::{
    ExecutionContext, Tensor,
    backend::{BackendError, BackendExecutionContext, BackendGraph, Id, NamedTensor},
    wit::TensorType,
};

use crate::{
    counts::RunCounts,
    outcome::{RunFailure, cut},
};

/// The tokens that a context reads: `i32`, one dimension.
const TOKENS: &str = "tokens";
/// The first of them whose row is wanted: one `i32`. Without it the last token's is.
const ROWS: &str = "rows";
/// How many of the tokens read before stay: one `i32`. Without it all do.
const KEEP: &str = "keep";
/// The rows: `f32`, rows by tokens of the vocabulary.
const LOGITS: &str = "logits";

/// A language model in memory.
pub(crate) struct LanguageModel {
    model: Arc<Model>,
    processor: Mutex<Processor>,
    pub(crate) vocabulary: Vocabulary,
}

impl LanguageModel {
    /// Whether a file says that it is one.
    pub(crate) fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads a GGUF file that is known to be the one called `name`.
    pub(crate) fn read(name: Digest, bytes: &[u8], cpu: Cpu) -> Result<Self, RunFailure> {
        let file = Gguf::parse(bytes).map_err(refuse)?;
        let vocabulary = Vocabulary::read(&file).map_err(refuse)?;
        let pack = Pack::of_file(&file, name.0).map_err(refuse)?;
        let model = Arc::new(Model::load(&pack, Choices::default()).map_err(refuse)?);
        let processor = Mutex::new(Processor::new(Arc::clone(&model), cpu));
        Ok(Self { model, processor, vocabulary })
    }
}

fn refuse(why: impl std::fmt::Display) -> RunFailure {
    RunFailure::NotAModel(cut(why.to_string()))
}

/// A language model as one job sees it.
pub(crate) struct LanguageGraph {
    language: Arc<LanguageModel>,
    counts: Arc<RunCounts>,
    /// Bytes of rows that one call gives.
    logits_bytes_max: u64,
    /// What the run is expected to write.
    draft: Arc<[u32]>,
}

impl LanguageGraph {
    pub(crate) fn new(
        language: Arc<LanguageModel>,
        counts: Arc<RunCounts>,
        draft: Arc<[u32]>,
        logits_bytes_max: u64,
    ) -> Self {
        Self { language, counts, logits_bytes_max, draft }
    }
}

impl BackendGraph for LanguageGraph {
    fn init_execution_context(&self) -> Result<ExecutionContext, BackendError> {
        let settings = self.language.model.settings();
        let opened = self.counts.transcript().open(settings.vocabulary).map_err(|misuse| misuse.to_string());
        let session = opened.and_then(|()| {
            Session::new(&self.language.model, settings.context).map_err(|why| why.to_string())
        });
        let session = session.map_err(|why| complain(&self.counts, &why))?;
        let context: Box<dyn BackendExecutionContext> = Box::new(LanguageContext {
            language: Arc::clone(&self.language),
            counts: Arc::clone(&self.counts),
            session,
            logits_bytes_max: self.logits_bytes_max,
            draft: Some(Arc::clone(&self.draft)),
        });
        Ok(context.into())
    }
}

/// The one context of a run.
struct LanguageContext {
    language: Arc<LanguageModel>,
    counts: Arc<RunCounts>,
    session: Session,
    /// Bytes of rows that one call gives.
    logits_bytes_max: u64,
    /// What is expected behind the first tokens, until those are read.
    draft: Option<Arc<[u32]>>,
}

impl LanguageContext {
    fn extend(&mut self, step: &ContextStep) -> Result<Vec<NamedTensor>, String> {
        if let Some(keep) = step.keep {
            self.session.truncate(keep);
            self.counts.transcript().keep(keep);
        }
        let vocabulary = self.language.model.settings().vocabulary;
        let rows = step.rows_count() as u64;
        if rows.saturating_mul(4 * vocabulary as u64) > self.logits_bytes_max {
            return Err(format!("{rows} rows at once are more than {} bytes", self.logits_bytes_max));
        }
        if !self.counts.count_read(&step.tokens) {
            return Err("the units ordered are used up".into());
        }
        if let Some(draft) = self.draft.take() {
            // It is a hint: one that does not fit is none. What could not be paid for is not computed.
            let payable = self.counts.tokens_left().min(DRAFT_TOKENS_MAX as u64);
            let length = draft.len().min(usize::try_from(payable).unwrap_or(usize::MAX));
            let _ = self.session.expect(&draft[..length]);
        }
        let mut logits = Vec::with_capacity(4 * vocabulary);
        let mut rows = 0_u32;
        let mut digests = Vec::new();
        let mut processor = self.language.processor.lock().unwrap_or_else(PoisonError::into_inner);
        let given = processor.extend(&mut self.session, &step.tokens, step.rows, |row: Row<'_>| {
            logits.extend(row.logits.iter().flat_map(|logit| logit.to_le_bytes()));
            digests.push((row.position, Digest(row.digest.0)));
            rows += 1;
        });
        given.map_err(|why| why.to_string())?;
        let mut transcript = self.counts.transcript();
        transcript.read(&step.tokens);
        digests.into_iter().for_each(|(position, digest)| transcript.row(position, digest));
        let dimensions = vec![rows, u32::try_from(vocabulary).unwrap_or(u32::MAX)];
        Ok(vec![NamedTensor {
            name: LOGITS.into(),
            tensor: Tensor::new(dimensions, TensorType::Fp32, logits),
        }])
    }
}

impl BackendExecutionContext for LanguageContext {
    fn set_input(&mut self, _id: Id, _tensor: &Tensor) -> Result<(), BackendError> {
        Err(complain(&self.counts, "inputs are given to compute"))
    }

    fn get_output(&mut self, _id: Id) -> Result<Tensor, BackendError> {
        Err(complain(&self.counts, "outputs are given by compute"))
    }

    fn compute(
        &mut self,
        inputs: Option<Vec<NamedTensor>>,
    ) -> Result<Option<Vec<NamedTensor>>, BackendError> {
        if !self.counts.count_call() {
            return Err(complain(&self.counts, "the units ordered are used up"));
        }
        let given = ContextStep::read(inputs.unwrap_or_default()).and_then(|step| self.extend(&step));
        given.map(Some).map_err(|why| complain(&self.counts, &why))
    }
}

fn complain(counts: &RunCounts, why: &str) -> BackendError {
    counts.complain(why);
    BackendError::BackendAccess(wasmtime::Error::msg(why.to_owned()))
}

/// What a guest asks of its context.
struct ContextStep {
    tokens: Vec<u32>,
    rows: Rows,
    keep: Option<usize>,
}

impl ContextStep {
    /// How many rows are wanted.
    fn rows_count(&self) -> usize {
        match self.rows {
            Rows::Last => 1,
            Rows::All => self.tokens.len(),
            Rows::From(first) => self.tokens.len().saturating_sub(first),
        }
    }

    fn read(inputs: Vec<NamedTensor>) -> Result<Self, String> {
        let (mut tokens, mut rows, mut keep) = (None, None, None);
        for NamedTensor { name, tensor } in inputs {
            let place = match name.as_str() {
                TOKENS => &mut tokens,
                ROWS => &mut rows,
                KEEP => &mut keep,
                _ => {
                    return Err(format!(
                        "a language model has no input {name:?}; it has {TOKENS}, {ROWS} and {KEEP}"
                    ));
                }
            };
            let numbers = numbers(&tensor).map_err(|why| format!("the tensor for input {name:?} {why}"))?;
            if place.replace(numbers).is_some() {
                return Err(format!("input {name:?} is given twice"));
            }
        }
        let tokens = tokens.ok_or_else(|| format!("input {TOKENS:?} is missing"))?;
        let one = |name: &str, numbers: Vec<u32>| match numbers[..] {
            [number] => Ok(number as usize),
            _ => Err(format!("input {name:?} is one number")),
        };
        let rows = rows.map(|numbers| one(ROWS, numbers)).transpose()?;
        let keep = keep.map(|numbers| one(KEEP, numbers)).transpose()?;
        Ok(Self { tokens, rows: rows.map_or(Rows::Last, Rows::From), keep })
    }
}

/// The numbers of a tensor of one dimension whose bytes are as many as it says, none negative.
fn numbers(tensor: &Tensor) -> Result<Vec<u32>, String> {
    if tensor.ty != TensorType::I32 {
        return Err("is not of i32".into());
    }
    let [count] = tensor.dimensions[..] else { return Err("has not one dimension".into()) };
    let (words, rest) = tensor.data.as_chunks::<4>();
    if words.len() != count as usize || !rest.is_empty() {
        return Err(format!("has {} bytes for {count} numbers", tensor.data.len()));
    }
    let numbers = words.iter().map(|word| u32::try_from(i32::from_le_bytes(*word)));
    numbers.collect::<Result<_, _>>().map_err(|_| "has a negative number".into())
}
