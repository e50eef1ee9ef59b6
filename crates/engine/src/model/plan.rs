//! The tensors of a model: which there must be, of which shape, and which of them a file has.
//!
//! **Invariant:** a plan that was made names every tensor of its file once. A tensor without a place is refused: to leave
//! it out would be another model.

use std::collections::BTreeSet;

use super::{
    ModelError,
    family::{Family, Presence, Traits},
    settings::{ModelSettings, Routing},
};
use crate::{
    format::Format,
    gguf::{Gguf, SplitMark, Tensor},
    matrix::Matrix,
    pack,
};

/// What a tensor is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// So many numbers, each through a door.
    Vector(usize),
    /// So many divisors of frequencies, each within its bounds.
    Factors(usize),
    /// So many rows of so many weights.
    Matrix(usize, usize),
    /// So many matrices, each of so many rows of so many weights.
    Matrices(usize, usize, usize),
    /// So many rows of so many numbers, each through a door.
    Numbers(usize, usize),
}

/// The place of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSlot {
    /// Its name in files.
    pub name: String,
    /// What it is to be.
    pub shape: Shape,
}

/// A model as far as it is known before a weight is read.
#[derive(Debug, Clone)]
pub struct ModelPlan {
    /// Its settings.
    pub settings: ModelSettings,
    /// Its tensors, in the order that they are computed with.
    pub slots: Vec<TensorSlot>,
    /// Bytes of its pack, at most some hundred fewer.
    pub pack_bytes: usize,
}

impl ModelPlan {
    /// Looks a file through, and reads no weight.
    ///
    /// # Errors
    /// Settings that are not run, a tensor that is missing, of another shape, or has no place.
    pub fn of(file: &Gguf<'_>) -> Result<Self, ModelError> {
        refuse_part(file)?;
        let settings = ModelSettings::read(file)?;
        let mut slots = Vec::new();
        let mut pack_bytes = pack::FRAME_BYTES + file.without_tensors().len();
        for (slot, presence) in places(&settings) {
            match (presence, file.find_tensor(&slot.name)) {
                (Presence::Never, _) | (Presence::May, None) => {}
                (Presence::Must, None) => {
                    file.tensor(&slot.name)?;
                }
                (Presence::May | Presence::Must, Some(tensor)) => {
                    let part = slot.check(&tensor)?.saturating_add(pack::PART_BYTES + slot.name.len());
                    pack_bytes = pack_bytes.saturating_add(part);
                    slots.push(slot);
                }
            }
        }
        let placed: BTreeSet<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
        let unplaced = file.tensors().iter().find(|tensor| !placed.contains(tensor.name));
        if let Some(tensor) = unplaced {
            let (tensor, family) = (tensor.name.to_owned(), settings.family.name());
            return Err(ModelError::Unplaced { tensor, family });
        }
        Ok(Self { settings, slots, pack_bytes })
    }
}

/// Refuses a part of a file that was cut: what it has not is in the others. One that was joined again is cut into none.
fn refuse_part(file: &Gguf<'_>) -> Result<(), ModelError> {
    match SplitMark::of(file)? {
        None => Ok(()),
        Some(SplitMark { part, parts }) => Err(ModelError::Part { part, parts }),
    }
}

impl TensorSlot {
    fn new(name: String, shape: Shape) -> Self {
        Self { name, shape }
    }

    /// Whether a tensor fits, and how many bytes it takes once it is packed.
    fn check(&self, tensor: &Tensor<'_>) -> Result<usize, ModelError> {
        let (wanted, lengths) = match self.shape {
            Shape::Vector(count) | Shape::Factors(count) => (format!("[{count}]"), vec![count]),
            Shape::Matrix(rows, columns) | Shape::Numbers(rows, columns) => {
                (format!("[{columns}, {rows}]"), vec![columns, rows])
            }
            Shape::Matrices(count, rows, columns) => {
                (format!("[{columns}, {rows}, {count}]"), vec![columns, rows, count])
            }
        };
        if self.name == EMBEDDINGS
            && tensor.lengths().first() == lengths.first()
            && tensor.lengths().len() == 2
        {
            let Shape::Matrix(tokens, _) = self.shape else { return Ok(0) };
            if tensor.rows() != tokens {
                return Err(ModelError::Vocabulary { tokens, rows: tensor.rows() });
            }
        }
        if tensor.lengths() != lengths {
            let (tensor, found) = (tensor.name.to_owned(), format!("{:?}", tensor.lengths()));
            return Err(ModelError::Shape { tensor, found, wanted });
        }
        let (rows, columns) = self.packed();
        if self.is_matrix() {
            let refused = |why| ModelError::Weights { tensor: self.name.clone(), why };
            return Matrix::pack_bytes(tensor.tensor_type, rows, columns).map_err(refused);
        }
        if tensor.tensor_type == Format::F32 {
            return Ok(columns * size_of::<f32>());
        }
        let (tensor, found) = (self.name.clone(), tensor.tensor_type.name());
        Err(ModelError::Written { tensor, found, wanted: Format::F32.name() })
    }

    /// Whether it is packed in tiles, and not as numbers.
    pub(crate) const fn is_matrix(&self) -> bool {
        matches!(self.shape, Shape::Matrix(..) | Shape::Matrices(..))
    }

    /// Rows and columns as they are packed.
    pub(crate) const fn packed(&self) -> (usize, usize) {
        match self.shape {
            Shape::Vector(count) | Shape::Factors(count) => (1, count),
            Shape::Numbers(rows, columns) => (1, rows * columns),
            Shape::Matrix(rows, columns) => (rows, columns),
            Shape::Matrices(count, rows, columns) => (count * rows, columns),
        }
    }
}

