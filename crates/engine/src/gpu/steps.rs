//! The steps of a pass: which kernels run for one token and for many, in order.
//!
//! **Invariant:** both lists compute the same numbers in the same order; where they differ is who holds what meanwhile.

mod attention;
mod experts;
mod products;

use std::ops::Range;

use super::{
    CardError,
    device::{Device, KernelParams},
    layer::{DenseWeights, FeedWeights, LayerWeights},
    model::CardModel,
    step::{Grid, Kernel, KernelStep, Nothing},
    weights::{Weights, groups},
};
use crate::{
    arithmetic::{BLOCK, CHUNK, Pairs, Rotary},
    model::{Activation, ModelSettings, Routing},
};
use products::Out;

/// Rows of logits that are computed at a time: as many as are asked for of what was computed ahead.
pub(super) const ROWS_AT_ONCE: usize = crate::session::DRAFT_ROWS_AT_ONCE;
/// Bytes that the scores of one pass may take.
const SCORES_BYTES_MAX: usize = 1 << 26;
/// Tokens of one pass.
const TOKENS_MAX: usize = 256;
/// Tokens of a draft that are computed ahead.
pub(super) const AHEAD_MAX: usize = 256;

/// How long one kind of step takes.
#[derive(Debug, Clone, Copy)]
pub struct StepTime {
    /// What it does.
    pub name: &'static str,
    /// How often it is done in a pass.
    pub count: usize,
    /// Seconds of one.
    pub seconds: f64,
    /// Bytes of weights that one reads.
    pub bytes: usize,
}

/// Activations as integers, with their scales and sums, token after token.
#[derive(Debug)]
struct CardActivations {
    integers: wgpu::Buffer,
    scales: wgpu::Buffer,
    columns: usize,
}

/// What of a model is on a card: how many of its layers.
#[derive(Debug, Clone, Copy)]
pub(super) struct CardShape<'a> {
    pub(super) settings: &'a ModelSettings,
    pub(super) layers: usize,
}

/// What a session has on a card, and the steps that use it.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) one: Vec<KernelStep>,
    pub(super) many: Vec<KernelStep>,
    pub(super) head_one: KernelStep,
    pub(super) head_many: KernelStep,
    /// Of what was computed ahead.
    pub(super) head_ahead: KernelStep,
    pub(super) cap: Option<KernelStep>,
    pub(super) tokens: wgpu::Buffer,
    /// The residual stream, where the first layers are the processor's: what those gave.
    pub(super) residual: wgpu::Buffer,
    pub(super) logits: wgpu::Buffer,
    pub(super) tokens_at_once: usize,
    /// What the head reads of the last pass, and of what was computed ahead.
    activations: CardActivations,
    ahead: CardActivations,
    kept: Vec<Kept>,
    /// Bytes of all its buffers.
    pub(super) bytes: u64,
}

/// The buffers of a pass.
struct Rooms {
    residual: wgpu::Buffer,
    activations: CardActivations,
    ahead: CardActivations,
    feed: CardActivations,
    raw: wgpu::Buffer,
    queries: wgpu::Buffer,
    scores: wgpu::Buffer,
    tops: wgpu::Buffer,
    parts: wgpu::Buffer,
    sums: wgpu::Buffer,
    /// What is normed, as numbers; the router's scores; who is chosen. Nothing where there are no experts.
    normed: wgpu::Buffer,
    routed: wgpu::Buffer,
    chosen: wgpu::Buffer,
    turns: wgpu::Buffer,
    window_turns: Option<wgpu::Buffer>,
    tokens: wgpu::Buffer,
    logits: wgpu::Buffer,
}

struct Builder<'a> {
    device: &'a Device,
    settings: &'a ModelSettings,
    nothing: Nothing,
    rooms: Rooms,
    base: KernelParams,
    /// Whether the list is that for one token.
    single: bool,
    list: Vec<KernelStep>,
}

/// The keys and values of one layer, and how the layer sees them.
#[derive(Debug)]
struct Kept {
    keys: wgpu::Buffer,
    values: wgpu::Buffer,
    window: usize,
    windowed_turn: bool,
}

