//! Where what is large lies while a small event stands for it.
//!
//! **Invariant:** a slot is given out again only after what lay in it was taken.

/// Large things by the numbers of their slots.
#[derive(Debug)]
pub(super) struct Arena<T> {
    slots: Vec<Option<T>>,
    /// Slots with nothing in them, the one that was emptied last at the end: its memory is at hand.
    free: Vec<u32>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Arena<T> {
    /// Puts something down, and says where.
    pub(super) fn put(&mut self, thing: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(thing);
            return slot;
        }
        self.slots.push(Some(thing));
        (self.slots.len() - 1) as u32
    }

    /// Takes what lies in a slot.
    pub(super) fn take(&mut self, slot: u32) -> Option<T> {
        let thing = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_given_out_again_once_it_is_empty_and_not_before() {
        let mut arena = Arena::default();
        let (first, second) = (arena.put('a'), arena.put('b'));
        assert_ne!(first, second);
        assert_eq!((arena.take(first), arena.take(first)), (Some('a'), None));
        assert_eq!(arena.put('c'), first);
        assert_eq!((arena.take(second), arena.take(first), arena.take(7)), (Some('b'), Some('c'), None));
    }
}
