//! Language models from GGUF files, on the engine whose bits are the same everywhere.
//!
//! **Invariant:** what a guest says of a tensor is checked before the engine sees it. Every row that a guest is given is
//! digested by the engine and noted in the run's transcript, so that no guest can make its evidence up; a draft decides the speed
//! and never a bit.

use std::sync::{Arc, Mutex, PoisonError};

use assay_engine::{
    cpu::Cpu,
    gguf::{Gguf, MAGIC},
    model::{Choices, Model, ModelPlan},
    pack::Pack,
    session::{Processor, Session},
    vocabulary::Vocabulary,
};
use assay_protocol::id::Digest;
use wasmtime_wasi_nn::{
    ExecutionContext, Tensor,
    backend::{BackendError, BackendExecutionContext, BackendGraph, Id, NamedTensor},
    wit::TensorType,
};

use super::{
    far::{FarModel, FarSession},
    session::{EngineError, EngineSession, OwnSession, ReadStep},
    turn::GivenRows,
};
use crate::{
    counts::RunCounts,
    outcome::{RunFailure, cut},
    worker::EngineLink,
};

/// The tokens that a context reads: `i32`, one dimension.
const TOKENS: &str = "tokens";
/// The first of them whose row is wanted: one `i32`. Without it the last token's is.
const ROWS: &str = "rows";
/// How many of the tokens read before stay: one `i32`. Without it all do.
const KEEP: &str = "keep";
/// The rows: `f32`, rows by tokens of the vocabulary.
const LOGITS: &str = "logits";

/// A language model, ready for any number of jobs.
pub(crate) struct LanguageModel {
    pub(crate) vocabulary: Vocabulary,
    /// How many tokens there are.
    tokens: usize,
    /// Positions that a session has at most.
    positions: usize,
    /// What computes it, unless another process does.
    own: Option<OwnEngine>,
}

/// An engine in this process.
struct OwnEngine {
    model: Arc<Model>,
    processor: Arc<Mutex<Processor>>,
}

impl LanguageModel {
    /// Whether a file says that it is one.
    pub(crate) fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads a GGUF file that is known to be the one called `name`.
    pub(crate) fn read(name: Digest, bytes: &[u8], cpu: Cpu) -> Result<Self, RunFailure> {
        let file = Gguf::parse(bytes).map_err(refuse)?;
        // What it lacks is said in the words of whoever looks at it before.
        ModelPlan::of(&file).map_err(refuse)?;
        let vocabulary = Vocabulary::read(&file).map_err(refuse)?;
        let pack = Pack::of_file(&file, name.0).map_err(refuse)?;
        let model = Arc::new(Model::load(&pack, Choices::default()).map_err(refuse)?);
        let (tokens, positions) = (model.settings().vocabulary, model.settings().context);
        let processor = Arc::new(Mutex::new(Processor::new(Arc::clone(&model), cpu)));
        Ok(Self { vocabulary, tokens, positions, own: Some(OwnEngine { model, processor }) })
    }

    /// Reads what has to be known of a model that another process holds.
    pub(crate) fn far(link: &EngineLink) -> Result<Self, RunFailure> {
        let FarModel { vocabulary, tokens, positions } = FarModel::of(link)?;
        Ok(Self { vocabulary, tokens, positions, own: None })
    }

    /// A session for one job.
    fn session(&self, link: Option<EngineLink>) -> Result<Box<dyn EngineSession>, String> {
        if let Some(OwnEngine { model, processor }) = &self.own {
            let session = Session::new(model, model.settings().context).map_err(|why| why.to_string())?;
            return Ok(Box::new(OwnSession::new(session, Arc::clone(processor))));
        }
        let link = link.ok_or("there is one context for each run")?;
        Ok(Box::new(FarSession::new(link, self.tokens)))
    }
}

fn refuse(why: impl std::fmt::Display) -> RunFailure {
    RunFailure::NotAModel(cut(why.to_string()))
}

/// A language model as one job sees it.
pub(crate) struct LanguageGraph {
    pub(crate) language: Arc<LanguageModel>,
    pub(crate) counts: Arc<RunCounts>,
    /// Bytes of rows that one call gives.
    pub(crate) logits_bytes_max: u64,
    /// What the run is expected to write.
    pub(crate) draft: Arc<[u32]>,
    /// The way to the engine, where another process holds the model, until there is a context.
    pub(crate) link: Mutex<Option<EngineLink>>,
}

