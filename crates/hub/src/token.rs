//! The token by which a hub knows its user.
//!
//! **Invariant:** it is written into requests to the hub and nowhere else: it has no text of its own, and what shows a
//! value that holds one shows none.

use std::fmt;

/// Bytes of a token.
const TOKEN_BYTES_MAX: usize = 1024;

/// The token of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token that this text is, without what stands around it; none, if it can be none.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_token =
            (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then(|| Self(text.to_owned()))
    }

    /// What stands in a request that is made with it.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_nothing_of_itself() {
        let token = Token::of(" hf_secret\n").unwrap();
        assert_eq!(token.header(), "Bearer hf_secret");
        assert!(!format!("{token:?}").contains("secret"));
        for text in ["", " ", "two words", "line\nbreak", "ü", &"t".repeat(1025)] {
            assert_eq!(Token::of(text), None, "{text:?}");
        }
    }
}