impl Steps {
    pub(super) fn new(model: &CardModel, capacity: usize) -> Result<Self, CardError> {
        let (device, settings) = (&model.card.device, model.model.settings());
        let chunks = capacity.div_ceil(CHUNK).max(1);
        let token_scores = settings.heads * chunks * CHUNK * size_of::<f32>();
        let tokens_at_once = (SCORES_BYTES_MAX / token_scores).clamp(1, TOKENS_MAX);
        let rooms = Rooms::new(device, settings, capacity, chunks, tokens_at_once);
        let kept: Vec<Kept> =
            (model.first..settings.layers).map(|layer| Kept::new(device, settings, layer, chunks)).collect();
        let base = KernelParams {
            width: settings.width as u32,
            heads: settings.heads as u32,
            key_heads: settings.key_heads as u32,
            chunks: chunks as u32,
            epsilon: settings.epsilon,
            by_width: (1.0 / settings.width as f64) as f32,
            by_head_width: (1.0 / settings.head_width as f64) as f32,
            ..KernelParams::default()
        };
        let nothing = Nothing::new(device);
        let mut builder = Builder { device, settings, nothing, rooms, base, single: true, list: Vec::new() };
        let one = builder.pass(model, &kept);
        builder.single = false;
        let many = builder.pass(model, &kept);
        let head_many = builder.product("logits", &model.output, Out::Logits);
        let head_ahead = builder.product("logits", &model.output, Out::LogitsAhead);
        builder.single = true;
        let head_one = builder.product("logits", &model.output, Out::Logits);
        let cap = settings.logit_cap.map(|cap| builder.cap(cap));
        let kept_bytes = kept.iter().flat_map(|kept| [&kept.keys, &kept.values]).map(wgpu::Buffer::size);
        let bytes = builder.rooms.bytes() + kept_bytes.sum::<u64>();
        let Rooms { tokens, residual, logits, activations, ahead, .. } = builder.rooms;
        device.wait()?;
        Ok(Self {
            one,
            many,
            head_one,
            head_many,
            head_ahead,
            cap,
            tokens,
            residual,
            logits,
            tokens_at_once,
            activations,
            ahead,
            kept,
            bytes,
        })
    }

    /// Bytes that those of a session with so much room come to, at most.
    pub(super) fn bytes_most(shape: CardShape<'_>, capacity: usize) -> usize {
        let CardShape { settings, layers } = shape;
        let chunks = capacity.div_ceil(CHUNK).max(1);
        let (width, queries, head) = (settings.width, settings.query_width(), settings.head_width);
        let numbers = width + queries + queries + 2 * settings.key_width() + 2 * settings.feed + 2 * width;
        let routing = settings.routing.map_or(0, |Routing { experts, used }| width + experts + 2 * used);
        // As integers, with a scale and a sum for each block.
        let integers = groups(width.max(queries)) + feeds(settings) * groups(settings.feed) + groups(width);
        let token = 4 * (numbers + routing) + integers * 8 * (BLOCK + 8) + 8 * settings.heads * chunks;
        let scores = SCORES_BYTES_MAX.max(settings.heads * chunks * CHUNK * 4);
        let turns = 2 * chunks * CHUNK * settings.rotary.pairs().max(head / 2) * 8;
        let logits = 2 * ROWS_AT_ONCE * settings.vocabulary * 4;
        let passes = TOKENS_MAX * token + scores + scores * head / CHUNK;
        chunks * layers * settings.layer_page_bytes() + passes + turns + logits
    }

    /// Copies the keys and values of another session, as many as both have room for.
    pub(super) fn keep_as(&self, other: &Self, encoder: &mut wgpu::CommandEncoder) {
        for (mine, theirs) in self.kept.iter().zip(&other.kept) {
            for (to, from) in [(&mine.keys, &theirs.keys), (&mine.values, &theirs.values)] {
                encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size().min(to.size()));
            }
        }
    }

    /// Copies what the head reads of tokens of a pass to that of what was computed ahead.
    pub(super) fn keep_ahead(&self, tokens: Range<usize>, at: usize, encoder: &mut wgpu::CommandEncoder) {
        let CardActivations { columns, .. } = self.ahead;
        let buffers = [
            (&self.activations.integers, &self.ahead.integers, columns),
            (&self.activations.scales, &self.ahead.scales, columns / BLOCK * 8),
        ];
        for (from, to, bytes) in buffers {
            let place = |token: usize| (token * bytes) as u64;
            encoder.copy_buffer_to_buffer(from, place(tokens.start), to, place(at), place(tokens.len()));
        }
    }
}

/// Rows of what gate and up give of one token: one for each of its experts.
fn feeds(settings: &ModelSettings) -> usize {
    settings.routing.map_or(1, |routing| routing.used)
}

