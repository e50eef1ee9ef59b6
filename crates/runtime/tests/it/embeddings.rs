//! Vectors of texts: the shipped runner on a network whose rows are known.

use assay_protocol::manifest::End;
use assay_runtime::{
    models::{PIECES, PIECES_CASED},
    outcome::RunFailure,
};

use crate::{
    onnx::{self, embedder, embedder_row, with_property},
    world::{Job, World, shipped},
};

const TOKENS: &str = "[UNK]\n[CLS]\n[SEP]\na\ncat\nsat\n##s\n.";
const PARAMS: &str =
    r#"{"tokens":"input_ids","output":"last_hidden_state","width":4,"max_length":6,"pooling":"mean"}"#;

/// The shipped runner on such a model.
fn job(world: &World, model: &[u8]) -> Job {
    let mut job = world.job_on(&shipped("runners/embed/embed.wasm"), model);
    job.envelope.params = PARAMS.into();
    job
}

fn whole() -> Vec<u8> {
    with_property(&with_property(&embedder(), PIECES, TOKENS), PIECES_CASED, "false")
}

/// The mean of the rows of these tokens, one long.
fn vector(tokens: &[usize]) -> Vec<f32> {
    let rows: Vec<Vec<f32>> = tokens.iter().map(|token| embedder_row(*token)).collect();
    let sums = (0..4).map(|place| rows.iter().map(|row| f64::from(row[place])).sum::<f64>());
    let sums: Vec<f64> = sums.collect();
    let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    sums.into_iter().map(|sum| (sum / length) as f32).collect()
}

#[test]
fn a_text_becomes_the_mean_of_what_the_network_says_of_its_tokens() {
    let world = World::new();
    let job = job(&world, &whole());
    let vectors = |input: &str| {
        let completed = world.run(&job, input.as_bytes()).expect("the job succeeds");
        let numbers = completed.output.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        assert_eq!(completed.end, End::Stop);
        (numbers.collect::<Vec<_>>(), completed.meters.calls)
    };
    let near = |found: &[f32], wanted: &[f32]| {
        assert_eq!(found.len(), wanted.len());
        assert!(
            found.iter().zip(wanted).all(|(one, other)| (one - other).abs() < 1e-6),
            "{found:?} {wanted:?}"
        );
    };
    let (alone, calls) = vectors("A cat sats.");
    near(&alone, &vector(&[1, 3, 4, 5, 6, 2]));
    assert_eq!(calls, 1);
    near(&vectors("").0, &vector(&[1, 2]));
    near(&vectors("dog dog").0, &vector(&[1, 0, 0, 2]));
    assert_eq!(vectors("a cat sats. a cat"), vectors("a cat sats"), "what is too long is cut off");
    let (list, calls) = vectors(r#"["cat", "A cat sats."]"#);
    near(&list, &[vector(&[1, 4, 2]), vector(&[1, 3, 4, 5, 6, 2])].concat());
    assert_eq!((calls, &list[4..]), (2, &alone[..]), "a vector is the same beside others");
}

#[test]
fn more_texts_than_were_ordered_are_refused_before_any_is_read() {
    let world = World::new();
    let mut job = job(&world, &whole());
    job.envelope.units_max = 1;
    let refused = RunFailure::BadInput("2 texts are 2 calls, and 1 are ordered".into());
    assert_eq!(world.run(&job, br#"["a", "cat"]"#), Err(refused));
    assert!(world.run(&job, b"a cat").is_ok());
}

#[test]
fn a_network_without_a_vocabulary_embeds_nothing() {
    let world = World::new();
    for model in [embedder(), onnx::double()] {
        let failure = world.run(&job(&world, &model), b"a cat").expect_err("there are no tokens");
        let RunFailure::Unsupported(why) = &failure else { panic!("{failure:?}") };
        assert!(why.contains("the model has no vocabulary"), "{why}");
    }
}

#[test]
fn a_vocabulary_that_is_none_makes_the_model_none() {
    let world = World::new();
    let cased = |model: &[u8]| with_property(model, PIECES_CASED, "false");
    for (model, says) in [
        (with_property(&embedder(), PIECES, TOKENS), "neither true nor false"),
        (cased(&with_property(&embedder(), PIECES, "a\nb")), "no token [UNK]"),
        (cased(&with_property(&embedder(), PIECES, "a\na")), "tokens 0 and 1 have the same text"),
    ] {
        let failure = world.failure(&job(&world, &model));
        let RunFailure::NotAModel(why) = &failure else { panic!("{failure:?}") };
        assert!(why.contains(says), "{why}");
    }
}
