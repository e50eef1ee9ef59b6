//! What a flood of made-up names does to the book, and what it does not.

use assay_protocol::units::{Amount, Duration};

use super::*;
use crate::fixture::{NOW, manifest, offer, peer, service, signed};

const PRICE: Amount = Amount(1);

/// A book with the providers that this peer knows.
#[derive(Default)]
struct Shop {
    book: Book,
    known: BTreeSet<PeerId>,
}

impl Shop {
    /// Shows the book an offer; true if its provider was not in it.
    fn take(&mut self, number: u64, change: impl FnOnce(&mut Offer), now: Timestamp) -> bool {
        self.receive(number, change, now) == Received::First
    }

    fn receive(&mut self, number: u64, change: impl FnOnce(&mut Offer), now: Timestamp) -> Received {
        let mut offer = offer(number, PRICE);
        change(&mut offer);
        let received = self.book.take(signed(number, offer), now, |peer| self.known.contains(&peer));
        self.check();
        received
    }

    /// Takes the offers of these peers.
    fn take_all(&mut self, numbers: core::ops::Range<u64>) {
        for number in numbers {
            self.take(number, |_| {}, NOW);
        }
    }

    fn is_found(&self, number: u64) -> bool {
        self.book.serving(manifest().digest(), None).any(|offer| offer.signer() == peer(number))
    }

    /// The invariant.
    fn check(&self) {
        let Book { offers, by_manifest, by_end, .. } = &self.book;
        assert!(offers.len() <= OFFERS_MAX && by_end.len() == offers.len());
        // The whole of a large book is looked at now and then.
        if offers.len() > 20 && !offers.len().is_multiple_of(499) {
            return;
        }
        for (manifest, found) in by_manifest {
            assert!((1..=OFFERS_PER_MANIFEST_MAX).contains(&found.len()));
            for (arrival, provider) in found {
                let listed = &offers[provider];
                assert!(listed.arrival == *arrival, "{provider}");
                assert!(listed.offer.services.iter().any(|service| service.manifest == *manifest));
            }
        }
    }
}

#[test]
fn the_newest_offer_of_a_provider_replaces_its_others() {
    let mut shop = Shop::default();
    let at = |sequence| move |offer: &mut Offer| offer.sequence = sequence;
    let received = [5, 5, 4, 6].map(|sequence| shop.receive(1, at(sequence), NOW));
    assert_eq!(received, [Received::First, Received::Ignored, Received::Ignored, Received::Renewed]);
    assert_eq!((shop.book.len(), shop.book.get(peer(1)).map(|offer| offer.sequence)), (1, Some(6)));
    assert!(!shop.take(2, |offer| offer.valid_until = NOW, NOW));
    assert!(!shop.take(2, |offer| offer.valid_until = NOW.after(Duration::seconds(3_601)), NOW));
}

#[test]
fn an_offer_is_found_under_what_it_serves_now() {
    let mut shop = Shop::default();
    let other = Digest::of(b"other");
    shop.take_all(1..3);
    let change = |offer: &mut Offer| {
        offer.sequence = 2;
        offer.services = [service(other, PRICE)].into();
    };
    shop.take(1, change, NOW);
    assert!(!shop.is_found(1) && shop.is_found(2));
    assert_eq!(shop.book.serving(other, None).map(|offer| offer.signer()).collect::<Vec<_>>(), [peer(1)]);
    shop.take(1, |offer| (offer.sequence, offer.services) = (3, Vec::new()), NOW);
    assert_eq!(shop.book.serving(other, None).count(), 0);
    assert_eq!(shop.book.by_manifest.len(), 1, "a model that nobody serves takes no room");
}

#[test]
fn a_flood_of_free_names_displaces_neither_the_known_nor_those_before_it() {
    let mut shop = Shop::default();
    shop.take_all(0..20);
    shop.known.extend((0..5).chain([9_000, 9_001]).map(peer));
    shop.take_all(100..3_000);
    assert!((0..20).all(|number| shop.is_found(number)), "those before the flood are there");
    assert_eq!(shop.book.serving(manifest().digest(), None).count(), OFFERS_PER_MANIFEST_MAX);
    let named = shop.book.serving(manifest().digest(), Some(peer(2_999))).map(|offer| offer.signer());
    assert_eq!(named.last(), Some(peer(2_999)), "whom the user names is looked at all the same");
    assert_eq!(shop.book.serving(manifest().digest(), Some(peer(3))).count(), OFFERS_PER_MANIFEST_MAX);
    assert!(shop.take(9_000, |_| {}, NOW) && shop.take(9_001, |_| {}, NOW));
    assert!(shop.is_found(9_000) && shop.is_found(9_001), "a known provider finds room");
    assert!((0..20).all(|number| shop.is_found(number)), "at the cost of the last strangers alone");
    shop.take(7, |offer| offer.sequence = 2, NOW);
    shop.known.insert(peer(9_002));
    assert!(shop.take(9_002, |_| {}, NOW) && shop.is_found(7), "a new offer keeps the place of the old one");
}

#[test]
fn a_full_book_makes_room_for_a_known_provider_and_for_nobody_else() {
    let mut shop = Shop::default();
    for number in 0..12_000 {
        let model = Digest::of(&[u8::try_from(number % 16).unwrap()]);
        shop.take(number, |offer| offer.services = [service(model, PRICE)].into(), NOW);
    }
    assert_eq!((shop.book.len(), shop.book.get(peer(10_000)).is_some()), (OFFERS_MAX, false));
    shop.known.insert(peer(20_000));
    assert!(!shop.take(19_999, |_| {}, NOW) && shop.take(20_000, |_| {}, NOW));
    assert!(shop.is_found(20_000) && shop.book.get(peer(9_999)).is_none() && shop.book.len() == OFFERS_MAX);
    assert!(shop.book.get(peer(9_998)).is_some(), "only one had to go");
}

#[test]
fn offers_that_expired_go_first() {
    let mut shop = Shop::default();
    shop.known.insert(peer(0));
    for number in 0..2_000 {
        shop.take(number, |offer| offer.valid_until = NOW.after(Duration(10 + number % 2)), NOW);
    }
    let later = NOW.after(Duration(10));
    assert!(!shop.is_found(1_999));
    assert!(shop.take(5_000, |_| {}, later) && shop.is_found(5_000), "half of them expired");
    assert!(!shop.is_found(0) && shop.is_found(1), "known or not");
    assert_eq!(shop.book.len(), 1_001);
}
