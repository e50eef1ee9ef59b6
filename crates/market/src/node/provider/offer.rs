//! What a provider tells everyone that it offers, again and again.
//!
//! **Invariant:** an offer is told for a short while only; one that is not renewed is forgotten by those who heard it.

use alloc::vec::Vec;

use assay_protocol::{
    id::Digest,
    offer::{Offer, Service},
    signed::{Signed, Signer},
    units::{Duration, Timestamp},
};

use super::Node;
use crate::{
    effect::{Effect, Effects},
    input::Provision,
    node::alarms::Alarm,
    record::ProviderRecord,
};

/// How long an offer is honoured.
const OFFER_VALIDITY: Duration = Duration::seconds(900);
/// The first pauses between two tellings of an offer; then the last of them.
const OFFER_PAUSES: [Duration; 4] =
    [Duration::seconds(2), Duration::seconds(10), Duration::seconds(30), Duration::seconds(300)];
/// How long after a run the runner counts as warm.
const WARM: Duration = Duration::seconds(300);

impl<S: Signer> Node<S> {
    /// Offers these services from now on.
    pub(in crate::node) fn provide(&mut self, provision: Provision, now: Timestamp, out: &mut Effects) {
        self.keep_provider(ProviderRecord::Provision(provision), out);
        self.provider.told = 0;
        self.wake_offer(now, out);
    }

    /// Tells everyone what is on offer, and sets the time of the next telling.
    pub(in crate::node) fn wake_offer(&mut self, now: Timestamp, out: &mut Effects) {
        self.provider.ran.retain(|_, at| at.after(WARM) > now);
        let Some(provision) = &self.provider.provision else { return };
        let warm = |manifest: &Digest| self.provider.ran.contains_key(manifest);
        let service = |stock: &crate::input::Stock| {
            let manifest = stock.manifest.digest();
            let name = stock.manifest.name.clone();
            Service { manifest, name, unit_price: stock.unit_price, run: stock.run, warm: warm(&manifest) }
        };
        let services: Vec<Service> = provision.services.iter().map(service).collect();
        let valid_for = if services.is_empty() { Duration(1_000) } else { OFFER_VALIDITY };
        let offer = Offer {
            sequence: now.0,
            valid_until: now.after(valid_for),
            class: provision.class,
            machine: provision.machine.clone(),
            services,
            slots: provision.slots,
            notaries: self.notaries_in_use().collect(),
            addresses: provision.addresses.clone(),
        };
        let offer = Signed::seal(offer, &self.signer, self.network);
        self.note_offer(offer.clone(), now);
        out.push(Effect::Publish(offer.into()));
        let pause = OFFER_PAUSES[self.provider.told.min(OFFER_PAUSES.len() - 1)];
        self.provider.told += 1;
        self.alarms.set(Alarm::Offer, now.after(pause));
    }
}
