//! What was measured, as a document and in words.

use assay_simulations::lab::speed::{self, Growth, TWO_CORES_BOUNDED_BY, TWO_CORES_MIN};
use serde_json::{Value, json};

use super::part::{BenchPart, watch_row};
use crate::printer::Table;

/// Everything that was measured.
pub(super) fn document(speeds: &[Value], ratio: Option<f64>, rows: &[(BenchPart, Value)]) -> Value {
    let of = |belongs: &dyn Fn(BenchPart) -> bool| -> Vec<Value> {
        rows.iter().filter(|(part, _)| belongs(*part)).map(|(_, row)| row.clone()).collect()
    };
    let is_short = ratio.is_some_and(|ratio| ratio < TWO_CORES_MIN);
    let two_cores = json!({
        "times_as_soon": ratio, "target": TWO_CORES_MIN,
        "bound_by": is_short.then_some(TWO_CORES_BOUNDED_BY),
    });
    let watch = of(&|part| matches!(part, BenchPart::Watch(_))).pop();
    let growth = Growth::ALL.into_iter().filter_map(|growth| {
        let points = of(&|part| matches!(part, BenchPart::Growth(grown, _) if grown == growth));
        (!points.is_empty()).then(|| growth_row(growth, points))
    });
    json!({
        "speeds": speeds, "two_cores": two_cores, "markets": of(&|part| part.row().is_some()),
        "watch": watch.unwrap_or_else(|| watch_row(None)), "growth": growth.collect::<Vec<Value>>(),
    })
}

/// The sizes of what grows, with the slope of the line through those that were measured.
fn growth_row(growth: Growth, points: Vec<Value>) -> Value {
    let through = |cost: &dyn Fn(&Value) -> Option<f64>| -> Vec<(f64, f64)> {
        points.iter().filter_map(|point| Some((point["grown_to"].as_f64()?, cost(point)?))).collect()
    };
    let seconds =
        through(&|point| Some(point["opening_seconds"].as_f64()? + point["running_seconds"].as_f64()?));
    let bytes = through(&|point| point["most_bytes"].as_f64());
    let (slope, slope_max) = (speed::slope(&seconds), speed::linearithmic_slope(&seconds));
    let bytes_slope = speed::slope(&bytes);
    let is_steep = [slope, bytes_slope].iter().any(|found| found.zip(slope_max).is_some_and(|(a, b)| a > b));
    json!({
        "name": growth.name(), "slope": slope, "slope_max": slope_max,
        "last_slope": speed::slope(&seconds[seconds.len().saturating_sub(2)..]), "bytes_slope": bytes_slope,
        "bound_by": is_steep.then_some(Growth::BOUNDED_BY), "points": points,
    })
}

pub(super) fn speed_table(speeds: &[Value]) -> Table {
    let mut table = Table::new(["A SECOND", "TARGET", "SIMPY", "OF WHAT"]);
    let whole = |value: &Value| value.as_f64().map_or_else(String::new, |number| format!("{number:.0}"));
    for speed in speeds {
        let name = speed["name"].as_str().unwrap_or_default().to_owned();
        table.row([
            whole(&speed["per_second"]),
            whole(&speed["target"]),
            whole(&speed["simpy_per_second"]),
            name,
        ]);
    }
    table
}

/// A number with so many digits behind its point; nothing where there is none.
fn shown(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(String::new, |number| format!("{number:.digits$}"))
}

fn mebibytes(bytes: &Value) -> String {
    shown(bytes.as_f64().map(|bytes| bytes / f64::from(1 << 20)), 0)
}

pub(super) fn cost_table(costs: &[Value]) -> Table {
    let mut table = Table::new([
        "OPEN, S",
        "AT MOST",
        "RUN, S",
        "AT MOST",
        "MIB",
        "AT MOST",
        "INPUTS A SECOND",
        "INPUTS A JOB",
        "BYTES A PEER",
        "OF WHAT",
    ]);
    for cost in costs {
        let number = |key: &str| cost[key].as_f64();
        let each = |of: &str, by: &str, digits: usize| match (number(of), number(by)) {
            (Some(of), Some(by)) if by > 0.0 => format!("{:.digits$}", of / by),
            _ => String::new(),
        };
        table.row([
            shown(number("opening_seconds"), 2),
            shown(number("opening_seconds_max"), 0),
            shown(number("running_seconds"), 2),
            shown(number("running_seconds_max"), 0),
            mebibytes(&cost["most_bytes"]),
            mebibytes(&cost["most_bytes_max"]),
            each("input_count", "running_seconds", 0),
            each("input_count", "job_count", 1),
            each("grown_bytes", "peer_count", 0),
            cost["name"].as_str().unwrap_or_default().to_owned(),
        ]);
    }
    table
}

