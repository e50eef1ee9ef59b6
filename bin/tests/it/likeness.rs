//! Whether a program said what a page shows.
//!
//! **Invariant:** what is another in each run is forgiven, and nothing else: a name in hexadecimal digits for another one of
//! as many, the same wherever it stands; a length or a point of time for another; spaces that line up columns; and
//! whatever `…` stands for, within a line, or for any number of lines where a line is nothing else. A story is forgiven
//! more: which of its peers did something, and figures.

/// The fewest digits of a name that is printed, and of one that is typed.
const NAME_DIGITS_MIN: usize = 12;
const TYPED_DIGITS_MIN: usize = 6;
/// Who takes part in stories.
const CAST: [&str; 4] = ["ada", "ben", "cleo", "dan"];
/// What stands for anything.
const LEFT_OUT: &str = "…";
/// What lengths of time are counted in.
const UNITS: [&str; 4] = ["ms", "min", "s", "h"];
/// What stands before one that is shorter than the least of them.
const LESS: &str = "less than ";

/// What the page calls things, and what they are called in this run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Likeness {
    names: Vec<(String, String)>,
    is_story: bool,
}

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Letter(char),
    Name(&'a str),
    Time,
    Figure,
    Gap,
    Rest,
}

impl Likeness {
    /// Of a story, in which chance decides who does what.
    pub(crate) fn of_story() -> Self {
        Self { names: Vec::new(), is_story: true }
    }

    /// Whether these lines show what those say. Names that the page shows mean those of this run from then on.
    pub(crate) fn holds(&mut self, shown: &[String], said: &[String]) -> bool {
        match (shown, said) {
            ([], []) => true,
            ([gap, shown @ ..], _) if gap.trim() == "…" => {
                self.try_each(said.len(), |trial, skipped| trial.holds(shown, &said[skipped..]))
            }
            ([first, shown @ ..], [line, said @ ..]) => {
                self.like(&self.pieces(first), &self.pieces(line)) && self.holds(shown, said)
            }
            ([], _) | (_, []) => false,
        }
    }

    /// A command of the page as it is typed in this run.
    pub(crate) fn typed(&self, command: &str) -> String {
        renamed(command, TYPED_DIGITS_MIN, |word| {
            let (_, said) = self.names.iter().find(|(shown, _)| shown.starts_with(word))?;
            Some(said[..word.len()].to_owned())
        })
    }

    /// A line of this run as the page shows it.
    pub(crate) fn shown(&self, line: &str) -> String {
        renamed(line, NAME_DIGITS_MIN, |word| {
            // Of a name that the page shows in short and in full, the full one says more.
            let named = self.names.iter().filter(|(_, said)| are_one(said, word));
            let (shown, said) = named.max_by_key(|(shown, _)| shown.len())?;
            Some(shown.chars().take(word.len()).chain(word.chars().skip(said.len())).collect())
        })
    }

    /// These lines in the place of what the page shows: a line of it that leaves something out stays where it shows the one that
    /// stands there now, or any of them, if there are more or fewer.
    pub(crate) fn keeping(&self, shown: &[String], told: &[String]) -> Vec<String> {
        let is_as_long = shown.len() == told.len();
        let kept = |(place, line): (usize, &String)| {
            let stays = |(other, shown): &(usize, &String)| {
                let is_part = shown.contains(LEFT_OUT) && shown.trim() != LEFT_OUT;
                (*other == place || !is_as_long) && is_part && self.shows(shown, line)
            };
            shown.iter().enumerate().find(stays).map_or(line, |(_, shown)| shown).clone()
        };
        told.iter().enumerate().map(kept).collect()
    }

    /// Whether a line alone shows another one.
    fn shows(&self, shown: &str, told: &str) -> bool {
        let mut anew = Self { names: Vec::new(), is_story: self.is_story };
        anew.holds(&[shown.to_owned()], &[told.to_owned()])
    }

