//! What a model is: one skeleton, and the settings that make a family of it.
//!
//! `docs/arithmetic.md` states the pass to the bit. What it decides where families leave it open:
//!
//! - A window of n shows a position itself and the n − 1 before it. What is out of sight has weight +0 in the same chunks
//!   of 256 absolute positions, so a layer with a window adds in the order of one without.
//! - A bias is added behind a product, as one rounded sum. Where the product is normed, turned, kept or gated next, the
//!   door of that step is behind the bias; there is none between.
//! - What goes into a norm of heads, or into a norm behind attention or feed-forward, passes a door: it comes from a
//!   product, and its squares must be finite.
//! - A cap is tanh(door(x) · 1/cap) · cap. GELU is that of tanh, in the order that the page states.
//! - Embeddings are multiplied by the root of the width before their door.
//! - Queries are scaled behind the rotation, with a door behind.
//! - A sink's weight joins the sum behind all chunks, and its score the greatest.
//! - Experts are chosen in f32 by the order of row sums, ties to the smaller number; weights are those of the chosen
//!   alone, and what they give is added in the order of their numbers.
//! - Which of two tables for rotations holds is chosen at load ([`Choices`]), not by length.
//!
//! **Invariant:** a row's bits depend on the model and on the tokens before it; not on how many are computed at once, by
//! how many threads, or beside whom.

mod error;
mod experts;
mod family;
mod keys;
mod layer;
mod memory;
mod pass;
mod plan;
mod scaling;
mod scratch;
mod settings;

pub use error::ModelError;
pub use experts::Experts;
pub use family::{Activation, Family, Presence, Traits};
pub use layer::{Dense, FeedForward, Layer, Norm, Projection};
pub use memory::MemoryNeed;
pub(crate) use pass::{HeadWork, Stretch};
pub use plan::{ModelPlan, Shape, TensorSlot};
pub use settings::{
    CONTEXT_MAX, EPSILON_MIN, EXPERTS_MAX, FEED_MAX, HEAD_WIDTH_MAX, HEADS_MAX, LAYERS_MAX, ModelSettings,
    Routing, VOCABULARY_MAX, WIDTH_MAX,
};

pub(crate) use scratch::Scratch;

use crate::{gguf::Gguf, matrix::Matrix, pack::Pack};

/// The version of the arithmetic that `docs/arithmetic.md` states.
pub const ARITHMETIC_VERSION: u32 = 1;

/// What a caller can choose of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choices {
    /// The divisors for long contexts, of models that have two tables. To change between them by length would make other
    /// rows of the same tokens.
    pub long: bool,
}

/// A model that can be run.
#[derive(Debug)]
pub struct Model {
    settings: ModelSettings,
    embeddings: Matrix,
    layers: Vec<Layer>,
    norm: Norm,
    output: Matrix,
    pack: Pack,
}

impl Model {
    /// Takes a model from its pack; does no work for each weight.
    ///
    /// # Errors
    /// Settings that are not run, or parts that do not fit them.
    pub fn load(pack: &Pack, choices: Choices) -> Result<Self, ModelError> {
        let keys = Gguf::parse(pack.keys())?;
        let mut settings = ModelSettings::read(&keys)?;
        layer::divide(&mut settings, pack, choices)?;
        let (tokens, width) = (settings.vocabulary, settings.width);
        let embeddings = pack.matrix(plan::EMBEDDINGS, tokens, width)?;
        let output = match pack.has(plan::OUTPUT) {
            true => pack.matrix(plan::OUTPUT, tokens, width)?,
            false => embeddings.clone(),
        };
        let layers = (0..settings.layers).map(|layer| Layer::load(pack, &settings, layer));
        Ok(Self {
            embeddings,
            layers: layers.collect::<Result<_, _>>()?,
            norm: pack.vector(plan::OUTPUT_NORM, width)?,
            output,
            pack: pack.clone(),
            settings,
        })
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &ModelSettings {
        &self.settings
    }

    /// A row for each token.
    #[must_use]
    pub const fn embeddings(&self) -> &Matrix {
        &self.embeddings
    }

    /// Its layers, in order.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The norm before the logits.
    #[must_use]
    pub fn norm(&self) -> &[f32] {
        &self.norm
    }

    /// What gives the logits: the embeddings, where there is nothing else.
    #[must_use]
    pub const fn output(&self) -> &Matrix {
        &self.output
    }

    /// What it was loaded from.
    #[must_use]
    pub const fn pack(&self) -> &Pack {
        &self.pack
    }
}
