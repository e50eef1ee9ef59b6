//! A runner of the user's own: a component that runs a model, or that computes all by itself.
//!
//! **Invariant:** what it is billed by and compared by follows from what it runs, which no component says of itself.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use assay_protocol::{
    id::Digest,
    manifest::{Manifest, Meter, Policy, TensorFormat, WorkPerMeter},
    units::{Units, Work},
};
use assay_runtime::{
    class::{ARITHMETIC, model_header},
    envelope::RUNNER_BYTES_MAX,
};

use super::{MEMORY_BESIDE, PartedModel, TextExtent, manifest_of, name_of};
use crate::{
    bundle::SUMS,
    command_error::{CommandError, Exit},
};

/// What components begin with, and what the modules begin with that compilers write.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// Millions of instructions of a run that calls no engine, at most, where nobody says.
const MEGA_FUEL: Units = 10_000;
/// Calls of a run that calls one, likewise.
const CALLS: Units = 64;
/// Bytes of memory of a run without a model.
const MEMORY: u64 = 256 << 20;

/// The bytes of a component.
///
/// # Errors
/// [`CommandError`], if it is none.
pub(crate) fn component(file: &Path) -> Result<Vec<u8>, CommandError> {
    let failed = |why: &dyn std::fmt::Display, hint: &str| {
        let message = format!("{} is no runner: {why}", file.display());
        CommandError::new(Exit::Usage, "NO_RUNNER", message, hint)
    };
    let hint = "`assay model new NAME` makes one to begin with, and says how it is built";
    let metadata = fs::metadata(file).map_err(|error| failed(&error, hint))?;
    if !metadata.is_file() || metadata.len() > RUNNER_BYTES_MAX {
        let why = format!("it is no file of at most {} MiB", RUNNER_BYTES_MAX >> 20);
        return Err(failed(&why, hint));
    }
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(RUNNER_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| failed(&error, hint))?;
    if bytes.starts_with(MODULE) {
        let hint = "`assay model build FOLDER` makes a component of it, in the folder of `assay model new`";
        return Err(failed(&"it is a module of WebAssembly, and no component yet", hint));
    }
    match bytes.starts_with(COMPONENT) {
        true => Ok(bytes),
        false => Err(failed(&"it is no component of WebAssembly", hint)),
    }
}

/// How a component runs the model of a file, or runs without any.
///
/// # Errors
/// [`CommandError`], if the file cannot be read.
pub(crate) fn runner_manifest(
    component: &Path,
    model: Option<&Path>,
    params: &str,
    units: Option<Units>,
    text: TextExtent,
) -> Result<Manifest, CommandError> {
    let manifest = match model {
        None => alone(units.unwrap_or(MEGA_FUEL)),
        Some(model) => match PartedModel::find(model)? {
            Some(parted) => manifest_of(parted.name(), parted.bytes(), Digest::default(), text),
            None => {
                let failed = |error: std::io::Error| super::unsellable(model, &error.to_string());
                let bytes = fs::metadata(model).map_err(failed)?.len();
                match ARITHMETIC.runs(&model_header(model).map_err(failed)?) {
                    true => manifest_of(model, bytes, Digest::default(), text),
                    false => calling(bytes, units.unwrap_or(CALLS)),
                }
            }
        },
    };
    Ok(Manifest { name: name_of(component), params: params.to_owned(), ..manifest })
}

/// One that calls no engine gives the same bytes everywhere.
fn alone(units: Units) -> Manifest {
    Manifest {
        model: Digest::of(b""),
        policy: Policy::Exact,
        meter: Meter::MegaFuel,
        work: WorkPerMeter { mega_fuel: 1, ..WorkPerMeter::default() },
        work_most: units as Work,
        memory_bytes: MEMORY,
        licence: "as its author says".to_owned(),
        ..SUMS.manifest()
    }
}

/// One that calls an engine gives numbers, the last bits of which depend on the machine.
fn calling(bytes: u64, units: Units) -> Manifest {
    // Work is counted in tokens of `sums`; how long a call takes goes with the bytes of its weights.
    let call = (bytes / SUMS.model.len() as u64).max(1);
    Manifest {
        model: Digest::default(),
        policy: Policy::Tensor(TensorFormat::F32),
        meter: Meter::Calls,
        work: WorkPerMeter { call, ..WorkPerMeter::default() },
        work_most: units.saturating_mul(call) as Work,
        memory_bytes: MEMORY_BESIDE.saturating_add(bytes.saturating_mul(3)),
        licence: "as its file says".to_owned(),
        ..SUMS.manifest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::DIGITS;

    const TEXT: TextExtent = TextExtent { answer_tokens: 64, units: 1_024 };

    #[test]
    fn a_component_is_told_from_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |bytes: &[u8]| {
            let file = folder.path().join("own.wasm");
            fs::write(&file, bytes).unwrap();
            component(&file).unwrap_err().to_string()
        };
        assert!(refused(b"\0asm\x01\0\0\0and more").contains("a module of WebAssembly"));
        assert!(refused(b"GGUF").contains("no component of WebAssembly"));
        assert!(component(folder.path()).unwrap_err().to_string().contains("is no file"));
        let file = folder.path().join("shipped.wasm");
        fs::write(&file, SUMS.runner).unwrap();
        assert_eq!(component(&file).unwrap(), SUMS.runner);
    }

    #[test]
    fn what_it_is_billed_and_compared_by_follows_from_what_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let (own, gguf, onnx) = (
            folder.path().join("Own Runner.wasm"),
            folder.path().join("m.gguf"),
            folder.path().join("m.onnx"),
        );
        fs::write(&gguf, SUMS.model).unwrap();
        fs::write(&onnx, DIGITS.model).unwrap();
        let of = |model: Option<&Path>, units| runner_manifest(&own, model, "{}", units, TEXT).unwrap();
        let alone = of(None, Some(7));
        assert_eq!((alone.policy, alone.meter, alone.work_most), (Policy::Exact, Meter::MegaFuel, 7));
        assert_eq!((alone.name.as_str(), alone.model), ("own-runner", Digest::of(b"")));
        let texts = of(Some(&gguf), None);
        assert_eq!((texts.policy, texts.work_most), (Policy::Replay, 1_024));
        assert_eq!(texts.params, "{}", "a runner of one's own has its own parameters");
        let calls = of(Some(&onnx), Some(3));
        assert_eq!((calls.policy, calls.meter), (Policy::Tensor(TensorFormat::F32), Meter::Calls));
        assert_eq!(calls.work_most, 3);
        for manifest in [alone, texts, calls] {
            assert!(manifest.is_bounded() && manifest.work_most > 0, "{manifest:?}");
        }
    }
}
