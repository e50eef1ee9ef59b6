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

#[test]
fn a_notary_that_is_said_to_be_alone_waits_a_while_for_whoever_is_there_all_the_same() {
    let start = Instant::now();
    let mut confirming = Confirming::alone(start, unmarked());
    assert!(!confirming.suffices(start + SECOND * 9), "somebody may come");
    assert!(confirming.suffices(start + SECOND * 10) && !confirming.waits_alone(start + SECOND * 10));
    assert!(confirming.ask(peer(1), start + SECOND * 9));
    assert!(!confirming.suffices(start + SECOND * 10), "it may know more");
    confirming.note(peer(1), HeadAnswer::Given);
    assert!(confirming.suffices(start + SECOND * 10));
    assert_eq!(confirming.answered(), 1);
    for (is_empty, is_alone, waits_s) in
        [(false, true, Some(10)), (true, true, Some(1)), (false, false, None)]
    {
        let begun = Confirming::begun(start, is_empty, (is_alone, false), unmarked());
        assert_eq!(begun.most_wait, waits_s.map(Duration::from_secs), "{is_empty}, {is_alone}");
    }
    assert_eq!([true, false].map(|left| pages::read_left(&pages::left(left))), [true, false]);
}

#[test]
fn while_books_are_kept_comers_are_asked_and_those_who_are_there_in_turn() {
    let start = Instant::now();
    let mut afterwards = Afterwards::new(true, start);
    let (short, present) = (Duration::from_millis(249), || vec![peer(1), peer(2), peer(3)]);
    assert!(afterwards.asks_comer(start) && !afterwards.asks_comer(start + short), "not many at once");
    assert!(afterwards.asks_comer(start + SECOND));
    let mut asked: Vec<Option<PeerId>> =
        [0, 4, 5, 10].map(|second| afterwards.in_turn(present, start + SECOND * second)).to_vec();
    assert_eq!(asked.remove(1), None, "one in five seconds");
    asked.sort_unstable();
    assert_eq!(asked, [1, 2, 3].map(|name| Some(peer(name))), "each of them");
    assert_eq!(afterwards.in_turn(Vec::new, start + SECOND * 15), None, "nobody is there");
    assert!(afterwards.note_left(peer(1)) && !afterwards.note_left(peer(1)));
    assert_eq!(afterwards.left_by(), 1);
    let mut client = Afterwards::new(false, start);
    assert!(!client.asks_comer(start) && client.in_turn(present, start).is_none(), "it keeps no books");
}
