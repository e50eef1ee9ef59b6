//! How long a notary waits for those who may remember more than it does.

use std::path::Path;

use super::*;
use crate::disk::HomeDisk;

const SECOND: Duration = Duration::from_secs(1);

fn peer(name: u8) -> PeerId {
    PeerId([name; 32])
}

/// The mark of a home that has kept no books.
fn unmarked() -> BooksMark {
    BooksMark::of(Path::new("/nowhere"), HomeDisk::default())
}

/// A notary that has a journal, and when it began to ask.
fn confirming() -> (Confirming, Instant) {
    let start = Instant::now();
    (Confirming::new(start, false, true, unmarked()), start)
}

#[test]
fn one_answer_shortens_no_wait_for_others() {
    let (mut confirming, start) = confirming();
    assert!(confirming.ask(peer(1), start));
    confirming.note(peer(1), HeadAnswer::Given);
    assert!(!confirming.suffices(start + SECOND * 9), "others may still connect");
    assert!(confirming.ask(peer(2), start + SECOND * 9));
    assert!(!confirming.suffices(start + SECOND * 11), "another may still answer");
    confirming.note(peer(2), HeadAnswer::Missing);
    assert!(confirming.suffices(start + SECOND * 11));
    assert!(confirming.ask(peer(3), start + SECOND * 11));
    assert!(confirming.suffices(start + SECOND * 11), "who comes late holds nothing up");
}

#[test]
fn who_gives_no_answer_is_asked_again_after_a_while_and_its_silence_is_told() {
    let (mut confirming, start) = confirming();
    assert!(confirming.ask(peer(1), start));
    confirming.note(peer(1), HeadAnswer::Missing);
    assert!(!confirming.ask(peer(1), start + SECOND * 9), "at once");
    assert!(confirming.waits_alone(start + SECOND * 9), "nobody answered");
    assert!(!confirming.waits_alone(start + SECOND * 9), "twice");
    assert!(confirming.ask(peer(1), start + SECOND * 10));
    confirming.note(peer(1), HeadAnswer::Given);
    assert!(!confirming.ask(peer(1), start + SECOND * 60), "it has answered");
    assert!(!confirming.suffices(start + SECOND * 19), "the first that answered was asked late");
    assert!(confirming.suffices(start + SECOND * 20));
}

#[test]
fn a_notary_without_a_journal_begins_soon_only_where_nobody_is_named() {
    let start = Instant::now();
    for (has_contacts, wait) in [(false, SECOND), (true, SECOND * 10)] {
        let mut confirming = Confirming::new(start, true, has_contacts, unmarked());
        assert!(!confirming.suffices(start + wait - Duration::from_millis(1)));
        assert!(confirming.suffices(start + wait));
        assert!(!confirming.waits_alone(start + SECOND * 60), "it goes on");
        assert!(confirming.ask(peer(1), start));
        confirming.note(peer(1), HeadAnswer::Given);
        assert_eq!(confirming.suffices(start), !has_contacts, "one answer is enough where nobody is named");
    }
    let (confirming, _) = self::confirming();
    assert!(!confirming.suffices(start + SECOND * 3_600), "one with a journal does not");
}

#[test]
fn a_notary_that_has_lost_its_journal_does_not_begin_anew() {
    let (home, start) = (tempfile::tempdir().unwrap(), Instant::now());
    let mark = BooksMark::of(home.path(), HomeDisk::default());
    mark.set().unwrap();
    let mut confirming = Confirming::new(start, true, false, mark);
    assert!(!confirming.suffices(start + SECOND * 3_600));
    assert!(confirming.waits_alone(start + SECOND * 60), "it is told");
    assert!(confirming.ask(peer(1), start));
    confirming.note(peer(1), HeadAnswer::Given);
    assert!(!confirming.suffices(start + SECOND * 9), "others may know more");
    assert!(confirming.suffices(start + SECOND * 10));
}
