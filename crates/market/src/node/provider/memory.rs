//! What a provider remembers: how each record changes its jobs, and what is shown of them.
//!
//! **Invariant:** a job is under way or over, and never both; of those that are over the last [`SERVED_MAX`] are
//! remembered, with what a client that paid may ask for again.

use alloc::{
    boxed::Box,
    collections::BTreeSet,
    string::{String, ToString},
};

use assay_protocol::{
    exposure,
    genesis::Genesis,
    id::{Digest, JobId, PeerId},
    order::Order,
    outcome::Outcome,
    units::Amount,
};

use super::{
    Provider,
    claim::leaves,
    serving::{Claimed, Serving, ServingPhase, ServingStep},
};
use crate::{
    allowance::Backing,
    pricing::Levy,
    record::ProviderRecord,
    view::{DemandView, DueView, RunState, RunView},
};

/// Jobs that are over and remembered.
pub(super) const SERVED_MAX: usize = 1_024;

/// One job that is over.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Served {
    pub(super) client: PeerId,
    manifest: String,
    /// How.
    outcome: Outcome,
    /// What its client paid for, and may ask for again.
    claimed: Option<Box<Claimed>>,
}

impl Provider {
    /// Changes the provider's state by one record: the only way in which it changes what must survive.
    pub(in crate::node) fn fold(&mut self, record: &ProviderRecord) {
        match record {
            ProviderRecord::Provision(provision) => self.provision = Some(provision.clone()),
            ProviderRecord::Paused(pause) => self.paused = *pause,
            ProviderRecord::Blocked(client) => {
                self.blocked.insert(*client);
            }
            ProviderRecord::Unblocked(client) => {
                self.blocked.remove(client);
            }
            ProviderRecord::Started { order, ticket } => {
                let (order, ticket) = (order.verified(), ticket.verified());
                self.busy.insert(ticket.job);
                self.servings.insert(ticket.job, Box::new(Serving::new(order, ticket)));
            }
            ProviderRecord::Claimed { claim, result, output_blind, evidence_blind } => {
                let (output, evidence) = leaves(result, *output_blind, *evidence_blind);
                let claimed = Claimed { claim: claim.clone(), result: *result, output, evidence };
                self.step(claim.job, ServingStep::Claim(Box::new(claimed)));
            }
            ProviderRecord::Yielded(claim) => {
                self.step(claim.job, ServingStep::Yield(claim.clone()));
            }
            ProviderRecord::Aborted(abort) => {
                self.step(abort.job, ServingStep::Abort(abort.clone()));
            }
            ProviderRecord::Closed { job, outcome } => self.close(*job, *outcome),
        }
    }

    /// Takes a step that was found to be possible before it was saved.
    fn step(&mut self, job: JobId, step: ServingStep) {
        if let Some(serving) = self.servings.get_mut(&job) {
            let taken = serving.apply(step);
            debug_assert!(taken.is_ok(), "a step that was saved is not in the table");
            if !serving.is_busy() {
                self.busy.remove(&job);
            }
        }
    }

    /// Counts the jobs anew that take up a slot: those of a snapshot.
    pub(in crate::node) fn count_busy(&mut self) {
        self.busy = self.found_busy();
    }

    /// The jobs that take up a slot, found among all.
    pub(super) fn found_busy(&self) -> BTreeSet<JobId> {
        self.servings.iter().filter(|(_, serving)| serving.is_busy()).map(|(job, _)| *job).collect()
    }

    /// Takes a job from those under way to those that are over, with what its client paid for.
    fn close(&mut self, job: JobId, outcome: Outcome) {
        let Some(serving) = self.servings.remove(&job).map(|serving| *serving) else { return };
        self.busy.remove(&job);
        let paid = outcome.is_paid();
        self.let_go.push(job);
        let claimed = match serving.phase {
            ServingPhase::Claimed(claimed) if paid => Some(claimed),
            ServingPhase::Claimed(_)
            | ServingPhase::Fetching
            | ServingPhase::Running
            | ServingPhase::Yielded(_)
            | ServingPhase::Aborted(_) => None,
        };
        let (opened, order) = (serving.ticket.standing.opened, serving.order.into_body());
        let served = Served { client: order.client, manifest: order.manifest.name, outcome, claimed };
        let oldest = self.served.insert(job, served).map(|(oldest, _)| oldest);
        self.forgotten.close(job, opened, oldest);
        self.let_go.extend(oldest);
    }

