//! Runs networks as jobs run them: `networks WORKER RUNNER PARAMS`, and on standard input a line for each job, which names
//! three files: `MODEL<tab>INPUT<tab>OUTPUT`. Says of each line `done`, or why not. What rten does not run ONNX Runtime runs, where
//! `ORT_DYLIB_PATH` names its library.
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

use assay_protocol::id::Digest;
use assay_runtime::{
    envelope::Envelope,
    outcome::RunFailure,
    pool::Pool,
    worker::{Files, Given, WorkerSource},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [worker, runner, params] = &arguments[..] else {
        return Err("usage: networks WORKER RUNNER PARAMS".into());
    };
    let cache = std::env::temp_dir().join(format!("assay-networks-{}", std::process::id()));
    let onnx_runtime = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    let pool = Pool::new(WorkerSource { binary: worker.clone(), cache: Some(cache.clone()), onnx_runtime });
    let runner_name = Digest::of(&fs::read(runner)?);
    for line in io::stdin().lines() {
        let line = line?;
        let paths: Vec<&Path> = line.split('\t').map(Path::new).collect();
        let [model, input, output] = paths[..] else { return Err(format!("no three paths: {line}").into()) };
        let params = params.to_string_lossy().into_owned();
        let envelope = Envelope { params, ..Envelope::new(runner_name, Digest::of(&fs::read(model)?)) };
        let input = fs::read(input)?;
        match pool.run(&envelope, Files { runner, model: Some(model) }, Given::from(&input[..]), &mut ()) {
            Ok(completed) => {
                fs::write(output, completed.output)?;
                println!("done");
            }
            Err(failure) => println!("{}", words(&failure)),
        }
    }
    pool.clear();
    fs::remove_dir_all(cache)?;
    Ok(())
}

/// A failure in one line.
fn words(failure: &RunFailure) -> String {
    failure.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
