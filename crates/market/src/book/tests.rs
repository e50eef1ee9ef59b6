//! What a flood of made-up names does to the book, and what it does not.

use assay_protocol::units::{Amount, Duration};

use super::*;
use crate::fixture::{NOW, manifest, offer, peer, service, signed};

const PRICE: Amount = Amount(1);

/// A book of a peer that knows what some are worth.
#[derive(Default)]
struct Shop {
    book: Book,
    worth: BTreeMap<PeerId, u64>,
}

impl Shop {
    fn seeded(seed: u8) -> Self {
        Self { book: Book::new(Digest([seed; 32])), worth: BTreeMap::new() }
    }

    /// These peers are worth something.
    fn know(&mut self, numbers: core::ops::Range<u64>, worth: u64) {
        self.worth.extend(numbers.map(|number| (peer(number), worth)));
    }

    /// Shows the book an offer; true if its provider was not in it.
    fn take(&mut self, number: u64, change: impl FnOnce(&mut Offer), now: Timestamp) -> bool {
        self.receive(number, change, now) == Received::First
    }

    fn receive(&mut self, number: u64, change: impl FnOnce(&mut Offer), now: Timestamp) -> Received {
        let mut offer = offer(number, PRICE);
        change(&mut offer);
        let worth = |offer: &Verified<Offer>| self.worth.get(&offer.signer()).copied().unwrap_or_default();
        let received = self.book.take(signed(number, offer), now, worth);
        self.check();
        received
    }

    /// Takes the offers of these peers.
    fn take_all(&mut self, numbers: core::ops::Range<u64>) {
        for number in numbers {
            self.take(number, |_| {}, NOW);
        }
    }

    /// Which of these peers are found.
    fn found(&self, numbers: core::ops::Range<u64>) -> Vec<u64> {
        let found: BTreeSet<PeerId> =
            self.book.serving(manifest().digest(), None).map(Verified::signer).collect();
        numbers.filter(|number| found.contains(&peer(*number))).collect()
    }

    fn is_found(&self, number: u64) -> bool {
        !self.found(number..number + 1).is_empty()
    }