    fn like(&mut self, shown: &[Piece<'_>], said: &[Piece<'_>]) -> bool {
        for (place, piece) in shown.iter().enumerate() {
            // Each piece before this one was that of the same place.
            let left = said.get(place..).unwrap_or_default();
            let is_like = match (piece, left.first()) {
                (Piece::Rest, _) => {
                    let rest = &shown[place + 1..];
                    return self.try_each(left.len(), |trial, skipped| trial.like(rest, &left[skipped..]));
                }
                (Piece::Name(one), Some(Piece::Name(other))) => self.means(one, other),
                (one, Some(other)) => one == other,
                (_, None) => false,
            };
            if !is_like {
                return false;
            }
        }
        shown.len() == said.len()
    }

    /// Tries to pass over more and more, and keeps the names of the first try that holds.
    fn try_each(&mut self, count: usize, holds: impl Fn(&mut Self, usize) -> bool) -> bool {
        (0..=count).any(|skipped| {
            let mut trial = self.clone();
            let is_held = holds(&mut trial, skipped);
            if is_held {
                *self = trial;
            }
            is_held
        })
    }

    /// Whether one name can mean the other: both are new, or they are each other's already.
    fn means(&mut self, shown: &str, said: &str) -> bool {
        let is_of_cast = |name: &str| CAST.contains(&name);
        let is_possible = is_of_cast(shown) == is_of_cast(said)
            && (is_of_cast(shown) || shown.len() == said.len())
            && self.names.iter().all(|(one, other)| are_one(one, shown) == are_one(other, said));
        if is_possible {
            self.names.push((shown.to_owned(), said.to_owned()));
        }
        is_possible
    }

    fn pieces<'a>(&self, line: &'a str) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        let mut left = line.trim_end();
        let mut is_inside = false;
        while let Some(letter) = left.chars().next() {
            let found = if is_inside && letter.is_alphanumeric() { None } else { self.piece(left) };
            let (piece, length) = found.unwrap_or((Piece::Letter(letter), letter.len_utf8()));
            pieces.push(piece);
            is_inside = left[..length].ends_with(|last: char| last.is_alphanumeric());
            left = &left[length..];
        }
        pieces
    }

    /// What begins here and is more than a letter, and its bytes.
    fn piece<'a>(&self, text: &'a str) -> Option<(Piece<'a>, usize)> {
        if text.starts_with('…') {
            return Some((Piece::Rest, '…'.len_utf8()));
        }
        let spaces = length(text, |letter| letter == ' ');
        if spaces > 1 {
            return Some((Piece::Gap, spaces));
        }
        let word = &text[..length(text, char::is_alphanumeric)];
        if is_name(word, NAME_DIGITS_MIN) || self.is_story && CAST.contains(&word) {
            return Some((Piece::Name(word), word.len()));
        }
        let time = moment(text).or_else(|| time(text)).or_else(|| keyed_time(text));
        let figure = figure(text).filter(|_| self.is_story);
        time.map(|length| (Piece::Time, length)).or(figure.map(|length| (Piece::Figure, length)))
    }
}

/// Whether one is the beginning of the other.
fn are_one(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn is_name(word: &str, least: usize) -> bool {
    let is_hex = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    word.len() >= least && word.chars().all(is_hex) && word.contains(|letter: char| letter.is_ascii_digit())
}

/// The text with each name in it replaced, where there is something to replace it by.
fn renamed(text: &str, least: usize, name: impl Fn(&str) -> Option<String>) -> String {
    let words = text.split_inclusive(|letter: char| !letter.is_alphanumeric());
    let replaced = words.map(|word| {
        let bare = word.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        let other = Some(bare).filter(|bare| is_name(bare, least)).and_then(&name);
        other.map_or_else(|| word.to_owned(), |other| other + &word[bare.len()..])
    });
    replaced.collect()
}

/// How many bytes at the beginning are such letters.
fn length(text: &str, is_such: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !is_such(letter)).unwrap_or(text.len())
}

/// The bytes of a figure that the text begins with.
fn figure(text: &str) -> Option<usize> {
    let digits = length(text, |letter| letter.is_ascii_digit());
    let part =
        text[digits..].strip_prefix('.').map_or(0, |part| length(part, |letter| letter.is_ascii_digit()));
    (digits > 0).then_some(digits + if part > 0 { part + 1 } else { 0 })
}

