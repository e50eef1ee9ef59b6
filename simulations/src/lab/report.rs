//! A page about an experiment, for people: what was asked, what came of it, and how to run it again.
//!
//! **Invariant:** equal experiments give equal pages, and a page needs nothing beside itself.

mod drawing;
mod page;
mod plot;
mod scale;
#[cfg(test)]
mod tests;

use self::{page::ReportPage, plot::PlotSeries};
use super::{
    artefact::Artefact,
    experiment::RunFigures,
    figure_column::FigureColumn,
    scenario::Scenario,
    series,
    sweep::{SweepArtefact, SweepAxis, SweptFigure},
};

/// A page about one experiment.
#[must_use]
pub fn of_run(artefact: &Artefact) -> String {
    let mut page = ReportPage::default();
    let scenario = artefact.scenario();
    begin(&mut page, scenario, &artefact.reproduce());
    let columns = FigureColumn::all_of(artefact.runs());
    page.element("h2", "Figures");
    page.aside(
        "Each dot is a run, the first seed at the top; below them is the mean with its interval of 95 %. What theory says is \
         dashed. What was the same in every run stands in the table alone.",
    );
    let mut plots = ReportPage::default();
    for column in columns.iter().filter(|column| varies(&column.seen())) {
        let theory = theory_of(&columns, column).and_then(FigureColumn::mean);
        plots.figure(&plot::of_runs(column, theory), &column.name, "");
    }
    page.plots("plots", plots);
    along(&mut page, artefact.runs());
    page.element("h2", "Table");
    let heads =
        ["Figure", "Runs", "Mean", "Deviation", "95 % interval", "Lowest tenth", "Middle", "Highest tenth"];
    page.table(&heads, columns.iter().map(row));
    page.aside("What was never seen in n runs is seen in 3/n of all at most, with a confidence of 95 %.");
    page.element("h2", "What was run");
    page.file(&artefact.manifest());
    of_file(&mut page, "The scenario, with everything that it leaves to defaults", &scenario.resolved());
    of_file(&mut page, "The digest of each run", &artefact.digests());
    page.whole(&format!("Experiment {}", scenario.name))
}

/// What happened in each stretch, where there are several.
fn along(page: &mut ReportPage, runs: &[RunFigures]) {
    let begins = series::begins(runs);
    if begins.len() < 2 {
        return;
    }
    page.element("h2", "Along the run");
    page.aside(
        "Means over all runs in each stretch of time, by when it began, with their intervals of 95 %.",
    );
    let values = begins.iter().map(|begin| format!("{begin} s")).collect();
    let axis = SweepAxis { key: "since figures count".to_owned(), values };
    let mut plots = ReportPage::default();
    for (place, name) in series::FIGURES.iter().enumerate() {
        let columns = series::along(runs, place);
        let seen: Vec<f64> = columns.iter().flatten().flat_map(FigureColumn::seen).collect();
        if varies(&seen) {
            let theory = vec![None; columns.len()];
            let picture =
                plot::of_series(name, &axis, &[PlotSeries { name: String::new(), columns, theory }]);
            plots.figure(&picture, name, "");
        }
    }
    page.plots("plots wide", plots);
}

/// A page about one sweep.
#[must_use]
pub fn of_sweep(artefact: &SweepArtefact) -> String {
    let mut page = ReportPage::default();
    let plan = artefact.plan();
    begin(&mut page, plan.scenario(), &artefact.reproduce());
    let figures = artefact.figures();
    let keys: Vec<&str> = plan.axes().iter().map(|axis| axis.key.as_str()).collect();
    page.element("h2", "Figures");
    page.aside(&format!(
        "Means over {} seeds in each of {} cells along {}, with their intervals of 95 %; what theory says is dashed. What was \
         the same in every run stands in the tables alone.",
        plan.scenario().seeds,
        plan.cells(),
        keys.join(", "),
    ));
    let mut plots = ReportPage::default();
    for figure in figures.iter().filter(|figure| is_plotted(figure, &figures)) {
        let series = series(artefact, figure, &figures);
        let picture = plot::of_series(&figure.name, &plan.axes()[0], &series);
        plots.figure(&picture, &figure.name, &plot::legend(&series));
    }
    page.plots("plots wide", plots);
    page.element("h2", "Tables");
    for figure in &figures {
        let mut within = ReportPage::default();
        let heads = ["Cell"].into_iter().chain(keys.iter().copied());
        let heads: Vec<&str> = heads.chain(["Runs", "Mean", "Deviation", "95 % interval"]).collect();
        let rows = (1..).zip(&figure.cells).map(|(cell, column)| {
            let settings = plan.settings(cell).into_iter().map(|(_, value)| value.to_owned());
            let of_cell =
                column.as_ref().map_or_else(|| vec![String::new(); 4], |column| row(column)[1..5].to_vec());
            core::iter::once(cell.to_string()).chain(settings).chain(of_cell).collect()
        });
        within.table(&heads, rows);
        page.details(&figure.name, within);
    }
    page.element("h2", "What was run");
    page.file(&artefact.manifest());
    of_file(&mut page, "The scenario of which the cells are", &plan.scenario().resolved());
    of_file(&mut page, "The digest of each run", &artefact.digests());
    page.whole(&format!("Sweep of {}", plan.scenario().name))
}

