//! The weights of one layer.
//!
//! **Invariant:** every shape fits the settings, every number has passed a door.

use super::{
    Choices, ModelError,
    experts::Experts,
    family::Presence,
    plan::{self, in_layer},
    scaling,
    settings::{ModelSettings, Routing},
};
use crate::{
    cpu::{Cpu, Product},
    matrix::Matrix,
    pack::Pack,
    quantized::Quantized,
};

/// The weights of a norm.
pub type Norm = Vec<f32>;

/// A matrix, and what is added behind it.
#[derive(Debug)]
pub struct Projection {
    /// The matrix.
    pub matrix: Matrix,
    /// What is added to its product.
    pub bias: Option<Vec<f32>>,
}

impl Projection {
    /// Products of the same activations, and what is added behind them.
    pub(super) fn run<const N: usize>(cpu: &Cpu, x: &Quantized, mut all: [(&Self, &mut [f32]); N]) {
        let mut products =
            all.each_mut().map(|(projection, out)| Product { weights: &projection.matrix, out });
        cpu.matmul(x, &mut products);
        for (projection, out) in all {
            if let Some(bias) = &projection.bias {
                cpu.bias(out, bias);
            }
        }
    }
}

/// One feed-forward part.
#[derive(Debug)]
pub struct Dense {
    /// What decides how much passes.
    pub gate: Projection,
    /// What passes.
    pub up: Projection,
    /// Back to the width.
    pub down: Projection,
}

/// The feed-forward part of a layer.
#[derive(Debug)]
pub enum FeedForward {
    /// The same for all tokens.
    Dense(Dense),
    /// Some of many.
    Experts(Experts),
}

/// One layer.
#[derive(Debug)]
pub struct Layer {
    /// Before attention.
    pub attention_norm: Norm,
    /// Gives queries.
    pub query: Projection,
    /// Gives keys.
    pub key: Projection,
    /// Gives values.
    pub value: Projection,
    /// Of each head of queries.
    pub query_norm: Option<Norm>,
    /// Of each head of keys.
    pub key_norm: Option<Norm>,
    /// Of each head of queries: a score that takes its share of the weight and gives nothing.
    pub sinks: Option<Vec<f32>>,
    /// Behind attention.
    pub output: Projection,
    /// Of what attention gives.
    pub post_attention_norm: Option<Norm>,
    /// Before the feed-forward part.
    pub feed_norm: Norm,
    /// The feed-forward part.
    pub feed: FeedForward,
    /// Of what the feed-forward part gives.
    pub post_feed_norm: Option<Norm>,
}

impl Layer {
    pub(super) fn load(pack: &Pack, settings: &ModelSettings, number: usize) -> Result<Self, ModelError> {
        let parts = Fields { pack, number };
        let width = settings.width;
        let (queries, keys) = (settings.query_width(), settings.key_width());
        let traits = settings.family.traits();
        let [query, key, value] = parts.attention(traits.fused, width, queries, keys)?;
        let post_attention_norm = match traits.post_norms {
            Presence::Never => None,
            Presence::May | Presence::Must => parts.find("post_attention_norm.weight", width)?,
        };
        Ok(Self {
            attention_norm: parts.norm("attn_norm.weight", width)?,
            query,
            key,
            value,
            query_norm: parts.find("attn_q_norm.weight", settings.head_width)?,
            key_norm: parts.find("attn_k_norm.weight", settings.head_width)?,
            output: Projection {
                matrix: parts.matrix("attn_output.weight", width, queries)?,
                bias: parts.find("attn_output.bias", width)?,
            },
            sinks: parts.find("attn_sinks.weight", settings.heads)?,
            post_attention_norm,
            feed_norm: parts.norm(traits.feed_norm, width)?,
            feed: parts.feed(settings)?,
            post_feed_norm: parts.find("post_ffw_norm.weight", width)?,
        })
    }
}

/// The parts of one layer.
struct Fields<'a> {
    pack: &'a Pack,
    number: usize,
}

