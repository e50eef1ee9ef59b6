//! The ways to ask for the same rows: each gives the same bits.
//!
//! **Invariant:** a way reads all tokens and hands over each of their rows once, in order.

use std::sync::Arc;

use assay_engine::{
    cpu::Cpu,
    model::Model,
    session::{Processor, Row, Rows, Session, SessionStep},
};

use crate::shapes::Chance;

/// The rows of tokens.
pub(crate) type Way = fn(&Arc<Model>, Cpu, &[u32]) -> Tally;

/// What each is called, and on how many threads it is tried.
pub(crate) const WAYS: [(&str, usize, Way); 7] = [
    ("all at once", 1, at_once),
    ("all at once", 3, at_once),
    ("one by one", 1, one_by_one),
    ("in pieces", 2, in_pieces),
    ("after some were taken back and it was forked", 1, taken_back),
    ("beside strangers", 2, beside_strangers),
    ("as a draft", 1, expected),
];

/// Positions of a session: more than are read.
fn room(model: &Model) -> usize {
    model.settings().context.min(1024)
}

pub(crate) fn at_once(model: &Arc<Model>, cpu: Cpu, tokens: &[u32]) -> Tally {
    rows(model, cpu, tokens, &[tokens.len()])
}

fn one_by_one(model: &Arc<Model>, cpu: Cpu, tokens: &[u32]) -> Tally {
    rows(model, cpu, tokens, &[1])
}

fn in_pieces(model: &Arc<Model>, cpu: Cpu, tokens: &[u32]) -> Tally {
    let mut chance = Chance::new(3);
    let sizes: Vec<usize> = (0..50).map(|_| 1 + chance.below(100)).collect();
    rows(model, cpu, tokens, &sizes)
}

/// One digest over all logits, in the order of positions, and how far they spread.
#[derive(Default)]
pub(crate) struct Tally {
    hasher: blake3::Hasher,
    next: usize,
    count: f64,
    sum: f64,
    squares: f64,
}

impl Tally {
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        assert_eq!(row.position, self.next, "rows come in order");
        self.next += 1;
        for logit in row.logits {
            self.hasher.update(&logit.to_le_bytes());
            self.count += 1.0;
            self.sum += f64::from(*logit);
            self.squares += f64::from(*logit).powi(2);
        }
    }

    pub(crate) fn digest(&self) -> String {
        self.hasher.finalize().to_hex()[..16].to_owned()
    }

    pub(crate) fn spread(&self) -> f64 {
        (self.squares / self.count - (self.sum / self.count).powi(2)).sqrt()
    }
}

/// The rows of all tokens, read in pieces of the sizes given, over and over.
pub(crate) fn rows(model: &Arc<Model>, cpu: Cpu, tokens: &[u32], sizes: &[usize]) -> Tally {
    let mut processor = Processor::new(Arc::clone(model), cpu);
    let mut session = Session::new(model, room(model)).expect("room");
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
    let mut session = Session::new(model, room(model)).expect("room");
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
    let mut session = Session::new(model, room(model)).expect("room");
    let mut strangers = [(); 2].map(|()| Session::new(model, room(model)).expect("room"));
    let mut tally = Tally::default();
    let mut rest = tokens;
    while !rest.is_empty() {
        let (now, later) = rest.split_at((1 + chance.below(40)).min(rest.len()));
        let others = [(); 2].map(|()| {
            let count = 1 + chance.below(9);
            chance.tokens(count, vocabulary)
        });
        let [one, two] = &mut strangers;
        one.truncate(room(model) / 2);
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
    let mut session = Session::new(model, room(model)).expect("room");
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
