//! Text cut into tokens in every way.

use super::*;

/// What is given for bytes cut at some places, and where it ended.
fn given(stops: &[&str], pieces: &[&[u8]]) -> (Vec<String>, bool) {
    let mut text = Text::new(stops.iter().map(|stop| (*stop).to_owned()).collect());
    let mut given = Vec::new();
    for piece in pieces {
        let clear = text.push(piece);
        given.push(clear.text);
        if clear.stopped {
            assert_eq!(text.finish(), "");
            return (given, true);
        }
    }
    given.push(text.finish());
    (given, false)
}

fn check(stops: &[&str], pieces: &[&[u8]], expected: &[&str], stopped: bool) {
    assert_eq!(given(stops, pieces), (expected.iter().map(|text| (*text).to_owned()).collect(), stopped));
}

#[test]
fn characters_are_held_back_until_they_are_whole() {
    check(&[], &[b"a\xE2", b"\x82", b"\xACb"], &["a", "", "€b", ""], false);
    check(&[], &[b"\xF0\x9F", b"\x98\x80"], &["", "😀", ""], false);
}

#[test]
fn what_can_become_no_character_is_replaced() {
    check(&[], &[b"\xE2", b"a"], &["", "\u{FFFD}a", ""], false);
    check(&[], &[b"\xFFa\xC3(", b"\x80"], &["\u{FFFD}a\u{FFFD}(", "\u{FFFD}", ""], false);
    check(&[], &[b"a\xE2\x82"], &["a", "\u{FFFD}"], false);
}

#[test]
fn what_may_become_a_stop_string_is_held_back() {
    check(&["</end>"], &[b"a<", b"/en", b"d>b"], &["a", "", ""], true);
    check(&["</end>"], &[b"a<", b"/en", b"t>b"], &["a", "", "</ent>b", ""], false);
    check(&["</end>"], &[b"a</en"], &["a", "</en"], false);
    check(&["\n\n"], &[b"a\n", b"b\n", b"\nc"], &["a", "\nb", ""], true);
    check(&["aab"], &[b"aa", b"ab"], &["", "a"], true);
}

#[test]
fn the_stop_string_that_begins_first_ends_the_text() {
    check(&["dd", "bc"], &[b"abcdd"], &["a"], true);
    check(&["cd", "bcde"], &[b"abcd"], &["ab"], true);
    check(&["bcde", "cd"], &[b"abc", b"d"], &["a", "b"], true);
    check(&["x"], &[b"\xE2x"], &["\u{FFFD}"], true);
    check(&["\u{20AC}"], &[b"a\xE2\x82", b"\xAC\xE2"], &["a", ""], true);
}

#[test]
fn the_same_bytes_give_the_same_text_however_they_are_cut() {
    let bytes = "ab€cd\u{1F600}</e></en\n\nd".as_bytes();
    let whole: String = given(&["</end>", "\n\n\n"], &[bytes]).0.concat();
    assert_eq!(whole.as_bytes(), bytes);
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            assert_eq!(
                given(&["</end>", "\n\n\n"], &pieces),
                (given(&["</end>", "\n\n\n"], &pieces).0, false)
            );
            assert_eq!(given(&["</end>", "\n\n\n"], &pieces).0.concat(), whole);
            let (stopped, ended) = given(&["d\u{1F600}"], &pieces);
            assert_eq!((stopped.concat().as_str(), ended), ("ab€c", true));
        }
    }
}