impl Fields<'_> {
    fn norm(&self, name: &str, count: usize) -> Result<Norm, ModelError> {
        self.pack.vector(&in_layer(self.number, name), count)
    }

    fn find(&self, name: &str, count: usize) -> Result<Option<Vec<f32>>, ModelError> {
        let name = in_layer(self.number, name);
        self.pack.has(&name).then(|| self.pack.vector(&name, count)).transpose()
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, ModelError> {
        self.pack.matrix(&in_layer(self.number, name), rows, columns)
    }

    fn rows(
        &self,
        name: &str,
        all: usize,
        columns: usize,
        from: usize,
        rows: usize,
    ) -> Result<Matrix, ModelError> {
        self.pack.matrix_rows(&in_layer(self.number, name), all, columns, from, rows)
    }

    fn feed(&self, settings: &ModelSettings) -> Result<FeedForward, ModelError> {
        let (width, feed) = (settings.width, settings.feed);
        let (gate, up, down) = ("ffn_gate.weight", "ffn_up.weight", "ffn_down.weight");
        if let Some(Routing { experts, used }) = settings.routing {
            let biases = [
                self.find("ffn_gate_exps.bias", experts * feed)?,
                self.find("ffn_up_exps.bias", experts * feed)?,
                self.find("ffn_down_exps.bias", experts * width)?,
            ];
            let one = |expert| -> Result<Dense, ModelError> {
                let part = |name, rows, columns, bias: &Option<Vec<f32>>| -> Result<Projection, ModelError> {
                    let matrix = self.rows(name, experts * rows, columns, expert * rows, rows)?;
                    let bias = bias.as_ref().map(|all| all[expert * rows..][..rows].to_vec());
                    Ok(Projection { matrix, bias })
                };
                Ok(Dense {
                    gate: part("ffn_gate_exps.weight", feed, width, &biases[0])?,
                    up: part("ffn_up_exps.weight", feed, width, &biases[1])?,
                    down: part("ffn_down_exps.weight", width, feed, &biases[2])?,
                })
            };
            return Ok(FeedForward::Experts(Experts {
                router: self.norm("ffn_gate_inp.weight", experts * width)?,
                router_bias: self.find("ffn_gate_inp.bias", experts)?,
                experts: (0..experts).map(one).collect::<Result<_, _>>()?,
                used,
            }));
        }
        let (gate, up) = match settings.family.traits().fused {
            true => (self.rows(up, 2 * feed, width, 0, feed)?, self.rows(up, 2 * feed, width, feed, feed)?),
            false => (self.matrix(gate, feed, width)?, self.matrix(up, feed, width)?),
        };
        let [gate, up, down] =
            [gate, up, self.matrix(down, width, feed)?].map(|matrix| Projection { matrix, bias: None });
        Ok(FeedForward::Dense(Dense { gate, up, down }))
    }

    /// Queries, keys and values, which some families have as one matrix.
    fn attention(
        &self,
        fused: bool,
        width: usize,
        queries: usize,
        keys: usize,
    ) -> Result<[Projection; 3], ModelError> {
        if !fused {
            let one = |weights, bias, rows| -> Result<Projection, ModelError> {
                Ok(Projection { matrix: self.matrix(weights, rows, width)?, bias: self.find(bias, rows)? })
            };
            return Ok([
                one("attn_q.weight", "attn_q.bias", queries)?,
                one("attn_k.weight", "attn_k.bias", keys)?,
                one("attn_v.weight", "attn_v.bias", keys)?,
            ]);
        }
        let all = queries + 2 * keys;
        let biases = self.find("attn_qkv.bias", all)?;
        let one = |from, rows| -> Result<Projection, ModelError> {
            let bias = biases.as_ref().map(|biases| biases[from..from + rows].to_vec());
            Ok(Projection { matrix: self.rows("attn_qkv.weight", all, width, from, rows)?, bias })
        };
        Ok([one(0, queries)?, one(queries, keys)?, one(queries + keys, keys)?])
    }
}

/// Divides the frequencies by what a tensor says, where there is one.
pub(super) fn divide(settings: &mut ModelSettings, pack: &Pack, choices: Choices) -> Result<(), ModelError> {
    let name = match (settings.family.traits().longrope, choices.long) {
        (false, _) => plan::FACTORS,
        (true, true) => plan::FACTORS_LONG,
        (true, false) => plan::FACTORS_SHORT,
    };
    if !pack.has(name) {
        return Ok(());
    }
    let factors = pack.vector(name, settings.rotary.pairs())?;
    if factors.iter().any(|factor| !scaling::FACTORS.contains(&f64::from(*factor))) {
        return Err(ModelError::Factor { tensor: name.to_owned() });
    }
    settings.rotary = settings.rotary.clone().slowed_each(&factors);
    Ok(())
}
