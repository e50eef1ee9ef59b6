//! The offers a peer has heard of, and under which model each is found.
//!
//! A shell keeps it and lends it to the brain: a daemon has one of its own, simulated peers can share one. Whom a peer has
//! worked with is the brain's own knowledge ([`crate::Node::knows`]), laid over it.
//!
//! Where there is no room, offers that expired go first. Then a known provider's offer takes the place of the stranger's
//! that came last; a stranger's takes nobody's. Names are free: whoever makes up ten thousand of them fills what is left,
//! and displaces neither those who served this peer nor the strangers who were there before.
//!
//! **Invariant:** one offer for each provider, the one with the highest sequence; never more than [`OFFERS_MAX`], nor more
//! than [`OFFERS_PER_MANIFEST_MAX`] that are found under one model; what is found under a model is in the book and
//! serves it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use assay_protocol::{
    id::{Digest, PeerId},
    message::PUBLISHED_VALIDITY_MAX,
    offer::{OFFER_ADDRESSES_MAX, OFFER_MANIFESTS_MAX, OFFER_TEXT_BYTES_MAX, Offer},
    signed::Verified,
    units::Timestamp,
};

/// Offers that are remembered: of two KiB at most, so 20 MiB.
const OFFERS_MAX: usize = 10_000;
/// Offers that are found under one model: more than anybody compares, and ranking them takes under a millisecond.
const OFFERS_PER_MANIFEST_MAX: usize = 1_024;

/// The offers a peer has heard of.
#[derive(Clone, Debug, Default)]
pub struct Book {
    offers: BTreeMap<PeerId, Listed>,
    /// By model, in the order in which the providers were first heard of.
    by_manifest: BTreeMap<Digest, BTreeSet<(u64, PeerId)>>,
    /// By the end of the promise.
    by_end: BTreeSet<(Timestamp, PeerId)>,
    /// Providers heard of so far.
    arrivals: u64,
}

/// An offer, and when its provider was first heard of.
#[derive(Clone, Debug)]
struct Listed {
    offer: Verified<Offer>,
    arrival: u64,
}

/// What became of an offer that the book was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Its provider was not in the book.
    First,
    /// It takes the place of an older one.
    Renewed,
    /// It is no newer than the one in the book, not to be believed, or there is no room for it.
    Ignored,
}

impl Book {
    /// Takes an offer, or leaves it. `is_known` says whose offer is not given up for a stranger's.
    pub fn take(
        &mut self,
        offer: Verified<Offer>,
        now: Timestamp,
        is_known: impl Fn(PeerId) -> bool,
    ) -> Received {
        if !is_sound(&offer, now) {
            return Received::Ignored;
        }
        let provider = offer.signer();
        let held = self.offers.get(&provider).map(|listed| (listed.offer.sequence, listed.arrival));
        if held.is_some_and(|(sequence, _)| sequence >= offer.sequence) {
            return Received::Ignored;
        }
        if held.is_none() && !self.make_room(provider, now, &is_known) {
            return Received::Ignored;
        }
        self.remove(provider);
        let arrival = held.map_or(self.arrivals, |(_, arrival)| arrival);
        self.arrivals += u64::from(held.is_none());
        for service in &offer.services {
            if self.make_room_under(service.manifest, provider, now, &is_known) {
                self.by_manifest.entry(service.manifest).or_default().insert((arrival, provider));
            }
        }
        self.by_end.insert((offer.valid_until, provider));
        self.offers.insert(provider, Listed { offer, arrival });
        if held.is_none() { Received::First } else { Received::Renewed }
    }

    /// All offers, by provider.
    pub fn iter(&self) -> impl Iterator<Item = &Verified<Offer>> {
        self.offers.values().map(|listed| &listed.offer)
    }

    /// The offers that are found under a model, by the time at which their providers were first heard of; and that of
    /// `named`, whom the user wants, even where there was no room for it under the model.
    pub fn serving(&self, manifest: Digest, named: Option<PeerId>) -> impl Iterator<Item = &Verified<Offer>> {
        let found = self.by_manifest.get(&manifest);
        let is_found = move |place: &(u64, PeerId)| found.is_some_and(|found| found.contains(place));
        let named = named.and_then(|peer| Some((self.offers.get(&peer)?.arrival, peer)));
        let named = named.filter(|place| !is_found(place));
        let places = found.into_iter().flatten().copied().chain(named);
        places.filter_map(|(_, provider)| self.get(provider))
    }

    /// The offer of a provider.
    #[must_use]
    pub fn get(&self, provider: PeerId) -> Option<&Verified<Offer>> {
        self.offers.get(&provider).map(|listed| &listed.offer)
    }

    /// How many offers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offers.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offers.is_empty()
    }

    /// True if there is room for another provider, or some was made.
    fn make_room(&mut self, provider: PeerId, now: Timestamp, is_known: &impl Fn(PeerId) -> bool) -> bool {
        if self.offers.len() >= OFFERS_MAX {
            self.drop_expired(now);
        }
        if self.offers.len() >= OFFERS_MAX && is_known(provider) {
            let strangers = self.offers.iter().filter(|(peer, _)| !is_known(**peer));
            let last = strangers.max_by_key(|(_, listed)| listed.arrival).map(|(peer, _)| *peer);
            last.into_iter().for_each(|stranger| self.remove(stranger));
        }
        self.offers.len() < OFFERS_MAX
    }

    /// True if there is room for another provider under a model, or some was made.
    fn make_room_under(
        &mut self,
        manifest: Digest,
        provider: PeerId,
        now: Timestamp,
        is_known: &impl Fn(PeerId) -> bool,
    ) -> bool {
        if self.count_under(manifest) >= OFFERS_PER_MANIFEST_MAX {
            self.drop_expired(now);
        }
        let is_full = self.count_under(manifest) >= OFFERS_PER_MANIFEST_MAX;
        let Some(found) = self.by_manifest.get_mut(&manifest).filter(|_| is_full) else { return true };
        let last = found.iter().rev().find(|(_, peer)| !is_known(*peer)).copied();
        let Some(stranger) = last.filter(|_| is_known(provider)) else { return false };
        found.remove(&stranger)
    }

    fn count_under(&self, manifest: Digest) -> usize {
        self.by_manifest.get(&manifest).map_or(0, BTreeSet::len)
    }

    fn drop_expired(&mut self, now: Timestamp) {
        while let Some((_, provider)) = self.by_end.first().copied().filter(|(end, _)| *end <= now) {
            self.remove(provider);
        }
    }

    fn remove(&mut self, provider: PeerId) {
        let Some(Listed { offer, arrival }) = self.offers.remove(&provider) else { return };
        self.by_end.remove(&(offer.valid_until, provider));
        let manifests: Vec<Digest> = offer.services.iter().map(|service| service.manifest).collect();
        for manifest in manifests {
            let Some(found) = self.by_manifest.get_mut(&manifest) else { continue };
            found.remove(&(arrival, provider));
            if found.is_empty() {
                self.by_manifest.remove(&manifest);
            }
        }
    }
}

fn is_sound(offer: &Offer, now: Timestamp) -> bool {
    let short = |text: &String| text.len() <= OFFER_TEXT_BYTES_MAX;
    offer.valid_until > now
        && offer.valid_until <= now.after(PUBLISHED_VALIDITY_MAX)
        && offer.services.len() <= OFFER_MANIFESTS_MAX
        && offer.addresses.len() <= OFFER_ADDRESSES_MAX
        && offer.addresses.iter().all(short)
        && offer.services.iter().all(|service| short(&service.name))
        && short(&offer.machine)
}

#[cfg(test)]
mod tests;
