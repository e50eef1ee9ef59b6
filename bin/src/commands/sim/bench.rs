//! `assay sim bench`: how fast the simulator is on this machine, beside what it should be and beside SimPy.
//!
//! **Invariant:** what a large market costs is measured in a process of its own: what one before it has left of memory is not
//! counted as its own, nor hidden by it.

use std::{
    env, fs, io,
    io::Read,
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use assay_simulations::lab::speed::{
    self, EpidemicCost, Gauge, MarketCost, MarketSize, SIMPY, Speed, TWO_CORES_MIN,
};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    commands::run::input,
    invocation::Invocation,
    printer::{Table, number_of},
};

/// How long each market of the table may take, if nothing is said: five of them, and all speeds, take less than twenty minutes.
const LIMIT: &str = "210s";

const EXAMPLES: &str = "\
Examples:
  assay sim bench                    speeds, and what markets of up to a million peers cost: a quarter of an hour
  assay sim bench --quick            the same with smaller markets: two minutes
  assay sim bench --scale 10         a tenth of the jobs, the clients and the idle peers of each
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
    /// Measure it in this process, which was begun for it
    #[arg(long, hide = true, requires = "only")]
    here: bool,
    /// So many hundredths of the jobs, the clients and the idle peers of each market
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    scale: u16,
    /// How long each market of the table may take, such as 210s or 10m; what takes longer is ended
    #[arg(long, value_name = "TIME", default_value = LIMIT, value_parser = input::length)]
    limit: Duration,
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
    let rows = sizes(args).len() + 1;
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
        costs.push(if args.here { measured(row, args, &gauge) } else { elsewhere(row, args)? });
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

/// The markets of the table; behind them comes the epidemic.
fn sizes(args: &Args) -> Vec<MarketSize> {
    let sizes = if args.quick { &MarketSize::QUICK[..] } else { &MarketSize::WHOLE[..] };
    sizes.iter().map(|size| size.scaled(usize::from(args.scale))).collect()
}

/// What a row of the table costs, measured in this process.
fn measured(row: usize, args: &Args, gauge: &OwnGauge) -> Value {
    match sizes(args).get(row - 1) {
        Some(size) => market_row(&speed::market_cost(size, gauge)),
        None => {
            let peers = EpidemicCost::peers(args.quick, usize::from(args.scale));
            epidemic_row(&speed::epidemic(peers, gauge), peers == EpidemicCost::WHOLE)
        }
    }
}

/// A row that was ended because it took too long.
fn unfinished_row(row: usize, args: &Args) -> Value {
    let (peers, what) = match sizes(args).get(row - 1) {
        Some(MarketSize { founders, clients, idle, jobs, .. }) => {
            let peers = 1 + founders + clients + idle;
            (peers, format!("{peers} peers, {jobs} jobs"))
        }
        None => {
            let peers = EpidemicCost::peers(args.quick, usize::from(args.scale));
            (peers, format!("an epidemic among {}", number_of(peers, "peer")))
        }
    };
    let limit = match args.limit.as_secs() {
        0 => format!("{} ms", args.limit.as_millis()),
        seconds => format!("{seconds} s"),
    };
    json!({
        "name": format!("{what}: not done within {limit}"), "peer_count": peers,
        "job_count": 0, "input_count": 0, "opening_seconds": null, "running_seconds": null, "grown_bytes": null,
        "most_bytes": null, "opening_seconds_max": null, "running_seconds_max": null, "most_bytes_max": null,
    })
}

/// The same in a process of its own.
fn elsewhere(row: usize, args: &Args) -> Result<Value, CommandError> {
    let failed = |why: &str| {
        let hint = match args.only {
            Some(_) => {
                "a part of it may be measured all the same: `assay sim bench --help` says how".to_owned()
            }
            None => format!("`assay sim bench --only {row}` measures it by itself"),
        };
        CommandError::new(Exit::Other, "NOT_MEASURED", format!("market {row} was not measured: {why}"), hint)
    };
    let own = env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let mut command = Command::new(own);
    command.args(["sim", "bench", "--json", "--here", "--only", &row.to_string()]);
    command.args(["--scale", &args.scale.to_string()]);
    command.args(args.quick.then_some("--quick")).stdin(Stdio::null());
    let ran = within(command, args.limit).map_err(|error| failed(&error.to_string()))?;
    let Some(ran) = ran else { return Ok(unfinished_row(row, args)) };
    if !ran.status.success() {
        let errors = String::from_utf8_lossy(&ran.stderr);
        return Err(failed(errors.lines().last().unwrap_or("it ended")));
    }
    let document: Value = serde_json::from_slice(&ran.stdout).map_err(|error| failed(&error.to_string()))?;
    Ok(document["markets"][0].clone())
}

/// What a process says that ends within so long; one that does not is ended.
fn within(mut command: Command, limit: Duration) -> io::Result<Option<Output>> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (mut out, mut aside) = (child.stdout.take(), child.stderr.take());
    let (sender, said) = mpsc::channel();
    thread::spawn(move || {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        // It says little beside its one document, so neither waits for the other.
        let read = out.iter_mut().try_for_each(|pipe| pipe.read_to_end(&mut stdout).map(|_| ()));
        let read = read.and(aside.iter_mut().try_for_each(|pipe| pipe.read_to_end(&mut stderr).map(|_| ())));
        // Nobody listens any more to one that took too long.
        let _ = sender.send(read.map(|()| (stdout, stderr)));
    });
    if let Ok(said) = said.recv_timeout(limit) {
        let (stdout, stderr) = said?;
        return Ok(Some(Output { status: child.wait()?, stdout, stderr }));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
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

fn epidemic_row(cost: &EpidemicCost, is_whole: bool) -> Value {
    let EpidemicCost { peers, reached, events, seconds, bytes_most } = cost;
    let (seconds_max, bytes_max) = match is_whole {
        true => (Some(EpidemicCost::SECONDS_MAX), Some(EpidemicCost::BYTES_MAX)),
        false => (None, None),
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
        let epidemic = epidemic_row(&speed::epidemic(50, &gauge), true);
        assert_eq!(epidemic["name"], "an epidemic among 50 peers, 50 reached");
        assert_eq!((&epidemic["job_count"], &epidemic["running_seconds_max"]), (&json!(0), &json!(60.0)));
    }

    #[cfg(unix)]
    #[test]
    fn what_takes_too_long_is_ended_and_stands_in_the_table_as_such() {
        let mut quick = Command::new("echo");
        quick.arg("done");
        let said = within(quick, Duration::from_secs(600)).unwrap();
        assert_eq!(said.map(|said| said.stdout), Some(b"done\n".to_vec()));
        let mut slow = Command::new("sleep");
        slow.arg("600");
        assert!(within(slow, Duration::from_millis(1)).unwrap().is_none());
        let limit = Duration::from_secs(9);
        let args = Args { quick: false, only: None, here: false, scale: 10, limit, simpy: None };
        let names = [1, 5].map(|row| unfinished_row(row, &args)["name"].clone());
        assert_eq!(names[0], "159 peers, 100000 jobs: not done within 9 s");
        assert_eq!(names[1], "an epidemic among 100000 peers: not done within 9 s");
        assert_eq!(cost_table(&[unfinished_row(1, &args)]).plain().lines().count(), 1);
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
