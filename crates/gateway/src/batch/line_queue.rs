//! Which lines of a batch are to be ordered, and which of them next.
//!
//! **Invariant:** lines that were never ordered are in their order, so that before the first of them there is none: a line keeps its
//! place until it was ordered, however often that was tried. One that is ordered again stands behind all others.

use std::collections::VecDeque;

/// Lines that are to be ordered.
#[derive(Debug, Default)]
pub(super) struct LineQueue(VecDeque<usize>);

impl LineQueue {
    /// A line has no order, or none any more.
    pub(super) fn add(&mut self, line: usize) {
        self.0.push_back(line);
    }

    /// The line that is ordered next.
    pub(super) fn first(&self) -> Option<usize> {
        self.0.front().copied()
    }

    /// That line was ordered, or came to something else.
    pub(super) fn leave(&mut self) {
        self.0.pop_front();
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_ordered_yet_keeps_its_place_and_one_that_is_ordered_again_is_the_last() {
        let mut queue = LineQueue::default();
        (0..3).for_each(|line| queue.add(line));
        assert_eq!([queue.first(), queue.first()], [Some(0); 2], "it is tried again");
        // What came of it came at once, and it is ordered again.
        queue.add(0);
        queue.leave();
        let mut order = Vec::new();
        while let Some(line) = queue.first() {
            order.push(line);
            queue.leave();
        }
        assert_eq!(order, [1, 2, 0]);
        assert!(queue.is_empty());
    }
}
