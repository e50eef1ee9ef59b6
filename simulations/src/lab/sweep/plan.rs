//! What a sweep runs: a scenario, a grid over its keys, and seeds.
//!
//! **Invariant:** every cell of a plan is a scenario that can be run, and no two are the same one.

use std::{collections::BTreeMap, fmt::Write as _};

use toml::{Table, Value};

use super::{SweepAxis, SweepError};
use crate::lab::{
    artefact::{
        ArtefactFiles, SCENARIO, VERSION, allowing, called, shell_word, short_digest, text_in_quotes,
    },
    scenario::{OverError, Scenario},
};

/// The file that says what a sweep runs: the first to be written.
pub const PLAN: &str = "sweep.toml";
/// The most points of a grid.
const CELLS_MAX: usize = 10_000;

/// What a sweep runs. Its cells are numbered from one; of the keys, the last one changes from each cell to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPlan {
    scenario: Scenario,
    axes: Vec<SweepAxis>,
    first: u64,
    version: String,
    cells: Vec<Scenario>,
}

/// Every how many-th cell is somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellShare {
    /// Which share, from one.
    pub number: usize,
    /// Of how many.
    pub of: usize,
}

impl CellShare {
    /// All of them.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Reads `3/25`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (number, of) = text.split_once('/')?;
        let (number, of) = (number.parse().ok()?, of.parse().ok()?);
        (1..=of).contains(&number).then_some(Self { number, of })
    }

    /// Whether a cell is of this share.
    #[must_use]
    pub fn has(self, cell: usize) -> bool {
        cell % self.of == self.number % self.of
    }
}

impl SweepPlan {
    /// A sweep of this scenario, with its seeds from `first` on at each point of the grid.
    ///
    /// # Errors
    /// [`SweepError`], if there is no such grid or some point of it is no scenario.
    pub fn new(scenario: Scenario, axes: Vec<SweepAxis>, first: u64) -> Result<Self, SweepError> {
        let mut plan = Self { scenario, axes, first, version: VERSION.to_owned(), cells: Vec::new() };
        for (place, axis) in plan.axes.iter().enumerate() {
            plan.scenario.refuse_key(&axis.key).map_err(SweepError::Key)?;
            if plan.axes[..place].iter().any(|other| other.key == axis.key) {
                let problem = "this key was swept before: name all its values at once".to_owned();
                return Err(SweepError::Malformed { over: axis.text(), problem });
            }
        }
        let counts = plan.axes.iter().map(|axis| axis.values.len());
        let count = counts.fold(1, |all: usize, count| all.saturating_mul(count));
        if count > CELLS_MAX {
            return Err(SweepError::TooManyCells { most: CELLS_MAX });
        }
        plan.cells = (1..=count).map(|cell| plan.scenario_of(cell)).collect::<Result<_, _>>()?;
        plan.refuse_alike()?;
        Ok(plan)
    }

    fn scenario_of(&self, cell: usize) -> Result<Scenario, SweepError> {
        let refused = |problem: OverError| SweepError::Cell { cell: self.called(cell), problem };
        self.scenario.with(&self.settings(cell)).map_err(refused)
    }

    fn refuse_alike(&self) -> Result<(), SweepError> {
        let mut seen = BTreeMap::new();
        for (cell, scenario) in (1..).zip(&self.cells) {
            if let Some(first) = seen.insert(scenario.hash(), cell) {
                return Err(SweepError::Alike { first: self.called(first), second: self.called(cell) });
            }
        }
        Ok(())
    }

    /// Reads what a sweep was begun with.
    ///
    /// # Errors
    /// [`SweepError`], if that is no plan.
    pub fn read(plan: &str, scenario: &str) -> Result<Self, SweepError> {
        let bad = |problem: &str| SweepError::BadPlan { problem: problem.to_owned() };
        let table: Table = plan.parse().map_err(|_| bad("it is no TOML"))?;
        let text = |table: &Table, key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
        let overs = table.get("over").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let axes = overs.iter().map(|over| {
            let over = over.as_table().ok_or_else(|| bad("`over` is a list of tables"))?;
            let (Some(key), Some(values)) = (text(over, "key"), text(over, "values")) else {
                return Err(bad("each `over` has a `key` and `values`"));
            };
            SweepAxis::read(&format!("{key}={values}"))
        });
        let axes = axes.collect::<Result<Vec<_>, _>>()?;
        if axes.is_empty() {
            return Err(bad("it sweeps no key"));
        }
        let scenario = Scenario::read(SCENARIO, scenario, &|_| None)?;
        let first = table.get("first_seed").and_then(Value::as_integer);
        let first = first
            .and_then(|first| u64::try_from(first).ok())
            .ok_or_else(|| bad("`first_seed` is missing"))?;
        let version = text(&table, "version").ok_or_else(|| bad("`version` is missing"))?;
        let read = Self { version, ..Self::new(scenario, axes, first)? };
        if read.text() != plan {
            return Err(bad("it does not say what it is of the scenario beside it"));
        }
        Ok(read)
    }

