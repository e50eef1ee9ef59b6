//! What can be typed, and the way from there to an exit code.

use std::{path::PathBuf, process::ExitCode};

use clap::{
    CommandFactory, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    command_error::{CommandError, Exit, habits},
    commands::{
        account, batch, chat, completion, config, demo, devnet, doctor, down, earnings, finish, help, init,
        job, key, leave, logs, man, model, network, notary, offers, pause, provide, provider, quote, receipt,
        run, serve, service, sim, status, up, version, why,
    },
    invocation::Invocation,
    printer::Printer,
    stop::{TAKEN_UP, at_once, unless_asked},
};

/// What the program is called.
const NAME: &str = "assay";
/// Threads that carry a command, the daemon's included.
const THREADS: usize = 2;

const EXAMPLES: &str = "\
First minutes:
  assay demo                          see a whole network on this machine
  assay init --network network.toml   become a peer of a network
  assay provide digits                earn credits with this machine
  assay run digits seven.png          have somebody's machine read a digit
  assay receipt verify seven.receipt  check, anywhere and offline, what became of it";

/// Rent out your machine for AI jobs, or run models on other people's machines and pay per job.
#[derive(Debug, Parser)]
#[command(name = "assay", version, after_help = EXAMPLES, max_term_width = 100, propagate_version = false, disable_help_subcommand = true)]
pub struct Cli {
    /// Folder that holds everything of this peer
    #[arg(long, global = true, value_name = "DIR", env = "ASSAY_HOME", hide_env_values = true)]
    home: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Args),
    Init(init::Args),
    Leave(leave::Args),
    Up(up::Args),
    Down(down::Args),
    Provide(provide::Args),
    #[command(subcommand)]
    Provider(provider::Verb),
    Pause(pause::PauseArgs),
    Resume(pause::ResumeArgs),
    Finish(finish::Args),
    Earnings(earnings::Args),
    Why(why::Args),
    Run(run::Args),
    Chat(chat::Args),
    #[command(subcommand)]
    Batch(batch::Verb),
    Serve(serve::Args),
    Quote(quote::Args),
    Status(status::Args),
    Doctor(doctor::Args),
    Logs(logs::Args),
    Offers(offers::Args),
    #[command(subcommand)]
    Job(job::Verb),
    Ps(job::ls::RunningArgs),
    #[command(subcommand)]
    Model(model::Verb),
    #[command(subcommand)]
    Receipt(receipt::Verb),
    #[command(subcommand)]
    Account(account::Verb),
    #[command(subcommand)]
    Config(config::Verb),
    #[command(subcommand)]
    Key(key::Verb),
    #[command(subcommand)]
    Network(network::Verb),
    #[command(subcommand)]
    Notary(notary::Verb),
    #[command(subcommand)]
    Service(service::Verb),
    #[command(subcommand)]
    Devnet(devnet::Verb),
    #[command(subcommand)]
    Sim(sim::Verb),
    Completion(completion::Args),
    Man(man::Args),
    Version(version::Args),
    Help(help::Args),
    /// Run jobs for the process that started this one.
    #[command(hide = true)]
    Worker,
}

/// Reads the command line, does what it says and reports how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    if let Verb::Worker = cli.verb {
        assay_runtime::worker::main();
    }
    let invocation = match Invocation::new(cli.home, cli.json) {
        Ok(invocation) => invocation,
        Err(failure) => return report(&Printer::new(cli.json), &failure),
    };
    let result = perform(cli.verb, &invocation).and_then(|()| invocation.printer.finish());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&invocation.printer, &failure),
    }
}

fn perform(verb: Verb, invocation: &Invocation) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let runtime = runtime.map_err(|error| {
        let hint = "close some programs: the system gives no more threads or files";
        CommandError::new(Exit::Other, "NO_THREADS", error, hint)
    })?;
    let result = runtime.block_on(dispatch(verb, invocation));
    // Whatever still waits, on a terminal for example, must not keep the process.
    runtime.shutdown_background();
    result
}

