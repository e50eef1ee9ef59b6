//! `assay sim bench`: how fast the simulator is on this machine, beside what it should be and beside SimPy.
//!
//! **Invariant:** what a large market costs is measured in a process of its own: what one before it has left of memory is not
//! counted as its own, nor hidden by it.

mod part;
mod shown;

use std::{
    env, fs, io,
    io::Read,
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use assay_simulations::lab::speed::{self, Gauge, SIMPY, Speed, TWO_CORES_MIN};
use serde_json::{Value, json};

use self::part::{BenchPart, Only};
use crate::{
    command_error::{CommandError, Exit},
    commands::run::input,
    invocation::Invocation,
};

/// How long each market may take, if nothing is said: all of them, and all speeds, take little more than an hour where each is ended.
const LIMIT: &str = "210s";

const EXAMPLES: &str = "\
Examples:
  assay sim bench                    speeds, and what markets of up to a million peers cost: twenty minutes
  assay sim bench --quick            the same with smaller markets: two minutes
  assay sim bench --scale 10         a tenth of the jobs, the clients and the idle peers of each
  assay sim bench --only 3           one market of those; 5 is the epidemic
  assay sim bench --only watch       how much longer a market takes whose every rule is asked
  assay sim bench --only growth      how costs grow with peers, jobs and providers, beside n log n
  assay sim bench --simpy python3    the same toy models in SimPy as well, by this Python";

/// Measure how fast the simulator is on this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Smaller markets
    #[arg(long)]
    quick: bool,
    /// Only this: a market of the table by its number, `watch` or `growth`
    #[arg(long, value_name = "WHAT", conflicts_with = "simpy", value_parser = Only::read)]
    only: Option<Only>,
    /// Measure this part in this process, which was begun for it
    #[arg(long, hide = true)]
    here: Option<usize>,
    /// So many hundredths of the jobs, the clients and the idle peers of each market
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    scale: u16,
    /// How long each market may take, such as 210s or 10m; what takes longer is ended
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
    let parts = BenchPart::all(args.quick, usize::from(args.scale));
    let rows = parts.iter().filter_map(|part| part.row()).count();
    let is_unknown = |only: Only| matches!(only, Only::Market(row) if !(1..=rows).contains(&row));
    let own = args.here.map(|number| parts.get(number).copied());
    if own == Some(None) || args.only.is_some_and(is_unknown) {
        let message = format!("there is no such market: they are numbered from 1 to {rows}");
        return Err(CommandError::new(Exit::Usage, "NO_MARKET", message, "leave out --only for all of them"));
    }
    if let Some(part) = own.flatten() {
        let row = part.measured(&gauge);
        invocation.printer.document("sim-bench", &shown::document(&[], None, &[(part, row)]));
        return Ok(());
    }
    let (mut speeds, mut ratio) = (Vec::new(), None);
    if args.only.is_none() {
        speeds = speed_rows(&speed::measure(&gauge), args.simpy.as_deref())?;
        ratio = speed::two_cores(&gauge);
    }
    let is_wanted = |part: &BenchPart| args.only.is_none_or(|only| part.only() == only);
    let wanted: Vec<(usize, BenchPart)> =
        parts.into_iter().enumerate().filter(|(_, part)| is_wanted(part)).collect();
    let mut measured = Vec::new();
    for (number, part) in &wanted {
        invocation.printer.note(format!("{} of {}: {}", measured.len() + 1, wanted.len(), part.called()));
        measured.push((*part, elsewhere(*number, *part, args)?));
    }
    let document = shown::document(&speeds, ratio, &measured);
    invocation.printer.document("sim-bench", &document);
    tell(&document, ratio, invocation);
    Ok(())
}

