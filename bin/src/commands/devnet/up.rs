//! `assay devnet up`: founds a devnet if there is none, and has all of it run.
//!
//! **Invariant:** said again it starts what does not run and changes nothing else.

mod readiness;

use std::path::PathBuf;

use assay_peer::{
    config::NetworkFile,
    handle::{Provide, ShowPrices, ShowStatus},
};
use assay_protocol::genesis::Genesis;
use tokio::task::JoinSet;

use super::{
    cut::{self, lost},
    devnet_choice::DevnetChoice,
    devnet_folder::DevnetFolder,
    devnet_plan::{DevnetPeer, DevnetPlan, DevnetRole},
    founding::{self, DevnetCast},
    peer_process, report,
};
use crate::{
    bundle::DIGITS,
    command_error::{CommandError, Exit},
    commands::provide,
    invocation::Invocation,
    printer::{Spinner, shell_path},
};

/// How many providers and clients there are where nobody says.
const PROVIDERS: u16 = 4;
const CLIENTS: u16 = 1;
/// Two must be left to check a job, beside the one that runs it.
const PROVIDERS_MIN: i64 = 3;
/// Peers of one role on one machine.
const PEERS_MAX: i64 = 64;

const EXAMPLES: &str = "\
Examples:
  assay devnet up                            a notary, four providers and a client, in the background
  assay devnet up lab --providers 6 --clients 2
                                             a larger one beside it, with a name
  assay devnet up --dir /tmp/net --model smollm.gguf
                                             in a folder of your own, selling a model of your own as well
  assay devnet up lab                        said again: starts what was killed

Each peer is a whole daemon with a home in the devnet's folder; every command talks to one of
them with --home. What that folder's network.toml says lets peers of your own join.";

/// Found a network of real daemons on this machine, and keep it running in the background.
///
/// Makes a home for each peer in one folder, starts their daemons, has the providers offer the bundled models, and waits until
/// the clients know the offers. It listens on the loopback alone. Where there is one already, it starts what does not
/// run, and tells everybody what is cut.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    devnet: DevnetChoice,
    /// Peers that run and check jobs: 4, or as many as there are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(PROVIDERS_MIN..=PEERS_MAX))]
    providers: Option<u16>,
    /// Peers that have jobs run: 1, or as many as there are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=PEERS_MAX))]
    clients: Option<u16>,
    /// A model of language of your own to be sold as well, a GGUF file; may be repeated
    #[arg(long = "model", value_name = "FILE")]
    models: Vec<PathBuf>,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let folder = DevnetFolder::find_or_new(&args.devnet.meant(), invocation)?;
    let cast = args.cast();
    cast.check()?;
    if folder.plan()?.is_none() {
        folder.refuse_taken()?;
    }
    folder.make(invocation)?;
    let _lock = folder.lock().await?;
    let spinner = invocation.printer.spinner("founding the network");
    let standing = stand(args, &folder, cast, &spinner).await;
    spinner.end();
    let plan = standing?;
    report::show(folder.clone(), plan.clone(), invocation).await?;
    say_what_next(&folder, &plan, invocation);
    Ok(())
}

/// Founds it if it is not, has all of it run, and waits until it can be used.
async fn stand(
    args: &Args,
    folder: &DevnetFolder,
    cast: DevnetCast,
    spinner: &Spinner,
) -> Result<DevnetPlan, CommandError> {
    let plan = match folder.plan()?.filter(|plan| plan.is_founded) {
        Some(plan) => {
            args.refuse_other(&plan, folder, &cast)?;
            plan
        }
        None => {
            // Somebody may have put something there a moment ago.
            if folder.plan()?.is_none() {
                folder.refuse_taken()?;
            }
            found(folder, cast).await?
        }
    };
    spinner.say("starting the daemons");
    let genesis = NetworkFile::read(&folder.network())?.genesis;
    start(folder, &plan, &genesis).await?;
    spinner.say("waiting until all have found their notary");
    cut::until_joined(folder, &plan).await?;
    spinner.say("waiting until the clients know the offers");
    readiness::until_ready(folder, &plan).await?;
    Ok(plan)
}

