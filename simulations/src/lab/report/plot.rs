//! What a figure looks like: its runs on a line, or its means along a key that was swept.
//!
//! **Invariant:** every picture has axes with figures, and every mean its interval, where there are runs enough for one.

use super::{
    drawing::{Anchor, Drawing, SHAPES},
    page::escaped,
    scale::AxisScale,
};
use crate::lab::{figure_column::FigureColumn, sweep::SweepAxis};

/// Colours of series; more than that begin again, with another shape.
pub(super) const COLOURS: usize = 4;

/// A picture of the runs of one figure: a dot for each, in the order of their seeds from the top, the mean with its interval
/// below, and what theory says as a dashed line.
pub(super) fn of_runs(column: &FigureColumn, theory: Option<f64>) -> String {
    const SIZE: [f64; 2] = [320.0, 96.0];
    let [top, bottom, middle, floor] = [8.0, 44.0, 56.0, 70.0];
    let seen = column.seen();
    let interval = column.interval();
    let edges = interval.map(|interval| [interval.low, interval.high]);
    let all = seen.iter().copied().chain(edges.into_iter().flatten()).chain(theory);
    let scale = AxisScale::holding(all, 16.0, SIZE[0] - 16.0);
    let mut drawing = Drawing::new(SIZE[0], SIZE[1], &format!("{}, of each run and their mean", column.name));
    for (figure, word) in scale.ticks() {
        let x = scale.at(figure);
        drawing.line("grid", [x, top], [x, floor]);
        drawing.words(Anchor::Middle, [x, floor + 16.0], &word);
    }
    drawing.line("axis", [16.0, floor], [SIZE[0] - 16.0, floor]);
    if let Some(theory) = theory {
        drawing.line("theory series-1", [scale.at(theory), top], [scale.at(theory), floor]);
    }
    for (place, value) in seen.iter().enumerate() {
        let down = (place as f64 + 0.5) / seen.len() as f64;
        drawing.dot("run series-0", [scale.at(*value), top + down * (bottom - top)], 3.0);
    }
    if let Some([low, high]) = edges {
        drawing.line("bar series-0", [scale.at(low), middle], [scale.at(high), middle]);
    }
    if let Some(mean) = column.mean() {
        drawing.mark("mark series-0", 3, [scale.at(mean), middle]);
    }
    drawing.whole()
}

/// Means of one figure along a key, at each setting of the other keys.
#[derive(Clone, Debug)]
pub(super) struct PlotSeries {
    /// The setting of the other keys; nothing if there are none.
    pub(super) name: String,
    /// What the figure was at each value of the key; nothing where it was not measured.
    pub(super) columns: Vec<Option<FigureColumn>>,
    /// What theory says at each.
    pub(super) theory: Vec<Option<f64>>,
}

/// A picture of a figure along a key: means with their intervals, and theory dashed.
pub(super) fn of_series(name: &str, axis: &SweepAxis, series: &[PlotSeries]) -> String {
    const SIZE: [f64; 2] = [480.0, 280.0];
    let [left, right, top, floor] = [56.0, 464.0, 12.0, 234.0];
    let columns = || series.iter().flat_map(|each| each.columns.iter().flatten());
    let means = columns().filter_map(FigureColumn::mean);
    let edges =
        columns().filter_map(FigureColumn::interval).flat_map(|interval| [interval.low, interval.high]);
    let theories = series.iter().flat_map(|each| each.theory.iter().flatten().copied());
    let scale = AxisScale::holding(means.chain(edges).chain(theories), floor, top);
    let mut drawing = Drawing::new(SIZE[0], SIZE[1], &format!("{name}, along {}", axis.key));
    for (figure, word) in scale.ticks() {
        let y = scale.at(figure);
        drawing.line("grid", [left, y], [right, y]);
        drawing.words(Anchor::End, [left - 6.0, y + 4.0], &word);
    }
    let (places, unit) = places(axis, left + 24.0, right - 24.0);
    let mut last = f64::NEG_INFINITY;
    for (x, word) in &places {
        drawing.line("axis", [*x, floor], [*x, floor + 4.0]);
        // Words that would run into each other are left out.
        let half = 3.0 * word.chars().count() as f64 + 3.0;
        if x - half > last {
            drawing.words(Anchor::Middle, [*x, floor + 18.0], word);
            last = x + half;
        }
    }
    drawing.line("axis", [left, floor], [right, floor]);
    drawing.line("axis", [left, top], [left, floor]);
    let below = if unit.is_empty() { axis.key.clone() } else { format!("{}, {unit}", axis.key) };
    drawing.words(Anchor::Middle, [(left + right) / 2.0, floor + 38.0], &below);
    for (number, each) in series.iter().enumerate() {
        // Beside each other, so that no interval hides another.
        let aside = (number as f64 - (series.len() - 1) as f64 / 2.0) * (24.0 / series.len() as f64).min(7.0);
        let at = |place: usize, figure: f64| [places[place].0 + aside, scale.at(figure)];
        one_series(&mut drawing, number, each, &at, &scale);
    }
    drawing.whole()
}

