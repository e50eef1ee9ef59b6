//! The steps of attention: heads are turned and kept, and each looks at what was kept.
//!
//! **Invariant:** a workgroup has one chunk of 256 absolute positions, so its sums are those of the arithmetic; chunks meet
//! in order.

use super::{Builder, Kept, Rooms};
use crate::{
    arithmetic::{BLOCK, Pairs},
    gpu::{
        device::KernelParams,
        layer::LayerWeights,
        step::{Grid, Kernel},
        weights::groups,
    },
};

impl Builder<'_> {
    /// The table of a layer's rotation.
    pub(super) fn turns<'b>(&'b self, kept: &Kept) -> &'b wgpu::Buffer {
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
            params: KernelParams {
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
        let params = KernelParams {
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
}