    /// The invariant.
    fn check(&self) {
        let Book { offers, all, by_manifest, by_end, .. } = &self.book;
        assert!(all.len() == offers.len() && by_end.len() == offers.len());
        assert!(all.known.len() <= PART_MAX && all.lot.len() <= PART_MAX);
        // The whole of a large book is looked at now and then.
        if offers.len() > 20 && !offers.len().is_multiple_of(499) {
            return;
        }
        for (manifest, found) in by_manifest {
            assert!(found.len() > 0 && found.known.len().max(found.lot.len()) <= PART_PER_MANIFEST_MAX);
            for (place, provider) in found.known.iter().chain(&found.lot) {
                let listed = &offers[provider];
                assert!(listed.seat == *place, "{provider}");
                assert!(listed.offer.benches[0].services.iter().any(|service| service.manifest == *manifest));
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
fn a_book_knows_others_since_the_first_of_them_that_is_still_in_it() {
    let mut shop = Shop::default();
    let (later, own) = (NOW.after(Duration::seconds(9)), peer(1));
    shop.take(1, |_| {}, NOW);
    assert_eq!(shop.book.knows_others_since(own), None, "its own says nothing of others");
    shop.take(2, |_| {}, NOW);
    shop.take(3, |_| {}, later);
    shop.take(2, |offer| offer.sequence += 1, later);
    assert_eq!(shop.book.knows_others_since(own), Some(NOW), "what was renewed was heard of before");
    shop.take(2, |offer| (offer.sequence, offer.valid_until) = (9, later.after(Duration(1))), later);
    shop.book.drop_expired(later.after(Duration(1)));
    assert_eq!(shop.book.knows_others_since(own), Some(later));
}

#[test]
fn an_offer_is_found_under_what_it_serves_now() {
    let mut shop = Shop::default();
    let other = Digest::of(b"other");
    shop.take_all(1..3);
    let change = |offer: &mut Offer| {
        offer.sequence = 2;
        offer.benches[0].services = [service(other, PRICE)].into();
    };
    shop.take(1, change, NOW);
    assert!(!shop.is_found(1) && shop.is_found(2));
    assert_eq!(shop.book.serving(other, None).map(|offer| offer.signer()).collect::<Vec<_>>(), [peer(1)]);
    shop.take(1, |offer| (offer.sequence, offer.benches[0].services) = (3, Vec::new()), NOW);
    assert_eq!(shop.book.serving(other, None).count(), 0);
    assert_eq!(shop.book.by_manifest.len(), 1, "a model that nobody serves takes no room");
}

#[test]
fn a_flood_of_free_names_displaces_nobody_that_is_worth_something_and_has_its_share_of_the_rest() {
    let mut shop = Shop::default();
    shop.know(0..400, 1);
    shop.know(9_000..9_200, 7);
    shop.take_all(0..400);
    shop.take_all(400..3_000);
    assert_eq!(shop.found(0..400).len(), 400);
    assert_eq!(shop.found(400..3_000).len(), PART_PER_MANIFEST_MAX, "the rest is a sample");
    let early = shop.found(400..400 + 1_300).len();
    assert!(early.abs_diff(PART_PER_MANIFEST_MAX / 2) < 60, "{early}: whoever came first has no more of it");
    shop.take_all(9_000..9_200);
    assert_eq!(shop.found(9_000..9_200).len(), 200, "whoever is worth more finds room");
    assert_eq!(shop.found(0..400).len(), PART_PER_MANIFEST_MAX - 200, "at the cost of those worth least");
    let unlisted = (400..3_000).find(|number| !shop.is_found(*number)).unwrap();
    let named = shop.book.serving(manifest().digest(), Some(peer(unlisted))).map(Verified::signer);
    assert_eq!(named.last(), Some(peer(unlisted)), "whom the user names is looked at all the same");
    let found = shop.book.serving(manifest().digest(), Some(peer(9_000))).count();
    assert_eq!(found, 2 * PART_PER_MANIFEST_MAX);
}

#[test]
fn of_the_lot_each_peer_draws_its_own_sample_and_another_one_as_offers_are_renewed() {
    let [mut shop, mut other] = [Shop::seeded(1), Shop::seeded(2)];
    shop.take_all(0..2_048);
    other.take_all(0..2_048);
    let sample = shop.found(0..2_048);
    let both = other.found(0..2_048).iter().filter(|number| sample.contains(number)).count();
    assert!(both.abs_diff(PART_PER_MANIFEST_MAX / 4) < 50, "{both} of {PART_PER_MANIFEST_MAX} are in both");
    let renew = |shop: &mut Shop, later: Timestamp| {
        for number in 0..2_048 {
            let change = |offer: &mut Offer| {
                (offer.sequence, offer.valid_until) = (later.0, later.after(Duration::seconds(900)));
            };
            shop.receive(number, change, later);
        }
    };
    renew(&mut shop, Timestamp(NOW.0 / 3_600_000 * 3_600_000 + 3_500_000));
    assert_eq!(shop.found(0..2_048), sample, "within the hour the same");
    renew(&mut shop, NOW.after(PUBLISHED_VALIDITY_MAX));
    let stayed = shop.found(0..2_048).iter().filter(|number| sample.contains(number)).count();
    assert!(stayed.abs_diff(PART_PER_MANIFEST_MAX / 4) < 120, "{stayed} of {PART_PER_MANIFEST_MAX} stayed");
}

#[test]
fn a_full_book_makes_room_for_who_is_worth_something_and_of_the_lot_keeps_a_sample() {
    let mut shop = Shop::default();
    let serve = |shop: &mut Shop, number: u64| {
        let model = Digest::of(&[u8::try_from(number % 16).unwrap()]);
        shop.take(number, |offer| offer.benches[0].services = [service(model, PRICE)].into(), NOW)
    };
    (0..12_000).for_each(|number| {
        serve(&mut shop, number);
    });
    let early = (0..6_000).filter(|number| shop.book.get(peer(*number)).is_some()).count();
    assert_eq!(shop.book.len(), PART_MAX);
    assert!(early.abs_diff(PART_MAX / 2) < 200, "{early}");
    shop.know(20_000..25_001, 2);
    shop.know(20_000..20_001, 1);
    (20_000..25_000).for_each(|number| assert!(serve(&mut shop, number)));
    assert_eq!(shop.book.len(), 2 * PART_MAX);
    shop.know(25_001..25_002, 1);
    assert!(!serve(&mut shop, 25_001), "it is worth no more than the least of them, and comes later");
    assert!(serve(&mut shop, 25_000) && shop.book.get(peer(20_000)).is_none());
    let first: Vec<PeerId> = shop.book.iter().take(4).map(Verified::signer).collect();
    let known = first.iter().map(|provider| shop.worth.contains_key(provider)).collect::<Vec<_>>();
    assert_eq!(known, [true, false, true, false], "one of each part in turn");
}

#[test]
fn offers_that_expired_go_first() {
    let mut shop = Shop::default();
    shop.know(0..1, 9);
    for number in 0..1_500 {
        shop.take(number, |offer| offer.valid_until = NOW.after(Duration(10 + number % 2)), NOW);
    }
    let (before, later) = (shop.found(0..1_500).len(), NOW.after(Duration(10)));
    assert_eq!(before, 1 + PART_PER_MANIFEST_MAX);
    assert!(shop.take(5_000, |_| {}, later) && shop.is_found(5_000), "half of them expired");
    assert!(!shop.is_found(0), "known or not");
    assert_eq!(shop.book.len(), 751);
}

#[test]
fn an_offer_is_as_old_as_its_number_says_within_what_can_be() {
    let said = |sequence, valid_for| {
        let said = Offer { sequence, valid_until: NOW.after(valid_for), ..offer(1, PRICE) };
        NOW.since(said_at(&said, NOW))
    };
    let minute = Duration::seconds(60);
    assert_eq!(said(NOW.0 - minute.0, minute), minute);
    assert_eq!(said(NOW.0 + 1, minute), Duration(0), "nothing is said in the future");
    let hour = PUBLISHED_VALIDITY_MAX;
    assert_eq!(
        said(1, Duration(hour.0 - 5_000)),
        Duration::seconds(5),
        "nor is it valid for longer than an hour"
    );
}
