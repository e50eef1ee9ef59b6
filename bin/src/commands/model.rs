//! `assay model`: the models of this home.

mod add;
mod bench;
mod build;
mod check;
mod hub;
mod ls;
mod new;
mod parts;
mod publish;
mod pull;
mod rm;
mod search;
mod show;

use assay_peer::handle::ListedModel;
use assay_protocol::{
    genesis::Genesis,
    manifest::{Manifest, Meter, Policy, TensorFormat},
};
use serde_json::{Value, json};

pub(crate) use self::{hub::blocking, parts::whole_file};
use crate::{
    command_error::CommandError,
    invocation::Invocation,
    printer::{Table, called, full, short},
};

/// The models of this home: the network's, your own, and those of others.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    New(new::Args),
    Build(build::Args),
    Check(check::Args),
    Add(add::Args),
    Bench(bench::Args),
    Ls(ls::Args),
    Show(show::Args),
    Search(search::Args),
    Pull(pull::Args),
    Publish(publish::Args),
    Rm(rm::Args),
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::New(args) => new::perform(args, invocation),
        Verb::Build(args) => build::perform(args, invocation),
        Verb::Check(args) => check::perform(args, invocation),
        Verb::Add(args) => add::perform(args, invocation).await,
        Verb::Bench(args) => bench::perform(args, invocation).await,
        Verb::Ls(args) => ls::perform(args, invocation).await,
        Verb::Show(args) => show::perform(args, invocation).await,
        Verb::Search(args) => search::perform(args, invocation).await,
        Verb::Pull(args) => pull::perform(args, invocation).await,
        Verb::Publish(args) => publish::perform(args, invocation).await,
        Verb::Rm(args) => rm::perform(args, invocation).await,
    }
}

/// A name that only this model has.
pub(crate) fn whole_name(manifest: &Manifest) -> String {
    format!("{}@{}", called(&manifest.name), short(manifest.digest()))
}

/// What a manifest says, in words, and what follows from it in a network.
fn table(manifest: &Manifest, genesis: Option<&Genesis>) -> Table {
    let mut table = Table::new(["WHAT", "HOW"]);
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("model", whole_name(manifest));
    row("manifest", full(manifest.digest()));
    row("weights", full(manifest.model));
    row("runner", full(manifest.runner));
    row("parameters", manifest.params.clone());
    row("licence", manifest.licence.clone());
    row("billed by", billed_by(manifest.meter));
    row("compared by", compared_by(manifest.policy).to_owned());
    row("work", format!("{} at most in one run", manifest.work_most));
    row("memory", format!("{} MiB", manifest.memory_bytes.div_ceil(1 << 20)));
    if let Some(genesis) = genesis {
        let least = genesis.stake_least(manifest.work_most);
        row("stake", format!("{least} {}s at least, for whoever checks it", genesis.unit));
    }
    table
}

fn billed_by(meter: Meter) -> String {
    match meter {
        Meter::Calls => "calls of the engine".to_owned(),
        Meter::Tokens(weights) => {
            format!(
                "tokens: {} for one that is read, {} for one that is written",
                weights.read, weights.written
            )
        }
        Meter::MegaFuel => "millions of instructions".to_owned(),
    }
}

fn compared_by(policy: Policy) -> &'static str {
    match policy {
        Policy::Exact => "every byte",
        Policy::Tensor(TensorFormat::F32) => "numbers that differ by little",
        Policy::Replay => "every byte, and the rows that each token was chosen from",
    }
}

/// What a manifest says, for programs.
fn document(manifest: &Manifest) -> Value {
    let (meter, weights) = match manifest.meter {
        Meter::Calls => ("calls", None),
        Meter::Tokens(weights) => ("tokens", Some(weights)),
        Meter::MegaFuel => ("mega_fuel", None),
    };
    json!({
        "name": manifest.name, "manifest": full(manifest.digest()), "weights": full(manifest.model),
        "runner": full(manifest.runner), "params": manifest.params, "licence": manifest.licence,
        "meter": meter, "token_weights": weights, "policy": policy(manifest.policy), "work_most": manifest.work_most,
        "memory_bytes": manifest.memory_bytes,
    })
}

/// How results are compared, in the word that programs read.
fn policy(policy: Policy) -> &'static str {
    match policy {
        Policy::Exact => "exact",
        Policy::Tensor(TensorFormat::F32) => "tensor_f32",
        Policy::Replay => "replay",
    }
}

/// The same, with what is here of it.
fn listed_document(listed: &ListedModel) -> Value {
    let mut document = document(&listed.manifest);
    document["is_pinned"] = listed.is_pinned.into();
    document["is_here"] = listed.is_here.into();
    document["bytes"] = listed.bytes.into();
    document["pack_bytes"] = listed.pack_bytes.into();
    document["comes_from"] = listed.origin.clone().into();
    document["card"] = listed.card.as_ref().map(|card| card.display().to_string()).into();
    document
}
