//! Sessions: what is refused, what is left behind, and what they show.

use std::sync::Arc;

use assay_engine::{
    cpu::Cpu,
    model::Model,
    session::{Processor, RowDigest, RowDigests, Rows, Session, SessionError, SessionStep},
};

use crate::shapes::{self, Chance};

fn model() -> Arc<Model> {
    shapes::named("llama").model(1)
}

/// One session on one processor: all cases go through here.
struct Desk {
    model: Arc<Model>,
    processor: Processor,
    session: Session,
}

impl Desk {
    fn new(capacity: usize) -> Self {
        let model = model();
        let processor = Processor::new(Arc::clone(&model), Cpu::new(1));
        let session = Session::new(&model, capacity).expect("room");
        Self { model, processor, session }
    }

    fn read(&mut self, tokens: &[u32], rows: Rows) -> Result<Vec<(usize, RowDigest)>, SessionError> {
        let mut out = Vec::new();
        self.processor.extend(&mut self.session, tokens, rows, |row| {
            assert_eq!(row.digest, RowDigest::of(row.logits));
            out.push((row.position, row.digest));
        })?;
        Ok(out)
    }
}

#[test]
fn a_refused_step_leaves_the_session_as_it_was() {
    let mut desk = Desk::new(20);
    let before = desk.read(&[5, 6, 7], Rows::All).expect("a step");
    let refusals: [(&[u32], Rows, SessionError); 4] = [
        (&[], Rows::Last, SessionError::Empty),
        (&[8, 203], Rows::Last, SessionError::Token { token: 203, vocabulary: 203 }),
        (&[8; 18], Rows::Last, SessionError::Full { wanted: 21, capacity: 20 }),
        (&[8, 9], Rows::From(3), SessionError::Row { first: 3, count: 2 }),
    ];
    for (tokens, rows, why) in refusals {
        assert_eq!(desk.read(tokens, rows), Err(why));
        assert_eq!((desk.session.len(), desk.session.evidence().rows().len()), (3, before.len()));
    }
    let other = Session::new(&model(), 5).expect("room");
    desk.session = other;
    assert_eq!(desk.read(&[1], Rows::Last), Err(SessionError::Model));
    let too_long = Session::new(&desk.model, shapes::CONTEXT + 1).map(|_| ());
    let (wanted, context) = (shapes::CONTEXT + 1, shapes::CONTEXT);
    assert_eq!(too_long, Err(SessionError::Context { wanted, context }));
}

#[test]
fn one_bad_work_refuses_the_whole_step() {
    let mut desk = Desk::new(20);
    let mut other = Session::new(&desk.model, 2).expect("room");
    let mut works = [
        SessionStep { session: &mut desk.session, tokens: &[1, 2], rows: Rows::All },
        SessionStep { session: &mut other, tokens: &[1, 2, 3], rows: Rows::All },
    ];
    let refused = desk.processor.step(&mut works, |_, _| panic!("a row of a refused step"));
    assert_eq!(refused, Err(SessionError::Full { wanted: 3, capacity: 2 }));
    assert!(desk.session.is_empty() && other.is_empty());
}

#[test]
fn the_rows_that_are_asked_for_are_given() {
    let tokens = [3, 1, 4, 1, 5];
    let all = Desk::new(9).read(&tokens, Rows::All).expect("a step");
    assert_eq!(all.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(Desk::new(9).read(&tokens, Rows::Last).expect("a step"), all[4..]);
    assert_eq!(Desk::new(9).read(&tokens, Rows::From(2)).expect("a step"), all[2..]);
    assert_eq!(Desk::new(9).read(&tokens, Rows::From(5)).expect("a step"), []);
}

#[test]
fn evidence_is_of_the_rows_that_were_given_in_their_order() {
    let mut desk = Desk::new(9);
    let mut given = desk.read(&[3, 1, 4], Rows::From(1)).expect("a step");
    desk.session.truncate(1);
    given.extend(desk.read(&[2], Rows::Last).expect("a step"));
    let rows: Vec<RowDigest> = given.iter().map(|(_, digest)| *digest).collect();
    assert_eq!(desk.session.evidence().rows(), rows);
    assert_ne!(desk.session.evidence().digest(), RowDigests::default().digest());
    assert!(desk.session.fork().evidence().rows().is_empty(), "a fork has given no row");
}

#[test]
fn a_draft_is_handed_out_as_its_tokens_come_and_ends_where_another_does() {
    let tokens = Chance::new(3).tokens(60, 203);
    let alone = Desk::new(90).read(&tokens, Rows::All).expect("a step");
    for wrong in [0, 1, 17, 40, 59] {
        let mut desk = Desk::new(90);
        let mut draft = tokens[5..].to_vec();
        if wrong >= 5 {
            draft[wrong - 5] ^= 1;
        }
        desk.session.expect(&draft).expect("a draft");
        let mut rows = desk.read(&tokens[..5], Rows::All).expect("a step");
        assert_eq!(desk.session.len(), 5, "what is only expected was not read");
        // Whatever pieces they come in.
        for piece in tokens[5..].chunks(3) {
            rows.extend(desk.read(piece, Rows::All).expect("a step"));
        }
        assert_eq!(rows, alone, "another token at {wrong}");
    }
}

#[test]
fn a_draft_longer_than_the_room_is_used_as_far_as_there_is_room() {
    let tokens = Chance::new(4).tokens(30, 203);
    let alone = Desk::new(30).read(&tokens, Rows::All).expect("a step");
    let mut desk = Desk::new(30);
    desk.session.expect(&[&tokens[10..], &[1; 50]].concat()).expect("a draft");
    let mut rows = desk.read(&tokens[..10], Rows::All).expect("a step");
    for token in &tokens[10..] {
        rows.extend(desk.read(&[*token], Rows::Last).expect("a step"));
    }
    assert_eq!(rows, alone);
    assert_eq!(desk.read(&[1], Rows::Last), Err(SessionError::Full { wanted: 31, capacity: 30 }));
    assert_eq!(desk.session.expect(&[203]), Err(SessionError::Token { token: 203, vocabulary: 203 }));
}

#[test]
fn a_draft_that_was_taken_back_is_forgotten() {
    let tokens = Chance::new(6).tokens(40, 203);
    let alone = Desk::new(60).read(&tokens, Rows::All).expect("a step");
    let mut desk = Desk::new(60);
    desk.session.expect(&tokens[10..]).expect("a draft");
    desk.read(&tokens[..10], Rows::Last).expect("a step");
    desk.read(&tokens[10..15], Rows::Last).expect("a step");
    desk.session.truncate(7);
    let rows = desk.read(&tokens[7..], Rows::All).expect("a step");
    assert_eq!(rows, alone[7..]);
    // A fork in the middle of a draft has read what was read, and not what is expected.
    let mut desk = Desk::new(60);
    desk.session.expect(&tokens[10..]).expect("a draft");
    desk.read(&tokens[..10], Rows::Last).expect("a step");
    desk.session = desk.session.fork();
    assert_eq!(desk.session.len(), 10);
    assert_eq!(desk.read(&tokens[10..], Rows::All).expect("a step"), alone[10..]);
}
