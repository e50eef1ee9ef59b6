//! `assay batch run`: begins a batch, or goes on with the same one.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use assay_gateway::{
    BATCH_BYTES_MAX, BatchCourse, BatchDaemon, BatchError, BatchFolder, BatchGear, BatchLines, BatchLock,
    BatchPlan, BatchSign, LineLog, TOKENS_USUAL, affordable,
};
use assay_peer::{
    config::Settings,
    handle::{CallError, FindModel, Refused},
};
use assay_protocol::{id::Digest, manifest::Manifest, units::Amount};

use super::{
    home_batches,
    notary_vigil::{note_of, until_gone},
    report::{BatchReport, write_answers},
    standstill::Standstill,
};
use crate::{
    command_error::{CommandError, Exit},
    commands::run::{input, tell_who_reads},
    credits::credits,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{number_of, short},
    stop,
};

/// Answers that are being written at a time, where nobody says.
const CONCURRENCY: u16 = 8;

const EXAMPLES: &str = "\
Examples:
  assay batch run questions.jsonl -o answers.jsonl               answer every line; say it again after an end, and it goes on
  assay batch run questions.jsonl -o answers.jsonl --max-cost 5  spend at most 5 credits on all of them
  assay batch run - -o answers.jsonl < questions.jsonl           read the lines from standard input
  assay batch run questions.jsonl -o more.jsonl --label second   the same questions once more, as another batch

A line is a request as OpenAI's batches have it, for /v1/chat/completions if it does not say:
  {\"custom_id\":\"first\",\"body\":{\"model\":\"sums\",\"messages\":[{\"role\":\"user\",\"content\":\"27+58=\"}]}}

Exit status: 0 if every line is answered, 11 if some are; if none is, what came between, such as 6 if nobody takes them, 7 if
there is no money or 8 if all of them failed.";

/// Have every line of a file answered, each once.
///
/// A line is a request, and is answered in a line of the output that has the same custom_id, in the same order. All lines are
/// read before the first is ordered. Each answer is recorded once its job is closed. Whatever ends this, the same command goes
/// on where it was, and pays nothing twice.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file with the requests, or - for standard input
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// Where the answers go
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// The most that all lines may cost, fees included, in credits
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    max_cost: Option<Amount>,
    /// The most tokens of an answer where a line does not say; 256, or fewer where those cost more than may be spent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// Answers that are being written at a time; 8 at first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: Option<u16>,
    /// Tells it from another batch of the same lines
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let output = output(&args.output, &args.input)?;
    let bytes = bytes_of(&args.input)?;
    let content = Digest::of(&bytes);
    let lines = BatchLines::read(bytes.clone(), args.max_tokens.unwrap_or(TOKENS_USUAL))?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let mut manifests = BTreeMap::new();
    for name in lines.models()? {
        let manifest = input::model(&name, &daemon, invocation).await?;
        manifests.insert(name, manifest);
    }
    lines.check(&manifests)?;
    lines.check_chances(&manifests, &daemon.handle).await?;
    let (lines, tokens_max) = of_length(args, (content, lines), &manifests, &daemon, invocation).await?;
    let models: BTreeMap<String, Digest> =
        manifests.iter().map(|(name, manifest)| (name.clone(), manifest.digest())).collect();
    let name = BatchPlan::name_of(content, tokens_max, &models, args.label.as_deref());
    let folder = BatchFolder::of(&invocation.home.batches(), name);
    folder.make()?;
    let lock = folder.lock(name).await?;
    let known = folder.plan()?;
    let before = |of: fn(&BatchPlan) -> Option<Amount>| known.as_ref().and_then(of);
    let plan = BatchPlan {
        name,
        label: args.label.clone(),
        content,
        input: args.input.display().to_string(),
        output,
        begun: known.as_ref().map_or_else(jiff::Timestamp::now, |plan| plan.begun),
        lines: lines.count(),
        tokens_max,
        models,
        // Who says the same again without it has not taken it back.
        cost_max: args.max_cost.or(before(|plan| plan.cost_max)),
        concurrency: args.concurrency.or(known.as_ref().map(|plan| plan.concurrency)).unwrap_or(CONCURRENCY),
    };
    match known {
        Some(_) => folder.keep(&plan)?,
        None => {
            refuse_another_model(&plan, invocation)?;
            folder.begin(&plan, &mut bytes.as_slice())?;
        }
    }
    tell_who_reads(invocation);
    carry_out((&folder, lock), &plan, (&lines, &manifests), &daemon, invocation).await
}

