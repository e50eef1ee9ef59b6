//! What cards give: the bits of the processor, or a refusal that says what is missing.
//!
//! Where there is no driver, each test says so in one line and ends.

use std::sync::Arc;

use assay_engine::{
    cpu::Cpu,
    gpu::{Card, CardError, CardModel, CardSession},
    model::Model,
    session::{Processor, RowDigest, Rows, Session, SessionError},
};

use crate::shapes::{self, CONTEXT, Chance, Shape};

pub(crate) const SEED: u64 = 23;

/// The first card, if there is one. To open it compares every function.
pub(crate) fn card() -> Option<Arc<Card>> {
    if Card::list().is_empty() {
        eprintln!("no Vulkan device is here: cards are not tried");
        return None;
    }
    Some(Card::open(0).expect("a card that computes the arithmetic"))
}

/// As many as pass a border of chunks in the first model.
pub(crate) fn positions(shape: &Shape) -> usize {
    if shape.name == "llama" || shape.name == "gemma3 with caps" { 270 } else { 140 }
}

pub(crate) fn processor(model: &Arc<Model>, tokens: &[u32]) -> Vec<RowDigest> {
    let mut rows = Vec::new();
    let mut session = Session::new(model, CONTEXT).expect("room");
    let mut processor = Processor::new(Arc::clone(model), Cpu::new(1));
    processor.extend(&mut session, tokens, Rows::All, |row| rows.push(row.digest)).expect("a step");
    rows
}

pub(crate) fn extend(session: &mut CardSession, tokens: &[u32], size: usize) -> Vec<RowDigest> {
    let mut rows = Vec::new();
    for piece in tokens.chunks(size) {
        let before = session.len();
        let mut next = before;
        let take = |row: assay_engine::session::Row<'_>| {
            assert_eq!(row.position, next, "rows come in order");
            next += 1;
            rows.push(row.digest);
        };
        session.extend(piece, Rows::All, take).expect("a step");
        assert_eq!(session.len(), before + piece.len());
    }
    rows
}

#[test]
fn a_card_gives_the_rows_of_the_processor_however_it_is_asked() {
    let Some(card) = card() else { return };
    for shape in shapes::all() {
        let model = shape.model(SEED);
        let loaded = CardModel::load(&card, &model).unwrap_or_else(|error| panic!("{}: {error}", shape.name));
        let loaded = Arc::new(loaded);
        for capacity in [1, 300, CONTEXT] {
            let taken = CardSession::new(&loaded, capacity).expect("room").bytes();
            let most = loaded.session_bytes(capacity) as u64;
            assert!(taken <= most, "{}: {taken} of {most} bytes at {capacity} positions", shape.name);
        }
        let tokens = Chance::new(SEED + 1).tokens(positions(&shape), shape.vocabulary);
        let wanted = processor(&model, &tokens);
        let mut session = CardSession::new(&loaded, CONTEXT).expect("room");
        let half = tokens.len() / 2;
        for (how, size) in [("all at once", tokens.len()), ("in pieces", 33), ("one by one", 1)] {
            session.truncate(0);
            // Steps are as many as starts of kernels are cheap.
            let count = if size == 1 { half } else { tokens.len() };
            let found = extend(&mut session, &tokens[..count], size);
            let differ = found.iter().zip(&wanted).filter(|(a, b)| a != b).count();
            assert_eq!(differ, 0, "{}: {how}, {differ} of {count} rows differ", shape.name);
        }
        let other: Vec<u32> = tokens.iter().rev().copied().collect();
        extend(&mut session, &other[..20], 20);
        session.truncate(half);
        let mut fork = session.fork().expect("room");
        // What the one reads on does not reach the other.
        extend(&mut fork, &other[..30], 30);
        assert_eq!(extend(&mut session, &tokens[half..], 50), wanted[half..], "{}: truncated", shape.name);
        fork.truncate(half);
        assert_eq!(extend(&mut fork, &tokens[half..], 50), wanted[half..], "{}: forked", shape.name);
        assert_eq!(fork.evidence().rows().len(), 30 + tokens.len() - half);
    }
}

/// Every row of a text, asked for in steps of a few tokens while a draft is expected behind the first.
pub(crate) fn drafted(
    session: &mut CardSession,
    tokens: &[u32],
    draft: &[u32],
    sizes: &[usize],
) -> Vec<RowDigest> {
    let mut rows = Vec::new();
    let mut rest = tokens;
    for (step, size) in sizes.iter().cycle().enumerate() {
        let (piece, left) = rest.split_at(rest.len().min(*size));
        if step == 0 {
            session.expect(draft).expect("a draft");
        }
        rows.extend(extend(session, piece, size + 1));
        rest = left;
        if rest.is_empty() {
            return rows;
        }
    }
    rows
}