impl Kept {
    fn new(device: &Device, settings: &ModelSettings, layer: usize, chunks: usize) -> Self {
        let room = || device.room(chunks * CHUNK * settings.key_width() * size_of::<u16>());
        let window = settings.window_of(layer);
        let windowed_turn = window.is_some() && settings.window_rotary.is_some();
        Self { keys: room(), values: room(), window: window.unwrap_or(0), windowed_turn }
    }
}

impl CardActivations {
    fn new(device: &Device, tokens: usize, columns: usize) -> Self {
        let columns = groups(columns) * 8 * BLOCK;
        let (integers, scales) = (device.room(tokens * columns), device.room(tokens * columns / BLOCK * 8));
        Self { integers, scales, columns }
    }
}

impl Rooms {
    fn new(device: &Device, settings: &ModelSettings, capacity: usize, chunks: usize, tokens: usize) -> Self {
        let numbers = |count: usize| device.room(count * size_of::<f32>());
        let (width, queries) = (settings.width, settings.query_width());
        let raw = (queries + 2 * settings.key_width()).max(2 * settings.feed).max(width);
        let turns = |rotary: &Rotary| device.put(&table(rotary, capacity));
        let routing = settings.routing.map(|Routing { experts, used }| [width, experts, 2 * used]);
        let [normed, routed, chosen] = routing.unwrap_or_default().map(|count| numbers(tokens * count));
        Self {
            residual: numbers(tokens * width),
            activations: CardActivations::new(device, tokens, width.max(queries)),
            ahead: CardActivations::new(device, AHEAD_MAX, width),
            feed: CardActivations::new(device, tokens * feeds(settings), settings.feed),
            raw: numbers(tokens * raw),
            queries: numbers(tokens * queries),
            scores: numbers(tokens * settings.heads * chunks * CHUNK),
            tops: numbers(tokens * settings.heads * chunks),
            parts: numbers(tokens * chunks * queries),
            sums: numbers(tokens * settings.heads * chunks),
            normed,
            routed,
            chosen,
            turns: turns(&settings.rotary),
            window_turns: settings.window_rotary.as_ref().map(turns),
            tokens: numbers(tokens),
            logits: numbers(ROWS_AT_ONCE * settings.vocabulary),
        }
    }

    /// Bytes of all of them.
    fn bytes(&self) -> u64 {
        let Self { residual, activations, ahead, feed, raw, queries, scores, .. } = self;
        let Self { tops, parts, sums, turns, window_turns, tokens, logits, .. } = self;
        let Self { normed, routed, chosen, .. } = self;
        let integers = [activations, ahead, feed].into_iter().flat_map(|each| [&each.integers, &each.scales]);
        let numbers = [residual, raw, queries, scores, tops, parts, sums, turns, tokens, logits];
        let all = integers.chain(numbers).chain([normed, routed, chosen]).chain(window_turns);
        all.map(wgpu::Buffer::size).sum()
    }
}

/// Cosine and sine of each position's pairs.
fn table(rotary: &Rotary, capacity: usize) -> Vec<[f32; 2]> {
    let pairs = rotary.pairs();
    let (mut cosines, mut sines) = (vec![0.0; pairs], vec![0.0; pairs]);
    let mut table = Vec::with_capacity(capacity * pairs);
    for position in 0..capacity {
        rotary.turn(position, &mut cosines, &mut sines);
        table.extend(cosines.iter().zip(&sines).map(|(cosine, sine)| [*cosine, *sine]));
    }
    table
}

