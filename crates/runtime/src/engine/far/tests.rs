//! Sessions at an engine of another process, whose both ends are here.

use std::{io::Write, thread};

use assay_engine::session::RowDigest;

use super::*;
use crate::{
    engine::{
        fixture::{self, sums},
        kept_sessions::KeptBytes,
        shared_engine::ModelPlace,
    },
    worker::{links, links_of},
};

const BOUNDS: SessionBounds = SessionBounds { positions: 100, rows_bytes: 1 << 16, asker: None };

fn engine() -> SharedEngine {
    let place = ModelPlace::Processor { model: Arc::new(sums()), threads: 1 };
    SharedEngine::start(place, KeptBytes::in_process(1 << 20)).unwrap()
}

/// What comes of a session whose other end does `act`.
fn served<T>(act: impl FnOnce(EngineLink) -> T) -> (T, io::Result<()>) {
    let engine = engine();
    let (ours, theirs) = links().unwrap().unwrap();
    thread::scope(|scope| {
        let serving = scope.spawn(|| serve(ours, &engine, BOUNDS));
        let acted = act(theirs);
        (acted, serving.join().unwrap())
    })
}

fn step(tokens: Vec<u32>, first: usize) -> ReadStep {
    ReadStep { keep: None, tokens, first }
}

#[test]
fn a_session_gives_what_its_model_does_and_its_description_has_the_vocabulary() {
    let ((), served) = served(|link| {
        let FarModel { vocabulary, tokens, .. } = FarModel::of(&link).unwrap();
        let asked = vocabulary.tokenize("27+58=", true).unwrap();
        let mut session = FarSession::new(link, tokens);
        let all = session.read(step(asked.clone(), 0)).unwrap();
        assert_eq!((all.first, all.digests.len()), (0, asked.len()));
        let again = ReadStep { keep: Some(0), ..step(asked.clone(), asked.len() - 1) };
        let last = session.read(again).unwrap();
        assert_eq!(last.first as usize, asked.len() - 1);
        assert_eq!(last.digests[..], all.digests[asked.len() - 1..]);
        assert!(all.logits.ends_with(&last.logits));
    });
    served.unwrap();
}

/// What a text gives of which half is expected, over a link with pages of so many bytes; to one who does not look at them,
/// if that is wanted.
fn given(pages_bytes: u64, looks: bool) -> Vec<GivenRows> {
    let (engine, text) = (engine(), fixture::tokens(60));
    let (ours, theirs) = links_of(pages_bytes).unwrap().unwrap();
    thread::scope(|scope| {
        let serving = scope.spawn(|| serve(ours, &engine, BOUNDS));
        let mut session = FarSession::new(theirs, engine.model().settings().vocabulary);
        session.pages = session.pages.filter(|_| looks);
        session.expect(text[30..].into()).unwrap();
        let mut given = vec![session.read(step(text[..30].to_vec(), 0)).unwrap()];
        given.extend(text[30..].iter().map(|token| session.read(step(vec![*token], 0)).unwrap()));
        given.push(session.read(ReadStep { keep: Some(20), ..step(text[20..].to_vec(), 38) }).unwrap());
        drop(session);
        serving.join().unwrap().unwrap();
        given
    })
}

#[test]
fn rows_have_the_same_bits_through_pages_of_any_length_and_over_the_socket() {
    let row_bytes = 4 * sums().settings().vocabulary;
    let expected = given(0, true);
    for rows in &expected {
        assert_eq!(rows.logits.len(), rows.digests.len() * row_bytes);
        for (row, digest) in rows.logits.chunks(row_bytes).zip(&rows.digests) {
            let row: Vec<f32> = row.as_chunks().0.iter().map(|logit| f32::from_le_bytes(*logit)).collect();
            assert_eq!(RowDigest::of(&row).0, digest.0);
        }
    }
    let row_bytes = row_bytes as u64;
    for pages_bytes in [row_bytes - 1, row_bytes, 3 * row_bytes, 1 << 20] {
        assert!(given(pages_bytes, true) == expected, "pages of {pages_bytes} bytes");
    }
    assert!(given(1 << 20, false) == expected, "who does not look at its pages");
}

#[cfg(target_os = "linux")]
#[test]
fn rows_that_fit_lie_in_pages_and_others_come_with_the_answer() {
    let engine = engine();
    let row_bytes = 4 * engine.model().settings().vocabulary;
    let (ours, theirs) = links_of(2 * row_bytes as u64).unwrap().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| serve(ours, &engine, BOUNDS));
        for (tokens, first, laid) in [(3, 1, true), (3, 0, false), (1, 0, true), (2, 0, true)] {
            let request = SessionRequest::Read { keep: None, first, has_pages: true };
            send(&mut &theirs, &request, &bytes(&fixture::tokens(tokens))).unwrap();
            let (reply, body) = receive(&mut &theirs, 1 << 20).unwrap().unwrap();
            let rows = tokens as usize - first as usize;
            let is_laid = matches!(reply, SessionReply::Laid { .. });
            assert_eq!(is_laid, laid, "{rows} rows: {reply:?}");
            assert_eq!(body.len(), rows * if laid { 32 } else { row_bytes + 32 });
        }
        drop(theirs);
    });
}

