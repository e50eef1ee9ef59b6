//! Vocabularies: texts to tokens and back, by the tables of a model's file.
//!
//! Two kinds cover the models in use. One cuts a text into words (`split`) and joins the bytes of each by ranked merges;
//! the other joins the characters of the whole text by the scores of its tokens, and writes a space as a mark.
//!
//! **Invariant:** the same file and text give the same tokens for ever: nothing depends on a library's idea of Unicode. A
//! text of n bytes takes O(n log n), and whatever the file, reading it ends within the bounds below.

mod bytes;
mod error;
mod load;
mod marks;
mod merge;
mod special;
mod split;
mod tokenize;
mod unicode;

use std::collections::HashMap;

pub use self::error::{TextError, VocabularyError};
pub(crate) use self::unicode::Category;
use self::{
    merge::{Merges, Symbol},
    special::{Fragment, Specials},
    split::names::Splitting,
};
use crate::gguf::Gguf;

/// Tokens of a vocabulary; the largest in use has 262,144.
pub const TOKENS_MAX: usize = 1 << 20;
/// Merges of a vocabulary; the largest in use has 514,906.
pub const MERGES_MAX: usize = 1 << 20;
/// Bytes of a token's text.
pub const TOKEN_BYTES_MAX: usize = 1_024;
/// Bytes of all texts of a vocabulary, its merges' among them.
pub const VOCABULARY_BYTES_MAX: usize = 1 << 26;
/// Bytes of a text that is cut into tokens: more than the longest contexts in use hold. Cutting takes up to 60 bytes of
/// memory for each.
pub const INPUT_BYTES_MAX: usize = 1 << 22;
/// Steps of looking for special tokens in a text: one for each byte and each length that such tokens have, and more where
/// one may begin. About a second.
pub const SPECIAL_STEPS_MAX: usize = 1 << 30;

/// What a space is written as where pieces are made of characters.
const SPACE: char = '\u{2581}';

/// The text of a token, as a file writes it.
type Text = Box<[u8]>;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// A piece of text.
    Normal,
    /// Stands for what has no token.
    Unknown,
    /// Means something to programs, and is no text.
    Control,
    /// A piece of text that is never cut.
    UserDefined,
    /// Nothing.
    Unused,
    /// A byte that is part of no other token.
    Byte,
}

impl TokenType {
    const fn from_code(code: i32) -> Self {
        match code {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            6 => Self::Byte,
            _ => Self::Unused,
        }
    }
}

/// How pieces are joined.
#[derive(Debug)]
enum Joining {
    Merges { scheme: Splitting, merges: Merges },
    Scores { ranks: Vec<u32> },
}

/// The tokens that begin and end texts and answers.
#[derive(Debug)]
struct Ends {
    bos: Option<u32>,
    eos: Option<u32>,
    eot: Option<u32>,
    /// All that an answer ends with, in order.
    all: Vec<u32>,
}

/// The vocabulary of a model.
#[derive(Debug)]
pub struct Vocabulary {
    texts: Vec<Text>,
    types: Vec<TokenType>,
    /// Tokens, and the pieces between them that only merges know.
    by_text: HashMap<Text, Symbol>,
    byte_symbols: [Option<Symbol>; 256],
    joining: Joining,
    /// Whether pieces are made of characters, and not of bytes.
    raw: bool,
    /// Whether a space is put before what begins a text or follows a special token.
    prefixes: bool,
    specials: Specials,
    /// Bytes of the longest token.
    longest: usize,
    ends: Ends,
    begins: bool,
    finishes: bool,
    template: Option<String>,
}

impl Vocabulary {
    /// Reads the vocabulary of a file.
    ///
    /// # Errors
    /// Says what is wrong with it, or that its kind is not known.
    pub fn read(gguf: &Gguf<'_>) -> Result<Self, VocabularyError> {
        load::read(gguf)
    }

