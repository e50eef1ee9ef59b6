//! What an experiment leaves: a folder that says what was run, what came of it and how to run it again.
//!
//! **Invariant:** equal runs leave equal bytes: no date, no machine, no path.

use std::fmt::Write as _;

use super::{
    experiment::RunFigures,
    scenario::Scenario,
    shipped,
    statistics::{Moments, unseen_share_max},
};

/// The confidence of every interval.
const CONFIDENCE: f64 = 0.95;

/// The figures of an experiment over its seeds.
#[derive(Clone, Debug)]
pub struct Artefact {
    scenario: Scenario,
    first: u64,
    runs: Vec<RunFigures>,
}

impl Artefact {
    /// Gathers the runs of a scenario from this seed on.
    #[must_use]
    pub fn new(scenario: Scenario, first: u64, runs: Vec<RunFigures>) -> Self {
        Self { scenario, first, runs }
    }

    /// The files of the folder, by name.
    #[must_use]
    pub fn files(&self) -> [(&'static str, String); 5] {
        [
            ("manifest.json", self.manifest()),
            ("scenario.resolved.toml", self.scenario.resolved()),
            ("summary.csv", self.summary()),
            ("runs.csv", self.each()),
            ("digests.csv", self.digests()),
        ]
    }

    /// Mean, deviation and interval of each figure.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = "figure,seeds,mean,sd,low95,high95,p10,p50,p90\n".to_owned();
        for (name, values) in self.columns() {
            let values: Vec<f64> = values.into_iter().flatten().collect();
            let moments: Moments = values.iter().copied().collect();
            let (low, high) =
                moments.interval(CONFIDENCE).map_or((String::new(), String::new()), |interval| {
                    (number(interval.low), number(interval.high))
                });
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let some = |value| if moments.count() == 0 { String::new() } else { number(value) };
            // The least value that so large a share of all is not above.
            let quantile = |share: f64| {
                let place = (share * sorted.len() as f64).ceil() as usize;
                sorted.get(place.saturating_sub(1)).copied().map(number).unwrap_or_default()
            };
            let _ = writeln!(
                text,
                "{},{},{},{},{low},{high},{},{},{}",
                quoted(&name),
                moments.count(),
                some(moments.mean()),
                some(moments.deviation()),
                quantile(0.1),
                quantile(0.5),
                quantile(0.9),
            );
        }
        text
    }

    /// Lines for a person.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let columns = self.columns();
        let lines = columns.into_iter().map(|(name, values)| {
            let values: Vec<f64> = values.into_iter().flatten().collect();
            if values.is_empty() {
                return format!("{name:<40} {:>12}   in no run", "-");
            }
            let moments: Moments = values.iter().copied().collect();
            let interval = moments.interval(CONFIDENCE).map_or_else(String::new, |interval| {
                format!("95 % interval {:.4} to {:.4}", interval.low, interval.high)
            });
            let unseen = if values.iter().all(|value| *value == 0.0) {
                let count = values.len();
                let runs = if count == 1 { "run" } else { "runs" };
                format!("never in {count} {runs}: at most {:.3} of them", unseen_share_max(count as u64))
            } else {
                interval
            };
            let missing = self.runs.len() - values.len();
            let of_some = if missing == 0 {
                String::new()
            } else {
                format!(" (not in {missing} of {} runs)", self.runs.len())
            };
            format!("{name:<40} {:>12.4}   {unseen}{of_some}", moments.mean())
        });
        lines.collect()
    }

    /// The line that a run ends with.
    #[must_use]
    pub fn reproduce(&self) -> String {
        let Scenario { name, seeds, .. } = &self.scenario;
        let shipped = shipped::text(name).and_then(|text| Scenario::read(name, &text, &shipped::text).ok());
        // One that took over the name of another is found in the folder alone.
        let is_shipped = shipped.is_some_and(|shipped| shipped.hash() == self.scenario.hash());
        let what = if is_shipped { name } else { "scenario.resolved.toml" };
        format!(
            "scenario {name} {}, version {}, digest {}: assay sim run {what} --seeds {seeds} --first-seed {}",
            self.scenario.hash(),
            env!("CARGO_PKG_VERSION"),
            self.digest(),
            self.first,
        )
    }

    /// Stands for all runs.
    #[must_use]
    pub fn digest(&self) -> String {
        let digests: Vec<&str> = self.runs.iter().map(|run| run.digest.as_str()).collect();
        let digest = assay_protocol::codec::digest("experiment", &digests.concat());
        digest.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    fn columns(&self) -> Vec<(String, Vec<Option<f64>>)> {
        let names = self.runs.first().map(|run| run.figures.iter().map(|(name, _)| name.clone()));
        let column = |(place, name): (usize, String)| {
            (name, self.runs.iter().map(|run| run.figures[place].1).collect())
        };
        names.into_iter().flatten().enumerate().map(column).collect()
    }

    fn manifest(&self) -> String {
        let events: u64 = self.runs.iter().map(|run| run.events).sum();
        format!(
            "{{\n  \"schema\": \"assay.experiment.v1\",\n  \"scenario\": {},\n  \"scenario_hash\": \"{}\",\n  \
             \"version\": \"{}\",\n  \"kernel\": \"{}\",\n  \"seeds\": {},\n  \"first_seed\": {},\n  \
             \"events\": {events},\n  \"digest\": \"{}\",\n  \"reproduce\": {}\n}}\n",
            text_in_quotes(&self.scenario.name),
            self.scenario.hash(),
            env!("CARGO_PKG_VERSION"),
            self.scenario.kernel_word(),
            self.runs.len(),
            self.first,
            self.digest(),
            text_in_quotes(&self.reproduce()),
        )
    }

    fn each(&self) -> String {
        let columns = self.columns();
        let mut text = "seed,events".to_owned();
        columns.iter().for_each(|(name, _)| text.extend([",", &quoted(name)]));
        for run in &self.runs {
            let _ = write!(text, "\n{},{}", run.seed, run.events);
            run.figures
                .iter()
                .for_each(|(_, value)| text.extend([",", &value.map(number).unwrap_or_default()]));
        }
        text.push('\n');
        text
    }

    fn digests(&self) -> String {
        let lines = self.runs.iter().map(|run| format!("{},{}\n", run.seed, run.digest));
        core::iter::once("seed,digest\n".to_owned()).chain(lines).collect()
    }
}

