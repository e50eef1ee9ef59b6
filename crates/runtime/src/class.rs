//! What this machine is to a job: everything that decides which bytes come out. A machine is as much as it has engines.
//!
//! **Invariant:** two machines of one class give equal bytes for equal jobs, and a machine says only of those classes that
//! it is in them whose probe it computed.

pub(crate) mod arithmetic;
mod engine;

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use assay_engine::model::ARITHMETIC_VERSION;
use assay_protocol::{codec, id::Digest};
use serde::{Deserialize, Serialize};

pub use self::engine::EngineClass;
use crate::{engine::language::LanguageModel, outcome::RunFailure};

/// The class of all machines that compute by our arithmetic, as far as this program knows it.
pub const ARITHMETIC: Class = Class::Arithmetic(ARITHMETIC_VERSION);

/// Bytes of a model file that say which engine reads it.
const HEADER_BYTES: u64 = 4;

/// What a model file begins with, as far as it says which engine reads it.
///
/// # Errors
/// Those of the disk.
pub fn model_header(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(HEADER_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Machines that give equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// Those with this engine, set up like this.
    Engine(EngineClass),
    /// Whoever computes by our arithmetic of this version, on whatever device.
    Arithmetic(u32),
}

impl Class {
    /// Computes the probes and says what this machine is, each time for the jobs of other models. For the process that runs
    /// jobs, whose engines have their threads.
    pub(crate) fn probe() -> Result<Vec<Self>, RunFailure> {
        let engine = EngineClass::probe().map(|engine| Some(Self::Engine(engine)));
        let arithmetic = arithmetic::probe().map(|version| version.map(Self::Arithmetic));
        classes([engine, arithmetic])
    }

    /// The name of the class.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Engine(engine) => codec::digest("class", engine),
            Self::Arithmetic(version) => codec::digest("arithmetic", version),
        }
    }

    /// Whether its machines run models whose file begins like this; nothing stands for no model.
    #[must_use]
    pub fn runs(&self, model: &[u8]) -> bool {
        LanguageModel::is_one(model) == matches!(self, Self::Arithmetic(_))
    }
}

/// The classes of those engines that work: one that does not takes no other with it.
fn classes(probed: [Result<Option<Class>, RunFailure>; 2]) -> Result<Vec<Class>, RunFailure> {
    let mut failure = None;
    let mut classes = Vec::new();
    for probed in probed {
        match probed {
            Ok(class) => classes.extend(class),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        Some(error) if classes.is_empty() => Err(error),
        Some(_) | None => Ok(classes),
    }
}

impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(engine) => engine.fmt(out),
            Self::Arithmetic(version) => write!(out, "arithmetic {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_does_not_work_takes_no_other_with_it() {
        let broken = || Err(RunFailure::NotAModel("a fault".to_owned()));
        assert_eq!(classes([broken(), Ok(Some(ARITHMETIC))]), Ok(vec![ARITHMETIC]));
        assert_eq!(classes([broken(), Ok(None)]), broken().map(|_| Vec::new()));
        assert_eq!(classes([Ok(None), broken()]), broken().map(|_| Vec::new()));
        assert_eq!(classes([Ok(None), Ok(None)]), Ok(Vec::new()));
    }
}
