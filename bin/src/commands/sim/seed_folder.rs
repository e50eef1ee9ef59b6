//! The runs of an experiment on the disk, while others are still to come.
//!
//! **Invariant:** a run counts once its file is whole, and for the build of the program that made it; once the experiment is whole
//! nothing is left of them but that.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_simulations::lab::{experiment::RunFigures, seed_runs::SeedRuns};

use super::{experiment_folder::refuse_used, own_build::own_build, saved};
use crate::command_error::CommandError;

/// Where they lie, in the folder of the experiment.
const SEEDS: &str = "seeds";

/// A folder of runs.
#[derive(Clone, Debug)]
pub(super) struct SeedFolder {
    path: PathBuf,
    /// Which build of the program keeps runs there.
    build: String,
}

impl SeedFolder {
    /// Begins with the folder of an experiment, or goes on with one.
    pub(super) fn begin(path: &Path) -> Result<Self, CommandError> {
        refuse_used(path)?;
        let folder = Self { path: path.to_owned(), build: own_build()? };
        saved::save_all(&folder.seeds(), Vec::new())?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a run.
    pub(super) fn keep(&self, runs: &SeedRuns, run: &RunFigures) -> Result<(), CommandError> {
        saved::save(&self.file(run.seed), runs.text(run, &self.build).as_bytes())
    }

    /// The run with this seed, if it is there and this build made it.
    pub(super) fn read(&self, runs: &SeedRuns, seed: u64) -> Option<RunFigures> {
        runs.read(seed, &self.build, &fs::read_to_string(self.file(seed)).ok()?)
    }

    /// True if the run with this seed is there, and another build made it.
    pub(super) fn is_of_another(&self, runs: &SeedRuns, seed: u64) -> bool {
        let text = fs::read_to_string(self.file(seed)).unwrap_or_default();
        runs.made_by(seed, &text).is_some_and(|build| build != self.build)
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
    use assay_simulations::lab::{scenario::Scenario, shipped};

    use super::*;

    #[test]
    fn a_run_that_another_build_made_is_not_taken() {
        let text = shipped::text("market").unwrap();
        let scenario = Scenario::read("market", &text, &shipped::text).unwrap();
        let runs = SeedRuns::new(scenario, vec![1], false);
        let run = RunFigures {
            seed: 1,
            digest: "0".to_owned(),
            events: 9,
            figures: vec![("orders".to_owned(), Some(0.1))],
            series: Vec::new(),
        };
        let place = tempfile::tempdir().unwrap();
        let folder = SeedFolder::begin(place.path()).unwrap();
        folder.keep(&runs, &run).unwrap();
        assert_eq!(SeedFolder::begin(place.path()).unwrap().read(&runs, 1), Some(run));
        assert!(!folder.is_of_another(&runs, 1) && !folder.is_of_another(&runs, 2));
        let rebuilt = SeedFolder { build: "another".to_owned(), ..folder };
        assert_eq!(rebuilt.read(&runs, 1), None);
        assert!(rebuilt.is_of_another(&runs, 1) && !rebuilt.is_of_another(&runs, 2));
    }

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
