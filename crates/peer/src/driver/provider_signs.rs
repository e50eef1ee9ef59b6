//! What this peer has noticed of providers beside their offers: whom it lost, and who takes nothing new on for now.
//!
//! **Invariant:** it is for people, and nothing is decided by it; of either kind the last [`SIGNS_MAX`] are remembered. Whatever is
//! heard of a provider afterwards is believed instead.

use std::collections::BTreeMap;

use assay_market::book::OFFER_REPEATED;
use assay_protocol::{
    id::{Digest, PeerId},
    units::{Duration, Timestamp},
};
use serde::{Deserialize, Serialize};

/// Peers of either kind that are remembered.
const SIGNS_MAX: usize = 1_024;

/// What was noticed.
#[derive(Debug, Default)]
pub(super) struct ProviderSigns {
    /// Since when a connection to a peer that was in use is gone, or something for it did not get through.
    lost: BTreeMap<PeerId, Timestamp>,
    resting: BTreeMap<PeerId, RestingProvider>,
}

/// A provider that tells everybody that it takes nothing new on: whoever pauses says that, and no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestingProvider {
    /// Which.
    pub provider: PeerId,
    /// Since when, as far as this peer heard.
    pub since: Timestamp,
    /// When it said so last.
    pub told: Timestamp,
    /// What it offered before; nothing, if this peer did not hear that.
    pub manifests: Vec<Digest>,
}

impl ProviderSigns {
    /// A connection in use ended, or something did not get through.
    pub(super) fn lose(&mut self, peer: PeerId, now: Timestamp) {
        make_room(&mut self.lost, peer, |since| *since);
        self.lost.entry(peer).or_insert(now);
    }

    /// Something was heard of a peer.
    pub(super) fn hear(&mut self, peer: PeerId) {
        self.lost.remove(&peer);
    }

    /// A provider told what it offers: whether that is anything, and what it was before.
    pub(super) fn note_offer(&mut self, provider: PeerId, serves: bool, before: Vec<Digest>, now: Timestamp) {
        self.hear(provider);
        if serves {
            self.resting.remove(&provider);
            return;
        }
        make_room(&mut self.resting, provider, |resting| resting.told);
        let new = || RestingProvider { provider, since: now, told: now, manifests: before };
        self.resting.entry(provider).or_insert_with(new).told = now;
    }

    /// How long ago a peer was lost that was not heard of since.
    pub(super) fn lost_for(&self, peer: PeerId, now: Timestamp) -> Option<Duration> {
        self.lost.get(&peer).map(|since| now.since(*since))
    }

    /// Who takes nothing new on, and is there.
    pub(super) fn resting(&self, now: Timestamp) -> impl Iterator<Item = &RestingProvider> {
        let is_there = move |resting: &&RestingProvider| {
            let is_told = now.since(resting.told) <= OFFER_REPEATED.times(2);
            is_told && !self.lost.contains_key(&resting.provider)
        };
        self.resting.values().filter(is_there)
    }
}

/// Forgets what was noticed longest ago, where another one has no room.
fn make_room<T>(all: &mut BTreeMap<PeerId, T>, comer: PeerId, at: impl Fn(&T) -> Timestamp) {
    if all.len() < SIGNS_MAX || all.contains_key(&comer) {
        return;
    }
    let oldest = all.iter().min_by_key(|(_, one)| at(one)).map(|(peer, _)| *peer);
    if let Some(oldest) = oldest {
        all.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: PeerId = PeerId([1; 32]);

    #[test]
    fn who_is_lost_stays_so_until_something_is_heard_of_it() {
        let mut signs = ProviderSigns::default();
        let lost = |signs: &ProviderSigns, now| signs.lost_for(ADA, Timestamp(now));
        assert_eq!(lost(&signs, 0), None);
        signs.lose(ADA, Timestamp(1_000));
        signs.lose(ADA, Timestamp(2_000));
        assert_eq!(lost(&signs, 3_000), Some(Duration(2_000)), "it was lost the first time");
        signs.note_offer(ADA, true, Vec::new(), Timestamp(3_000));
        assert_eq!(lost(&signs, 4_000), None);
    }

    #[test]
    fn who_offers_nothing_any_more_rests_with_what_it_offered_until_it_offers_again_or_is_gone() {
        let mut signs = ProviderSigns::default();
        let resting = |signs: &ProviderSigns, now| signs.resting(Timestamp(now)).cloned().collect::<Vec<_>>();
        let digits = Digest([7; 32]);
        signs.note_offer(ADA, false, vec![digits], Timestamp(1_000));
        signs.note_offer(ADA, false, Vec::new(), Timestamp(3_000));
        let (since, told) = (Timestamp(1_000), Timestamp(3_000));
        let ada = RestingProvider { provider: ADA, since, told, manifests: vec![digits] };
        assert_eq!(resting(&signs, 4_000), [ada]);
        let late = 3_001 + OFFER_REPEATED.times(2).0;
        assert!(resting(&signs, late).is_empty(), "it would have said so again");
        signs.lose(ADA, Timestamp(4_000));
        assert!(resting(&signs, 4_000).is_empty());
        signs.hear(ADA);
        assert_eq!(resting(&signs, 4_000).len(), 1);
        signs.note_offer(ADA, true, Vec::new(), Timestamp(5_000));
        assert!(resting(&signs, 5_000).is_empty());
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let mut signs = ProviderSigns::default();
        for number in 0..SIGNS_MAX as u64 + 8 {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&number.to_be_bytes());
            signs.lose(PeerId(name), Timestamp(number));
            signs.note_offer(PeerId(name), false, Vec::new(), Timestamp(number));
            signs.lose(PeerId(name), Timestamp(number));
        }
        assert_eq!((signs.lost.len(), signs.resting.len()), (SIGNS_MAX, SIGNS_MAX));
        assert_eq!(signs.lost.values().min(), Some(&Timestamp(8)));
    }
}