/// The lines with the length of answers where they say none.
async fn of_length(
    args: &Args,
    (content, lines): (Digest, BatchLines),
    manifests: &BTreeMap<String, Manifest>,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<(BatchLines, u32), CommandError> {
    let known = home_batches::length_begun_with(content, args.label.as_deref(), invocation)?;
    if let Some(tokens_max) = args.max_tokens.or(known) {
        return Ok((lines.with_tokens_max(tokens_max), tokens_max));
    }
    let most = affordable(lines.clone(), TOKENS_USUAL, manifests, args.max_cost, &daemon.handle).await?;
    if most < TOKENS_USUAL {
        invocation.printer.note(format!(
            "note: where a line does not say, its answer has at most {}: more may cost more than may be spent; --max-tokens says how many",
            number_of(most, "token")
        ));
    }
    Ok((lines.with_tokens_max(most), most))
}

/// The same lines were asked of another model that went by the same name: whoever says that again wants to go on.
fn refuse_another_model(plan: &BatchPlan, invocation: &Invocation) -> Result<(), CommandError> {
    let asked = |plan: &BatchPlan| (plan.content, plan.tokens_max, plan.label.clone());
    let all = home_batches::all(invocation)?;
    let Some((_, other)) = all.into_iter().find(|(_, other)| asked(other) == asked(plan)) else {
        return Ok(());
    };
    let differs = plan.models.iter().find(|(name, model)| other.models.get(*name) != Some(model));
    let (model, other) = (differs.map_or("", |(name, _)| name), short(other.name));
    let message = format!("these lines were begun as batch {other}, and {model} is another model since");
    let hint = format!(
        "`assay batch resume {other}` goes on with the one of then; --label TEXT asks the one of now"
    );
    Err(CommandError::new(Exit::Usage, "OTHER_MODEL", message, hint))
}

/// What is in a file, or comes in, as far as a batch may be long.
fn bytes_of(path: &Path) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().take(BATCH_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(BATCH_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        let message = format!("the batch {} cannot be read: {error}", path.display());
        CommandError::new(Exit::Usage, "FILE", message, "name a file, or - for standard input")
    })?;
    if bytes.len() as u64 > BATCH_BYTES_MAX {
        return Err(BatchError::ManyBytes { most: BATCH_BYTES_MAX }.into());
    }
    Ok(bytes)
}

/// Where answers can go: a file that is there or can be made, and not what is asked.
pub(super) fn output(path: &Path, input: &Path) -> Result<PathBuf, CommandError> {
    let refused = |why: &str| {
        let message = format!("the answers cannot go to {}: {why}", path.display());
        CommandError::new(
            Exit::Usage,
            "FILE",
            message,
            "name a file with -o, in a folder that can be written",
        )
    };
    // What is replaced is what a link leads to.
    let whole = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(path),
        whole => whole,
    };
    let whole = whole.map_err(|error| refused(&error.to_string()))?;
    if whole.to_str().is_none() {
        return Err(refused("its name is not UTF-8"));
    }
    if path == Path::new("-") || whole.exists() && !whole.is_file() {
        return Err(refused("it is no file"));
    }
    if fs::canonicalize(input).is_ok_and(|input| input == whole) {
        return Err(refused("the lines are in it"));
    }
    let folder = whole.parent().unwrap_or(Path::new("/"));
    // Known before anything is spent, and gone at once.
    tempfile::NamedTempFile::new_in(folder).map_err(|error| refused(&error.to_string()))?;
    Ok(whole)
}

