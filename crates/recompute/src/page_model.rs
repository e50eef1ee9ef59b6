//! The model of a run, and what it has read.
//!
//! **Invariant:** a model is packed only if it is the one that was meant and its memory is within [`MEMORY_BYTES_MAX`]: in a page
//! there is nobody who could say that there is no more.

use std::sync::Arc;

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::Gguf,
    model::{Choices, MemoryNeed, Model, ModelPlan},
    pack::Pack,
    session::{Processor, Rows, Session},
    vocabulary::Vocabulary,
};
use assay_protocol::id::Digest;

/// Bytes of the largest model that is computed in a page.
pub const MODEL_BYTES_MAX: usize = 64 << 20;
/// Bytes that a model may need, its file included.
pub const MEMORY_BYTES_MAX: usize = 1 << 30;
/// Tokens that the memory is reckoned for: more than an answer usually has.
const POSITIONS_USUAL: usize = 2_048;

/// Why nothing is computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRerun {
    /// What is to be run cannot be read.
    #[error("what is to be computed cannot be read: {0}")]
    Order(String),
    /// The page forgot a step.
    #[error("there is no {0} yet")]
    Missing(&'static str),
    /// The answer is not a text that rows prove.
    #[error("only answers of language models are computed here")]
    NoText,
    /// The order is for machines that compute otherwise.
    #[error("it was ordered of machines whose arithmetic is not the one of this page")]
    Class,
    /// Another file than the one that was meant.
    #[error("this is not the {what} of the receipt: it has the digest {found}")]
    Other {
        /// What it was to be.
        what: &'static str,
        /// What it is.
        found: Digest,
    },
    /// A model that is too long.
    #[error("a model of {found} bytes is not computed in a page; at most {MODEL_BYTES_MAX} are")]
    Long {
        /// How long it is.
        found: usize,
    },
    /// A model that needs too much.
    #[error("the model needs {need} bytes of memory, and at most {MEMORY_BYTES_MAX} are taken in a page")]
    Memory {
        /// What it needs.
        need: usize,
    },
    /// No model that this engine runs.
    #[error("the model cannot be run: {0}")]
    NotAModel(String),
    /// The runner or its host refuse something.
    #[error("{0}")]
    Refused(String),
}

/// A language model with one session.
pub struct PageModel {
    pub(crate) vocabulary: Vocabulary,
    model: Arc<Model>,
    processor: Processor,
    session: Option<Session>,
    need: usize,
}

impl PageModel {
    /// Reads the model that is called `name`.
    ///
    /// # Errors
    /// It is another, is too large, or is none.
    pub fn load(name: Digest, bytes: Vec<u8>) -> Result<Self, NotRerun> {
        if bytes.len() > MODEL_BYTES_MAX {
            return Err(NotRerun::Long { found: bytes.len() });
        }
        let found = Digest::of(&bytes);
        if found != name {
            return Err(NotRerun::Other { what: "model", found });
        }
        let file = Gguf::parse(&bytes).map_err(refuse)?;
        let plan = ModelPlan::of(&file).map_err(refuse)?;
        let positions = plan.settings.context.min(POSITIONS_USUAL);
        let need = MemoryNeed::of(&plan).total(1, positions).saturating_add(bytes.len());
        if need > MEMORY_BYTES_MAX {
            return Err(NotRerun::Memory { need });
        }
        let vocabulary = Vocabulary::read(&file).map_err(refuse)?;
        let pack = Pack::of_file(&file, name.0).map_err(refuse)?;
        let model = Arc::new(Model::load(&pack, Choices::default()).map_err(refuse)?);
        let processor = Processor::new(Arc::clone(&model), Cpu::new(1));
        Ok(Self { vocabulary, model, processor, session: None, need })
    }

    /// Bytes of memory that it needs, at most, for texts of usual length.
    #[must_use]
    pub fn need(&self) -> usize {
        self.need
    }

    /// The instructions that it is computed by.
    #[must_use]
    pub fn isa(&self) -> Isa {
        Isa::detect()
    }

    /// How many tokens there are.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.model.settings().vocabulary
    }

    /// Positions of the longest text.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.model.settings().context
    }

    /// Begins the one session of a run.
    pub(crate) fn open(&mut self) -> Result<(), NotRerun> {
        self.session = Some(Session::new(&self.model, self.positions()).map_err(refuse)?);
        Ok(())
    }

    /// Takes back all but the first so many tokens.
    pub(crate) fn keep(&mut self, tokens: usize) -> Result<(), NotRerun> {
        let session = self.session.as_mut().ok_or(NotRerun::Missing("session"))?;
        session.truncate(tokens);
        Ok(())
    }

    /// Reads tokens, and gives the rows of those from `first` on, each with its position and its digest.
    pub(crate) fn read(
        &mut self,
        tokens: &[u32],
        first: usize,
        mut give: impl FnMut(usize, Digest, &[f32]),
    ) -> Result<(), NotRerun> {
        let session = self.session.as_mut().ok_or(NotRerun::Missing("session"))?;
        let given = self.processor.extend(session, tokens, Rows::From(first), |row| {
            give(row.position, Digest(row.digest.0), row.logits);
        });
        given.map_err(|why| NotRerun::Refused(why.to_string()))
    }
}

fn refuse(why: impl std::fmt::Display) -> NotRerun {
    NotRerun::NotAModel(why.to_string())
}
