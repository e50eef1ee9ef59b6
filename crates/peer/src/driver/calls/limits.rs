//! How much of what is offered runs at the same time.
//!
//! **Invariant:** what goes on stays, whatever is taken on from now on.

use std::collections::{BTreeMap, BTreeSet};

use assay_market::{
    allowance::JobAllowance,
    pricing,
    provision::{Provision, Stock},
    view::{RunState, RunView},
};
use assay_protocol::{id::Digest, order::Order, units::Units};
use serde::{Deserialize, Serialize};

use super::provide::few_enough;
use crate::{
    driver::{
        Driver,
        prepare::{units_assumed, work_assumed},
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
};

/// How much runs at the same time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShowLimits;

/// Take on so much at the same time from now on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeLimits {
    /// Jobs on all devices together, which share them.
    pub slots: u16,
}

/// How much runs at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsView {
    /// Jobs that are taken on at the same time, on all devices.
    pub slots: u16,
    /// The same, device by device.
    pub devices: Vec<DeviceSlots>,
    /// Runs that this daemon has places for: what is taken on beyond them waits.
    pub workers: u64,
    /// Jobs that were begun and are not claimed.
    pub running: u64,
    /// What the notary allows beside that, model by model; nothing before it said what is at stake.
    #[serde(default)]
    pub allowances: Vec<ModelAllowance>,
}

/// How many jobs of one model the notary keeps open for this peer at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelAllowance {
    /// The model.
    pub name: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The units of the jobs that are counted: of those whose client names none.
    pub units: Units,
    /// How many.
    pub allowance: JobAllowance,
}

/// What runs at the same time on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSlots {
    /// The processor or card in words.
    pub device: String,
    /// Jobs at the same time.
    pub slots: u16,
}

/// Limits that were changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limited {
    /// Jobs that were taken on at the same time.
    pub before: u16,
    /// What holds now.
    pub now: LimitsView,
}

impl Call for ShowLimits {
    const NAME: &'static str = "show_limits";
    type Answer = LimitsView;
}

impl Respond for ShowLimits {
    async fn respond(self, responder: &Responder) -> Result<LimitsView, Refused> {
        let limits = responder.look(|driver| driver.limits().ok_or(Refused::NotOffering));
        limits.await?
    }
}

impl Call for ChangeLimits {
    const NAME: &'static str = "change_limits";
    type Answer = Limited;
}

impl Respond for ChangeLimits {
    async fn respond(self, responder: &Responder) -> Result<Limited, Refused> {
        few_enough(self.slots)?;
        let changed = responder.act_and_save(move |driver| {
            Box::pin(async move {
                let changed = driver.change_offer(|provision| {
                    let before = provision.slots();
                    provision.share_slots(self.slots.max(1));
                    Ok(before)
                });
                let before = changed.await?;
                Ok(before.and_then(|before| {
                    driver.limits().map(|now| Limited { before, now }).ok_or(Refused::NotOffering)
                }))
            })
        });
        changed.await?
    }
}

impl Driver {
    fn limits(&self) -> Option<LimitsView> {
        let provision: &Provision = self.node.provision()?;
        let shared = provision.benches.iter().map(|bench| (bench.device.as_str(), bench.slots));
        let shared: BTreeMap<&str, u16> = shared.collect();
        let devices = shared.into_iter();
        let running = |run: &&RunView| !run.check && run.state == RunState::Running;
        Some(LimitsView {
            slots: provision.slots(),
            devices: devices
                .map(|(device, slots)| DeviceSlots { device: device.to_owned(), slots })
                .collect(),
            workers: self.background.executor.places() as u64,
            running: self.node.runs().iter().filter(running).count() as u64,
            allowances: self.allowances(provision),
        })
    }

    /// What the notary allows of each model, once.
    fn allowances(&self, provision: &Provision) -> Vec<ModelAllowance> {
        let mut seen = BTreeSet::new();
        let once = provision.stocks().filter(|(_, stock)| seen.insert(stock.manifest.digest()));
        once.filter_map(|(_, stock)| self.allowance_of(stock, provision.slots().into())).collect()
    }

    fn allowance_of(&self, stock: &Stock, slots: u64) -> Option<ModelAllowance> {
        let Stock { manifest, unit_price, .. } = stock;
        let units = units_assumed(manifest, 0);
        let usual = pricing::usual_order(manifest, units, work_assumed(manifest, units));
        let allowance = self.node.allowance(&Order { unit_price: *unit_price, ..usual }, slots)?;
        Some(ModelAllowance { name: manifest.name.clone(), manifest: manifest.digest(), units, allowance })
    }
}
