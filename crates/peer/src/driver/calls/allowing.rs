//! Which runners may run here, and on whose word.
//!
//! **Invariant:** what a stranger wrote runs here only once the owner of this home has said so, which is on the disk then.

use std::collections::BTreeMap;

use assay_market::provision::Provision;
use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, OfferRefused, Refused},
    library::RunnerSource,
};

/// Digits of the shortest beginning of a runner's name.
const PREFIX_DIGITS_MIN: usize = 4;

/// Let runners run here; all that are known are the answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowRunners {
    /// Models whose runners they are, or the digests of runners.
    pub names: Vec<String>,
}

/// Take back that runners may run here; all that are known are the answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisallowRunners {
    /// Models whose runners they are, or the digests of runners.
    pub names: Vec<String>,
}

/// A runner of a model of this home, or one that was allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerView {
    /// Its digest.
    pub runner: Digest,
    /// On whose word it runs here; nothing, if it does not.
    pub source: Option<RunnerSource>,
    /// The models of this home that it runs.
    pub models: Vec<String>,
}

impl Call for AllowRunners {
    const NAME: &'static str = "allow_runners";
    type Answer = Vec<RunnerView>;
}

impl Respond for AllowRunners {
    async fn respond(self, responder: &Responder) -> Result<Vec<RunnerView>, Refused> {
        let runners = responder.meant_runners(&self.names)?;
        let library = responder.store.library.clone();
        responder.work(move |_| runners.iter().try_for_each(|runner| library.allow(runner))).await??;
        Ok(responder.runners())
    }
}

impl Call for DisallowRunners {
    const NAME: &'static str = "disallow_runners";
    type Answer = Vec<RunnerView>;
}

impl Respond for DisallowRunners {
    async fn respond(self, responder: &Responder) -> Result<Vec<RunnerView>, Refused> {
        let runners = responder.meant_runners(&self.names)?;
        let of_others = runners.iter().find(|runner| {
            let source = responder.store.library.runner_source(runner, &responder.genesis);
            matches!(source, Some(RunnerSource::Network | RunnerSource::Program))
        });
        if let Some(runner) = of_others {
            return Err(OfferRefused::RunnerNotYours { runner: *runner }.into());
        }
        let taken_back = runners.clone();
        let offered = responder.look(move |driver| {
            let mut stocks = driver.node.provision().into_iter().flat_map(Provision::stocks);
            let used = stocks.find(|(_, stock)| taken_back.contains(&stock.manifest.runner));
            used.map(|(_, stock)| stock.manifest.name.clone())
        });
        if let Some(name) = offered.await? {
            return Err(OfferRefused::RunnerInUse { name }.into());
        }
        let library = responder.store.library.clone();
        responder.work(move |_| runners.iter().try_for_each(|runner| library.disallow(runner))).await??;
        Ok(responder.runners())
    }
}

impl Responder {
    /// The runners that are meant by names, in their order.
    fn meant_runners(&self, names: &[String]) -> Result<Vec<Digest>, Refused> {
        names.iter().map(|name| self.meant_runner(name)).collect()
    }

    /// The runner of a model, or one by its digits. Digits that begin both mean neither: whoever wrote the model chose its name.
    fn meant_runner(&self, name: &str) -> Result<Digest, Refused> {
        let begins =
            |runner: &Digest| name.len() >= PREFIX_DIGITS_MIN && runner.to_string().starts_with(name);
        let fitting: Vec<Digest> =
            self.runners().into_iter().map(|view| view.runner).filter(begins).collect();
        match (self.own_model(name), &fitting[..]) {
            (_, [one]) if one.to_string() == name => Ok(*one),
            (Ok(model), others) if others.iter().all(|other| *other == model.manifest.runner) => {
                Ok(model.manifest.runner)
            }
            (Err(Refused::UnknownManifest { .. }), [one]) => Ok(*one),
            (Err(unknown @ Refused::UnknownManifest { .. }), _) => name.parse().map_err(|_| unknown),
            (Err(refused), _) => Err(refused),
            (Ok(_), _) => {
                Err(Refused::Ambiguous { name: name.to_owned(), matches: 1 + fitting.len() as u64 })
            }
        }
    }

    fn runners(&self) -> Vec<RunnerView> {
        let library = &self.store.library;
        let mut runners: BTreeMap<Digest, Vec<String>> =
            library.allowed().into_iter().map(|runner| (runner, Vec::new())).collect();
        for manifest in self.genesis.manifests.iter().chain(&library.manifests()) {
            let models = runners.entry(manifest.runner).or_default();
            if !models.contains(&manifest.name) {
                models.push(manifest.name.clone());
            }
        }
        let view = |(runner, models)| RunnerView {
            runner,
            source: library.runner_source(&runner, &self.genesis),
            models,
        };
        runners.into_iter().map(view).collect()
    }
}
