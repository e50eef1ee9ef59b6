//! The families of models, and in what each differs from the one skeleton.
//!
//! **Invariant:** a family is a row of this table. The forward pass never asks which family it runs.

use crate::arithmetic::Pairs;

/// A family of models, by the name that files give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Llama, SmolLM2, Mistral.
    Llama,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3 without experts.
    Qwen3,
    /// Qwen 3 with experts.
    Qwen3Moe,
    /// OpenAI's open models.
    GptOss,
    /// Gemma 3, its text part.
    Gemma3,
    /// Phi 3 and 4.
    Phi3,
}

/// Whether a model has a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Where it is there, the model is another than was meant.
    Never,
    /// The file decides.
    May,
    /// Without it there is no model.
    Must,
}

/// What the gate of a feed-forward layer passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x / (1 + e⁻ˣ).
    Silu,
    /// GELU, from tanh.
    Gelu,
    /// x / (1 + e^(−1.702 x)) of what is held below 7; what passes is held within 7, and one is added to it.
    Clamped,
}

/// What a family's models have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traits {
    /// How heads are turned.
    pub pairs: Pairs,
    /// What the gate passes through.
    pub gate: Activation,
    /// Biases of queries, keys and values.
    pub biases: Presence,
    /// A bias behind the attention's output.
    pub output_bias: Presence,
    /// Norms of each query's and each key's head.
    pub head_norms: Presence,
    /// Norms of what attention and feed-forward give, before it is added.
    pub post_norms: Presence,
    /// A router and experts instead of one feed-forward part.
    pub experts: bool,
    /// A score of each head that takes its share of the weight and gives nothing.
    pub sinks: Presence,
    /// What files call the norm before the feed-forward part.
    pub feed_norm: &'static str,
    /// One matrix for queries, keys and values, and one for gate and up.
    pub fused: bool,
    /// Whether embeddings are multiplied by the root of the width.
    pub scaled_embeddings: bool,
    /// Every how many layers one sees all positions; the others see a window. 1: what the file says holds for all.
    pub window_period: usize,
    /// The base of the rotation in layers that see a window, where the file says nothing.
    pub window_base: Option<f64>,
    /// Whether frequencies are divided by one of two tables, for short or for long contexts.
    pub longrope: bool,
}

impl Family {
    /// Every family that is known.
    pub const ALL: [Self; 7] =
        [Self::Llama, Self::Qwen2, Self::Qwen3, Self::Qwen3Moe, Self::GptOss, Self::Gemma3, Self::Phi3];

    /// The name that files give it, and that their keys begin with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Qwen3Moe => "qwen3moe",
            Self::GptOss => "gpt-oss",
            Self::Gemma3 => "gemma3",
            Self::Phi3 => "phi3",
        }
    }

    /// The family of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    /// The names of all that are known, in one line.
    #[must_use]
    pub fn known() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// What its models have in common.
    #[must_use]
    pub const fn traits(self) -> Traits {
        let plain = Traits {
            pairs: Pairs::Halves,
            gate: Activation::Silu,
            biases: Presence::Never,
            output_bias: Presence::Never,
            head_norms: Presence::Never,
            post_norms: Presence::Never,
            experts: false,
            sinks: Presence::Never,
            feed_norm: "ffn_norm.weight",
            fused: false,
            scaled_embeddings: false,
            window_period: 1,
            window_base: None,
            longrope: false,
        };
        match self {
            Self::Llama => Traits {
                pairs: Pairs::Neighbours,
                biases: Presence::May,
                output_bias: Presence::May,
                ..plain
            },
            Self::Qwen2 => Traits { biases: Presence::May, output_bias: Presence::May, ..plain },
            Self::Qwen3 => Traits { head_norms: Presence::Must, biases: Presence::May, ..plain },
            Self::Qwen3Moe => {
                Traits { head_norms: Presence::Must, biases: Presence::May, experts: true, ..plain }
            }
            Self::GptOss => Traits {
                gate: Activation::Clamped,
                biases: Presence::May,
                output_bias: Presence::May,
                experts: true,
                sinks: Presence::Must,
                feed_norm: "post_attention_norm.weight",
                window_period: 2,
                ..plain
            },
            Self::Gemma3 => Traits {
                gate: Activation::Gelu,
                head_norms: Presence::Must,
                post_norms: Presence::Must,
                scaled_embeddings: true,
                window_period: 6,
                window_base: Some(10_000.0),
                ..plain
            },
            Self::Phi3 => Traits {
                fused: true,
                biases: Presence::May,
                output_bias: Presence::May,
                longrope: true,
                ..plain
            },
        }
    }
}
