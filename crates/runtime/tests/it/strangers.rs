//! Texts of one machine checked by another whose instructions are other ones, a card's among them; and lies about texts, each
//! held against what an honest verifier computes.
//!
//! `ASSAY_MODEL` names a real model in a GGUF file, for a quarter of the jobs, and `ASSAY_OTHERS` the same weights in other
//! formats, separated by colons, for the lies.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::PathBuf,
};

use assay_engine::cpu::Isa;
use assay_protocol::{
    claim::Written,
    compare::{Agreement, Testimony, compare},
    frames,
    manifest::{End, Meter, Meters, Policy, TokenWeights},
    merkle,
};
use assay_runtime::{outcome::Completed, worker::Given};

use crate::world::{Job, World, shipped};

/// Jobs in all, of which each [`REAL_EACH`]th is of the real model.
const JOBS: usize = 200;
const REAL_EACH: usize = 3;
/// Tokens of a text of the real model, and how many texts of it must have them.
const TOKENS: u64 = 64;
const LONG_LEAST: usize = 50;
/// Texts for each lie.
const TEXTS: usize = 12;
/// What tokens are billed at.
const WEIGHTS: TokenWeights = TokenWeights { read: 1, written: 4 };
/// Tokens of a text of `sums`, and what keeps such a text from its end.
const SUMS_TOKENS: u64 = 24;
const ENDLESS: &str = r#","logit_bias":{"372":-1000}"#;
/// Tokens that a text is longer by than it is.
const PADDING: u64 = 8;

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
    for isa in [Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| !isa.is_here()) {
        eprintln!("this processor has no {isa}: that is not tried");
    }
    let has_avx512 = fs::read_to_string("/proc/cpuinfo").is_ok_and(|said| said.contains("avx512_vnni"));
    let name = Isa::Avx512.name();
    assert!(!has_avx512 || machines.iter().any(|machine| machine.name == name), "{name} is here");
    machines
}

/// A text of a model, as ordered.
pub(crate) fn order(world: &World, model: &[u8], params: &str) -> Job {
    let mut job = world.job_on(&shipped("runners/generate/generate.wasm"), model);
    job.envelope.meter = Meter::Tokens(WEIGHTS);
    job.envelope.limits.wall_ms = 600_000;
    job.envelope.limits.process_memory_bytes += 4 * model.len() as u64;
    job.envelope.params = params.to_owned();
    job
}

fn run(world: &World, job: &Job, given: Given<'_>) -> Completed {
    world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("it is written")
}

