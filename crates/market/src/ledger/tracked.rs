//! A map that knows which of its entries may have changed.
//!
//! **Invariant:** no entry is put in, taken out or lent to be changed without being noted; to read notes nothing.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{fmt, mem, ops::Deref};

/// A map, and whose entries were touched since that was last asked.
#[derive(Clone)]
pub(super) struct Tracked<K, V> {
    entries: BTreeMap<K, V>,
    touched: Vec<K>,
}

impl<K: Copy + Ord, V> Tracked<K, V> {
    /// A map that nobody has touched.
    pub(super) fn new(entries: BTreeMap<K, V>) -> Self {
        Self { entries, touched: Vec::new() }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let entry = self.entries.get_mut(key)?;
        self.touched.push(*key);
        Some(entry)
    }

    /// The entry of a key, made if it is not there.
    pub(super) fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.touched.push(key);
        self.entries.entry(key).or_default()
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.touched.push(key);
        self.entries.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.touched.push(*key);
        self.entries.remove(key)
    }

    /// Whose entries were touched since this was last asked.
    pub(super) fn take_touched(&mut self) -> BTreeSet<K> {
        mem::take(&mut self.touched).into_iter().collect()
    }
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

    #[test]
    fn what_is_read_is_not_touched_and_what_is_lent_is_told_once() {
        let mut map = Tracked::new(BTreeMap::from([(1, 'a'), (2, 'b'), (3, 'c')]));
        assert_eq!((map.get(&1), map.len()), (Some(&'a'), 3));
        assert_eq!(map.get_mut(&9), None);
        assert!(map.take_touched().is_empty());
        map.insert(4, 'd');
        map.remove(&3);
        *map.or_default(5) = 'e';
        for changed in ['x', 'y'] {
            map.get_mut(&2).into_iter().for_each(|entry| *entry = changed);
        }
        assert_eq!(map.take_touched(), BTreeSet::from([2, 3, 4, 5]));
        assert!(map.take_touched().is_empty());
        assert_eq!(map.values().collect::<Vec<_>>(), [&'a', &'y', &'d', &'e']);
    }
}
