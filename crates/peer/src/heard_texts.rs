//! Texts as far as they were heard: at a client what was written of its jobs, at a provider what its clients heard of theirs
//! elsewhere. Whoever goes on with a text that broke off reads that, and does not write it again.
//!
//! **Invariant:** what was heard is a hint: it decides how soon a run has written as much, and no bit of what it gives. Few
//! texts are remembered, and of each no more than its beginning.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bytes of the longest beginning: some thousands of tokens. What is behind them is written anew.
pub(crate) const HEARD_BYTES_MAX: usize = 32 * 1024;
/// Texts that are remembered: those of which something was heard last.
const TEXTS_MAX: usize = 64;

/// Texts, each with what it is of; of the last one something was heard last.
type KeptTexts<K> = VecDeque<(K, Vec<u8>)>;

/// Texts by what they are of. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct HeardTexts<K> {
    texts: Arc<Mutex<KeptTexts<K>>>,
}

impl<K> Default for HeardTexts<K> {
    fn default() -> Self {
        Self { texts: Arc::default() }
    }
}

impl<K: PartialEq> HeardTexts<K> {
    /// Notes what was heard of a text from this byte on. What was heard before stays as it was; what does not follow from it is
    /// passed over.
    pub(crate) fn note(&self, text: K, from: usize, bytes: &[u8]) {
        let texts = &mut *self.texts();
        let place = texts.iter().position(|(known, _)| *known == text);
        let mut heard =
            place.and_then(|place| texts.remove(place)).map(|(_, heard)| heard).unwrap_or_default();
        let known = heard.len().checked_sub(from);
        if let Some(new) = known.and_then(|known| bytes.get(known..)) {
            let room = HEARD_BYTES_MAX.saturating_sub(heard.len());
            heard.extend_from_slice(&new[..new.len().min(room)]);
        }
        if texts.len() >= TEXTS_MAX {
            texts.pop_front();
        }
        texts.push_back((text, heard));
    }

    /// What was heard of a text, if anything.
    pub(crate) fn get(&self, text: &K) -> Option<Vec<u8>> {
        let texts = self.texts();
        let (_, heard) = texts.iter().find(|(known, _)| known == text)?;
        Some(heard.clone()).filter(|heard| !heard.is_empty())
    }

    fn texts(&self) -> MutexGuard<'_, KeptTexts<K>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_heard_on_by_whoever_says_it_and_what_was_heard_stays() {
        let heard = HeardTexts::default();
        assert_eq!(heard.get(&1), None);
        heard.note(1, 0, b"");
        assert_eq!(heard.get(&1), None, "nothing of it was heard");
        let said: [(usize, &[u8]); 5] = [(0, b"27+"), (3, b"58"), (0, b"31+"), (3, b"58=85"), (9, b"lost")];
        said.iter().for_each(|(from, bytes)| heard.note(1, *from, bytes));
        assert_eq!(heard.get(&1).as_deref(), Some(&b"27+58=85"[..]));
        assert_eq!(heard.get(&2), None);
    }

    #[test]
    fn few_texts_are_remembered_and_none_is_long() {
        let heard = HeardTexts::default();
        for text in 1..=TEXTS_MAX {
            heard.note(0, 0, b"again");
            heard.note(text, 0, &vec![7; HEARD_BYTES_MAX + 1]);
        }
        assert_eq!(
            heard.get(&0).as_deref(),
            Some(&b"again"[..]),
            "something was heard of it again and again"
        );
        assert_eq!((heard.get(&1), heard.get(&2).map(|heard| heard.len())), (None, Some(HEARD_BYTES_MAX)));
        heard.note(2, HEARD_BYTES_MAX, b"more");
        assert_eq!(heard.get(&2).map(|heard| heard.len()), Some(HEARD_BYTES_MAX));
    }
}
