//! Every family's rows: as ever, and the same whoever computes them and however they are asked for.

use std::{collections::BTreeMap, fs, sync::Arc};

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::Gguf,
    model::{Choices, Model},
    pack::Pack,
    session::{Processor, Row, Rows, Session, SessionStep},
};

use crate::{
    golden,
    shapes::{self, CONTEXT, Chance, Shape},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/models.txt");
const SEED: u64 = 17;

/// Beyond two borders of chunks where it is cheap, beyond one in the other models.
fn positions(shape: &Shape) -> usize {
    if shape.family == "llama" || shape.name == "gemma3" { 530 } else { 300 }
}

/// One digest over all logits, in the order of positions, and how far they spread.
#[derive(Default)]
struct Tally {
    hasher: blake3::Hasher,
    next: usize,
    count: f64,
    sum: f64,
    squares: f64,
}

impl Tally {
    fn take(&mut self, row: &Row<'_>) {
        assert_eq!(row.position, self.next, "rows come in order");
        self.next += 1;
        for logit in row.logits {
            self.hasher.update(&logit.to_le_bytes());
            self.count += 1.0;
            self.sum += f64::from(*logit);
            self.squares += f64::from(*logit).powi(2);
        }
    }

    fn digest(&self) -> String {
        self.hasher.finalize().to_hex()[..16].to_owned()
    }

    fn spread(&self) -> f64 {
        (self.squares / self.count - (self.sum / self.count).powi(2)).sqrt()
    }
}

/// The rows of all tokens, read in pieces of the sizes given, over and over.
fn rows(model: &Arc<Model>, cpu: Cpu, tokens: &[u32], sizes: &[usize]) -> Tally {
    let mut processor = Processor::new(Arc::clone(model), cpu);
    let mut session = Session::new(model, CONTEXT).expect("room");
    let mut tally = Tally::default();
    let (mut rest, mut sizes) = (tokens, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |size| *size).min(rest.len());
        let (now, later) = rest.split_at(size);
        processor.extend(&mut session, now, Rows::All, |row| tally.take(&row)).expect("a step");
        rest = later;
    }
    tally
}

/// Reads on after tokens were taken back, and in a fork.
fn taken_back(model: &Arc<Model>, cpu: Cpu, tokens: &[u32]) -> Tally {
    let mut processor = Processor::new(Arc::clone(model), cpu);
    let mut session = Session::new(model, CONTEXT).expect("room");
    let mut tally = Tally::default();
    let (first, rest) = tokens.split_at(tokens.len() / 2);
    processor.extend(&mut session, first, Rows::All, |row| tally.take(&row)).expect("a step");
    let other: Vec<u32> = rest.iter().rev().copied().collect();
    processor.extend(&mut session, &other, Rows::Last, |_| {}).expect("a step");
    session.truncate(first.len());
    let mut fork = session.fork();
    // What the first one reads on does not reach the fork.
    processor.extend(&mut session, &other, Rows::From(other.len()), |_| {}).expect("a step");
    processor.extend(&mut fork, rest, Rows::All, |row| tally.take(&row)).expect("a step");
    tally
}

/// In one pass with strangers, who come and go.
fn beside_strangers(model: &Arc<Model>, cpu: Cpu, tokens: &[u32]) -> Tally {
    let mut processor = Processor::new(Arc::clone(model), cpu);
    let mut chance = Chance::new(5);
    let vocabulary = model.settings().vocabulary;
    let mut session = Session::new(model, CONTEXT).expect("room");
    let mut strangers = [(); 2].map(|()| Session::new(model, CONTEXT).expect("room"));
    let mut tally = Tally::default();
    let mut rest = tokens;
    while !rest.is_empty() {
        let (now, later) = rest.split_at((1 + chance.below(40)).min(rest.len()));
        let others = [(); 2].map(|()| {
            let count = 1 + chance.below(9);
            chance.tokens(count, vocabulary)
        });
        let [one, two] = &mut strangers;
        one.truncate(200);
        two.truncate(3);
        let mut works = [
            SessionStep { session: one, tokens: &others[0], rows: Rows::Last },
            SessionStep { session: &mut session, tokens: now, rows: Rows::All },
            SessionStep { session: two, tokens: &others[1], rows: Rows::All },
        ];
        let mine = |work, row: Row<'_>| {
            if work == 1 {
                tally.take(&row);
            }
        };
        processor.step(&mut works, mine).expect("a step");
        rest = later;
    }
    tally
}