/// Each size of what grows.
pub(super) fn growth_table(growth: &[Value]) -> Table {
    let mut table = Table::new(["HOW MANY", "SECONDS", "NS AN INPUT", "MIB", "OF WHAT"]);
    for series in growth {
        for point in series["points"].as_array().into_iter().flatten() {
            let running = point["running_seconds"].as_f64();
            let inputs = point["input_count"].as_f64().filter(|inputs| *inputs > 0.0);
            let whole = running.zip(point["opening_seconds"].as_f64()).map(|(run, open)| run + open);
            table.row([
                shown(point["grown_to"].as_f64(), 0),
                shown(whole, 2),
                shown(running.zip(inputs).map(|(seconds, inputs)| seconds * 1e9 / inputs), 0),
                mebibytes(&point["most_bytes"]),
                series["name"].as_str().unwrap_or_default().to_owned(),
            ]);
        }
    }
    table
}

/// How steep each line is that goes through the sizes of what grows.
pub(super) fn slopes(growth: &[Value]) -> Vec<String> {
    let line = |series: &Value| {
        let name = series["name"].as_str().unwrap_or_default();
        let [slope, most, last, bytes] = ["slope", "slope_max", "last_slope", "bytes_slope"]
            .map(|key| series[key].as_f64().map(|slope| format!("{slope:.2}")));
        let (Some(slope), Some(most), Some(last)) = (slope, most, last) else {
            return format!("{name}: fewer than two sizes were done in time, which have no slope");
        };
        let bytes = bytes.map_or_else(String::new, |bytes| format!("; of memory {bytes}"));
        format!(
            "{name}: a slope of {slope}, {most} at most, which is that of n log n; {last} between the two largest{bytes}"
        )
    };
    growth.iter().map(line).collect()
}

/// What the watch costs; nothing where that was not measured.
pub(super) fn watched(watch: &Value) -> Option<String> {
    let [times, most, bare, seen] = ["times_as_long", "times_as_long_max", "bare_seconds", "watched_seconds"]
        .map(|key| watch[key].as_f64());
    let (times, most, bare, seen) = (times?, most?, bare?, seen?);
    let jobs = &watch["job_count"];
    Some(format!(
        "with the watch: {times:.2} times as long, {most:.2} at most; {seen:.2} s instead of {bare:.2} s, {jobs} jobs"
    ))
}

/// What is short of what it should be, and what bounds it.
pub(super) fn shortcomings(document: &Value) -> Vec<String> {
    let rows = |key: &str| document[key].as_array().into_iter().flatten();
    let named = |row: &Value| {
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        (name, row["bound_by"].as_str().map(str::to_owned))
    };
    let alone =
        |name: &str, key: &str| (name.to_owned(), document[key]["bound_by"].as_str().map(str::to_owned));
    let all = rows("speeds").map(named).chain([alone("two seeds on two cores", "two_cores")]);
    let all = all.chain(rows("markets").map(named)).chain([alone("the watch", "watch")]);
    let all = all.chain(rows("growth").map(named));
    all.filter_map(|(name, bound)| Some(format!("short: {name}: {}", bound?))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn grown(seconds: impl Fn(f64) -> f64) -> Value {
        let point = |size: f64| {
            json!({
                "grown_to": size, "input_count": 10, "opening_seconds": 0.5, "running_seconds": seconds(size),
                "most_bytes": null,
            })
        };
        growth_row(Growth::Jobs, [1e3, 1e4, 1e5].map(point).into())
    }

    #[test]
    fn what_grows_faster_than_n_log_n_is_told() {
        let square = grown(|size| size * size);
        assert_eq!(square["bound_by"], Growth::BOUNDED_BY);
        assert!(square["slope"].as_f64() > square["slope_max"].as_f64(), "{square}");
        let line = grown(|size| size / 1e3);
        assert_eq!((&line["bound_by"], &line["bytes_slope"]), (&Value::Null, &Value::Null));
        let told = slopes(&[square, line]);
        assert!(
            told[0].starts_with("jobs: a slope of 2.00, 1.1") && told[1].starts_with("jobs: a slope of 0.")
        );
    }

    #[test]
    fn a_line_goes_through_what_was_done_in_time() {
        let parts = BenchPart::all(false, 100);
        let rows: Vec<(BenchPart, Value)> =
            parts.into_iter().map(|part| (part, part.unfinished(Duration::from_secs(9)))).collect();
        let document = document(&[], None, &rows);
        assert_eq!(document["markets"].as_array().unwrap().len(), 5);
        let growth = document["growth"].as_array().unwrap();
        assert_eq!((growth.len(), &growth[0]["slope"]), (3, &Value::Null));
        assert!(slopes(growth)[2].starts_with("providers: fewer than two sizes"));
        assert_eq!(watched(&document["watch"]), None);
        assert_eq!(growth_table(growth).plain().lines().count(), 3 * 4);
        assert_eq!(cost_table(document["markets"].as_array().unwrap()).plain().lines().count(), 5);
        assert_eq!(shortcomings(&document).len(), 5, "each market was to be done by then");
    }
}