async fn dispatch(verb: Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Demo(args) => demo::perform(&args, invocation).await,
        Verb::Init(args) => {
            at_once(&invocation.printer, TAKEN_UP, async { init::perform(&args, invocation) }).await
        }
        Verb::Leave(args) => leave::perform(&args, invocation).await,
        Verb::Up(args) => up::perform(&args, invocation).await,
        Verb::Down(args) => unless_asked(down::perform(&args, invocation)).await,
        Verb::Provide(args) => unless_asked(provide::perform(&args, invocation)).await,
        Verb::Provider(verb) => unless_asked(provider::perform(&verb, invocation)).await,
        Verb::Pause(args) => unless_asked(pause::pause(&args, invocation)).await,
        Verb::Resume(args) => unless_asked(pause::resume(&args, invocation)).await,
        Verb::Finish(args) => finish::perform(&args, invocation).await,
        Verb::Earnings(args) => unless_asked(earnings::perform(&args, invocation)).await,
        Verb::Why(args) => unless_asked(why::perform(&args, invocation)).await,
        Verb::Run(args) => run::perform(&args, invocation).await,
        Verb::Chat(args) => chat::perform(&args, invocation).await,
        Verb::Batch(verb) => unless_asked(batch::perform(&verb, invocation)).await,
        Verb::Serve(args) => serve::perform(&args, invocation).await,
        Verb::Quote(args) => unless_asked(quote::perform(&args, invocation)).await,
        Verb::Status(args) => unless_asked(status::perform(&args, invocation)).await,
        Verb::Doctor(args) => unless_asked(doctor::perform(&args, invocation)).await,
        Verb::Logs(args) => logs::perform(&args, invocation).await,
        Verb::Offers(args) => unless_asked(offers::perform(&args, invocation)).await,
        Verb::Job(verb) => unless_asked(job::perform(&verb, invocation)).await,
        Verb::Ps(args) => unless_asked(job::ls::running(&args, invocation)).await,
        Verb::Model(verb) => unless_asked(model::perform(&verb, invocation)).await,
        Verb::Receipt(verb) => unless_asked(receipt::perform(&verb, invocation)).await,
        Verb::Account(verb) => unless_asked(account::perform(&verb, invocation)).await,
        Verb::Config(verb) => config::perform(&verb, invocation).await,
        Verb::Key(verb) => key::perform(&verb, invocation).await,
        Verb::Network(verb) => network::perform(&verb, invocation).await,
        Verb::Notary(verb) => unless_asked(notary::perform(&verb, invocation)).await,
        Verb::Service(verb) => service::perform(&verb, invocation).await,
        Verb::Devnet(verb) => devnet::perform(&verb, invocation).await,
        Verb::Sim(verb) => sim::perform(&verb, invocation),
        Verb::Completion(args) => completion::perform(&args, &Cli::command(), invocation),
        Verb::Man(args) => man::perform(&args, Cli::command(), invocation),
        Verb::Version(args) => version::perform(&args, invocation),
        Verb::Help(args) => help::perform(&args, Cli::command(), invocation),
        Verb::Worker => unreachable!("a worker never comes back"),
    }
}

fn report(printer: &Printer, failure: &CommandError) -> ExitCode {
    if !failure.is_told() {
        printer.failure(failure);
    }
    failure.exit().into()
}

/// What clap has to say, in our two lines, below the help of a command that is not whole; help and version are no errors.
fn refuse(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    // The arguments did not parse, so whether JSON is wanted is read off them.
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    let printer = Printer::new(is_json);
    if lacks_command(error)
        && let Ok(help) = help::of_command(Cli::command(), &typed_path())
    {
        printer.prompt(&(help + "\n"));
    }
    report(&printer, &misuse(error))
}

fn lacks_command(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand)
}

fn misuse(error: &clap::Error) -> CommandError {
    if lacks_command(error) {
        return CommandError::new(Exit::Usage, "USAGE", "a command is missing", help_hint());
    }
    let text = error.to_string();
    let mut paragraphs = text.split("\n\n").map(str::trim);
    let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let tip = paragraphs.find_map(|paragraph| paragraph.strip_prefix("tip: "));
    let hint = habit_hint(error, &message)
        .or_else(|| tip.map(|tip| tip.lines().next().unwrap_or_default().to_owned()))
        .unwrap_or_else(help_hint);
    CommandError::new(Exit::Usage, "USAGE", message, hint)
}

/// How it is said here, where it was typed as other tools have it.
fn habit_hint(error: &clap::Error, message: &str) -> Option<String> {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(name)) => Some(name.as_str()),
        _ => None,
    };
    let kind = error.kind();
    if kind == ErrorKind::InvalidSubcommand {
        let typed = named(ContextKind::InvalidSubcommand).filter(|_| typed_command() == NAME);
        typed.and_then(habits::command).map(str::to_owned)
    } else if kind == ErrorKind::UnknownArgument {
        named(ContextKind::InvalidArg).and_then(|flag| habits::flag(&typed_command(), flag))
    } else if matches!(kind, ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        named(ContextKind::InvalidArg).and_then(|argument| habits::value(&typed_command(), argument))
    } else if kind == ErrorKind::MissingRequiredArgument {
        habits::missing(&typed_command(), message.trim())
    } else {
        None
    }
}

/// What answers the question: the help of the command that was typed.
fn help_hint() -> String {
    format!("`{} --help` shows what can be said, with examples", typed_command())
}

/// The command that was typed, as far as there is one.
fn typed_command() -> String {
    let path: Vec<String> = [NAME.to_owned()].into_iter().chain(typed_path()).collect();
    path.join(" ")
}

/// The names of the command that was typed, as far as one was.
fn typed_path() -> Vec<String> {
    let root = Cli::command();
    let (mut command, mut path) = (&root, Vec::new());
    // What is typed need be no text, and whatever names a command is.
    let words = std::env::args_os().skip(1).filter_map(|word| word.into_string().ok());
    for word in words.filter(|word| !word.starts_with('-')) {
        let Some(next) = command.find_subcommand(&word) else { continue };
        path.push(word);
        command = next;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands that this one has, with itself.
    fn commands(command: &clap::Command) -> Vec<&clap::Command> {
        let below = command.get_subcommands().flat_map(commands);
        std::iter::once(command).chain(below).collect()
    }

    #[test]
    fn an_amount_below_nought_is_an_amount_everywhere_and_no_flag() {
        let root = Cli::command();
        let arguments = commands(&root).into_iter().flat_map(clap::Command::get_arguments);
        let takes_credits = |argument: &&clap::Arg| {
            let names = argument.get_value_names().unwrap_or_default();
            names.iter().any(|name| name.as_str() == "CREDITS")
        };
        let amounts: Vec<&clap::Arg> = arguments.filter(takes_credits).collect();
        assert!(amounts.len() > 10, "only {} amounts were found", amounts.len());
        for amount in amounts {
            assert!(amount.is_allow_negative_numbers_set(), "{}", amount.get_id());
        }
    }
}
