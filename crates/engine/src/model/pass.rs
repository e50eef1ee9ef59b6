//! The pass of tokens through a model, on a processor.
//!
//! **Invariant:** no step mixes tokens but attention, and that reads what is kept of a token's own session alone. So the
//! tokens of one pass may be of any sessions, and cut anywhere.

use super::{
    Model,
    layer::{FeedForward, Layer, Norm, Projection},
    scratch::{Scratch, Turns},
    settings::ModelSettings,
};
use crate::{
    arithmetic::{Pairs, Rotary, cap},
    cache::Cache,
    cpu::{Attention, Cpu, Product, Turned, View},
    quantized::Quantized,
};

/// Consecutive tokens of one session.
pub(crate) struct Stretch<'a> {
    /// What the session keeps, a cache for each layer that it is taken through.
    pub(crate) caches: &'a mut [Cache],
    /// The first token's position: as many are kept.
    pub(crate) position: usize,
    pub(crate) tokens: &'a [u32],
}

impl Model {
    /// Takes tokens through all layers, into the residual stream.
    pub(crate) fn pass(&self, cpu: &Cpu, scratch: &mut Scratch, stretches: &mut [Stretch<'_>]) {
        self.pass_first(self.layers().len(), cpu, scratch, stretches);
    }

    /// Takes tokens through the first layers alone, as many as each session has caches for.
    pub(crate) fn pass_first(
        &self,
        layers: usize,
        cpu: &Cpu,
        scratch: &mut Scratch,
        stretches: &mut [Stretch<'_>],
    ) {
        let settings = self.settings();
        let count = stretches.iter().map(|stretch| stretch.tokens.len()).sum();
        scratch.resize(settings, count);
        let tokens = stretches.iter().flat_map(|stretch| stretch.tokens);
        for (token, row) in tokens.zip(scratch.residual.chunks_exact_mut(settings.width)) {
            self.embeddings().row(*token as usize, row);
        }
        cpu.scale(&mut scratch.residual, settings.embedding_scale.unwrap_or(1.0));
        let [turns, window_turns] = &mut scratch.turns;
        turns.fill(&settings.rotary, stretches);
        if let Some(rotary) = &settings.window_rotary {
            window_turns.fill(rotary, stretches);
        }
        for (number, layer) in self.layers()[..layers].iter().enumerate() {
            let mut at = At { settings, layer, number, cpu, scratch };
            at.attention(stretches);
            at.feed_forward();
        }
    }

    /// The logits of rows of the residual stream.
    pub(crate) fn logits(&self, cpu: &Cpu, residual: &[f32], work: &mut HeadWork<'_>) {
        let settings = self.settings();
        let rows = residual.len() / settings.width;
        work.normed.resize(residual.len(), 0.0);
        cpu.norm(residual, self.norm(), settings.epsilon, work.normed);
        cpu.quantize(work.normed, settings.width, work.quantized);
        work.logits.resize(rows * settings.vocabulary, 0.0);
        cpu.matmul(work.quantized, &mut [Product { weights: self.output(), out: work.logits }]);
        if let Some(limit) = settings.logit_cap {
            work.logits.iter_mut().for_each(|logit| *logit = cap(*logit, limit));
        }
    }
}

/// Where logits are computed.
pub(crate) struct HeadWork<'a> {
    pub(crate) normed: &'a mut Vec<f32>,
    pub(crate) quantized: &'a mut Quantized,
    pub(crate) logits: &'a mut Vec<f32>,
}

impl Turns {
    fn fill(&mut self, rotary: &Rotary, stretches: &[Stretch<'_>]) {
        let pairs = rotary.pairs();
        let positions =
            stretches.iter().flat_map(|stretch| stretch.position..stretch.position + stretch.tokens.len());
        let count = stretches.iter().map(|stretch| stretch.tokens.len()).sum::<usize>();
        self.cosines.resize(count * pairs, 0.0);
        self.sines.resize(count * pairs, 0.0);
        let rows = self.cosines.chunks_exact_mut(pairs).zip(self.sines.chunks_exact_mut(pairs));
        for (position, (cosines, sines)) in positions.zip(rows) {
            rotary.turn(position, cosines, sines);
        }
    }
}

/// One layer, at work.
struct At<'a> {
    settings: &'a ModelSettings,
    layer: &'a Layer,
    number: usize,
    cpu: &'a Cpu,
    scratch: &'a mut Scratch,
}

impl At<'_> {
    fn attention(&mut self, stretches: &mut [Stretch<'_>]) {
        let (settings, layer, cpu) = (self.settings, self.layer, self.cpu);
        self.norm(&layer.attention_norm);
        let Scratch { queries, keys, values, quantized, .. } = &mut *self.scratch;
        Projection::run(
            cpu,
            quantized,
            [(&layer.query, queries), (&layer.key, keys), (&layer.value, values)],
        );
        self.turn();
        self.keep(stretches);
        self.attend(stretches);
        let Scratch { attended, added, quantized, .. } = &mut *self.scratch;
        cpu.quantize(attended, settings.query_width(), quantized);
        Projection::run(cpu, quantized, [(&layer.output, added)]);
        self.add(layer.post_attention_norm.as_ref());
    }

    fn feed_forward(&mut self) {
        let (layer, cpu) = (self.layer, self.cpu);
        self.norm(&layer.feed_norm);
        let Scratch { residual, normed, gate, up, added, quantized, room, .. } = &mut *self.scratch;
        match &layer.feed {
            FeedForward::Dense(dense) => dense.run(cpu, self.settings.gate, quantized, gate, up, added),
            FeedForward::Experts(experts) => {
                let normed = &normed[..residual.len()];
                experts.run(cpu, self.settings.gate, normed, room, added);
            }
        }
        self.add(layer.post_feed_norm.as_ref());
    }

    /// The residual stream, normed, as integers.
    fn norm(&mut self, weights: &Norm) {
        let (width, epsilon) = (self.settings.width, self.settings.epsilon);
        let Scratch { residual, normed, quantized, .. } = &mut *self.scratch;
        let normed = &mut normed[..residual.len()];
        self.cpu.norm(residual, weights, epsilon, normed);
        self.cpu.quantize(normed, width, quantized);
    }

    /// Norms of heads, the rotation, and the scale of queries.
    fn turn(&mut self) {
        let (settings, layer, cpu) = (self.settings, self.layer, self.cpu);
        let Scratch { queries, keys, normed, turns, .. } = &mut *self.scratch;
        let window = settings.window_rotary.as_ref().filter(|_| settings.window_of(self.number).is_some());
        let (turns, rotary) = match window {
            None => (&turns[0], &settings.rotary),
            Some(rotary) => (&turns[1], rotary),
        };
        let turned = 2 * rotary.pairs();
        for (numbers, weights, heads) in [
            (queries.as_mut_slice(), &layer.query_norm, settings.heads),
            (keys.as_mut_slice(), &layer.key_norm, settings.key_heads),
        ] {
            if let Some(weights) = weights {
                norm_in_place(cpu, numbers, weights, settings.epsilon, normed);
            }
            let (width, pairs): (usize, Pairs) = (settings.head_width, settings.pairs);
            let shape = Turned { heads, width, turned, pairs };
            cpu.rotate(numbers, shape, &turns.cosines, &turns.sines);
        }
        cpu.scale(queries, settings.query_scale);
    }

    fn keep(&mut self, stretches: &mut [Stretch<'_>]) {
        let width = self.settings.key_width();
        let mut from = 0;
        for stretch in stretches {
            let numbers = from * width..(from + stretch.tokens.len()) * width;
            let cache = &mut stretch.caches[self.number];
            cache.truncate(stretch.position);
            cache.extend(&self.scratch.keys[numbers.clone()], &self.scratch.values[numbers]);
            from += stretch.tokens.len();
        }
    }

    fn attend(&mut self, stretches: &[Stretch<'_>]) {
        let (settings, number) = (self.settings, self.number);
        let width = settings.query_width();
        let (mut queries, mut out) = (self.scratch.queries.as_slice(), self.scratch.attended.as_mut_slice());
        let mut sequences = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            let (these, rest) = queries.split_at(stretch.tokens.len() * width);
            let (here, others) = out.split_at_mut(these.len());
            (queries, out) = (rest, others);
            let (cache, first) = (&stretch.caches[number], stretch.position);
            sequences.push(Attention { queries: these, cache, first, out: here });
        }
        let (heads, window) = (settings.heads, settings.window_of(number));
        let sinks = self.layer.sinks.as_deref();
        let view = View { heads, window, cap: settings.score_cap, sinks };
        self.cpu.attend(&view, &mut sequences);
    }

    /// What attention or feed-forward gave, normed where the model has it so, joins the residual stream.
    fn add(&mut self, post: Option<&Norm>) {
        let Scratch { residual, added, normed, .. } = &mut *self.scratch;
        if let Some(weights) = post {
            norm_in_place(self.cpu, added, weights, self.settings.epsilon, normed);
        }
        self.cpu.add(residual, added);
    }
}

/// Rows of a product, each through a door and normed.
fn norm_in_place(cpu: &Cpu, rows: &mut [f32], weights: &Norm, epsilon: f32, room: &mut [f32]) {
    // Times one changes no bit: the door is what is wanted.
    cpu.scale(rows, 1.0);
    let room = &mut room[..rows.len()];
    cpu.norm(rows, weights, epsilon, room);
    rows.copy_from_slice(room);
}
