//! `assay batch`: many requests out of a file, each answered and paid once, whatever happens meanwhile.

mod cancel;
mod errors;
mod home_batches;
mod lines_under_way;
mod ls;
mod notary_vigil;
mod report;
mod resume;
mod rm;
mod run;
mod standstill;
mod status;

use crate::{command_error::CommandError, invocation::Invocation};

/// Have many requests answered, out of a file and into one.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Run(run::Args),
    Resume(resume::Args),
    Ls(ls::Args),
    Status(status::Args),
    Errors(errors::Args),
    Cancel(cancel::Args),
    Rm(rm::Args),
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Run(args) => run::perform(args, invocation).await,
        Verb::Resume(args) => resume::perform(args, invocation).await,
        Verb::Ls(args) => ls::perform(args, invocation),
        Verb::Status(args) => status::perform(args, invocation).await,
        Verb::Errors(args) => errors::perform(args, invocation),
        Verb::Cancel(args) => cancel::perform(args, invocation).await,
        Verb::Rm(args) => rm::perform(args, invocation).await,
    }
}