#[test]
fn what_is_expected_changes_no_row_on_a_card() {
    let Some(card) = card() else { return };
    for name in ["llama", "gemma3 with caps", "qwen3moe"] {
        let shape = shapes::named(name);
        let model = shape.model(SEED);
        let loaded = Arc::new(CardModel::load(&card, &model).expect("a model"));
        let tokens = Chance::new(SEED + 1).tokens(120, shape.vocabulary);
        let wanted = processor(&model, &tokens);
        let true_draft = &tokens[20..];
        let mut wrong = true_draft.to_vec();
        wrong[33] = (wrong[33] + 1) % shape.vocabulary as u32;
        let long: Vec<u32> = true_draft.iter().copied().cycle().take(700).collect();
        let mut session = CardSession::new(&loaded, 128).expect("room");
        for (how, draft) in [
            ("true", true_draft),
            ("short", &true_draft[..9]),
            ("wrong in the middle", &wrong),
            ("longer than the room", &long),
            ("foreign", &[7; 40]),
            ("none", &[]),
        ] {
            session.truncate(0);
            let found = drafted(&mut session, &tokens, draft, &[20, 1, 1, 17, 2]);
            assert_eq!(found, wanted, "{name}: {how}");
        }
        // What is taken back in the middle of a draft comes again, and a fork does not know the draft.
        session.truncate(0);
        drafted(&mut session, &tokens[..50], true_draft, &[20, 1]);
        let mut fork = session.resumed(30, 124).expect("room");
        session.truncate(40);
        assert_eq!(extend(&mut session, &tokens[40..], 11), wanted[40..], "{name}: taken back");
        assert_eq!(extend(&mut fork, &tokens[30..], 11), wanted[30..], "{name}: resumed with another room");
    }
}

#[test]
fn what_was_computed_ahead_is_not_computed_again() {
    let Some(card) = card() else { return };
    let shape = shapes::named("llama");
    let loaded = Arc::new(CardModel::load(&card, &shape.model(SEED)).expect("a model"));
    let tokens = Chance::new(SEED + 1).tokens(60, shape.vocabulary);
    let mut session = CardSession::new(&loaded, 64).expect("room");
    session.expect(&tokens[10..]).expect("a draft");
    session.extend(&tokens[..10], Rows::Last, |_| {}).expect("a step");
    let passes = session.passes();
    for token in &tokens[10..] {
        session.extend(&[*token], Rows::Last, |_| {}).expect("a step");
    }
    assert_eq!(session.passes(), passes, "layers ran again for what was expected");
}

#[test]
fn the_rows_that_are_wanted_come_and_no_others() {
    let Some(card) = card() else { return };
    let shape = shapes::named("llama");
    let model = shape.model(SEED);
    let loaded = Arc::new(CardModel::load(&card, &model).expect("a model"));
    let tokens = Chance::new(SEED + 1).tokens(60, shape.vocabulary);
    let wanted = processor(&model, &tokens);
    for (rows, first) in [(Rows::Last, 59), (Rows::All, 0), (Rows::From(37), 37), (Rows::From(60), 60)] {
        let mut session = CardSession::new(&loaded, 64).expect("room");
        let mut found = Vec::new();
        session.extend(&tokens, rows, |row| found.push((row.position, row.digest))).expect("a step");
        let expected: Vec<_> = wanted.iter().copied().enumerate().skip(first).collect();
        assert_eq!(found, expected, "{rows:?}");
        assert_eq!(session.evidence().rows(), &wanted[first..]);
    }
}

#[test]
fn a_refused_step_leaves_a_session_on_a_card_as_it_was() {
    let Some(card) = card() else { return };
    let shape = shapes::named("llama");
    let model = shape.model(SEED);
    let loaded = Arc::new(CardModel::load(&card, &model).expect("a model"));
    assert!(CardSession::new(&loaded, CONTEXT + 1).is_err());
    let mut session = CardSession::new(&loaded, 8).expect("room");
    session.extend(&[1, 2, 3], Rows::From(3), |_| {}).expect("a step");
    let vocabulary = shape.vocabulary;
    let token = vocabulary as u32;
    for (tokens, rows, refused) in [
        (vec![], Rows::All, SessionError::Empty),
        (vec![1, token], Rows::All, SessionError::Token { token, vocabulary }),
        (vec![1; 6], Rows::All, SessionError::Full { wanted: 9, capacity: 8 }),
        (vec![1], Rows::From(2), SessionError::Row { first: 2, count: 1 }),
    ] {
        let error = session.extend(&tokens, rows, |_| panic!("a row of a refused step"));
        assert_eq!(error, Err(CardError::Session(refused)));
        assert_eq!(session.len(), 3);
    }
    assert!(session.evidence().rows().is_empty());
}

#[test]
fn what_cards_do_not_run_is_refused_by_name() {
    let Some(card) = card() else { return };
    // More than a workgroup of any card holds.
    let width = 1 << 15;
    let (heads, key_heads, feed, vocabulary) = (2, 1, 32, 32);
    let wide = Shape { width, layers: 1, heads, key_heads, feed, vocabulary, ..shapes::named("llama") };
    let refused = CardModel::load(&card, &wide.model(SEED)).expect_err("it is too wide");
    assert!(
        matches!(refused, CardError::Large { what: "a width", found, .. } if found == width as u64),
        "{refused}"
    );
    let found = Card::list().len();
    assert_eq!(Card::open(found).err(), Some(CardError::Unknown { index: found, found }));
}
