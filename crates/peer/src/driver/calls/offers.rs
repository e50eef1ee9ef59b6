//! What can be ordered, and from whom.
//!
//! **Invariant:** what the network pins or the library holds goes by the name that it has there, whatever an offer calls it.

use assay_market::{
    Moment,
    book::{is_overdue, said_at},
};
use assay_protocol::{
    id::{Digest, PeerId},
    offer::{Bench, Offer, Reachability, Service},
    signed::Verified,
    units::{Amount, Duration, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::{
    clock::moment,
    driver::{
        Driver,
        provider_signs::RestingProvider,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
};

/// The offers that are known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListOffers;

/// The providers that tell everybody that they take nothing new on for now.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListResting;

/// A provider's offer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfferView {
    /// Whose.
    pub provider: PeerId,
    /// Its number.
    pub sequence: u64,
    /// How long ago it was signed, as it says itself.
    pub age: Duration,
    /// Until when it holds.
    pub valid_until: Timestamp,
    /// What can be ordered, by device.
    pub benches: Vec<BenchView>,
    /// Notaries it holds an account with.
    pub notaries: Vec<PeerId>,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// What it says of whether others reach it there.
    pub reachability: Reachability,
    /// True if the notary that new orders name convicted it a short while ago.
    pub convicted: bool,
    /// How long ago the last connection to its provider was lost, or something for it did not get through, where nothing was heard of
    /// it since; not how long ago one that nobody used was ended.
    #[serde(default)]
    pub lost: Option<Duration>,
    /// True if its provider should have told it again by now, twice.
    #[serde(default)]
    pub overdue: bool,
}

/// One device of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchView {
    /// The class of machine.
    pub class: Digest,
    /// The class in words.
    pub machine: String,
    /// The processor or card in words.
    pub device: String,
    /// Bytes of memory that are free there for a job.
    pub memory_free: u64,
    /// Jobs that run at the same time.
    pub slots: u16,
    /// What can be ordered.
    pub services: Vec<ServiceView>,
}

/// One thing on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// The digest of the manifest.
    pub manifest: Digest,
    /// Its own name, if the network pins it or the library holds it; what the offer calls it if not.
    pub name: String,
    /// True if the network pins it.
    pub pinned: bool,
    /// What a unit costs.
    pub unit_price: Amount,
    /// How long a typical run takes.
    pub run: Duration,
    /// True while runner and model are loaded.
    pub warm: bool,
}

impl Call for ListOffers {
    const NAME: &'static str = "list_offers";
    type Answer = Vec<OfferView>;
}

impl Respond for ListOffers {
    async fn respond(self, responder: &Responder) -> Result<Vec<OfferView>, Refused> {
        let offers = responder.look(|driver| {
            let at = moment();
            driver.book.iter().map(|offer| driver.offer_view(offer, at)).collect()
        });
        offers.await
    }
}

impl Call for ListResting {
    const NAME: &'static str = "list_resting";
    type Answer = Vec<RestingProvider>;
}

impl Respond for ListResting {
    async fn respond(self, responder: &Responder) -> Result<Vec<RestingProvider>, Refused> {
        let resting = responder.look(|driver| {
            let now = driver.node.time(moment());
            driver.signs.resting(now).cloned().collect()
        });
        resting.await
    }
}

impl Driver {
    fn offer_view(&self, offer: &Verified<Offer>, at: Moment) -> OfferView {
        let now = self.node.time(at);
        OfferView {
            provider: offer.signer(),
            sequence: offer.sequence,
            age: now.since(said_at(offer, now)),
            valid_until: offer.valid_until,
            benches: offer.benches.iter().map(|bench| self.bench_view(bench)).collect(),
            notaries: offer.notaries.clone(),
            addresses: offer.addresses.clone(),
            reachability: offer.reachability,
            convicted: self.node.is_convicted(offer, at),
            lost: self.signs.lost_for(offer.signer(), now).filter(|_| offer.signer() != self.own),
            overdue: is_overdue(offer, now),
        }
    }

    fn bench_view(&self, bench: &Bench) -> BenchView {
        BenchView {
            class: bench.class,
            machine: bench.machine.clone(),
            device: bench.device.clone(),
            memory_free: bench.memory_free,
            slots: bench.slots,
            services: bench.services.iter().map(|service| self.service_view(service)).collect(),
        }
    }

    pub(super) fn service_view(&self, service: &Service) -> ServiceView {
        let pinned = self.genesis.manifests.iter().find(|manifest| manifest.digest() == service.manifest);
        let known = pinned.cloned().or_else(|| self.background.store.library.get(&service.manifest));
        ServiceView {
            manifest: service.manifest,
            name: known.map_or_else(|| service.name.clone(), |manifest| manifest.name),
            pinned: pinned.is_some(),
            unit_price: service.unit_price,
            run: service.run,
            warm: service.warm,
        }
    }
}
