//! The runs of one scenario, as a file that is kept while others are still to come.
//!
//! **Invariant:** a file is taken only if it is whole, and of this scenario, these seeds and this version; it says which build of
//! the program made it.

use crate::lab::{
    artefact::{VERSION, short_digest},
    build_mark,
    experiment::RunFigures,
    run_table,
    scenario::Scenario,
};

/// The file of the runs of a scenario from this seed on, which this build of the program made.
#[must_use]
pub fn runs_text(scenario: &Scenario, first: u64, build: &str, runs: &[RunFigures]) -> String {
    let table = run_table::write(runs);
    format!("{}\n{table}", head(scenario, (first, runs.len() as u64), build, &table))
}

/// The runs of such a file and the build that made them, if it is whole and of so many seeds from the first on.
#[must_use]
pub fn read_runs<'text>(
    scenario: &Scenario,
    (first, seeds): (u64, u64),
    text: &'text str,
) -> Option<(&'text str, Vec<RunFigures>)> {
    let (line, table) = text.split_once('\n')?;
    let build = build_mark::named(line)?;
    let runs = run_table::read(table).filter(|_| line == head(scenario, (first, seeds), build, table))?;
    runs.iter().map(|run| run.seed).eq(first..first + seeds).then_some((build, runs))
}

/// The line above the runs.
fn head(scenario: &Scenario, (first, seeds): (u64, u64), build: &str, table: &str) -> String {
    let (hash, build, digest) = (scenario.hash(), build_mark::of(build), short_digest("kept runs", table));
    format!("# {seeds} runs of {hash} from seed {first} on, version {VERSION}, {build}, digest {digest}")
}