/// The bytes of a length of time.
fn time(text: &str) -> Option<usize> {
    let told = text.strip_prefix(LESS).unwrap_or(text);
    let digits = figure(told)?;
    let unit = told[digits..].strip_prefix(' ')?;
    let unit = &unit[..length(unit, char::is_alphanumeric)];
    UNITS.contains(&unit).then_some(text.len() - told.len() + digits + 1 + unit.len())
}

/// The bytes of the end of a key that says that it counts milliseconds, and of its figure.
fn keyed_time(text: &str) -> Option<usize> {
    let behind = text.strip_prefix("_ms")?;
    let behind = &behind[length(behind, |letter| letter.is_ascii_lowercase() || letter == '_')..];
    let figure = behind.strip_prefix("\": ")?;
    let digits = length(figure, |letter| letter.is_ascii_digit());
    (digits > 0).then_some(text.len() - figure.len() + digits)
}

/// The bytes of a day, or of a point of time, as people read it or as RFC 3339 writes it.
fn moment(text: &str) -> Option<usize> {
    let day = text.get(..10).filter(|day| has_shape(day, "0000-00-00"))?;
    let behind = |shape: &str| text.get(10..10 + shape.len()).filter(|at| has_shape(at, shape));
    let at = behind("T00:00:00.000Z").or_else(|| behind(" 00:00:00"));
    Some(day.len() + at.map_or(0, str::len))
}

fn has_shape(text: &str, shape: &str) -> bool {
    let shape_of = |letter: char| if letter.is_ascii_digit() { '0' } else { letter };
    text.chars().map(shape_of).eq(shape.chars())
}

/// What a page shows, without what was told otherwise this time: where that has as many lines, each stays as far as both are
/// the same.
pub(crate) fn loosened(likeness: &Likeness, shown: &[String], told: &[String]) -> Vec<String> {
    if shown.len() != told.len() {
        return likeness.keeping(shown, told);
    }
    let line = |(shown, told): (&String, &String)| match likeness.shows(shown, told) {
        true if shown.contains(LEFT_OUT) => shown.clone(),
        // A name in it may be that of another by now.
        true => told.clone(),
        false => what_stays(shown, told),
    };
    shown.iter().zip(told).map(line).collect()
}