/// Copies of models take a while.
async fn found(folder: &DevnetFolder, cast: DevnetCast) -> Result<DevnetPlan, CommandError> {
    let binary = std::env::current_exe()
        .map_err(|error| CommandError::new(Exit::Other, "NO_PROGRAM", error, "start it by its full path"))?;
    let folder = folder.clone();
    let founding = tokio::task::spawn_blocking(move || founding::found(&folder, &cast, &binary));
    founding.await.map_err(|error| lost(&error))?
}

/// Has every peer run, keep apart from whom it should and offer what there is.
async fn start(folder: &DevnetFolder, plan: &DevnetPlan, genesis: &Genesis) -> Result<(), CommandError> {
    let mut starting = JoinSet::new();
    for peer in &plan.peers {
        let waking = wake(folder.clone(), plan.clone(), peer.clone(), genesis.clone());
        starting.spawn(waking);
    }
    while let Some(started) = starting.join_next().await {
        started.map_err(|error| lost(&error))??;
    }
    Ok(())
}

async fn wake(
    folder: DevnetFolder,
    plan: DevnetPlan,
    peer: DevnetPeer,
    genesis: Genesis,
) -> Result<(), CommandError> {
    let handle = peer_process::wake(&folder.home(&peer.name)).await?;
    cut::tell_whom(&handle, plan.severed_from(&peer.name)).await?;
    let offers = handle.call(ShowStatus).await?.providing.is_some();
    if peer.role == DevnetRole::Provider && !offers {
        let models = genesis.manifests.iter().map(|manifest| manifest.digest().to_string()).collect();
        let prices = handle.call(ShowPrices { models }).await?;
        let suggested = genesis.manifests.iter().zip(&prices);
        let services = suggested
            .map(|(manifest, price)| {
                provide::service(manifest.digest().to_string(), manifest, price.suggestion.unit_price)
            })
            .collect();
        handle.call(Provide { services, what_works: true, ..Provide::default() }).await?;
    }
    Ok(())
}

fn say_what_next(folder: &DevnetFolder, plan: &DevnetPlan, invocation: &Invocation) {
    let Some(client) = plan.of(DevnetRole::Client).next() else { return };
    let home = folder.home(&client.name);
    let (home, picture) = (shell_path(home.root()), folder.path().join(DIGITS.samples[0].file));
    let printer = &invocation.printer;
    printer.note(format!("try: assay --home {home} run digits {}", shell_path(&picture)));
    printer.note(format!("     assay --home {home} run sums 27+58= --max-tokens 16"));
    printer.note(format!("     assay init --network {}", shell_path(&folder.network())));
    printer
        .note("`assay devnet kill PEER` and `assay devnet partition` break it, `assay devnet down` ends it");
}

impl Args {
    fn cast(&self) -> DevnetCast {
        DevnetCast {
            providers: self.providers.unwrap_or(PROVIDERS),
            clients: self.clients.unwrap_or(CLIENTS),
            models: self.models.clone(),
        }
    }

    /// A devnet stays what it was founded as.
    fn refuse_other(
        &self,
        plan: &DevnetPlan,
        folder: &DevnetFolder,
        cast: &DevnetCast,
    ) -> Result<(), CommandError> {
        let roles = [(self.providers, DevnetRole::Provider), (self.clients, DevnetRole::Client)];
        let other = roles.into_iter().find_map(|(wanted, role)| {
            let (wanted, has) = (usize::from(wanted?), plan.count(role));
            (wanted != has).then(|| format!("has {has} {}s, and not {wanted}", role.word()))
        });
        let missing = || -> Result<Option<String>, CommandError> {
            let missing = cast.missing_in(&NetworkFile::read(&folder.network())?)?;
            Ok(missing.first().map(|name| format!("was founded without {name}")))
        };
        let Some(how) = other.map_or_else(missing, |how| Ok(Some(how)))? else { return Ok(()) };
        let message = format!("the devnet {} {how}", plan.name);
        let hint =
            "found another one beside it by another name, or end this one with `assay devnet down --rm`";
        Err(CommandError::new(Exit::Usage, "OTHER_CAST", message, hint))
    }
}
