//! The runs of one cell, as a file.
//!
//! **Invariant:** a file is taken only if it is whole, and of this cell of this plan; it says which build of the program made it.

use super::SweepPlan;
use crate::lab::{artefact::short_digest, build_mark, experiment::RunFigures, run_table};

/// What a cell came to: a run for each seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptCell {
    /// Which cell, from one.
    pub number: usize,
    /// Which build of the program made it.
    pub build: String,
    /// Its runs, in the order of their seeds.
    pub runs: Vec<RunFigures>,
}

impl SweptCell {
    /// What the file of a cell is called.
    #[must_use]
    pub fn file(number: usize) -> String {
        format!("{number:05}.csv")
    }

    /// The file of this cell.
    #[must_use]
    pub fn text(&self, plan: &SweepPlan) -> String {
        let runs = run_table::write(&self.runs);
        format!("{}\n{runs}", head(plan, self.number, &self.build, &runs))
    }

    /// Reads the file of a cell, whichever build made it; nothing, unless it is whole and of this cell of the plan.
    #[must_use]
    pub fn read(plan: &SweepPlan, number: usize, text: &str) -> Option<Self> {
        let (first, table) = text.split_once('\n')?;
        let build = build_mark::named(first)?;
        let runs = run_table::read(table).filter(|_| first == head(plan, number, build, table))?;
        let is_whole = runs.iter().map(|run| run.seed).eq(plan.seeds());
        is_whole.then(|| Self { number, build: build.to_owned(), runs })
    }
}

/// The line above the runs.
fn head(plan: &SweepPlan, number: usize, build: &str, runs: &str) -> String {
    let (build, digest) = (build_mark::of(build), short_digest("cell", runs));
    format!("# cell {number} of {} of the sweep {}, {build}, digest {digest}", plan.cells(), plan.hash())
}