    /// How many tokens there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.texts.len()
    }

    /// Never: a vocabulary without tokens is refused.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The token that a text begins with.
    #[must_use]
    pub const fn bos(&self) -> Option<u32> {
        self.ends.bos
    }

    /// The token that a text ends with.
    #[must_use]
    pub const fn eos(&self) -> Option<u32> {
        self.ends.eos
    }

    /// The token that a turn of a conversation ends with.
    #[must_use]
    pub const fn eot(&self) -> Option<u32> {
        self.ends.eot
    }

    /// All tokens that an answer ends with, in order.
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends.all
    }

    /// Whether an answer ends with a token.
    #[must_use]
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.all.binary_search(&token).is_ok()
    }

    /// Whether the model wants texts to begin with [`Self::bos`], which it then has.
    #[must_use]
    pub const fn begins(&self) -> bool {
        self.begins
    }

    /// Whether the model wants texts to end with [`Self::eos`], which it then has.
    #[must_use]
    pub const fn finishes(&self) -> bool {
        self.finishes
    }

    /// The template that conversations are written by, as the file has it.
    #[must_use]
    pub fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }

    /// What a token is.
    #[must_use]
    pub fn token_type(&self, token: u32) -> Option<TokenType> {
        self.types.get(token as usize).copied()
    }

    /// The token of a text, if it is the whole of one, as the file writes it.
    #[must_use]
    pub fn token(&self, text: &str) -> Option<u32> {
        self.by_text.get(text.as_bytes()).copied().filter(|symbol| self.is_token(*symbol))
    }

    /// The tokens of a text, without what it may have to begin and to end with. Control tokens are found in it only if
    /// `special` says so: in what a stranger wrote they are text.
    ///
    /// # Errors
    /// The text is too long, or holds what the vocabulary has no token for.
    pub fn tokenize(&self, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        if text.len() > INPUT_BYTES_MAX {
            return Err(TextError::Long { found: text.len() });
        }
        let mut tokens = Vec::new();
        let mut behind_special = true;
        for fragment in self.specials.find(text.as_bytes(), special)? {
            match fragment {
                Fragment::Token(token) => tokens.push(token),
                Fragment::Text(range) => {
                    // Special tokens are whole characters, unless a file cuts one.
                    let text = text.as_bytes().get(range).unwrap_or_default();
                    self.fragment(&String::from_utf8_lossy(text), behind_special, &mut tokens)?;
                    behind_special = false;
                    continue;
                }
            }
            behind_special = true;
        }
        Ok(tokens)
    }

    /// The tokens of a text with what the model wants it to begin and to end with.
    ///
    /// # Errors
    /// As [`Self::tokenize`].
    pub fn tokenize_enclosed(&self, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        let mut tokens: Vec<u32> = self.ends.bos.filter(|_| self.begins).into_iter().collect();
        tokens.extend(self.tokenize(text, special)?);
        tokens.extend(self.ends.eos.filter(|_| self.finishes));
        Ok(tokens)
    }

    /// What a token adds to a text: bytes, which may be part of a character. Control tokens add nothing unless `special`
    /// says that they are to be seen, and numbers that are no token never do.
    #[must_use]
    pub fn piece(&self, token: u32, special: bool) -> Vec<u8> {
        let Some((text, token_type)) = self.texts.get(token as usize).zip(self.token_type(token)) else {
            return Vec::new();
        };
        match token_type {
            TokenType::Control | TokenType::Unknown if !special => Vec::new(),
            TokenType::Control | TokenType::Unknown | TokenType::UserDefined => text.to_vec(),
            TokenType::Unused => Vec::new(),
            TokenType::Byte => bytes::unhexadecimal(text).into_iter().collect(),
            TokenType::Normal if self.raw => unmark(text),
            TokenType::Normal => unspell(text),
        }
    }

    /// The text of tokens, as bytes. The space that [`Self::tokenize`] puts before a text, or what follows a special
    /// token, is taken away again.
    #[must_use]
    pub fn detokenize(&self, tokens: &[u32], special: bool) -> Vec<u8> {
        let mut text = Vec::new();
        let mut behind_special = true;
        for token in tokens {
            let piece = self.piece(*token, special);
            let prefixed =
                self.prefixes && behind_special && self.token_type(*token) == Some(TokenType::Normal);
            text.extend(piece.strip_prefix(b" ").filter(|_| prefixed).unwrap_or(&piece));
            behind_special = matches!(
                self.token_type(*token),
                Some(TokenType::Control | TokenType::Unknown | TokenType::UserDefined)
            );
        }
        text
    }
}

/// The bytes of a piece that is made of characters.
fn unmark(text: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(text) {
        Ok(text) => text.replace(SPACE, " ").into_bytes(),
        Err(_) => text.to_vec(),
    }
}

/// The bytes of a piece that is made of bytes; one that is not stands for itself.
fn unspell(text: &[u8]) -> Vec<u8> {
    let characters = std::str::from_utf8(text).ok().map(str::chars);
    let decoded = characters.and_then(|characters| characters.map(bytes::unspelled).collect());
    decoded.unwrap_or_else(|| text.to_vec())
}
