//! The models that the program carries with it, so that a network works out of the box.
//!
//! **Invariant:** what is embedded is what `models.lock` and `runners.lock` name; a test compares the digests.

use assay_protocol::{
    id::Digest,
    manifest::{Manifest, Meter, Policy, TensorFormat, WorkPerMeter},
    units::Work,
};
use serde::Deserialize;

/// A model with all that it takes to offer, order and try it.
#[derive(Clone, Copy, Debug)]
pub struct Bundle {
    /// What people order it by.
    pub name: &'static str,
    /// The WASM component that runs it.
    pub runner: &'static [u8],
    /// The model file.
    pub model: &'static [u8],
    /// Where it comes from and how good it is.
    pub card: &'static str,
    /// Things to try it on.
    pub samples: &'static [Sample],
    manifest: &'static str,
}

/// Something to try a model on.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// What it is called: the name of its file, or the text itself.
    pub file: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The right answer.
    pub answer: &'static str,
}

impl Sample {
    /// The bundle that it is of.
    ///
    /// # Panics
    /// If it is of none.
    #[must_use]
    pub fn bundle(&self) -> &'static Bundle {
        let of = |bundle: &&&Bundle| bundle.samples.iter().any(|sample| sample.file == self.file);
        ALL.iter().find(of).unwrap_or_else(|| panic!("{} is a sample of no bundle", self.file))
    }
}

macro_rules! samples {
    ($folder:literal: $($file:literal is $answer:literal,)+) => {
        &[$(Sample { file: $file, bytes: include_bytes!(concat!($folder, "/", $file)), answer: $answer }),+]
    };
}

/// Handwritten digits.
pub(crate) static DIGITS: Bundle = Bundle {
    name: "digits",
    runner: include_bytes!("../../runners/classify/classify.wasm"),
    model: include_bytes!("../../models/digits/digits.onnx"),
    card: include_str!("../../models/digits/CARD.md"),
    manifest: include_str!("../../models/digits/manifest.toml"),
    samples: samples!("../../models/digits/samples":
        "seven-1.png" is "7",
        "three-1.png" is "3",
        "zero-1.png" is "0",
        "five-2.png" is "5",
        "two-1.png" is "2",
        "four-1.png" is "4",
        "nine-2.png" is "9",
        "eight-1.png" is "8",
        "six-1.png" is "6",
        "one-2.png" is "1",
    ),
};

/// Sums of two numbers, as a text.
pub(crate) static SUMS: Bundle = Bundle {
    name: "sums",
    runner: include_bytes!("../../runners/generate/generate.wasm"),
    model: include_bytes!("../../models/sums/sums.gguf"),
    card: include_str!("../../models/sums/CARD.md"),
    manifest: include_str!("../../models/sums/manifest.toml"),
    samples: &[
        Sample { file: "27+58=", bytes: b"27+58=", answer: "85" },
        Sample { file: "389+456=", bytes: b"389+456=", answer: "845" },
        Sample { file: "68+75 in words=", bytes: b"68+75 in words=", answer: "one hundred and forty-three" },
    ],
};

/// The runner of networks that embed texts; the program carries no such network.
pub(crate) static EMBED: &[u8] = include_bytes!("../../runners/embed/embed.wasm");

/// Everything the program carries.
pub(crate) static ALL: [&Bundle; 2] = [&DIGITS, &SUMS];

/// The runners that the program carries, whatever network pins them.
pub(crate) fn runners() -> impl Iterator<Item = Digest> {
    ALL.iter().map(|bundle| bundle.runner).chain([EMBED]).map(Digest::of)
}

/// A manifest as its author writes it: files by path, which the digests stand for later.
#[derive(Deserialize)]
struct ManifestFile {
    name: String,
    params: String,
    policy: String,
    meter: Meter,
    work_most: Work,
    memory_bytes: u64,
    licence: String,
    work: WorkPerMeter,
}

impl Bundle {
    /// All bundles.
    #[must_use]
    pub fn all() -> &'static [&'static Self] {
        &ALL
    }

    /// The manifest with the digests of the embedded files.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        let draft: ManifestFile = match toml::from_str(self.manifest) {
            Ok(draft) => draft,
            Err(error) => unreachable!("the embedded manifest of {} is damaged: {error}", self.name),
        };
        Manifest {
            name: draft.name,
            runner: Digest::of(self.runner),
            model: Digest::of(self.model),
            params: draft.params,
            policy: policy(&draft.policy),
            meter: draft.meter,
            work: draft.work,
            work_most: draft.work_most,
            memory_bytes: draft.memory_bytes,
            licence: draft.licence,
        }
    }
}

fn policy(text: &str) -> Policy {
    match text {
        "exact" => Policy::Exact,
        "replay" => Policy::Replay,
        "tensor f32" => Policy::Tensor(TensorFormat::F32),
        other => unreachable!("an embedded manifest has the unknown policy {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const MODELS: &str = include_str!("../../models/models.lock");
    const RUNNERS: &str = include_str!("../../runners/runners.lock");

    #[test]
    fn what_is_embedded_is_what_the_lock_files_name() {
        let line = |digest: Digest, file: &str| format!("{digest}  {file}");
        assert!(MODELS.contains(&line(Digest::of(DIGITS.model), "digits/digits.onnx")));
        assert!(MODELS.contains(&line(Digest::of(SUMS.model), "sums/sums.gguf")));
        for sample in DIGITS.samples {
            let line = line(Digest::of(sample.bytes), &format!("digits/samples/{}", sample.file));
            assert!(MODELS.contains(&line), "{}", sample.file);
        }
        for (runner, bundle) in [("classify", &DIGITS), ("generate", &SUMS)] {
            assert!(RUNNERS.contains(&format!("{runner} = \"{}\"", Digest::of(bundle.runner))), "{runner}");
        }
        assert!(RUNNERS.contains(&format!("embed = \"{}\"", Digest::of(EMBED))));
    }

    #[test]
    fn every_model_file_is_what_its_lock_names() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        for (digest, file) in MODELS.lines().map(|line| line.split_once("  ").unwrap()) {
            assert_eq!(Digest::of(&std::fs::read(models.join(file)).unwrap()).to_string(), digest, "{file}");
        }
        for shipped in ["digits/digits.onnx", "pure-digits/weights.f32", "sums/sums.gguf"] {
            assert!(MODELS.contains(&format!("  {shipped}\n")), "{shipped} is not in the lock");
        }
    }

    #[test]
    fn every_bundle_has_room_in_the_smallest_home() {
        for bundle in Bundle::all() {
            let bytes = (bundle.runner.len() + bundle.model.len()) as u64;
            assert!(bytes < assay_peer::config::BLOB_ROOM_MIN, "{}: {bytes}", bundle.name);
        }
    }

    #[test]
    fn every_manifest_reads_and_has_its_bundles_name() {
        for bundle in Bundle::all() {
            let manifest = bundle.manifest();
            assert_eq!(manifest.name, bundle.name);
            assert!(serde_json::from_str::<serde_json::Value>(&manifest.params).is_ok());
            assert!(!bundle.card.is_empty() && !bundle.samples.is_empty());
        }
    }
}