fn number(value: f64) -> String {
    format!("{value:.9}")
}

/// A field of a table that may hold commas.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
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

    #[test]
    fn figures_of_all_seeds_become_a_mean_with_its_interval() {
        let text = shipped::text("churn").unwrap();
        let scenario = Scenario::read("churn", &text, &shipped::text).unwrap();
        let run = |(seed, value)| RunFigures {
            seed,
            digest: seed.to_string(),
            events: 5,
            figures: vec![("a \"name\", quoted".into(), Some(value))],
        };
        let runs = [(1, 1.0), (2, 2.0), (3, 3.0)].map(run).to_vec();
        let other = Scenario { slots: 5, ..scenario.clone() };
        assert!(
            Artefact::new(other, 1, runs.clone()).reproduce().contains("run scenario.resolved.toml --seeds")
        );
        let artefact = Artefact::new(scenario, 1, runs);
        assert!(artefact.reproduce().contains("run churn --seeds 20 --first-seed 1"));
        let line = artefact.summary().lines().nth(1).map(str::to_owned).unwrap();
        assert!(line.starts_with("\"a \"\"name\"\", quoted\",3,2.000000000,1.000000000,-0.4841"), "{line}");
        assert!(line.ends_with(",1.000000000,2.000000000,3.000000000"), "{line}");
        let files = artefact.files();
        assert!(
            files[0].1.contains("\"seeds\": 3") && files[3].1.ends_with("3,5,3.000000000\n"),
            "{files:?}"
        );
        assert_eq!(text_in_quotes("a\"\\\n"), "\"a\\\"\\\\\\u000a\"");
    }

    #[test]
    fn a_run_without_a_figure_counts_for_nothing_in_it() {
        let text = shipped::text("churn").unwrap();
        let scenario = Scenario::read("churn", &text, &shipped::text).unwrap();
        let artefact = |values: [Option<f64>; 2]| {
            let run = |(seed, value)| RunFigures {
                seed,
                digest: seed.to_string(),
                events: 5,
                figures: vec![("time".into(), value)],
            };
            Artefact::new(scenario.clone(), 1, (1..).zip(values).map(run).collect())
        };
        let some = artefact([None, Some(3.0)]);
        assert!(
            some.summary()
                .ends_with("\"time\",1,3.000000000,0.000000000,,,3.000000000,3.000000000,3.000000000\n")
        );
        assert!(some.files()[3].1.ends_with("\n1,5,\n2,5,3.000000000\n"), "{:?}", some.files());
        assert!(some.lines()[0].ends_with("(not in 1 of 2 runs)"), "{:?}", some.lines());
        let none = artefact([None; 2]);
        assert!(none.summary().ends_with("\"time\",0,,,,,,,\n"), "{}", none.summary());
        assert!(none.lines()[0].ends_with("in no run"));
    }

    #[test]
    fn what_never_was_is_counted_in_runs() {
        let text = shipped::text("churn").unwrap();
        let scenario = Scenario::read("churn", &text, &shipped::text).unwrap();
        let never = |seeds: &[u64]| {
            let run = |seed: &u64| RunFigures {
                seed: *seed,
                digest: seed.to_string(),
                events: 5,
                figures: vec![("slashed".into(), Some(0.0))],
            };
            Artefact::new(scenario.clone(), 1, seeds.iter().map(run).collect()).lines().remove(0)
        };
        assert!(never(&[1]).contains("never in 1 run: at most "));
        assert!(never(&[1, 2]).contains("never in 2 runs: at most "));
    }
}
