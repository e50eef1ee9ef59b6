//! What an experiment leaves: a folder that says what was run, what came of it and how to run it again.
//!
//! **Invariant:** equal runs leave equal bytes: no date, no machine, no path. What is read again leaves the same.

use std::fmt::Write as _;

use super::{
    experiment::RunFigures,
    figure_column::{FigureColumn, HEADS},
    parquet::{self, ParquetColumn},
    report, run_table,
    scenario::{Scenario, ScenarioError},
    series, shipped,
};

/// The version of this program, which stands in what it leaves.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The file that says what is in a folder: the last to be written.
pub const MANIFEST: &str = "manifest.json";
/// The scenario that was run.
pub const SCENARIO: &str = "scenario.resolved.toml";
/// What each run came to.
pub const RUNS: &str = "runs.csv";
/// What happened in each stretch of each run.
pub const SERIES: &str = "series.csv";
/// The page for people.
pub const REPORT: &str = "report.html";

/// The files of a folder, by name, in the order in which they are to be written.
pub type ArtefactFiles = Vec<(&'static str, Vec<u8>)>;

/// The figures of an experiment over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Artefact {
    scenario: Scenario,
    version: String,
    first: u64,
    runs: Vec<RunFigures>,
}

/// Why files are no experiment's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtefactError {
    /// The scenario cannot be read.
    #[error(transparent)]
    BadScenario(#[from] ScenarioError),
    /// The table of runs cannot be read, or has none.
    #[error("runs.csv is no table of runs")]
    NoRuns,
    /// A run of it is missing, or of elsewhere.
    #[error("the seeds in runs.csv do not follow each other")]
    Seeds,
    /// The table of what happened in each stretch cannot be read, or is of other runs.
    #[error("series.csv is no table of these runs")]
    NoSeries,
}

impl Artefact {
    /// Gathers the runs of a scenario from this seed on.
    #[must_use]
    pub fn new(scenario: Scenario, first: u64, runs: Vec<RunFigures>) -> Self {
        Self { scenario, version: VERSION.to_owned(), first, runs }
    }

    /// Reads what a program of this version left; of runs that were not counted in stretches there is no series.
    ///
    /// # Errors
    /// [`ArtefactError`], if that is no experiment.
    pub fn read(
        version: &str,
        scenario: &str,
        runs: &str,
        series: Option<&str>,
    ) -> Result<Self, ArtefactError> {
        let scenario = Scenario::read(SCENARIO, scenario, &|_| None)?;
        let runs = run_table::read(runs).filter(|runs| !runs.is_empty());
        let mut runs = runs.ok_or(ArtefactError::NoRuns)?;
        let first = runs[0].seed;
        if !runs.iter().zip(0..).all(|(run, place)| first.checked_add(place) == Some(run.seed)) {
            return Err(ArtefactError::Seeds);
        }
        if series.is_some_and(|series| !series::read(series, &mut runs)) {
            return Err(ArtefactError::NoSeries);
        }
        Ok(Self { scenario, version: version.to_owned(), first, runs })
    }

    /// What was run.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The version of the program that ran it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What came of each seed.
    #[must_use]
    pub fn runs(&self) -> &[RunFigures] {
        &self.runs
    }

    /// The files of the folder.
    #[must_use]
    pub fn files(&self) -> ArtefactFiles {
        let mut files: ArtefactFiles = vec![
            (SCENARIO, self.scenario.resolved().into()),
            ("summary.csv", self.summary().into()),
            (RUNS, run_table::write(&self.runs).into()),
            ("runs.parquet", parquet::write(&self.parquet())),
        ];
        if let Some(series) = series::write(&self.runs) {
            files.push((SERIES, series.into()));
            files.push(("series.parquet", parquet::write(&series::columns(&self.runs))));
        }
        files.extend([
            ("digests.csv", self.digests().into()),
            (REPORT, report::of_run(self).into()),
            (MANIFEST, self.manifest().into()),
        ]);
        files
    }

