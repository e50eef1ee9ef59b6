//! The folder of a sweep: its plan, then its cells as they are done, and in the end what all of them came to.
//!
//! **Invariant:** a cell counts once its file is whole, so whoever comes goes on where others were ended.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_simulations::lab::{
    artefact::{SCENARIO, VERSION},
    sweep::{CELLS, PLAN, SweepArtefact, SweepError, SweepPlan, SweptCell},
};

use super::{experiment_folder::refuse_used, saved};
use crate::{
    command_error::{CommandError, Exit},
    printer::number_of,
};

/// Numbers and ranges of cells that are shown of many.
const RANGES_SHOWN_MAX: usize = 12;

/// A folder of a sweep, whole or not.
#[derive(Debug)]
pub(super) struct SweepFolder {
    path: PathBuf,
    plan: SweepPlan,
}

/// The cells that a folder has.
#[derive(Debug, Default)]
pub(super) struct CellsHere {
    pub(super) whole: Vec<SweptCell>,
    /// Those whose files cannot be taken.
    pub(super) damaged: Vec<usize>,
}

impl SweepFolder {
    /// Begins a sweep there, or goes on with the same one.
    pub(super) fn begin(path: &Path, plan: &SweepPlan) -> Result<Self, CommandError> {
        if path.join(PLAN).exists() {
            let there = Self::open(path)?;
            return match there.plan.difference(plan) {
                None => Ok(there),
                Some(what) => Err(other(&format!("{} holds another sweep", path.display()), what)),
            };
        }
        refuse_used(path)?;
        saved::save_all(&path.join(CELLS), Vec::new())?;
        saved::save_all(path, plan.files())?;
        Ok(Self { path: path.to_owned(), plan: plan.clone() })
    }

    /// Opens one that was begun.
    pub(super) fn open(path: &Path) -> Result<Self, CommandError> {
        let read = |name: &str| {
            let file = path.join(name);
            fs::read_to_string(&file).map_err(|error| {
                let message = format!("{} cannot be read: {error}", file.display());
                let hint = "name a folder that `assay sim sweep` made";
                CommandError::new(Exit::NotFound, "NO_EXPERIMENT", message, hint)
            })
        };
        let plan = SweepPlan::read(&read(PLAN)?, &read(SCENARIO)?).map_err(|error| bad_plan(path, &error))?;
        Ok(Self { path: path.to_owned(), plan })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn plan(&self) -> &SweepPlan {
        &self.plan
    }

    /// What there is of its cells.
    pub(super) fn cells(&self) -> CellsHere {
        let mut here = CellsHere::default();
        for number in 1..=self.plan.cells() {
            let path = self.path_of(number);
            match fs::read_to_string(&path).ok().and_then(|text| SweptCell::read(&self.plan, number, &text)) {
                Some(cell) => here.whole.push(cell),
                None if path.exists() => here.damaged.push(number),
                None => {}
            }
        }
        here
    }

    pub(super) fn path_of(&self, cell: usize) -> PathBuf {
        self.path.join(CELLS).join(SweptCell::file(cell))
    }

    /// Keeps a cell.
    pub(super) fn keep(&self, cell: &SweptCell) -> Result<(), CommandError> {
        saved::save(&self.path_of(cell.number), cell.text(&self.plan).as_bytes())
    }

    /// Writes what all cells came to, once all of them are there; nothing before.
    pub(super) fn complete(&self) -> Result<Option<SweepArtefact>, CommandError> {
        let Some(artefact) = SweepArtefact::new(self.plan.clone(), self.cells().whole) else {
            return Ok(None);
        };
        saved::save_all(&self.path, artefact.files())?;
        Ok(Some(artefact))
    }

    /// All of it.
    pub(super) fn whole(&self) -> Result<SweepArtefact, CommandError> {
        let here = self.cells();
        let has = |number: &usize| here.whole.iter().any(|cell| cell.number == *number);
        let missing: Vec<usize> = (1..=self.plan.cells()).filter(|number| !has(number)).collect();
        SweepArtefact::new(self.plan.clone(), here.whole).ok_or_else(|| {
            let count = number_of(self.plan.cells(), "cell");
            let message =
                format!("{} is no whole sweep: of {count}, {} missing", self.path.display(), are(&missing));
            let hint = "the command that began it goes on with it, and `assay sim merge` puts parts together";
            CommandError::new(Exit::Usage, "NOT_WHOLE", message, hint)
                .with(serde_json::json!({ "cells_missing": missing }))
        })
    }
}

/// What is wrong with a sweep beside another one.
pub(super) fn other(begin: &str, what: &str) -> CommandError {
    let message = format!("{begin}: it differs in its {what}");
    let hint = "one folder holds one sweep: the same scenario, grid, seeds and version; name another with -o";
    CommandError::new(Exit::Usage, "OTHER_SWEEP", message, hint)
}

fn bad_plan(path: &Path, error: &SweepError) -> CommandError {
    let message = format!("{}: {error}", path.display());
    let hint =
        format!("remove the folder, or use the version of the program that began it; this is {VERSION}");
    CommandError::new(Exit::Usage, "BAD_EXPERIMENT", message, hint)
}

/// Which cells, in words that a verb follows: `cell 3 is`, or `cells 1 to 4 and 7 are`.
pub(super) fn are(cells: &[usize]) -> String {
    match cells {
        [] => "no cell is".to_owned(),
        [one] => format!("cell {one} is"),
        cells => format!("cells {} are", ranges(cells)),
    }
}

fn ranges(cells: &[usize]) -> String {
    let runs: Vec<&[usize]> = cells.chunk_by(|one, next| one + 1 == *next).collect();
    let word = |run: &&[usize]| match run {
        [first, .., last] => format!("{first} to {last}"),
        [one] => one.to_string(),
        [] => String::new(),
    };
    let mut words: Vec<String> = runs.iter().take(RANGES_SHOWN_MAX).map(word).collect();
    let left: usize = runs.iter().skip(RANGES_SHOWN_MAX).map(|run| run.len()).sum();
    if left > 0 {
        words.push(format!("{left} more"));
    }
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_in_ranges_and_not_all_of_many() {
        for (cells, expected) in [
            (vec![], "no cell is"),
            (vec![3], "cell 3 is"),
            (vec![1, 2, 3, 7], "cells 1 to 3 and 7 are"),
            (vec![1, 3, 5, 6], "cells 1, 3 and 5 to 6 are"),
            (vec![4, 5], "cells 4 to 5 are"),
        ] {
            assert_eq!(are(&cells), expected);
        }
        let many: Vec<usize> = (1..=100).step_by(2).collect();
        assert!(are(&many).ends_with("21, 23 and 38 more are"), "{}", are(&many));
    }
}
