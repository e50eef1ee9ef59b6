//! Small models of random weights, of every family, written as files.
//!
//! **Invariant:** a model is its name and its seed: the same bytes on every machine, with logits that spread by two or
//! more, so that a wrong bit on the way shows in the rows.

use std::sync::Arc;

use Format::{F16, F32, Iq4Nl, Mxfp4, Q4_0, Q4_1, Q4K, Q5_0, Q6K, Q8_0};
use assay_engine::{
    gguf::{Format, Gguf, Writer},
    model::{Choices, Model},
    pack::Pack,
};

/// Random words from a seed.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ word >> 31
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }

    /// From −1 to 1, by steps that f32 holds.
    fn signed(&mut self) -> f32 {
        (self.word() >> 40) as f32 / 8_388_608.0 - 1.0
    }

    /// Tokens of a vocabulary.
    pub(crate) fn tokens(&mut self, count: usize, vocabulary: usize) -> Vec<u32> {
        (0..count).map(|_| self.below(vocabulary) as u32).collect()
    }
}

/// What a file says beside its tensors.
#[derive(Clone)]
pub(crate) enum Key {
    Whole(u32),
    Real(f32),
    Text(&'static str),
}

/// A model to be written.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) family: &'static str,
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) key_heads: usize,
    pub(crate) head_width: usize,
    pub(crate) feed: usize,
    pub(crate) vocabulary: usize,
    pub(crate) keys: Vec<(&'static str, Key)>,
    /// Formats of matrices, taken in turn.
    pub(crate) formats: Vec<Format>,
    pub(crate) tied: bool,
    pub(crate) biases: bool,
    pub(crate) head_norms: bool,
    pub(crate) post_norms: bool,
    pub(crate) fused: bool,
    /// Sinks, and what else its family alone has.
    pub(crate) oss: bool,
    /// How many experts, if there are some.
    pub(crate) experts: Option<usize>,
    /// How many tokens the vocabulary lists, if there is one.
    pub(crate) listed: Option<usize>,
    /// Tensors of divisors of frequencies.
    pub(crate) factors: &'static [&'static str],
}

pub(crate) const CONTEXT: usize = 1024;

/// Name, how it is written, lengths.
type Tensor = (String, Format, Vec<usize>);

/// Tensors in the order of a file. Matrices take the formats in turn, as far as their rows are whole blocks.
struct Tensors {
    formats: Vec<Format>,
    turn: usize,
    list: Vec<Tensor>,
}

impl Tensors {
    fn next_format(&mut self, columns: usize) -> Format {
        loop {
            let format = self.formats[self.turn % self.formats.len()];
            self.turn += 1;
            if columns.is_multiple_of(format.block_values()) {
                return format;
            }
        }
    }

    fn matrix(&mut self, name: &str, columns: usize, rows: usize) {
        let format = self.next_format(columns);
        self.list.push((name.to_owned(), format, vec![columns, rows]));
    }

    fn matrices(&mut self, name: &str, columns: usize, rows: usize, count: usize) {
        let format = self.next_format(columns);
        self.list.push((name.to_owned(), format, vec![columns, rows, count]));
    }

    fn numbers(&mut self, name: &str, columns: usize, rows: usize) {
        self.list.push((name.to_owned(), Format::F32, vec![columns, rows]));
    }

    fn vector(&mut self, name: &str, count: usize) {
        self.list.push((name.to_owned(), Format::F32, vec![count]));
    }
}

impl Shape {
    fn plain(name: &'static str, family: &'static str) -> Self {
        Self {
            name,
            family,
            width: 64,
            layers: 2,
            heads: 4,
            key_heads: 2,
            head_width: 16,
            feed: 96,
            vocabulary: 203,
            keys: Vec::new(),
            formats: vec![Format::Q8_0, Format::Q4_0, Format::Q4_1],
            tied: false,
            biases: false,
            head_norms: false,
            post_norms: false,
            fused: false,
            oss: false,
            experts: None,
            listed: None,
            factors: &[],
        }
    }

