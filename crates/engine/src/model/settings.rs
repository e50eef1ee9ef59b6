//! The settings of the skeleton, as a file's keys give them.
//!
//! **Invariant:** every number here is within a bound named here, so that sizes computed from them do not overflow, and
//! no sum of the arithmetic leaves what an f32 holds.

use super::{
    ModelError,
    family::{Activation, Family, Traits},
    keys::Keys,
    scaling,
};
use crate::{
    arithmetic::{BLOCK, Pairs, Rotary},
    gguf::{Gguf, GgufError, Texts},
};

/// Numbers of the residual stream of one position.
pub const WIDTH_MAX: usize = 1 << 15;
/// Layers.
pub const LAYERS_MAX: usize = 512;
/// Heads of queries.
pub const HEADS_MAX: usize = 512;
/// Numbers of a head.
pub const HEAD_WIDTH_MAX: usize = 512;
/// Numbers between up and down of a feed-forward layer.
pub const FEED_MAX: usize = 1 << 17;
/// Positions.
pub const CONTEXT_MAX: usize = 1 << 22;
/// Experts of a layer.
pub const EXPERTS_MAX: usize = 1024;
/// Tokens of a vocabulary.
pub const VOCABULARY_MAX: usize = 1 << 20;
/// The least that is added to a mean of squares: what a norm divides by is then far from the subnormals.
pub const EPSILON_MIN: f64 = 1.0 / (1_u64 << 40) as f64;

/// What heads and row sums are cut into.
const LANES: usize = 16;
/// Layers of the one gemma3 whose queries are scaled by another width than that of a head.
const GEMMA3_27B_LAYERS: usize = 62;

/// Feed-forward parts that a router chooses among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// How many there are in a layer.
    pub experts: usize,
    /// How many a token is sent to.
    pub used: usize,
}

/// The skeleton of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    /// Its family.
    pub family: Family,
    /// Numbers of the residual stream of one position.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Positions that it was made for.
    pub context: usize,
    /// Tokens, each a row of the embeddings and of the logits.
    pub vocabulary: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values.
    pub key_heads: usize,
    /// Numbers of a head.
    pub head_width: usize,
    /// Numbers between up and down, of each expert where there are some.
    pub feed: usize,
    /// Where there are experts, how many.
    pub routing: Option<Routing>,
    /// What is added to a mean of squares.
    pub epsilon: f32,
    /// What embeddings are multiplied by.
    pub embedding_scale: Option<f32>,
    /// What queries are multiplied by.
    pub query_scale: f32,
    /// The cap of scores.
    pub score_cap: Option<f32>,
    /// The cap of logits.
    pub logit_cap: Option<f32>,
    /// What the gate passes through.
    pub gate: Activation,
    /// Which numbers of a head are turned together.
    pub pairs: Pairs,
    /// The rotation in layers that see all positions.
    pub rotary: Rotary,
    /// The rotation in layers that see a window, where it is another.
    pub window_rotary: Option<Rotary>,
    /// How many positions are seen, the one itself among them.
    pub window: Option<usize>,
    /// Every how many layers one sees all positions.
    pub window_period: usize,
}

impl ModelSettings {
    /// Reads them from a file's keys. What a tensor says of the rotation is not in them yet.
    ///
    /// # Errors
    /// A family that is not known, a key that is missing or outside its bounds, numbers that do not fit together.
    pub fn read(file: &Gguf<'_>) -> Result<Self, ModelError> {
        let found: &str = file.need("general.architecture")?;
        let family = Family::of(found).ok_or_else(|| ModelError::Family { found: found.to_owned() })?;
        let keys = Keys::new(file, family);
        let traits = family.traits();
        let routing = routing(&keys, &traits)?;
        let width = keys.count("embedding_length", BLOCK..=WIDTH_MAX)?;
        let layers = keys.count("block_count", 1..=LAYERS_MAX)?;
        let heads = keys.count("attention.head_count", 1..=HEADS_MAX)?;
        let key_heads = keys.find_count("attention.head_count_kv", 1..=heads)?.unwrap_or(heads);
        let head_width = head_width(&keys, width / heads)?;
        let feed_key = if traits.experts { "expert_feed_forward_length" } else { "feed_forward_length" };
        let feed = keys.count(feed_key, BLOCK..=FEED_MAX)?;
        let context = keys.count("context_length", 1..=CONTEXT_MAX)?;
        multiple(keys.name("embedding_length"), width, BLOCK)?;
        multiple(keys.name(feed_key), feed, BLOCK)?;
        multiple(keys.name("attention.head_count"), heads, key_heads)?;
        multiple(keys.name("attention.key_length"), head_width, LANES)?;
        multiple("heads × head width".to_owned(), heads * head_width, BLOCK)?;
        let (rotary, window_rotary) = scaling::rotaries(&keys, &traits, head_width, context)?;
        Ok(Self {
            family,
            width,
            layers,
            context,
            vocabulary: vocabulary(file, &keys)?,
            heads,
            key_heads,
            head_width,
            feed,
            routing,
            epsilon: keys.float("attention.layer_norm_rms_epsilon", EPSILON_MIN..=1.0)? as f32,
            embedding_scale: traits.scaled_embeddings.then(|| libm::sqrt(width as f64) as f32),
            query_scale: query_scale(&keys, width / heads, head_width, layers)?,
            score_cap: cap(&keys, "attn_logit_softcapping")?,
            logit_cap: cap(&keys, "final_logit_softcapping")?,
            gate: traits.gate,
            pairs: traits.pairs,
            rotary,
            window_rotary,
            window: window(&keys, &traits)?,
            window_period: window_period(&keys, &traits)?,
        })
    }

