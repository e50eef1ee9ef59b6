//! How far a pair of numbers turns at each position: base^(−i/n), correctly rounded.
//!
//! **Invariant:** what is given is the f64 nearest to the real number, shown by whole numbers. A library's pow only says
//! where to begin to look, and may be wrong in its last bits.
//!
//! A midpoint between two f64 is M · 2^e with M odd and above 1, so M^n · base^i is never a power of two: no real number
//! that is asked for here lies on a midpoint, and which side it lies on is a question of how many bits a product has.

const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
/// What the exponent of an f64 counts from, if its significand is a whole number.
const EXPONENT_BIAS: i64 = 1023 + FRACTION_BITS as i64;

/// The f64 nearest to base^(−pair/pairs), for a `base` above 1 that is far from what f64 does not hold.
pub(super) fn frequency(base: f64, pair: usize, pairs: usize) -> f64 {
    let beyond = |below: f64| exceeds_midpoint(base, pair, pairs, below);
    let mut nearest = libm::pow(base, -(pair as f64 / pairs as f64));
    while beyond(nearest) {
        nearest = nearest.next_up();
    }
    while !beyond(nearest.next_down()) {
        nearest = nearest.next_down();
    }
    nearest
}

/// Whether base^(−pair/pairs) is more than the midpoint of `below` and the next f64: then midpoint^pairs · base^pair is
/// less than 1.
fn exceeds_midpoint(base: f64, pair: usize, pairs: usize, below: f64) -> bool {
    let ((base, base_exponent), (below, exponent)) = (parts(base), parts(below));
    let product = multiplied(&power(2 * below + 1, pairs), &power(base, pair));
    bits(&product) + (exponent - 1) * pairs as i64 + base_exponent * pair as i64 <= 0
}

/// A normal number as a whole one times a power of two.
const fn parts(number: f64) -> (u64, i64) {
    let bits = number.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    (fraction | 1 << FRACTION_BITS, (bits >> FRACTION_BITS) as i64 - EXPONENT_BIAS)
}

/// Digits of 64 bits, the least first.
type WholeNumber = Vec<u64>;

fn power(number: u64, exponent: usize) -> WholeNumber {
    let digits = exponent.checked_ilog2().map_or(0, |log| log + 1);
    (0..digits).rev().fold(vec![1], |power, digit| {
        let square = multiplied(&power, &power);
        if exponent >> digit & 1 == 1 { multiplied(&square, &[number]) } else { square }
    })
}

fn multiplied(one: &[u64], other: &[u64]) -> WholeNumber {
    let mut product = vec![0; one.len() + other.len()];
    for (at, digit) in one.iter().enumerate() {
        let mut carry = 0;
        let (places, last) = product[at..].split_at_mut(other.len());
        for (place, factor) in places.iter_mut().zip(other) {
            let sum = u128::from(*digit) * u128::from(*factor) + u128::from(*place) + carry;
            (*place, carry) = (sum as u64, sum >> 64);
        }
        last[0] = carry as u64;
    }
    while product.last() == Some(&0) {
        product.pop();
    }
    product
}

fn bits(number: &[u64]) -> i64 {
    let last = number.last().map_or(0, |digit| u64::BITS - digit.leading_zeros());
    number.len().saturating_sub(1) as i64 * i64::from(u64::BITS) + i64::from(last)
}
