//! The steps of experts: a router's scores, who is chosen, and what they give.
//!
//! **Invariant:** a token's experts are added in the order of their numbers, whoever else is in the pass. A token alone and many
//! take the same kernels: each reads the weights of its own experts.

use super::{Builder, Rooms};
use crate::{
    arithmetic::{BLOCK, GROUP},
    gpu::{
        device::KernelParams,
        layer::ExpertWeights,
        step::{Grid, Kernel, KernelStep},
        weights::{ROWS, groups},
    },
};

/// Words of four activations of a group.
const WORDS: usize = GROUP * BLOCK / 4;

impl Builder<'_> {
    /// What the experts of each token give joins the residual stream.
    pub(super) fn experts(&mut self, weights: &ExpertWeights) {
        let steps = [self.router(weights), self.choice(weights), self.passed(weights), self.given(weights)];
        self.list.extend(steps);
    }

    fn router(&self, weights: &ExpertWeights) -> KernelStep {
        let Rooms { normed, routed, .. } = &self.rooms;
        let mut buffers = vec![(5, normed), (7, &weights.router), (14, routed)];
        buffers.extend(weights.router_bias.as_ref().map(|biases| (13, biases)));
        self.step(Kernel {
            name: "router",
            entry: "route",
            constants: &[bias(weights.router_bias.as_ref())],
            buffers: &buffers,
            params: KernelParams { rows: weights.count as u32, ..self.base },
            grid: Grid::Heads(weights.count as u32),
            bytes: 0,
        })
    }

    fn choice(&self, weights: &ExpertWeights) -> KernelStep {
        let Rooms { routed, chosen, .. } = &self.rooms;
        let (rows, blocks) = (weights.count as u32, weights.used as u32);
        self.step(Kernel {
            name: "choice",
            entry: "choose",
            constants: &[],
            buffers: &[(14, routed), (18, chosen)],
            params: KernelParams { rows, blocks, ..self.base },
            grid: Grid::Tokens,
            bytes: 0,
        })
    }

    /// What the gates of the chosen let pass.
    fn passed(&self, weights: &ExpertWeights) -> KernelStep {
        let Rooms { activations, feed, chosen, .. } = &self.rooms;
        let ExpertWeights { gate_up, gate_up_biases, .. } = weights;
        let mut buffers = vec![(0, &gate_up.buffer), (1, &activations.integers), (2, &activations.scales)];
        buffers.extend([(3, &feed.integers), (4, &feed.scales), (18, chosen)]);
        buffers.extend(gate_up_biases.as_ref().map(|biases| (13, biases)));
        let (used, pooled) = (weights.used as u32, 2 * gate_up.groups());
        let [gelu, clamped] = self.gate();
        self.step(Kernel {
            name: "experts' gate, up",
            entry: "expert_gate",
            constants: &[
                ("KIND", gate_up.kind as u32 as f64),
                ("T", f64::from(self.threads(pooled))),
                ("POOL", (pooled * ROWS) as f64),
                bias(gate_up_biases.as_ref()),
                gelu,
                clamped,
            ],
            buffers: &buffers,
            params: KernelParams {
                rows: self.settings.feed as u32,
                groups: gate_up.groups() as u32,
                blocks: used,
                stride: (groups(self.settings.feed) * WORDS) as u32,
                ..self.base
            },
            grid: Grid::Experts((self.settings.feed / ROWS) as u32, used),
            bytes: weights.token_bytes(gate_up),
        })
    }

    /// What the chosen give, weighed and added up.
    fn given(&self, weights: &ExpertWeights) -> KernelStep {
        let Rooms { residual, feed, chosen, .. } = &self.rooms;
        let ExpertWeights { down, down_biases, .. } = weights;
        let mut buffers = vec![(0, &down.buffer), (1, &feed.integers), (2, &feed.scales)];
        buffers.extend([(6, residual), (18, chosen)]);
        buffers.extend(down_biases.as_ref().map(|biases| (13, biases)));
        let pooled = weights.used * down.groups();
        self.step(Kernel {
            name: "experts' down",
            entry: "expert_down",
            constants: &[
                ("KIND", down.kind as u32 as f64),
                ("T", f64::from(self.threads(pooled))),
                ("POOL", (pooled * ROWS) as f64),
                bias(down_biases.as_ref()),
            ],
            buffers: &buffers,
            params: KernelParams { groups: down.groups() as u32, blocks: weights.used as u32, ..self.base },
            grid: Grid::Heads((self.settings.width / ROWS) as u32),
            bytes: weights.token_bytes(down),
        })
    }
}

/// What says whether there is a bias.
fn bias(biases: Option<&wgpu::Buffer>) -> (&'static str, f64) {
    ("BIAS", f64::from(u8::from(biases.is_some())))
}