    /// How many positions a layer sees, if not all.
    #[must_use]
    pub const fn window_of(&self, layer: usize) -> Option<usize> {
        let sees_all = self.window_period > 1 && layer % self.window_period == self.window_period - 1;
        if sees_all { None } else { self.window }
    }

    /// Numbers of all queries of one position.
    #[must_use]
    pub const fn query_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Numbers of all keys, or all values, of one position in one layer.
    #[must_use]
    pub const fn key_width(&self) -> usize {
        self.key_heads * self.head_width
    }

    /// Heads of queries that share one of keys.
    #[must_use]
    pub const fn group(&self) -> usize {
        self.heads / self.key_heads
    }
}

pub(super) fn multiple(key: String, found: usize, unit: usize) -> Result<(), ModelError> {
    if found.is_multiple_of(unit) { Ok(()) } else { Err(ModelError::Multiple { key, found, unit }) }
}

fn routing(keys: &Keys<'_, '_>, traits: &Traits) -> Result<Option<Routing>, ModelError> {
    if traits.experts {
        let experts = keys.count("expert_count", 1..=EXPERTS_MAX)?;
        let used = keys.count("expert_used_count", 1..=experts)?;
        return Ok(Some(Routing { experts, used }));
    }
    match keys.get::<u64>("expert_count")? {
        None | Some(0) => Ok(None),
        Some(found) => Err(ModelError::Unknown {
            key: keys.name("expert_count"),
            found: found.to_string(),
            known: "a model of this family without experts",
        }),
    }
}

fn head_width(keys: &Keys<'_, '_>, usual: usize) -> Result<usize, ModelError> {
    let width = keys.find_count("attention.key_length", LANES..=HEAD_WIDTH_MAX)?;
    let width = width.unwrap_or(usual);
    let name = || keys.name("attention.key_length");
    if !(LANES..=HEAD_WIDTH_MAX).contains(&width) {
        let (least, most) = (LANES as u64, HEAD_WIDTH_MAX as u64);
        return Err(ModelError::Number { key: name(), found: width as u64, least, most });
    }
    let values = keys.find_count("attention.value_length", LANES..=HEAD_WIDTH_MAX)?.unwrap_or(width);
    if values == width {
        return Ok(width);
    }
    let key = keys.name("attention.value_length");
    Err(ModelError::Unknown { key, found: values.to_string(), known: "the width of keys" })
}

/// The tokens that the embeddings have a row for. What the vocabulary says must be the same.
fn vocabulary(file: &Gguf<'_>, keys: &Keys<'_, '_>) -> Result<usize, ModelError> {
    let claimed = keys.find_count("vocab_size", 1..=VOCABULARY_MAX)?;
    let listed = file.get::<Texts<'_>>("tokenizer.ggml.tokens")?.map(|texts| texts.len());
    let Some(tokens) = listed.or(claimed) else {
        return Err(GgufError::NoKey { key: keys.name("vocab_size") }.into());
    };
    if (1..=VOCABULARY_MAX).contains(&tokens) {
        return Ok(tokens);
    }
    let key = "the length of tokenizer.ggml.tokens".to_owned();
    Err(ModelError::Number { key, found: tokens as u64, least: 1, most: VOCABULARY_MAX as u64 })
}

fn query_scale(
    keys: &Keys<'_, '_>,
    width_by_heads: usize,
    head_width: usize,
    layers: usize,
) -> Result<f32, ModelError> {
    if let Some(scale) = keys.find_float("attention.scale", EPSILON_MIN..=1.0)? {
        return Ok(scale as f32);
    }
    let largest = keys.name("") == "gemma3." && layers == GEMMA3_27B_LAYERS;
    let width = if largest { width_by_heads } else { head_width };
    Ok((1.0 / libm::sqrt(width as f64)) as f32)
}

fn cap(keys: &Keys<'_, '_>, key: &str) -> Result<Option<f32>, ModelError> {
    let found = keys.find_float(key, 0.0..=65_536.0)?.filter(|found| *found != 0.0);
    let Some(found) = found else { return Ok(None) };
    if found < EPSILON_MIN {
        let (least, most) = (EPSILON_MIN, 65_536.0);
        return Err(ModelError::Float { key: keys.name(key), found, least, most });
    }
    Ok(Some(found as f32))
}

fn window(keys: &Keys<'_, '_>, traits: &Traits) -> Result<Option<usize>, ModelError> {
    let bounds = 0..=CONTEXT_MAX;
    let found = match traits.window_period {
        1 => keys.find_count("attention.sliding_window", bounds)?,
        _ => Some(keys.count("attention.sliding_window", bounds)?),
    };
    Ok(found.filter(|window| *window != 0))
}

fn window_period(keys: &Keys<'_, '_>, traits: &Traits) -> Result<usize, ModelError> {
    let found = keys.find_count("attention.sliding_window_pattern", 1..=LAYERS_MAX)?;
    Ok(found.unwrap_or(traits.window_period))
}
