//! How fast positions turn, in files for longer contexts than a model was first made for.
//!
//! **Invariant:** which table and which factor hold is settled when a model is loaded, never by how long a text is: to
//! change it on the way would make other rows of the same tokens.

use std::ops::RangeInclusive;

use super::{
    ModelError,
    family::Traits,
    keys::Keys,
    settings::{CONTEXT_MAX, multiple},
};
use crate::arithmetic::Rotary;

/// What a frequency can be divided by: far from angles that f64 does not tell apart.
pub(super) const FACTORS: RangeInclusive<f64> = 1e-6..=1e6;

const BASES: RangeInclusive<f64> = 1.0001..=1e12;
const TURNS: RangeInclusive<f64> = 1e-3..=1e6;

/// The rotation of layers, and that of layers that see a window where it is another.
pub(super) fn rotaries(
    keys: &Keys<'_, '_>,
    traits: &Traits,
    head_width: usize,
    context: usize,
) -> Result<(Rotary, Option<Rotary>), ModelError> {
    let width = keys.find_count("rope.dimension_count", 2..=head_width)?.unwrap_or(head_width);
    multiple(keys.name("rope.dimension_count"), width, 2)?;
    let base = keys.find_float("rope.freq_base", BASES)?.unwrap_or(10_000.0);
    let rotary = scaled(keys, traits, width, base, context)?;
    let Some(usual) = traits.window_base else { return Ok((rotary, None)) };
    let base = keys.find_float("rope.freq_base_swa", BASES)?.unwrap_or(usual);
    Ok((rotary, Some(Rotary::new(width, base))))
}

fn scaled(
    keys: &Keys<'_, '_>,
    traits: &Traits,
    width: usize,
    base: f64,
    context: usize,
) -> Result<Rotary, ModelError> {
    let plain = Rotary::new(width, base);
    let magnitude = keys.find_float("rope.scaling.attn_factor", TURNS)?.unwrap_or(1.0);
    if traits.longrope {
        return Ok(plain.magnified(magnitude));
    }
    let factor = match keys.find_float("rope.scaling.factor", 0.0..=*FACTORS.end())? {
        None => keys.find_float("rope.scale_linear", 0.0..=*FACTORS.end())?,
        found => found,
    };
    // Files say 0 where they mean that nothing is divided.
    let factor = factor.filter(|factor| FACTORS.contains(factor)).unwrap_or(1.0);
    match keys.get::<&str>("rope.scaling.type")? {
        Some("none") => Ok(plain),
        None | Some("linear") => Ok(plain.slowed(factor)),
        Some("yarn") => {
            let original = keys.find_count("rope.scaling.original_context_length", 1..=CONTEXT_MAX)?;
            let fast = keys.find_float("rope.scaling.yarn_beta_fast", TURNS)?.unwrap_or(32.0);
            let slow = keys.find_float("rope.scaling.yarn_beta_slow", TURNS)?.unwrap_or(1.0);
            let yarn = plain.yarn(base, factor, original.unwrap_or(context) as f64, fast, slow);
            Ok(yarn.magnified(magnitude * (1.0 + 0.1 * libm::log(factor))))
        }
        Some(found) => Err(ModelError::Unknown {
            key: keys.name("rope.scaling.type"),
            found: found.to_owned(),
            known: "none, linear, yarn, and longrope of phi3",
        }),
    }
}