fn one_series(
    drawing: &mut Drawing,
    number: usize,
    series: &PlotSeries,
    at: &dyn Fn(usize, f64) -> [f64; 2],
    scale: &AxisScale,
) {
    let class = |what: &str| format!("{what} series-{}", number % COLOURS);
    let theory: Vec<[f64; 2]> =
        series.theory.iter().enumerate().filter_map(|(place, figure)| Some(at(place, (*figure)?))).collect();
    drawing.path(&class("theory"), &theory);
    let seen = |place: usize| series.columns[place].as_ref().and_then(FigureColumn::mean);
    let means = (0..series.columns.len()).filter_map(|place| Some(at(place, seen(place)?)));
    let means: Vec<[f64; 2]> = means.collect();
    drawing.path(&class("curve"), &means);
    for (place, column) in series.columns.iter().enumerate() {
        let Some((column, mean)) = column.as_ref().zip(seen(place)) else { continue };
        let [x, y] = at(place, mean);
        if let Some(interval) = column.interval() {
            drawing.line(&class("bar"), [x, scale.at(interval.low)], [x, scale.at(interval.high)]);
        }
        drawing.mark(&class("mark"), number, [x, y]);
    }
}

/// Where the values of a key stand, with their words, and the unit of all: by their size where all are numbers of one unit.
fn places(axis: &SweepAxis, from: f64, to: f64) -> (Vec<(f64, String)>, String) {
    let count = axis.values.len();
    let evenly = |place: usize| from + (to - from) * (place as f64 + 0.5) / count as f64;
    let by_size = axis.numbers().filter(|(numbers, _)| numbers.iter().any(|number| *number != numbers[0]));
    let Some((numbers, unit)) = by_size else {
        let words = axis.values.iter().enumerate().map(|(place, value)| (evenly(place), value.clone()));
        return (words.collect(), String::new());
    };
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let at = |number: f64| from + (to - from) * (number - least) / (most - least);
    (numbers.iter().map(|number| (at(*number), number.to_string())).collect(), unit)
}

/// What each series is, below a picture that has several.
pub(super) fn legend(series: &[PlotSeries]) -> String {
    let is_of_theory = series.iter().any(|each| each.theory.iter().any(Option::is_some));
    let names = series.iter().enumerate().filter(|(_, each)| !each.name.is_empty()).map(|(number, each)| {
        let (colour, shape) = (number % COLOURS, SHAPES[number % SHAPES.len()]);
        format!("<li class=\"series-{colour}\"><b>{shape}</b> {}</li>", escaped(&each.name))
    });
    let theory = is_of_theory.then(|| "<li>dashed: in theory</li>".to_owned());
    let entries: String = names.chain(theory).collect();
    if entries.is_empty() { entries } else { format!("<ul class=\"legend\">{entries}</ul>\n") }
}
