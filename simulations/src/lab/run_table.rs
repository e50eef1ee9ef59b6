//! Runs as comma-separated values: a line for each, with its seed, events, digest and figures.
//!
//! **Invariant:** what was written is read again to the last bit of each figure.

use std::fmt::Write as _;

use super::{experiment::RunFigures, rows};

/// What stands before the figures of a run.
const HEADS: [&str; 3] = ["seed", "events", "digest"];

/// A line for each run, below the names of their figures. All runs have the same.
#[must_use]
pub fn write(runs: &[RunFigures]) -> String {
    let mut text = HEADS.join(",");
    let names = runs.first().map(|run| run.figures.iter().map(|(name, _)| rows::quoted(name)));
    names.into_iter().flatten().for_each(|name| text.extend([",", &name]));
    text.push('\n');
    for run in runs {
        let _ = write!(text, "{},{},{}", run.seed, run.events, run.digest);
        run.figures.iter().for_each(|(_, value)| text.extend([",", &exact(*value)]));
        text.push('\n');
    }
    text
}

/// The runs of such a text; nothing if it is none.
#[must_use]
pub fn read(text: &str) -> Option<Vec<RunFigures>> {
    let mut rows = rows::read(text)?.into_iter();
    let heads = rows.next()?;
    let names = heads.strip_prefix(&HEADS.map(str::to_owned)[..])?;
    rows.map(|row| run(names, &row)).collect()
}

fn run(names: &[String], row: &[String]) -> Option<RunFigures> {
    let [seed, events, digest, values @ ..] = row else { return None };
    if values.len() != names.len() {
        return None;
    }
    let figures = names.iter().zip(values).map(|(name, value)| {
        let value = if value.is_empty() { None } else { Some(value.parse::<f64>().ok()?) };
        Some((name.clone(), value))
    });
    let (seed, events) = (seed.parse().ok()?, events.parse().ok()?);
    let (digest, figures) = (digest.clone(), figures.collect::<Option<_>>()?);
    Some(RunFigures { seed, events, digest, figures, series: Vec::new() })
}

/// The shortest digits that are no other number; nothing for none.
pub(super) fn exact(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_as_they_were_written_to_the_last_bit() {
        let run = |seed, values: [Option<f64>; 3]| RunFigures {
            seed,
            digest: format!("{seed:032x}"),
            events: u64::MAX,
            figures: ["a, share", "b \"quoted\"", "c\nd"]
                .map(str::to_owned)
                .into_iter()
                .zip(values)
                .collect(),
            series: Vec::new(),
        };
        let runs = [
            run(1, [Some(0.1 + 0.2), None, Some(-1.0 / 3.0)]),
            run(u64::MAX, [Some(1e300), Some(f64::MIN_POSITIVE), Some(0.0)]),
        ];
        assert_eq!(read(&write(&runs)).as_deref(), Some(&runs[..]));
        assert_eq!(read(&write(&[])), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_table_of_runs_is_refused() {
        let head = "seed,events,digest,\"a\"\n";
        for wrong in
            ["", "seed,events,\"a\"\n", "1,5,x,2\n", &format!("{head}1,5,x\n"), &format!("{head}1,5,x,y\n")]
        {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert_eq!(read(&format!("{head}1,5,x,2")), None, "it was cut");
    }
}
