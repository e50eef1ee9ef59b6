//! `assay model new`: a runner of one's own to begin with, with all that builds it.
//!
//! **Invariant:** nothing that was there is changed; what is written is what the runners that come with the program are made of.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use serde_json::json;

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::path_text,
};

const EXAMPLES: &str = "\
Examples:
  assay model new shout                   a folder with a runner that works, and all that builds it
  rustup target add wasm32-unknown-unknown
  assay model build shout                 builds shout/shout.wasm
  assay model add --runner shout/shout.wasm
                                          takes it in; `assay provide shout` offers it

Whoever checks jobs of it, or offers it too, pulls it and lets it run there:
  assay model pull shout
  assay provider allow shout";

/// Bytes of the longest name.
const NAME_BYTES_MAX: usize = 48;
/// Names that other packages of the folder have.
const TAKEN: [&str; 3] = ["assay-runner", "wrap", "sdk"];

/// The runner, and what makes a component of it.
const RUNNER: &str = include_str!("../../../../runners/template/src/lib.rs");
const WRAP: &str = include_str!("../../../../runners/template/wrap/src/main.rs");
/// What names the versions of what they rest on.
const WRAP_PACKAGE: &str = include_str!("../../../../runners/template/wrap/Cargo.toml");
const SDK_PACKAGE: &str = include_str!("../../../../runners/sdk/Cargo.toml");
/// What the runner is called in them.
const PLACEHOLDER: &str = "\"template\"";

macro_rules! files {
    ($folder:literal: $($file:literal,)+) => {
        [$(($file, include_str!(concat!("../../../../runners/", $folder, "/", $file)))),+]
    };
}

/// What an author needs: the job, the model, and one macro.
const SDK: [(&str, &str); 9] = files!("sdk/src":
    "bindings.rs", "failure.rs", "job.rs", "language.rs", "lib.rs", "model.rs", "outcome.rs", "session.rs", "tensor.rs",
);
/// The interfaces.
const WIT: [(&str, &str); 2] = files!("wit": "runner.wit", "deps/nn/wasi-nn.wit",);

/// What compiled packages leave.
const IGNORED: &str = "/target\n";
/// How packages are compiled: small, and to the same bytes by the same compiler.
const PROFILE: &str = "\
[profile.release]
opt-level = \"s\"
lto = true
codegen-units = 1
panic = \"abort\"
strip = true
";

/// Begin a runner of your own: a small program that does one kind of work.
///
/// Makes a folder of this name with a runner that works, in Rust, in fewer than 30 lines; what builds it into a component of
/// WebAssembly; and the library that it is written with. It runs in the sandbox: bytes in, bytes out, the engine if it wants a
/// model, and nothing else.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What it is called, and the folder
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let Args { name } = args;
    let folder = Path::new(name);
    write(name, folder).map_err(|error| failed(folder, &error))?;
    let lines = RUNNER.lines().count();
    invocation.printer.line(format!("{name} is a runner to begin with: {name}/src/lib.rs, {lines} lines"));
    invocation.printer.note("next: `rustup target add wasm32-unknown-unknown`, once on this machine");
    invocation.printer.note(format!("then `assay model build {name}` builds {name}/{name}.wasm"));
    invocation.printer.note(format!("and `assay model add --runner {name}/{name}.wasm` takes it in"));
    invocation.printer.document("model-new", &json!({ "name": name, "folder": path_text(folder) }));
    Ok(())
}

fn failed(folder: &Path, error: &io::Error) -> CommandError {
    let folder = folder.display();
    if error.kind() == ErrorKind::AlreadyExists {
        let message = format!("{folder} is there already, and stays as it is");
        let hint = "choose another name, or another folder to be in";
        return CommandError::new(Exit::Usage, "FOLDER_EXISTS", message, hint);
    }
    let message = format!("{folder} cannot be written: {error}");
    CommandError::new(
        Exit::Other,
        "DISK",
        message,
        "look at who owns the folder and whether its disk is full",
    )
}

/// Writes everything into a folder that is not there yet.
fn write(name: &str, folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    let put = |place: &str, text: &str| {
        let path = folder.join(place);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, text)
    };
    put("Cargo.toml", &own_package(name))?;
    put(".gitignore", IGNORED)?;
    put("README.md", &readme(name))?;
    put("src/lib.rs", RUNNER)?;
    put("wrap/Cargo.toml", &package("wrap", &dependencies(WRAP_PACKAGE, &["wit-component"])))?;
    put("wrap/src/main.rs", &WRAP.replace(PLACEHOLDER, &format!("\"{name}\"")))?;
    put("sdk/Cargo.toml", &package("assay-runner", &sdk_dependencies()))?;
    SDK.iter().try_for_each(|(file, text)| put(&format!("sdk/src/{file}"), text))?;
    WIT.iter().try_for_each(|(file, text)| put(&format!("wit/{file}"), text))
}

