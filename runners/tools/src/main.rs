//! Wraps built guests into components, checks what they ask for, and records their digests; called by `runners/build`.
//!
//! **Invariant:** a component that imports anything but the runner's own interfaces and wasi:nn is never written, nor a module
//! for pages that imports anything.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wit_component::ComponentEncoder;

/// What a runner may import.
const IMPORTS_ALLOWED: [&str; 2] = ["assay:runner/", "wasi:nn/"];
/// Bytes in the largest component that is shipped.
const COMPONENT_BYTES_MAX: usize = 1024 * 1024;
/// The runners that are shipped, each as `NAME/NAME.wasm`.
const RUNNERS: [&str; 5] = ["classify", "embed", "generate", "pure", "tensors"];
/// The modules that pages of the dashboard load, each as `NAME/NAME.wasm` among the program's crates.
const MODULES: [&str; 2] = ["judge", "recompute"];
/// Where those crates are, from the runners.
const CRATES: &str = "../crates";
/// Bytes in the largest of them.
const MODULE_BYTES_MAX: usize = 1536 * 1024;
const USAGE: &str =
    "usage: tools wrap CORE OUT | tools module CORE OUT | tools lock FOLDER COMPILER | tools verify FOLDER";

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["wrap", core, out] => wrap(core.as_ref(), out.as_ref()),
        ["module", core, out] => module(core.as_ref(), out.as_ref()),
        ["lock", folder, compiler] => lock(folder.as_ref(), compiler),
        ["verify", folder] => verify(folder.as_ref()),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Makes a component of a core module that the compiler wrote.
fn wrap(core: &Path, out: &Path) -> Outcome {
    let component = ComponentEncoder::default().validate(true).module(&fs::read(core)?)?.encode()?;
    inspect(&component).map_err(|why| format!("{}: {why}", core.display()))?;
    fs::write(out, component)?;
    Ok(())
}

/// Copies a core module that the compiler wrote, if pages may load it.
fn module(core: &Path, out: &Path) -> Outcome {
    let bytes = fs::read(core)?;
    inspect_module(&bytes).map_err(|why| format!("{}: {why}", core.display()))?;
    fs::write(out, bytes)?;
    Ok(())
}

/// Writes down the digests of the runners in a folder and of the modules, and what compiled them.
fn lock(folder: &Path, compiler: &str) -> Outcome {
    let mut text = format!("# Written by runners/build.\ncompiler = \"{compiler}\"\n\n[blake3]\n");
    for (name, file, _) in shipped(folder) {
        text += &digest_line(name, &fs::read(file)?);
    }
    fs::write(lock_file(folder), text)?;
    Ok(())
}

/// Compares what is shipped with what was written down of it, and checks what it asks for.
fn verify(folder: &Path) -> Outcome {
    let text = fs::read_to_string(lock_file(folder))?;
    for (name, file, inspection) in shipped(folder) {
        let bytes = fs::read(file)?;
        inspection(&bytes).map_err(|why| format!("{name}: {why}"))?;
        if !text.contains(&digest_line(name, &bytes)) {
            return Err(format!("{name}.wasm is not the one that runners.lock names").into());
        }
    }
    Ok(())
}

/// What refuses bytes that are not to be shipped.
type Inspection = fn(&[u8]) -> Outcome;

/// Everything that is shipped, where it is, and what it must be.
fn shipped(folder: &Path) -> impl Iterator<Item = (&'static str, PathBuf, Inspection)> {
    let file = |folder: &Path, name: &str| folder.join(name).join(name).with_extension("wasm");
    let crates = folder.join(CRATES);
    let runners = RUNNERS.map(|name| (name, file(folder, name), inspect as Inspection));
    let modules = MODULES.map(|name| (name, file(&crates, name), inspect_module as Inspection));
    runners.into_iter().chain(modules)
}

fn lock_file(folder: &Path) -> PathBuf {
    folder.join("runners.lock")
}

fn digest_line(name: &str, bytes: &[u8]) -> String {
    format!("{name} = \"{}\"\n", blake3::hash(bytes).to_hex())
}

/// Refuses a component that is invalid, too large, or imports what no runner may have.
fn inspect(component: &[u8]) -> Outcome {
    Validator::new_with_features(WasmFeatures::default()).validate_all(component)?;
    if !Parser::is_component(component) {
        return Err("it is no component".into());
    }
    if component.len() > COMPONENT_BYTES_MAX {
        return Err(format!("{} bytes are more than {COMPONENT_BYTES_MAX}", component.len()).into());
    }
    for import in imports(component)? {
        if !IMPORTS_ALLOWED.iter().any(|allowed| import.starts_with(allowed)) {
            return Err(format!("it imports {import}, which no runner may").into());
        }
    }
    Ok(())
}

/// Refuses a module that is invalid, too large, or imports anything: a page gives it nothing but a file.
fn inspect_module(module: &[u8]) -> Outcome {
    Validator::new_with_features(WasmFeatures::default()).validate_all(module)?;
    if !Parser::is_core_wasm(module) {
        return Err("it is no module".into());
    }
    if module.len() > MODULE_BYTES_MAX {
        return Err(format!("{} bytes are more than {MODULE_BYTES_MAX}", module.len()).into());
    }
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(section) = payload?
            && section.count() > 0
        {
            return Err("it imports something, and nothing is there".into());
        }
    }
    Ok(())
}

/// The imports of the component itself, not of the modules inside it.
fn imports(component: &[u8]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut depth = 0_u32;
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        if matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) {
            depth += 1;
        } else if matches!(payload, Payload::End(_)) {
            depth = depth.saturating_sub(1);
        } else if let Payload::ComponentImportSection(section) = payload
            && depth == 0
        {
            for import in section {
                names.push(import?.name.name.to_owned());
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_runners_are_those_that_the_lock_names() {
        verify(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").as_path()).unwrap();
    }

    #[test]
    fn a_component_that_asks_for_more_is_refused() {
        let cases = [
            (r#"(component (import "assay:runner/session@2.0.0" (instance)))"#, true),
            (r#"(component (import "wasi:nn/graph@0.2.0-rc-2024-10-28" (instance)))"#, true),
            (r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance)))"#, false),
            (r#"(component (import "wasi:nn/errors@0.2.0" (instance)) (import "now" (func)))"#, false),
            (r#"(component (core module (import "env" "now" (func))))"#, true),
            (r#"(component (component (import "wasi:clocks/wall-clock@0.2.0" (instance))))"#, true),
            ("(module)", false),
        ];
        for (text, fine) in cases {
            assert_eq!(inspect(&wat::parse_str(text).unwrap()).is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn a_module_for_pages_asks_for_nothing() {
        let cases = [
            ("(module)", true),
            (r#"(module (memory (export "memory") 1))"#, true),
            (r#"(module (import "env" "now" (func)))"#, false),
            ("(component)", false),
        ];
        for (text, fine) in cases {
            assert_eq!(inspect_module(&wat::parse_str(text).unwrap()).is_ok(), fine, "{text}");
        }
    }
}
