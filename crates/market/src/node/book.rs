//! The offers a peer has heard of.
//!
//! **Invariant:** one offer for each provider, the one with the highest sequence; never more than [`OFFERS_MAX`].

use alloc::collections::BTreeMap;

use assay_protocol::{
    id::PeerId,
    offer::{OFFER_MANIFESTS_MAX, Offer},
    signed::Verified,
    units::{Duration, Timestamp},
};

/// Offers that are remembered.
const OFFERS_MAX: usize = 10_000;
/// The longest promise that is believed.
const VALIDITY_MAX: Duration = Duration::seconds(3_600);
/// Longer texts and lists are not an offer's.
const TEXT_BYTES_MAX: usize = 256;
const ADDRESSES_MAX: usize = 8;

/// The offers a peer has heard of.
#[derive(Debug, Default)]
pub(super) struct Book {
    offers: BTreeMap<PeerId, Verified<Offer>>,
}

impl Book {
    /// Takes an offer; true if the provider was not known.
    pub(super) fn take(&mut self, offer: Verified<Offer>, now: Timestamp) -> bool {
        if !is_sound(&offer, now) {
            return false;
        }
        let provider = offer.signer();
        match self.offers.get(&provider) {
            Some(known) if known.sequence >= offer.sequence => return false,
            None if self.offers.len() >= OFFERS_MAX => self.make_room(now),
            Some(_) | None => {}
        }
        if self.offers.len() >= OFFERS_MAX && !self.offers.contains_key(&provider) {
            return false;
        }
        self.offers.insert(provider, offer).is_none()
    }

    /// The offers, by provider.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Verified<Offer>> {
        self.offers.values()
    }

    fn make_room(&mut self, now: Timestamp) {
        self.offers.retain(|_, offer| offer.valid_until > now);
    }
}

fn is_sound(offer: &Offer, now: Timestamp) -> bool {
    let short = |text: &alloc::string::String| text.len() <= TEXT_BYTES_MAX;
    offer.valid_until > now
        && offer.valid_until <= now.after(VALIDITY_MAX)
        && offer.services.len() <= OFFER_MANIFESTS_MAX
        && offer.addresses.len() <= ADDRESSES_MAX
        && offer.addresses.iter().all(short)
        && offer.services.iter().all(|service| short(&service.name))
        && short(&offer.machine)
}
