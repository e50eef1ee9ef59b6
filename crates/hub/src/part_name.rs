//! What the parts of a model are called that was cut into several files: `big-00001-of-00003.gguf`.

use std::fmt;

/// How a file of a model of language ends, behind a dot.
pub const MODEL_ENDING: &str = "gguf";
/// Digits of each number.
const DIGITS: usize = 5;

/// The name of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartName<'a> {
    /// What stands before its number, in the names of all parts of the model.
    pub stem: &'a str,
    /// How many there are.
    pub parts: u32,
    /// Which it is, from one on.
    pub part: u32,
    /// How it ends behind a dot, as it is written.
    ending: &'a str,
}

impl<'a> PartName<'a> {
    /// What a name or a path says, if it is that of a part.
    #[must_use]
    pub fn of(name: &'a str) -> Option<Self> {
        let (stem, ending) = name.rsplit_once('.')?;
        let (rest, parts) = stem.rsplit_once("-of-")?;
        let (stem, part) = rest.rsplit_once('-')?;
        let is_number = |text: &str| text.len() == DIGITS && text.bytes().all(|digit| digit.is_ascii_digit());
        if !is_number(part) || !is_number(parts) || !ending.eq_ignore_ascii_case(MODEL_ENDING) {
            return None;
        }
        let (part, parts): (u32, u32) = (part.parse().ok()?, parts.parse().ok()?);
        (parts > 1 && (1..=parts).contains(&part)).then_some(Self { stem, parts, part, ending })
    }

    /// The names of all parts of the model, in their order.
    pub fn all(self) -> impl Iterator<Item = Self> {
        (1..=self.parts).map(move |part| Self { part, ..self })
    }

    /// Whether both are parts of one model.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.stem == other.stem && self.parts == other.parts
    }
}

impl fmt::Display for PartName<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stem, parts, part, ending } = self;
        write!(out, "{stem}-{part:0DIGITS$}-of-{parts:0DIGITS$}.{ending}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_known_by_its_name_and_so_are_the_others() {
        let part = PartName::of("quants/big-q4-00002-of-00003.GGUF").unwrap();
        assert_eq!((part.stem, part.part, part.parts), ("quants/big-q4", 2, 3));
        let all: Vec<String> = part.all().map(|part| part.to_string()).collect();
        let named = |part: u32| format!("quants/big-q4-0000{part}-of-00003.GGUF");
        assert_eq!(all, [named(1), named(2), named(3)]);
        assert!(part.is_beside(&PartName::of(&all[0]).unwrap()));
        for other in ["quants/big-q5-00001-of-00003.gguf", "quants/big-q4-00001-of-00004.gguf"] {
            assert!(!part.is_beside(&PartName::of(other).unwrap()), "{other}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_whole() {
        for whole in [
            "m.gguf",
            "m-00001-of-00001.gguf",
            "m-00000-of-00002.gguf",
            "m-00003-of-00002.gguf",
            "m-1-of-2.gguf",
            "m-+0001-of-00002.gguf",
            "m-00001-of-00002.bin",
            "of.gguf",
            ".gguf",
            "x",
            "ü-of-€",
        ] {
            assert_eq!(PartName::of(whole), None, "{whole}");
        }
    }
}
