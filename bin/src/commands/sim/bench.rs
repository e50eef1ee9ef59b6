//! `assay sim bench`: how fast the simulator is on this machine, beside what it should be and beside SimPy.
//!
//! **Invariant:** what a large market costs is measured in a process of its own: what one before it has left of memory is not
//! counted as its own, nor hidden by it.

use std::{
    env, fs,
    process::{Command, Stdio},
    time::Instant,
};

use assay_simulations::lab::speed::{
    self, EpidemicCost, Gauge, MarketCost, MarketSize, SIMPY, Speed, TWO_CORES_MIN,
};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Table, number_of},
};

const EXAMPLES: &str = "\
Examples:
  assay sim bench                    speeds, and what markets of up to a million peers cost: a quarter of an hour
  assay sim bench --quick            the same with smaller markets: two minutes
  assay sim bench --only 3           one market of those; 5 is the epidemic
  assay sim bench --simpy python3    the same toy models in SimPy as well, by this Python";

/// Measure how fast the simulator is on this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Smaller markets
    #[arg(long)]
    quick: bool,
    /// Only this market of the table, by its number
    #[arg(long, value_name = "N", conflicts_with = "simpy")]
    only: Option<usize>,
    /// Measure SimPy beside it, by this Python
    #[arg(long, value_name = "PYTHON")]
    simpy: Option<String>,
}

/// What this process says of itself.
struct OwnGauge(Instant);

impl Gauge for OwnGauge {
    fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    fn bytes(&self) -> Option<u64> {
        status("VmRSS:")
    }

    fn bytes_most(&self) -> Option<u64> {
        status("VmHWM:")
    }
}

/// A number of bytes that the system says of this process; nothing where it does not.
fn status(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let gauge = OwnGauge(Instant::now());
    let sizes = if args.quick { &MarketSize::QUICK[..] } else { &MarketSize::WHOLE[..] };
    let rows = sizes.len() + 1;
    if args.only.is_some_and(|row| !(1..=rows).contains(&row)) {
        let message = format!("there is no such market: they are numbered from 1 to {rows}");
        return Err(CommandError::new(Exit::Usage, "NO_MARKET", message, "leave out --only for all of them"));
    }
    let (mut speeds, mut ratio, mut costs) = (Vec::new(), None, Vec::new());
    if args.only.is_none() {
        speeds = speed_rows(&speed::measure(&gauge), args.simpy.as_deref())?;
        ratio = speed::two_cores(&gauge);
    }
    for row in (1..=rows).filter(|row| args.only.is_none_or(|only| only == *row)) {
        invocation.printer.note(format!("market {row} of {rows}"));
        let alone = args.only.is_some();
        costs.push(if alone { measured(row, args.quick, &gauge) } else { elsewhere(row, args.quick)? });
    }
    let two_cores = json!({ "times_as_soon": ratio, "target": TWO_CORES_MIN });
    let document = json!({ "speeds": speeds, "two_cores": two_cores, "markets": costs });
    invocation.printer.document("sim-bench", &document);
    if !speeds.is_empty() {
        invocation.printer.table(&speed_table(&speeds));
    }
    if let Some(ratio) = ratio {
        let line = format!("two seeds on two cores: {ratio:.2} times as soon, {TWO_CORES_MIN} at least");
        invocation.printer.line(line);
    }
    invocation.printer.table(&cost_table(&costs));
    Ok(())
}

/// Each speed, with that of SimPy for the same.
fn speed_rows(speeds: &[Speed], simpy: Option<&str>) -> Result<Vec<Value>, CommandError> {
    let theirs = simpy.map_or(Ok(Vec::new()), of_simpy)?;
    let row = |speed: &Speed| {
        let same = theirs.iter().find(|their| their["name"] == speed.name);
        json!({
            "name": speed.name, "per_second": speed.per_second, "target": speed.target,
            "simpy_per_second": same.map(|their| their["per_second"].clone()),
        })
    };
    Ok(speeds.iter().map(row).collect())
}

/// What SimPy does a second, a document for each model.
fn of_simpy(python: &str) -> Result<Vec<Value>, CommandError> {
    let failed = |why: String| {
        let message = format!("{python} measured nothing: {why}");
        CommandError::new(Exit::Other, "SIMPY", message, "`pip install simpy` brings what it needs")
    };
    let ran = Command::new(python).args(["-c", SIMPY]).stdin(Stdio::null()).output();
    let ran = ran.map_err(|error| failed(error.to_string()))?;
    let said = String::from_utf8_lossy(&ran.stdout);
    if !ran.status.success() {
        let errors = String::from_utf8_lossy(&ran.stderr);
        return Err(failed(errors.lines().last().unwrap_or("it ended").to_owned()));
    }
    said.lines().map(|line| serde_json::from_str(line).map_err(|error| failed(error.to_string()))).collect()
}

