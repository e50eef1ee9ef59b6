//! `assay provider`: how this peer provides, one thing at a time.

mod allow;
mod allowance;
mod bench;
mod block;
pub(super) mod devices;
mod disallow;
mod limits;
mod models;
pub(super) mod owner_rules;
pub(super) mod price;
mod rules;
mod schedule;

pub(super) use self::{
    allowance::{allowance_documents, allowed, asked as asked_allowances, raised},
    limits::{tell_of_allowances, tell_of_slots},
    owner_rules::{held_documents, held_line},
    price::tell_of_doubts,
};
use crate::{command_error::CommandError, invocation::Invocation};

/// How this peer provides, one thing at a time: what follows holds at once, and no job is lost by it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Models(models::Args),
    Price(price::Args),
    Limits(limits::Args),
    Rules(rules::Args),
    Schedule(schedule::Args),
    Devices(devices::Args),
    Bench(bench::Args),
    Block(block::BlockArgs),
    Unblock(block::UnblockArgs),
    Allow(allow::Args),
    Disallow(disallow::Args),
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Models(args) => models::perform(args, invocation).await,
        Verb::Price(args) => price::perform(args, invocation).await,
        Verb::Limits(args) => limits::perform(args, invocation).await,
        Verb::Rules(args) => rules::perform(args, invocation).await,
        Verb::Schedule(args) => schedule::perform(args, invocation).await,
        Verb::Devices(args) => devices::perform(args, invocation).await,
        Verb::Bench(args) => bench::perform(args, invocation).await,
        Verb::Block(args) => block::block(args, invocation).await,
        Verb::Unblock(args) => block::unblock(args, invocation).await,
        Verb::Allow(args) => allow::perform(args, invocation).await,
        Verb::Disallow(args) => disallow::perform(args, invocation).await,
    }
}
