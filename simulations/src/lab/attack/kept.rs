//! The runs of one scenario, as a file that is kept while others are still to come.
//!
//! **Invariant:** a file is taken only if it is whole, and of this scenario, these seeds and this version.

use crate::lab::{
    artefact::{VERSION, short_digest},
    experiment::RunFigures,
    run_table,
    scenario::Scenario,
};

/// The file of the runs of a scenario from this seed on.
#[must_use]
pub fn runs_text(scenario: &Scenario, first: u64, runs: &[RunFigures]) -> String {
    let table = run_table::write(runs);
    format!("{}\n{table}", head(scenario, first, runs.len() as u64, &table))
}

/// The runs of such a file, if it is whole and of so many seeds from this one on.
#[must_use]
pub fn read_runs(scenario: &Scenario, first: u64, seeds: u64, text: &str) -> Option<Vec<RunFigures>> {
    let (line, table) = text.split_once('\n')?;
    let runs = run_table::read(table).filter(|_| line == head(scenario, first, seeds, table))?;
    runs.iter().map(|run| run.seed).eq(first..first + seeds).then_some(runs)
}

/// The line above the runs.
fn head(scenario: &Scenario, first: u64, seeds: u64, table: &str) -> String {
    let digest = short_digest("kept runs", table);
    format!("# {seeds} runs of {} from seed {first} on, version {VERSION}, digest {digest}", scenario.hash())
}
