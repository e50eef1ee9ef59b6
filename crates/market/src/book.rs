//! The offers a peer has heard of, and under which model each is found.
//!
//! A shell keeps it and lends it to the brain: a daemon has one of its own, simulated peers can share one. What an offer is
//! worth is the brain's own knowledge ([`crate::Node::worth`]), and it puts the offer in one of two parts. Of those that
//! are worth something the dearest are remembered. All others are one lot: names are free, and whoever makes up ten
//! thousand of them should have no more by it than a share, so of the lot a sample is remembered, drawn by a seed that
//! nobody else knows. Each hour draws anew as offers are renewed or expire, so whoever was left out has another chance.
//!
//! **Invariant:** one offer for each provider, the one with the highest sequence; never more than [`PART_MAX`] of either
//! part, nor more than [`PART_PER_MANIFEST_MAX`] of it that are found under one model; what is found under a model is in
//! the book and serves it; nothing of the lot takes the place of what is worth something.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    message::{self, PUBLISHED_VALIDITY_MAX},
    offer::Offer,
    signed::Verified,
    units::{Duration, Timestamp},
};

/// How long after it was told an offer is told again, at the latest.
pub const OFFER_REPEATED: Duration = Duration::seconds(300);
/// Offers of either part that are remembered: of four KiB at most, so 40 MiB in all.
const PART_MAX: usize = 5_000;
/// Offers of either part that are found under one model: more than anybody compares, and ranking them takes under a
/// millisecond.
const PART_PER_MANIFEST_MAX: usize = 512;

/// The offers a peer has heard of.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// What the sample of the lot is drawn by.
    seed: Digest,
    offers: BTreeMap<PeerId, Listed>,
    /// All of them.
    all: BookParts,
    by_manifest: BTreeMap<Digest, BookParts>,
    /// By the end of the promise.
    by_end: BTreeSet<(Timestamp, PeerId)>,
}

/// An offer, and where it stands.
#[derive(Clone, Debug)]
struct Listed {
    offer: Verified<Offer>,
    seat: ListPlace,
    /// Since when its provider is in the book.
    since: Timestamp,
}

/// Where an offer stands in its part: whoever has the higher one stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ListPlace {
    /// Of the lot, by chance.
    Lot(u64),
    /// Worth something, by that.
    Known(u64),
}

/// Providers in their two parts.
#[derive(Clone, Debug, Default)]
struct BookParts {
    lot: BTreeSet<(ListPlace, PeerId)>,
    known: BTreeSet<(ListPlace, PeerId)>,
}

impl BookParts {
    fn part(&mut self, place: ListPlace) -> &mut BTreeSet<(ListPlace, PeerId)> {
        match place {
            ListPlace::Lot(_) => &mut self.lot,
            ListPlace::Known(_) => &mut self.known,
        }
    }

    /// Who has to go, where `most` have room, if this one comes: the lowest, and that may be itself.
    fn displaced(&mut self, comer: (ListPlace, PeerId), most: usize) -> Option<PeerId> {
        let part = self.part(comer.0);
        let lowest = part.first().copied().filter(|_| part.len() >= most)?;
        // Of equals whoever is there stays: names can be chosen.
        Some(if lowest.0 < comer.0 { lowest.1 } else { comer.1 })
    }

    fn remove(&mut self, (place, provider): (ListPlace, PeerId)) {
        self.part(place).remove(&(place, provider));
    }

    /// The highest of each part in turn.
    fn iter(&self) -> impl Iterator<Item = PeerId> {
        let (mut known, mut lot) = (self.known.iter().rev(), self.lot.iter().rev());
        let pairs = core::iter::from_fn(move || {
            let pair = [known.next(), lot.next()];
            (pair != [None, None]).then_some(pair)
        });
        pairs.flatten().flatten().map(|(_, provider)| *provider)
    }

    fn len(&self) -> usize {
        self.known.len() + self.lot.len()
    }
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
    /// An empty book that draws by this seed, which nobody else may know.
    #[must_use]
    pub fn new(seed: Digest) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Takes an offer, or leaves it. `worth` is what it counts for; nothing puts it in the lot.
    pub fn take(
        &mut self,
        offer: Verified<Offer>,
        now: Timestamp,
        worth: impl Fn(&Verified<Offer>) -> u64,
    ) -> Received {
        let provider = offer.signer();
        let held = self.offers.get(&provider).map(|listed| (listed.offer.sequence, listed.since));
        if !is_sound(&offer, now) || held.is_some_and(|(sequence, _)| sequence >= offer.sequence) {
            return Received::Ignored;
        }
        self.remove(provider);
        let seat = match worth(&offer) {
            0 => ListPlace::Lot(self.chance(provider, now)),
            worth => ListPlace::Known(worth),
        };
        if !self.make_room((seat, provider), now) {
            return Received::Ignored;
        }
        for (_, service) in offer.services() {
            self.find_under(service.manifest, (seat, provider), now);
        }
        self.all.part(seat).insert((seat, provider));
        self.by_end.insert((offer.valid_until, provider));
        let since = held.map_or(now, |(_, since)| since);
        self.offers.insert(provider, Listed { offer, seat, since });
        if held.is_none() { Received::First } else { Received::Renewed }
    }