/// The same in words.
fn tell(document: &Value, ratio: Option<f64>, invocation: &Invocation) {
    let printer = &invocation.printer;
    let rows = |key: &str| document[key].as_array().map_or(&[][..], Vec::as_slice);
    if !rows("speeds").is_empty() {
        printer.table(&shown::speed_table(rows("speeds")));
    }
    if let Some(ratio) = ratio {
        printer.line(format!("two seeds on two cores: {ratio:.2} times as soon, {TWO_CORES_MIN} at least"));
    }
    if !rows("markets").is_empty() {
        printer.table(&shown::cost_table(rows("markets")));
    }
    if let Some(line) = shown::watched(&document["watch"]) {
        printer.line(line);
    }
    if !rows("growth").is_empty() {
        printer.table(&shown::growth_table(rows("growth")));
    }
    let lines = shown::slopes(rows("growth")).into_iter().chain(shown::shortcomings(document));
    lines.for_each(|line| printer.line(line));
}

/// Each speed, with that of SimPy for the same.
fn speed_rows(speeds: &[Speed], simpy: Option<&str>) -> Result<Vec<Value>, CommandError> {
    let theirs = simpy.map_or(Ok(Vec::new()), of_simpy)?;
    let row = |speed: &Speed| {
        let same = theirs.iter().find(|their| their["name"] == speed.name);
        let is_short = speed.target.is_some_and(|target| speed.per_second < target);
        json!({
            "name": speed.name, "per_second": speed.per_second, "target": speed.target,
            "simpy_per_second": same.map(|their| their["per_second"].clone()),
            "bound_by": speed.bounded_by.filter(|_| is_short),
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

/// A part, measured in a process of its own.
fn elsewhere(number: usize, part: BenchPart, args: &Args) -> Result<Value, CommandError> {
    let failed = |why: &str| {
        let hint = match args.only {
            Some(_) => {
                "a part of it may be measured all the same: `assay sim bench --help` says how".to_owned()
            }
            None => format!("`assay sim bench --only {}` measures it by itself", part.typed()),
        };
        let message = format!("{} was not measured: {why}", part.called());
        CommandError::new(Exit::Other, "NOT_MEASURED", message, hint)
    };
    let own = env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let mut command = Command::new(own);
    command.args(["sim", "bench", "--json", "--here", &number.to_string()]);
    command.args(["--scale", &args.scale.to_string()]);
    command.args(args.quick.then_some("--quick")).stdin(Stdio::null());
    let ran = within(command, args.limit).map_err(|error| failed(&error.to_string()))?;
    let Some(ran) = ran else { return Ok(part.unfinished(args.limit)) };
    if !ran.status.success() {
        let errors = String::from_utf8_lossy(&ran.stderr);
        return Err(failed(errors.lines().last().unwrap_or("it ended")));
    }
    let document: Value = serde_json::from_slice(&ran.stdout).map_err(|error| failed(&error.to_string()))?;
    Ok(part.row_in(&document))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_takes_too_long_is_ended() {
        let mut quick = Command::new("echo");
        quick.arg("done");
        let said = within(quick, Duration::from_secs(600)).unwrap();
        assert_eq!(said.map(|said| said.stdout), Some(b"done\n".to_vec()));
        let mut slow = Command::new("sleep");
        slow.arg("600");
        assert!(within(slow, Duration::from_millis(1)).unwrap().is_none());
    }

    #[test]
    fn what_simpy_said_stands_beside_the_speed_of_the_same_name() {
        let name = "hops of a flood, 1,000 peers";
        let speed = Speed { name, per_second: 9.0, target: None, bounded_by: None };
        let alone = speed_rows(std::slice::from_ref(&speed), None).unwrap();
        assert_eq!(alone[0]["simpy_per_second"], Value::Null);
        assert!(SIMPY.contains(speed.name));
        assert!(speed_rows(&[speed], Some("/nowhere/python")).is_err());
    }

    #[test]
    fn a_speed_says_what_bounds_it_where_it_is_short() {
        for (per_second, bound) in [(9.0, Value::Null), (7.0, json!("a wall"))] {
            let speed = Speed { name: "steps", per_second, target: Some(8.0), bounded_by: Some("a wall") };
            assert_eq!(speed_rows(&[speed], None).unwrap()[0]["bound_by"], bound);
        }
    }
}