/// How two lines begin and end, in whole words and figures.
fn what_stays(one: &str, other: &str) -> String {
    let [one, other] = [one, other].map(|line| line.chars().collect::<Vec<char>>());
    let is_apart = |letter: &char| !letter.is_alphanumeric() && !['.', '-', '_'].contains(letter);
    let begin = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let begin = one[..begin].iter().rposition(is_apart).map_or(0, |last| last + 1);
    let most = one.len().min(other.len()) - begin;
    let ends = one.iter().rev().zip(other.iter().rev()).take(most);
    let end = one.len() - ends.take_while(|(one, other)| one == other).count();
    let end = one[end..].iter().position(is_apart).map_or(one.len(), |first| end + first);
    let text = |letters: &[char]| letters.iter().collect::<String>();
    text(&one[..begin]) + LEFT_OUT + &text(&one[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_another_in_each_run_is_forgiven_and_nothing_else() {
        let cases = [
            ("paid 0.05 in 12 ms", "paid 0.05 in 1.5 s", true),
            ("paid 0.05 in 12 ms", "paid 0.06 in 12 ms", false),
            ("heard 12 ms ago", "heard less than 1 ms ago", true),
            ("heard 12 ms ago", "heard less than once ago", false),
            ("at 2026-11-28T09:30:00.000Z", "at 2027-01-02T00:00:00.123Z", true),
            ("at 2026-11-28 09:30:00", "at 2027-01-02 00:00:01", true),
            ("at 2026-11-28 09:30", "at 2026-11-28 09:31", false),
            ("at 2026-11-28", "at noon", false),
            ("digits   0.05", "digits  0.05", true),
            ("digits 0.05", "digits  0.05", false),
            ("free: … MiB", "free: 123 MiB", true),
            ("free: … MiB", "free: 123 KiB", false),
            ("one\n…\nfour", "one\ntwo\nthree\nfour", true),
            ("one\n…\nfour", "one\nfour\nfive", false),
            ("by 0123456789ab, and 0123456789ab", "by aaaaaaaaaaa1, and aaaaaaaaaaa1", true),
            ("by 0123456789ab, and 0123456789ab", "by aaaaaaaaaaa1, and aaaaaaaaaaa2", false),
            ("by 0123456789ab, and ba9876543210", "by aaaaaaaaaaa1, and aaaaaaaaaaa1", false),
            ("by 0123456789ab", "by 0123456789abcd", false),
            ("ada is paid", "ben is paid", false),
            ("\"run_ms\": 12,", "\"run_ms\": 7,", true),
            ("\"run_ms_before\": 12,", "\"run_ms_before\": 7,", true),
            ("\"run_ms\": 12,", "\"run_ms\": null,", false),
            ("\"checks\": 1", "\"checks\": 2", false),
        ];
        for (shown, said, is_like) in cases {
            assert_eq!(Likeness::default().holds(&lines(shown), &lines(said)), is_like, "{shown} | {said}");
        }
    }

    #[test]
    fn a_story_may_have_other_heroes_and_figures_and_no_other_course() {
        let shown = lines("ada reads it for 0.05\nada is paid");
        for (said, is_like) in [
            ("ben reads it for 0.047\nben is paid", true),
            ("ben reads it for 0.047\nada is paid", false),
            ("mallory reads it for 0.047\nmallory is paid", false),
        ] {
            assert_eq!(Likeness::of_story().holds(&shown, &lines(said)), is_like, "{said}");
        }
    }

    #[test]
    fn names_of_a_page_are_typed_as_those_of_the_run_and_shown_as_those_of_the_page() {
        let mut likeness = Likeness::default();
        assert!(likeness.holds(&lines("job 0123456789abcdef"), &lines("job a1a1a1a1a1a1a1a1")));
        assert_eq!(likeness.typed("job show 012345"), "job show a1a1a1");
        assert_eq!(likeness.typed("job show 999999"), "job show 999999");
        assert_eq!(likeness.shown("of a1a1a1a1a1a1, 2"), "of 0123456789ab, 2");
        assert!(likeness.holds(&lines("by 23456789abcd"), &lines("by b1b1b1b1b1b1")));
        assert!(likeness.holds(&lines("by 23456789abcdef01"), &lines("by b1b1b1b1b1b1b1b1")));
        assert_eq!(likeness.shown("of b1b1b1b1b1b1b1b1"), "of 23456789abcdef01", "not the tail of its own");
    }

    #[test]
    fn what_leaves_something_out_and_is_right_stays_in_a_page_that_is_written() {
        let shown = lines("free: … MiB\n…\nused: … MiB");
        let told = lines("free: 5 MiB\nmore: 1 MiB\nused: 5 KiB");
        assert_eq!(
            Likeness::default().keeping(&shown, &told),
            lines("free: … MiB\nmore: 1 MiB\nused: 5 KiB")
        );
    }

    #[test]
    fn what_was_told_otherwise_is_left_out_and_what_was_the_same_stays() {
        let cases = [
            ("free 4.97 credits", "free 4.9812 credits", "free … credits"),
            ("took 12 ms, at last", "took 7 ms, at last", "took 7 ms, at last"),
            ("a key: assay-x1", "a key: assay-y", "a key: …"),
            ("1 of 2", "1 of 2", "1 of 2"),
            ("aa b aa", "aa aa", "aa …"),
            ("1 job of 2", "3 job of 2", "… job of 2"),
        ];
        for (shown, told, stays) in cases {
            assert_eq!(loosened(&Likeness::default(), &lines(shown), &lines(told)), lines(stays), "{shown}");
        }
        assert_eq!(loosened(&Likeness::default(), &lines("one"), &lines("one\ntwo")), lines("one\ntwo"));
    }
}
