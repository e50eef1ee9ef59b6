//! The last so many of what is over, by name: a memory that does not grow.
//!
//! **Invariant:** never more than `max`; the oldest goes first; every name in the queue is in the map, once.

use alloc::collections::{BTreeMap, VecDeque};

use serde::{Serialize, de::DeserializeOwned};

/// The last so many things, by name.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(
    bound(serialize = "K: Ord + Serialize, V: Serialize"),
    bound(deserialize = "K: Ord + DeserializeOwned, V: DeserializeOwned")
)]
pub(crate) struct Recent<K, V> {
    items: BTreeMap<K, V>,
    /// The names, oldest first.
    order: VecDeque<K>,
    max: usize,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    /// A memory for so many things.
    pub(crate) fn new(max: usize) -> Self {
        Self { items: BTreeMap::new(), order: VecDeque::new(), max }
    }

    /// Remembers a thing, instead of another of this name; the oldest is given up for it if there is no room, and
    /// returned.
    pub(crate) fn insert(&mut self, name: K, item: V) -> Option<(K, V)> {
        if self.items.insert(name, item).is_none() {
            self.order.push_back(name);
        }
        if self.items.len() <= self.max {
            return None;
        }
        let oldest = self.order.pop_front()?;
        self.items.remove_entry(&oldest)
    }

    /// The same things, each made into another.
    pub(crate) fn map<W>(self, mut change: impl FnMut(V) -> W) -> Recent<K, W> {
        let items = self.items.into_iter().map(|(name, item)| (name, change(item)));
        Recent { items: items.collect(), order: self.order, max: self.max }
    }

    /// What has this name.
    pub(crate) fn get(&self, name: &K) -> Option<&V> {
        self.items.get(name)
    }

    /// All that is remembered, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.items.iter()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_oldest_is_given_up_and_a_known_name_takes_nobodys_place() {
        let mut recent = Recent::new(2);
        let mut remembered = |name, item| {
            recent.insert(name, item);
            recent.iter().map(|(name, item)| (*name, *item)).collect::<Vec<_>>()
        };
        assert_eq!(remembered(7, 'a'), [(7, 'a')]);
        assert_eq!(remembered(3, 'b'), [(3, 'b'), (7, 'a')]);
        assert_eq!(remembered(7, 'c'), [(3, 'b'), (7, 'c')], "a name that is known needs no room");
        assert_eq!(remembered(5, 'd'), [(3, 'b'), (5, 'd')], "and is as old as it was");
        assert_eq!(remembered(7, 'e'), [(5, 'd'), (7, 'e')], "what was given up is new again");
        assert_eq!((recent.get(&3), recent.get(&5), recent.get(&7)), (None, Some(&'d'), Some(&'e')));
    }
}
