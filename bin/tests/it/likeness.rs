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
/// What lengths of time are counted in.
const UNITS: [&str; 4] = ["ms", "min", "s", "h"];

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
            let (shown, said) = self.names.iter().find(|(_, said)| are_one(said, word))?;
            Some(shown.chars().take(word.len()).chain(word.chars().skip(said.len())).collect())
        })
    }

    fn like(&mut self, shown: &[Piece<'_>], said: &[Piece<'_>]) -> bool {
        match (shown, said) {
            ([], []) => true,
            ([Piece::Rest, shown @ ..], _) => {
                self.try_each(said.len(), |trial, skipped| trial.like(shown, &said[skipped..]))
            }
            ([Piece::Name(shown), rest @ ..], [Piece::Name(said), tail @ ..]) => {
                self.means(shown, said) && self.like(rest, tail)
            }
            ([one, shown @ ..], [other, said @ ..]) => one == other && self.like(shown, said),
            ([], _) | (_, []) => false,
        }
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
        let time = moment(text).or_else(|| time(text));
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
    let digits = figure(text)?;
    let unit = text[digits..].strip_prefix(' ')?;
    let unit = &unit[..length(unit, char::is_alphanumeric)];
    UNITS.contains(&unit).then_some(digits + 1 + unit.len())
}

/// The bytes of a day, or of a point of time, as RFC 3339 writes them.
fn moment(text: &str) -> Option<usize> {
    let day = text.get(..10).filter(|day| has_shape(day, "0000-00-00"))?;
    let at = text.get(10..24).filter(|at| has_shape(at, "T00:00:00.000Z"));
    Some(day.len() + at.map_or(0, str::len))
}

fn has_shape(text: &str, shape: &str) -> bool {
    let shape_of = |letter: char| if letter.is_ascii_digit() { '0' } else { letter };
    text.chars().map(shape_of).eq(shape.chars())
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
            ("at 2026-11-28T09:30:00.000Z", "at 2027-01-02T00:00:00.123Z", true),
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
    }
}
