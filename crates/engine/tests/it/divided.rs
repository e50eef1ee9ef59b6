//! Models whose first layers are the processor's and whose last are a card's: the rows of either alone.
//!
//! Where there is no driver, each test says so in one line and ends.

use std::sync::Arc;

use assay_engine::{
    cpu::Cpu,
    gpu::{Card, CardError, CardModel, CardPart, CardSession, CardStep},
    model::Model,
    session::{RowDigest, Rows, SessionError},
};

use crate::{
    gpu::{SEED, card, drafted, extend, positions, processor},
    shapes::{self, CONTEXT, Chance},
};

/// Positions of a session, more than are read.
const ROOM: usize = 300;

/// A model of which so many layers are on the card.
fn divided(card: &Arc<Card>, model: &Arc<Model>, layers: usize) -> Arc<CardModel> {
    let loaded = CardModel::load_last(card, model, layers, Cpu::new(2)).expect("a model");
    assert_eq!(loaded.layers(), layers);
    Arc::new(loaded)
}

#[test]
fn wherever_a_model_is_divided_its_rows_are_those_of_the_processor() {
    let Some(card) = card() else { return };
    for shape in shapes::all() {
        let model = shape.model(SEED);
        let tokens = Chance::new(SEED + 1).tokens(positions(&shape), shape.vocabulary);
        let all = processor(&model, &tokens);
        for layers in 0..=shape.layers {
            let name = format!("{}, {layers} of {} layers on the card", shape.name, shape.layers);
            let loaded = divided(&card, &model, layers);
            // Beyond a border of chunks in the middle, a few everywhere else.
            let count = if layers == shape.layers / 2 { tokens.len() } else { 48 };
            let (tokens, wanted) = (&tokens[..count], &all[..count]);
            let mut session = CardSession::new(&loaded, ROOM).expect("room");
            assert!(session.bytes() <= loaded.session_bytes(ROOM) as u64, "{name}");
            assert_eq!(extend(&mut session, tokens, count), wanted, "{name}: all at once");
            session.truncate(0);
            assert_eq!(extend(&mut session, tokens, 33), wanted, "{name}: in pieces");
            session.truncate(20);
            assert_eq!(extend(&mut session, &tokens[20..28], 1), wanted[20..28], "{name}: one by one");
            let mut fork = session.fork().expect("room");
            let other: Vec<u32> = tokens.iter().rev().copied().collect();
            extend(&mut session, &other[..11], 4);
            assert_eq!(extend(&mut fork, &tokens[28..], 50), wanted[28..], "{name}: forked");
            session.truncate(24);
            assert_eq!(extend(&mut session, &tokens[24..], 9), wanted[24..], "{name}: truncated");
            let mut resumed = session.resumed(16, count + 1).expect("room");
            assert_eq!(extend(&mut resumed, &tokens[16..], 30), wanted[16..], "{name}: resumed");
        }
    }
}

#[test]
fn what_is_expected_changes_no_row_of_a_divided_model() {
    let Some(card) = card() else { return };
    for name in ["llama", "gemma3 with caps", "gpt-oss"] {
        let shape = shapes::named(name);
        let model = shape.model(SEED);
        let loaded = divided(&card, &model, 1);
        let tokens = Chance::new(SEED + 1).tokens(120, shape.vocabulary);
        let wanted = processor(&model, &tokens);
        let true_draft = &tokens[20..];
        let mut wrong = true_draft.to_vec();
        wrong[33] = (wrong[33] + 1) % shape.vocabulary as u32;
        let mut session = CardSession::new(&loaded, 128).expect("room");
        for (how, draft) in [("true", true_draft), ("wrong in the middle", &wrong), ("foreign", &[7; 40])] {
            session.truncate(0);
            let found = drafted(&mut session, &tokens, draft, &[20, 1, 1, 17, 2]);
            assert_eq!(found, wanted, "{name}: {how}");
        }
        session.truncate(0);
        drafted(&mut session, &tokens[..50], true_draft, &[20, 1]);
        let mut fork = session.resumed(30, 124).expect("room");
        session.truncate(40);
        assert_eq!(extend(&mut session, &tokens[40..], 11), wanted[40..], "{name}: taken back");
        assert_eq!(extend(&mut fork, &tokens[30..], 11), wanted[30..], "{name}: resumed with another room");
    }
}

#[test]
fn what_was_computed_of_a_draft_takes_no_memory_once_nothing_is_expected() {
    let Some(card) = card() else { return };
    let shape = shapes::named("llama");
    let loaded = divided(&card, &shape.model(SEED), 1);
    let tokens = Chance::new(SEED + 1).tokens(ROOM, shape.vocabulary);
    let mut session = CardSession::new(&loaded, ROOM).expect("room");
    session.expect(&tokens[20..]).expect("a draft");
    extend(&mut session, &tokens[..20], 20);
    assert_eq!(session.processor_bytes(), 2 * loaded.page_bytes(), "it goes beyond a page");
    session.expect(&[]).expect("no draft");
    assert_eq!(session.processor_bytes(), loaded.page_bytes());
}

