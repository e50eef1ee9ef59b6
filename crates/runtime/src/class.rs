//! What this machine is to a job: everything that decides which bytes come out. A machine is as much as it has engines.
//!
//! **Invariant:** two machines of one class give equal bytes for equal jobs, and a machine says only of those classes that
//! it is in them whose probe it computed.

pub(crate) mod arithmetic;
mod engine;

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use assay_engine::model::ARITHMETIC_VERSION;
use assay_protocol::{codec, id::Digest};
use serde::{Deserialize, Serialize};

pub use self::engine::EngineClass;
use crate::{
    engine::{language::LanguageModel, onnx_runtime},
    network_survey::{NetworkEngine, NetworkRefused, RuntimeNeed, engine_of},
    onnx_file::OnnxFile,
    outcome::RunFailure,
};

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

/// What a model needs of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelNeed {
    /// An engine of this program: which one, the beginning of its file says, of which there is none where there is no model.
    Own(Vec<u8>),
    /// ONNX Runtime, and for what.
    OnnxRuntime(RuntimeNeed),
}

/// Why it cannot be said what a model needs.
#[derive(Debug, thiserror::Error)]
pub enum UnknownNeed {
    /// Its file cannot be read.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// No engine runs it.
    #[error(transparent)]
    Refused(#[from] NetworkRefused),
}

impl ModelNeed {
    /// What the model in a file needs. Of one that is damaged nothing is said: whoever reads all of it says that better.
    ///
    /// # Errors
    /// [`UnknownNeed`].
    pub fn of(file: &Path) -> Result<Self, UnknownNeed> {
        let header = model_header(file)?;
        if LanguageModel::is_one(&header) {
            return Ok(Self::Own(header));
        }
        match OnnxFile::read(BufReader::new(File::open(file)?)) {
            Err(_) => Ok(Self::Own(header)),
            Ok(network) => Ok(match engine_of(&network)? {
                NetworkEngine::Rten => Self::Own(header),
                NetworkEngine::OnnxRuntime(need) => Self::OnnxRuntime(need),
            }),
        }
    }
}

/// What a machine is, and what it has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbedMachine {
    /// Its classes.
    pub classes: Vec<Class>,
    /// Protections that it does not give to workers.
    pub missing: Vec<String>,
    /// Why ONNX Runtime, whose library was named, is of no use here.
    pub onnx_runtime_fault: Option<String>,
}

/// Loads ONNX Runtime and has it compute its probe, so that what it opens when it is first used is open before there are walls.
/// What does not work says so to whoever asks for it.
pub(crate) fn load_onnx_runtime(library: &Path) {
    onnx_runtime::load(library);
    drop(EngineClass::probe_onnx_runtime());
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
    /// Computes the probes and says what this machine is, each time for the jobs of other models; and why ONNX Runtime is of no
    /// use, if it was named. For the process that runs jobs, whose engines have their threads.
    pub(crate) fn probe() -> Result<(Vec<Self>, Option<String>), RunFailure> {
        let engine = EngineClass::probe().map(|engine| Some(Self::Engine(engine)));
        let arithmetic = arithmetic::probe().map(|version| version.map(Self::Arithmetic));
        let (onnx_runtime, fault) = match EngineClass::probe_onnx_runtime() {
            Ok(class) => (class.map(Self::Engine), None),
            Err(why) => (None, Some(why)),
        };
        Ok((classes([engine, arithmetic, Ok(onnx_runtime)])?, fault))
    }

    /// The name of the class.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Engine(engine) => codec::digest("class", engine),
            Self::Arithmetic(version) => codec::digest("arithmetic", version),
        }
    }

    /// Whether its machines run models whose file begins like this and that an engine of this program runs; nothing stands for
    /// no model.
    #[must_use]
    pub fn runs(&self, model: &[u8]) -> bool {
        match self {
            Self::Engine(engine) => !engine.is_onnx_runtime() && !LanguageModel::is_one(model),
            Self::Arithmetic(_) => LanguageModel::is_one(model),
        }
    }

    /// Whether its machines run a model that needs this.
    #[must_use]
    pub fn meets(&self, need: &ModelNeed) -> bool {
        match need {
            ModelNeed::Own(header) => self.runs(header),
            ModelNeed::OnnxRuntime(_) => self.is_onnx_runtime(),
        }
    }

    /// Whether it is that of machines with ONNX Runtime.
    #[must_use]
    pub fn is_onnx_runtime(&self) -> bool {
        matches!(self, Self::Engine(engine) if engine.is_onnx_runtime())
    }
}

/// The classes of those engines that work: one that does not takes no other with it.
fn classes<const N: usize>(probed: [Result<Option<Class>, RunFailure>; N]) -> Result<Vec<Class>, RunFailure> {
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

    #[test]
    fn an_engine_that_was_brought_is_a_class_of_its_own() {
        let class = |engine: &str| {
            let [version, format, graph, instructions] =
                ["1", "onnx", "extended", "x86-64"].map(str::to_owned);
            let (engine, threads, probe) = (engine.to_owned(), 1, Digest::of(b"probe"));
            Class::Engine(EngineClass { engine, version, format, graph, instructions, threads, probe })
        };
        let (brought, own) = (class("ONNX Runtime CPU"), class("rten"));
        assert_ne!(brought.digest(), own.digest());
        let onnx = ModelNeed::Own(vec![8, 10, 58, 0]);
        let forest = ModelNeed::OnnxRuntime(RuntimeNeed { what: "ai.onnx.ml.TreeEnsembleClassifier".into() });
        for need in [&onnx, &ModelNeed::Own(Vec::new())] {
            assert!(own.meets(need) && !brought.meets(need) && !ARITHMETIC.meets(need), "{need:?}");
        }
        assert!(brought.meets(&forest) && !own.meets(&forest) && !ARITHMETIC.meets(&forest));
        assert!(
            brought.to_string().starts_with("ONNX Runtime CPU 1, onnx, extended graph, x86-64, 1 thread")
        );
    }

    #[test]
    fn what_a_model_needs_follows_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let need = |bytes: &[u8]| {
            let file = folder.path().join("model");
            std::fs::write(&file, bytes).unwrap();
            ModelNeed::of(&file)
        };
        let digits: &[u8] = include_bytes!("../../../models/digits/digits.onnx");
        assert_eq!(need(digits).unwrap(), ModelNeed::Own(digits[..4].to_vec()));
        assert_eq!(need(&digits[..100]).unwrap(), ModelNeed::Own(digits[..4].to_vec()));
        assert_eq!(need(b"GGUF and more").unwrap(), ModelNeed::Own(b"GGUF".to_vec()));
        let renamed = digits.windows(7).position(|word| word == b"Softmax").expect("it has one");
        let mut strange = digits.to_vec();
        strange[renamed..renamed + 7].copy_from_slice(b"Hardmax");
        let what = "Hardmax".to_owned();
        assert_eq!(need(&strange).unwrap(), ModelNeed::OnnxRuntime(RuntimeNeed { what }));
        assert!(matches!(ModelNeed::of(&folder.path().join("none")), Err(UnknownNeed::Disk(_))));
    }
}