impl Builder<'_> {
    fn pass(&mut self, model: &CardModel, kept: &[Kept]) -> Vec<KernelStep> {
        if let Some(embeddings) = &model.embeddings {
            self.embed(embeddings);
        }
        for (layer, kept) in model.layers.iter().zip(kept) {
            self.attention(layer, kept);
            self.feed_forward(layer);
        }
        self.norm(&model.norm, false);
        std::mem::take(&mut self.list)
    }

    fn step(&self, kernel: Kernel<'_>) -> KernelStep {
        KernelStep::new(self.device, &self.nothing, kernel)
    }

    fn embed(&mut self, weights: &Weights) {
        let blocks = (self.settings.width / BLOCK) as u32;
        let scale = self.settings.embedding_scale.unwrap_or(1.0);
        let Rooms { residual, tokens, .. } = &self.rooms;
        let step = self.step(Kernel {
            name: "embed",
            entry: "embed",
            constants: &[("KIND", weights.kind as u32 as f64)],
            buffers: &[(0, &weights.buffer), (6, residual), (12, tokens)],
            params: KernelParams { blocks, groups: weights.groups() as u32, scale, ..self.base },
            grid: Grid::Threads(blocks),
            bytes: 0,
        });
        self.list.push(step);
    }

    /// The residual stream, normed, as activations; as numbers too, where a router reads them.
    fn norm(&mut self, weights: &wgpu::Buffer, is_routed: bool) {
        let width = self.settings.width;
        let most = self.device.limits.max_compute_invocations_per_workgroup.min(512);
        let threads = if width >= 2048 { most } else { 128 };
        let Rooms { residual, activations, normed, .. } = &self.rooms;
        let mut buffers =
            vec![(3, &activations.integers), (4, &activations.scales), (6, residual), (7, weights)];
        buffers.extend(is_routed.then_some((5, normed)));
        let step = self.step(Kernel {
            name: "norm",
            entry: "norm",
            constants: &[
                ("T", f64::from(threads)),
                ("POOL", width as f64),
                ("NORMED", f64::from(u8::from(is_routed))),
            ],
            buffers: &buffers,
            params: KernelParams { groups: groups(width) as u32, ..self.base },
            grid: Grid::Tokens,
            bytes: 0,
        });
        self.list.push(step);
    }

    fn attention(&mut self, layer: &LayerWeights, kept: &Kept) {
        self.norm(&layer.attention_norm, false);
        let parts = &layer.queries_keys_values;
        let plain = layer.biases.is_none()
            && layer.head_norms.is_none()
            && self.settings.pairs == Pairs::Neighbours
            && 2 * self.settings.rotary.pairs() == self.settings.head_width;
        if self.single && plain && parts.len() == 1 {
            let step = self.product("qkv", &parts[0], Out::Heads(kept));
            self.list.push(step);
        } else {
            self.side_by_side("qkv", parts);
            self.turn(layer, kept);
        }
        self.attend(layer.sinks.as_ref(), kept);
        match &layer.post_attention_norm {
            None => {
                let out = Out::Residual(layer.output_bias.as_ref());
                let step = self.product("output", &layer.output, out);
                self.list.push(step);
            }
            Some(norm) => {
                self.side_by_side("output", std::slice::from_ref(&layer.output));
                self.join_normed(norm);
            }
        }
    }

    fn feed_forward(&mut self, layer: &LayerWeights) {
        let DenseWeights { gate_up, down } = match &layer.feed {
            FeedWeights::Dense(dense) => dense,
            FeedWeights::Experts(experts) => {
                self.norm(&layer.feed_norm, true);
                return self.experts(experts);
            }
        };
        self.norm(&layer.feed_norm, false);
        if self.single && gate_up.len() == 1 {
            let step = self.product("gate, up", &gate_up[0], Out::Gated);
            self.list.push(step);
        } else {
            self.side_by_side("gate, up", gate_up);
            self.gated(gate_up.len() == 1);
        }
        match &layer.post_feed_norm {
            None => {
                let step = self.product("down", down, Out::FeedResidual);
                self.list.push(step);
            }
            Some(norm) => {
                let step = self.product("down", down, Out::FeedRaw);
                self.list.push(step);
                self.join_normed(norm);
            }
        }
    }

    /// Products side by side as numbers.
    fn side_by_side(&mut self, name: &'static str, parts: &[Weights]) {
        let stride = parts.iter().map(|part| part.rows).sum();
        let mut at = 0;
        for part in parts {
            let step = self.product(name, part, Out::Raw { stride, at });
            self.list.push(step);
            at += part.rows;
        }
    }

    /// What says which gate it is.
    fn gate(&self) -> [(&'static str, f64); 2] {
        let is = |gate: Activation| f64::from(u8::from(self.settings.gate == gate));
        [("GELU", is(Activation::Gelu)), ("CLAMPED", is(Activation::Clamped))]
    }

    /// How many threads a workgroup takes whose tiles have so many groups.
    fn threads(&self, groups: usize) -> u32 {
        /// From so many on, as many as there are.
        const GROUPS_WIDE: usize = 24;
        let most = self.device.limits.max_compute_invocations_per_workgroup.min(1024);
        if groups > GROUPS_WIDE { most } else { 256 }
    }
}