/// The models that a batch was begun with.
pub(super) async fn manifests(
    plan: &BatchPlan,
    daemon: &RunningDaemon,
) -> Result<BTreeMap<String, Manifest>, CommandError> {
    let mut manifests = BTreeMap::new();
    for (name, digest) in &plan.models {
        let found = match daemon.handle.call(FindModel { name: digest.to_string() }).await {
            Err(CallError::Refused(Refused::UnknownManifest { .. })) => {
                let message = format!("the model {name} that the batch was begun with is not known any more");
                let hint = "wait until somebody offers it; `assay offers` lists what there is";
                return Err(CommandError::new(Exit::NotFound, "UNKNOWN_MODEL", message, hint));
            }
            found => found?,
        };
        manifests.insert(name.clone(), found.manifest);
    }
    Ok(manifests)
}

/// Goes on with a batch until it is done or has to stop, and writes what there is.
pub(super) async fn carry_out(
    (folder, _lock): (&BatchFolder, BatchLock),
    plan: &BatchPlan,
    (lines, manifests): (&BatchLines, &BTreeMap<String, Manifest>),
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    folder.want()?;
    let (name, printer) = (short(plan.name), &invocation.printer);
    printer
        .note(format!("batch {name}: whatever ends this, `assay batch resume {name}` goes on where it was"));
    let spinner = printer.spinner("looking what was ordered before");
    let settings = Settings::read(&invocation.home)?.client;
    let (unit, was_told) = (daemon.unit(), AtomicBool::new(false));
    let tell = |sign| {
        spinner.say(&progress(sign, plan));
        if let Some(note) = held(sign, plan, unit)
            && !was_told.swap(true, Ordering::Relaxed)
        {
            printer.note(note);
        }
    };
    let gear = BatchGear { folder, plan, lines, manifests, settings, tell: &tell };
    let carried = async {
        let watched = BatchDaemon::watch(&invocation.home, &tell, daemon.handle.clone()).await?;
        let carried = BatchCourse::begin(gear, watched, folder.open_log(plan)?).await?.carry_out().await?;
        Ok::<_, CommandError>(carried)
    };
    let carried = tokio::select! {
        carried = carried => carried,
        exit = stop::asked() => Err(left(exit, plan)),
        gone = until_gone(&invocation.home, plan, without_notary, printer) => Err(gone),
    };
    spinner.end();
    // Whatever ended it, what there is is there to read.
    let log = folder.log(plan)?;
    let written = write_answers(folder, plan, &log);
    let stop = carried.map_err(|failure| stands(folder, &log, failure))?;
    written?;
    let mut report = BatchReport::at_rest(folder, plan, &log);
    let still = stop.filter(|_| report.left() > 0).map(|stop| Standstill::of(&stop, &report, unit));
    report.stop = still.as_ref().map(|still| still.note.clone());
    if let Some(note) = &report.stop {
        // Where the disk takes nothing more, whoever looks later is told less.
        let _ = folder.keep_stop(note);
    }
    printer.document("batch", &report.document(unit));
    printer.line(report.line(unit));
    printer.note(format!("answers: {}", plan.output.display()));
    report.judge(still.as_ref())
}

/// A failure for which it stands, as whoever looks later is told of it: where something was spent it ends as one in part.
fn stands(folder: &BatchFolder, log: &LineLog, failure: CommandError) -> CommandError {
    let Some(note) = note_of(&failure) else { return failure };
    // Where the disk takes nothing more, whoever looks later is told less.
    let _ = folder.keep_stop(&note);
    let is_in_part = log.tally().answered > 0 || !log.spent().is_zero();
    if is_in_part { failure.ending(Exit::Partly) } else { failure }
}

