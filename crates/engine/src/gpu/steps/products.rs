//! The steps that are more than one buffer in and one out: products, heads, attention.
//!
//! **Invariant:** a product's order is that of its row's blocks, whatever becomes of it.

use super::{Builder, Kept, Out, Rooms};
use crate::{
    arithmetic::{BLOCK, Pairs},
    gpu::{
        device::Params,
        model::LayerWeights,
        step::{Grid, Kernel, Step},
        weights::{ROWS, Weights, groups},
    },
};

/// Groups of one workgroup's tiles from which on it takes as many threads as there are.
const GROUPS_WIDE: usize = 24;

impl Builder<'_> {
    pub(super) fn head(&self, weights: &Weights) -> Step {
        self.product("logits", weights, Out::Logits)
    }

    /// A product of all rows with one token's activations, or with many.
    pub(super) fn product(&self, name: &'static str, weights: &Weights, out: Out<'_>) -> Step {
        let settings = self.settings;
        let tiles = if matches!(out, Out::Gated) { 2 } else { 1 };
        let groups = weights.groups();
        let most = self.device.limits.max_compute_invocations_per_workgroup.min(1024);
        let threads = if tiles * groups > GROUPS_WIDE { most } else { 256 };
        let Rooms { residual, activations, feed, raw, queries, logits, .. } = &self.rooms;
        let (mut stride, mut at, mut bias, mut input) = (weights.rows, 0, false, activations);
        let mut buffers = vec![(0, &weights.buffer), (6, residual)];
        let kind = match out {
            Out::Raw { stride: whole, at: begin } => {
                (stride, at) = (whole, begin);
                buffers.push((5, raw));
                0
            }
            Out::Residual(added) => {
                bias = added.is_some();
                buffers.extend(added.map(|added| (13, added)));
                1
            }
            Out::FeedResidual => {
                input = feed;
                1
            }
            Out::FeedRaw => {
                input = feed;
                buffers.push((5, raw));
                0
            }
            Out::Gated => {
                buffers.extend([(3, &feed.integers), (4, &feed.scales)]);
                2
            }
            Out::Heads(kept) => {
                buffers.extend([(8, queries), (9, &kept.keys), (10, &kept.values), (11, self.turns(kept))]);
                3
            }
            Out::Logits => {
                buffers.push((5, logits));
                0
            }
        };
        buffers.extend([(1, &input.integers), (2, &input.scales)]);
        let common = [
            ("KIND", weights.kind as u32 as f64),
            ("OUT", f64::from(kind)),
            ("BIAS", f64::from(u8::from(bias))),
        ];
        let own = [
            ("T", f64::from(threads)),
            ("TILES", tiles as f64),
            ("POOL", (tiles * groups * ROWS).max(ROWS) as f64),
            ("HD", settings.head_width as f64),
            ("GELU", self.gelu()),
        ];
        let (entry, constants, grid) = match self.single {
            true => {
                let grid = Grid::Rows(weights.rows.div_ceil(ROWS * tiles) as u32);
                ("matvec", [common.as_slice(), &own].concat(), grid)
            }
            false => ("matmul", common.to_vec(), Grid::Tiles(weights.rows.div_ceil(2 * ROWS) as u32)),
        };
        let params = Params {
            rows: weights.rows as u32,
            groups: groups as u32,
            pairs: settings.rotary.pairs() as u32,
            stride: stride as u32,
            at: at as u32,
            scale: settings.query_scale,
            ..self.base
        };
        let (constants, buffers) = (&constants, &buffers);
        self.step(Kernel { name, entry, constants, buffers, params, grid, bytes: weights.bytes })
    }

    fn turns<'b>(&'b self, kept: &Kept) -> &'b wgpu::Buffer {
        let window = self.rooms.window_turns.as_ref().filter(|_| kept.windowed_turn);
        window.unwrap_or(&self.rooms.turns)
    }

    /// Biases, norms of heads, the rotation; keys and values are kept.
    pub(super) fn turn(&mut self, layer: &LayerWeights, kept: &Kept) {
        let settings = self.settings;
        let heads = settings.heads + 2 * settings.key_heads;
        let Rooms { raw, queries, .. } = &self.rooms;
        let mut buffers =
            vec![(5, raw), (8, queries), (9, &kept.keys), (10, &kept.values), (11, self.turns(kept))];
        buffers.extend(layer.head_norms.as_ref().map(|norms| (7, norms)));
        buffers.extend(layer.biases.as_ref().map(|biases| (13, biases)));
        let flag = |yes: bool| f64::from(u8::from(yes));
        let pairs = match &settings.window_rotary {
            Some(rotary) if kept.windowed_turn => rotary.pairs(),
            Some(_) | None => settings.rotary.pairs(),
        };
        let step = self.step(Kernel {
            name: "turn",
            entry: "turn",
            constants: &[
                ("HD", settings.head_width as f64),
                ("POOL", settings.head_width as f64),
                ("BIAS", flag(layer.biases.is_some())),
                ("HEAD_NORMS", flag(layer.head_norms.is_some())),
                ("HALVES", flag(settings.pairs == Pairs::Halves)),
            ],
            buffers: &buffers,
            params: Params {
                pairs: pairs as u32,
                stride: (heads * settings.head_width) as u32,
                scale: settings.query_scale,
                ..self.base
            },
            grid: Grid::Heads(heads as u32),
            bytes: 0,
        });
        self.list.push(step);
    }

    /// Scores, weights and values of each chunk, and their sum as activations.
    pub(super) fn attend(&mut self, sinks: Option<&wgpu::Buffer>, kept: &Kept) {
        let settings = self.settings;
        let (heads, width) = (settings.heads as u32, settings.query_width());
        let Rooms { activations, raw, queries, scores, tops, parts, sums, .. } = &self.rooms;
        let flag = |yes: bool| f64::from(u8::from(yes));
        let whole = settings.head_width.is_multiple_of(BLOCK);
        let constants = [
            ("HD", settings.head_width as f64),
            ("SINKS", flag(sinks.is_some())),
            ("CAP", flag(settings.score_cap.is_some())),
            ("RAW", flag(!whole)),
        ];
        let params = Params {
            window: kept.window as u32,
            groups: groups(width) as u32,
            cap: settings.score_cap.unwrap_or(1.0),
            ..self.base
        };
        let kernel = |name, entry, buffers: &[(u32, &wgpu::Buffer)], grid| {
            self.step(Kernel { name, entry, constants: &constants, buffers, params, grid, bytes: 0 })
        };
        let chunks = Grid::Chunks(heads);
        let score = [(8, queries), (9, &kept.keys), (14, scores), (15, tops)];
        let score = kernel("score", "score", &score, chunks);
        let mut attend = vec![(10, &kept.values), (14, scores), (15, tops), (16, parts), (17, sums)];
        attend.extend(sinks.map(|sinks| (7, sinks)));
        let attend = kernel("attend", "attend", &attend, chunks);
        let mut join = vec![(5, raw), (15, tops), (16, parts), (17, sums)];
        join.extend([(3, &activations.integers), (4, &activations.scales)]);
        join.extend(sinks.map(|sinks| (7, sinks)));
        let join = kernel("join", "join", &join, Grid::Heads(heads));
        self.list.extend([score, attend, join]);
        if !whole {
            self.activations(width);
        }
    }

    /// Numbers as activations.
    fn activations(&mut self, columns: usize) {
        let Rooms { activations, raw, .. } = &self.rooms;
        let blocks = (columns / BLOCK) as u32;
        let step = self.step(Kernel {
            name: "activations",
            entry: "activations",
            constants: &[],
            buffers: &[(3, &activations.integers), (4, &activations.scales), (5, raw)],
            params: Params { blocks, groups: groups(columns) as u32, ..self.base },
            grid: Grid::Threads(blocks * 8),
            bytes: 0,
        });
        self.list.push(step);
    }

    /// What the gate lets pass, as activations.
    pub(super) fn gated(&mut self, in_turn: bool) {
        let Rooms { feed, raw, .. } = &self.rooms;
        let blocks = (self.settings.feed / BLOCK) as u32;
        let step = self.step(Kernel {
            name: "gated",
            entry: "gated",
            constants: &[("GELU", self.gelu()), ("IN_TURN", f64::from(u8::from(in_turn)))],
            buffers: &[(3, &feed.integers), (4, &feed.scales), (5, raw)],
            params: Params { blocks, groups: groups(self.settings.feed) as u32, ..self.base },
            grid: Grid::Threads(blocks * 8),
            bytes: 0,
        });
        self.list.push(step);
    }

    /// What attention or feed-forward gave, normed, joins the residual stream.
    pub(super) fn join_normed(&mut self, weights: &wgpu::Buffer) {
        let width = self.settings.width;
        let Rooms { residual, raw, .. } = &self.rooms;
        let step = self.step(Kernel {
            name: "norm behind",
            entry: "join_normed",
            constants: &[("T", 128.0), ("POOL", width as f64)],
            buffers: &[(5, raw), (6, residual), (7, weights)],
            params: self.base,
            grid: Grid::Tokens,
            bytes: 0,
        });
        self.list.push(step);
    }

    /// Logits within ±cap. How many there are is said when it runs.
    pub(super) fn cap(&self, cap: f32) -> Step {
        self.step(Kernel {
            name: "cap",
            entry: "cap_logits",
            constants: &[],
            buffers: &[(5, &self.rooms.logits)],
            params: Params { rows: self.settings.vocabulary as u32, cap, ..self.base },
            grid: Grid::Threads(self.settings.vocabulary.div_ceil(4) as u32),
            bytes: 0,
        })
    }
}