/// What the runner itself is: the root of a workspace.
fn own_package(name: &str) -> String {
    let dependencies = format!("assay-runner = {{ path = \"sdk\" }}\n{}", serde());
    format!(
        "[workspace]\nmembers = [\"sdk\", \"wrap\"]\n\n{}\n[lib]\ncrate-type = [\"cdylib\", \"lib\"]\n\n{PROFILE}",
        package(name, &dependencies)
    )
}

fn package(name: &str, dependencies: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n{dependencies}"
    )
}

fn sdk_dependencies() -> String {
    let json = "serde_json = { version = \"1\", default-features = false, features = [\"float_roundtrip\", \"std\"] }\n";
    serde() + json + &dependencies(SDK_PACKAGE, &["wit-bindgen"])
}

fn serde() -> String {
    "serde = { version = \"1\", default-features = false, features = [\"derive\", \"std\"] }\n".to_owned()
}

/// The lines of a package that name these dependencies, with their versions.
fn dependencies(package: &str, names: &[&str]) -> String {
    let is_one = |line: &&str| names.iter().any(|name| line.starts_with(&format!("{name} = {{ version")));
    package.lines().filter(is_one).map(|line| format!("{line}\n")).collect()
}

fn readme(name: &str) -> String {
    format!(
        "# {name}\n\nA runner: bytes in, bytes out. `src/lib.rs` is all of it; `sdk` is the library that it is written with, and \
         `wit` the interfaces, which are its permissions.\n\n```sh\nrustup target add wasm32-unknown-unknown   # once\n\
         assay model build                          # builds {name}.wasm, as `cargo run --package wrap` does\n\
         assay model add --runner {name}.wasm\nassay provide {name}\n```\n\nThe same job must give the same bytes: there is no \
         clock, and no randomness but the seed of the job. A parameter that it does not know it should refuse.\n\nWith a model: \
         `assay model add model.onnx --runner {name}.wasm --params '{{…}}'`, and `Model::of_job()` in the runner.\n"
    )
}

/// A name that a package of Rust can have.
fn name(text: &str) -> Result<String, String> {
    let is_plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter);
    let begins = text.starts_with(|letter: char| letter.is_ascii_lowercase());
    if !begins || text.len() > NAME_BYTES_MAX || !text.chars().all(is_plain) {
        return Err(format!("expected 1 to {NAME_BYTES_MAX} small letters, digits, - and _, a letter first"));
    }
    if TAKEN.contains(&text) {
        return Err("another part of the folder is called so".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_to_begin_with_has_fewer_than_thirty_lines_and_all_that_builds_it() {
        assert!(RUNNER.lines().count() < 30);
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("shout");
        write("shout", &own).unwrap();
        let read = |place: &str| fs::read_to_string(own.join(place)).unwrap();
        for place in ["Cargo.toml", "sdk/Cargo.toml", "wrap/Cargo.toml"] {
            let package: toml::Value = toml::from_str(&read(place)).unwrap();
            assert!(package["package"]["name"].is_str() && package["dependencies"].is_table(), "{place}");
        }
        assert!(read("Cargo.toml").contains("name = \"shout\""));
        assert!(read("wrap/src/main.rs").contains("const NAME: &str = \"shout\""));
        for (place, dependency) in [("sdk/Cargo.toml", "wit-bindgen"), ("wrap/Cargo.toml", "wit-component")] {
            assert!(
                read(place).contains(&format!("{dependency} = {{ version")),
                "{place} lacks {dependency}"
            );
        }
        assert!(read("sdk/src/lib.rs").contains("macro_rules! export"));
        assert!(read("wit/runner.wit").contains("world runner"));
        let again = write("shout", &own).unwrap_err();
        assert_eq!(failed(&own, &again).code(), "FOLDER_EXISTS");
    }

    #[test]
    fn every_file_of_the_library_comes_along() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runners/sdk/src");
        let mut there: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort_unstable();
        assert_eq!(there, SDK.map(|(file, _)| file));
    }

    #[test]
    fn a_name_is_one_that_a_package_can_have() {
        assert_eq!(name("shout-2"), Ok("shout-2".to_owned()));
        for text in ["", "2shout", "Shout", "a b", "../x", "wrap", "-x", &"n".repeat(NAME_BYTES_MAX + 1)] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
