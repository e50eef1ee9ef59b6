//! Two experiments beside each other: by how much each figure differs, and whether that is more than chance.
//!
//! **Invariant:** among all figures that are the same in truth, some is said to differ in one comparison out of twenty at most.

use std::collections::BTreeSet;

use super::{
    experiment::RunFigures,
    figure_column::{CONFIDENCE, FigureColumn},
    statistics::{ConfidenceInterval, Moments},
    student,
};

/// What rounding may make of two figures that are the same.
const ROUNDING: f64 = 1e-12;

/// A figure in two experiments.
#[derive(Clone, Debug, PartialEq)]
pub struct FigurePair {
    /// What it is called.
    pub name: String,
    /// In which cell of two sweeps.
    pub cell: Option<usize>,
    /// What it was in the first; nothing where its runs have no such figure.
    pub first: Option<FigureColumn>,
    /// And in the second.
    pub second: Option<FigureColumn>,
    /// By how much the second differs; nothing where one of them measured nothing.
    pub difference: Option<FigureDifference>,
}

/// By how much a figure differs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FigureDifference {
    /// The second mean without the first.
    pub mean: f64,
    /// Where the difference of all seeds lies; nothing where there are too few runs to say.
    pub interval: Option<ConfidenceInterval>,
    /// True if each seed was compared with itself.
    pub is_paired: bool,
    /// The chance of a difference as large as this one where there is none; nothing where there are too few runs.
    pub chance: Option<f64>,
    /// True if it is more than chance, with as many figures as were looked at.
    pub is_significant: bool,
}

/// Puts the figures of runs beside each other: of one experiment each, or of the same cells of one sweep each.
#[must_use]
pub fn compare<'a>(
    cells: impl IntoIterator<Item = (Option<usize>, &'a [RunFigures], &'a [RunFigures])>,
) -> Vec<FigurePair> {
    let mut pairs: Vec<FigurePair> =
        cells.into_iter().flat_map(|(cell, first, second)| beside(cell, first, second)).collect();
    judge(&mut pairs);
    pairs
}

fn beside(cell: Option<usize>, first: &[RunFigures], second: &[RunFigures]) -> Vec<FigurePair> {
    let (firsts, mut seconds) = (FigureColumn::all_of(first), FigureColumn::all_of(second));
    let mut pairs = Vec::new();
    for first in firsts {
        let same = seconds.iter().position(|second| second.name == first.name);
        let second = same.map(|place| seconds.remove(place));
        let difference = second.as_ref().and_then(|second| difference(&first, second));
        pairs.push(FigurePair { name: first.name.clone(), cell, first: Some(first), second, difference });
    }
    pairs.extend(seconds.into_iter().map(|second| FigurePair {
        name: second.name.clone(),
        cell,
        first: None,
        second: Some(second),
        difference: None,
    }));
    pairs
}

/// By how much the second differs: each seed from itself where all seeds of one are among those of the other, or else the means.
fn difference(first: &FigureColumn, second: &FigureColumn) -> Option<FigureDifference> {
    let (one, other) = (first.mean()?, second.mean()?);
    let rounding = ROUNDING * one.abs().max(other.abs());
    let is_paired = is_paired(first, second);
    let found = if is_paired {
        MeanDifference::paired(&seeds_of_both(first, second).collect())
    } else {
        MeanDifference::apart(&first.moments(), &second.moments())
    };
    let MeanDifference { mean, error, freedom, chance_least } = found;
    let mean = if mean.abs() <= rounding { 0.0 } else { mean };
    let chance = if mean == 0.0 {
        1.0
    } else if error <= rounding {
        // What never varies is no sample of a bell: that all of it lies on one side may be luck.
        chance_least
    } else {
        student::tails(mean.abs() / error, freedom)
    };
    let is_known = freedom > 0.0;
    let interval = is_known.then(|| {
        let half = student::two_sided(CONFIDENCE, freedom) * error;
        ConfidenceInterval { low: mean - half, high: mean + half }
    });
    let chance = is_known.then_some(chance);
    Some(FigureDifference { mean, interval, is_paired, chance, is_significant: false })
}

