//! Founding a devnet: homes, keys, rules and models in its folder.
//!
//! **Invariant:** it counts as founded once all of it is there; what is left of a founding that ended before is made anew.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use assay_peer::config::{Contact, NetworkFile};
use assay_protocol::{id::PeerId, manifest::Manifest};

use super::{
    devnet_folder::{DevnetFolder, failed},
    devnet_plan::{DevnetPeer, DevnetPlan, DevnetRole},
};
use crate::{
    command_error::{CommandError, Exit},
    local_network::{self, LocalPeer},
    own_model::{self, TextExtent},
};

/// How long texts of a model of the user's own may be.
const EXTENT: TextExtent = TextExtent { answer_tokens: 512, units: 8_192 };
/// The longest run where a client says nothing: so short that an unanswered job is over in seconds.
const RUN_MAX: &str = "2s";
/// The same where models of the user's own are sold.
const RUN_MAX_OWN: &str = "30s";

/// What a devnet is founded of.
#[derive(Clone, Debug)]
pub(super) struct DevnetCast {
    /// How many run and check jobs.
    pub(super) providers: u16,
    /// How many have jobs run.
    pub(super) clients: u16,
    /// Models of the user's own.
    pub(super) models: Vec<PathBuf>,
}

/// Founds one in a folder that is this process's. Copies of models take a while.
pub(super) fn found(
    folder: &DevnetFolder,
    cast: &DevnetCast,
    binary: &Path,
) -> Result<DevnetPlan, CommandError> {
    folder.clear()?;
    let classes = local_network::classes(binary)?;
    let roles = [
        DevnetRole::Notary.names(1),
        DevnetRole::Provider.names(cast.providers),
        DevnetRole::Client.names(cast.clients),
    ];
    let mut settled: Vec<(String, DevnetRole, LocalPeer)> = Vec::new();
    for (name, role) in roles.into_iter().flatten() {
        let peer = LocalPeer::settle(&name, folder.path())?;
        settled.push((name, role, peer));
    }
    let of = |wanted: DevnetRole| {
        settled.iter().filter(move |(_, role, _)| *role == wanted).map(|(_, _, peer)| peer)
    };
    let verifiers: Vec<PeerId> = of(DevnetRole::Provider).map(|peer| peer.id).collect();
    let stock = |file: &PathBuf| {
        let digest = local_network::stock(of(DevnetRole::Provider).map(|peer| &peer.home), file)?;
        own_model::manifest(file, digest, EXTENT)
    };
    let own = cast.models.iter().map(stock).collect::<Result<Vec<Manifest>, CommandError>>()?;
    let Some(notary) = of(DevnetRole::Notary).next() else { unreachable!("a devnet has a notary") };
    let name = folder.name();
    let genesis = local_network::genesis(&name, notary.id, &verifiers, &classes, own);
    let contact = Contact { peer: notary.id, addresses: vec![notary.listen.clone()] };
    let file = NetworkFile { genesis, contacts: vec![contact] };
    readable(&file)?;
    let homes = settled.iter().map(|(_, _, peer)| (&peer.home, settings(peer, cast)));
    local_network::write(folder.path(), &file, homes).map_err(|error| failed(folder.path(), &error))?;
    let peers = settled.iter().map(|(name, role, peer)| DevnetPeer {
        name: name.clone(),
        role: *role,
        peer: peer.id,
        address: peer.listen.clone(),
    });
    let plan = DevnetPlan { peers: peers.collect(), is_founded: true, ..DevnetPlan::begun(&name) };
    folder.keep(&plan)?;
    Ok(plan)
}

/// What a home settles: where its peer listens, however it is started.
fn settings(peer: &LocalPeer, cast: &DevnetCast) -> String {
    let run_max = if cast.models.is_empty() { RUN_MAX } else { RUN_MAX_OWN };
    format!("[daemon]\nlisten = [\"{}\"]\n\n[client]\nrun_max = \"{run_max}\"\n", peer.listen)
}

/// Whether the daemons will be able to read the network's file.
fn readable(file: &NetworkFile) -> Result<(), CommandError> {
    match NetworkFile::parse(&file.to_toml()) {
        Ok(read) if read == *file => Ok(()),
        Ok(_) => Err(unsound(&"what is written would not be read as it is meant")),
        Err(error) => Err(unsound(&error)),
    }
}

fn unsound(error: &dyn std::fmt::Display) -> CommandError {
    let hint = "a folder's name has 1 to 64 bytes, a network at most 64 models and 256 providers";
    CommandError::new(Exit::Usage, "UNSOUND", error, hint)
}

impl DevnetCast {
    /// Refuses what cannot be founded, before anything is made.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        let mut names = BTreeSet::new();
        for file in &self.models {
            own_model::refuse_unrunnable(file, &file.display().to_string(), "sold")?;
            let manifest = own_model::manifest(file, Default::default(), EXTENT)?;
            if !names.insert(manifest.name) {
                let hint = "a model is called like its file: give one of the files another name";
                return Err(CommandError::new(Exit::Usage, "NAMES", "two models have one name", hint));
            }
        }
        Ok(())
    }

    /// The models that are not sold in a network.
    pub(super) fn missing_in(&self, file: &NetworkFile) -> Result<Vec<String>, CommandError> {
        let mut missing = Vec::new();
        for model in &self.models {
            let name = own_model::manifest(model, Default::default(), EXTENT)?.name;
            if !file.genesis.manifests.iter().any(|manifest| manifest.name == name) {
                missing.push(name);
            }
        }
        Ok(missing)
    }
}