impl BackendGraph for LanguageGraph {
    fn init_execution_context(&self) -> Result<ExecutionContext, BackendError> {
        let opened = self.counts.transcript().open(self.language.tokens).map_err(|misuse| misuse.to_string());
        let session = opened.and_then(|()| {
            let link = self.link.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.language.session(link)
        });
        let session = session.map_err(|why| complain(&self.counts, &why))?;
        let context: Box<dyn BackendExecutionContext> = Box::new(LanguageContext {
            vocabulary: self.language.tokens,
            positions: self.language.positions,
            counts: Arc::clone(&self.counts),
            session,
            keep: None,
            logits_bytes_max: self.logits_bytes_max,
            draft: Some(Arc::clone(&self.draft)),
        });
        Ok(context.into())
    }
}

/// The one context of a run.
struct LanguageContext {
    /// How many tokens there are.
    vocabulary: usize,
    /// Positions that a session has at most.
    positions: usize,
    counts: Arc<RunCounts>,
    session: Box<dyn EngineSession>,
    /// What the engine was not told yet: how many of the tokens read before stay.
    keep: Option<usize>,
    /// Bytes of rows that one call gives.
    logits_bytes_max: u64,
    /// What is expected behind the first tokens, until those are read.
    draft: Option<Arc<[u32]>>,
}

impl LanguageContext {
    fn extend(&mut self, step: ContextStep) -> Result<Vec<NamedTensor>, String> {
        let ContextStep { tokens, first, keep } = step;
        if let Some(keep) = keep {
            // However this step ends.
            self.keep = Some(self.keep.map_or(keep, |before| before.min(keep)));
            self.counts.transcript().keep(keep);
        }
        let first = first.unwrap_or(tokens.len().saturating_sub(1));
        // Said here, so that a guest hears the same wherever its session is, and whatever that has read before.
        if first > tokens.len() {
            return Err(format!("rows from token {first} are wanted, and {} are given", tokens.len()));
        }
        if tokens.len() > self.positions {
            return Err(format!("{} tokens are more than the {} of a session", tokens.len(), self.positions));
        }
        let rows = tokens.len().saturating_sub(first) as u64;
        if rows.saturating_mul(4 * self.vocabulary as u64) > self.logits_bytes_max {
            return Err(format!("{rows} rows at once are more than {} bytes", self.logits_bytes_max));
        }
        if !self.counts.count_read(&tokens) {
            return Err("the units ordered are used up".into());
        }
        let given = self.read(ReadStep { keep: self.keep, tokens: tokens.clone(), first });
        let GivenRows { first, digests, logits } = given.map_err(|error| match error {
            EngineError::Refused(why) => why,
            EngineError::Lost(why) => {
                self.counts.lose_engine(&why);
                "the engine is gone".to_owned()
            }
        })?;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let dimensions = vec![count(digests.len()), count(self.vocabulary)];
        let mut transcript = self.counts.transcript();
        transcript.read(&tokens);
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        self.counts.note_rows(&digests, &logits);
        (first..).zip(digests).for_each(|(position, digest)| transcript.row(position, digest));
        Ok(vec![NamedTensor {
            name: LOGITS.into(),
            tensor: Tensor::new(dimensions, TensorType::Fp32, logits),
        }])
    }

    fn read(&mut self, step: ReadStep) -> Result<GivenRows, EngineError> {
        if let Some(draft) = self.draft.take() {
            // What could not be paid for is not computed.
            let payable = usize::try_from(self.counts.tokens_left()).unwrap_or(usize::MAX);
            let draft = if draft.len() > payable { draft[..payable].into() } else { draft };
            self.session.expect(draft)?;
        }
        let given = self.session.read(step)?;
        self.keep = None;
        Ok(given)
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
        let given = ContextStep::read(inputs.unwrap_or_default()).and_then(|step| self.extend(step));
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
    /// The first of them whose row is wanted, if that is not the last.
    first: Option<usize>,
    keep: Option<usize>,
}

impl ContextStep {
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
        Ok(Self { tokens, first: rows, keep })
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