#[test]
fn what_is_too_much_is_refused_and_the_session_goes_on() {
    let ((), served) = served(|link| {
        let tokens = FarModel::of(&link).unwrap().tokens;
        let mut session = FarSession::new(link, tokens);
        let rows = BOUNDS.rows_bytes as usize / (4 * tokens) + 1;
        let refusals = [
            (step(vec![1; rows], 0), "rows at once"),
            (step(vec![1; 101], 100), "beyond the 100"),
            (step(vec![u32::MAX], 0), "beyond the vocabulary"),
            (step(Vec::new(), 0), "at least one token"),
            (step(vec![1], usize::MAX), "are given"),
        ];
        for (step, expected) in refusals {
            let Err(EngineError::Refused(why)) = session.read(step) else {
                panic!("{expected}: it is taken")
            };
            assert!(why.contains(expected), "{why}");
        }
        assert_eq!(session.read(step(vec![1, 2], 1)).unwrap().digests.len(), 1);
    });
    served.unwrap();
}

#[test]
fn a_session_that_goes_on_cannot_be_told_from_one_that_began_anew() {
    let text = fixture::tokens(60);
    let (said, asked) = (&text[..40], &text);
    let last = || step(asked.clone(), asked.len() - 1);
    let unknown = step([said, &[u32::MAX]].concat(), 40);
    let long = step([said, &[1; 61]].concat(), 100);
    let cases = [
        vec![ReadStep { keep: Some(0), ..last() }],
        vec![ReadStep { keep: Some(7), ..last() }],
        vec![unknown, step(text[20..40].to_vec(), 19)],
        vec![long, last()],
        vec![step(said.to_vec(), 39), ReadStep { keep: Some(30), ..step(text[30..].to_vec(), 29) }],
        vec![step(said.to_vec(), 0)],
    ];
    let run = |engine: &SharedEngine, asker: Option<Digest>, steps: &[ReadStep]| {
        let (ours, theirs) = links().unwrap().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| serve(ours, engine, SessionBounds { asker, ..BOUNDS }));
            let mut session = FarSession::new(theirs, engine.model().settings().vocabulary);
            let given = |step: &ReadStep| {
                let ReadStep { keep, tokens, first } = step;
                let step = ReadStep { keep: *keep, tokens: tokens.clone(), first: *first };
                session.read(step).map_err(|error| match error {
                    EngineError::Refused(why) => why,
                    EngineError::Lost(why) => panic!("{why}"),
                })
            };
            steps.iter().map(given).collect::<Vec<_>>()
        })
    };
    for steps in cases {
        let (engine, asker) = (engine(), Digest::of(b"somebody"));
        run(&engine, Some(asker), &[step(said.to_vec(), 39)]);
        assert!(engine.session(100, Some(asker), asked, 59).unwrap().len() == 40, "it was kept");
        assert_eq!(run(&engine, Some(asker), &steps), run(&engine, None, &steps), "{steps:?}");
    }
}

/// Asks for the last row of so many tokens.
fn ask(mut link: &EngineLink, count: u32) {
    let request = SessionRequest::Read { keep: None, first: u64::from(count) - 1, has_pages: false };
    send(&mut link, &request, &bytes(&fixture::tokens(count))).unwrap();
}

/// Has it.
fn hear(mut link: &EngineLink) {
    let (reply, _) = receive::<SessionReply>(&mut link, 1 << 20).unwrap().unwrap();
    assert!(matches!(reply, SessionReply::Given { rows: 1, .. }), "{reply:?}");
}

#[test]
fn a_session_that_is_given_up_at_any_time_gives_its_memory_back() {
    let model = Arc::new(sums());
    let place = ModelPlace::Processor { model: Arc::clone(&model), threads: 1 };
    let engine = SharedEngine::start(place, KeptBytes::in_process(1 << 20)).unwrap();
    let before = Arc::strong_count(&model);
    let session = engine.session(100, None, &[], 0).unwrap();
    assert_eq!(Arc::strong_count(&model), before + 1, "each session has its model, as long as it is there");
    drop(session);
    let give_up: [fn(&EngineLink); 4] = [
        // Before it has read anything.
        |_| {},
        // While it reads its prompt.
        |link| ask(link, 100),
        // Between two tokens.
        |link| {
            ask(link, 40);
            hear(link);
        },
        // At a token.
        |link| {
            ask(link, 40);
            hear(link);
            ask(link, 1);
        },
    ];
    for (place, give_up) in give_up.iter().enumerate() {
        let (ours, theirs) = links().unwrap().unwrap();
        thread::scope(|scope| {
            let serving = scope.spawn(|| serve(ours, &engine, BOUNDS));
            give_up(&theirs);
            drop(theirs);
            // An answer that nobody takes any more is no fault.
            let _ = serving.join().unwrap();
        });
        assert_eq!(Arc::strong_count(&model), before, "given up at {place}");
    }
}

#[test]
fn whoever_makes_no_sense_or_breaks_off_is_served_no_longer() {
    let long = [&[1, 0, 0, 0][..], &(4 * DRAFT_TOKENS_MAX as u64 + 1).to_le_bytes(), &[0]].concat();
    let unknown = [&[1, 0, 0, 0][..], &[0; 8], &[200]].concat();
    for (bytes, kind) in [
        (long, ErrorKind::InvalidData),
        (unknown, ErrorKind::InvalidData),
        (vec![1, 0, 0], ErrorKind::UnexpectedEof),
    ] {
        let ((), served) = served(|link| (&link).write_all(&bytes).unwrap());
        assert_eq!(served.unwrap_err().kind(), kind, "{bytes:?}");
    }
}
