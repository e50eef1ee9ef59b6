//! What is offered here, and how a part of it is changed.
//!
//! **Invariant:** a change is made to what is offered at that moment, all at once: whatever it leaves alone stays on offer
//! throughout.

use assay_market::{
    Command, Input,
    provision::{Provision, Stock},
    view::{RunState, RunView},
};
use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use super::{BenchView, ServiceView};
use crate::{
    driver::{
        Driver,
        names::{self, ModelSource, NamedModel},
        responder::{Respond, Responder},
    },
    handle::{Call, OfferRefused, Refused},
    journal::Broken,
};

/// The models that are offered here.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListOffered;

/// A model that is offered here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedModel {
    /// What is offered of it.
    pub service: ServiceView,
    /// The class of machine.
    pub class: Digest,
    /// The class in words.
    pub machine: String,
    /// The processor or card in words.
    pub device: String,
    /// Jobs that run at the same time on that device, of all its models together.
    pub slots: u16,
    /// Jobs of it that go on.
    pub open: u64,
    /// Jobs of it that are over, of the last thousand or so of all models.
    pub closed: u64,
    /// Those of them that were paid.
    pub paid: u64,
}

impl Call for ListOffered {
    const NAME: &'static str = "list_offered";
    type Answer = Vec<OfferedModel>;
}

impl Respond for ListOffered {
    async fn respond(self, responder: &Responder) -> Result<Vec<OfferedModel>, Refused> {
        responder.look(Driver::offered).await?
    }
}

impl Driver {
    fn offered(&mut self) -> Result<Vec<OfferedModel>, Refused> {
        let provision = self.node.provision().ok_or(Refused::NotOffering)?;
        let mut runs = self.node.runs();
        runs.retain(|run| !run.check);
        let benches = self.providing_view(provision).benches.into_iter();
        Ok(benches.flat_map(|bench| models_of(bench, &runs)).collect())
    }

    /// Changes what is offered; it stays as it was where nobody could read what it would be.
    pub(super) async fn change_offer<T>(
        &mut self,
        change: impl FnOnce(&mut Provision) -> Result<T, Refused>,
    ) -> Result<Result<T, Refused>, Broken> {
        let Some(mut provision) = self.node.provision().cloned() else {
            self.open_models.settle(None);
            return Ok(Err(Refused::NotOffering));
        };
        let changed = change(&mut provision).and_then(|changed| {
            self.lets_run_all(&provision)?;
            Ok(changed)
        });
        let is_readable = provision.examine(&self.genesis).is_ok();
        if changed.is_err() || !is_readable {
            self.open_models.settle(self.node.provision());
            return Ok(changed.and(Err(Refused::TooMuchToOffer)));
        }
        self.open_models.settle(Some(&provision));
        self.take(Input::Command(Command::Provide(provision))).await?;
        Ok(changed)
    }
}

/// Which of the models on offer is meant by a name.
pub(super) fn meant(provision: &Provision, typed: &str) -> Result<Digest, Refused> {
    let named = |stock: &Stock| NamedModel {
        // Whatever it is called, it was this home that offered it.
        source: ModelSource::Pinned,
        name: stock.manifest.name.clone(),
        digest: stock.manifest.digest(),
    };
    let all: Vec<NamedModel> = provision.stocks().map(|(_, stock)| named(stock)).collect();
    match names::model(&all, typed) {
        Ok(model) => Ok(model.digest),
        Err(Refused::UnknownManifest { name, known: offered }) => {
            Err(OfferRefused::NotOffered { name, offered }.into())
        }
        Err(refused) => Err(refused),
    }
}

fn models_of(bench: BenchView, runs: &[RunView]) -> Vec<OfferedModel> {
    let BenchView { class, machine, device, slots, services, .. } = bench;
    let offered = services.into_iter().map(|service| {
        let of_it: Vec<RunState> =
            runs.iter().filter(|run| run.manifest == service.name).map(|run| run.state).collect();
        let count =
            |is_such: fn(&RunState) -> bool| of_it.iter().filter(|state| is_such(state)).count() as u64;
        OfferedModel {
            service,
            class,
            machine: machine.clone(),
            device: device.clone(),
            slots,
            open: count(|state| matches!(state, RunState::Running | RunState::Committed)),
            closed: count(|state| matches!(state, RunState::Closed(_))),
            paid: count(|state| matches!(state, RunState::Closed(outcome) if outcome.is_paid())),
        }
    });
    offered.collect()
}
