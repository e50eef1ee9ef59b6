//! `assay job`: what this home submits, and what became of it.

mod awaited;
mod cancel;
mod describe;
mod dispute;
mod ending;
pub(crate) mod explain;
pub(super) mod holding;
pub(crate) mod job_watch;
mod logs;
pub(crate) mod ls;
mod result;
mod retry;
pub(crate) mod show;
mod submit;
mod wait;
mod watch;
mod word;

pub(super) use self::describe::{
    attempt_document, event_words, is_broken_off, is_cut_off, outcome_words, state,
};
pub(super) use self::ending::{cost_words, refuted_error};
use crate::{command_error::CommandError, invocation::Invocation};

/// What this home submits, and what became of it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Submit(Box<submit::Args>),
    Ls(ls::Args),
    Show(show::Args),
    Result(result::Args),
    Watch(watch::Args),
    Wait(wait::Args),
    Logs(logs::Args),
    Explain(explain::Args),
    Cancel(cancel::Args),
    Dispute(dispute::Args),
    Retry(retry::Args),
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Submit(args) => submit::perform(args, invocation).await,
        Verb::Ls(args) => ls::perform(args, invocation).await,
        Verb::Show(args) => show::perform(args, invocation).await,
        Verb::Result(args) => result::perform(args, invocation).await,
        Verb::Watch(args) => watch::perform(args, invocation).await,
        Verb::Logs(args) => logs::perform(args, invocation).await,
        Verb::Wait(args) => wait::perform(args, invocation).await,
        Verb::Explain(args) => explain::perform(args, invocation).await,
        Verb::Cancel(args) => cancel::perform(args, invocation).await,
        Verb::Dispute(args) => dispute::perform(args, invocation).await,
        Verb::Retry(args) => retry::perform(args, invocation).await,
    }
}
