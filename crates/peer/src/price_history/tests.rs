//! Prices over weeks, with clocks that jump, strangers that flood, and files that were cut.

use std::fs;

use super::{price_file::PriceFile, *};

/// Some hour of 2026.
const FIRST: u64 = 498_000;

fn at(hour: u64) -> Timestamp {
    Timestamp(hour * HOUR_MS + 1_234)
}

fn look(model: u8, asked: &[u64]) -> PriceLook {
    let mut asked: Vec<Amount> = asked.iter().map(|amount| Amount(*amount)).collect();
    asked.sort_unstable();
    PriceLook { manifest: Digest([model; 32]), name: format!("model-{model}"), pinned: true, asked }
}

/// Hours and prices of a model.
fn spans(history: &PriceHistory, model: u8) -> Vec<(u64, u64, u64, u64)> {
    let course = &history.models[&Digest([model; 32])];
    let told = course
        .spans
        .iter()
        .map(|span| (span.since - FIRST, span.until - FIRST, span.lowest.0, span.middle.0));
    told.collect()
}

#[test]
fn a_price_that_stays_is_one_span_and_an_hour_nobody_saw_has_none() {
    let mut history = PriceHistory::default();
    for (hour, asked) in [(0, [5, 7, 9]), (1, [5, 7, 9]), (1, [4, 8, 9]), (2, [6, 8, 9]), (4, [6, 8, 9])] {
        history.note(at(FIRST + hour), vec![look(1, &asked)]);
    }
    assert_eq!(spans(&history, 1), [(0, 1, 5, 7), (1, 2, 4, 8), (2, 3, 6, 8), (4, 5, 6, 8)]);
    history.note(at(FIRST + 4), vec![look(1, &[9])]);
    assert_eq!(spans(&history, 1)[3], (4, 5, 6, 9), "the lowest of an hour is the lowest of all its looks");
    let [model] = &history.view()[..] else { panic!("{history:?}") };
    assert_eq!(
        (model.spans[0].since, model.spans[0].until),
        (Timestamp(FIRST * HOUR_MS), Timestamp((FIRST + 1) * HOUR_MS))
    );
}

#[test]
fn nothing_is_older_than_thirty_days_and_hours_that_were_not_are_forgotten() {
    let mut history = PriceHistory::default();
    for hour in 0..2_000 {
        history.note(at(FIRST + hour), vec![look(1, &[1 + hour % 2])]);
    }
    let told = spans(&history, 1);
    assert_eq!((told.len() as u64, told[0].0), (HOURS_KEPT, 2_000 - HOURS_KEPT));
    history.note(at(FIRST + 9_000), vec![look(2, &[3])]);
    assert_eq!(history.models.len(), 1, "what was offered a year ago is gone");
    // The clock is set right.
    history.note(at(FIRST + 2_000), vec![look(1, &[3])]);
    assert_eq!(spans(&history, 1), [(2_000, 2_001, 3, 3)]);
    assert_eq!(history.models.len(), 1, "nobody has seen tomorrow");
}

#[test]
fn names_of_strangers_displace_nobody() {
    let mut history = PriceHistory::default();
    let known = || vec![look(1, &[5]), PriceLook { pinned: false, ..look(2, &[5, 6, 7]) }];
    let flood = |turn: u8| {
        (0..200_u8).map(move |number| {
            let manifest = Digest([turn, number].repeat(16).try_into().unwrap());
            PriceLook { manifest, name: "free".to_owned(), pinned: false, asked: vec![Amount(0)] }
        })
    };
    for turn in 0..50 {
        let looks = known().into_iter().chain(flood(100 + turn)).collect();
        history.note(at(FIRST + u64::from(turn)), looks);
        assert!(history.models.len() <= MODELS_MAX);
    }
    for model in [1, 2] {
        assert_eq!(spans(&history, model)[0].1, 50, "model {model} was there all the time");
    }
    assert_eq!(history.view()[0].name, "model-1", "what the network pins comes first");
}

#[test]
fn a_file_is_read_back_as_what_was_noted_and_little_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices");
    let (mut file, mut history) = PriceFile::open(path.clone());
    assert_eq!(history, PriceHistory::default());
    let mut written = 0;
    for hour in 0..24 {
        // As many models as are remembered, whose prices change all the time.
        let looks =
            (0..MODELS_MAX as u8).map(|model| look(model, &[1 + hour, 9 + u64::from(model)])).collect();
        history.note(at(FIRST + hour), looks);
        let before = fs::metadata(&path).map_or(0, |file| file.len());
        file.add(&history, FIRST + hour).unwrap();
        written += fs::metadata(&path).unwrap().len().abs_diff(before);
    }
    assert!(written < 500_000, "{written} bytes in a day");
    assert_eq!(PriceFile::open(path.clone()).1, history);
    // Half a line, as after a crash, and one of somebody's own.
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("# mine\n{text}{}", &text[..40])).unwrap();
    assert_eq!(PriceFile::open(path).1, history);
}

#[test]
fn a_file_that_grew_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices");
    let (mut file, mut history) = PriceFile::open(path.clone());
    let mut longest = 0;
    for hour in 0..3_000 {
        history.note(at(FIRST + hour), vec![look(1, &[1 + hour % 2]), look(2, &[7])]);
        file.add(&history, FIRST + hour).unwrap();
        longest = longest.max(fs::metadata(&path).unwrap().len());
    }
    assert!(longest < 600_000, "it had {longest} bytes");
    assert_eq!(PriceFile::open(path).1, history);
}
