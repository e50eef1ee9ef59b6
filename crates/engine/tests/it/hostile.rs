//! Files of strangers: refused with a reason, before memory is taken.

use std::sync::Arc;

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::{Format, Gguf, Writer},
    model::{Choices, Model, ModelError, ModelPlan},
    pack::{Pack, PackError},
    session::{Processor, RowDigest, Rows, Session},
};

use crate::{
    golden,
    shapes::{self, Chance, Key, Shape},
};

/// The rows of a few tokens, if the file is run.
fn rows(bytes: &[u8], isa: Isa) -> Option<Vec<RowDigest>> {
    let file = Gguf::parse(bytes).ok()?;
    let pack = Pack::of_file(&file, [0; 32]).ok()?;
    let model = Arc::new(Model::load(&pack, Choices::default()).ok()?);
    let mut session = Session::new(&model, 4.min(model.settings().context)).expect("room");
    let mut rows = Vec::new();
    let tokens: Vec<u32> = (0..session.capacity() as u32).collect();
    let mut processor = Processor::new(Arc::clone(&model), Cpu::with(isa, 1));
    processor
        .extend(&mut session, &tokens, Rows::All, |row| {
            assert!(row.logits.iter().all(|logit| logit.is_finite()), "a logit is not finite");
            rows.push(row.digest);
        })
        .expect("a step");
    Some(rows)
}

#[test]
fn a_damaged_file_is_refused_or_gives_everywhere_the_same_rows() {
    let mut run = 0;
    for (number, shape) in shapes::all().iter().enumerate() {
        let good = shape.file(1);
        let mut chance = Chance::new(number as u64);
        for case in 0..60 {
            let mut bad = good.clone();
            // In the head, where the numbers are; or anywhere, which is mostly in weights and their scales.
            let reach = if case % 2 == 0 { bad.len().min(4000) } else { bad.len() };
            for _ in 0..1 + chance.below(if case % 2 == 0 { 2 } else { 200 }) {
                let at = chance.below(reach);
                bad[at] = [0, 0x7B, 0x80, 0xFB, 0xFF, chance.word() as u8][chance.below(6)];
            }
            let Some(scalar) = rows(&bad, Isa::Scalar) else { continue };
            run += 1;
            assert_eq!(Some(scalar), rows(&bad, Isa::detect()), "{}, case {case}", shape.name);
        }
    }
    assert!(run > 50, "only {run} damaged files are run");
}

/// Where a block has its f16 scales, of the formats that the random models have.
const fn halves(tensor_type: Format) -> &'static [usize] {
    match tensor_type {
        Format::Q8_0 | Format::Q4_0 | Format::Q5_0 | Format::Iq4Nl => &[0],
        Format::Q4_1 | Format::Q4K => &[0, 2],
        Format::Q6K => &[208],
        Format::F32
        | Format::F16
        | Format::Bf16
        | Format::Q5_1
        | Format::Q2K
        | Format::Q3K
        | Format::Q5K
        | Format::Iq4Xs
        | Format::Mxfp4 => &[],
    }
}

/// A file whose scales are all this f16, or this exponent; and its numbers this one.
fn extreme(good: &[u8], half: u16, exponent: u8, number: f32) -> Vec<u8> {
    let mut bad = good.to_vec();
    for tensor in Gguf::parse(good).expect("a file").tensors() {
        let at = tensor.bytes.as_ptr() as usize - good.as_ptr() as usize;
        let bytes = &mut bad[at..at + tensor.bytes.len()];
        let is_matrix = tensor.lengths().len() > 1;
        if tensor.tensor_type == Format::F32 && !is_matrix && !tensor.name.starts_with("rope") {
            bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|out| *out = number.to_le_bytes());
        }
        for block in bytes.chunks_exact_mut(tensor.tensor_type.block_bytes()) {
            for at in halves(tensor.tensor_type) {
                block[*at..at + 2].copy_from_slice(&half.to_le_bytes());
            }
            if tensor.tensor_type == Format::Mxfp4 {
                block[0] = exponent;
            }
        }
    }
    bad
}

#[test]
fn the_greatest_and_the_least_weights_give_finite_rows_everywhere_the_same() {
    let extremes = [
        (0x7BFF, 144, f32::MAX),
        (0x7BFF, 144, 1.0),
        (0xFBFF, 140, -1e30),
        (0x3C00, 128, 1e6),
        (0x0001, 88, f32::MIN_POSITIVE),
        (0x8001, 87, 1.0),
        (0x0400, 100, 1e-9),
    ];
    let mut lines = String::new();
    for shape in shapes::all() {
        let good = shape.file(1);
        let mut hasher = blake3::Hasher::new();
        for (half, exponent, number) in extremes {
            let bad = extreme(&good, half, exponent, number);
            let scalar = rows(&bad, Isa::Scalar).expect("a model");
            let fast = rows(&bad, Isa::detect()).expect("a model");
            assert_eq!(scalar, fast, "{}: {half:04x}, {number:e}", shape.name);
            for row in &scalar {
                hasher.update(&row.0);
            }
        }
        lines += &format!("{}: {}\n", shape.name, &hasher.finalize().to_hex()[..16]);
    }
    // Here doors decide: one that is left out shows.
    golden::check("extremes", &lines);
}