    fn with(mut self, key: &'static str, value: Key) -> Self {
        self.keys.push((key, value));
        self
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.family)
    }

    /// Its tensors, with how each is written.
    fn tensors(&self) -> Vec<Tensor> {
        let mut all = Tensors { formats: self.formats.clone(), turn: 0, list: Vec::new() };
        all.matrix("token_embd.weight", self.width, self.vocabulary);
        for factors in self.factors {
            all.vector(factors, self.head_width / 2);
        }
        for layer in 0..self.layers {
            let name = |part: &str| format!("blk.{layer}.{part}");
            self.attention(&mut all, name);
            match self.experts {
                Some(experts) => self.experts(&mut all, experts, name),
                None => self.feed(&mut all, name),
            }
        }
        all.vector("output_norm.weight", self.width);
        if !self.tied {
            all.matrix("output.weight", self.width, self.vocabulary);
        }
        all.list
    }

    fn attention(&self, all: &mut Tensors, name: impl Fn(&str) -> String) {
        let (queries, keys) = (self.heads * self.head_width, self.key_heads * self.head_width);
        all.vector(&name("attn_norm.weight"), self.width);
        let projections: &[(&str, usize)] = match self.fused {
            true => &[("attn_qkv", queries + 2 * keys)],
            false => &[("attn_q", queries), ("attn_k", keys), ("attn_v", keys)],
        };
        for (part, rows) in projections {
            all.matrix(&name(&format!("{part}.weight")), self.width, *rows);
            if self.biases {
                all.vector(&name(&format!("{part}.bias")), *rows);
            }
        }
        if self.head_norms {
            all.vector(&name("attn_q_norm.weight"), self.head_width);
            all.vector(&name("attn_k_norm.weight"), self.head_width);
        }
        all.matrix(&name("attn_output.weight"), queries, self.width);
        if self.oss {
            all.vector(&name("attn_output.bias"), self.width);
            all.vector(&name("attn_sinks.weight"), self.heads);
        }
        if self.post_norms {
            all.vector(&name("post_attention_norm.weight"), self.width);
            all.vector(&name("post_ffw_norm.weight"), self.width);
        }
        let feed_norm = if self.oss { "post_attention_norm.weight" } else { "ffn_norm.weight" };
        all.vector(&name(feed_norm), self.width);
    }

    fn experts(&self, all: &mut Tensors, experts: usize, name: impl Fn(&str) -> String) {
        let (width, feed) = (self.width, self.feed);
        all.numbers(&name("ffn_gate_inp.weight"), width, experts);
        for (part, columns, rows) in [("gate", width, feed), ("up", width, feed), ("down", feed, width)] {
            all.matrices(&name(&format!("ffn_{part}_exps.weight")), columns, rows, experts);
            if self.oss {
                all.numbers(&name(&format!("ffn_{part}_exps.bias")), rows, experts);
            }
        }
        if self.oss {
            all.vector(&name("ffn_gate_inp.bias"), experts);
        }
    }

    fn feed(&self, all: &mut Tensors, name: impl Fn(&str) -> String) {
        let (width, feed) = (self.width, self.feed);
        if self.fused {
            all.matrix(&name("ffn_up.weight"), width, 2 * feed);
        } else {
            all.matrix(&name("ffn_gate.weight"), width, feed);
            all.matrix(&name("ffn_up.weight"), width, feed);
        }
        all.matrix(&name("ffn_down.weight"), feed, width);
    }

    /// The file.
    pub(crate) fn file(&self, seed: u64) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.key("general.architecture", self.family);
        for (key, number) in [
            ("embedding_length", self.width),
            ("block_count", self.layers),
            ("attention.head_count", self.heads),
            ("attention.head_count_kv", self.key_heads),
            ("attention.key_length", self.head_width),
            ("attention.value_length", self.head_width),
            ("feed_forward_length", self.feed),
            ("expert_feed_forward_length", self.feed),
            ("expert_count", self.experts.unwrap_or(0)),
            ("context_length", CONTEXT),
            ("vocab_size", self.vocabulary),
        ] {
            writer.key(&self.key(key), number as u32);
        }
        writer.key(&self.key("attention.layer_norm_rms_epsilon"), 1e-5_f32);
        for (key, value) in &self.keys {
            let name = self.key(key);
            match value {
                Key::Whole(number) => writer.key(&name, *number),
                Key::Real(number) => writer.key(&name, *number),
                Key::Text(text) => writer.key(&name, *text),
            };
        }
        if let Some(count) = self.listed {
            let tokens: Vec<String> = (0..count).map(|token| format!("<{token}>")).collect();
            writer.key("tokenizer.ggml.tokens", tokens);
        }
        let tensors = self.tensors();
        for (name, format, lengths) in &tensors {
            writer.tensor(name, *format, lengths).expect("a shape that its format has");
        }
        let mut chance = Chance::new(seed);
        let mut rest = tensors.iter();
        writer.to_bytes(|name, bytes| {
            let (_, format, lengths) = rest.next().expect("a tensor for each that is filled");
            match lengths.len() {
                1 => numbers(&mut chance, name, bytes),
                _ if name.contains("gate_inp") || name.ends_with("bias") => numbers(&mut chance, name, bytes),
                _ => blocks(&mut chance, *format, spread(name) / (lengths[0] as f32).sqrt(), bytes),
            }
        })
    }

    /// The model.
    pub(crate) fn model(&self, seed: u64) -> Arc<Model> {
        let bytes = self.file(seed);
        let file = Gguf::parse(&bytes).expect("a file");
        let pack = Pack::of_file(&file, [7; 32]).expect("a model");
        Arc::new(Model::load(&pack, Choices::default()).expect("a pack"))
    }
}

