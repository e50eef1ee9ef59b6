//! Texts to pieces of words: the kind of vocabulary that networks have which embed texts.
//!
//! A text is cleaned and, unless case matters, loses its marks and its capitals; it is cut at white space and around each
//! sign of punctuation and each ideograph; and each word becomes the longest piece that it begins with, and so on. A word
//! that cannot be cut so is unknown as a whole.
//!
//! **Invariant:** the same vocabulary and text give the same tokens for ever: nothing depends on a library's idea of Unicode.
//! A word is looked at in time that grows with its length times that of the longest piece.

mod folds;

use std::collections::HashMap;

use self::folds::{FoldedTo, Folds};
use crate::vocabulary::{
    Category, INPUT_BYTES_MAX, TOKEN_BYTES_MAX, TOKENS_MAX, TextError, VOCABULARY_BYTES_MAX,
};

/// What a piece begins with that does not begin a word.
const INSIDE: &str = "##";
/// Characters of a word; a longer one is unknown.
const WORD_CHARACTERS_MAX: usize = 100;
/// The token of a word that is unknown.
const UNKNOWN: &str = "[UNK]";
/// The token that a text begins with.
const BEGIN: &str = "[CLS]";
/// The token that a text ends with.
const END: &str = "[SEP]";

/// Why a vocabulary of pieces is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordPiecesError {
    /// It has no tokens, or more than are read.
    #[error("the vocabulary has {found} tokens, and 1 to {TOKENS_MAX} are read")]
    Tokens {
        /// How many it has.
        found: usize,
    },
    /// A token is longer than tokens are.
    #[error("token {token} has {found} bytes, and at most {TOKEN_BYTES_MAX} are read")]
    Long {
        /// The token.
        token: u32,
        /// How many bytes it has.
        found: usize,
    },
    /// All its texts together are longer than those of vocabularies are.
    #[error("the texts of the vocabulary have more than {VOCABULARY_BYTES_MAX} bytes together")]
    Large,
    /// Two tokens of one text.
    #[error("tokens {first} and {second} have the same text")]
    Twice {
        /// The first.
        first: u32,
        /// The other.
        second: u32,
    },
    /// A token that every text needs is missing.
    #[error("the vocabulary has no token {name}")]
    Missing {
        /// Its text.
        name: &'static str,
    },
}

/// A vocabulary of pieces of words.
#[derive(Debug)]
pub struct WordPieces {
    /// Those that begin a word.
    first: HashMap<Box<str>, u32>,
    /// Those that do not, without what says so.
    inside: HashMap<Box<str>, u32>,
    /// Bytes of the longest.
    longest: usize,
    unknown: u32,
    begin: u32,
    end: u32,
    /// Whether case and marks matter.
    cased: bool,
    folds: Folds,
}

impl WordPieces {
    /// Reads the texts of all tokens in order, a line each.
    ///
    /// # Errors
    /// [`WordPiecesError`].
    pub fn read(tokens: &str, cased: bool) -> Result<Self, WordPiecesError> {
        if tokens.len() > VOCABULARY_BYTES_MAX {
            return Err(WordPiecesError::Large);
        }
        let found = tokens.lines().count();
        if found == 0 || found > TOKENS_MAX {
            return Err(WordPiecesError::Tokens { found });
        }
        let (mut first, mut inside) = (HashMap::new(), HashMap::new());
        let mut longest = 0;
        for (text, token) in tokens.lines().zip(0..) {
            if text.len() > TOKEN_BYTES_MAX {
                return Err(WordPiecesError::Long { token, found: text.len() });
            }
            longest = longest.max(text.len());
            let before = match text.strip_prefix(INSIDE) {
                Some(text) => inside.insert(text.into(), token),
                None => first.insert(text.into(), token),
            };
            if let Some(first) = before {
                return Err(WordPiecesError::Twice { first, second: token });
            }
        }
        let named = |name: &'static str| first.get(name).copied().ok_or(WordPiecesError::Missing { name });
        let (unknown, begin, end) = (named(UNKNOWN)?, named(BEGIN)?, named(END)?);
        Ok(Self { unknown, begin, end, first, inside, longest, cased, folds: Folds::read() })
    }

    /// The token that a text begins with.
    #[must_use]
    pub const fn begin(&self) -> u32 {
        self.begin
    }

