//! The weights of one layer on a card.
//!
//! **Invariant:** what a layer takes there is known before a byte of it is copied, and is not less than what is taken.

use super::{
    CardError,
    device::{Device, buffer_bytes},
    weights::Weights,
};
use crate::{
    matrix::Matrix,
    model::{Dense, Experts, FeedForward, Layer, Projection},
};

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
    pub(super) feed: FeedWeights,
    pub(super) post_feed_norm: Option<wgpu::Buffer>,
}

/// The feed-forward part of a layer.
#[derive(Debug)]
pub(super) enum FeedWeights {
    /// The same for all tokens.
    Dense(DenseWeights),
    /// Some of many.
    Experts(Box<ExpertWeights>),
}

/// One feed-forward part.
#[derive(Debug)]
pub(super) struct DenseWeights {
    /// One matrix, tile by tile in turn, where both are of one kind; else two.
    pub(super) gate_up: Vec<Weights>,
    pub(super) down: Weights,
}

/// Experts, one behind the other, and what chooses among them.
#[derive(Debug)]
pub(super) struct ExpertWeights {
    pub(super) router: wgpu::Buffer,
    pub(super) router_bias: Option<wgpu::Buffer>,
    /// Of each expert, tile by tile in turn.
    pub(super) gate_up: Weights,
    /// Of each expert, that of its gate, then that of up.
    pub(super) gate_up_biases: Option<wgpu::Buffer>,
    pub(super) down: Weights,
    pub(super) down_biases: Option<wgpu::Buffer>,
    /// How many there are.
    pub(super) count: usize,
    /// How many a token is sent to.
    pub(super) used: usize,
}

/// Bytes of a card's memory that one layer takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerBytes {
    pub(super) all: usize,
    /// Those of its largest matrix.
    pub(super) largest: usize,
}

impl LayerWeights {
    pub(super) fn upload(device: &Device, layer: &Layer) -> Result<Self, CardError> {
        let put = |numbers: &Vec<f32>| device.put(numbers);
        Ok(Self {
            attention_norm: device.put(&layer.attention_norm),
            queries_keys_values: merged(device, &attention(layer).map(|part| &part.matrix), false),
            biases: biases(&attention(layer)).as_ref().map(put),
            head_norms: head_norms(layer)?.as_ref().map(put),
            sinks: layer.sinks.as_ref().map(put),
            output: Weights::upload(device, &[&layer.output.matrix], false),
            output_bias: layer.output.bias.as_ref().map(put),
            post_attention_norm: layer.post_attention_norm.as_ref().map(put),
            feed_norm: device.put(&layer.feed_norm),
            feed: match &layer.feed {
                FeedForward::Dense(dense) => FeedWeights::Dense(DenseWeights::upload(device, dense)),
                FeedForward::Experts(experts) => {
                    FeedWeights::Experts(Box::new(ExpertWeights::upload(device, experts)))
                }
            },
            post_feed_norm: layer.post_feed_norm.as_ref().map(put),
        })
    }

    /// Bytes of weights that one token reads, as they are packed.
    pub(super) fn token_bytes(&self) -> usize {
        let feed = match &self.feed {
            FeedWeights::Dense(DenseWeights { gate_up, down }) => {
                gate_up.iter().map(|part| part.bytes).sum::<usize>() + down.bytes
            }
            FeedWeights::Experts(experts) => {
                experts.token_bytes(&experts.gate_up) + experts.token_bytes(&experts.down)
            }
        };
        let attention: usize = self.queries_keys_values.iter().map(|part| part.bytes).sum();
        attention + self.output.bytes + feed
    }
}

impl DenseWeights {
    fn upload(device: &Device, dense: &Dense) -> Self {
        let gate_up = merged(device, &[&dense.gate.matrix, &dense.up.matrix], true);
        Self { gate_up, down: Weights::upload(device, &[&dense.down.matrix], false) }
    }
}