/// As a draft, whose tokens come one by one.
fn expected(model: &Arc<Model>, cpu: Cpu, tokens: &[u32]) -> Tally {
    let mut processor = Processor::new(Arc::clone(model), cpu);
    let mut session = Session::new(model, CONTEXT).expect("room");
    let mut tally = Tally::default();
    let (first, rest) = tokens.split_at(tokens.len() / 3);
    // In the end another token comes than was expected.
    let mut draft = rest.to_vec();
    let wrong = draft.len() * 2 / 3;
    draft[wrong] = (draft[wrong] + 1) % model.settings().vocabulary as u32;
    session.expect(&draft).expect("a draft");
    processor.extend(&mut session, first, Rows::All, |row| tally.take(&row)).expect("a step");
    for token in rest {
        processor.extend(&mut session, &[*token], Rows::Last, |row| tally.take(&row)).expect("a step");
    }
    tally
}

#[test]
fn each_model_gives_its_rows_as_ever() {
    let mut lines = BTreeMap::new();
    for shape in shapes::all() {
        let model = shape.model(SEED);
        let tokens = Chance::new(SEED + 1).tokens(positions(&shape), shape.vocabulary);
        let tally = rows(&model, Cpu::with(Isa::Scalar, 1), &tokens, &[tokens.len()]);
        assert!(tally.spread() >= 2.0, "{}: the logits spread by {:.2} alone", shape.name, tally.spread());
        lines.insert(shape.name, tally.digest());
    }
    let text: String = lines.iter().map(|(name, digest)| format!("{name}: {digest}\n")).collect();
    golden::check("models", &text);
}

/// What a model's rows are by the vectors.
fn written(name: &str) -> String {
    let lines = fs::read_to_string(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    let line = lines.lines().find_map(|line| {
        let (found, digest) = line.split_once(": ")?;
        (found == name).then(|| digest.to_owned())
    });
    line.unwrap_or_else(|| panic!("{name} has no vector"))
}

#[test]
fn whoever_computes_a_row_and_however_it_is_asked_for_its_bits_are_the_same() {
    for shape in shapes::all() {
        let model = shape.model(SEED);
        let tokens = Chance::new(SEED + 1).tokens(positions(&shape), shape.vocabulary);
        let written = written(shape.name);
        let check = |how: &str, isa: Isa, threads: usize, tally: Tally| {
            assert_eq!(tally.digest(), written, "{}: {how} by {isa}, {threads} threads", shape.name);
        };
        for isa in Isa::here().filter(|isa| *isa != Isa::Scalar) {
            let cpu = |threads| Cpu::with(isa, threads);
            check("all at once", isa, 1, rows(&model, cpu(1), &tokens, &[tokens.len()]));
            check("all at once", isa, 3, rows(&model, cpu(3), &tokens, &[tokens.len()]));
            check("one by one", isa, 1, rows(&model, cpu(1), &tokens, &[1]));
            check("in pieces", isa, 2, rows(&model, cpu(2), &tokens, &[7, 1, 100, 33]));
            check("after some were taken back", isa, 1, taken_back(&model, cpu(1), &tokens));
            check("beside strangers", isa, 2, beside_strangers(&model, cpu(2), &tokens));
            check("as a draft", isa, 1, expected(&model, cpu(1), &tokens));
        }
    }
}

#[test]
fn the_table_that_was_chosen_divides() {
    let shape = shapes::named("phi3 of two tables");
    let bytes = shape.file(SEED);
    let file = Gguf::parse(&bytes).expect("a file");
    let pack = Pack::of_file(&file, [0; 32]).expect("a model");
    let digest = |long| {
        let model = Arc::new(Model::load(&pack, Choices { long }).expect("a model"));
        rows(&model, Cpu::new(1), &[1, 2, 3, 4], &[4]).digest()
    };
    assert_ne!(digest(true), digest(false));
}

/// The folder that models are written to for other implementations.
const FOLDER: &str = "ASSAY_MODELS";

#[test]
#[ignore = "writes files for other implementations to the folder that ASSAY_MODELS names"]
fn every_model_is_written_with_its_tokens() {
    let folder = std::env::var(FOLDER).unwrap_or_else(|_| panic!("{FOLDER} names no folder"));
    for shape in shapes::all() {
        let tokens = Chance::new(SEED + 1).tokens(positions(&shape), shape.vocabulary);
        let words: Vec<String> = tokens.iter().map(u32::to_string).collect();
        fs::write(format!("{folder}/{}.gguf", shape.name), shape.file(SEED)).expect("a file");
        fs::write(format!("{folder}/{}.tokens", shape.name), words.join(" ")).expect("a file");
    }
}
