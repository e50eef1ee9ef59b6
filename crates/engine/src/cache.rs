//! One layer's keys and values, as f16.
//!
//! **Invariant:** a page is a chunk of attention, 256 absolute positions; pages are shared by forks until one writes.

use std::sync::Arc;

use crate::arithmetic::{CHUNK, f16, keep};

/// Positions whose keys lie side by side.
pub(crate) const TILE: usize = 16;

/// The keys and values of one layer, position after position. A clone shares what was kept before it.
#[derive(Debug, Clone)]
pub struct Cache {
    heads: usize,
    width: usize,
    len: usize,
    pages: Vec<Arc<Page>>,
}

/// The keys and values of 256 positions, head by head.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// Tiles of 16 positions, in each the positions' first column, second column, …
    keys: Vec<u16>,
    /// Position by position.
    values: Vec<u16>,
}

impl Cache {
    /// An empty one, of so many heads of keys and values of `width` columns, a multiple of 16.
    #[must_use]
    pub fn new(heads: usize, width: usize) -> Self {
        assert!(width.is_multiple_of(TILE), "heads of {width} columns are not served");
        Self { heads, width, len: 0, pages: Vec::new() }
    }

    /// How many positions are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The heads of keys and values.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// The columns of a head.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The bytes that so many positions take.
    #[must_use]
    pub fn bytes(heads: usize, width: usize, positions: usize) -> usize {
        positions.next_multiple_of(CHUNK) * heads * width * 2 * size_of::<u16>()
    }

    /// Keeps the keys and values of the next positions, each all heads in order.
    pub fn extend(&mut self, keys: &[f32], values: &[f32]) {
        let row = self.heads * self.width;
        for (keys, values) in keys.chunks_exact(row).zip(values.chunks_exact(row)) {
            if self.len == self.pages.len() * CHUNK {
                let numbers = CHUNK * row;
                self.pages.push(Arc::new(Page { keys: vec![0; numbers], values: vec![0; numbers] }));
            }
            let page = Arc::make_mut(&mut self.pages[self.len / CHUNK]);
            let heads = keys.chunks_exact(self.width).zip(values.chunks_exact(self.width));
            for (head, (keys, values)) in heads.enumerate() {
                page.keep(head, self.len % CHUNK, keys, values);
            }
            self.len += 1;
        }
    }

    /// Forgets all but the first positions.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.pages.truncate(self.len.div_ceil(CHUNK));
    }

    /// One column of a key.
    #[must_use]
    pub fn key(&self, head: usize, position: usize, column: usize) -> f32 {
        let at = position % CHUNK;
        f16(self.pages[position / CHUNK].keys(head, self.width)
            [at / TILE * TILE * self.width + column * TILE + at % TILE])
    }

    /// One column of a value.
    #[must_use]
    pub fn value(&self, head: usize, position: usize, column: usize) -> f32 {
        let values = self.pages[position / CHUNK].values(head, self.width);
        f16(values[position % CHUNK * self.width + column])
    }

    pub(crate) fn pages(&self) -> impl ExactSizeIterator<Item = &Page> {
        self.pages.iter().map(|page| &**page)
    }
}

impl Page {
    /// The keys of a head: [tile][column][position of the tile].
    pub(crate) fn keys(&self, head: usize, width: usize) -> &[u16] {
        &self.keys[head * CHUNK * width..][..CHUNK * width]
    }

    /// The values of a head: [position][column].
    pub(crate) fn values(&self, head: usize, width: usize) -> &[u16] {
        &self.values[head * CHUNK * width..][..CHUNK * width]
    }

    fn keep(&mut self, head: usize, at: usize, keys: &[f32], values: &[f32]) {
        let width = keys.len();
        let tile = head * CHUNK * width + at / TILE * TILE * width + at % TILE;
        for (column, key) in keys.iter().enumerate() {
            self.keys[tile + column * TILE] = keep(*key);
        }
        let row = head * CHUNK * width + at * width;
        for (to, value) in self.values[row..row + width].iter_mut().zip(values) {
            *to = keep(*value);
        }
    }
}
