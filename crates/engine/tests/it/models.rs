//! Every family's rows: as ever, and the same whoever computes them and however they are asked for.

use std::{collections::BTreeMap, fs, sync::Arc};

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::Gguf,
    model::{Choices, Model},
    pack::Pack,
};

use crate::{
    golden,
    shapes::{self, Chance, Shape},
    ways::{WAYS, at_once, rows},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/models.txt");
const SEED: u64 = 17;

/// Beyond two borders of chunks where it is cheap, beyond one in the other models.
fn positions(shape: &Shape) -> usize {
    if shape.family == "llama" || shape.name == "gemma3" { 530 } else { 300 }
}

#[test]
fn each_model_gives_its_rows_as_ever() {
    let mut lines = BTreeMap::new();
    for shape in shapes::all() {
        let model = shape.model(SEED);
        let tokens = Chance::new(SEED + 1).tokens(positions(&shape), shape.vocabulary);
        let tally = at_once(&model, Cpu::with(Isa::Scalar, 1), &tokens);
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
        for isa in Isa::here().filter(|isa| *isa != Isa::Scalar) {
            for (how, threads, way) in WAYS {
                let tally = way(&model, Cpu::with(isa, threads), &tokens);
                assert_eq!(tally.digest(), written, "{}: {how} by {isa}, {threads} threads", shape.name);
            }
        }
    }
}

#[test]
fn the_probe_that_is_shipped_is_this_one() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime/src/class/probe.gguf");
    assert!(fs::read(shipped).expect("a file") == shapes::named("probe").file(SEED));
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