    /// All offers: of those that are worth something and of the lot one each in turn, so that the first are of both.
    pub fn iter(&self) -> impl Iterator<Item = &Verified<Offer>> {
        self.all.iter().filter_map(|provider| self.get(provider))
    }

    /// The offers that are found under a model; and that of `named`, whom the user wants, even where there was no room for
    /// it under the model.
    pub fn serving(&self, manifest: Digest, named: Option<PeerId>) -> impl Iterator<Item = &Verified<Offer>> {
        let found = self.by_manifest.get(&manifest);
        let is_found = move |place: (ListPlace, PeerId)| {
            found.is_some_and(|parts| parts.known.contains(&place) || parts.lot.contains(&place))
        };
        let named =
            named.filter(|peer| self.offers.get(peer).is_some_and(|listed| !is_found((listed.seat, *peer))));
        let providers = found.into_iter().flat_map(BookParts::iter).chain(named);
        providers.filter_map(|provider| self.get(provider))
    }

    /// The offer of a provider.
    #[must_use]
    pub fn get(&self, provider: PeerId) -> Option<&Verified<Offer>> {
        self.offers.get(&provider).map(|listed| &listed.offer)
    }

    /// Since when the book has offers of others than this peer: the longest that one of them is in it.
    #[must_use]
    pub fn knows_others_since(&self, own: PeerId) -> Option<Timestamp> {
        let others = self.offers.iter().filter(|(provider, _)| **provider != own);
        others.map(|(_, listed)| listed.since).min()
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

    /// What the lot gives a provider in the hour of this time.
    fn chance(&self, provider: PeerId, now: Timestamp) -> u64 {
        let hour = now.0 / PUBLISHED_VALIDITY_MAX.0;
        let Digest([a, b, c, d, e, f, g, h, ..]) = codec::digest("book", &(self.seed, hour, provider));
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// True if there is room for one more, or some was made.
    fn make_room(&mut self, comer: (ListPlace, PeerId), now: Timestamp) -> bool {
        if self.all.part(comer.0).len() >= PART_MAX {
            self.drop_expired(now);
        }
        match self.all.displaced(comer, PART_MAX) {
            Some(lowest) if lowest == comer.1 => false,
            Some(lowest) => {
                self.remove(lowest);
                true
            }
            None => true,
        }
    }

    /// Has a provider found under a model, if there is room or some can be made.
    fn find_under(&mut self, manifest: Digest, comer: (ListPlace, PeerId), now: Timestamp) {
        let is_full = |parts: &mut BookParts| parts.part(comer.0).len() >= PART_PER_MANIFEST_MAX;
        if self.by_manifest.get_mut(&manifest).is_some_and(is_full) {
            self.drop_expired(now);
        }
        let parts = self.by_manifest.entry(manifest).or_default();
        let displaced = parts.displaced(comer, PART_PER_MANIFEST_MAX);
        let part = parts.part(comer.0);
        if displaced.is_some_and(|lowest| lowest != comer.1) {
            part.pop_first();
        }
        if displaced != Some(comer.1) {
            part.insert(comer);
        }
    }

    /// Forgets the offers that are over.
    pub fn drop_expired(&mut self, now: Timestamp) {
        while let Some((_, provider)) = self.by_end.first().copied().filter(|(end, _)| *end <= now) {
            self.remove(provider);
        }
    }

    fn remove(&mut self, provider: PeerId) {
        let Some(Listed { offer, seat, .. }) = self.offers.remove(&provider) else { return };
        self.by_end.remove(&(offer.valid_until, provider));
        self.all.remove((seat, provider));
        let manifests: Vec<Digest> = offer.services().map(|(_, service)| service.manifest).collect();
        for manifest in manifests {
            let Some(parts) = self.by_manifest.get_mut(&manifest) else { continue };
            parts.remove((seat, provider));
            if parts.len() == 0 {
                self.by_manifest.remove(&manifest);
            }
        }
    }
}

/// When an offer was signed, as far as it says: providers number their offers by the time.
#[must_use]
pub fn said_at(offer: &Offer, now: Timestamp) -> Timestamp {
    let earliest = offer.valid_until.0.saturating_sub(PUBLISHED_VALIDITY_MAX.0);
    Timestamp(offer.sequence.clamp(earliest.min(now.0), now.0))
}

/// Whether an offer was to be told again twice since it was signed, as far as it says when that was: its provider may be gone.
#[must_use]
pub fn is_overdue(offer: &Offer, now: Timestamp) -> bool {
    now.since(said_at(offer, now)) > OFFER_REPEATED.times(2)
}

fn is_sound(offer: &Offer, now: Timestamp) -> bool {
    message::is_current(offer.valid_until, now) && offer.is_sound()
}

#[cfg(test)]
mod tests;
