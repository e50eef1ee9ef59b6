//! What a whole sweep leaves: a folder that says what was run, what came of each cell and how to run it again.
//!
//! **Invariant:** it follows from the plan and the cells, whoever ran them.

use std::fmt::Write as _;

use super::{SweepPlan, SweptCell};
use crate::lab::{
    artefact::{ArtefactFiles, MANIFEST, REPORT, RUNS, short_digest, text_in_quotes},
    experiment::RunFigures,
    figure_column::{FigureColumn, HEADS},
    parquet::{self, ParquetColumn},
    report, rows,
    run_table::exact,
};

/// A sweep of which every cell was run.
#[derive(Clone, Debug)]
pub struct SweepArtefact {
    plan: SweepPlan,
    cells: Vec<SweptCell>,
}

/// A figure in all cells.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptFigure {
    /// What it is called.
    pub name: String,
    /// What it was in each cell, in their order; nothing in one whose runs have no such figure.
    pub cells: Vec<Option<FigureColumn>>,
}

impl SweepArtefact {
    /// Gathers the cells of a plan; nothing if there is not exactly one of each.
    #[must_use]
    pub fn new(plan: SweepPlan, mut cells: Vec<SweptCell>) -> Option<Self> {
        cells.sort_by_key(|cell| cell.number);
        let is_whole = cells.iter().map(|cell| cell.number).eq(1..=plan.cells());
        is_whole.then_some(Self { plan, cells })
    }

    /// What was run.
    #[must_use]
    pub fn plan(&self) -> &SweepPlan {
        &self.plan
    }

    /// What each cell came to.
    #[must_use]
    pub fn cells(&self) -> &[SweptCell] {
        &self.cells
    }

    /// The files of the folder, beside those that were there before a cell was run and those of the cells.
    #[must_use]
    pub fn files(&self) -> ArtefactFiles {
        vec![
            ("summary.csv", self.summary().into()),
            (RUNS, self.runs().into()),
            ("runs.parquet", parquet::write(&self.parquet())),
            ("digests.csv", self.digests().into()),
            (REPORT, report::of_sweep(self).into()),
            (MANIFEST, self.manifest().into()),
        ]
    }