    /// What was claimed for a job and may be asked for by its client.
    pub(super) fn claimed(&self, job: JobId) -> Option<(PeerId, &Claimed)> {
        if let Some(serving) = self.servings.get(&job) {
            return Some((serving.order.client, serving.claimed()?));
        }
        let served = self.served.get(&job)?;
        Some((served.client, served.claimed.as_deref()?))
    }

    /// The clients of jobs that began here and are remembered.
    pub(in crate::node) fn clients(&self) -> impl Iterator<Item = PeerId> {
        let served = self.served.iter().map(|(_, served)| served.client);
        self.servings.values().map(|serving| serving.order.client).chain(served)
    }

    /// What became of those who asked.
    pub(in crate::node) fn demand(&self) -> DemandView {
        self.demand.view()
    }

    /// What the network takes of the pay for the newest job of a model that goes on.
    pub(in crate::node) fn fixed_levy(&self, manifest: Digest) -> Option<Levy> {
        let servings = self.servings.values().filter(|serving| serving.order.manifest.digest() == manifest);
        let ticket = &servings.max_by_key(|serving| serving.ticket.standing.position)?.ticket;
        let (rate, margin) = (ticket.policy_rate, ticket.standing.fee_margin);
        Some(if ticket.newcomer { Levy::Newcomer } else { Levy::Dues { rate, margin } })
    }

    /// What the jobs that go on take of the stake, and how many they are. By the books it may be less by now, never more.
    pub(in crate::node) fn backing(&self, genesis: &Genesis) -> Backing {
        let mut backing = Backing::default();
        for serving in self.servings.values() {
            let order = &serving.order;
            let units = match &serving.phase {
                ServingPhase::Fetching | ServingPhase::Running | ServingPhase::Yielded(_) => order.units_max,
                ServingPhase::Claimed(claimed) => claimed.result.units.min(order.units_max),
                ServingPhase::Aborted(_) => continue,
            };
            backing.open += 1;
            if serving.ticket.covered {
                let claimed = Order { units_max: units, ..Order::clone(order) };
                let taken = exposure::at_opening(genesis, &claimed);
                backing.exposed = backing.exposed.plus(taken).unwrap_or(Amount(u64::MAX));
                backing.reserve = backing.reserve.max(exposure::jury(genesis, order));
            }
        }
        backing
    }

    /// What may be paid yet for jobs that began here. Nothing is due for those that were given up.
    pub(in crate::node) fn due(&self) -> impl Iterator<Item = DueView> {
        self.servings.iter().filter_map(|(job, serving)| {
            let order = &serving.order;
            let (is_claimed, units) = match &serving.phase {
                ServingPhase::Fetching | ServingPhase::Running => (false, order.units_max),
                ServingPhase::Claimed(claimed) => (true, claimed.result.units.min(order.units_max)),
                ServingPhase::Yielded(_) | ServingPhase::Aborted(_) => return None,
            };
            Some(DueView {
                job: *job,
                client: order.client,
                manifest: order.manifest.name.clone(),
                opened: serving.ticket.standing.opened,
                due: order.unit_price.times(units).unwrap_or(Amount::ZERO),
                is_claimed,
            })
        })
    }

    /// The jobs that began here.
    pub(in crate::node) fn views(&self) -> impl Iterator<Item = RunView> {
        let view = |job: &JobId, manifest: &str, state| RunView {
            job: *job,
            check: false,
            manifest: manifest.to_string(),
            state,
        };
        let served = self
            .served
            .iter()
            .map(move |(job, served)| view(job, &served.manifest, RunState::Closed(served.outcome)));
        let servings = self.servings.iter();
        let servings =
            servings.map(move |(job, serving)| view(job, &serving.order.manifest.name, serving.state()));
        served.chain(servings)
    }
}
