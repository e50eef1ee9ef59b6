//! Why a job could not be done.

use std::fmt;

use crate::bindings::{
    assay::runner::types,
    wasi::nn::errors::{Error, ErrorCode},
};

/// Why a job could not be done; each holds one sentence for whoever ordered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The input is not what this runner takes.
    BadInput(String),
    /// The parameters are not what this runner takes.
    BadParams(String),
    /// The job is well-formed, but this runner, model or engine cannot do it.
    Unsupported(String),
    /// Something is wrong that no other input or parameters would mend.
    Internal(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::BadInput(why) | Self::BadParams(why) | Self::Unsupported(why) | Self::Internal(why)) =
            self;
        out.write_str(why)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// What an engine's refusal means for the job.
    pub(crate) fn of_engine(error: &Error, doing: &str) -> Self {
        let why = format!("{doing}: {}", error.data());
        match error.code() {
            ErrorCode::InvalidArgument => Self::BadParams(why),
            ErrorCode::InvalidEncoding | ErrorCode::UnsupportedOperation | ErrorCode::TooLarge => {
                Self::Unsupported(why)
            }
            ErrorCode::Timeout
            | ErrorCode::RuntimeError
            | ErrorCode::NotFound
            | ErrorCode::Security
            | ErrorCode::Unknown => Self::Internal(why),
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::BadInput(why) => Self::BadInput(why),
            Failure::BadParams(why) => Self::BadParams(why),
            Failure::Unsupported(why) => Self::Unsupported(why),
            Failure::Internal(why) => Self::Internal(why),
        }
    }
}