fn refused(shape: &Shape) -> ModelError {
    let bytes = shape.file(1);
    refused_file(&bytes, shape.name)
}

fn refused_file(bytes: &[u8], name: &str) -> ModelError {
    let file = Gguf::parse(bytes).expect("a file");
    match Pack::of_file(&file, [0; 32]) {
        Err(PackError::Model(why)) => why,
        Err(other) => panic!("{name}: {other}"),
        Ok(pack) => match Model::load(&pack, Choices::default()) {
            Err(why) => why,
            Ok(_) => panic!("{name} is run"),
        },
    }
}

fn plain() -> Shape {
    shapes::named("llama")
}

fn with(key: &'static str, value: Key) -> Shape {
    let mut shape = plain();
    shape.keys.push((key, value));
    shape
}

/// A file of keys alone, some of them others than the plain ones.
fn keys(change: &[(&str, u64)]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.key("general.architecture", "llama");
    let plain = [
        ("embedding_length", 64),
        ("block_count", 2),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 2),
        ("attention.key_length", 16),
        ("feed_forward_length", 96),
        ("context_length", 1024),
        ("vocab_size", 203),
    ];
    for (key, number) in plain {
        let changed = change.iter().find(|(name, _)| *name == key).map_or(number, |(_, number)| *number);
        writer.key(&format!("llama.{key}"), changed);
    }
    writer.key("llama.attention.layer_norm_rms_epsilon", 1e-5_f32);
    writer.to_bytes(|_, _| {})
}

#[test]
fn every_number_has_bounds() {
    for key in [
        "embedding_length",
        "block_count",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "feed_forward_length",
        "context_length",
        "vocab_size",
    ] {
        for number in [0, 1 << 24, u64::from(u32::MAX), u64::MAX] {
            let why = refused_file(&keys(&[(key, number)]), key);
            assert!(matches!(why, ModelError::Number { .. }), "{key} = {number}: {why}");
        }
    }
    // The plain ones are fit, and what is missing are tensors.
    assert!(matches!(refused_file(&keys(&[]), "plain"), ModelError::Gguf(_)));
}

#[test]
fn numbers_that_do_not_fit_together_are_refused() {
    for (change, key) in [
        (("embedding_length", 80), "embedding_length"),
        (("feed_forward_length", 100), "feed_forward_length"),
        (("attention.head_count", 5), "attention.head_count"),
        (("attention.key_length", 20), "attention.key_length"),
    ] {
        let why = refused_file(&keys(&[change]), key);
        let ModelError::Multiple { key: found, .. } = &why else { panic!("{change:?}: {why}") };
        assert!(found.ends_with(key), "{change:?}: {why}");
    }
}

/// The keys of a small llama, but for its epsilon.
fn small_llama() -> Writer {
    let mut writer = Writer::new();
    writer.key("general.architecture", "llama");
    for (key, number) in [
        ("embedding_length", 64_u32),
        ("block_count", 1),
        ("attention.head_count", 4),
        ("feed_forward_length", 64),
        ("context_length", 64),
        ("vocab_size", 8),
    ] {
        writer.key(&format!("llama.{key}"), number);
    }
    writer
}

#[test]
fn an_epsilon_beyond_its_bounds_is_refused() {
    for epsilon in [0.0, 1e-13, 2.0, -1.0, f32::NAN, f32::INFINITY] {
        let mut writer = small_llama();
        writer.key("llama.attention.layer_norm_rms_epsilon", epsilon);
        let why = refused_file(&writer.to_bytes(|_, _| {}), "epsilon");
        assert!(matches!(why, ModelError::Float { .. }), "{epsilon}: {why}");
    }
}

#[test]
fn what_is_not_run_is_refused_by_its_name_with_what_is() {
    let mut writer = Writer::new();
    writer.key("general.architecture", "mamba");
    let why = refused_file(&writer.to_bytes(|_, _| {}), "mamba").to_string();
    assert!(
        why.contains("mamba") && why.contains("llama, qwen2, qwen3, qwen3moe, gpt-oss, gemma3, phi3"),
        "{why}"
    );
    let why = refused(&with("rope.scaling.type", Key::Text("su"))).to_string();
    assert!(why.contains("su") && why.contains("yarn"), "{why}");
    let why = refused(&Shape { experts: Some(8), ..plain() }).to_string();
    assert!(why.contains("expert_count"), "{why}");
}

