//! The runs of an experiment on the disk, while others are still to come.
//!
//! **Invariant:** a run counts once its file is whole; once the experiment is whole nothing is left of them but that.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_simulations::lab::{experiment::RunFigures, seed_runs::SeedRuns};

use super::{experiment_folder::refuse_used, saved};
use crate::command_error::CommandError;

/// Where they lie, in the folder of the experiment.
const SEEDS: &str = "seeds";

/// A folder of runs.
#[derive(Clone, Debug)]
pub(super) struct SeedFolder {
    path: PathBuf,
}

impl SeedFolder {
    /// Begins with the folder of an experiment, or goes on with one.
    pub(super) fn begin(path: &Path) -> Result<Self, CommandError> {
        refuse_used(path)?;
        let folder = Self { path: path.to_owned() };
        saved::save_all(&folder.seeds(), Vec::new())?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a run.
    pub(super) fn keep(&self, runs: &SeedRuns, run: &RunFigures) -> Result<(), CommandError> {
        saved::save(&self.file(run.seed), runs.text(run).as_bytes())
    }

    /// The run with this seed, if it is there.
    pub(super) fn read(&self, runs: &SeedRuns, seed: u64) -> Option<RunFigures> {
        runs.read(seed, &fs::read_to_string(self.file(seed)).ok()?)
    }

    /// Lets go of what is in the files of the whole experiment.
    pub(super) fn end(&self) {
        let files = fs::read_dir(self.seeds()).into_iter().flatten().flatten();
        let own = files.filter(|entry| is_run(&entry.file_name().to_string_lossy()));
        // What cannot be removed is in nobody's way: the folder holds an experiment now.
        own.for_each(|entry| drop(fs::remove_file(entry.path())));
        let _ = fs::remove_dir(self.seeds());
    }

    fn seeds(&self) -> PathBuf {
        self.path.join(SEEDS)
    }

    fn file(&self, seed: u64) -> PathBuf {
        self.seeds().join(format!("{seed:05}.csv"))
    }
}

/// True for a name that a run has here, or had while it was being written by a process that was killed.
fn is_run(name: &str) -> bool {
    let is_seed = |stem: &str| stem.len() >= 5 && stem.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_suffix(".csv").is_some_and(is_seed) || name.starts_with('.') && name.ends_with(".part")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_runs_that_are_in_the_whole_nothing_is_left_and_what_is_not_theirs_stays() {
        let place = tempfile::tempdir().unwrap();
        let folder = SeedFolder::begin(place.path()).unwrap();
        for name in ["00001.csv", "18446744073709551615.csv", ".torn.part"] {
            fs::write(folder.seeds().join(name), b"").unwrap();
        }
        folder.end();
        assert!(!folder.seeds().exists());
        let folder = SeedFolder::begin(place.path()).unwrap();
        let others = ["mine.txt", "wheat.csv", "2024.csv", "half.part"];
        for name in others.into_iter().chain(["00001.csv"]) {
            fs::write(folder.seeds().join(name), b"").unwrap();
        }
        folder.end();
        assert_eq!(fs::read_dir(folder.seeds()).unwrap().count(), others.len());
    }
}
