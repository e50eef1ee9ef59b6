//! What the keys of models that people have come to.

use assay_engine::{
    gguf::{Gguf, Writer},
    model::{Activation, MemoryNeed, ModelPlan, ModelSettings},
};

/// Whole numbers, floats and texts of a file.
type Keys<'a> = (&'a [(&'a str, u32)], &'a [(&'a str, f32)], &'a [(&'a str, &'a str)]);

fn read(family: &str, (whole, floats, texts): Keys<'_>) -> ModelSettings {
    let mut writer = Writer::new();
    writer.key("general.architecture", family);
    for (key, number) in whole {
        writer.key(&format!("{family}.{key}"), *number);
    }
    for (key, number) in floats {
        writer.key(&format!("{family}.{key}"), *number);
    }
    for (key, text) in texts {
        writer.key(&format!("{family}.{key}"), *text);
    }
    let bytes = writer.to_bytes(|_, _| {});
    ModelSettings::read(&Gguf::parse(&bytes).expect("a file")).expect("a model")
}

const EPSILON: (&str, f32) = ("attention.layer_norm_rms_epsilon", 1e-6);

fn shape(width: u32, layers: u32, heads: u32, key_heads: u32, feed: u32) -> [(&'static str, u32); 7] {
    [
        ("embedding_length", width),
        ("block_count", layers),
        ("attention.head_count", heads),
        ("attention.head_count_kv", key_heads),
        ("feed_forward_length", feed),
        ("context_length", 131_072),
        ("vocab_size", 262_144),
    ]
}

#[test]
fn a_head_is_as_wide_as_its_key_says_or_as_the_width_leaves() {
    let plain = read("llama", (&shape(4096, 32, 32, 8, 14_336), &[EPSILON], &[]));
    assert_eq!(
        (plain.head_width, plain.group(), plain.query_width(), plain.key_width()),
        (128, 4, 4096, 1024)
    );
    assert_eq!(plain.query_scale, (1.0 / 128_f64.sqrt()) as f32);
    assert_eq!((plain.window, plain.embedding_scale, plain.gate), (None, None, Activation::Silu));
    let keys = [&shape(1024, 28, 16, 8, 3072)[..], &[("attention.key_length", 128)]].concat();
    let wide = read("qwen3", (&keys, &[EPSILON], &[]));
    assert_eq!((wide.head_width, wide.query_width(), wide.rotary.pairs()), (128, 2048, 64));
}

#[test]
fn a_window_that_is_stated_holds_in_every_layer_of_most_families() {
    let keys = [&shape(3072, 32, 32, 32, 8192)[..], &[("attention.sliding_window", 2047)]].concat();
    for family in ["llama", "phi3"] {
        let settings = read(family, (&keys, &[EPSILON], &[]));
        assert!((0..32).all(|layer| settings.window_of(layer) == Some(2047)), "{family}");
        assert!(settings.window_rotary.is_none());
    }
}

#[test]
fn five_layers_of_gemma3_see_a_window_and_the_sixth_all() {
    let keys = [
        &shape(1152, 26, 4, 1, 6912)[..],
        &[("attention.key_length", 256), ("attention.sliding_window", 512)],
    ]
    .concat();
    let small = read("gemma3", (&keys, &[EPSILON, ("rope.freq_base", 1e6)], &[]));
    let seen: Vec<usize> = (0..26).filter(|layer| small.window_of(*layer).is_none()).collect();
    assert_eq!(seen, [5, 11, 17, 23]);
    assert_eq!(small.embedding_scale, Some(1152_f64.sqrt() as f32));
    assert_eq!((small.query_scale, small.gate), (1.0 / 16.0, Activation::Gelu));
    assert!(small.window_rotary.is_some_and(|rotary| rotary != small.rotary));
    // The largest scales its queries by another width than that of a head.
    let keys = [
        &shape(5376, 62, 32, 16, 21_504)[..],
        &[("attention.key_length", 128), ("attention.sliding_window", 1024)],
    ]
    .concat();
    let large = read("gemma3", (&keys, &[EPSILON], &[]));
    assert_eq!(large.query_scale, (1.0 / 168_f64.sqrt()) as f32);
}

#[test]
fn every_second_layer_of_gpt_oss_sees_all_and_the_first_a_window() {
    let keys = [
        &shape(2880, 24, 64, 8, 2880)[..],
        &[
            ("attention.key_length", 64),
            ("attention.sliding_window", 128),
            ("expert_count", 32),
            ("expert_used_count", 4),
            ("expert_feed_forward_length", 2880),
            ("rope.scaling.original_context_length", 4096),
        ],
    ]
    .concat();
    let floats = [EPSILON, ("rope.freq_base", 150_000.0), ("rope.scaling.factor", 32.0)];
    let settings = read("gpt-oss", (&keys, &floats, &[("rope.scaling.type", "yarn")]));
    assert_eq!((settings.window_of(0), settings.window_of(1)), (Some(128), None));
    let routing = settings.routing.expect("experts");
    assert_eq!((routing.experts, routing.used, settings.feed), (32, 4, 2880));
    assert_eq!(settings.gate, Activation::Clamped);
}

#[test]
fn a_factor_of_nothing_divides_nothing() {
    let plain = read("llama", (&shape(512, 2, 8, 8, 512), &[EPSILON], &[]));
    let with = |floats: &[(&str, f32)], texts: &[(&str, &str)]| {
        read("llama", (&shape(512, 2, 8, 8, 512), &[&[EPSILON], floats].concat(), texts))
    };
    assert_eq!(with(&[("rope.scaling.factor", 0.0)], &[]).rotary, plain.rotary);
    assert_eq!(with(&[("rope.scaling.factor", 4.0)], &[("rope.scaling.type", "none")]).rotary, plain.rotary);
    let slow = with(&[("rope.scaling.factor", 4.0)], &[("rope.scaling.type", "linear")]).rotary;
    assert_ne!(slow, plain.rotary);
    assert_eq!(with(&[("rope.scale_linear", 4.0)], &[]).rotary, slow);
    assert_eq!(with(&[("rope.scaling.factor", 4.0)], &[]).rotary, slow);
}

#[test]
fn a_need_that_a_machine_cannot_count_is_all_that_it_can() {
    let mut settings = read("llama", (&shape(4096, 32, 32, 8, 14_336), &[EPSILON], &[]));
    assert_eq!(settings.page_bytes(), 32 * settings.layer_page_bytes());
    // What 512 layers of 512 heads come to where a word has 32 bits.
    settings.layers = usize::MAX / 2;
    assert_eq!(settings.page_bytes(), usize::MAX);
    let plan = ModelPlan { settings, slots: Vec::new(), pack_bytes: usize::MAX / 2 };
    assert_eq!(MemoryNeed::of(&plan).total(1, 1), usize::MAX, "none is taken for a small one");
}