    /// Mean, deviation and interval of each figure.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!("{HEADS}\n");
        for column in FigureColumn::all_of(&self.runs) {
            text.extend([column.line().as_str(), "\n"]);
        }
        text
    }

    /// Lines for a person.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lines = FigureColumn::all_of(&self.runs).into_iter().map(|column| {
            let name = &column.name;
            let Some(mean) = column.mean() else {
                return format!("{name:<40} {:>12}   in no run", "-");
            };
            let interval = column.interval().map_or_else(String::new, |interval| {
                format!("95 % interval {:.4} to {:.4}", interval.low, interval.high)
            });
            let (missing, all) = (column.missing(), self.runs.len());
            let unseen = column.unseen_max().map(|most| {
                let count = all - missing;
                let runs = if count == 1 { "run" } else { "runs" };
                format!("never in {count} {runs}: at most {most:.3} of them")
            });
            let of_some =
                if missing == 0 { String::new() } else { format!(" (not in {missing} of {all} runs)") };
            format!("{name:<40} {mean:>12.4}   {}{of_some}", unseen.unwrap_or(interval))
        });
        lines.collect()
    }

    /// The line that a run ends with.
    #[must_use]
    pub fn reproduce(&self) -> String {
        let Scenario { name, seeds, .. } = &self.scenario;
        format!(
            "scenario {name} {}, version {}, digest {}: assay sim run {} --seeds {seeds} --first-seed {}{}",
            self.scenario.hash(),
            self.version,
            self.digest(),
            called(&self.scenario),
            self.first,
            allowing(&self.scenario),
        )
    }

    /// Stands for all runs.
    #[must_use]
    pub fn digest(&self) -> String {
        let digests: Vec<&str> = self.runs.iter().map(|run| run.digest.as_str()).collect();
        short_digest("experiment", &digests.concat())
    }

    /// What was run and what it gave, as JSON.
    #[must_use]
    pub fn manifest(&self) -> String {
        let events = self.runs.iter().map(|run| run.events).fold(0, u64::saturating_add);
        format!(
            "{{\n  \"schema\": \"assay.experiment.v1\",\n  \"scenario\": {},\n  \"scenario_hash\": \"{}\",\n  \
             \"version\": {},\n  \"kernel\": \"{}\",\n  \"seeds\": {},\n  \"first_seed\": {},\n  \
             \"events\": {events},\n  \"digest\": \"{}\",\n  \"reproduce\": {}\n}}\n",
            text_in_quotes(&self.scenario.name),
            self.scenario.hash(),
            text_in_quotes(&self.version),
            self.scenario.kernel_word(),
            self.runs.len(),
            self.first,
            self.digest(),
            text_in_quotes(&self.reproduce()),
        )
    }

    /// The digest of each run.
    #[must_use]
    pub fn digests(&self) -> String {
        let mut text = "seed,digest\n".to_owned();
        for run in &self.runs {
            let _ = writeln!(text, "{},{}", run.seed, run.digest);
        }
        text
    }

    fn parquet(&self) -> Vec<(String, ParquetColumn)> {
        let whole = |of: fn(&RunFigures) -> u64| {
            let numbers = self.runs.iter().map(|run| i64::try_from(of(run)).unwrap_or(i64::MAX));
            ParquetColumn::Whole(numbers.collect())
        };
        let digests = self.runs.iter().map(|run| run.digest.clone()).collect();
        let mut columns = vec![
            ("seed".to_owned(), whole(|run| run.seed)),
            ("events".to_owned(), whole(|run| run.events)),
            ("digest".to_owned(), ParquetColumn::Text(digests)),
        ];
        columns.extend(FigureColumn::all_of(&self.runs).into_iter().map(|column| {
            let values = column.values.into_iter().map(|(_, value)| value);
            (column.name, ParquetColumn::Number(values.collect()))
        }));
        columns
    }
}

/// What is typed for a scenario: one that took over the name of another is found in the folder alone.
pub(super) fn called(scenario: &Scenario) -> &str {
    let name = &scenario.name;
    let shipped = shipped::text(name).and_then(|text| Scenario::read(name, &text, &shipped::text).ok());
    let is_shipped = shipped.is_some_and(|shipped| shipped.hash() == scenario.hash());
    if is_shipped { name } else { SCENARIO }
}

/// What is typed as well where a scenario starts programs.
pub(super) fn allowing(scenario: &Scenario) -> &'static str {
    if scenario.programs().is_empty() { "" } else { " --allow-programs" }
}

