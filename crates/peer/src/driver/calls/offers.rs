//! What can be ordered, and from whom.
//!
//! **Invariant:** what the network pins goes by the name that the network gives it, whatever an offer calls it.

use assay_protocol::{
    id::{Digest, PeerId},
    offer::{Offer, Service},
    signed::Verified,
    units::{Amount, Duration, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::{
    clock::moment,
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
};

/// The offers that are known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListOffers;

/// A provider's offer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfferView {
    /// Whose.
    pub provider: PeerId,
    /// Its number.
    pub sequence: u64,
    /// How long ago it came in.
    pub age: Duration,
    /// Until when it holds.
    pub valid_until: Timestamp,
    /// The class of machine.
    pub class: Digest,
    /// The class in words.
    pub machine: String,
    /// What can be ordered.
    pub services: Vec<ServiceView>,
    /// Jobs that run at the same time.
    pub slots: u16,
    /// Notaries it holds an account with.
    pub notaries: Vec<PeerId>,
    /// Where it can be reached.
    pub addresses: Vec<String>,
}

/// One thing on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The network's name for it, if it is pinned; the offer's own if not.
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
            let now = driver.node.time(moment());
            driver.book.iter().map(|offer| driver.offer_view(offer, now)).collect()
        });
        offers.await
    }
}

impl Driver {
    fn offer_view(&self, offer: &Verified<Offer>, now: Timestamp) -> OfferView {
        let provider = offer.signer();
        OfferView {
            provider,
            sequence: offer.sequence,
            age: now.since(self.history.offer_since(&provider).unwrap_or(now)),
            valid_until: offer.valid_until,
            class: offer.class,
            machine: offer.machine.clone(),
            services: offer.services.iter().map(|service| self.service_view(service)).collect(),
            slots: offer.slots,
            notaries: offer.notaries.clone(),
            addresses: offer.addresses.clone(),
        }
    }

    fn service_view(&self, service: &Service) -> ServiceView {
        let pinned = self.genesis.manifests.iter().find(|manifest| manifest.digest() == service.manifest);
        ServiceView {
            manifest: service.manifest,
            name: pinned.map_or(&service.name, |manifest| &manifest.name).clone(),
            pinned: pinned.is_some(),
            unit_price: service.unit_price,
            run: service.run,
            warm: service.warm,
        }
    }
}
