//! How much of a model a card has room for, before a byte of it is copied.
//!
//! A model whose weights are more than that is divided between two layers: the first are the processor's, the last and what
//! logits come from are the card's. So of each token one row of the residual stream goes over, and nothing comes back but
//! what is asked for.
//!
//! **Invariant:** what is computed here is not less than what is taken. Where a model is divided decides the speed and no bit.

use super::{
    CardError,
    device::buffer_bytes,
    layer::LayerBytes,
    steps::{CardShape, Steps},
    weights::Weights,
};
use crate::model::Model;

/// What of a model is on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardPart {
    /// All of it.
    Whole,
    /// So many of its last layers, and what logits come from; embeddings and the layers before are the processor's.
    Last(usize),
}

/// Bytes that the parts of a model take on a card.
#[derive(Debug)]
pub(super) struct CardNeed {
    /// The embeddings, where logits come from another matrix.
    embeddings: usize,
    layers: Vec<LayerBytes>,
    /// The last norm, and the matrix that logits come from.
    head: LayerBytes,
}

impl CardPart {
    /// As much of a model as so many bytes have room for beside a session of `capacity` positions; at least a layer.
    ///
    /// # Errors
    /// Says what cards do not run.
    pub fn within(model: &Model, bytes: u64, capacity: usize) -> Result<Option<Self>, CardError> {
        let (need, settings) = (CardNeed::of(model)?, model.settings());
        let fits = |part: &Self| {
            let shape = CardShape { settings, layers: part.layers(settings.layers) };
            need.bytes(*part).saturating_add(Steps::bytes_most(shape, capacity)) as u64 <= bytes
        };
        let parts = (1..=settings.layers).rev().map(Self::Last);
        Ok([Self::Whole].into_iter().chain(parts).find(fits))
    }

    /// How many of so many layers are on the card.
    #[must_use]
    pub const fn layers(self, all: usize) -> usize {
        match self {
            Self::Whole => all,
            Self::Last(layers) => layers,
        }
    }
}

impl CardNeed {
    pub(super) fn of(model: &Model) -> Result<Self, CardError> {
        let output = Weights::room(&[model.output()]);
        let norm = buffer_bytes(size_of_val(model.norm()));
        Ok(Self {
            embeddings: if is_tied(model) { 0 } else { Weights::room(&[model.embeddings()]) },
            layers: model.layers().iter().map(LayerBytes::of).collect::<Result<_, _>>()?,
            head: LayerBytes { all: output + norm, largest: output },
        })
    }

    /// Bytes of the weights of a part.
    pub(super) fn bytes(&self, part: CardPart) -> usize {
        let embeddings = if part == CardPart::Whole { self.embeddings } else { 0 };
        self.parts(part).map(|layer| layer.all).sum::<usize>() + embeddings
    }

    /// Those of the largest matrix in a part.
    pub(super) fn largest(&self, part: CardPart) -> usize {
        let embeddings = if part == CardPart::Whole { self.embeddings } else { 0 };
        self.parts(part).map(|layer| layer.largest).fold(embeddings, usize::max)
    }

    fn parts(&self, part: CardPart) -> impl Iterator<Item = &LayerBytes> {
        let first = self.layers.len() - part.layers(self.layers.len());
        self.layers[first..].iter().chain([&self.head])
    }
}

/// Whether the embeddings are what logits come from, too.
pub(super) fn is_tied(model: &Model) -> bool {
    std::ptr::eq(model.embeddings().bytes(), model.output().bytes())
}