/// A difference of means, and how sure one can be of it.
struct MeanDifference {
    mean: f64,
    /// The standard error.
    error: f64,
    /// Degrees of freedom; none where there are too few runs to say anything.
    freedom: f64,
    /// The chance that luck alone puts all runs of one on the same side of the other.
    chance_least: f64,
}

impl MeanDifference {
    /// Of what each seed has more.
    fn paired(differences: &Moments) -> Self {
        let count = differences.count() as f64;
        Self {
            mean: differences.mean(),
            error: differences.deviation() / libm::sqrt(count),
            freedom: count - 1.0,
            chance_least: libm::exp2(1.0 - count),
        }
    }

    /// Of runs that have nothing to do with each other, by Welch and Satterthwaite.
    fn apart(first: &Moments, second: &Moments) -> Self {
        let mean = second.mean() - first.mean();
        let [(one, one_freedom), (other, other_freedom)] = [first, second].map(|moments| {
            let count = moments.count() as f64;
            (moments.deviation() * moments.deviation() / count, count - 1.0)
        });
        // One over the number of ways to tell so many runs of the first from those of the second, on either side.
        let ways = (1..=first.count())
            .fold(1.0_f64, |ways, number| ways * (second.count() + number) as f64 / number as f64);
        if one_freedom < 1.0 || other_freedom < 1.0 {
            return Self { mean, error: 0.0, freedom: 0.0, chance_least: 1.0 };
        }
        let sum = one + other;
        let parts = one * one / one_freedom + other * other / other_freedom;
        let freedom = if parts == 0.0 { one_freedom + other_freedom } else { sum * sum / parts };
        Self { mean, error: libm::sqrt(sum), freedom, chance_least: (2.0 / ways).min(1.0) }
    }
}

fn is_paired(first: &FigureColumn, second: &FigureColumn) -> bool {
    let [first, second] = [first, second].map(|column| {
        let seen = column.values.iter().filter(|(_, value)| value.is_some());
        seen.map(|(seed, _)| *seed).collect::<BTreeSet<u64>>()
    });
    first.is_subset(&second) || second.is_subset(&first)
}

/// What the second has more with each seed that both have.
fn seeds_of_both(first: &FigureColumn, second: &FigureColumn) -> impl Iterator<Item = f64> {
    first.values.iter().filter_map(|(seed, value)| {
        let (_, other) = second.values.iter().find(|(other, _)| other == seed)?;
        Some((*other)? - (*value)?)
    })
}

