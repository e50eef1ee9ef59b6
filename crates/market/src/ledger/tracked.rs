//! A map that knows which of its entries may have changed, and what all of them hold.
//!
//! **Invariant:** no entry is put in, taken out or lent to be changed without being noted, but by `each_mut`, which
//! changes nothing that is held; to read notes nothing. What all hold is kept by what the noted ones held before and hold
//! now, so that it costs the same however many there are.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{fmt, ops::Deref};

use serde::{Serialize, de::DeserializeOwned};

use super::boxes::{Boxes, Holds};

/// A map, whose entries were touched since that was last asked, and what they held then.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(
    bound(serialize = "K: Ord + Serialize, V: Serialize"),
    bound(deserialize = "K: Ord + DeserializeOwned, V: DeserializeOwned")
)]
pub(super) struct Tracked<K, V> {
    entries: BTreeMap<K, V>,
    #[serde(skip, default = "Vec::new")]
    touched: Vec<(K, Boxes)>,
    /// What all entries held when this was last asked.
    held: Boxes,
}

impl<K: Copy + Ord, V: Holds> Tracked<K, V> {
    /// A map that nobody has touched.
    pub(super) fn new(entries: BTreeMap<K, V>) -> Self {
        Self { held: count(&entries), entries, touched: Vec::new() }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let entry = self.entries.get_mut(key)?;
        self.touched.push((*key, entry.boxes()));
        Some(entry)
    }

    /// Lends every entry; what it holds must stay what it was.
    pub(super) fn each_mut(&mut self, mut change: impl FnMut(&K, &mut V)) {
        self.entries.iter_mut().for_each(|(key, entry)| change(key, entry));
    }

    /// The entry of a key, made if it is not there.
    pub(super) fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let entry = self.entries.entry(key).or_default();
        self.touched.push((key, entry.boxes()));
        entry
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let before = self.entries.insert(key, value);
        self.touched.push((key, before.map(|entry| entry.boxes()).unwrap_or_default()));
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key);
        self.touched.push((*key, entry.as_ref().map(Holds::boxes).unwrap_or_default()));
        entry
    }

    /// Whose entries were touched since this was last asked: each once, in their order.
    pub(super) fn take_touched(&mut self) -> Vec<K> {
        // The first note of an entry says what it held before all of them.
        self.touched.sort_by_key(|(key, _)| *key);
        self.touched.dedup_by_key(|(key, _)| *key);
        for (key, before) in &self.touched {
            let now = self.entries.get(key).map(Holds::boxes).unwrap_or_default();
            self.held = self.held.changed(*before, now);
        }
        self.touched.drain(..).map(|(key, _)| key).collect()
    }

    /// What all entries held when it was last asked which were touched.
    pub(super) fn held(&self) -> Boxes {
        self.held
    }

    /// The same, counted one by one.
    pub(super) fn counted(&self) -> Boxes {
        count(&self.entries)
    }
}

fn count<K, V: Holds>(entries: &BTreeMap<K, V>) -> Boxes {
    entries.values().fold(Boxes::default(), |all, entry| all.changed(Boxes::default(), entry.boxes()))
}

impl<K, V> Deref for Tracked<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.entries
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Tracked<K, V> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something that holds its number.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    struct Purse(u64);

    impl Holds for Purse {
        fn boxes(&self) -> Boxes {
            Boxes { own: self.0.into(), held: (self.0 / 2).into() }
        }
    }

    fn map() -> Tracked<u64, Purse> {
        Tracked::new(BTreeMap::from([(1, Purse(10)), (2, Purse(20)), (3, Purse(30))]))
    }

    #[test]
    fn what_is_read_is_not_touched_and_what_is_lent_is_told_once() {
        let mut map = map();
        assert_eq!((map.get(&1), map.len()), (Some(&Purse(10)), 3));
        assert_eq!(map.get_mut(&9), None);
        assert!(map.take_touched().is_empty());
        map.insert(4, Purse(40));
        map.remove(&3);
        *map.or_default(5) = Purse(50);
        for changed in [7, 8] {
            map.get_mut(&2).into_iter().for_each(|entry| *entry = Purse(changed));
        }
        assert_eq!(map.take_touched(), [2, 3, 4, 5]);
        assert!(map.take_touched().is_empty());
        assert_eq!(map.values().map(|purse| purse.0).collect::<Vec<_>>(), [10, 8, 40, 50]);
    }

    #[test]
    fn what_all_hold_is_kept_through_every_change() {
        let mut map = map();
        assert_eq!(map.held(), Boxes { own: 60, held: 30 });
        map.insert(4, Purse(40));
        map.insert(4, Purse(44));
        map.get_mut(&4).into_iter().for_each(|entry| entry.0 = 2);
        map.remove(&1);
        map.insert(1, Purse(1));
        map.remove(&3);
        map.remove(&3);
        map.or_default(5).0 += 6;
        map.or_default(5).0 += 6;
        map.take_touched();
        assert_eq!(map.held(), Boxes { own: 35, held: 17 });
        assert_eq!(map.held(), map.counted());
    }
}
