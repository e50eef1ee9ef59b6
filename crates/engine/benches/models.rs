//! What the tokens of a whole model cost on each instruction set that is here: read together, written one by one, and those of
//! eight sessions in one pass.
//!
//! **Invariant:** one thread; the model is the one that is shipped, which lies in the cache.

use std::sync::Arc;

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::Gguf,
    model::{Choices, Model},
    pack::Pack,
    session::{Processor, Rows, Session, SessionStep},
};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

const SUMS: &[u8] = include_bytes!("../../../models/sums/sums.gguf");
/// Tokens of a text.
const TOKENS: usize = 64;
/// Sessions of one pass.
const SESSIONS: usize = 8;

fn vectors() -> impl Iterator<Item = Isa> {
    Isa::here().filter(|isa| *isa != Isa::Scalar)
}

fn model() -> Arc<Model> {
    let file = Gguf::parse(SUMS).expect("the shipped model is one");
    let pack = Pack::of_file(&file, [0; 32]).expect("it can be packed");
    Arc::new(Model::load(&pack, Choices::default()).expect("it can be run"))
}

fn tokens() -> Vec<u32> {
    (0..TOKENS as u32).map(|place| place * 7 % 50).collect()
}

fn session(model: &Arc<Model>) -> Session {
    let mut session = Session::new(model, TOKENS).expect("room");
    session.keep_no_evidence();
    session
}

#[divan::bench(args = vectors())]
fn tokens_read_together(bencher: Bencher<'_, '_>, isa: Isa) {
    let (model, tokens) = (model(), tokens());
    let mut session = session(&model);
    let mut processor = Processor::new(model, Cpu::with(isa, 1));
    bencher.counter(ItemsCount::new(TOKENS)).bench_local(|| {
        session.truncate(0);
        processor.extend(&mut session, &tokens, Rows::Last, |_| {}).expect("a step");
    });
}

#[divan::bench(args = vectors())]
fn tokens_one_by_one(bencher: Bencher<'_, '_>, isa: Isa) {
    let (model, tokens) = (model(), tokens());
    let mut session = session(&model);
    let mut processor = Processor::new(model, Cpu::with(isa, 1));
    bencher.counter(ItemsCount::new(TOKENS)).bench_local(|| {
        session.truncate(0);
        for token in &tokens {
            processor.extend(&mut session, &[*token], Rows::Last, |_| {}).expect("a step");
        }
    });
}

#[divan::bench(args = vectors())]
fn tokens_of_eight_sessions(bencher: Bencher<'_, '_>, isa: Isa) {
    let (model, tokens) = (model(), tokens());
    let mut sessions: Vec<Session> = (0..SESSIONS).map(|_| session(&model)).collect();
    let mut processor = Processor::new(model, Cpu::with(isa, 1));
    bencher.counter(ItemsCount::new(SESSIONS * TOKENS)).bench_local(|| {
        sessions.iter_mut().for_each(|session| session.truncate(0));
        for token in &tokens {
            let next = std::slice::from_ref(token);
            let step = |session| SessionStep { session, tokens: next, rows: Rows::Last };
            let mut works: Vec<SessionStep<'_>> = sessions.iter_mut().map(step).collect();
            processor.step(&mut works, |_, _| {}).expect("a step");
        }
    });
}
