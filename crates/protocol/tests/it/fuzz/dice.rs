//! Choices read from bytes: the same bytes always choose the same, and where none are left the first choice is taken.
//!
//! First choices are the honest ones, so that short inputs make whole honest jobs and every byte more bends them.

/// Numbers at the edges of types and encodings.
const EXTREMES: [u64; 12] = [
    0,
    1,
    u8::MAX as u64,
    u16::MAX as u64,
    u32::MAX as u64,
    1 << 32,
    (1 << 32) + 1,
    1 << 62,
    i64::MAX as u64,
    (1 << 63) + 1,
    u64::MAX - 1,
    u64::MAX,
];

/// Bytes that choose.
pub(crate) struct Dice<'a> {
    rest: &'a [u8],
}

impl<'a> Dice<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let wide = if bound > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (wide | usize::from(self.byte())) % bound.max(1)
    }

    /// One of these, the first most of the time.
    pub(crate) fn mostly_first<T: Clone>(&mut self, choices: &[T]) -> T {
        let byte = usize::from(self.byte());
        choices[byte.saturating_sub(128) % choices.len()].clone()
    }

    /// True for so many of 256 values of the next byte, and never for 0.
    pub(crate) fn happens(&mut self, of_256: u8) -> bool {
        self.byte() > u8::MAX - of_256
    }

    /// A number, often one at the edge of something.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() % 4 {
            0 => EXTREMES[self.below(EXTREMES.len())],
            1 => u64::from(self.byte()),
            2 => EXTREMES[self.below(EXTREMES.len())].wrapping_sub(u64::from(self.byte())),
            _ => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())),
        }
    }

    /// What is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// Damages bytes in up to four places: flipped, overwritten, removed, doubled or put in.
pub(crate) fn damage(bytes: &mut Vec<u8>, dice: &mut Dice<'_>) {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len().max(1));
        match dice.below(5) {
            _ if bytes.is_empty() => bytes.push(dice.byte()),
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = dice.byte(),
            2 => {
                let end = bytes.len().min(at + 1 + dice.below(40));
                bytes.drain(at..end);
            }
            3 => {
                let end = bytes.len().min(at + 1 + dice.below(300));
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes.insert(at, dice.byte()),
        }
    }
}
