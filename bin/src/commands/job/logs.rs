//! `assay job logs`: what the daemon has said of one job.
//!
//! **Invariant:** no daemon is started; where none runs, what is typed is looked for as it is.

use assay_peer::handle::{CallError, Handle, Refused, ShowJob};

use crate::{
    command_error::{CommandError, Exit},
    commands::logs::{LogWindow, read},
    invocation::Invocation,
    printer::short,
};

/// Digits of the shortest beginning of a name that is looked for where no daemon can say what is meant.
const DIGITS_MIN: usize = 8;

const EXAMPLES: &str = "\
Examples:
  assay job logs 3fa29c71     what the log says of a job that was ordered here, or was run here for another
  assay job logs 3fa29c71 -f  and then each line that is added";

/// Print what the daemon has said of a job, oldest first.
///
/// Of an order all its attempts are told. `assay logs` prints everything, and says where the log is; `assay job explain` says
/// who was chosen and why.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name of a submission or job, or its first digits
    #[arg(value_name = "JOB")]
    job: String,
    /// Go on with what is added, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let names = match ordered(&args.job, invocation).await? {
        Some(names) => names,
        None => vec![typed(&args.job)?],
    };
    let told = read(LogWindow::about(names), (args.follow, usize::MAX), invocation).await?;
    if told == 0 && !args.follow {
        let message = format!("the log says nothing of {}", args.job);
        let hint = "`assay logs` prints all that is kept; a service of systemd speaks to its journal instead";
        return Err(CommandError::new(Exit::NotFound, "NOT_LOGGED", message, hint));
    }
    Ok(())
}

/// The names of an order of this home and of its attempts; nothing, if no daemon knows it.
async fn ordered(job: &str, invocation: &Invocation) -> Result<Option<Vec<String>>, CommandError> {
    let Ok(daemon) = Handle::connect(&invocation.home).await else { return Ok(None) };
    let submission = match daemon.call(ShowJob { name: job.to_owned() }).await {
        Ok(job) => job.submission,
        Err(CallError::Refused(Refused::UnknownJob { .. }) | CallError::Lost(_)) => return Ok(None),
        Err(CallError::Refused(refused)) => return Err(refused.into()),
    };
    let attempts = submission.attempts.iter().map(|attempt| short(attempt.job));
    Ok(Some(attempts.chain([short(submission.key)]).collect()))
}

/// What the log has of a name.
fn typed(job: &str) -> Result<String, CommandError> {
    if job.len() >= DIGITS_MIN && job.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(short(job.to_ascii_lowercase()));
    }
    let message = format!("{job:?} names no job that this home has ordered");
    let hint = format!("name one that was run here by its first {DIGITS_MIN} digits, or more");
    Err(CommandError::new(Exit::NotFound, "UNKNOWN_JOB", message, hint))
}
