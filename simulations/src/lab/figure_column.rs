//! One figure of several runs: what it was with each seed, and what that amounts to.

use super::{
    experiment::RunFigures,
    rows,
    statistics::{ConfidenceInterval, Moments, unseen_share_max},
};

/// The confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;
/// What stands above [`FigureColumn::line`].
pub(super) const HEADS: &str = "figure,seeds,mean,sd,low95,high95,p10,p50,p90";

/// A figure of several runs.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureColumn {
    /// What it is called.
    pub name: String,
    /// What it was with each seed; nothing where there was nothing to measure.
    pub values: Vec<(u64, Option<f64>)>,
}

impl FigureColumn {
    /// Each figure of runs that have the same ones.
    #[must_use]
    pub fn all_of(runs: &[RunFigures]) -> Vec<Self> {
        let names = runs.first().map(|run| run.figures.iter().map(|(name, _)| name.clone()));
        let column = |(place, name): (usize, String)| {
            let values = runs.iter().map(|run| (run.seed, run.figures[place].1)).collect();
            Self { name, values }
        };
        names.into_iter().flatten().enumerate().map(column).collect()
    }

    /// The values that there are.
    #[must_use]
    pub fn seen(&self) -> Vec<f64> {
        self.values.iter().filter_map(|(_, value)| *value).collect()
    }

    /// Count, mean and variance of what there is.
    #[must_use]
    pub fn moments(&self) -> Moments {
        self.values.iter().filter_map(|(_, value)| *value).collect()
    }

    /// The mean; nothing of nothing.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let moments = self.moments();
        (moments.count() > 0).then(|| moments.mean())
    }

    /// Where the mean of all seeds lies.
    #[must_use]
    pub fn interval(&self) -> Option<ConfidenceInterval> {
        self.moments().interval(CONFIDENCE)
    }

    /// In how many runs there was nothing to measure.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.values.iter().filter(|(_, value)| value.is_none()).count()
    }

    /// The most that a share can be that was never seen in any run; nothing if it was.
    #[must_use]
    pub fn unseen_max(&self) -> Option<f64> {
        let seen = self.seen();
        let is_unseen = !seen.is_empty() && seen.iter().all(|value| *value == 0.0);
        is_unseen.then(|| unseen_share_max(seen.len() as u64))
    }

    /// The least values that so large shares of all are not above.
    #[must_use]
    pub fn quantiles<const SHARES: usize>(&self, shares: [f64; SHARES]) -> [Option<f64>; SHARES] {
        let mut sorted = self.seen();
        sorted.sort_by(f64::total_cmp);
        shares.map(|share| {
            let place = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(place.saturating_sub(1)).copied()
        })
    }

    /// Its line of a summary.
    pub(super) fn line(&self) -> String {
        let moments = self.moments();
        let some = |value| if moments.count() == 0 { String::new() } else { rounded(value) };
        let (low, high) = self.interval().map_or((String::new(), String::new()), |interval| {
            (rounded(interval.low), rounded(interval.high))
        });
        let [low_tenth, middle, high_tenth] =
            self.quantiles([0.1, 0.5, 0.9]).map(|value| value.map(rounded).unwrap_or_default());
        format!(
            "{},{},{},{},{low},{high},{low_tenth},{middle},{high_tenth}",
            rows::quoted(&self.name),
            moments.count(),
            some(moments.mean()),
            some(moments.deviation()),
        )
    }

    /// The figure that theory gives for this one, if its runs have one: `paid, in theory` for `paid, share`.
    #[must_use]
    pub fn theory_name(&self) -> Option<String> {
        let (what, how) = self.name.rsplit_once(", ")?;
        (how != THEORY).then(|| format!("{what}, {THEORY}"))
    }
}

/// How the name of a figure ends that theory gives.
const THEORY: &str = "in theory";

fn rounded(value: f64) -> String {
    format!("{value:.9}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, values: &[Option<f64>]) -> FigureColumn {
        FigureColumn { name: name.into(), values: (1..).zip(values.iter().copied()).collect() }
    }

    #[test]
    fn a_column_says_what_its_values_amount_to_and_how_many_there_are() {
        let some = column("a", &[Some(1.0), None, Some(3.0), Some(2.0)]);
        assert_eq!((some.mean(), some.missing(), some.unseen_max()), (Some(2.0), 1, None));
        assert_eq!(some.quantiles([0.1, 0.5, 1.0]), [Some(1.0), Some(2.0), Some(3.0)]);
        assert!(some.line().starts_with("\"a\",3,2.000000000,1.000000000,-0.4841"), "{}", some.line());
        let none = column("a", &[None]);
        assert_eq!((none.mean(), none.unseen_max(), none.line().as_str()), (None, None, "\"a\",0,,,,,,,"));
        assert_eq!(column("a", &[Some(0.0), Some(0.0), Some(0.0)]).unseen_max(), Some(1.0));
    }

    #[test]
    fn a_figure_has_the_theory_that_begins_like_it() {
        let theory = |name: &str| column(name, &[]).theory_name();
        assert_eq!(theory("paid after a check, share").as_deref(), Some("paid after a check, in theory"));
        assert_eq!((theory("paid after a check, in theory"), theory("orders")), (None, None));
    }
}