impl ExpertWeights {
    fn upload(device: &Device, experts: &Experts) -> Self {
        let put = |numbers: &Vec<f32>| device.put(numbers);
        let each = experts.experts.iter();
        let gate_up: Vec<_> = each.clone().map(|each| vec![&each.gate.matrix, &each.up.matrix]).collect();
        let down: Vec<_> = each.map(|each| vec![&each.down.matrix]).collect();
        Self {
            router: device.put(&experts.router),
            router_bias: experts.router_bias.as_ref().map(put),
            gate_up: Weights::upload_experts(device, &gate_up),
            gate_up_biases: biases(&gates_and_ups(experts)).as_ref().map(put),
            down: Weights::upload_experts(device, &down),
            down_biases: biases(&downs(experts)).as_ref().map(put),
            count: experts.experts.len(),
            used: experts.used,
        }
    }

    /// Bytes of the matrices of all experts that one token reads.
    pub(super) const fn token_bytes(&self, weights: &Weights) -> usize {
        weights.bytes / self.count * self.used
    }
}

impl LayerBytes {
    /// Those that a layer will take.
    ///
    /// # Errors
    /// Says what cards do not run.
    pub(super) fn of(layer: &Layer) -> Result<Self, CardError> {
        if layer.output.bias.is_some() && layer.post_attention_norm.is_some() {
            return Err(CardError::Unserved { what: "a bias before a norm behind attention" });
        }
        let attention = attention(layer).map(|part| &part.matrix);
        let mut matrices = vec![Weights::room(&[&layer.output.matrix])];
        matrices.extend(parts_of(&attention).iter().map(|part| Weights::room(part)));
        match &layer.feed {
            FeedForward::Dense(dense) => {
                let feed = [&dense.gate.matrix, &dense.up.matrix];
                matrices.extend(parts_of(&feed).iter().map(|part| Weights::room(part)));
                matrices.push(Weights::room(&[&dense.down.matrix]));
            }
            FeedForward::Experts(_) if layer.post_feed_norm.is_some() => {
                return Err(CardError::Unserved { what: "a norm behind experts" });
            }
            FeedForward::Experts(experts) => {
                let matrices_of = |parts: Vec<&Projection>| {
                    let matrices: Vec<&Matrix> = parts.into_iter().map(|part| &part.matrix).collect();
                    Weights::room(&matrices)
                };
                matrices.extend([matrices_of(gates_and_ups(experts)), matrices_of(downs(experts))]);
            }
        }
        let numbers = numbers(layer)?.into_iter().map(|count| buffer_bytes(count * size_of::<f32>()));
        let largest = matrices.iter().copied().max().unwrap_or(0);
        Ok(Self { all: matrices.into_iter().chain(numbers).sum(), largest })
    }
}

/// How many numbers there are of each kind beside matrices, at most.
fn numbers(layer: &Layer) -> Result<Vec<usize>, CardError> {
    let length = |vector: &Option<Vec<f32>>| vector.as_ref().map_or(0, Vec::len);
    let heads = head_norms(layer)?;
    let rows = |parts: &[&Projection]| parts.iter().map(|part| part.matrix.rows()).sum::<usize>();
    let mut counts = vec![layer.attention_norm.len(), layer.feed_norm.len(), rows(&attention(layer))];
    counts.extend([length(&heads), length(&layer.sinks), length(&layer.output.bias)]);
    counts.extend([length(&layer.post_attention_norm), length(&layer.post_feed_norm)]);
    if let FeedForward::Experts(experts) = &layer.feed {
        counts.extend([experts.router.len(), length(&experts.router_bias)]);
        counts.extend([rows(&gates_and_ups(experts)), rows(&downs(experts))]);
    }
    Ok(counts)
}

const fn attention(layer: &Layer) -> [&Projection; 3] {
    [&layer.query, &layer.key, &layer.value]
}

/// Of each expert, its gate and its up.
fn gates_and_ups(experts: &Experts) -> Vec<&Projection> {
    experts.experts.iter().flat_map(|each| [&each.gate, &each.up]).collect()
}

fn downs(experts: &Experts) -> Vec<&Projection> {
    experts.experts.iter().map(|each| &each.down).collect()
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

/// Biases one behind the other; zeros where a part has none, which change nothing.
fn biases(parts: &[&Projection]) -> Option<Vec<f32>> {
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
