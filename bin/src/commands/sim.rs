//! `assay sim`: experiments in virtual time, with the brain of real peers; nothing here touches a home or a network.
//!
//! **Invariant:** equal scenarios, seeds and versions write equal files.

mod attack;
mod attack_folder;
mod bench;
mod compare;
mod experiment_folder;
mod judge;
mod merge;
mod new;
mod own_build;
mod programs;
mod replay;
mod report;
mod run;
mod saved;
mod seed_folder;
mod seek;
mod seek_budget;
mod shrink;
mod sweep;
mod sweep_folder;
mod under_way;
mod validate;

use std::fs;

use assay_simulations::{
    behaviour::StrategyFailure,
    lab::{experiment::ExperimentError, scenario::Scenario, shipped},
};
use clap::builder::TypedValueParser;
use serde_json::json;

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Table, number_of},
};

/// The largest file of a scenario.
const FILE_BYTES_MAX: u64 = 1 << 16;

/// Run experiments on simulated markets, and check the simulator itself.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    List(ListArgs),
    New(new::Args),
    Explain(ScenarioArgs),
    Check(CheckArgs),
    Resolve(ResolveArgs),
    Run(run::Args),
    Sweep(sweep::Args),
    Merge(merge::Args),
    Compare(compare::Args),
    Replay(replay::Args),
    Report(report::Args),
    Attack(attack::Args),
    Judge(judge::Args),
    Seek(seek::Args),
    Shrink(shrink::Args),
    Validate(validate::Args),
    Bench(bench::Args),
}

/// List the scenarios that come with the program.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  assay sim list    what can be run, and what each asks")]
pub(crate) struct ListArgs;

/// Say what a scenario asks, and print its file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  assay sim explain churn    a file to begin a scenario of your own with")]
pub(crate) struct ScenarioArgs {
    /// A scenario by name, or its file
    #[arg(value_name = "SCENARIO")]
    scenario: String,
}

/// Read a scenario, and say how large it is, without running it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assay sim check mine.toml    peers and orders that are expected, and the most events"
)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    of: ScenarioArgs,
}

/// Print a scenario with everything that it leaves to defaults.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  assay sim resolve churn    a file that extends nothing")]
pub(crate) struct ResolveArgs {
    #[command(flatten)]
    of: ScenarioArgs,
}

/// The seeds of an experiment.
#[derive(Debug, clap::Args)]
pub(crate) struct SeedArgs {
    /// How many seeds, instead of what the scenario says
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(i64).range(1..=10_000).map(i64::unsigned_abs),
        allow_negative_numbers = true
    )]
    seeds: Option<u64>,
    /// The first of them
    #[arg(
        long,
        value_name = "SEED",
        default_value_t = 1,
        value_parser = clap::value_parser!(i64).range(0..).map(i64::unsigned_abs),
        allow_negative_numbers = true
    )]
    first_seed: u64,
}

pub(crate) fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::List(ListArgs) => list(invocation),
        Verb::New(args) => new::perform(args, invocation),
        Verb::Explain(args) => explain(args, invocation),
        Verb::Check(args) => check(&args.of, invocation),
        Verb::Resolve(args) => resolve(&args.of, invocation),
        Verb::Run(args) => run::perform(args, invocation),
        Verb::Sweep(args) => sweep::perform(args, invocation),
        Verb::Merge(args) => merge::perform(args, invocation),
        Verb::Compare(args) => compare::perform(args, invocation),
        Verb::Replay(args) => replay::perform(args, invocation),
        Verb::Report(args) => report::perform(args, invocation),
        Verb::Attack(args) => attack::perform(args, invocation),
        Verb::Judge(args) => judge::perform(args, invocation),
        Verb::Seek(args) => seek::perform(args, invocation),
        Verb::Shrink(args) => shrink::perform(args, invocation),
        Verb::Validate(args) => validate::perform(args, invocation),
        Verb::Bench(args) => bench::perform(args, invocation),
    }
}

fn list(invocation: &Invocation) -> Result<(), CommandError> {
    let scenarios: Vec<Scenario> =
        shipped::ALL.iter().map(|(name, _)| read(name)).collect::<Result<_, _>>()?;
    let mut table = Table::new(["SCENARIO", "QUESTION"]);
    scenarios.iter().for_each(|each| table.row([each.name.clone(), each.question.clone()]));
    let listed = scenarios.iter().map(|each| json!({ "name": each.name, "question": each.question }));
    invocation.printer.document("sim-list", &json!({ "scenarios": listed.collect::<Vec<_>>() }));
    invocation.printer.table(&table);
    Ok(())
}

