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
#[derive(Debug)]
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
        // Whole ones, and what was being written when a process was killed.
        let is_run = |path: &PathBuf| path.extension().is_some_and(|end| end == "csv" || end == "part");
        let files = fs::read_dir(self.seeds()).into_iter().flatten().flatten().map(|entry| entry.path());
        // What cannot be removed is in nobody's way: the folder holds an experiment now.
        files.filter(is_run).for_each(|file| drop(fs::remove_file(file)));
        let _ = fs::remove_dir(self.seeds());
    }

    fn seeds(&self) -> PathBuf {
        self.path.join(SEEDS)
    }

    fn file(&self, seed: u64) -> PathBuf {
        self.seeds().join(format!("{seed:05}.csv"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_runs_that_are_in_the_whole_nothing_is_left_and_what_is_not_theirs_stays() {
        let place = tempfile::tempdir().unwrap();
        let folder = SeedFolder::begin(place.path()).unwrap();
        for name in ["00001.csv", ".torn.part"] {
            fs::write(folder.seeds().join(name), b"").unwrap();
        }
        folder.end();
        assert!(!folder.seeds().exists());
        let folder = SeedFolder::begin(place.path()).unwrap();
        for name in ["00001.csv", "mine.txt"] {
            fs::write(folder.seeds().join(name), b"").unwrap();
        }
        folder.end();
        assert_eq!(fs::read_dir(folder.seeds()).unwrap().count(), 1);
    }
}
