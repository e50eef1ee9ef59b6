//! Builds the runner of this folder into a component: `cargo run --package wrap`.

use std::{env, error::Error, fs, path::Path, process::Command};

use wit_component::ComponentEncoder;

/// The package of the runner.
const NAME: &str = "template";
/// What it is compiled for.
const TARGET: &str = "wasm32-unknown-unknown";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--lib", "--package", NAME, "--target", TARGET, "--target-dir"]);
    let built = build.arg(folder.join("target")).current_dir(&folder).status()?;
    if !built.success() {
        return Err(
            format!("it was not built; `rustup target add {TARGET}` gives what may be missing").into()
        );
    }
    let core = folder.join("target").join(TARGET).join("release").join(NAME.replace('-', "_"));
    let module = fs::read(core.with_extension("wasm"))?;
    let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    fs::write(folder.join(format!("{NAME}.wasm")), component)?;
    eprintln!("{NAME}.wasm is built; `assay model add --runner {NAME}.wasm` takes it in");
    Ok(())
}