/// What a row of the table costs, measured in this process.
fn measured(row: usize, is_quick: bool, gauge: &OwnGauge) -> Value {
    let sizes = if is_quick { &MarketSize::QUICK[..] } else { &MarketSize::WHOLE[..] };
    match sizes.get(row - 1) {
        Some(size) => market_row(&speed::market_cost(size, gauge)),
        None => {
            let peers = if is_quick { EpidemicCost::QUICK } else { EpidemicCost::WHOLE };
            epidemic_row(&speed::epidemic(peers, gauge), is_quick)
        }
    }
}

/// The same in a process of its own.
fn elsewhere(row: usize, is_quick: bool) -> Result<Value, CommandError> {
    let failed = |why: &str| {
        let hint = format!("`assay sim bench --only {row}` measures it by itself");
        CommandError::new(Exit::Other, "NOT_MEASURED", format!("market {row} was not measured: {why}"), hint)
    };
    let own = env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let mut command = Command::new(own);
    command.args(["sim", "bench", "--json", "--only", &row.to_string()]);
    command.args(is_quick.then_some("--quick")).stdin(Stdio::null());
    let ran = command.output().map_err(|error| failed(&error.to_string()))?;
    if !ran.status.success() {
        let errors = String::from_utf8_lossy(&ran.stderr);
        return Err(failed(errors.lines().last().unwrap_or("it ended")));
    }
    let document: Value = serde_json::from_slice(&ran.stdout).map_err(|error| failed(&error.to_string()))?;
    Ok(document["markets"][0].clone())
}

fn market_row(cost: &MarketCost) -> Value {
    let MarketCost { size, peers, jobs, inputs, opening, seconds, bytes, bytes_most } = cost;
    let MarketSize { opening_max, seconds_max, bytes_max, .. } = size;
    json!({
        "name": format!("{peers} peers, {jobs} jobs"), "peer_count": peers, "job_count": jobs,
        "input_count": inputs, "opening_seconds": opening, "running_seconds": seconds, "grown_bytes": bytes,
        "most_bytes": bytes_most, "opening_seconds_max": opening_max, "running_seconds_max": seconds_max,
        "most_bytes_max": bytes_max,
    })
}

fn epidemic_row(cost: &EpidemicCost, is_quick: bool) -> Value {
    let EpidemicCost { peers, reached, events, seconds, bytes_most } = cost;
    let (seconds_max, bytes_max) = match is_quick {
        true => (None, None),
        false => (Some(EpidemicCost::SECONDS_MAX), Some(EpidemicCost::BYTES_MAX)),
    };
    json!({
        "name": format!("an epidemic among {}, {reached} reached", number_of(*peers, "peer")),
        "peer_count": peers, "job_count": 0, "input_count": events, "opening_seconds": 0.0,
        "running_seconds": seconds, "grown_bytes": bytes_most, "most_bytes": bytes_most,
        "opening_seconds_max": null, "running_seconds_max": seconds_max, "most_bytes_max": bytes_max,
    })
}

fn speed_table(speeds: &[Value]) -> Table {
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

fn cost_table(costs: &[Value]) -> Table {
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
        let shown = |key: &str, digits: usize| {
            number(key).map_or_else(String::new, |number| format!("{number:.digits$}"))
        };
        let mebibytes = |key: &str| {
            number(key).map_or_else(String::new, |bytes| format!("{:.0}", bytes / f64::from(1 << 20)))
        };
        let each = |of: &str, by: &str, digits: usize| match (number(of), number(by)) {
            (Some(of), Some(by)) if by > 0.0 => format!("{:.digits$}", of / by),
            _ => String::new(),
        };
        table.row([
            shown("opening_seconds", 2),
            shown("opening_seconds_max", 0),
            shown("running_seconds", 2),
            shown("running_seconds_max", 0),
            mebibytes("most_bytes"),
            mebibytes("most_bytes_max"),
            each("input_count", "running_seconds", 0),
            each("input_count", "job_count", 1),
            each("grown_bytes", "peer_count", 0),
            cost["name"].as_str().unwrap_or_default().to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_measured_beside_what_it_may_be() {
        let gauge = OwnGauge(Instant::now());
        let size =
            MarketSize { founders: 4, clients: 2, jobs: 2, seconds_max: Some(9.0), ..MarketSize::QUICK[0] };
        let market = market_row(&speed::market_cost(&size, &gauge));
        assert_eq!((&market["job_count"], &market["running_seconds_max"]), (&json!(2), &json!(9.0)));
        let epidemic = epidemic_row(&speed::epidemic(50, &gauge), false);
        assert_eq!(epidemic["name"], "an epidemic among 50 peers, 50 reached");
        assert_eq!((&epidemic["job_count"], &epidemic["running_seconds_max"]), (&json!(0), &json!(60.0)));
    }

    #[test]
    fn what_simpy_said_stands_beside_the_speed_of_the_same_name() {
        let speed = Speed { name: "hops of a flood, 1,000 peers", per_second: 9.0, target: None };
        let alone = speed_rows(std::slice::from_ref(&speed), None).unwrap();
        assert_eq!(alone[0]["simpy_per_second"], Value::Null);
        assert!(SIMPY.contains(speed.name));
        assert!(speed_rows(&[speed], Some("/nowhere/python")).is_err());
    }
}
