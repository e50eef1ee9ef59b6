//! From figures to places on a picture.

/// About how many marks an axis has.
const TICKS: f64 = 5.0;

/// A range of figures, and where it lies on a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AxisScale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    /// Between two marks.
    step: f64,
}

impl AxisScale {
    /// One that holds all of these, from a round figure to another; `from` and `to` are places.
    pub(super) fn holding(figures: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for figure in figures.into_iter().filter(|figure| figure.is_finite()) {
            (low, high) = (low.min(figure), high.max(figure));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if high - low <= low.abs().max(high.abs()) * 1e-9 {
            // A point is shown in the middle of something.
            let about = if low == 0.0 { 1.0 } else { low.abs() / 2.0 };
            (low, high) = (low - about, high + about);
        }
        let step = round_step((high - low) / TICKS);
        if !step.is_normal() || !(high - low).is_finite() {
            // Figures that nobody measures, but that a file may hold: they have no scale.
            return Self::holding([0.0, 1.0], from, to);
        }
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, from, to, step }
    }

    /// Where a figure is.
    pub(super) fn at(&self, figure: f64) -> f64 {
        let share = (figure.clamp(self.low, self.high) - self.low) / (self.high - self.low);
        self.from + share * (self.to - self.from)
    }

    /// The marks of the axis, with their words.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let (first, last) = ((self.low / self.step).round() as i64, (self.high / self.step).round() as i64);
        let places = (-libm::floor(libm::log10(self.step))).max(0.0) as usize;
        (first..=last)
            .map(|number| {
                let figure = number as f64 * self.step;
                (figure, format!("{figure:.places$}"))
            })
            .collect()
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below.
fn round_step(least: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(least)));
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= least)
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(figures: &[f64]) -> Vec<String> {
        let ticks = AxisScale::holding(figures.iter().copied(), 0.0, 100.0).ticks();
        ticks.into_iter().map(|(_, word)| word).collect()
    }

    #[test]
    fn an_axis_has_round_marks_that_hold_all_figures() {
        for (figures, expected) in [
            (&[0.0, 1.0][..], vec!["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (&[3.0, 48.0], vec!["0", "10", "20", "30", "40", "50"]),
            (&[-0.3, 0.1], vec!["-0.3", "-0.2", "-0.1", "0.0", "0.1"]),
            (&[2.0, 2.0], vec!["1.0", "1.5", "2.0", "2.5", "3.0"]),
            (&[], vec!["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (&[f64::NAN, 0.0, 0.0], vec!["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        ] {
            assert_eq!(words(figures), expected, "{figures:?}");
        }
    }

    #[test]
    fn figures_that_no_axis_holds_are_shown_at_its_edges() {
        for figures in [[0.0, 5e-324], [-f64::MAX, f64::MAX], [f64::MAX, f64::MAX], [5e-324, 5e-324]] {
            let scale = AxisScale::holding(figures, 0.0, 100.0);
            assert!(figures.iter().all(|figure| (0.0..=100.0).contains(&scale.at(*figure))), "{figures:?}");
            assert!(scale.ticks().len() < 20, "{figures:?}");
        }
    }

    #[test]
    fn a_figure_stands_where_it_belongs_and_never_outside() {
        let scale = AxisScale::holding([0.0, 10.0], 100.0, 0.0);
        assert_eq!([0.0, 5.0, 10.0, 99.0].map(|figure| scale.at(figure)), [100.0, 50.0, 0.0, 0.0]);
    }
}