pub(crate) const EMBEDDINGS: &str = "token_embd.weight";
pub(crate) const OUTPUT: &str = "output.weight";
pub(crate) const OUTPUT_NORM: &str = "output_norm.weight";
pub(crate) const FACTORS: &str = "rope_freqs.weight";
pub(crate) const FACTORS_LONG: &str = "rope_factors_long.weight";
pub(crate) const FACTORS_SHORT: &str = "rope_factors_short.weight";

/// The name of a tensor of one layer.
pub(crate) fn in_layer(layer: usize, name: &str) -> String {
    format!("blk.{layer}.{name}")
}

/// Every place that a family has for a tensor.
fn places(settings: &ModelSettings) -> Vec<(TensorSlot, Presence)> {
    let traits = settings.family.traits();
    let table = Shape::Matrix(settings.vocabulary, settings.width);
    let pairs = Shape::Factors(settings.rotary.pairs());
    let when = |yes| if yes { Presence::May } else { Presence::Never };
    let mut places = vec![
        (TensorSlot::new(EMBEDDINGS.to_owned(), table), Presence::Must),
        (TensorSlot::new(FACTORS.to_owned(), pairs), when(settings.family == Family::Llama)),
        (TensorSlot::new(FACTORS_LONG.to_owned(), pairs), when(traits.longrope)),
        (TensorSlot::new(FACTORS_SHORT.to_owned(), pairs), when(traits.longrope)),
    ];
    for layer in 0..settings.layers {
        let layer_places = attention(settings, &traits)
            .into_iter()
            .chain(feed_forward(settings, &traits))
            .chain(settings.routing.into_iter().flat_map(|routing| experts(settings, routing)));
        places.extend(
            layer_places
                .map(|(name, shape, presence)| (TensorSlot::new(in_layer(layer, name), shape), presence)),
        );
    }
    places.push((TensorSlot::new(OUTPUT_NORM.to_owned(), Shape::Vector(settings.width)), Presence::Must));
    places.push((TensorSlot::new(OUTPUT.to_owned(), table), Presence::May));
    places
}

type Place = (&'static str, Shape, Presence);

fn attention(settings: &ModelSettings, traits: &Traits) -> [Place; 15] {
    let (width, queries, keys) = (settings.width, settings.query_width(), settings.key_width());
    let head = Shape::Vector(settings.head_width);
    let (fused, split) = fusion(traits);
    let biases = |whole| if whole == Presence::Must { traits.biases } else { Presence::Never };
    [
        ("attn_norm.weight", Shape::Vector(width), Presence::Must),
        ("attn_qkv.weight", Shape::Matrix(queries + 2 * keys, width), fused),
        ("attn_qkv.bias", Shape::Vector(queries + 2 * keys), biases(fused)),
        ("attn_q.weight", Shape::Matrix(queries, width), split),
        ("attn_q.bias", Shape::Vector(queries), biases(split)),
        ("attn_k.weight", Shape::Matrix(keys, width), split),
        ("attn_k.bias", Shape::Vector(keys), biases(split)),
        ("attn_v.weight", Shape::Matrix(keys, width), split),
        ("attn_v.bias", Shape::Vector(keys), biases(split)),
        ("attn_q_norm.weight", head, traits.head_norms),
        ("attn_k_norm.weight", head, traits.head_norms),
        ("attn_sinks.weight", Shape::Vector(settings.heads), traits.sinks),
        ("attn_output.weight", Shape::Matrix(width, queries), Presence::Must),
        ("attn_output.bias", Shape::Vector(width), traits.output_bias),
        ("post_attention_norm.weight", Shape::Vector(width), traits.post_norms),
    ]
}

fn feed_forward(settings: &ModelSettings, traits: &Traits) -> [Place; 6] {
    let (width, feed) = (settings.width, settings.feed);
    let (fused, split) = if traits.experts { (Presence::Never, Presence::Never) } else { fusion(traits) };
    [
        (traits.feed_norm, Shape::Vector(width), Presence::Must),
        // Fused, it is called up, and gate comes first in it.
        ("ffn_gate.weight", Shape::Matrix(feed, width), split),
        ("ffn_up.weight", Shape::Matrix(feed, width), split),
        ("ffn_up.weight", Shape::Matrix(2 * feed, width), fused),
        (
            "ffn_down.weight",
            Shape::Matrix(width, feed),
            if traits.experts { Presence::Never } else { Presence::Must },
        ),
        ("post_ffw_norm.weight", Shape::Vector(width), traits.post_norms),
    ]
}

fn experts(settings: &ModelSettings, routing: Routing) -> [Place; 8] {
    let (width, feed, count) = (settings.width, settings.feed, routing.experts);
    let biases = settings.family.traits().biases;
    [
        ("ffn_gate_inp.weight", Shape::Numbers(count, width), Presence::Must),
        ("ffn_gate_exps.weight", Shape::Matrices(count, feed, width), Presence::Must),
        ("ffn_up_exps.weight", Shape::Matrices(count, feed, width), Presence::Must),
        ("ffn_down_exps.weight", Shape::Matrices(count, width, feed), Presence::Must),
        ("ffn_gate_inp.bias", Shape::Vector(count), biases),
        ("ffn_gate_exps.bias", Shape::Numbers(count, feed), biases),
        ("ffn_up_exps.bias", Shape::Numbers(count, feed), biases),
        ("ffn_down_exps.bias", Shape::Numbers(count, width), biases),
    ]
}

const fn fusion(traits: &Traits) -> (Presence, Presence) {
    match traits.fused {
        true => (Presence::Must, Presence::Never),
        false => (Presence::Never, Presence::Must),
    }
}
