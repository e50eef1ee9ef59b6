//! One slice, written by several threads.
//!
//! **Invariant:** whoever takes a part says that nobody else has any of it.

use std::{marker::PhantomData, ops::Range};

/// A slice whose parts are handed out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split<'a, T> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: it is an exclusive borrow of the slice; parts go to threads as `&mut [T]` may.
unsafe impl<T: Send> Send for Split<'_, T> {}
// SAFETY: as above; two threads never have the same part.
unsafe impl<T: Send> Sync for Split<'_, T> {}

impl<'a, T> Split<'a, T> {
    pub(super) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// A part of the slice.
    ///
    /// # Safety
    ///
    /// No other part that lives meets it.
    #[allow(clippy::mut_from_ref, reason = "the caller says that the parts are apart")]
    pub(super) unsafe fn part(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: within the slice that is borrowed for 'a; the caller says that nobody else has this part.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
