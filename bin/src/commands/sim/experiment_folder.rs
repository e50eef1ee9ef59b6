//! What a folder of an experiment holds, read again.
//!
//! **Invariant:** what is read is what the folder's manifest says, or it is refused.

use std::{fs, path::Path};

use assay_simulations::lab::{
    artefact::{Artefact, ArtefactError, MANIFEST, RUNS, SCENARIO, SERIES, VERSION},
    sweep::{PLAN, SweepArtefact},
};
use serde_json::Value;

use super::sweep_folder::SweepFolder;
use crate::command_error::{CommandError, Exit};

/// An experiment that a folder holds.
#[derive(Debug)]
pub(super) enum KeptExperiment {
    /// Runs of one scenario.
    Run(Box<Artefact>),
    /// A whole sweep.
    Sweep(Box<SweepArtefact>),
}

impl KeptExperiment {
    /// Reads what a folder holds.
    pub(super) fn read(folder: &Path) -> Result<Self, CommandError> {
        if folder.join(PLAN).exists() {
            let whole = SweepFolder::open(folder)?.whole()?;
            return Ok(Self::Sweep(Box::new(whole)));
        }
        if !folder.join(MANIFEST).exists() {
            let message = format!("{} holds no experiment", folder.display());
            let hint = "`assay sim run` and `assay sim sweep` write one into the folder behind --out";
            return Err(CommandError::new(Exit::NotFound, "NO_EXPERIMENT", message, hint));
        }
        run(folder).map(|artefact| Self::Run(Box::new(artefact)))
    }

    /// The version of the program that ran it.
    pub(super) fn version(&self) -> &str {
        match self {
            Self::Run(artefact) => artefact.version(),
            Self::Sweep(artefact) => artefact.plan().version(),
        }
    }
}

/// Refuses a folder that holds an experiment already.
pub(super) fn refuse_used(folder: &Path) -> Result<(), CommandError> {
    if ![MANIFEST, PLAN].iter().any(|name| folder.join(name).exists()) {
        return Ok(());
    }
    let message = format!("{} holds an experiment already", folder.display());
    Err(CommandError::new(Exit::Usage, "FILE", message, "name another folder, or remove it"))
}

fn run(folder: &Path) -> Result<Artefact, CommandError> {
    let text = |name: &str| {
        let file = folder.join(name);
        fs::read_to_string(&file)
            .map_err(|error| bad(folder, &format!("{name} cannot be read: {error}"), VERSION))
    };
    let manifest: Value = serde_json::from_str(&text(MANIFEST)?)
        .map_err(|error| bad(folder, &format!("{MANIFEST} is no JSON: {error}"), VERSION))?;
    let said = |key: &str| manifest[key].as_str().unwrap_or_default().to_owned();
    let version = said("version");
    let series = if folder.join(SERIES).exists() { Some(text(SERIES)?) } else { None };
    let read = Artefact::read(&version, &text(SCENARIO)?, &text(RUNS)?, series.as_deref());
    let artefact = read.map_err(|error: ArtefactError| bad(folder, &error.to_string(), &version))?;
    for (key, found) in [("scenario_hash", artefact.scenario().hash()), ("digest", artefact.digest())] {
        if said(key) != found {
            let problem = format!("its {key} is {found}, and {MANIFEST} says {}", said(key));
            return Err(bad(folder, &problem, &version));
        }
    }
    Ok(artefact)
}

fn bad(folder: &Path, problem: &str, version: &str) -> CommandError {
    let message = format!("{} holds no experiment that can be read: {problem}", folder.display());
    let hint = match version == VERSION {
        true => "it was changed, or not all of it is there: run it again".to_owned(),
        false => format!(
            "it was written by version {version}, and this is {VERSION}: use that one, or run it again"
        ),
    };
    CommandError::new(Exit::Usage, "BAD_EXPERIMENT", message, hint)
}
