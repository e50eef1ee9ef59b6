//! The steps of products, and of what becomes of them.
//!
//! **Invariant:** a product's order is that of its row's blocks, whatever becomes of it.

use super::{Builder, Kept, Rooms};
use crate::{
    arithmetic::BLOCK,
    gpu::{
        device::KernelParams,
        step::{Grid, Kernel, KernelStep},
        weights::{ROWS, Weights, groups},
    },
};

/// Where a product goes.
#[derive(Clone, Copy)]
pub(super) enum Out<'a> {
    /// Numbers: so many a token, these from `at` on.
    Raw { stride: usize, at: usize },
    /// The residual stream, with what is added.
    Residual(Option<&'a wgpu::Buffer>),
    /// The residual stream, from what the gate let pass.
    FeedResidual,
    /// Numbers, from what the gate let pass.
    FeedRaw,
    /// What the gate lets pass, as activations.
    Gated,
    /// Queries, keys and values, turned and kept.
    Heads(&'a Kept),
    /// Logits.
    Logits,
    /// Logits of what was computed ahead.
    LogitsAhead,
}

/// How a product runs: the number that kernels know its way by, and what it touches.
struct ProductPath<'a> {
    out: u32,
    stride: usize,
    at: usize,
    bias: bool,
    buffers: Vec<(u32, &'a wgpu::Buffer)>,
}

impl Builder<'_> {
    /// A product of all rows with one token's activations, or with many.
    pub(super) fn product(&self, name: &'static str, weights: &Weights, out: Out<'_>) -> KernelStep {
        let settings = self.settings;
        let tiles = if matches!(out, Out::Gated) { 2 } else { 1 };
        let groups = weights.groups();
        let threads = self.threads(tiles * groups);
        let ProductPath { out, stride, at, bias, mut buffers } = self.route(weights, out);
        buffers.extend([(0, &weights.buffer), (6, &self.rooms.residual)]);
        let common = [
            ("KIND", weights.kind as u32 as f64),
            ("OUT", f64::from(out)),
            ("BIAS", f64::from(u8::from(bias))),
        ];
        let [gelu, clamped] = self.gate();
        let own = [
            ("T", f64::from(threads)),
            ("TILES", tiles as f64),
            ("POOL", (tiles * groups * ROWS) as f64),
            ("HD", settings.head_width as f64),
            gelu,
            clamped,
        ];
        let (entry, constants, grid) = match self.single {
            true => {
                let grid = Grid::Rows(weights.rows.div_ceil(ROWS * tiles) as u32);
                ("matvec", [common.as_slice(), &own].concat(), grid)
            }
            false => ("matmul", common.to_vec(), Grid::Tiles(weights.rows.div_ceil(2 * ROWS) as u32)),
        };
        let params = KernelParams {
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

    /// From which buffers a product comes and to which it goes.
    fn route<'b>(&'b self, weights: &Weights, out: Out<'b>) -> ProductPath<'b> {
        let Rooms { activations, ahead, feed, raw, queries, logits, .. } = &self.rooms;
        let (mut stride, mut at, mut bias) = (weights.rows, 0, false);
        let (out, input, mut buffers) = match out {
            Out::Raw { stride: whole, at: begin } => {
                (stride, at) = (whole, begin);
                (0, activations, vec![(5, raw)])
            }
            Out::Residual(added) => {
                bias = added.is_some();
                (1, activations, added.map(|added| (13, added)).into_iter().collect())
            }
            Out::FeedResidual => (1, feed, Vec::new()),
            Out::FeedRaw => (0, feed, vec![(5, raw)]),
            Out::Gated => (2, activations, vec![(3, &feed.integers), (4, &feed.scales)]),
            Out::Heads(kept) => {
                let turns = self.turns(kept);
                (3, activations, vec![(8, queries), (9, &kept.keys), (10, &kept.values), (11, turns)])
            }
            Out::Logits => (0, activations, vec![(5, logits)]),
            Out::LogitsAhead => (0, ahead, vec![(5, logits)]),
        };
        buffers.extend([(1, &input.integers), (2, &input.scales)]);
        ProductPath { out, stride, at, bias, buffers }
    }

    /// Numbers as activations.
    pub(super) fn activations(&mut self, columns: usize) {
        let Rooms { activations, raw, .. } = &self.rooms;
        let blocks = (columns / BLOCK) as u32;
        let step = self.step(Kernel {
            name: "activations",
            entry: "activations",
            constants: &[],
            buffers: &[(3, &activations.integers), (4, &activations.scales), (5, raw)],
            params: KernelParams { blocks, groups: groups(columns) as u32, ..self.base },
            grid: Grid::Threads(blocks * 8),
            bytes: 0,
        });
        self.list.push(step);
    }

    /// What the gate lets pass, as activations.
    pub(super) fn gated(&mut self, in_turn: bool) {
        let Rooms { feed, raw, .. } = &self.rooms;
        let [gelu, clamped] = self.gate();
        let blocks = (self.settings.feed / BLOCK) as u32;
        let step = self.step(Kernel {
            name: "gated",
            entry: "gated",
            constants: &[gelu, clamped, ("IN_TURN", f64::from(u8::from(in_turn)))],
            buffers: &[(3, &feed.integers), (4, &feed.scales), (5, raw)],
            params: KernelParams { blocks, groups: groups(self.settings.feed) as u32, ..self.base },
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
    pub(super) fn cap(&self, cap: f32) -> KernelStep {
        self.step(Kernel {
            name: "cap",
            entry: "cap_logits",
            constants: &[],
            buffers: &[(5, &self.rooms.logits)],
            params: KernelParams { rows: self.settings.vocabulary as u32, cap, ..self.base },
            grid: Grid::Threads(self.settings.vocabulary.div_ceil(4) as u32),
            bytes: 0,
        })
    }
}
