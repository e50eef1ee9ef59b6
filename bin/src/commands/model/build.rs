//! `assay model build`: makes a component of the folder of a runner.
//!
//! **Invariant:** what it says was built is a component that `assay model add --runner` takes.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use assay_protocol::id::Digest;
use serde_json::json;

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    own_model,
    printer::{full, path_text, shell_path},
};

const EXAMPLES: &str = "\
Examples:
  rustup target add wasm32-unknown-unknown  once on this machine
  assay model build                         builds the runner of the folder that this is
  assay model build shout                   builds the one of another folder, such as `assay model new shout` made

  assay model add --runner shout/shout.wasm  takes in what was built";

/// The package of the folder that makes a component of the runner, and what one is called in general.
const WRAP: &str = "wrap";
const PACKAGE: &str = "Cargo.toml";
/// What compiles, unless the environment names another one.
const COMPILER: &str = "cargo";

/// Build the runner of a folder that `assay model new` made.
///
/// Has Rust's own tools compile it, and what comes of it made a component of WebAssembly, NAME.wasm in the folder. The same
/// sources give the same bytes by the same compiler, so that anybody can see what a runner is made of.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder of the runner
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let Args { folder } = args;
    let name = package_of(folder)?;
    let built = compile(folder).map_err(|error| no_compiler(&error))?;
    if !built.success() {
        return Err(not_built(&name));
    }
    let file = folder.join(format!("{name}.wasm"));
    let component = own_model::component(&file)?;
    let (kib, path) = (component.len().div_ceil(1 << 10), file.display());
    let printer = &invocation.printer;
    printer.line(format!("{name} is built: {path}, {kib} KiB"));
    let typed = shell_path(&file);
    printer.note(format!("`assay model add --runner {typed}` takes it in, and runs it once"));
    let runner = full(Digest::of(&component));
    let document =
        json!({ "name": name, "file": path_text(&file), "runner": runner, "bytes": component.len() });
    printer.document("model-built", &document);
    Ok(())
}

/// What the runner of a folder is called.
fn package_of(folder: &Path) -> Result<String, CommandError> {
    let failed = |why: String| {
        let message = format!("{} is no folder of a runner: {why}", folder.display());
        CommandError::new(Exit::Usage, "NO_RUNNER", message, "`assay model new NAME` makes one to begin with")
    };
    let own = folder.join(PACKAGE);
    for package in [&own, &folder.join(WRAP).join(PACKAGE)] {
        if !package.is_file() {
            return Err(failed(format!("there is no {}", package.display())));
        }
    }
    let text = fs::read_to_string(&own).map_err(|error| failed(error.to_string()))?;
    let package: toml::Value = toml::from_str(&text).map_err(|error| failed(error.message().to_owned()))?;
    let name = package.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned).ok_or_else(|| failed(format!("{} names no package", own.display())))
}

/// Has it compiled; what the compiler says is for people, whatever is printed.
fn compile(folder: &Path) -> std::io::Result<ExitStatus> {
    let compiler = env::var_os("CARGO").unwrap_or_else(|| COMPILER.into());
    let mut build = Command::new(compiler);
    build.args(["run", "--quiet", "--package", WRAP]).current_dir(folder);
    build.stdin(Stdio::null()).stdout(Stdio::null()).status()
}

fn no_compiler(error: &std::io::Error) -> CommandError {
    let is_absent = error.kind() == ErrorKind::NotFound;
    let message = if is_absent {
        format!("{COMPILER} is not here: Rust is needed to build a runner")
    } else {
        format!("{COMPILER} cannot be started: {error}")
    };
    let hint = "install Rust, and then `rustup target add wasm32-unknown-unknown`";
    CommandError::new(Exit::Other, "NO_COMPILER", message, hint)
}

fn not_built(name: &str) -> CommandError {
    let message = format!("{name} was not built: the compiler says why");
    let hint = "mend that; `rustup target add wasm32-unknown-unknown` gives what may be missing";
    CommandError::new(Exit::Other, "NOT_BUILT", message, hint)
}
