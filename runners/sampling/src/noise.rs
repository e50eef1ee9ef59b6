//! Chance that anybody can recompute: one number for each seed, place and token.

/// Bytes of a seed.
pub const SEED_BYTES: usize = 32;

/// What all choices of a run are drawn from.
pub type Seed = [u8; SEED_BYTES];

/// Bits of a hash that become a number between 0 and 1.
const DRAWN_BITS: u32 = 53;
/// 2⁻⁵³.
const UNIT: f64 = 1.0 / (1_u64 << DRAWN_BITS) as f64;
/// The greatest number below 1, whose logarithm is not zero.
const BELOW_ONE: f64 = 1.0 - UNIT;

/// The seed of a number that an order states.
#[must_use]
pub fn seed_of(number: u64) -> Seed {
    let mut bytes = [0; 14];
    bytes[..6].copy_from_slice(b"sample");
    bytes[6..].copy_from_slice(&number.to_le_bytes());
    *blake3::hash(&bytes).as_bytes()
}

/// A number of the standard Gumbel distribution.
#[must_use]
pub fn gumbel(seed: &Seed, index: u32, token: u32) -> f64 {
    -libm::log(-libm::log(uniform(drawn(seed, index, token))))
}

/// The first 53 of the bits that are drawn.
fn drawn(seed: &Seed, index: u32, token: u32) -> u64 {
    let mut bytes = [0; SEED_BYTES + 8];
    bytes[..SEED_BYTES].copy_from_slice(seed);
    bytes[SEED_BYTES..SEED_BYTES + 4].copy_from_slice(&index.to_le_bytes());
    bytes[SEED_BYTES + 4..].copy_from_slice(&token.to_le_bytes());
    let hash = blake3::hash(&bytes);
    let first = hash.as_bytes().first_chunk::<8>().map_or(0, |first| u64::from_le_bytes(*first));
    first >> (u64::BITS - DRAWN_BITS)
}

/// The middle of one of 2⁵³ equal parts of 0 to 1, but never 1 itself, as the middle of the last would be rounded.
pub(crate) fn uniform(drawn: u64) -> f64 {
    let middle = (drawn as f64 + 0.5) * UNIT;
    if middle < BELOW_ONE { middle } else { BELOW_ONE }
}
