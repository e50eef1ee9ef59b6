//! Tiles as the manual describes their instructions, number by number.
//!
//! **Invariant:** where a machine would fault, it panics.

use crate::cpu::kernel::tiles::{TileShapes, Tiles, TwoTiles};

/// Bytes of a line, and lines of a tile.
const LINE: usize = 64;
const LINES: usize = 16;

/// Eight tiles, and their shapes where they have some.
pub(super) struct Emulated {
    shapes: Option<[u8; 64]>,
    tiles: [[[u8; LINE]; LINES]; 8],
}

impl Emulated {
    pub(super) const fn new() -> Self {
        Self { shapes: None, tiles: [[[0; LINE]; LINES]; 8] }
    }

    /// The lines of a tile, and the bytes of each.
    fn shape(&self, tile: usize) -> (usize, usize) {
        let shapes = self.shapes.expect("tiles have shapes");
        let bytes = u16::from_le_bytes([shapes[16 + 2 * tile], shapes[17 + 2 * tile]]);
        let (lines, bytes) = (usize::from(shapes[48 + tile]), usize::from(bytes));
        assert!(lines > 0 && bytes > 0, "tile {tile} is nothing");
        (lines, bytes)
    }

    fn configure(&mut self, shapes: [u8; 64]) {
        assert_eq!(shapes[0], 1, "the one kind that there is");
        let reserved = [1..16, 32..48, 56..64].map(|places| &shapes[places]);
        assert!(reserved.into_iter().flatten().all(|byte| *byte == 0), "what is reserved is zero");
        for tile in 0..8 {
            let (bytes, lines) = (&shapes[16 + 2 * tile..18 + 2 * tile], shapes[48 + tile]);
            assert_eq!(bytes[1], 0, "tile {tile}");
            assert!(usize::from(bytes[0]) <= LINE && usize::from(lines) <= LINES, "tile {tile}");
            assert_eq!(bytes[0] == 0, lines == 0, "tile {tile}");
        }
        self.shapes = Some(shapes);
        self.tiles = [[[0; LINE]; LINES]; 8];
    }

    /// `tileloadd`.
    unsafe fn load(&mut self, tile: usize, from: *const i8, stride: usize) {
        let (lines, bytes) = self.shape(tile);
        self.zero(tile);
        for line in 0..lines {
            // SAFETY: the caller says that the lines can be read.
            let from = unsafe { std::slice::from_raw_parts(from.add(line * stride).cast(), bytes) };
            self.tiles[tile][line][..bytes].copy_from_slice(from);
        }
    }

    /// `tilestored`.
    unsafe fn store(&self, tile: usize, to: *mut i32, stride: usize) {
        let (lines, bytes) = self.shape(tile);
        for line in 0..lines {
            // SAFETY: the caller says that the lines can be written.
            unsafe {
                let to = to.cast::<u8>().add(line * stride);
                to.copy_from_nonoverlapping(self.tiles[tile][line].as_ptr(), bytes);
            }
        }
    }

    /// `tilezero`.
    fn zero(&mut self, tile: usize) {
        self.shape(tile);
        self.tiles[tile] = [[0; LINE]; LINES];
    }

    /// `tdpbssd`.
    fn add_products(&mut self, sums: usize, x: usize, weights: usize) {
        assert!(sums != x && x != weights && weights != sums, "three tiles");
        let [(lines, bytes), (tokens, depth), (quads, width)] =
            [sums, x, weights].map(|tile| self.shape(tile));
        assert_eq!((lines, bytes, depth), (tokens, width, 4 * quads), "they fit");
        for line in 0..lines {
            for column in (0..bytes).step_by(4) {
                let mut sum = 0i32;
                for at in 0..depth {
                    let one = self.tiles[x][line][at] as i8;
                    let other = self.tiles[weights][at / 4][column + at % 4] as i8;
                    sum += i32::from(one) * i32::from(other);
                }
                let cell = &mut self.tiles[sums][line][column..column + 4];
                let before = i32::from_le_bytes([cell[0], cell[1], cell[2], cell[3]]);
                cell.copy_from_slice(&before.wrapping_add(sum).to_le_bytes());
            }
        }
    }
}

impl Tiles for Emulated {
    unsafe fn begin(&mut self, shapes: &TileShapes) {
        self.configure(shapes.0);
    }

    unsafe fn multiply(&mut self, two: TwoTiles) {
        let TwoTiles { x, stride, weights, sums } = two;
        // SAFETY: the caller says that the lines of both are there, and room for sums.
        unsafe {
            self.load(4, weights[0], LINE);
            self.load(2, x[0], stride);
            self.zero(0);
            self.add_products(0, 2, 4);
            self.load(5, weights[1], LINE);
            self.load(3, x[1], stride);
            self.zero(1);
            self.add_products(1, 3, 5);
            self.store(0, sums, LINE);
            self.store(1, sums.byte_add(1024), LINE);
        }
    }

    unsafe fn end(&mut self) {
        self.shapes = None;
    }
}
