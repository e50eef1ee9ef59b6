//! A model with a vocabulary as large as those in use: the shipped one, with more tokens that it knows nothing of.
//!
//! **Invariant:** the same bytes on every machine.

use std::{collections::BTreeSet, fs, path::PathBuf};

use assay_engine::gguf::{Gguf, Texts, Writer};

/// Tokens of the vocabulary.
pub(crate) const TOKENS: usize = 150_000;

const EMBEDDING: &str = "token_embd.weight";
/// Bytes of a block of its weights: a scale, and 32 codes.
const BLOCK_BYTES: usize = 34;
const SCALE_BYTES: usize = 2;
/// How such vocabularies write a space.
const SPACE: &str = "\u{120}";
/// Letters that words are made of.
const LETTERS: &[u8] = b"etaoinshrdlcumwfgypbvkjxqz";
/// What JSON is written with, as vocabularies have it.
const MARKS: [&str; 11] = ["\"", "{\"", "\":", "\": ", "\",", "\", \"", "\"}", "},", "]}", "[\"", ", "];

/// Marks, numbers up to three digits, and words with a space before them or none.
fn words() -> impl Iterator<Item = Vec<u8>> {
    let marks = MARKS.iter().map(|mark| mark.replace(' ', SPACE).into_bytes());
    let numbers = (0..1_000).map(|number: u32| number.to_string().into_bytes());
    let words = (0_usize..).map(|number| {
        let mut word = if number % 2 == 0 { SPACE.as_bytes().to_vec() } else { Vec::new() };
        let mut rest = number / 2;
        loop {
            word.push(LETTERS[rest % LETTERS.len()]);
            rest /= LETTERS.len();
            if rest == 0 {
                return word;
            }
        }
    });
    marks.chain(numbers).chain(words)
}

/// Weights of as little meaning as there is, at one scale.
fn fill(blocks: &mut [u8], scale: &[u8]) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for block in blocks.chunks_exact_mut(BLOCK_BYTES) {
        let (own, codes) = block.split_at_mut(SCALE_BYTES);
        own.copy_from_slice(scale);
        for code in codes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *code = state.to_le_bytes()[3];
        }
    }
}

/// The bytes of its file.
pub(crate) fn model() -> Vec<u8> {
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/sums/sums.gguf");
    let shipped = fs::read(shipped).expect("the shipped model is there");
    let file = Gguf::parse(&shipped).expect("it is a model");
    let known: Texts<'_> = file.need("tokenizer.ggml.tokens").expect("it has tokens");
    let mut texts: Vec<Vec<u8>> = known.iter().map(<[u8]>::to_vec).collect();
    let mut seen: BTreeSet<Vec<u8>> = texts.iter().cloned().collect();
    let lacking = TOKENS - texts.len();
    texts.extend(words().filter(|word| seen.insert(word.clone())).take(lacking));
    let mut types: Vec<i32> = file.need("tokenizer.ggml.token_type").expect("they are of types");
    types.resize(TOKENS, 1);
    let merges: Texts<'_> = file.need("tokenizer.ggml.merges").expect("they are merged");

    let mut writer = Writer::new();
    writer.key("general.architecture", "llama");
    for name in [
        "context_length",
        "embedding_length",
        "block_count",
        "feed_forward_length",
        "attention.head_count",
        "attention.head_count_kv",
        "rope.dimension_count",
    ] {
        let name = format!("llama.{name}");
        let value: u32 = file.need(&name).expect("it says its shape");
        writer.key(&name, value);
    }
    for name in ["llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base"] {
        let value: f32 = file.need(name).expect("it says its shape");
        writer.key(name, value);
    }
    for name in ["tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"] {
        let value: u32 = file.need(name).expect("it has ends");
        writer.key(name, value);
    }
    writer.key("tokenizer.ggml.model", "gpt2").key("tokenizer.ggml.pre", "gpt-2");
    writer.key("tokenizer.ggml.add_bos_token", true).key("tokenizer.ggml.token_type", types);
    writer.key("tokenizer.ggml.tokens", texts.iter().map(Vec::as_slice).collect::<Vec<&[u8]>>());
    writer.key("tokenizer.ggml.merges", merges.iter().collect::<Vec<&[u8]>>());
    for tensor in file.tensors() {
        let wide = [tensor.row_length(), TOKENS];
        let lengths = if tensor.name == EMBEDDING { &wide[..] } else { tensor.lengths() };
        writer.tensor(tensor.name, tensor.tensor_type, lengths).expect("such tensors are");
    }
    writer.to_bytes(|name, bytes| {
        let tensor = file.tensor(name).expect("it is one of them");
        let (own, more) = bytes.split_at_mut(tensor.bytes.len());
        own.copy_from_slice(tensor.bytes);
        fill(more, &tensor.bytes[..SCALE_BYTES]);
    })
}