pub(crate) fn real_model() -> Option<Vec<u8>> {
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
    let (mut pairs, mut turns, mut tokens, mut long) = ([BTreeSet::new(), BTreeSet::new()], [0; 2], 0, 0);
    for number in 0..JOBS {
        let real = real.as_ref().filter(|_| number % REAL_EACH == 0);
        // Texts of each model go round by themselves, so that everybody writes and checks of both.
        let kind = usize::from(real.is_some());
        let turn = turns[kind];
        turns[kind] += 1;
        let seller = &machines[turn % machines.len()];
        let verifier = &machines[(turn + 1 + turn / machines.len()) % machines.len()];
        let (model, input) = match real {
            Some(real) => (real, QUESTIONS[number / REAL_EACH % QUESTIONS.len()].to_owned()),
            None => (&sums, format!("{}+{}=", 100 + 4 * number, 999 - number)),
        };
        let params = format!(r#"{{"temperature":0.8,"seed":{number},"max_tokens":{TOKENS}}}"#);
        let claimed = run(&seller.world, &order(&seller.world, model, &params), input.as_bytes().into());
        let given = Given { input: input.as_bytes(), draft: &claimed.output, ..Given::default() };
        let checked = run(&verifier.world, &order(&verifier.world, model, &params), given);
        assert_eq!(checked, claimed, "job {number}: {} by {}", seller.name, verifier.name);
        pairs[kind].insert((&seller.name, &verifier.name));
        tokens += claimed.rows.len();
        long += usize::from(real.is_some() && claimed.rows.len() as u64 >= TOKENS);
    }
    println!(
        "{JOBS} texts of {tokens} tokens, {long} of the real model with {TOKENS} and more, 0 mismatches"
    );
    let [of_sums, of_real] = pairs.map(|pairs| pairs.len());
    let names: Vec<&String> = machines.iter().map(|machine| &machine.name).collect();
    println!("{of_sums} pairs, and {of_real} of the real model, of {} machines: {names:?}", names.len());
    assert!(of_sums == names.len().pow(2), "some never met");
    if real.is_some() {
        assert!(of_real == of_sums && long >= LONG_LEAST, "{of_real} pairs wrote {long} that are long");
    }
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

/// What somebody says of a text, as the law compares it.
fn testimony(said: &Completed) -> Testimony {
    let Meters { tokens_read, tokens_written, .. } = said.meters;
    let units = WEIGHTS.units(tokens_read, tokens_written);
    Testimony {
        written: Written::of(&said.output),
        evidence_root: merkle::root_of(said.rows.iter().map(|row| row.0.as_slice())),
        records: said.rows.len() as u64,
        units,
        work: units,
        check_work: tokens_read + tokens_written,
        end: said.end,
        rms: 0,
        shown: BTreeMap::new(),
    }
}

/// A text that somebody lies about who has the right weights and keeps to the rule, but for where it ends or how much it is.
struct Told<'a> {
    world: &'a World,
    model: &'a [u8],
    input: &'a str,
    seed: u64,
    tokens: u64,
    /// What its order says besides.
    more: &'a str,
}

/// What is said of it instead, and the first token that this touches: one behind all, where that is the end or a number alone.
struct Lie {
    name: &'static str,
    claimed: Completed,
    touched: usize,
}

impl Told<'_> {
    /// The text of so many tokens, with something besides.
    fn written(&self, tokens: u64, more: &str) -> Completed {
        run(self.world, &self.order(tokens, more), self.input.as_bytes().into())
    }

    fn order(&self, tokens: u64, more: &str) -> Job {
        let (seed, own) = (self.seed, self.more);
        let params = format!(r#"{{"temperature":0.8,"seed":{seed},"max_tokens":{tokens}{own}{more}}}"#);
        order(self.world, self.model, &params)
    }

    /// Tells every lie about it and has each found.
    fn is_told_otherwise(&self) {
        let truth = self.written(self.tokens, "");
        for lie in [stopped(self, &truth)].into_iter().chain(counted(&truth)).chain(padded(self, &truth)) {
            self.convicts(&truth, &lie);
        }
    }

    /// Whoever checks a lie along itself finds the truth, and by the law that the claim is another, from that token on.
    fn convicts(&self, truth: &Completed, Lie { name, claimed, touched }: &Lie) {
        let given = Given { input: self.input.as_bytes(), draft: &claimed.output, ..Given::default() };
        let checked = run(self.world, &self.order(self.tokens, ""), given);
        assert_eq!(checked, *truth, "{name}: {}", self.input);
        let of = |said: &Completed| compare(Policy::Replay, None, &testimony(said), &testimony(&checked));
        assert_eq!(
            (of(truth), of(claimed)),
            (Agreement::Match, Agreement::Mismatch),
            "{name}: {}",
            self.input
        );
        let (rows, tokens) = agreement(claimed, &checked);
        assert!(
            tokens == *touched && rows >= tokens,
            "{name}: {rows} rows and {tokens} tokens for {touched}"
        );
    }
}

/// It ends at a word that its order does not name.
fn stopped(told: &Told<'_>, truth: &Completed) -> Lie {
    let text = frames::text(&truth.output);
    let mut pairs = text[text.len() / 2..].windows(2);
    let pair = pairs.find(|pair| pair.iter().all(u8::is_ascii_alphanumeric)).expect("it has words");
    let word = String::from_utf8_lossy(pair);
    let claimed = told.written(told.tokens, &format!(r#","stop":"{word}""#));
    let touched = claimed.rows.len();
    assert!(claimed.end == End::Stop && touched < truth.rows.len(), "{touched} tokens to {word:?}");
    Lie { name: "a wrong stop", claimed, touched }
}

/// Its tokens are true, and not what is counted.
fn counted(truth: &Completed) -> [Lie; 4] {
    let touched = truth.rows.len();
    let other_end = if truth.end == End::Stop { End::Length } else { End::Stop };
    let meters = |read: u64, written: u64| {
        let Meters { tokens_read, tokens_written, .. } = truth.meters;
        Meters { tokens_read: tokens_read + read, tokens_written: tokens_written + written, ..truth.meters }
    };
    let rows = [&truth.rows[..], &truth.rows[touched - 1..]].concat();
    [
        ("an end of another kind", Completed { end: other_end, ..truth.clone() }),
        ("a token more that was written", Completed { meters: meters(0, 1), ..truth.clone() }),
        ("a token more that was read", Completed { meters: meters(1, 0), ..truth.clone() }),
        ("a row more than tokens", Completed { rows, ..truth.clone() }),
    ]
    .map(|(name, claimed)| Lie { name, claimed, touched })
}

/// It goes on where its order ends it, by true rows if it was not its model that ended it; and by the last one, again and again.
fn padded(told: &Told<'_>, truth: &Completed) -> Vec<Lie> {
    let touched = truth.rows.len();
    let mut lies = Vec::new();
    if truth.end == End::Length {
        let claimed = told.written(told.tokens + PADDING, "");
        assert!(claimed.rows.len() > touched, "the model ends it there");
        lies.push(Lie { name: "padding by true rows", claimed, touched });
    }
    let last = *frames::tokens(&truth.output).last().expect("it has tokens");
    let mut claimed = truth.clone();
    for _ in 0..PADDING {
        claimed.output.extend(frames::encode(&[last], b"").expect("a token is no long frame"));
        claimed.rows.push(truth.rows[touched - 1]);
    }
    claimed.meters.tokens_written += PADDING;
    lies.push(Lie { name: "padding by the last row", claimed, touched });
    lies
}

#[test]
fn lies_about_the_end_and_the_length_of_a_text_are_found_at_the_first_token_that_they_touch() {
    let (world, sums) = (World::new(), shipped("models/sums/sums.gguf"));
    let told =
        |input, seed, more| Told { world: &world, model: &sums, input, seed, tokens: SUMS_TOKENS, more };
    for (seed, input) in (0..).zip(["27+58=", "389+456=", "90+19="]) {
        told(input, seed, ENDLESS).is_told_otherwise();
    }
    // Here it is the model that ends it, and the last token is the end.
    let told = told("27+58=", 7, "");
    let truth = told.written(SUMS_TOKENS, "");
    assert_eq!(truth.end, End::Stop);
    let (claimed, touched) = (told.written(SUMS_TOKENS, ENDLESS), truth.rows.len() - 1);
    told.convicts(&truth, &Lie { name: "padding behind the model's end", claimed, touched });
}

#[test]
#[ignore = "needs a real model"]
fn lies_about_the_end_and_the_length_of_real_texts_are_found_alike() {
    let Some(real) = real_model() else {
        eprintln!("no real model is named: nothing is tried");
        return;
    };
    let world = World::new();
    for (seed, input) in (0..).zip(QUESTIONS) {
        Told { world: &world, model: &real, input, seed, tokens: TOKENS, more: "" }.is_told_otherwise();
    }
}
