//! What happened within each stretch of a run, one after another.
//!
//! **Invariant:** what was written is read again to the last bit of each figure.

use std::fmt::Write as _;

use super::{
    experiment::RunFigures, figure_column::FigureColumn, parquet::ParquetColumn, rows, run_table::exact,
};

/// What is counted in each stretch.
pub const FIGURES: [&str; 8] = [
    "orders",
    "results",
    "jobs closed",
    "jobs paid",
    "paid after a check",
    "forged results paid",
    "results slashed",
    "wait for a result, s",
];
/// The first so many of them are counts.
const COUNTS: usize = FIGURES.len() - 1;
/// What stands before them.
const HEADS: [&str; 2] = ["seed", "from_s"];

/// What happened within one stretch.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRow {
    /// When it began, in seconds since the run's figures count.
    pub from: f64,
    /// What happened, in the order of [`FIGURES`]; nothing where there was nothing to measure.
    pub values: Vec<Option<f64>>,
}

/// A line for each stretch of each run; nothing if no run has any.
#[must_use]
pub fn write(runs: &[RunFigures]) -> Option<String> {
    let mut text = HEADS.join(",");
    FIGURES.iter().for_each(|name| text.extend([",", &rows::quoted(name)]));
    text.push('\n');
    let mut is_empty = true;
    for (run, row) in each(runs) {
        is_empty = false;
        let _ = write!(text, "{},{}", run.seed, row.from);
        row.values.iter().for_each(|value| text.extend([",", &exact(*value)]));
        text.push('\n');
    }
    (!is_empty).then_some(text)
}

/// Gives runs the stretches of such a text; false if it is none, or is of other runs.
#[must_use]
pub fn read(text: &str, runs: &mut [RunFigures]) -> bool {
    let Some(mut lines) = rows::read(text).map(Vec::into_iter) else { return false };
    let heads = lines.next().unwrap_or_default();
    if !heads.iter().map(String::as_str).eq(HEADS.into_iter().chain(FIGURES)) {
        return false;
    }
    lines.all(|line| {
        let Some((seed, row)) = row(&line) else { return false };
        let of_seed = runs.iter_mut().find(|run| run.seed == seed);
        of_seed.map(|run| run.series.push(row)).is_some()
    })
}

fn row(line: &[String]) -> Option<(u64, SeriesRow)> {
    let [seed, from, values @ ..] = line else { return None };
    if values.len() != FIGURES.len() {
        return None;
    }
    let value = |text: &String| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    let values = values.iter().map(value).collect::<Option<Vec<_>>>()?;
    Some((seed.parse().ok()?, SeriesRow { from: from.parse().ok()?, values }))
}

fn each(runs: &[RunFigures]) -> impl Iterator<Item = (&RunFigures, &SeriesRow)> {
    runs.iter().flat_map(|run| run.series.iter().map(move |row| (run, row)))
}

/// The same as columns.
pub(super) fn columns(runs: &[RunFigures]) -> Vec<(String, ParquetColumn)> {
    let seeds = each(runs).map(|(run, _)| i64::try_from(run.seed).unwrap_or(i64::MAX)).collect();
    let from = each(runs).map(|(_, row)| Some(row.from)).collect();
    let mut columns = vec![
        (HEADS[0].to_owned(), ParquetColumn::Whole(seeds)),
        (HEADS[1].to_owned(), ParquetColumn::Number(from)),
    ];
    columns.extend(FIGURES.iter().enumerate().map(|(place, name)| {
        let values = each(runs).map(|(_, row)| row.values.get(place).copied().flatten());
        ((*name).to_owned(), ParquetColumn::Number(values.collect()))
    }));
    columns
}

/// When each stretch began of those that some run had, in order.
pub(super) fn begins(runs: &[RunFigures]) -> Vec<f64> {
    let mut begins: Vec<f64> = each(runs).map(|(_, row)| row.from).collect();
    begins.sort_by(f64::total_cmp);
    begins.dedup();
    begins
}

/// One figure of all runs, in each stretch: in one that began after a run was over nothing happened in that.
pub(super) fn along(runs: &[RunFigures], figure: usize) -> Vec<Option<FigureColumn>> {
    let of_stretch = |from: f64| {
        let value = |run: &RunFigures| {
            let row = run.series.iter().find(|row| row.from.total_cmp(&from).is_eq());
            let after = (figure < COUNTS).then_some(0.0);
            (run.seed, row.map_or(after, |row| row.values.get(figure).copied().flatten()))
        };
        let values = runs.iter().map(value).collect();
        Some(FigureColumn { name: FIGURES[figure].to_owned(), values })
    };
    begins(runs).into_iter().map(of_stretch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, orders: &[Option<f64>]) -> RunFigures {
        let row = |(place, value): (usize, &Option<f64>)| {
            let rest = core::iter::repeat_n(Some(0.1), FIGURES.len() - 1);
            SeriesRow { from: place as f64 * 0.5, values: core::iter::once(*value).chain(rest).collect() }
        };
        let series = orders.iter().enumerate().map(row).collect();
        RunFigures { seed, digest: String::new(), events: 0, figures: Vec::new(), series }
    }

    fn bare(runs: &[RunFigures]) -> Vec<RunFigures> {
        runs.iter().map(|run| RunFigures { series: Vec::new(), ..run.clone() }).collect()
    }

    #[test]
    fn stretches_are_read_as_they_were_written_and_for_their_own_runs_alone() {
        let runs = [run(1, &[Some(1.0 / 3.0), None]), run(7, &[Some(2.0)])];
        let text = write(&runs).unwrap();
        let mut read_again = bare(&runs);
        assert!(read(&text, &mut read_again));
        assert_eq!(read_again, runs);
        assert_eq!(write(&bare(&runs)), None, "there is nothing to write");
        for wrong in [
            "",
            "seed,from_s\n",
            &text.replace("\n7,", "\n8,"),
            &text.replace("0.1,0.1", "0.1,x"),
            &text[..text.len() - 2],
            &text.replace(",0.1\n", "\n"),
        ] {
            assert!(!read(wrong, &mut bare(&runs)), "{wrong:?}");
        }
    }

    #[test]
    fn a_figure_is_put_beside_itself_in_each_stretch() {
        let runs = [run(1, &[Some(1.0), Some(3.0)]), run(2, &[Some(2.0)])];
        assert_eq!(begins(&runs), [0.0, 0.5]);
        let means = |figure: usize| -> Vec<Option<f64>> {
            along(&runs, figure).into_iter().map(|column| column.and_then(|column| column.mean())).collect()
        };
        assert_eq!(means(0), [Some(1.5), Some(1.5)], "the second was over, and had no orders then");
        let wait = FIGURES.len() - 1;
        assert_eq!(means(wait), [Some(0.1), Some(0.1)], "nor had it a wait");
        assert_eq!(along(&runs, wait)[1].as_ref().map(FigureColumn::missing), Some(1));
        let columns = columns(&runs);
        assert_eq!(columns[0], ("seed".to_owned(), ParquetColumn::Whole(vec![1, 1, 2])));
        assert_eq!(columns[2].1, ParquetColumn::Number(vec![Some(1.0), Some(3.0), Some(2.0)]));
    }
}
