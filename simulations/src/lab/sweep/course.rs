//! Runs cells on several threads: each run of each cell is one piece of work, in the order of the cells.
//!
//! **Invariant:** every run is begun after those before it, so the first that fails is the same one on however many threads.

use std::{collections::BTreeMap, sync::Arc, thread};

use super::{SweepPlan, SweptCell};
use crate::lab::{
    experiment::{ExperimentError, RunFigures},
    pieces::{self, DonePiece, PieceSource},
    scenario::Scenario,
};

/// A run that has ended.
#[derive(Debug)]
pub struct SweptRun {
    /// The cell, from one.
    pub cell: usize,
    /// The seed.
    pub seed: u64,
    /// What it came to, or the panic that it ended with.
    pub ended: thread::Result<Result<RunFigures, ExperimentError>>,
}

/// Begins to run these cells on so many threads. Each tells what it did, goes on while `tell` says so, and lets go of it at its
/// end.
pub fn begin(
    plan: &Arc<SweepPlan>,
    cells: Vec<usize>,
    threads: usize,
    tell: impl Fn(SweptRun) -> bool + Clone + Send + 'static,
) {
    let source = Arc::new(CellPieces { plan: Arc::clone(plan), cells });
    pieces::begin(&source, threads, move |done| {
        let DonePiece { scenario: cell, seed, ended } = done;
        tell(SweptRun { cell, seed, ended })
    });
}

/// The runs of some cells, in the order of the cells.
struct CellPieces {
    plan: Arc<SweepPlan>,
    cells: Vec<usize>,
}

impl PieceSource for CellPieces {
    fn piece(&self, number: usize) -> Option<(usize, u64)> {
        let seeds = self.plan.scenario().seeds as usize;
        let cell = self.cells.get(number / seeds)?;
        Some((*cell, self.plan.first_seed() + (number % seeds) as u64))
    }

    fn scenario(&self, cell: usize) -> &Scenario {
        self.plan.cell(cell)
    }
}

/// Runs of cells of which some are still to come.
#[derive(Clone, Debug)]
pub struct CellsUnderWay {
    build: String,
    runs: BTreeMap<usize, Vec<RunFigures>>,
}

impl CellsUnderWay {
    /// None yet, of those that this build of the program makes.
    #[must_use]
    pub fn of(build: String) -> Self {
        Self { build, runs: BTreeMap::new() }
    }

    /// Takes a run; gives its cell if that is whole now.
    pub fn take(&mut self, plan: &SweepPlan, number: usize, run: RunFigures) -> Option<SweptCell> {
        let runs = self.runs.entry(number).or_default();
        runs.push(RunFigures { series: Vec::new(), ..run });
        if (runs.len() as u64) < plan.scenario().seeds {
            return None;
        }
        let mut runs = self.runs.remove(&number)?;
        runs.sort_by_key(|run| run.seed);
        Some(SweptCell { number, build: self.build.clone(), runs })
    }
}