#[test]
fn sessions_on_a_card_read_together_and_change_no_bit_of_each_other() {
    let Some(card) = card() else { return };
    for name in ["llama", "gpt-oss"] {
        let shape = shapes::named(name);
        let model = shape.model(SEED);
        let whole = Arc::new(CardModel::load(&card, &model).expect("a model"));
        for loaded in [whole, divided(&card, &model, 1)] {
            let mut chance = Chance::new(SEED + 2);
            let texts = [90, 60, 75].map(|count| chance.tokens(count, shape.vocabulary));
            let mut sessions = texts.each_ref().map(|_| CardSession::new(&loaded, 128).expect("room"));
            sessions[1].expect(&texts[1][20..]).expect("a draft");
            let mut found: [Vec<RowDigest>; 3] = Default::default();
            let mut done = [0; 3];
            while done.iter().zip(&texts).any(|(done, text)| *done < text.len()) {
                let mut works = Vec::new();
                let mut whose = Vec::new();
                for (number, (session, text)) in sessions.iter_mut().zip(&texts).enumerate() {
                    let begin = done[number];
                    // One is read through, one as its draft says, one by a token at a time and then by many.
                    let size = [37, 20, 1 + begin][number];
                    done[number] = text.len().min(begin + size);
                    if begin < text.len() {
                        works.push(CardStep { session, tokens: &text[begin..done[number]], rows: Rows::All });
                        whose.push(number);
                    }
                }
                let take = |work: usize, row: assay_engine::session::Row<'_>| {
                    let rows = &mut found[whose[work]];
                    assert_eq!(row.position, rows.len(), "rows come in order");
                    rows.push(row.digest);
                };
                loaded.step(&mut works, take).expect("a step");
            }
            for (found, text) in found.iter().zip(&texts) {
                assert_eq!(*found, processor(&model, text), "{name}, {} layers on the card", loaded.layers());
            }
        }
    }
}

#[test]
fn a_step_of_several_is_refused_whole() {
    let Some(card) = card() else { return };
    let model = shapes::named("llama").model(SEED);
    let (one, other) = (divided(&card, &model, 1), divided(&card, &model, 1));
    let [mut first, mut second] = [&one, &one].map(|model| CardSession::new(model, 8).expect("room"));
    let mut stranger = CardSession::new(&other, 8).expect("room");
    let short = [1, 2, 3];
    let full = SessionError::Full { wanted: 9, capacity: 8 };
    for (tokens, refused) in [(vec![], SessionError::Empty), (vec![1; 9], full)] {
        let mut works = [
            CardStep { session: &mut first, tokens: &short, rows: Rows::All },
            CardStep { session: &mut second, tokens: &tokens, rows: Rows::All },
        ];
        let error = one.step(&mut works, |_, _| panic!("a row of a refused step"));
        assert_eq!(error, Err(CardError::Session(refused)));
    }
    let mut works = [CardStep { session: &mut stranger, tokens: &short, rows: Rows::Last }];
    let error = one.step(&mut works, |_, _| panic!("a row of a refused step"));
    assert_eq!(error, Err(CardError::Session(SessionError::Model)));
    assert!(first.is_empty() && second.is_empty() && stranger.is_empty());
}

#[test]
fn the_less_room_there_is_the_fewer_layers_go_on_a_card() {
    for shape in shapes::all() {
        let model = shape.model(SEED);
        let within = |bytes| CardPart::within(&model, bytes, ROOM).expect("cards run it");
        assert_eq!([within(u64::MAX), within(0)], [Some(CardPart::Whole), None], "{}", shape.name);
        let layers = |bytes| within(bytes).map_or(0, |part| part.layers(shape.layers));
        let found: Vec<usize> = (0..512).map(|steps| layers(steps << 18)).collect();
        assert!(found.is_sorted(), "{}: {found:?}", shape.name);
        let beside = |positions| CardPart::within(&model, 1 << 27, positions).expect("cards run it");
        let found = [1, 257, 600, CONTEXT].map(beside).map(|part| part.map(|part| part.layers(shape.layers)));
        assert!(found.is_sorted_by(|short, long| short >= long), "{}: {found:?}", shape.name);
    }
}

#[test]
fn how_much_of_a_model_fits_is_known_before_it_is_loaded() {
    let Some(card) = card() else { return };
    for name in ["llama", "qwen3 of super-blocks", "gemma3", "gpt-oss", "qwen3moe"] {
        let shape = shapes::named(name);
        let model = shape.model(SEED);
        let within = |bytes| CardPart::within(&model, bytes, ROOM).expect("cards run it");
        let whole = CardModel::load(&card, &model).expect("a model");
        let whole = whole.weight_bytes() + whole.session_bytes(ROOM) as u64;
        assert_eq!(within(whole), Some(CardPart::Whole), "{name}");
        assert_eq!(within(u64::MAX), Some(CardPart::Whole), "{name}");
        let mut most = whole;
        for layers in (1..=shape.layers).rev() {
            let loaded = divided(&card, &model, layers);
            let bytes = loaded.weight_bytes() + loaded.session_bytes(ROOM) as u64;
            // Where logits come from the embeddings, all layers are the whole model.
            if bytes < most {
                assert_eq!(within(most - 1), Some(CardPart::Last(layers)), "{name}");
                assert_eq!(within(bytes), Some(CardPart::Last(layers)), "{name}");
            } else {
                assert!(shape.tied && bytes == most && layers == shape.layers, "{name}: {layers} layers");
            }
            let before = shape.layers - layers;
            assert_eq!(loaded.page_bytes(), before * model.settings().layer_page_bytes(), "{name}");
            most = bytes;
        }
        assert_eq!(within(most - 1), None, "{name}: not a layer");
    }
}
