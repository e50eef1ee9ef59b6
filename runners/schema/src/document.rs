//! A document while it is written: all ways to read what is there.
//!
//! **Invariant:** each way that is kept can be followed to its end, so ways beyond a bound may be dropped: fewer documents
//! are then written, and none that does not fit.

use std::{cell::Cell, rc::Rc};

use crate::{
    flat::{FlatShapes, STARTS_MAX},
    reading::Reading,
};

/// Ways to read a document that are followed at a time.
const READINGS_MAX: usize = STARTS_MAX;

/// Work that one document may take: below what a run may, so a schema that asks for more is its client's to answer for.
const WORK_MAX: u64 = 300_000_000;

/// A document while it is written.
#[derive(Clone, Debug)]
pub struct Document {
    shapes: Rc<FlatShapes>,
    readings: Vec<Reading>,
    /// What was compared so far: the same on every machine.
    work: Cell<u64>,
}

impl Document {
    pub(crate) fn begun(shapes: Rc<FlatShapes>) -> Self {
        let readings = vec![Reading::begun(shapes.root)];
        Self { shapes, readings, work: Cell::new(0) }
    }

    /// Whether these bytes may follow.
    #[must_use]
    pub fn allows(&self, bytes: &[u8]) -> bool {
        self.behind(bytes).is_some()
    }

    /// Takes bytes; false, and nothing is taken, if they may not follow.
    #[must_use]
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        match self.behind(bytes) {
            Some(readings) => {
                self.readings = readings;
                true
            }
            None => false,
        }
    }

    /// True once following it has taken more work than a document may. Nothing is allowed any more then.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.work.get() > WORK_MAX
    }

    /// What was compared so far: the same on every machine.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work.get()
    }

    /// Has all the work be done.
    #[cfg(test)]
    pub(crate) fn exhaust(&self) {
        self.work.set(WORK_MAX + 1);
    }

    /// Whether the document may end here.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.readings.iter().any(|reading| reading.is_whole(&self.shapes))
    }

    /// The bytes that may follow, one of them at a time.
    #[must_use]
    pub fn next_bytes(&self) -> ByteSet {
        let mut set = ByteSet::default();
        let mut next = Vec::new();
        for byte in 0..=u8::MAX {
            for reading in &self.readings {
                reading.step(&self.shapes, byte, &mut next);
            }
            if !next.is_empty() {
                set.insert(byte);
            }
            next.clear();
        }
        set
    }

    /// Where the document stands, to look from there at what may follow.
    #[must_use]
    pub fn branch(&self) -> Branch {
        Branch(self.readings.clone())
    }

    /// Where it would stand one byte further; nowhere, if that may not follow there. The document stays as it is.
    #[must_use]
    pub fn beyond(&self, branch: &Branch, byte: u8) -> Option<Branch> {
        self.step(&branch.0, byte).map(Branch)
    }

    /// All ways to read what is there and these bytes behind it; none if there is none.
    fn behind(&self, bytes: &[u8]) -> Option<Vec<Reading>> {
        bytes.iter().try_fold(self.readings.clone(), |readings, byte| self.step(&readings, *byte))
    }

    /// The ways that these become with a byte more; none if there is none, or no work may be done any more.
    fn step(&self, readings: &[Reading], byte: u8) -> Option<Vec<Reading>> {
        if self.is_exhausted() {
            return None;
        }
        let (ways, width) = (readings.len() as u64, self.shapes.width);
        // Each way looks at what its shape has to choose from, and those that come of it are compared with each other.
        self.work.set(self.work.get() + ways * (1 + width / 8) + ways * ways.saturating_sub(1) * 2);
        let mut next = Vec::new();
        readings.iter().for_each(|reading| reading.step(&self.shapes, byte, &mut next));
        // Most often there is one.
        if next.len() < 2 {
            return (!next.is_empty()).then_some(next);
        }
        // The first stay, so that which do is the same everywhere.
        let mut left: Vec<Reading> = Vec::with_capacity(next.len().min(READINGS_MAX));
        for reading in next {
            if left.len() < READINGS_MAX && !left.contains(&reading) {
                left.push(reading);
            }
        }
        (!left.is_empty()).then_some(left)
    }
}

/// A place behind a document, where bytes are tried.
#[derive(Clone, Debug)]
pub struct Branch(Vec<Reading>);

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    /// Whether a byte is in it.
    #[must_use]
    pub fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }
}