    /// The token that a text ends with.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.end
    }

    /// The tokens of a text, without those that it begins and ends with. Whatever stands in it is text.
    ///
    /// # Errors
    /// The text is too long.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>, TextError> {
        if text.len() > INPUT_BYTES_MAX {
            return Err(TextError::Long { found: text.len() });
        }
        let mut tokens = Vec::new();
        let mut word = String::new();
        for character in text.chars() {
            self.take(character, &mut word, &mut tokens);
        }
        self.finish(&mut word, &mut tokens);
        Ok(tokens)
    }

    /// Takes one character of a text: it goes on with the word, ends it, or is one by itself.
    fn take(&self, character: char, word: &mut String, tokens: &mut Vec<u32>) {
        match self.folds.fate(character, self.cased) {
            FoldedTo::Removed => {}
            FoldedTo::Space => self.finish(word, tokens),
            FoldedTo::Ideograph => {
                self.finish(word, tokens);
                word.extend(self.folds.becomes(character, self.cased));
                self.finish(word, tokens);
            }
            FoldedTo::Folded => {
                for folded in self.folds.becomes(character, self.cased) {
                    self.add(folded, word, tokens);
                }
            }
            FoldedTo::Kept => self.add(character, word, tokens),
        }
    }

    /// Adds a character to the word, unless it is punctuation, which is a word by itself.
    fn add(&self, character: char, word: &mut String, tokens: &mut Vec<u32>) {
        let alone = character.is_ascii_punctuation() || Category::of(character) == Category::Punctuation;
        if alone {
            self.finish(word, tokens);
        }
        word.push(character);
        if alone {
            self.finish(word, tokens);
        }
    }

    /// Cuts a word that is over, and begins another.
    fn finish(&self, word: &mut String, tokens: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        let before = tokens.len();
        if word.chars().count() > WORD_CHARACTERS_MAX || !self.cut(word, tokens) {
            tokens.truncate(before);
            tokens.push(self.unknown);
        }
        word.clear();
    }

    /// Adds the pieces of a word; false if one is missing.
    fn cut(&self, word: &str, tokens: &mut Vec<u32>) -> bool {
        let mut start = 0;
        while start < word.len() {
            let pieces = if start == 0 { &self.first } else { &self.inside };
            let rest = &word[start..];
            let ends = rest.char_indices().map(|(at, character)| at + character.len_utf8());
            let ends: Vec<usize> = ends.take_while(|end| *end <= self.longest).collect();
            let found = ends.iter().rev().find_map(|end| Some((*end, *pieces.get(&rest[..*end])?)));
            let Some((end, token)) = found else { return false };
            tokens.push(token);
            start += end;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nwant\n##want\n##ed\n,\nrunn\n##ing\n中\n文\nhe\nHe\n!\n##!";

    fn pieces(cased: bool) -> WordPieces {
        WordPieces::read(TOKENS, cased).unwrap()
    }

    fn texts(cased: bool, text: &str) -> String {
        let tokens: Vec<&str> = TOKENS.lines().collect();
        let read = pieces(cased).tokenize(text).unwrap();
        read.into_iter().map(|token| tokens[token as usize]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_word_is_cut_into_the_longest_pieces_from_its_beginning() {
        assert_eq!(texts(false, "unwanted, running"), "un ##want ##ed , runn ##ing");
        assert_eq!(texts(false, "unaffable!"), "un ##aff ##able !");
        assert_eq!(texts(false, "unwantedX running"), "[UNK] runn ##ing");
        assert_eq!((pieces(false).begin(), pieces(false).end()), (2, 3));
    }

    #[test]
    fn case_and_marks_are_lost_only_where_they_do_not_matter() {
        assert_eq!(texts(false, "\u{a0}UNWANTÉD\u{200d}\tHe"), "un ##want ##ed he");
        assert_eq!(texts(false, "hе\u{301}"), "[UNK]", "the letter is Cyrillic");
        assert_eq!(texts(true, "He UNwanted"), "He [UNK]");
    }

    #[test]
    fn signs_and_ideographs_are_words_by_themselves() {
        assert_eq!(texts(false, "want中文,he!!"), "want 中 文 , he ! !");
        assert_eq!(texts(false, " \n\u{3000} "), "");
        let old = WordPieces::read("[UNK]\n[CLS]\n[SEP]\n豈\n\u{f900}", true).unwrap();
        assert_eq!(old.tokenize("\u{f900}").unwrap(), [4]);
        let old = WordPieces { cased: false, ..old };
        assert_eq!(old.tokenize("\u{f900}").unwrap(), [3], "one way to write it");
    }

    #[test]
    fn what_names_a_token_in_a_text_is_text() {
        assert_eq!(texts(false, "[SEP]"), "[UNK] [UNK] [UNK]");
    }

    #[test]
    fn a_word_of_many_characters_is_unknown() {
        let pieces = WordPieces::read("[UNK]\n[CLS]\n[SEP]\na\n##a", false).unwrap();
        assert_eq!(pieces.tokenize(&"a".repeat(100)).unwrap().len(), 100);
        assert_eq!(pieces.tokenize(&"a".repeat(101)).unwrap(), [0]);
        let long = "a ".repeat(INPUT_BYTES_MAX / 2 + 1);
        assert_eq!(pieces.tokenize(&long).unwrap_err(), TextError::Long { found: long.len() });
    }

    #[test]
    fn a_vocabulary_that_is_none_is_refused() {
        let refused = |tokens: &str| WordPieces::read(tokens, false).unwrap_err();
        assert_eq!(refused(""), WordPiecesError::Tokens { found: 0 });
        assert_eq!(refused("[UNK]\na\n##a\na"), WordPiecesError::Twice { first: 1, second: 3 });
        assert_eq!(refused("[UNK]\n[CLS]"), WordPiecesError::Missing { name: "[SEP]" });
        let long = format!("a\n{}", "b".repeat(TOKEN_BYTES_MAX + 1));
        assert_eq!(refused(&long), WordPiecesError::Long { token: 1, found: TOKEN_BYTES_MAX + 1 });
        assert_eq!(refused(&"a\n".repeat(TOKENS_MAX + 1)), WordPiecesError::Tokens { found: TOKENS_MAX + 1 });
        assert_eq!(refused(&"a".repeat(VOCABULARY_BYTES_MAX + 1)), WordPiecesError::Large);
    }
}