fn begin(page: &mut ReportPage, scenario: &Scenario, reproduce: &str) {
    page.element("h1", &scenario.name);
    for text in [&scenario.question, &scenario.theory] {
        if !text.is_empty() {
            page.element("p", text);
        }
    }
    page.command(reproduce);
}

fn of_file(page: &mut ReportPage, what: &str, text: &str) {
    let mut within = ReportPage::default();
    within.file(text);
    page.details(what, within);
}

/// A figure as a row of a table.
fn row(column: &FigureColumn) -> Vec<String> {
    let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let moments = column.moments();
    let interval = column.interval().map(|interval| format!("{:.4} to {:.4}", interval.low, interval.high));
    let unseen = column.unseen_max().map(|most| format!("never; at most {most:.3}"));
    let quantiles = column.quantiles([0.1, 0.5, 0.9]).map(shown);
    let deviation = (moments.count() > 1).then(|| moments.deviation());
    let begin = [
        column.name.clone(),
        moments.count().to_string(),
        shown(column.mean()),
        shown(deviation),
        unseen.or(interval).unwrap_or_else(|| "-".to_owned()),
    ];
    begin.into_iter().chain(quantiles).collect()
}

fn varies(values: &[f64]) -> bool {
    values.iter().any(|value| *value != values[0])
}

fn theory_of<'a>(columns: &'a [FigureColumn], column: &FigureColumn) -> Option<&'a FigureColumn> {
    let name = column.theory_name()?;
    columns.iter().find(|column| column.name == name)
}

/// Whether a figure has a picture of its own: it is not the same everywhere, and no other shows it as its theory.
fn is_plotted(figure: &SweptFigure, figures: &[SweptFigure]) -> bool {
    let values: Vec<f64> = figure.cells.iter().flatten().flat_map(FigureColumn::seen).collect();
    let is_theory = figures.iter().any(|other| theory_name(other).is_some_and(|name| name == figure.name));
    varies(&values) && !is_theory
}

fn theory_name(figure: &SweptFigure) -> Option<String> {
    figure.cells.iter().flatten().next()?.theory_name()
}

/// The cells of a figure along the first key, at each setting of the others.
fn series(artefact: &SweepArtefact, figure: &SweptFigure, figures: &[SweptFigure]) -> Vec<PlotSeries> {
    let plan = artefact.plan();
    let theory = theory_name(figure).and_then(|name| figures.iter().find(|other| other.name == name));
    // The last key changes from each cell to the next, so the cells of one series are as far apart as there are series.
    let count = plan.cells() / plan.axes()[0].values.len();
    let each = |number: usize| {
        let settings = plan.settings(number + 1).into_iter().skip(1);
        let settings: Vec<String> = settings.map(|(key, value)| format!("{key} = {value}")).collect();
        let of = |figure: &SweptFigure| -> Vec<Option<FigureColumn>> {
            figure.cells.iter().skip(number).step_by(count).cloned().collect()
        };
        let mean = |column: Option<FigureColumn>| column.and_then(|column| column.mean());
        let theory = theory.map(of).unwrap_or_default().into_iter().map(mean);
        PlotSeries { name: settings.join(", "), columns: of(figure), theory: theory.collect() }
    };
    (0..count).map(each).collect()
}