/// The first digits of what a text comes to; tags keep kinds of texts apart.
pub(super) fn short_digest(tag: &str, text: &str) -> String {
    let digest = assay_protocol::codec::digest(tag, text);
    digest.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A word that shells leave as it is.
pub(super) fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=.,:/".contains(letter);
    let is_bare = !word.is_empty() && word.chars().all(is_plain);
    if is_bare { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Words in quotes, as JSON and TOML both read them.
pub(super) fn text_in_quotes(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|letter| match letter {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            letter if letter.is_control() => format!("\\u{:04x}", u32::from(letter)),
            letter => letter.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::series::SeriesRow;

    fn churn() -> Scenario {
        Scenario::read("churn", &shipped::text("churn").unwrap(), &shipped::text).unwrap()
    }

    fn runs(name: &str, values: &[Option<f64>]) -> Vec<RunFigures> {
        let run = |(seed, value): (u64, &Option<f64>)| RunFigures {
            seed,
            digest: seed.to_string(),
            events: 5,
            figures: vec![(name.to_owned(), *value)],
            series: Vec::new(),
        };
        (1..).zip(values).map(run).collect()
    }

    fn file(artefact: &Artefact, name: &str) -> String {
        let (_, bytes) = artefact.files().into_iter().find(|(known, _)| *known == name).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn figures_of_all_seeds_become_a_mean_with_its_interval() {
        let runs = runs("a \"name\", quoted", &[Some(1.0), Some(2.0), Some(3.0)]);
        let other = Scenario { slots: 5, ..churn() };
        assert!(
            Artefact::new(other, 1, runs.clone()).reproduce().contains("run scenario.resolved.toml --seeds")
        );
        let artefact = Artefact::new(churn(), 1, runs);
        assert!(artefact.reproduce().ends_with("run churn --seeds 20 --first-seed 1"));
        let line = artefact.summary().lines().nth(1).map(str::to_owned).unwrap();
        assert!(line.starts_with("\"a \"\"name\"\", quoted\",3,2.000000000,1.000000000,-0.4841"), "{line}");
        assert!(line.ends_with(",1.000000000,2.000000000,3.000000000"), "{line}");
        assert!(file(&artefact, MANIFEST).contains("\"seeds\": 3"));
        assert!(file(&artefact, RUNS).ends_with("\n3,5,3,3\n"), "{}", file(&artefact, RUNS));
        assert_eq!(artefact.files().last().unwrap().0, MANIFEST, "who finds it finds all");
        assert_eq!(text_in_quotes("a\"\\\n"), "\"a\\\"\\\\\\u000a\"");
    }

    #[test]
    fn what_is_typed_once_more_allows_the_programs_that_were_started() {
        let text = "extends = \"churn\"\nname = \"mine\"\n[[population]]\nname = \"theirs\"\ncount = 4\n\
                    behaviour = { command = [\"python3\", \"mine.py\"] }\n[[population]]\nrole = \"client\"\n";
        let theirs = Scenario::read("mine.toml", text, &shipped::text).unwrap();
        let typed = Artefact::new(theirs, 1, runs("share", &[Some(1.0)])).reproduce();
        assert!(typed.ends_with(" --first-seed 1 --allow-programs"), "{typed}");
    }

    #[test]
    fn what_was_left_is_read_again_and_leaves_the_same() {
        let artefact = Artefact::new(churn(), 1, runs("share", &[Some(1.0 / 3.0), None, Some(0.0)]));
        let (scenario, table) = (file(&artefact, SCENARIO), file(&artefact, RUNS));
        let read = Artefact::read(VERSION, &scenario, &table, None).unwrap();
        assert_eq!(read.files(), artefact.files());
        let of_another = Artefact::read("0.0.9", &scenario, &table, None).unwrap();
        assert!(of_another.manifest().contains("\"version\": \"0.0.9\""));
        let error = |scenario: &str, runs: &str, series: Option<&str>| {
            Artefact::read(VERSION, scenario, runs, series).unwrap_err()
        };
        assert_eq!(error(&scenario, "seed\n", None), ArtefactError::NoRuns);
        let torn = table.replace("\n2,5,2,", "\n7,5,2,");
        assert_eq!(error(&scenario, &torn, None), ArtefactError::Seeds);
        assert_eq!(error(&scenario, &table, Some("seed\n")), ArtefactError::NoSeries);
        assert!(matches!(error("colour = 1", "", None), ArtefactError::BadScenario(_)));
    }

    #[test]
    fn what_happened_in_each_stretch_is_left_beside_the_runs_and_read_again() {
        let row = |from: f64| SeriesRow { from, values: vec![Some(from); series::FIGURES.len()] };
        let series = vec![row(0.0), row(0.5)];
        let stretched = |run: RunFigures| RunFigures { series: series.clone(), ..run };
        let runs = runs("share", &[Some(0.5), None]).into_iter().map(stretched).collect();
        let artefact = Artefact::new(churn(), 1, runs);
        let (scenario, table) = (file(&artefact, SCENARIO), file(&artefact, RUNS));
        let read = Artefact::read(VERSION, &scenario, &table, Some(&file(&artefact, SERIES))).unwrap();
        assert_eq!(read, artefact);
        assert_eq!(read.files(), artefact.files());
        assert_eq!(artefact.files().len(), 7 + 2);
        assert!(file(&artefact, REPORT).contains("Along the run"), "{}", file(&artefact, REPORT));
    }

    #[test]
    fn a_run_without_a_figure_counts_for_nothing_in_it() {
        let artefact = |values: &[Option<f64>]| Artefact::new(churn(), 1, runs("time", values));
        let some = artefact(&[None, Some(3.0)]);
        assert!(
            some.summary()
                .ends_with("\"time\",1,3.000000000,0.000000000,,,3.000000000,3.000000000,3.000000000\n")
        );
        assert!(file(&some, RUNS).ends_with("\n1,5,1,\n2,5,2,3\n"), "{}", file(&some, RUNS));
        assert!(some.lines()[0].ends_with("(not in 1 of 2 runs)"), "{:?}", some.lines());
        let none = artefact(&[None; 2]);
        assert!(none.summary().ends_with("\"time\",0,,,,,,,\n"), "{}", none.summary());
        assert!(none.lines()[0].ends_with("in no run"));
    }

    #[test]
    fn what_never_was_is_counted_in_runs() {
        let never =
            |values: &[Option<f64>]| Artefact::new(churn(), 1, runs("slashed", values)).lines().remove(0);
        assert!(never(&[Some(0.0)]).contains("never in 1 run: at most "));
        assert!(never(&[Some(0.0); 2]).contains("never in 2 runs: at most "));
    }
}
