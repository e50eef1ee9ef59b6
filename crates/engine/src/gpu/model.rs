//! A model's weights on a card.
//!
//! **Invariant:** a model that was loaded can be run whole; what is missing was refused before a byte was copied.

use std::sync::Arc;

use super::{
    Card, CardError,
    device::Device,
    steps::Steps,
    weights::{ROWS, Weights, groups},
};
use crate::{
    arithmetic::{BLOCK, CHUNK},
    matrix::Matrix,
    model::{Activation, Dense, FeedForward, Layer, Model},
};

/// A model on a card. Sessions share it.
#[derive(Debug)]
pub struct CardModel {
    pub(super) card: Arc<Card>,
    pub(super) model: Arc<Model>,
    pub(super) embeddings: Weights,
    pub(super) layers: Vec<LayerWeights>,
    pub(super) norm: wgpu::Buffer,
    pub(super) output: Weights,
    bytes: u64,
}

/// The weights of one layer.
#[derive(Debug)]
pub(super) struct LayerWeights {
    pub(super) attention_norm: wgpu::Buffer,
    /// One matrix where its parts are of one kind, else three.
    pub(super) queries_keys_values: Vec<Weights>,
    /// Of queries, keys and values.
    pub(super) biases: Option<wgpu::Buffer>,
    /// Of a head of queries, then of keys.
    pub(super) head_norms: Option<wgpu::Buffer>,
    pub(super) sinks: Option<wgpu::Buffer>,
    pub(super) output: Weights,
    pub(super) output_bias: Option<wgpu::Buffer>,
    pub(super) post_attention_norm: Option<wgpu::Buffer>,
    pub(super) feed_norm: wgpu::Buffer,
    /// One matrix, tile by tile in turn, where both are of one kind; else two.
    pub(super) gate_up: Vec<Weights>,
    pub(super) down: Weights,
    pub(super) post_feed_norm: Option<wgpu::Buffer>,
}

impl CardModel {
    /// Copies a model's weights to a card.
    ///
    /// # Errors
    /// Says what the card does not run, or has no room for.
    pub fn load(card: &Arc<Card>, model: &Arc<Model>) -> Result<Self, CardError> {
        let bytes = serve(card, model)?;
        let device = &card.device;
        let embeddings = Weights::upload(device, &[model.embeddings()], false);
        let output = match is_tied(model) {
            true => embeddings.clone(),
            false => Weights::upload(device, &[model.output()], false),
        };
        let layers = model.layers().iter().map(|layer| LayerWeights::upload(device, layer));
        let loaded = Self {
            card: Arc::clone(card),
            model: Arc::clone(model),
            embeddings,
            layers: layers.collect::<Result<_, _>>()?,
            norm: device.put(model.norm()),
            output,
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
        Steps::bytes_most(self.model.settings(), capacity)
    }

    /// Bytes of weights that one token reads, as they are packed.
    #[must_use]
    pub fn token_bytes(&self) -> usize {
        let layer = |layer: &LayerWeights| {
            let parts = layer.queries_keys_values.iter().chain(&layer.gate_up);
            parts.map(|part| part.bytes).sum::<usize>() + layer.output.bytes + layer.down.bytes
        };
        self.layers.iter().map(layer).sum::<usize>() + self.output.bytes
    }
}

impl LayerWeights {
    fn upload(device: &Device, layer: &Layer) -> Result<Self, CardError> {
        let dense = dense(layer)?;
        let attention = [&layer.query.matrix, &layer.key.matrix, &layer.value.matrix];
        let feed = [&dense.gate.matrix, &dense.up.matrix];
        let put = |numbers: &Vec<f32>| device.put(numbers);
        Ok(Self {
            attention_norm: device.put(&layer.attention_norm),
            queries_keys_values: merged(device, &attention, false),
            biases: biases(layer).map(|biases| device.put(&biases)),
            head_norms: head_norms(layer)?.map(|norms| device.put(&norms)),
            sinks: layer.sinks.as_ref().map(put),
            output: Weights::upload(device, &[&layer.output.matrix], false),
            output_bias: layer.output.bias.as_ref().map(put),
            post_attention_norm: layer.post_attention_norm.as_ref().map(put),
            feed_norm: device.put(&layer.feed_norm),
            gate_up: merged(device, &feed, true),
            down: Weights::upload(device, &[&dense.down.matrix], false),
            post_feed_norm: layer.post_feed_norm.as_ref().map(put),
        })
    }
}

/// All as one where they are of one kind, else each.
fn parts_of<'a, 'm>(parts: &'a [&'m Matrix]) -> Vec<&'a [&'m Matrix]> {
    if Weights::alike(parts) { vec![parts] } else { parts.chunks(1).collect() }
}