/// How much the product of a matrix with normed activations spreads.
fn spread(name: &str) -> f32 {
    match name {
        "token_embd.weight" | "output.weight" => 4.0,
        _ if name.contains("attn_q") || name.contains("attn_k") => 1.5,
        _ => 1.0,
    }
}

fn numbers(chance: &mut Chance, name: &str, bytes: &mut [u8]) {
    for out in bytes.as_chunks_mut::<4>().0 {
        let number = match name {
            _ if name.starts_with("rope") => 2.0 + chance.signed(),
            _ if name.contains("gate_inp") => 0.3 * chance.signed(),
            _ if name.contains("sinks") => 2.0 * chance.signed(),
            _ if name.ends_with("bias") => 0.5 * chance.signed(),
            _ => 1.0 + 0.5 * chance.signed(),
        };
        *out = number.to_le_bytes();
    }
}

/// The nearest f16, and zero for what would be subnormal.
fn half(number: f32) -> [u8; 2] {
    let bits = number.abs().to_bits();
    let rounded = ((bits + 0xFFF + (bits >> 13 & 1)) >> 13).saturating_sub(112 << 10);
    let rounded = if rounded < 0x400 { 0 } else { rounded };
    (rounded as u16 | (number.to_bits() >> 16) as u16 & 0x8000).to_le_bytes()
}

/// Blocks of random codes, with scales that make their weights spread as wanted.
fn blocks(chance: &mut Chance, format: Format, spread: f32, bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        for byte in &mut *block {
            *byte = (chance.word() >> 24) as u8;
        }
        let vary = 1.0 + 0.3 * chance.signed();
        // Of codes of four bits, the spread is 4.6 of their steps; of bytes, 74; of five and six bits, 9.2 and 18.5.
        let put = |block: &mut [u8], at: usize, number: f32| block[at..at + 2].copy_from_slice(&half(number));
        match format {
            Format::Q8_0 => put(block, 0, spread * vary / 74.0),
            Format::Q4_0 | Format::Iq4Nl => put(block, 0, spread * vary / 4.6),
            Format::Q4_1 => {
                put(block, 0, spread * vary / 4.6);
                put(block, 2, spread * vary / 4.6 * -7.5);
            }
            Format::Q5_0 => put(block, 0, spread * vary / 9.2),
            Format::Q4K => {
                put(block, 0, spread * vary / (4.6 * 36.0));
                put(block, 2, spread * vary * 7.5 / (4.6 * 36.0));
            }
            Format::Q6K => put(block, 208, spread * vary / (18.5 * 74.0)),
            Format::F16 => block.copy_from_slice(&half(1.7 * spread * (chance.signed() + 1e-3))),
            Format::F32 => block.copy_from_slice(&(1.7 * spread * chance.signed()).to_le_bytes()),
            // Of codes of four-bit floats, twice which are meant, the spread is six.
            Format::Mxfp4 => block[0] = (128.0 + (spread * vary / 6.0).log2()).round() as u8,
            Format::Bf16 | Format::Q5_1 | Format::Q2K | Format::Q3K | Format::Q5K | Format::Iq4Xs => {
                panic!("no random blocks of {}", format.name())
            }
        }
    }
}

/// Two models of each family, that together have every setting.
pub(crate) fn all() -> Vec<Shape> {
    [llamas(), qwens(), of_experts(), gemmas(), phis()].concat()
}

fn llamas() -> Vec<Shape> {
    vec![
        Shape { tied: true, ..Shape::plain("llama", "llama") },
        Shape {
            heads: 6,
            head_width: 80,
            biases: true,
            factors: &["rope_freqs.weight"],
            formats: vec![Q5_0, F16, Q8_0],
            ..Shape::plain("llama with divisors", "llama")
        }
        .with("rope.freq_base", Key::Real(500_000.0)),
        // Small enough to be shipped, with every kind of product: by it a machine shows that it has the arithmetic.
        Shape {
            width: 256,
            feed: 64,
            vocabulary: 64,
            formats: vec![Q4K, Q6K, Q5_0, Q4_1, Iq4Nl, Q4_0, Q8_0, F16, Mxfp4],
            ..Shape::plain("probe", "llama")
        },
    ]
}