/// How far it is.
fn progress(sign: BatchSign, plan: &BatchPlan) -> String {
    match (sign, plan.cost_max) {
        (BatchSign::Away, _) => "the daemon is away; waiting for it".to_owned(),
        (BatchSign::Progress { tally, open, is_cancelled: true, .. }, _) => {
            let (done, all) = (tally.answered + tally.failed, plan.lines);
            format!("cancelling: {open} under way, {done} of {all} done")
        }
        (BatchSign::Progress { tally, open, spent, is_held, .. }, cost_max) => {
            let (done, all) = (tally.answered + tally.failed, plan.lines);
            let failed = if tally.failed > 0 { format!(", {} failed", tally.failed) } else { String::new() };
            let held = cost_max.filter(|_| is_held);
            let held = match held {
                Some(most) => format!(", beside which its {most} leave too little for another"),
                None if is_held => ", and the next waits until a job closes".to_owned(),
                None => String::new(),
            };
            format!("{done} of {all} done{failed}, {open} under way{held}, {spent} spent")
        }
    }
}

/// What is said once where the ceiling is what keeps lines back.
fn held(sign: BatchSign, plan: &BatchPlan, unit: &str) -> Option<String> {
    // An order that its ceiling is too little for is open for a moment, too.
    let BatchSign::Progress { open, spent, is_held: true, .. } = sign else { return None };
    if spent == Amount::ZERO {
        return None;
    }
    let (most, lines) = (plan.cost_max?, number_of(open, "line"));
    Some(format!(
        "its ceiling of {most} {unit}s leaves too little beside {lines}: more are ordered as that \
         comes back; --max-cost raises it"
    ))
}

fn without_notary(name: &str) -> String {
    format!(
        "what is ordered goes on once it is back: `assay batch resume {name}` gathers it and goes on, `assay batch cancel {name}` \
         ends it; `assay status` says when the notary was heard"
    )
}

fn left(exit: Exit, plan: &BatchPlan) -> CommandError {
    let name = short(plan.name);
    let hint = format!(
        "what is ordered goes on: `assay batch resume {name}` gathers it and goes on, `assay batch cancel {name}` ends it"
    );
    CommandError::new(exit, "INTERRUPTED", format!("left before the batch {name} was done"), hint)
        .with(serde_json::json!({ "batch": plan.name.to_string() }))
}

#[cfg(test)]
mod tests {
    use assay_gateway::LineTally;

    use super::*;

    #[test]
    fn a_ceiling_that_keeps_lines_back_is_named_with_how_many_it_is_held_for() {
        let plan = |cost_max| BatchPlan {
            name: Digest::default(),
            label: None,
            content: Digest::default(),
            input: "questions.jsonl".to_owned(),
            output: PathBuf::from("answers.jsonl"),
            begun: jiff::Timestamp::UNIX_EPOCH,
            lines: 9,
            tokens_max: 8,
            models: BTreeMap::new(),
            cost_max,
            concurrency: CONCURRENCY,
        };
        let tally = LineTally { answered: 1, failed: 1 };
        let spent = Amount::credits(1);
        let sign = |is_held| BatchSign::Progress { tally, open: 3, spent, is_held, is_cancelled: false };
        let (capped, free) = (plan(Some(Amount::credits(4))), plan(None));
        let said = progress(sign(true), &capped);
        assert_eq!(
            said,
            "2 of 9 done, 1 failed, 3 under way, beside which its 4.00 leave too little for another, 1.00 spent"
        );
        assert_eq!(progress(sign(false), &capped), "2 of 9 done, 1 failed, 3 under way, 1.00 spent");
        let cancelled = BatchSign::Progress { tally, open: 3, spent, is_held: false, is_cancelled: true };
        assert_eq!(progress(cancelled, &capped), "cancelling: 3 under way, 2 of 9 done");
        let note = held(sign(true), &capped, "credit").unwrap();
        assert!(note.starts_with("its ceiling of 4.00 credits leaves too little beside 3 lines: "), "{note}");
        assert!(note.ends_with("--max-cost raises it"), "{note}");
        let others = [(sign(false), &capped), (sign(true), &free), (BatchSign::Away, &capped)];
        assert!(others.into_iter().all(|(sign, plan)| held(sign, plan, "credit").is_none()));
    }
}
