//! Runs cells on several threads: each run of each cell is one piece of work, in the order of the cells.
//!
//! **Invariant:** every run is begun after those before it, so the first that fails is the same one on however many threads.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{SweepPlan, SweptCell};
use crate::lab::experiment::{self, ExperimentError, RunFigures};

/// A run that has ended.
#[derive(Debug)]
pub struct SweptRun {
    /// The cell, from one.
    pub cell: usize,
    /// The seed.
    pub seed: u64,
    /// What it came to, or the panic that it ended with: a broken rule of the books stays what it is in a test.
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
    let (cells, next) = (Arc::new(cells), Arc::new(AtomicUsize::new(0)));
    for _ in 0..threads {
        let (plan, cells, next, tell) =
            (Arc::clone(plan), Arc::clone(&cells), Arc::clone(&next), tell.clone());
        thread::spawn(move || {
            while let Some((cell, seed)) = piece(&plan, &cells, next.fetch_add(1, Ordering::Relaxed)) {
                let ended = catch_unwind(AssertUnwindSafe(|| experiment::live(plan.cell(cell), seed)));
                if !tell(SweptRun { cell, seed, ended }) {
                    return;
                }
            }
        });
    }
}

/// The cell and the seed of a piece of work.
fn piece(plan: &SweepPlan, cells: &[usize], number: usize) -> Option<(usize, u64)> {
    let seeds = plan.scenario().seeds as usize;
    let cell = cells.get(number / seeds)?;
    Some((*cell, plan.first_seed() + (number % seeds) as u64))
}

/// Runs of cells of which some are still to come.
#[derive(Clone, Debug, Default)]
pub struct CellsUnderWay(BTreeMap<usize, Vec<RunFigures>>);

impl CellsUnderWay {
    /// Takes a run; gives its cell if that is whole now.
    pub fn take(&mut self, plan: &SweepPlan, number: usize, run: RunFigures) -> Option<SweptCell> {
        let runs = self.0.entry(number).or_default();
        runs.push(RunFigures { series: Vec::new(), ..run });
        if (runs.len() as u64) < plan.scenario().seeds {
            return None;
        }
        let mut runs = self.0.remove(&number)?;
        runs.sort_by_key(|run| run.seed);
        Some(SweptCell { number, runs })
    }
}
