//! What comes of a run: an outcome, or one typed failure.
//!
//! **Invariant:** every way a run can go wrong is one variant with one sentence, and none of them needs the log to be
//! understood. Text that a guest wrote is cut to [`TEXT_BYTES_MAX`] before it becomes part of a failure.

use assay_protocol::{
    id::Digest,
    manifest::{End, Meters},
    units::Units,
};
use serde::{Deserialize, Serialize};

use crate::chances::WrittenChance;

/// Bytes of a guest's or an engine's own words in a failure.
pub const TEXT_BYTES_MAX: usize = 1024;

/// A run that came to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Completed {
    /// What the runner gave out.
    pub output: Vec<u8>,
    /// Why it ended.
    pub end: End,
    /// What the host counted.
    pub meters: Meters,
    /// Of each token that was written, the digest of the row of scores that it was chosen from: the evidence of a text.
    pub rows: Vec<Digest>,
    /// How likely each of them was, where that was asked.
    pub chances: Vec<WrittenChance>,
    /// What the runner and the engine had to say, line by line.
    pub log: Vec<String>,
}

/// A run that did not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum RunFailure {
    /// The runner says that the client's input is wrong.
    #[error("the runner refused the input: {0}")]
    BadInput(String),
    /// The runner says that the parameters are wrong.
    #[error("the runner refused the parameters: {0}")]
    BadParams(String),
    /// The runner says that it does not do this.
    #[error("the runner does not support this: {0}")]
    Unsupported(String),
    /// The runner says that it failed.
    #[error("the runner failed: {0}")]
    Internal(String),
    /// The guest broke a rule of WebAssembly.
    #[error("the runner trapped: {0}")]
    Trap(String),
    /// The guest ran for too many instructions.
    #[error("the runner used up its {fuel} instructions")]
    OutOfFuel {
        /// What it had.
        fuel: u64,
    },
    /// The guest wanted more memory than it may have.
    #[error("the run needs more than its {bytes} bytes of memory")]
    OutOfMemory {
        /// What it had.
        bytes: u64,
    },
    /// The process around the guest wanted more memory than it may have, or than there is: another machine may do it.
    #[error("the worker needs more than its {bytes} bytes of memory")]
    OutOfProcessMemory {
        /// What it had.
        bytes: u64,
    },
    /// The guest's tables outgrew their limit.
    #[error("the runner needs more than its {elements} table elements")]
    OutOfTable {
        /// What it had.
        elements: u32,
    },
    /// The guest held too many resources at once.
    #[error("the runner holds more than {handles} tensors, graphs and contexts at once")]
    OutOfHandles {
        /// What it had.
        handles: u32,
    },
    /// The guest called too deep.
    #[error("the runner needs more than its {bytes} bytes of stack")]
    OutOfStack {
        /// What it had.
        bytes: u32,
    },
    /// The guest handed over too much in one call.
    #[error("the runner handed over more than {bytes} bytes in one call")]
    HostCallTooLong {
        /// What it may.
        bytes: u64,
    },
    /// The guest failed after it was refused more units.
    #[error("the runner needs more than the {units} units ordered")]
    OutOfUnits {
        /// What was ordered.
        units: Units,
    },
    /// The parameters are longer than any may be.
    #[error("the parameters are {bytes} bytes long, where at most {max} are allowed")]
    ParamsTooLong {
        /// How long they are.
        bytes: u64,
        /// How long they may be.
        max: u64,
    },
    /// The input is longer than the job allows.
    #[error("the input is {bytes} bytes long, where at most {max} are allowed")]
    InputTooLong {
        /// How long it is.
        bytes: u64,
        /// How long it may be.
        max: u64,
    },
    /// The output is longer than the job allows.
    #[error("the output is {bytes} bytes long, where at most {max} are allowed")]
    OutputTooLong {
        /// How long it is.
        bytes: u64,
        /// How long it may be.
        max: u64,
    },
    /// The run took too long.
    #[error("the run took longer than its {ms} ms")]
    WallTime {
        /// What it had.
        ms: u64,
    },
    /// The run was cancelled and the guest did not return in time.
    #[error("the run was cancelled, and killed since the runner went on")]
    Cancelled,
    /// The process died under the run.
    #[error("the worker died: {0}")]
    WorkerDied(String),
    /// The process that holds the model died, or is not there.
    #[error("the engine died: {0}")]
    EngineDied(String),
    /// The graphics card cannot be used, or not for this model.
    #[error("the graphics card does not serve it: {0}")]
    CardRefused(String),
    /// There is no process to run in.
    #[error("the worker cannot be started: {0}")]
    WorkerAbsent(String),
    /// The component is not one that this host runs.
    #[error("this is not a runner: {0}")]
    NotARunner(String),
    /// The runner's file cannot be read.
    #[error("the runner's file cannot be read: {0}")]
    RunnerAbsent(String),
    /// The model's file cannot be read.
    #[error("the model's file cannot be read: {0}")]
    ModelAbsent(String),
    /// No engine here runs the model.
    #[error("the model cannot be run: {0}")]
    NotAModel(String),
    /// A file does not hold what its name says.
    #[error("the file for {name} holds something else")]
    WrongBytes {
        /// The name.
        name: Digest,
    },
}

impl RunFailure {
    /// True for failures that the runner reported in good order, after which its process is as sound as before.
    #[must_use]
    pub fn is_orderly(&self) -> bool {
        matches!(
            self,
            Self::BadInput(_)
                | Self::BadParams(_)
                | Self::Unsupported(_)
                | Self::Internal(_)
                | Self::OutOfUnits { .. }
        )
    }
}

/// The beginning of `text`, no longer than [`TEXT_BYTES_MAX`].
pub(crate) fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    }
    text
}
