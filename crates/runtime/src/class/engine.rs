//! An engine whose bits depend on the processor that it finds.
//!
//! **Invariant:** the digest of what the probe computed is part of the class, so a machine whose arithmetic differs is in
//! another class whatever it calls itself.

use std::{fmt, io::Cursor};

use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};
use wasmtime_wasi_nn::{Tensor, backend::NamedTensor, wit::TensorType};

use crate::{
    engine::{
        onnx_runtime::{self, LoadedLibrary, OnnxRuntimeModel},
        rten::{self, OnnxModel},
    },
    onnx_file::OnnxFile,
    outcome::{RunFailure, cut},
};

/// What the class of rten calls it, and what that of ONNX Runtime does, with the one of its many that computes.
const RTEN: &str = "rten";
const ONNX_RUNTIME: &str = "ONNX Runtime CPU";

/// A fixed network with every kind of arithmetic that is done in more than one way: a convolution, a large matrix
/// product, an exponential.
const PROBE: &[u8] = include_bytes!("probe.onnx");
/// The side of the probe's input, a square picture.
const PROBE_SIDE: u32 = 8;

/// What processors without AVX-512 have, and what those of them have that multiply bytes by one instruction.
const AVX2: &str = "x86-64 AVX2 FMA";
const AVX2_VNNI: &str = "x86-64 AVX2 FMA VNNI";

/// An engine on a processor, as it was set up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EngineClass {
    /// The inference engine.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// The format of the models that it reads.
    pub format: String,
    /// What it does to a graph before it runs it.
    pub graph: String,
    /// The instructions that its kernels are chosen by.
    pub instructions: String,
    /// How many threads share one computation.
    pub threads: u32,
    /// The digest of what the probe gave.
    pub probe: Digest,
}

impl EngineClass {
    /// Computes the probe and describes this machine. For the process that runs jobs, whose engine has its threads.
    pub(super) fn probe() -> Result<Self, RunFailure> {
        let model = OnnxModel::read(PROBE.to_vec(), &probe_file()?)?;
        let outputs = model.compute(vec![input()]).map_err(RunFailure::NotAModel)?;
        Ok(Self::of((RTEN, rten::VERSION), ("optimised", instructions()), rten::THREADS, outputs))
    }

    /// The same with ONNX Runtime, if its library was named.
    ///
    /// # Errors
    /// Says why that one is of no use.
    pub(super) fn probe_onnx_runtime() -> Result<Option<Self>, String> {
        let version = match onnx_runtime::loaded() {
            LoadedLibrary::Absent => return Ok(None),
            LoadedLibrary::Unusable(why) => return Err(cut(why.to_owned())),
            LoadedLibrary::Version(version) => version,
        };
        let outputs = || {
            let file = probe_file().map_err(|failure| failure.to_string())?;
            OnnxRuntimeModel::of(PROBE, file)?.compute(vec![input()]).map_err(|why| why.to_string())
        };
        let outputs =
            outputs().map_err(|why| cut(format!("ONNX Runtime {version} does not run its probe: {why}")))?;
        let set_up = ("extended", onnx_runtime_instructions());
        Ok(Some(Self::of((ONNX_RUNTIME, version), set_up, onnx_runtime::THREADS, outputs)))
    }

    fn of(
        (engine, version): (&str, &str),
        (graph, instructions): (&str, &str),
        threads: usize,
        outputs: Vec<NamedTensor>,
    ) -> Self {
        let bytes: Vec<u8> = outputs.into_iter().flat_map(|output| output.tensor.data).collect();
        Self {
            engine: engine.into(),
            version: version.into(),
            format: "onnx".into(),
            graph: graph.into(),
            instructions: instructions.into(),
            threads: threads as u32,
            probe: Digest::of(&bytes),
        }
    }

    /// Whether the engine is ONNX Runtime.
    #[must_use]
    pub fn is_onnx_runtime(&self) -> bool {
        self.engine == ONNX_RUNTIME
    }
}

fn probe_file() -> Result<OnnxFile, RunFailure> {
    OnnxFile::read(Cursor::new(PROBE)).map_err(|error| RunFailure::NotAModel(error.to_string()))
}

impl fmt::Display for EngineClass {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, version, format, graph, instructions, threads, probe } = self;
        let threads_word = if *threads == 1 { "thread" } else { "threads" };
        write!(
            out,
            "{engine} {version}, {format}, {graph} graph, {instructions}, {threads} {threads_word}, probe {probe:?}"
        )
    }
}

/// A picture with a value of its own in every pixel.
fn input() -> NamedTensor {
    let count = PROBE_SIDE * PROBE_SIDE;
    let pixels = (0..count).flat_map(|index| ((index * 37 % 101) as f32 / 101.0 - 0.5).to_le_bytes());
    let tensor = Tensor::new(vec![1, 1, PROBE_SIDE, PROBE_SIDE], TensorType::Fp32, pixels.collect());
    NamedTensor { name: "picture".into(), tensor }
}

/// The instructions that ONNX Runtime chooses its kernels by.
fn onnx_runtime_instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    let multiplies_bytes = is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    let multiplies_bytes = false;
    with_bytes(instructions(), multiplies_bytes)
}

/// The same instructions with one that multiplies bytes, if there is one. Without it the sum of two products is held to 16 bits, and
/// a network of bytes gives something else; rten uses the one of AVX-512 alone.
fn with_bytes(instructions: &'static str, multiplies_bytes: bool) -> &'static str {
    if multiplies_bytes && instructions == AVX2 { AVX2_VNNI } else { instructions }
}

/// The widest instructions that both engines use here.
fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        let has_512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        let has_vnni = is_x86_feature_detected!("avx512vnni");
        let has_256 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        match (has_512, has_vnni, has_256) {
            (true, true, _) => "x86-64 AVX-512 VNNI",
            (true, false, _) => "x86-64 AVX-512",
            (false, _, true) => AVX2,
            (false, _, false) => "x86-64",
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        match std::arch::is_aarch64_feature_detected!("dotprod") {
            true => "AArch64 NEON dot products",
            false => "AArch64 NEON",
        }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    std::env::consts::ARCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_multiplies_bytes_otherwise_is_in_another_class_of_onnx_runtime() {
        let class = |multiplies_bytes| {
            let set_up = ("extended", with_bytes(AVX2, multiplies_bytes));
            EngineClass::of((ONNX_RUNTIME, "1"), set_up, onnx_runtime::THREADS, Vec::new())
        };
        assert_ne!(class(true), class(false), "the probe gives the same");
        for other in ["x86-64 AVX-512 VNNI", "x86-64 AVX-512", "x86-64", "AArch64 NEON"] {
            assert_eq!(with_bytes(other, true), other, "it has its own, or none is used");
        }
        let own = EngineClass::probe().unwrap();
        assert_eq!(own.instructions, instructions(), "that of rten is as it was");
    }
}