#[test]
fn a_tensor_that_is_missing_too_many_or_of_another_shape_is_refused() {
    // A bias where the family has none, norms where it has none, and none where it has some.
    let biased = Shape { biases: true, ..shapes::named("gemma3") };
    assert!(matches!(refused(&biased), ModelError::Unplaced { .. }));
    let normed = Shape { head_norms: true, ..plain() };
    assert!(matches!(refused(&normed), ModelError::Unplaced { .. }));
    let bare = Shape { head_norms: false, ..shapes::named("qwen3") };
    assert!(matches!(refused(&bare), ModelError::Gguf(_)));
    let bytes = plain().file(1);
    for (from, to) in
        [("blk.1.attn_q.weight", "blk.9.attn_q.weight"), ("output_norm.weight", "output_mean.weight")]
    {
        let why = refused_file(&replaced(&bytes, from.as_bytes(), to.as_bytes()), from);
        assert!(matches!(&why, ModelError::Gguf(_)), "{why}");
    }
    let flat = Shape { key_heads: 4, ..plain() };
    let bytes =
        replaced(&flat.file(1), &key("attention.head_count_kv", 4), &key("attention.head_count_kv", 2));
    let why = refused_file(&bytes, "fewer heads of keys than the tensors have");
    assert!(matches!(&why, ModelError::Shape { tensor, .. } if tensor == "blk.0.attn_k.weight"), "{why}");
}

/// A key of the plain family as a file has it.
fn key(name: &str, number: u32) -> Vec<u8> {
    [format!("llama.{name}").as_bytes(), &4_u32.to_le_bytes(), &number.to_le_bytes()].concat()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("what is replaced");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn a_vocabulary_that_is_not_as_long_as_the_embeddings_is_refused() {
    let why = refused(&Shape { listed: Some(200), ..plain() });
    assert_eq!(why, ModelError::Vocabulary { tokens: 200, rows: 203 });
    assert!(
        Gguf::parse(&Shape { listed: Some(203), ..plain() }.file(1))
            .is_ok_and(|file| ModelPlan::of(&file).is_ok())
    );
}

#[test]
fn a_weight_that_is_no_number_is_refused() {
    let bytes = plain().file(1);
    let file = Gguf::parse(&bytes).expect("a file");
    for (name, number) in [
        ("blk.0.attn_norm.weight", f32::NAN.to_le_bytes().to_vec()),
        ("blk.1.ffn_norm.weight", f32::INFINITY.to_le_bytes().to_vec()),
        // The scale of a block: an f16 that is infinite, and one that is no number.
        ("blk.0.attn_q.weight", vec![0x00, 0x7C]),
        ("blk.0.ffn_down.weight", vec![0xFF, 0xFF]),
    ] {
        let tensor = file.tensor(name).expect("a tensor");
        let at = tensor.bytes.as_ptr() as usize - bytes.as_ptr() as usize;
        let mut bad = bytes.clone();
        bad[at..at + number.len()].copy_from_slice(&number);
        let why = refused_file(&bad, name);
        assert!(matches!(why, ModelError::Infinite { .. } | ModelError::Weights { .. }), "{name}: {why}");
        assert!(why.to_string().contains(name), "{why}");
    }
}

#[test]
fn a_divisor_of_frequencies_beyond_its_bounds_is_refused() {
    let shape = shapes::named("llama with divisors");
    let bytes = shape.file(1);
    let file = Gguf::parse(&bytes).expect("a file");
    let tensor = file.tensor("rope_freqs.weight").expect("a tensor");
    let at = tensor.bytes.as_ptr() as usize - bytes.as_ptr() as usize;
    for factor in [0.0_f32, 1e-9, 1e9, -1.0] {
        let mut bad = bytes.clone();
        bad[at..at + 4].copy_from_slice(&factor.to_le_bytes());
        let why = refused_file(&bad, shape.name);
        assert!(matches!(why, ModelError::Factor { .. }), "{factor}: {why}");
    }
}

#[test]
fn a_norm_that_is_not_written_as_floats_is_refused() {
    let mut writer = small_llama();
    writer.key("llama.attention.layer_norm_rms_epsilon", 1e-5_f32);
    writer.tensor("token_embd.weight", Format::F16, &[64, 8]).expect("a shape");
    writer.tensor("blk.0.attn_norm.weight", Format::F16, &[64]).expect("a shape");
    let why = refused_file(&writer.to_bytes(|_, _| {}), "f16");
    assert!(matches!(why, ModelError::Written { .. }), "{why}");
    let bytes = writer.to_bytes(|_, _| {});
    let file = Gguf::parse(&bytes).expect("a file");
    assert!(ModelPlan::of(&file).is_err());
}
