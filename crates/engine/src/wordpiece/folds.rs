//! What becomes of each character before a text is cut into pieces of words, by a table.
//!
//! **Invariant:** the table is committed and of one version of Unicode; no library's update moves a token.

use crate::vocabulary::Category;

/// What `contrib/unicode/folds.py` wrote.
const TABLE: &str = include_str!("folds.txt");
/// Hangul syllables, which come apart by rule: the first and the last.
const SYLLABLES: [u32; 2] = [0xAC00, 0xD7A3];
/// The first leading consonant, vowel and trailing consonant that they are made of; the last is one before the first.
const JAMO: [u32; 3] = [0x1100, 0x1161, 0x11A7];
/// Syllables of a leading consonant, and of it and a vowel.
const SYLLABLES_OF: [u32; 2] = [588, 28];
/// Blocks of ideographs, each of which is a word.
const IDEOGRAPHS: [[u32; 2]; 8] = [
    [0x3400, 0x4DBF],
    [0x4E00, 0x9FFF],
    [0xF900, 0xFAFF],
    [0x20000, 0x2A6DF],
    [0x2A700, 0x2B73F],
    [0x2B740, 0x2B81F],
    [0x2B920, 0x2CEAF],
    [0x2F800, 0x2FA1F],
];

/// What becomes of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FoldedTo {
    /// It is no part of the text.
    Removed,
    /// It stands between words.
    Space,
    /// It is a word.
    Ideograph,
    /// Others stand for it.
    Folded,
    /// It stays as it is.
    Kept,
}

/// The table, read.
#[derive(Debug)]
pub(super) struct Folds {
    /// Runs of what is no part of any text, in order.
    removed: Vec<[u32; 2]>,
    /// Runs of marks, in order.
    marks: Vec<[u32; 2]>,
    /// What others stand for, in order.
    folded: Vec<(u32, Vec<char>)>,
}

impl Folds {
    pub(super) fn read() -> Self {
        let mut folds = Self { removed: Vec::new(), marks: Vec::new(), folded: Vec::new() };
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let (kind, points) = line.split_at(1);
            let points: Vec<u32> =
                points.split_whitespace().filter_map(|point| u32::from_str_radix(point, 16).ok()).collect();
            match (kind, &points[..]) {
                ("-", [first, last]) => folds.removed.push([*first, *last]),
                ("m", [first, last]) => folds.marks.push([*first, *last]),
                ("=", [point, becomes @ ..]) => {
                    let becomes = becomes.iter().filter_map(|point| char::from_u32(*point)).collect();
                    folds.folded.push((*point, becomes));
                }
                _ => unreachable!("the table has the line {line}"),
            }
        }
        folds
    }

    /// What becomes of a character; where case matters, marks and capitals stay.
    pub(super) fn fate(&self, character: char, cased: bool) -> FoldedTo {
        let point = u32::from(character);
        match () {
            () if is_in(&self.removed, point) => FoldedTo::Removed,
            () if Category::of(character) == Category::Space => FoldedTo::Space,
            () if is_in(&IDEOGRAPHS, point) => FoldedTo::Ideograph,
            () if cased => FoldedTo::Kept,
            () if is_in(&self.marks, point) => FoldedTo::Removed,
            () if is_in(&[SYLLABLES], point) || self.find(point).is_some() => FoldedTo::Folded,
            () => FoldedTo::Kept,
        }
    }

    /// What stands for a character; where case does not matter, it is without its marks and its case.
    pub(super) fn becomes(&self, character: char, cased: bool) -> Vec<char> {
        if cased {
            return vec![character];
        }
        let point = u32::from(character);
        let [first, last] = SYLLABLES;
        if (first..=last).contains(&point) {
            let place = point - first;
            let [of_lead, of_vowel] = SYLLABLES_OF;
            let places = [place / of_lead, place % of_lead / of_vowel, place % of_vowel];
            let parts = JAMO.iter().zip(places).map(|(jamo, place)| jamo + place);
            // Without a trailing consonant there are two.
            return parts.filter(|part| *part != JAMO[2]).filter_map(char::from_u32).collect();
        }
        self.find(point).map_or_else(|| vec![character], <[char]>::to_vec)
    }

    fn find(&self, point: u32) -> Option<&[char]> {
        let place = self.folded.binary_search_by_key(&point, |(point, _)| *point).ok()?;
        Some(&self.folded[place].1)
    }
}

/// Whether a code point is in one of these runs, which are in order.
fn is_in(runs: &[[u32; 2]], point: u32) -> bool {
    let behind = runs.partition_point(|[first, _]| *first <= point);
    behind.checked_sub(1).is_some_and(|place| point <= runs[place][1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_loses_its_marks_and_its_case() {
        let folds = Folds::read();
        let folded = |character: char| folds.becomes(character, false).into_iter().collect::<String>();
        assert_eq!(
            ["A", "É", "ǆ", "İ", "ẞ", "Ⅷ"].map(|text| folded(text.chars().next().unwrap())),
            ["a", "e", "ǆ", "i", "ß", "ⅷ"]
        );
        let syllables = ("\u{1112}\u{1161}\u{11AB}".to_owned(), "\u{1100}\u{1161}".to_owned());
        assert_eq!((folded('\u{D55C}'), folded('\u{AC00}')), syllables);
    }

    #[test]
    fn each_character_has_one_fate() {
        let folds = Folds::read();
        let fates = |cased| {
            ['\u{200d}', '\u{85}', '\t', '\u{3000}', '中', '\u{301}', 'É', '한', 'e', '\u{378}']
                .map(|character| folds.fate(character, cased))
        };
        use FoldedTo::{Folded, Ideograph, Kept, Removed, Space};
        assert_eq!(
            fates(false),
            [Removed, Removed, Space, Space, Ideograph, Removed, Folded, Folded, Kept, Kept]
        );
        assert_eq!(fates(true), [Removed, Removed, Space, Space, Ideograph, Kept, Kept, Kept, Kept, Kept]);
    }

    #[test]
    fn the_table_is_in_order() {
        let Folds { removed, marks, folded } = Folds::read();
        for runs in [removed, marks, IDEOGRAPHS.to_vec()] {
            assert!(runs.iter().all(|[first, last]| first <= last));
            assert!(runs.is_sorted_by(|[_, last], [first, _]| last < first));
        }
        assert!(folded.is_sorted_by(|(one, _), (other, _)| one < other) && folded.len() > 3_000);
    }
}
