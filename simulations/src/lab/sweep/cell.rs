//! The runs of one cell, as a file.
//!
//! **Invariant:** a file is taken only if it is whole, and of this cell of this plan.

use super::SweepPlan;
use crate::lab::{artefact::short_digest, experiment::RunFigures, run_table};

/// What a cell came to: a run for each seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptCell {
    /// Which cell, from one.
    pub number: usize,
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
        format!("{}\n{runs}", head(plan, self.number, &runs))
    }

    /// Reads the file of a cell; nothing, unless it is whole and of this cell of the plan.
    #[must_use]
    pub fn read(plan: &SweepPlan, number: usize, text: &str) -> Option<Self> {
        let (first, table) = text.split_once('\n')?;
        let runs = run_table::read(table).filter(|_| first == head(plan, number, table))?;
        let seeds = runs.iter().map(|run| run.seed);
        seeds.eq(plan.seeds()).then_some(Self { number, runs })
    }
}

/// The line above the runs.
fn head(plan: &SweepPlan, number: usize, runs: &str) -> String {
    let digest = short_digest("cell", runs);
    format!("# cell {number} of {} of the sweep {}, digest {digest}", plan.cells(), plan.hash())
}