fn explain(args: &ScenarioArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let scenario = read(&args.scenario)?;
    let text = text(&args.scenario)?;
    let programs = scenario.programs();
    let document = json!({
        "name": scenario.name, "question": scenario.question, "text": text, "program_lines": programs,
    });
    invocation.printer.document("sim-explain", &document);
    invocation.printer.line(format!("# {}", scenario.question));
    for program in programs {
        invocation.printer.line(format!("# It starts `{program}` with your rights."));
    }
    text.lines().for_each(|line| invocation.printer.line(line.to_owned()));
    Ok(())
}

fn check(args: &ScenarioArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let scenario = read(&args.scenario)?;
    let peers = scenario.peers();
    let Scenario { seeds, events_max, takes, .. } = scenario;
    let (orders, hash) = (scenario.orders(), scenario.hash());
    let programs = scenario.programs();
    let document = json!({
        "hash": hash, "peer_count": peers, "order_count": orders, "seeds": seeds, "events_max": events_max,
        "program_lines": programs,
    });
    invocation.printer.document("sim-check", &document);
    invocation.printer.line(format!(
        "{} ({hash}): {}, about {} a run, {}, at most {} a run",
        scenario.name,
        number_of(peers, "peer"),
        number_of(orders, "order"),
        number_of(seeds, "seed"),
        number_of(events_max, "event"),
    ));
    if takes > 0 {
        let seconds = takes / 1_000_000_000;
        invocation.printer.line(format!("its own seeds take about {seconds} s of one core"));
    }
    for program in programs {
        invocation.printer.line(format!("it starts `{program}` with your rights, once for each run"));
    }
    Ok(())
}

fn resolve(args: &ScenarioArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let resolved = read(&args.scenario)?.resolved();
    invocation.printer.document("sim-resolve", &json!({ "text": resolved }));
    resolved.lines().for_each(|line| invocation.printer.line(line.to_owned()));
    Ok(())
}

fn failed(error: &ExperimentError) -> CommandError {
    match error {
        ExperimentError::Unlike { .. } => {
            let hint = "a program that decides for peers may read no clock, and draws its luck from the seed; \
                        if there is none, please report the scenario and the seed";
            CommandError::new(Exit::Unlike, "NOT_DETERMINISTIC", error, hint)
        }
        ExperimentError::TooManyEvents { .. } => {
            CommandError::new(Exit::Usage, "TOO_LARGE", error, "set a larger `max_events` under [run]")
        }
        ExperimentError::Strategy { why: StrategyFailure::NotStarted(_), .. } => {
            let hint = "its path begins in the folder that you are in, not in that of the scenario";
            CommandError::new(Exit::Other, "STRATEGY_FAILED", error, hint)
        }
        ExperimentError::Strategy { .. } => {
            let hint = "start the program by itself: it must answer each line of JSON with one";
            CommandError::new(Exit::Other, "STRATEGY_FAILED", error, hint)
        }
        ExperimentError::Unsettled { .. } => {
            CommandError::new(Exit::Other, "UNSETTLED", error, "some behaviour keeps a job open for ever")
        }
    }
}

/// A scenario that comes with the program, or a file.
fn read(scenario: &str) -> Result<Scenario, CommandError> {
    let text = text(scenario)?;
    Scenario::read(scenario, &text, &shipped::text).map_err(|error| {
        let hint = "`assay sim explain fraud-vs-check-rate` shows a scenario that can be run";
        CommandError::new(Exit::Usage, "BAD_SCENARIO", error, hint)
    })
}

fn text(scenario: &str) -> Result<String, CommandError> {
    if let Some(text) = shipped::text(scenario) {
        return Ok(text);
    }
    let is_small = fs::metadata(scenario).is_ok_and(|file| file.is_file() && file.len() <= FILE_BYTES_MAX);
    let text = if is_small { fs::read_to_string(scenario).ok() } else { None };
    text.ok_or_else(|| {
        let message =
            format!("{scenario} is neither a scenario that comes with the program nor a file of one");
        CommandError::new(
            Exit::NotFound,
            "NO_SCENARIO",
            message,
            "`assay sim list` names those that come with it",
        )
    })
}
