//! Why a batch is not carried out, or not to its end.

use std::{
    io,
    path::{Path, PathBuf},
};

use assay_peer::handle::CallError;
use assay_protocol::id::Digest;

/// Wrong lines that are told one by one.
const TOLD_MAX: usize = 5;
/// Characters of what is wrong with a line, and of the place that is meant: either may say again what stands there.
const WHY_CHARS_MAX: usize = 1_000;
const PARAM_CHARS_MAX: usize = 200;

/// Why a batch is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// There are lines that are no requests, or that their models do not do.
    #[error("nothing was ordered: {}", told(.0))]
    BadLines(Vec<WrongLine>),
    /// There is no line.
    #[error("there is no line to carry out")]
    Empty,
    /// There are more lines than are taken.
    #[error("the batch has {count} lines, where at most {most} are taken")]
    ManyLines {
        /// How many there are.
        count: usize,
        /// How many are taken.
        most: usize,
    },
    /// There are more bytes than are taken.
    #[error("the batch has more than the {most} bytes that are taken")]
    ManyBytes {
        /// How many are taken.
        most: u64,
    },
    /// The lines cannot be read.
    #[error("the lines cannot be read: {0}")]
    Unread(io::Error),
    /// Somebody else carries it out.
    #[error("the batch {name} is being carried out by another process")]
    Running {
        /// Which batch.
        name: Digest,
    },
    /// A line names a model that the batch was begun without.
    #[error("the batch was begun without the model {model}")]
    NoModel {
        /// What the line calls it.
        model: String,
    },
    /// The disk, or what is on it, is not as it should be.
    #[error("{}: {error}", path.display())]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// The answers cannot go where they are to go.
    #[error("{}: {error}", path.display())]
    Output {
        /// Where that is.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The daemon went away, or does not do its part.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A line that is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongLine {
    /// Its number in the file.
    pub number: usize,
    /// What programs tell that by.
    pub code: &'static str,
    /// What of it is meant.
    pub param: Option<String>,
    /// What is wrong, in a line.
    pub why: String,
}

impl WrongLine {
    /// What is wrong with a line, as far as that is told.
    pub(crate) fn new(number: usize, code: &'static str, param: Option<&str>, why: &str) -> Self {
        Self { number, code, param: param.map(short_param), why: short_why(why) }
    }
}

/// What is wrong, as far as that is told.
pub(crate) fn short_why(why: &str) -> String {
    shortened(why, WHY_CHARS_MAX)
}

/// The place that is meant, as far as that is told.
pub(crate) fn short_param(param: &str) -> String {
    shortened(param, PARAM_CHARS_MAX)
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl BatchError {
    /// What happened to a file or a folder of a batch.
    pub(crate) fn disk(path: &Path, error: io::Error) -> Self {
        Self::Disk { path: path.to_owned(), error }
    }

    /// Whether what is kept of a batch that was begun is not as it was written, so that it can go on no more.
    pub(crate) fn is_damage(&self) -> bool {
        let is_torn = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        };
        match self {
            Self::Disk { error, .. } => is_torn(error) || error.kind() == io::ErrorKind::NotFound,
            Self::Unread(error) => is_torn(error),
            // All of it was read and looked at before it was begun.
            Self::BadLines(_) | Self::Empty | Self::ManyLines { .. } | Self::NoModel { .. } => true,
            Self::ManyBytes { .. } | Self::Running { .. } | Self::Output { .. } | Self::Call(_) => false,
        }
    }

    /// What the system said, without where it was.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Disk { error, .. } | Self::Output { error, .. } | Self::Unread(error) => error.kind(),
            Self::BadLines(_)
            | Self::Empty
            | Self::ManyLines { .. }
            | Self::ManyBytes { .. }
            | Self::Running { .. }
            | Self::NoModel { .. }
            | Self::Call(_) => io::ErrorKind::Other,
        }
    }
}

fn told(wrong: &[WrongLine]) -> String {
    let told = wrong.iter().take(TOLD_MAX).map(|line| format!("line {}: {}", line.number, line.why));
    let told = told.collect::<Vec<_>>().join("; ");
    match wrong.len().saturating_sub(TOLD_MAX) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}