fn qwens() -> Vec<Shape> {
    vec![
        Shape {
            biases: true,
            tied: true,
            head_width: 64,
            heads: 7,
            key_heads: 1,
            ..Shape::plain("qwen2", "qwen2")
        }
        .with("rope.freq_base", Key::Real(1e6)),
        Shape { biases: true, formats: vec![Q4_1, Iq4Nl], ..Shape::plain("qwen2 with yarn", "qwen2") }
            .with("rope.scaling.type", Key::Text("yarn"))
            .with("rope.scaling.factor", Key::Real(4.0))
            .with("rope.scaling.original_context_length", Key::Whole(256)),
        Shape { head_norms: true, head_width: 128, key_heads: 1, ..Shape::plain("qwen3", "qwen3") }
            .with("rope.freq_base", Key::Real(1e6)),
        Shape {
            head_norms: true,
            width: 256,
            feed: 256,
            vocabulary: 64,
            heads: 4,
            head_width: 64,
            formats: vec![Q4K, Q6K],
            ..Shape::plain("qwen3 of super-blocks", "qwen3")
        },
    ]
}

fn of_experts() -> Vec<Shape> {
    vec![
        Shape { head_norms: true, experts: Some(8), ..Shape::plain("qwen3moe", "qwen3moe") }
            .with("expert_used_count", Key::Whole(2)),
        Shape {
            head_norms: true,
            experts: Some(5),
            formats: vec![Q4_1, Q5_0],
            ..Shape::plain("qwen3moe, most experts used", "qwen3moe")
        }
        .with("expert_used_count", Key::Whole(4)),
        Shape {
            biases: true,
            oss: true,
            experts: Some(6),
            layers: 3,
            formats: vec![Q8_0, Mxfp4],
            ..Shape::plain("gpt-oss", "gpt-oss")
        }
        .with("expert_used_count", Key::Whole(4))
        .with("attention.sliding_window", Key::Whole(128))
        .with("rope.scaling.type", Key::Text("yarn"))
        .with("rope.scaling.factor", Key::Real(32.0))
        .with("rope.scaling.original_context_length", Key::Whole(64)),
        Shape {
            oss: true,
            experts: Some(3),
            head_width: 64,
            heads: 8,
            key_heads: 1,
            formats: vec![Mxfp4],
            ..Shape::plain("gpt-oss without biases of queries", "gpt-oss")
        }
        .with("expert_used_count", Key::Whole(1))
        .with("attention.sliding_window", Key::Whole(300)),
    ]
}

fn gemmas() -> Vec<Shape> {
    vec![
        Shape { layers: 7, ..gemma("gemma3") }
            .with("attention.sliding_window", Key::Whole(100))
            .with("rope.scaling.type", Key::Text("linear"))
            .with("rope.scaling.factor", Key::Real(8.0))
            .with("rope.freq_base", Key::Real(1e6)),
        Shape { layers: 2, head_width: 256, formats: vec![F32, Q4_0], ..gemma("gemma3 with caps") }
            .with("attention.sliding_window", Key::Whole(256))
            .with("attention.sliding_window_pattern", Key::Whole(2))
            .with("attn_logit_softcapping", Key::Real(5.0))
            .with("final_logit_softcapping", Key::Real(30.0)),
    ]
}

fn phis() -> Vec<Shape> {
    vec![
        Shape { fused: true, head_width: 96, key_heads: 4, ..Shape::plain("phi3", "phi3") }
            .with("attention.sliding_window", Key::Whole(200)),
        Shape {
            fused: true,
            factors: &["rope_factors_long.weight", "rope_factors_short.weight"],
            head_width: 32,
            ..Shape::plain("phi3 of two tables", "phi3")
        }
        .with("rope.scaling.attn_factor", Key::Real(1.19)),
    ]
}

/// The model of a name.
pub(crate) fn named(name: &str) -> Shape {
    all().into_iter().find(|shape| shape.name == name).expect("a model of this name")
}

fn gemma(name: &'static str) -> Shape {
    Shape { head_norms: true, post_norms: true, tied: true, key_heads: 1, ..Shape::plain(name, "gemma3") }
}
