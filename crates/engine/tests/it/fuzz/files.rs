//! Bytes from strangers, read as model files: whatever is accepted lies within the file and is what its shape says.

use std::sync::LazyLock;

use assay_engine::{
    gguf::{Format, Gguf, GgufError, Texts, Writer},
    vocabulary::Vocabulary,
};

use super::dice::{self, Dice};

/// A file with a key of every type and a tensor of every type.
pub(crate) fn sample() -> Result<Vec<u8>, GgufError> {
    let mut writer = Writer::new();
    writer.key("general.architecture", "llama").key("general.alignment", 32_u32);
    writer.key("numbers.u8", u8::MAX).key("numbers.i8", i8::MIN).key("numbers.u16", u16::MAX);
    writer.key("numbers.i16", i16::MIN).key("numbers.u32", u32::MAX).key("numbers.i32", i32::MIN);
    writer.key("numbers.u64", u64::MAX).key("numbers.i64", i64::MIN);
    writer.key("numbers.f32", 1e-6_f32).key("numbers.f64", 1e-6_f64).key("flag", true);
    writer.key("lists.u32", vec![1_u32, 2, 3]).key("lists.f32", vec![0.5_f32, -1.0]);
    writer.key("lists.flags", vec![true, false]).key("lists.none", Vec::<i32>::new());
    writer.key("tokenizer.ggml.model", "gpt2").key("tokenizer.ggml.pre", "qwen2");
    writer.key("tokenizer.ggml.tokens", vec!["a", "b", "c", "ab", "abc", "<end>"]);
    writer.key("tokenizer.ggml.token_type", vec![1_i32, 1, 1, 1, 1, 3]);
    writer.key("tokenizer.ggml.merges", vec!["a b", "ab c"]).key("tokenizer.ggml.eos_token_id", 5_u32);
    for tensor_type in Format::ALL {
        let lengths = [tensor_type.block_values() * 2, 3];
        writer.tensor(&format!("tensors.{}", tensor_type.name()), tensor_type, &lengths)?;
    }
    Ok(writer.to_bytes(|_, bytes| (0_usize..).zip(bytes).for_each(|(number, byte)| *byte = number as u8)))
}

static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(|| sample().unwrap_or_default());

/// Reads a sample that is damaged as these bytes say: before its tensors, and now and then cut short.
pub(crate) fn target(bytes: &[u8]) {
    read(bytes);
    let mut dice = Dice::new(bytes);
    let mut damaged = SAMPLE.clone();
    for _ in 0..=dice.below(3) {
        let at = dice.below(damaged.len().max(1));
        match dice.below(4) {
            0 => dice::damage(&mut damaged, &mut dice),
            1 => damaged.truncate(at),
            // A length, a count or an offset is eight bytes.
            2 => overwrite(&mut damaged, at, &dice.number().to_le_bytes()),
            _ => overwrite(&mut damaged, at, &(dice.number() as u32).to_le_bytes()),
        }
    }
    read(&damaged);
}

fn overwrite(bytes: &mut [u8], at: usize, by: &[u8]) {
    bytes.iter_mut().skip(at).zip(by).for_each(|(to, from)| *to = *from);
}

fn read(bytes: &[u8]) {
    let Ok(gguf) = Gguf::parse(bytes) else { return };
    let whole = bytes.as_ptr_range();
    for tensor in gguf.tensors() {
        let values = tensor.row_length() * tensor.rows();
        let blocks = values / tensor.tensor_type.block_values();
        assert_eq!(tensor.bytes.len(), blocks * tensor.tensor_type.block_bytes(), "{tensor:?}");
        let lies = tensor.bytes.as_ptr_range();
        assert!(whole.start <= lies.start && lies.end <= whole.end, "{} lies outside", tensor.name);
        assert_eq!(gguf.tensor(tensor.name).as_ref(), Ok(tensor));
    }
    for (key, _) in gguf.keys() {
        let _ = gguf.get::<u32>(key);
        let _ = gguf.get::<f32>(key);
        let _ = gguf.get::<Vec<f32>>(key);
        if let Ok(Some(texts)) = gguf.get::<Texts<'_>>(key) {
            assert_eq!(texts.iter().count(), texts.len(), "{key}");
        }
    }
    let Ok(vocabulary) = Vocabulary::read(&gguf) else { return };
    for token in vocabulary.tokenize("abcab<end>", true).unwrap_or_default() {
        assert!((token as usize) < vocabulary.len());
    }
}