    /// The file of the plan.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "# What a sweep runs: each cell of the grid with each of the seeds.\nversion = {}\nscenario = {}\n\
             scenario_hash = \"{}\"\nseeds = {}\nfirst_seed = {}\n",
            text_in_quotes(&self.version),
            text_in_quotes(&self.scenario.name),
            self.scenario.hash(),
            self.scenario.seeds,
            self.first,
        );
        for SweepAxis { key, values } in &self.axes {
            let (key, values) = (text_in_quotes(key), text_in_quotes(&values.join(",")));
            let _ = write!(text, "\n[[over]]\nkey = {key}\nvalues = {values}\n");
        }
        text
    }

    /// The files of a folder in which nothing was run yet.
    #[must_use]
    pub fn files(&self) -> ArtefactFiles {
        vec![(SCENARIO, self.scenario.resolved().into()), (PLAN, self.text().into())]
    }

    /// Stands for the plan.
    #[must_use]
    pub fn hash(&self) -> String {
        short_digest("sweep", &self.text())
    }

    /// What another plan is another one by; nothing if it is the same.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let parts = [
            ("version", self.version != other.version),
            ("scenario", self.scenario.hash() != other.scenario.hash()),
            ("grid", self.axes != other.axes),
            ("seeds", (self.first, self.scenario.seeds) != (other.first, other.scenario.seeds)),
            ("name", self.text() != other.text()),
        ];
        parts.into_iter().find(|(_, differs)| *differs).map(|(name, _)| name)
    }

    /// The scenario that the grid is of.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The directions of the grid.
    #[must_use]
    pub fn axes(&self) -> &[SweepAxis] {
        &self.axes
    }

    /// The version of the program that began the sweep.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The seeds of each cell.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + use<> {
        let (first, count) = (self.first, self.scenario.seeds);
        (0..count).map(move |number| first + number)
    }

    /// The first seed.
    #[must_use]
    pub fn first_seed(&self) -> u64 {
        self.first
    }

    /// How many cells there are.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells.len()
    }

    /// The scenario of a cell.
    #[must_use]
    pub fn cell(&self, cell: usize) -> &Scenario {
        &self.cells[cell - 1]
    }

    /// The values of the keys in a cell.
    #[must_use]
    pub fn settings(&self, cell: usize) -> Vec<(&str, &str)> {
        let mut left = cell - 1;
        let mut settings = Vec::new();
        for SweepAxis { key, values } in self.axes.iter().rev() {
            settings.push((key.as_str(), values[left % values.len()].as_str()));
            left /= values.len();
        }
        settings.reverse();
        settings
    }

    /// A cell with its settings, for people.
    #[must_use]
    pub fn called(&self, cell: usize) -> String {
        let settings = self.settings(cell).into_iter().map(|(key, value)| format!("{key} = {value}"));
        format!("cell {cell} ({})", settings.collect::<Vec<_>>().join(", "))
    }

    /// What is typed to run the sweep again, for the shells that most have.
    #[must_use]
    pub fn command(&self) -> String {
        let overs = self.axes.iter().map(|axis| format!(" --over {}", shell_word(&axis.text())));
        format!(
            "assay sim sweep {}{} --seeds {} --first-seed {}{}",
            called(&self.scenario),
            overs.collect::<String>(),
            self.scenario.seeds,
            self.first,
            allowing(&self.scenario),
        )
    }

    /// A folder for the sweep where none is named: the same for the same plan.
    #[must_use]
    pub fn folder(&self) -> String {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let name: String = self
            .scenario
            .name
            .chars()
            .map(|letter| if is_plain(letter) { letter } else { '-' })
            .take(40)
            .collect();
        format!("{name}-{}", self.hash())
    }
}