    /// Each figure of any cell, in the order in which they come.
    #[must_use]
    pub fn figures(&self) -> Vec<SweptFigure> {
        let columns: Vec<Vec<FigureColumn>> =
            self.cells.iter().map(|cell| FigureColumn::all_of(&cell.runs)).collect();
        let figure = |name: String| {
            let of_cell =
                |columns: &Vec<FigureColumn>| columns.iter().find(|each| each.name == name).cloned();
            let cells = columns.iter().map(of_cell).collect();
            SweptFigure { name, cells }
        };
        self.names().into_iter().map(figure).collect()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for run in self.cells.iter().filter_map(|cell| cell.runs.first()) {
            for (name, _) in &run.figures {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    /// Mean, deviation and interval of each figure in each cell.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!("{}{HEADS}\n", self.heads());
        for cell in &self.cells {
            for column in FigureColumn::all_of(&cell.runs) {
                text.extend([self.begin(cell.number).as_str(), column.line().as_str(), "\n"]);
            }
        }
        text
    }

    /// What each line begins with, as it stands in the first one.
    fn heads(&self) -> String {
        let keys = self.plan.axes().iter().map(|axis| rows::quoted(&axis.key) + ",");
        core::iter::once("cell,".to_owned()).chain(keys).collect()
    }

    fn begin(&self, cell: usize) -> String {
        let settings = self.plan.settings(cell).into_iter().map(|(_, value)| rows::quoted(value) + ",");
        core::iter::once(format!("{cell},")).chain(settings).collect()
    }

    fn each_run(&self) -> impl Iterator<Item = (usize, &RunFigures)> {
        self.cells.iter().flat_map(|cell| cell.runs.iter().map(move |run| (cell.number, run)))
    }

    fn runs(&self) -> String {
        let names = self.names();
        let mut text = self.heads() + "seed,events,digest";
        names.iter().for_each(|name| text.extend([",", &rows::quoted(name)]));
        text.push('\n');
        for (cell, run) in self.each_run() {
            let _ = write!(text, "{}{},{},{}", self.begin(cell), run.seed, run.events, run.digest);
            names.iter().for_each(|name| text.extend([",", &exact(figure(run, name))]));
            text.push('\n');
        }
        text
    }

    fn parquet(&self) -> Vec<(String, ParquetColumn)> {
        let whole = |of: &dyn Fn(usize, &RunFigures) -> u64| {
            let numbers = self.each_run().map(|(cell, run)| i64::try_from(of(cell, run)).unwrap_or(i64::MAX));
            ParquetColumn::Whole(numbers.collect())
        };
        let mut columns = vec![("cell".to_owned(), whole(&|cell, _| cell as u64))];
        columns.extend(self.plan.axes().iter().enumerate().map(|(place, axis)| {
            let values = self.each_run().map(|(cell, _)| self.plan.settings(cell)[place].1.to_owned());
            (axis.key.clone(), ParquetColumn::Text(values.collect()))
        }));
        let digests = self.each_run().map(|(_, run)| run.digest.clone()).collect();
        columns.extend([
            ("seed".to_owned(), whole(&|_, run| run.seed)),
            ("events".to_owned(), whole(&|_, run| run.events)),
            ("digest".to_owned(), ParquetColumn::Text(digests)),
        ]);
        columns.extend(self.names().into_iter().map(|name| {
            let values = self.each_run().map(|(_, run)| figure(run, &name)).collect();
            (name, ParquetColumn::Number(values))
        }));
        columns
    }

    /// The digest of each run.
    #[must_use]
    pub fn digests(&self) -> String {
        let mut text = "cell,seed,digest\n".to_owned();
        for (cell, run) in self.each_run() {
            let _ = writeln!(text, "{cell},{},{}", run.seed, run.digest);
        }
        text
    }

    /// Stands for all runs of all cells.
    #[must_use]
    pub fn digest(&self) -> String {
        let digests: Vec<&str> = self.each_run().map(|(_, run)| run.digest.as_str()).collect();
        short_digest("swept", &digests.concat())
    }

    /// The line that a sweep ends with.
    #[must_use]
    pub fn reproduce(&self) -> String {
        let scenario = self.plan.scenario();
        format!(
            "sweep of {} {}, version {}, digest {}: {}",
            scenario.name,
            scenario.hash(),
            self.plan.version(),
            self.digest(),
            self.plan.command(),
        )
    }

    /// What was run and what it gave, as JSON.
    #[must_use]
    pub fn manifest(&self) -> String {
        let events = self.each_run().map(|(_, run)| run.events).fold(0, u64::saturating_add);
        let overs = self.plan.axes().iter().map(|axis| {
            let values: Vec<String> = axis.values.iter().map(|value| text_in_quotes(value)).collect();
            format!("    {{ \"key\": {}, \"values\": [{}] }}", text_in_quotes(&axis.key), values.join(", "))
        });
        let scenario = self.plan.scenario();
        format!(
            "{{\n  \"schema\": \"assay.sweep.v1\",\n  \"scenario\": {},\n  \"scenario_hash\": \"{}\",\n  \
             \"version\": {},\n  \"over\": [\n{}\n  ],\n  \"cells\": {},\n  \"seeds\": {},\n  \"first_seed\": {},\n  \
             \"events\": {events},\n  \"digest\": \"{}\",\n  \"reproduce\": {}\n}}\n",
            text_in_quotes(&scenario.name),
            scenario.hash(),
            text_in_quotes(self.plan.version()),
            overs.collect::<Vec<_>>().join(",\n"),
            self.plan.cells(),
            scenario.seeds,
            self.plan.first_seed(),
            self.digest(),
            text_in_quotes(&self.reproduce()),
        )
    }
}

fn figure(run: &RunFigures, name: &str) -> Option<f64> {
    run.figures.iter().find(|(known, _)| known == name).and_then(|(_, value)| *value)
}
