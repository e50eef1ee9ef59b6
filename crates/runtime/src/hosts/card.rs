//! The graphics card that models are on, and what is taken of its memory.
//!
//! **Invariant:** what a model or a session may take of the card is counted before it is taken, by all processes together;
//! whoever finds no room computes on the processor.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use assay_protocol::id::Digest;

use crate::worker::{CardLayers, CardName, CardPlace, FoundCard};

/// How long a model that the card refused is on the processor before it is tried again: what was in its way may be gone.
const REFUSED_WAIT: Duration = Duration::from_secs(15 * 60);
/// Models whose refusal is remembered.
const REFUSED_MAX: usize = 64;
/// Models of which it is remembered how much was on a card.
const KNOWN_MAX: usize = 64;
/// Of a card's memory one over this is left to its driver and to others.
const LEFT_PART: u64 = 16;
/// Of a model's file its weights on a card are so many parts of four, more or less.
const WEIGHT_QUARTERS: u64 = 6;
/// Of a model's file one over this is worth a place on a card, if that has not room for more.
const LEAST_PART: u64 = 16;

/// A card in use.
pub(crate) struct UsedCard {
    pub(super) name: CardName,
    /// Whether a model that it refuses is on nothing else.
    pub(super) is_only: bool,
    /// Bytes for models and sessions.
    bytes: u64,
    taken: Mutex<u64>,
    refused: Mutex<BTreeMap<Digest, (String, Instant)>>,
    /// How much of each model was on it when that was last loaded.
    layers: Mutex<BTreeMap<Digest, CardLayers>>,
}

impl UsedCard {
    pub(crate) fn new(card: &FoundCard, is_only: bool) -> Arc<Self> {
        let name = CardName { index: card.index, name: card.name.clone() };
        let bytes = card.memory_bytes.map_or(u64::MAX, |bytes| bytes - bytes / LEFT_PART);
        let (taken, refused, layers) = (Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new(Self { name, is_only, bytes, taken, refused, layers })
    }

    /// It, and what of its memory is not taken.
    pub(super) fn place(&self) -> CardPlace {
        CardPlace { name: self.name.clone(), bytes: self.free() }
    }

    fn free(&self) -> u64 {
        match self.bytes {
            u64::MAX => u64::MAX,
            bytes => bytes.saturating_sub(*lock(&self.taken)),
        }
    }

    /// How much of a model it has, or had when that was last loaded.
    pub(crate) fn layers(&self, model: Digest) -> Option<CardLayers> {
        lock(&self.layers).get(&model).copied()
    }

    /// Notes how much of a model it has.
    pub(super) fn note(&self, model: Digest, layers: CardLayers) {
        let mut known = lock(&self.layers);
        if known.len() >= KNOWN_MAX && !known.contains_key(&model) {
            known.pop_first();
        }
        known.insert(model, layers);
    }

    /// Why it refused a model of late, if it did.
    pub(crate) fn refused(&self, model: Digest) -> Option<String> {
        let refused = lock(&self.refused);
        let (why, since) = refused.get(&model)?;
        (since.elapsed() < REFUSED_WAIT).then(|| why.clone())
    }

    /// Notes that it refused a model.
    pub(super) fn refuse(&self, model: Digest, why: String) {
        let mut refused = lock(&self.refused);
        refused.retain(|_, (_, since)| since.elapsed() < REFUSED_WAIT);
        if refused.len() < REFUSED_MAX {
            refused.insert(model, (why, Instant::now()));
        }
    }

    /// Whether a model whose file has so many bytes may find room.
    pub(super) fn may_hold(&self, file_bytes: u64) -> bool {
        let weights = (file_bytes / 4).saturating_mul(WEIGHT_QUARTERS);
        lock(&self.taken).saturating_add(weights) <= self.bytes
    }

    /// Whether a part of it that is worth the way may find room.
    pub(super) fn may_hold_part(&self, file_bytes: u64) -> bool {
        self.free() >= file_bytes / LEAST_PART
    }

    /// Counts bytes, if there are as many.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let mut taken = lock(&self.taken);
        let sum = taken.saturating_add(bytes);
        let fits = sum <= self.bytes;
        if fits {
            *taken = sum;
        }
        fits
    }

    /// Counts them no longer.
    pub(super) fn give(&self, bytes: u64) {
        let mut taken = lock(&self.taken);
        *taken = taken.saturating_sub(bytes);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(memory_bytes: Option<u64>) -> Arc<UsedCard> {
        let name = "some".to_owned();
        let (driver, is_hardware, is_integrated) = (name.clone(), true, false);
        let found = FoundCard { index: 0, name, driver, is_hardware, is_integrated, memory_bytes };
        UsedCard::new(&found, false)
    }

    #[test]
    fn memory_is_given_out_once_and_a_part_of_it_never() {
        let card = card(Some(1_600));
        assert!(card.may_hold(1_000) && !card.may_hold(1_004));
        assert!(card.may_hold_part(24_000) && !card.may_hold_part(24_016), "a part of more");
        assert_eq!(card.place().bytes, 1_500);
        assert!(card.take(1_400) && !card.take(101), "a sixteenth is left");
        assert_eq!(card.place().bytes, 100);
        assert!(card.take(100) && !card.may_hold(4));
        card.give(1_400);
        assert!(card.take(1_400));
        let unknown = self::card(None);
        assert!(unknown.may_hold(1 << 60), "nobody knows how much there is");
        assert!(unknown.take(1 << 60) && unknown.place().bytes == u64::MAX);
    }

    #[test]
    fn how_much_of_a_model_is_on_it_is_known_of_no_more_models_than_there_is_room_for() {
        let card = card(None);
        let model = |number: u8| Digest([number; 32]);
        let layers = CardLayers { on_card: 20, all: 32 };
        assert_eq!(card.layers(model(0)), None);
        for number in 0..=KNOWN_MAX as u8 {
            card.note(model(number), layers);
            card.note(model(number), CardLayers { on_card: 32, ..layers });
        }
        assert_eq!(card.layers(model(0)), None, "it made room");
        let last = card.layers(model(KNOWN_MAX as u8)).unwrap();
        assert!(last.is_whole() && !layers.is_whole());
    }

    #[test]
    fn what_was_refused_is_remembered_and_never_more_than_there_is_room_for() {
        let card = card(None);
        let model = |number: u8| Digest([number; 32]);
        assert_eq!(card.refused(model(0)), None);
        for number in 0..=REFUSED_MAX as u8 {
            card.refuse(model(number), "experts".to_owned());
        }
        assert_eq!(card.refused(model(0)).as_deref(), Some("experts"));
        assert_eq!(card.refused(model(REFUSED_MAX as u8)), None, "it is tried again");
    }
}
