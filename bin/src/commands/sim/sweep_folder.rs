//! The folder of a sweep: its plan, then its cells as they are done, and in the end what all of them came to.
//!
//! **Invariant:** a cell counts once its file is whole, and for the build of the program that made it, so whoever comes goes on
//! where others were ended; all cells of a whole sweep are of one build.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_simulations::lab::{
    artefact::{MANIFEST, SCENARIO, VERSION},
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
    /// Which build of the program its cells are of; that of the first one, if none is named.
    build: Option<String>,
}

/// The cells that a folder has.
#[derive(Debug, Default)]
pub(super) struct CellsHere {
    /// Those of the folder's build.
    pub(super) whole: Vec<SweptCell>,
    /// Those that another build has run.
    pub(super) others: Vec<usize>,
    /// Those whose files cannot be taken.
    pub(super) damaged: Vec<usize>,
}

impl SweepFolder {
    /// Begins a sweep there whose cells are of this build, or goes on with the same one.
    pub(super) fn begin(path: &Path, plan: &SweepPlan, build: &str) -> Result<Self, CommandError> {
        let build = Some(build.to_owned());
        if path.join(PLAN).exists() {
            let there = Self { build, ..Self::open(path)? };
            if let Some(what) = there.plan.difference(plan) {
                return Err(other(&format!("{} holds another sweep", path.display()), what));
            }
            there.refuse_whole_of_another()?;
            return Ok(there);
        }
        refuse_used(path)?;
        saved::save_all(&path.join(CELLS), Vec::new())?;
        saved::save_all(path, plan.files())?;
        Ok(Self { path: path.to_owned(), plan: plan.clone(), build })
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
        Ok(Self { path: path.to_owned(), plan, build: None })
    }

    /// A whole sweep stays what it is: what it says that its cells came to would be of other runs.
    fn refuse_whole_of_another(&self) -> Result<(), CommandError> {
        if !self.path.join(MANIFEST).exists() || self.cells().others.is_empty() {
            return Ok(());
        }
        let folder = self.path.display();
        let message = format!("{folder} holds a whole sweep that another build of this program has run");
        let hint = format!(
            "name another folder with -o, or remove it; `assay sim replay {folder}` says whether this build gives the same"
        );
        Err(CommandError::new(Exit::Usage, "OTHER_BUILD", message, hint))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn plan(&self) -> &SweepPlan {
        &self.plan
    }

    /// What there is of its cells.
    pub(super) fn cells(&self) -> CellsHere {
        let (mut here, mut build) = (CellsHere::default(), self.build.clone());
        for number in 1..=self.plan.cells() {
            let path = self.path_of(number);
            let read = fs::read_to_string(&path).ok();
            match read.and_then(|text| SweptCell::read(&self.plan, number, &text)) {
                Some(cell) if cell.build == *build.get_or_insert_with(|| cell.build.clone()) => {
                    here.whole.push(cell);
                }
                Some(_) => here.others.push(number),
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
        let CellsHere { whole, others, .. } = self.cells();
        let has = |number: &usize| others.contains(number) || whole.iter().any(|cell| cell.number == *number);
        let missing: Vec<usize> = (1..=self.plan.cells()).filter(|number| !has(number)).collect();
        SweepArtefact::new(self.plan.clone(), whole).ok_or_else(|| {
            let count = number_of(self.plan.cells(), "cell");
            let wrong = [(&missing, "missing"), (&others, "of another build of this program")];
            let wrong: Vec<String> = wrong
                .into_iter()
                .filter(|(cells, _)| !cells.is_empty())
                .map(|(cells, what)| format!("{} {what}", are(cells)))
                .collect();
            let message =
                format!("{} is no whole sweep: of {count}, {}", self.path.display(), wrong.join(", and "));
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
