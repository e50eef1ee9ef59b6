//! `assay receipt`: the portable proof of what became of a job.

mod export;
mod file;
pub(crate) mod ls;
pub(crate) mod receipt_walk;
mod show;
pub(crate) mod verify;

use crate::{command_error::CommandError, invocation::Invocation};

/// The portable proof of what became of a job.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Ls(ls::Args),
    Show(show::Args),
    Verify(verify::Args),
    Export(export::Args),
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Ls(args) => ls::perform(args, invocation).await,
        Verb::Show(args) => show::perform(args, invocation).await,
        Verb::Verify(args) => verify::perform(args, invocation),
        Verb::Export(args) => export::perform(args, invocation).await,
    }
}
