//! No number that counts is subnormal or infinite: derived for the largest model of each family, step by step.
//!
//! A number is followed by three exponents: the least size it has if it is not zero, what it is a multiple of, and the
//! greatest size. A step is refused where a product would fall below the normal numbers, or a sum go beyond them.

use assay_engine::{
    format::{Format, Scales},
    model::{Activation, EPSILON_MIN, FEED_MAX, Family, HEAD_WIDTH_MAX, Presence, WIDTH_MAX},
};

/// The exponent of the least normal number, and of what is infinite.
const LEAST: f64 = -126.0;
const INFINITE: f64 = 128.0;

#[derive(Debug, Clone, Copy)]
struct Size {
    least: f64,
    unit: f64,
    most: f64,
}

impl Size {
    /// Numbers of 24 bits from one size to another.
    fn new(least: f64, most: f64) -> Self {
        assert!(most < INFINITE, "2^{most} is infinite");
        assert!(least >= LEAST, "2^{least} is subnormal");
        Self { least, unit: least - 23.0, most }
    }

    fn door() -> Self {
        Self::new(-40.0, 40.0)
    }

    fn times(self, other: Self) -> Self {
        Self::new(self.least + other.least, self.most + other.most)
    }

    fn plus(self, other: Self) -> Self {
        let unit = self.unit.min(other.unit);
        // What cancels leaves a multiple of the unit.
        let sum = Self::new(unit.max(LEAST), self.most.max(other.most) + 1.0);
        assert!(unit >= LEAST, "a sum of multiples of 2^{unit} can be subnormal");
        Self { unit, ..sum }
    }

    /// The sum with a number that has passed a door. If that is zero, it is this number. If not, and this one is below
    /// 2^-41, the sum is not; and above that, both are multiples of 2^-64.
    fn plus_door(self) -> Self {
        Self::new(self.least.min(-64.0), self.most.max(40.0) + 1.0)
    }

    fn sum(self, count: usize) -> Self {
        let wide = Self { most: self.most + (count as f64).log2(), ..self };
        Self { most: wide.most, ..wide.plus(Self { most: f64::MIN, ..wide }) }
    }

    fn at_most(self, most: f64) -> Self {
        Self { most: self.most.min(most), ..self }
    }
}

/// (x · r) · w of numbers behind a door: r is at most 1/√(the mean of squares), so x · r at most √count.
fn norm(count: usize) -> Size {
    let x = Size::door();
    let squares = x.times(x);
    // None of them cancels another: the sum is at least the least of them.
    let mean = Size::new(squares.least - (count as f64).log2(), squares.most);
    let root = Size::new(-0.5 * (mean.most + 1.0), -0.5 * EPSILON_MIN.log2());
    x.times(root).at_most((count as f64).log2() / 2.0).times(Size::door())
}

/// A row of a matrix with quantised activations.
fn product(x: Size, columns: usize) -> Size {
    // The scale of a block: below a door it is a block of zeros.
    let scale = Size::new(-40.0 - 7.0, x.most - 6.9);
    let mut most = f64::MIN;
    let mut unit = f64::MAX;
    for format in Format::ALL {
        let weights = scales(format);
        // What overflows first: the scales, times an integer of the format.
        let block = weights.times(scale);
        let block = Size::new(block.least, block.most + integer_bits(format));
        let block = match format.scales().minimum() {
            true => block.plus(Size::new(block.least, scales(format).most + scale.most + 16.0)),
            false => block,
        };
        let row = block.sum(columns / 32);
        most = most.max(row.most);
        unit = unit.min(row.unit);
    }
    Size { least: unit, unit, most }
}

/// The scale of a block of weights, as it is multiplied.
fn scales(format: Format) -> Size {
    match format.scales() {
        Scales::Half | Scales::HalfAndMinimum | Scales::Sixteens | Scales::SixteensAndMinimum => {
            Size::new(-24.0, 16.0)
        }
        Scales::SubAndMinimum | Scales::Sub => Size::new(-24.0, 22.0),
        // The greatest that is let in.
        Scales::Power => Size::new(-40.0, 16.0),
    }
}

/// What the integer of a block can come to: 32 products of codes with 127, times what it is multiplied by.
fn integer_bits(format: Format) -> f64 {
    let code = match format.scales() {
        Scales::Half | Scales::HalfAndMinimum => 7.0,
        Scales::SubAndMinimum => 5.0,
        Scales::Sub => 7.0,
        Scales::Sixteens => 12.0,
        Scales::SixteensAndMinimum => 6.0,
        Scales::Power => 3.6,
    };
    5.0 + 7.0 + code
}

#[test]
fn between_the_doors_of_every_family_nothing_is_subnormal_or_infinite() {
    for family in Family::ALL {
        let traits = family.traits();
        let normed = norm(WIDTH_MAX);
        let door = Size::door();
        // Queries, keys, values: what is next to a door ends there.
        let projected = product(normed, WIDTH_MAX);
        let biased = if traits.biases == Presence::Never { projected } else { projected.plus_door() };
        let _ = (biased, norm(HEAD_WIDTH_MAX));
        // The rotation: cosines and sines have passed a door. What scales queries is at most one, and a door behind.
        let _ = door.times(door).plus(door.times(door));
        // Attention: the cache has f16 from 2^-14, weights are e^-40 to 1, their sum at most the context.
        let cell = Size { unit: -24.0, ..Size::new(-14.0, 16.0) };
        let score = door.times(cell).sum(HEAD_WIDTH_MAX);
        assert!(score.most < INFINITE);
        let weight = Size::new(-57.8, 0.0);
        let value = weight.times(cell).sum(1 << 22);
        let attended = value.times(Size::new(-22.1, 0.1));
        let added = product(attended.at_most(16.1), WIDTH_MAX).plus_door();
        // Behind a door: the residual stream, or a norm and then that.
        let _ = if traits.post_norms == Presence::Never {
            added.plus_door()
        } else {
            norm(WIDTH_MAX).plus_door()
        };
        // Gate and up, each through a door.
        let gated = match traits.gate {
            // The least of |x| · e^-|x| · r lies at the ends: 2^-40 · 1/2, and 40 · e^-40.
            Activation::Silu => Size::new(-52.5, 40.1),
            // (x/2) · (1 + tanh): the sum is a multiple of 2^-24, or zero.
            Activation::Gelu => {
                let _ = door.times(door).times(door).times(Size::new(-4.5, -4.4));
                door.times(Size::new(-24.0, 1.0)).at_most(40.1)
            }
            // Held within 7; one and a number of 24 bits near −1 leave a multiple of 2^-24.
            Activation::Clamped => Size::new(-52.5, 2.9).times(Size::new(-24.0, 3.0)).at_most(6.0),
        };
        let given = if traits.gate == Activation::Clamped { gated } else { gated.times(door) };
        let down = product(given, FEED_MAX);
        let _ =
            if traits.post_norms == Presence::Never { down.plus_door() } else { norm(WIDTH_MAX).plus_door() };
        let logits = product(norm(WIDTH_MAX), WIDTH_MAX);
        assert!(logits.most < INFINITE && logits.unit >= LEAST, "{logits:?}");
    }
}
