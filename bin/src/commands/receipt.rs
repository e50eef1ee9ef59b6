//! `assay receipt`: the portable proof of what became of a job.

mod export;
mod file;
mod show;
pub(crate) mod verify;

use crate::{context::Context, failure::Failure};

/// The portable proof of what became of a job.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Show(show::Args),
    Verify(verify::Args),
    Export(export::Args),
}

pub(crate) async fn perform(verb: &Verb, context: &Context) -> Result<(), Failure> {
    match verb {
        Verb::Show(args) => show::perform(args, context).await,
        Verb::Verify(args) => verify::perform(args, context),
        Verb::Export(args) => export::perform(args, context).await,
    }
}
