//! What can be wrong with a vocabulary, and with a text.

use super::{
    INPUT_BYTES_MAX, MERGES_MAX, SPECIAL_LOOKUPS_MAX, TOKEN_BYTES_MAX, TOKENS_MAX, VOCABULARY_BYTES_MAX,
    split,
};
use crate::gguf::GgufError;

/// Why a file's vocabulary is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// A key is missing or holds something else.
    #[error(transparent)]
    Key(#[from] GgufError),
    /// A kind of vocabulary that is not read.
    #[error("the vocabulary is of the kind {kind}, and what is read is gpt2, llama, gemma4")]
    Kind {
        /// What the file calls it.
        kind: String,
    },
    /// A way to cut texts into words that is not known.
    #[error("the vocabulary cuts words by {name}, and what is known is {}", split::names::known())]
    Words {
        /// What the file calls it.
        name: String,
    },
    /// It has no tokens, or more than are read.
    #[error("the vocabulary has {found} tokens, and 1 to {TOKENS_MAX} are read")]
    Tokens {
        /// How many it has.
        found: usize,
    },
    /// It has more merges than are read.
    #[error("the vocabulary has {found} merges, and at most {MERGES_MAX} are read")]
    Merges {
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
    /// A list that is to have an item for each token is shorter.
    #[error("the key {key} has {found} items for {tokens} tokens")]
    Short {
        /// The key.
        key: &'static str,
        /// How many items it has.
        found: usize,
        /// How many tokens there are.
        tokens: usize,
    },
    /// A score that is no number.
    #[error("the score of token {token} is not a number")]
    Score {
        /// The token.
        token: u32,
    },
    /// A key names a token that does not exist.
    #[error("the key {key} names token {token}, and there are {tokens}")]
    NoToken {
        /// The key.
        key: String,
        /// The token it names.
        token: u32,
        /// How many there are.
        tokens: usize,
    },
    /// Texts are to begin or to end with a token that the file does not name.
    #[error("texts are to have the token of {key}, and the key is missing")]
    Unnamed {
        /// The key.
        key: &'static str,
    },
}

/// Why a text has no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is longer than texts are.
    #[error("the text has {found} bytes, and at most {INPUT_BYTES_MAX} are read")]
    Long {
        /// How many bytes it has.
        found: usize,
    },
    /// The vocabulary has no token for a byte of it.
    #[error("the vocabulary has no token for the byte {byte:#04x}")]
    Byte {
        /// The byte.
        byte: u8,
    },
    /// Looking for special tokens in it would take too long.
    #[error(
        "special tokens would have to be looked for at more than {SPECIAL_LOOKUPS_MAX} places of the text"
    )]
    Special,
}