/// Says which differences are more than chance: the least likely first, each held to what is left of the bound for those
/// behind it (Holm).
fn judge(pairs: &mut [FigurePair]) {
    let mut known: Vec<(f64, &mut FigureDifference)> = pairs
        .iter_mut()
        .filter_map(|pair| pair.difference.as_mut())
        .filter_map(|difference| Some((difference.chance?, difference)))
        .collect();
    known.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let count = known.len();
    for (place, (chance, difference)) in known.into_iter().enumerate() {
        if chance > (1.0 - CONFIDENCE) / (count - place) as f64 {
            return;
        }
        difference.is_significant = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lab::distribution::normal, random::Stream};

    fn runs(first: u64, names: &[&str], values: &[&[f64]]) -> Vec<RunFigures> {
        let figures = |row: &[f64]| -> Vec<(String, Option<f64>)> {
            names.iter().zip(row).map(|(name, value)| ((*name).to_owned(), Some(*value))).collect()
        };
        let run = |(seed, row): (u64, &&[f64])| RunFigures {
            seed,
            digest: String::new(),
            events: 0,
            figures: figures(row),
            series: Vec::new(),
        };
        (first..).zip(values).map(run).collect()
    }

    fn found(first: &[RunFigures], second: &[RunFigures]) -> FigureDifference {
        compare([(None, first, second)])[0].difference.unwrap()
    }

    #[test]
    fn what_the_same_seeds_give_is_paired_and_other_seeds_are_not() {
        let first = runs(1, &["a"], &[&[1.0], &[5.0], &[9.0]]);
        let second = runs(1, &["a"], &[&[2.0], &[6.1], &[9.9]]);
        let paired = found(&first, &second);
        assert!(paired.is_paired && paired.is_significant && (paired.mean - 1.0).abs() < 1e-9, "{paired:?}");
        let interval = paired.interval.unwrap();
        assert!((interval.low - 0.7516).abs() < 1e-3, "{interval:?}");
        let others = runs(7, &["a"], &[&[2.0], &[6.1], &[9.9]]);
        let apart = found(&first, &others);
        assert!(!apart.is_paired && !apart.is_significant && (apart.mean - 1.0).abs() < 1e-9, "{apart:?}");
        let some = runs(2, &["a"], &[&[5.0], &[9.0]]);
        assert!(found(&first, &some).is_paired, "all of its seeds are among the others");
        assert_eq!(found(&first, &some).mean, 0.0);
    }

    #[test]
    fn welch_is_met_by_hand() {
        let first = runs(1, &["a"], &[&[1.0], &[2.0], &[3.0], &[4.0]]);
        let second = runs(10, &["a"], &[&[4.0], &[8.0], &[12.0]]);
        let apart = found(&first, &second);
        // By the tables: t = 2.29366 with 2.31529 degrees of freedom.
        assert!((apart.chance.unwrap() - 0.131_394).abs() < 1e-5, "{apart:?}");
    }

    #[test]
    fn equal_runs_differ_by_nothing_and_one_run_says_nothing() {
        let some = runs(1, &["a", "b"], &[&[0.1, 0.0], &[0.2, 0.0]]);
        for pair in compare([(None, &some[..], &some[..])]) {
            let difference = pair.difference.unwrap();
            assert_eq!(
                (difference.mean, difference.chance, difference.is_significant),
                (0.0, Some(1.0), false)
            );
        }
        let one = found(&some[..1], &runs(1, &["a"], &[&[7.0]]));
        assert_eq!((one.interval, one.chance, one.is_significant), (None, None, false));
    }

    #[test]
    fn what_never_varies_may_be_luck_in_a_few_runs_and_not_in_many() {
        let always = |first: u64, count: usize, value: f64| runs(first, &["a"], &vec![&[value][..]; count]);
        for (seeds, chance, is_significant) in [(2, 0.5, false), (10, 1.0 / 512.0, true)] {
            let paired = found(&always(1, seeds, 2.0), &always(1, seeds, 3.0));
            assert_eq!((paired.chance, paired.is_significant), (Some(chance), is_significant), "{paired:?}");
        }
        let apart = found(&always(1, 3, 2.0), &always(7, 3, 3.0));
        assert!(
            (apart.chance.unwrap() - 0.1).abs() < 1e-12 && !apart.is_significant,
            "2 of 20 ways: {apart:?}"
        );
    }

    #[test]
    fn a_figure_that_one_of_them_lacks_is_shown_and_not_judged() {
        let first = runs(1, &["a", "b"], &[&[1.0, 1.0], &[2.0, 2.0]]);
        let second = runs(1, &["b", "c"], &[&[1.0, 1.0], &[2.0, 2.0]]);
        let pairs = compare([(Some(3), &first[..], &second[..])]);
        let names: Vec<&str> = pairs.iter().map(|pair| pair.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(pairs[0].second.is_none() && pairs[2].first.is_none() && pairs[0].difference.is_none());
        assert!(pairs[1].difference.is_some() && pairs.iter().all(|pair| pair.cell == Some(3)));
    }

    #[test]
    fn among_many_figures_that_are_the_same_one_is_seldom_said_to_differ() {
        let mut luck = Stream::new(1, "comparisons", 0);
        let named: Vec<String> = (0..10).map(|place| format!("figure {place}")).collect();
        let names: Vec<&str> = named.iter().map(String::as_str).collect();
        let mut draw = |seeds: u64| -> Vec<RunFigures> {
            let rows: Vec<[f64; 10]> = (0..8).map(|_| core::array::from_fn(|_| normal(&mut luck))).collect();
            runs(seeds, &names, &rows.iter().map(|row| &row[..]).collect::<Vec<_>>())
        };
        let differ = (0..200).filter(|_| {
            let (first, second) = (draw(1), draw(100));
            let pairs = compare([(None, &first[..], &second[..])]);
            pairs.iter().any(|pair| pair.difference.is_some_and(|difference| difference.is_significant))
        });
        let differ = differ.count();
        assert!(
            differ <= 22,
            "{differ} of 200 say that something differs, of which 10 are allowed in the middle"
        );
    }
}
