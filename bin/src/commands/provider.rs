//! `assay provider`: how this machine is offered.

mod devices;
mod owner_rules;
mod rules;
mod schedule;

pub(super) use self::owner_rules::{held_documents, held_line};
use crate::{command_error::CommandError, invocation::Invocation};

/// Say how this machine is offered, and when.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Devices(devices::Args),
    Rules(rules::Args),
    Schedule(schedule::Args),
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Devices(args) => devices::perform(args, invocation).await,
        Verb::Rules(args) => rules::perform(args, invocation).await,
        Verb::Schedule(args) => schedule::perform(args, invocation).await,
    }
}