fn merged(device: &Device, parts: &[&Matrix], in_turn: bool) -> Vec<Weights> {
    let merged = parts_of(parts);
    let in_turn = in_turn && merged.len() == 1;
    merged.into_iter().map(|part| Weights::upload(device, part, in_turn)).collect()
}

fn dense(layer: &Layer) -> Result<&Dense, CardError> {
    match &layer.feed {
        FeedForward::Dense(dense) => Ok(dense),
        FeedForward::Experts(_) => Err(CardError::Unserved { what: "experts" }),
    }
}

/// Biases of queries, keys and values; zeros where one has none, which change nothing.
fn biases(layer: &Layer) -> Option<Vec<f32>> {
    let parts = [&layer.query, &layer.key, &layer.value];
    let all = || {
        parts.iter().flat_map(|part| match &part.bias {
            Some(bias) => bias.clone(),
            None => vec![0.0; part.matrix.rows()],
        })
    };
    parts.iter().any(|part| part.bias.is_some()).then(|| all().collect())
}

fn head_norms(layer: &Layer) -> Result<Option<Vec<f32>>, CardError> {
    match (&layer.query_norm, &layer.key_norm) {
        (None, None) => Ok(None),
        (Some(query), Some(key)) => Ok(Some([query.as_slice(), key].concat())),
        (Some(_), None) | (None, Some(_)) => {
            Err(CardError::Unserved { what: "norms of queries or of keys alone" })
        }
    }
}

/// Whether the embeddings are what logits come from, too.
fn is_tied(model: &Model) -> bool {
    std::ptr::eq(model.embeddings().bytes(), model.output().bytes())
}

/// Whether a card runs a model; says how many bytes of its memory that takes.
fn serve(card: &Card, model: &Model) -> Result<u64, CardError> {
    let settings = model.settings();
    match settings.gate {
        Activation::Silu | Activation::Gelu => {}
        Activation::Clamped => return Err(CardError::Unserved { what: "clamped gates" }),
    }
    let large = |what, found: usize, most: usize| {
        let (found, most) = (found as u64, most as u64);
        if found > most { Err(CardError::Large { what, found, most }) } else { Ok(()) }
    };
    // A workgroup holds a row of the residual stream, and the groups of the rows of its tiles.
    let most = card.device.pool_max();
    large("a width", settings.width, most)?;
    let widest = settings.feed.max(settings.query_width()).max(2 * settings.width);
    large("a row's groups", groups(widest) * ROWS, most)?;
    let mut sizes = vec![Weights::room(&[model.embeddings()])];
    if !is_tied(model) {
        sizes.push(Weights::room(&[model.output()]));
    }
    for layer in model.layers() {
        let dense = dense(layer)?;
        head_norms(layer)?;
        if layer.output.bias.is_some() && layer.post_attention_norm.is_some() {
            return Err(CardError::Unserved { what: "a bias before a norm behind attention" });
        }
        let attention = [&layer.query.matrix, &layer.key.matrix, &layer.value.matrix];
        let feed = [&dense.gate.matrix, &dense.up.matrix];
        for parts in [attention.as_slice(), &feed, &[&layer.output.matrix], &[&dense.down.matrix]] {
            sizes.extend(parts_of(parts).iter().map(|part| Weights::room(part)));
        }
    }
    let total = sizes.iter().sum::<usize>() as u64;
    let largest = sizes.into_iter().max().unwrap_or(0) as u64;
    let most = card.device.limits.max_storage_buffer_binding_size.min(card.device.limits.max_buffer_size);
    if largest > most {
        return Err(CardError::Large { what: "a matrix", found: largest, most });
    }
    match card.info.memory_bytes {
        Some(most) if total > most => Err(CardError::Large { what: "a model", found: total, most }),
        Some(_) | None => Ok(total),
    }
}

const _: () = assert!(ROWS == BLOCK, "a tile of what gate and up give is a block of activations");
