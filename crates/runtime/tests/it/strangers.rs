//! Texts of one machine checked by another whose instructions are other ones, a card's among them; and lies about texts, each
//! held against what an honest verifier computes.
//!
//! `ASSAY_MODEL` names a real model in a GGUF file, for a quarter of the jobs, and `ASSAY_OTHERS` the same weights in other
//! formats, separated by colons, for the lies.

use std::{env, fs, path::PathBuf};

use assay_engine::cpu::Isa;
use assay_protocol::{
    frames,
    manifest::{Meter, TokenWeights},
};
use assay_runtime::{outcome::Completed, worker::Given};

use crate::world::{Job, World, shipped};

/// Jobs in all, of which each [`REAL_EACH`]th is of the real model.
const JOBS: usize = 200;
const REAL_EACH: usize = 4;
/// Tokens of a text of the real model.
const TOKENS: u64 = 64;
/// Texts for each lie.
const TEXTS: usize = 12;

/// A machine that sells texts and checks them.
struct Machine {
    name: String,
    world: World,
}

/// One for each set of instructions here, and one with a card, if there is one.
fn machines() -> Vec<Machine> {
    let mut machines: Vec<Machine> =
        Isa::here().map(|isa| Machine { name: isa.to_string(), world: World::on(isa) }).collect();
    let world = World::new();
    let card = world.pool.cards().expect("they are listed").into_iter().next();
    match card {
        Some(card) => {
            world.pool.use_card(Some(&card), false);
            machines.push(Machine { name: card.name, world });
        }
        None => eprintln!("no Vulkan device is here: cards are not tried"),
    }
    machines
}

/// A text of a model, as ordered.
fn order(world: &World, model: &[u8], params: &str) -> Job {
    let mut job = world.job_on(&shipped("runners/generate/generate.wasm"), model);
    job.envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    job.envelope.limits.wall_ms = 600_000;
    job.envelope.limits.process_memory_bytes += 4 * model.len() as u64;
    job.envelope.params = params.to_owned();
    job
}

fn run(world: &World, job: &Job, given: Given<'_>) -> Completed {
    world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("it is written")
}

fn real_model() -> Option<Vec<u8>> {
    Some(fs::read(env::var_os("ASSAY_MODEL")?).expect("the model is there"))
}

const QUESTIONS: [&str; 6] = [
    "Write a short story about a lighthouse.",
    "Why is the sky blue?",
    "List five fruits and a use for each.",
    "Explain to a child what money is.",
    "What should I see in Lisbon in two days?",
    "Give me three names for a grey cat, with reasons.",
];

#[test]
#[ignore = "takes a quarter of an hour with a real model"]
fn two_hundred_texts_match_whoever_wrote_them_and_whoever_checks() {
    let (machines, sums, real) = (machines(), shipped("models/sums/sums.gguf"), real_model());
    let (mut pairs, mut tokens, mut long) = (Vec::new(), 0, 0);
    for number in 0..JOBS {
        let seller = &machines[number % machines.len()];
        let verifier = &machines[(number + 1 + number / machines.len()) % machines.len()];
        let real = real.as_ref().filter(|_| number % REAL_EACH == 0);
        let (model, input) = match real {
            Some(real) => (real, QUESTIONS[number / REAL_EACH % QUESTIONS.len()].to_owned()),
            None => (&sums, format!("{}+{}=", 100 + 4 * number, 999 - number)),
        };
        let params = format!(r#"{{"temperature":0.8,"seed":{number},"max_tokens":{TOKENS}}}"#);
        let claimed = run(&seller.world, &order(&seller.world, model, &params), input.as_bytes().into());
        let given = Given { input: input.as_bytes(), draft: &claimed.output, ..Given::default() };
        let checked = run(&verifier.world, &order(&verifier.world, model, &params), given);
        assert_eq!(checked, claimed, "job {number}: {} by {}", seller.name, verifier.name);
        pairs.push((&seller.name, &verifier.name));
        tokens += claimed.rows.len();
        long += usize::from(real.is_some() && claimed.rows.len() as u64 >= TOKENS);
    }
    pairs.sort_unstable();
    pairs.dedup();
    println!(
        "{JOBS} texts of {tokens} tokens, {long} of the real model with {TOKENS} and more, 0 mismatches"
    );
    println!(
        "{} pairs of {} machines: {:?}",
        pairs.len(),
        machines.len(),
        machines.iter().map(|machine| &machine.name).collect::<Vec<_>>()
    );
}

/// How far a claim agrees with what a verifier computes along it: rows, and tokens alone.
fn agreement(claimed: &Completed, checked: &Completed) -> (usize, usize) {
    fn equal<T: PartialEq>(one: &[T], other: &[T]) -> usize {
        one.iter().zip(other).take_while(|(one, other)| one == other).count()
    }
    let tokens = equal(&frames::tokens(&claimed.output), &frames::tokens(&checked.output));
    (equal(&claimed.rows, &checked.rows), tokens)
}

#[test]
#[ignore = "needs a real model, and others"]
fn lies_about_texts_part_from_the_truth_at_the_first_token_that_they_touch() {
    let Some(real) = real_model() else {
        eprintln!("no real model is named: nothing is tried");
        return;
    };
    let world = World::new();
    let params = |temperature: &str, seed: u64| {
        format!(r#"{{"temperature":{temperature},"seed":{seed},"max_tokens":{TOKENS}}}"#)
    };
    let others = env::var("ASSAY_OTHERS").unwrap_or_default();
    let others: Vec<PathBuf> = others.split(':').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    let mut lies: Vec<(String, Vec<u8>, Option<String>)> = others
        .iter()
        .map(|file| {
            let name = file.file_stem().expect("it has a name").to_string_lossy().into_owned();
            (name, fs::read(file).expect("the model is there"), None)
        })
        .collect();
    lies.push(("temperature .7 for .8".to_owned(), real.clone(), Some(".7".to_owned())));
    lies.push(("another seed".to_owned(), real.clone(), Some("seed".to_owned())));
    println!("lie: equal rows at most, equal tokens in the middle, and at most, of {TOKENS}");
    for (name, model, change) in &lies {
        let (mut rows_most, mut tokens) = (0, Vec::new());
        for text in 0..TEXTS {
            let (question, seed) = (QUESTIONS[text % QUESTIONS.len()].as_bytes(), text as u64);
            let told = match change.as_deref() {
                None => params("0.8", seed),
                Some("seed") => params("0.8", seed + 1_000),
                Some(temperature) => params(&format!("0{temperature}"), seed),
            };
            let claimed = run(&world, &order(&world, model, &told), question.into());
            let given = Given { input: question, draft: &claimed.output, ..Given::default() };
            let checked = run(&world, &order(&world, &real, &params("0.8", seed)), given);
            let (rows, same) = agreement(&claimed, &checked);
            assert!(claimed != checked, "{name}: text {text} passes for true");
            rows_most = rows_most.max(rows);
            tokens.push(same);
        }
        tokens.sort_unstable();
        println!("{name}: {rows_most}, {}, {}", tokens[tokens.len() / 2], tokens[tokens.len() - 1]);
        let another_model = change.is_none();
        assert!(!another_model || rows_most == 0, "{name}: the first row already is another");
    }
}
