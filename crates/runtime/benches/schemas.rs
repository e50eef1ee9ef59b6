//! Answers by a schema beside free ones, through real workers, over a vocabulary of 150,000 tokens: how long a token takes, and how many
//! instructions of the guest. In turns, in one run; the medians and their ratios are printed.
//!
//! **Invariant:** all are of one model and equally long.
#![expect(clippy::print_stdout, reason = "what it measures is what it says")]

#[path = "../tests/it/wide.rs"]
mod wide;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use assay_protocol::{
    id::Digest,
    manifest::{Meter, TokenWeights},
};
use assay_runtime::{
    envelope::Envelope,
    pool::Pool,
    worker::{Files, Follower, WorkerSource},
};

const TOKENS_WRITTEN: u32 = 40;
const ROUNDS: usize = 7;
/// What is asked for, by what it is called; the first is free.
const ASKED: [(&str, &str); 3] = [
    ("free", r#"{"text":"27+58=","logit_bias":{"372":-1000}}"#),
    (
        "little may follow",
        r#"{"text":"27+58=","json_schema":{"type":"array","minItems":64,"items":{"enum":["cat","cattle","dog"]}}}"#,
    ),
    ("most may follow", r#"{"text":"27+58=","json_schema":{"type":"string","minLength":1000}}"#),
];

/// When tokens came.
#[derive(Default)]
struct Moments(Vec<Instant>);

impl Follower for Moments {
    fn chunk(&mut self, _: &[u8]) {
        self.0.push(Instant::now());
    }
}

/// What an answer took.
struct Taken {
    first: Duration,
    each: Duration,
    fuel: u64,
}

fn write(pool: &Pool, envelope: &Envelope, (runner, model): (&Path, &Path), input: &str) -> Taken {
    let (mut moments, began) = (Moments::default(), Instant::now());
    let files = Files { runner, model: Some(model) };
    let completed = pool.run(envelope, files, input.as_bytes().into(), &mut moments).expect("it is written");
    assert_eq!(completed.rows.len(), TOKENS_WRITTEN as usize, "all are equally long");
    let (first, last) = (moments.0[0], moments.0[moments.0.len() - 1]);
    Taken {
        first: first - began,
        each: (last - first) / (TOKENS_WRITTEN - 1),
        fuel: completed.meters.fuel / u64::from(TOKENS_WRITTEN),
    }
}

fn median(times: impl Iterator<Item = Duration>) -> f64 {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let runner = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../runners/generate/generate.wasm");
    let (model, bytes) = (folder.path().join("wide.gguf"), wide::model());
    fs::write(&model, &bytes).expect("it is written");
    let component = fs::read(&runner).expect("the runner is there");
    let mut envelope = Envelope::new(Digest::of(&component), Digest::of(&bytes));
    envelope.params = format!(r#"{{"raw":true,"temperature":1,"max_tokens":{TOKENS_WRITTEN}}}"#);
    envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    let binary = env!("CARGO_BIN_EXE_assay-worker").into();
    let pool =
        Pool::new(WorkerSource { binary, cache: Some(folder.path().join("cache")), onnx_runtime: None });
    let files = (runner.as_path(), model.as_path());
    write(&pool, &envelope, files, ASKED[0].1);
    let mut taken = ASKED.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, input), taken) in ASKED.iter().zip(&mut taken) {
            taken.push(write(&pool, &envelope, files, input));
        }
    }
    let each = |taken: &[Taken]| median(taken.iter().map(|taken| taken.each));
    let free = each(&taken[0]);
    println!(
        "{} tokens in the vocabulary, {TOKENS_WRITTEN} written, medians of {ROUNDS} rounds",
        wide::TOKENS
    );
    for ((name, _), taken) in ASKED.iter().zip(&taken) {
        let first = median(taken.iter().map(|taken| taken.first));
        println!(
            "{name}: first token {first:.1} ms, each of the others {:.2} ms, {:.2} times a free one; {:.1} million instructions each",
            each(taken),
            each(taken) / free,
            taken[0].fuel as f64 / 1e6
        );
    }
}
