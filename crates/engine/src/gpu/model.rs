//! A model's weights on a card.
//!
//! **Invariant:** a model that was loaded can be run whole; what is missing was refused before a byte was copied.

use std::sync::{Arc, Mutex};

use super::{
    Card, CardError,
    layer::LayerWeights,
    need::{CardNeed, CardPart, is_tied},
    steps::{CardShape, Steps},
    weights::{ROWS, Weights, groups},
};
use crate::{
    arithmetic::{BLOCK, CHUNK},
    cpu::Cpu,
    model::{Model, Scratch},
};

/// A model on a card. Sessions share it.
#[derive(Debug)]
pub struct CardModel {
    pub(super) card: Arc<Card>,
    pub(super) model: Arc<Model>,
    /// None where the processor looks them up.
    pub(super) embeddings: Option<Weights>,
    /// The first layer that is on the card.
    pub(super) first: usize,
    /// That and those behind.
    pub(super) layers: Vec<LayerWeights>,
    pub(super) norm: wgpu::Buffer,
    pub(super) output: Weights,
    /// What computes the layers before, if the processor does.
    pub(super) processor: Option<Mutex<CardProcessor>>,
    bytes: u64,
}

/// A processor, and room for one pass through the layers that are its own.
#[derive(Debug)]
pub(super) struct CardProcessor {
    pub(super) cpu: Cpu,
    pub(super) scratch: Scratch,
}

impl CardModel {
    /// Copies a model's weights to a card.
    ///
    /// # Errors
    /// Says what the card does not run, or has no room for.
    pub fn load(card: &Arc<Card>, model: &Arc<Model>) -> Result<Self, CardError> {
        Self::load_part(card, model, CardPart::Whole, None)
    }

    /// Copies the last layers of a model to a card, so many or all, and what logits come from. Embeddings and the layers
    /// before are computed by the processor, to the same bits.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_last(
        card: &Arc<Card>,
        model: &Arc<Model>,
        layers: usize,
        cpu: Cpu,
    ) -> Result<Self, CardError> {
        let layers = layers.min(model.settings().layers);
        Self::load_part(card, model, CardPart::Last(layers), Some(cpu))
    }

    fn load_part(
        card: &Arc<Card>,
        model: &Arc<Model>,
        part: CardPart,
        cpu: Option<Cpu>,
    ) -> Result<Self, CardError> {
        let bytes = serve(card, model, part)?;
        let device = &card.device;
        let embeddings = cpu.is_none().then(|| Weights::upload(device, &[model.embeddings()], false));
        let output = match &embeddings {
            Some(embeddings) if is_tied(model) => embeddings.clone(),
            Some(_) | None => Weights::upload(device, &[model.output()], false),
        };
        let all = model.layers();
        let first = all.len() - part.layers(all.len());
        let layers = all[first..].iter().map(|layer| LayerWeights::upload(device, layer));
        let loaded = Self {
            card: Arc::clone(card),
            model: Arc::clone(model),
            embeddings,
            first,
            layers: layers.collect::<Result<_, _>>()?,
            norm: device.put(model.norm()),
            output,
            processor: cpu.map(|cpu| Mutex::new(CardProcessor { cpu, scratch: Scratch::default() })),
            bytes,
        };
        device.wait()?;
        Ok(loaded)
    }

    /// The card.
    #[must_use]
    pub const fn card(&self) -> &Arc<Card> {
        &self.card
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// How many of its layers are on the card: the last ones.
    #[must_use]
    pub const fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Bytes of the card's memory that its weights take.
    #[must_use]
    pub const fn weight_bytes(&self) -> u64 {
        self.bytes
    }

    /// Positions that a session can have there: keys and values of a layer are bound whole.
    #[must_use]
    pub fn positions_max(&self) -> usize {
        let settings = self.model.settings();
        let most = self.card.device.limits.max_storage_buffer_binding_size;
        let most = usize::try_from(most).unwrap_or(usize::MAX) / (settings.key_width() * size_of::<u16>());
        settings.context.min(most / CHUNK * CHUNK)
    }

    /// Bytes of the card's memory that a session with so much room takes, at most.
    #[must_use]
    pub fn session_bytes(&self, capacity: usize) -> usize {
        let shape = CardShape { settings: self.model.settings(), layers: self.layers.len() };
        Steps::bytes_most(shape, capacity)
    }

    /// Bytes of the processor's memory that each 256 positions of a session take.
    #[must_use]
    pub fn page_bytes(&self) -> usize {
        self.first * self.model.settings().layer_page_bytes()
    }

    /// Bytes of weights that the card reads for one token, as they are packed.
    #[must_use]
    pub fn token_bytes(&self) -> usize {
        self.layers.iter().map(LayerWeights::token_bytes).sum::<usize>() + self.output.bytes
    }
}

/// Whether a card runs a part of a model; says how many bytes of its memory that takes.
fn serve(card: &Card, model: &Model, part: CardPart) -> Result<u64, CardError> {
    let settings = model.settings();
    let large = |what, found: usize, most: u64| {
        let found = found as u64;
        if found > most { Err(CardError::Large { what, found, most }) } else { Ok(()) }
    };
    // A workgroup holds a row of the residual stream, and the groups of the rows of its tiles.
    let pool = card.device.pool_max() as u64;
    large("a width", settings.width, pool)?;
    let experts = settings.routing.map_or(1, |routing| routing.used);
    let most = groups(settings.query_width()).max(2 * groups(settings.width));
    large("a row's groups", most.max(experts.saturating_mul(groups(settings.feed))) * ROWS, pool)?;
    let need = CardNeed::of(model)?;
    let limits = &card.device.limits;
    let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    large("a matrix", need.largest(part), most)?;
    let total = need.bytes(part);
    large("a model", total, card.info.memory_bytes.unwrap_or(u64::MAX))?;
    Ok(total as u64)
}

const _: () = assert!(ROWS == BLOCK, "a tile of what gate and up give is a block of activations");
