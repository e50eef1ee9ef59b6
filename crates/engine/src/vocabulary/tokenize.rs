//! How a text without special tokens becomes tokens: cut into words where the vocabulary has any, taken apart into bytes or
//! characters, put together again as far as its tables go.
//!
//! **Invariant:** every byte of the text is part of one token, but for those that a vocabulary of merges has no token for.

use super::{
    Joining, SPACE, TextError, Vocabulary, bytes,
    merge::{Merges, Segment, Segments, Symbol},
    split::{self, Glyph, names::Splitting},
};

impl Vocabulary {
    /// The tokens of a text that has no special ones.
    pub(super) fn fragment(
        &self,
        text: &str,
        behind_special: bool,
        tokens: &mut Vec<u32>,
    ) -> Result<(), TextError> {
        let mut pieces = Segments::default();
        match &self.joining {
            Joining::Scores { ranks } => {
                let prefix = if self.prefixes && behind_special { " " } else { "" };
                let text = format!("{prefix}{text}").replace(' ', SPACE.encode_utf8(&mut [0; 4]));
                self.characters(&text, &mut pieces, |left, right| {
                    let joined = text.as_bytes().get(left.range().start..right.range().end)?;
                    let symbol = self.find(joined)?;
                    ranks.get(symbol as usize).map(|rank| (*rank, symbol))
                });
                self.take(text.as_bytes(), &pieces, tokens)
            }
            Joining::Merges { scheme, merges } => {
                let marked = self.raw.then(|| text.replace(' ', SPACE.encode_utf8(&mut [0; 4])));
                let glyphs: Vec<Glyph> = marked.as_deref().unwrap_or(text).chars().map(Glyph::of).collect();
                for word in split::split(scheme.passes, &glyphs) {
                    let word: String = word.iter().map(|glyph| glyph.character).collect();
                    self.word(&word, scheme, merges, &mut pieces, tokens)?;
                }
                Ok(())
            }
        }
    }

    fn word(
        &self,
        word: &str,
        scheme: &Splitting,
        merges: &Merges,
        pieces: &mut Segments,
        tokens: &mut Vec<u32>,
    ) -> Result<(), TextError> {
        // Ends of lines are tokens by their number, whatever the merges say.
        let whole = scheme.whole_words || (scheme.raw && word.starts_with('\n'));
        if whole && let Some(token) = self.whole(word) {
            tokens.push(token);
            return Ok(());
        }
        let join = |left: &Segment, right: &Segment| merges.find(left.symbol?, right.symbol?);
        if self.raw {
            self.characters(word, pieces, join);
        } else {
            pieces.clear();
            for byte in word.bytes() {
                pieces.push(self.byte_symbols[usize::from(byte)], 1);
            }
            pieces.merge(join);
        }
        self.take(word.as_bytes(), pieces, tokens)
    }

    /// The token that is a whole word.
    fn whole(&self, word: &str) -> Option<u32> {
        if word.len() > self.longest {
            return None;
        }
        let spelt: String =
            if self.raw { word.to_owned() } else { word.bytes().map(bytes::spelled).collect() };
        self.token(&spelt)
    }

    /// Joins the characters of a text.
    fn characters(
        &self,
        text: &str,
        pieces: &mut Segments,
        join: impl Fn(&Segment, &Segment) -> Option<(u32, Symbol)>,
    ) {
        pieces.clear();
        for character in text.chars() {
            let mut buffer = [0; 4];
            let encoded = character.encode_utf8(&mut buffer).as_bytes();
            pieces.push(self.by_text.get(encoded).copied(), encoded.len());
        }
        pieces.merge(join);
    }

    /// The token of so many bytes.
    fn find(&self, text: &[u8]) -> Option<u32> {
        if text.len() > self.longest { None } else { self.by_text.get(text).copied() }
    }

    /// Takes the pieces of a text for tokens, and those that are none byte by byte. Some vocabularies of merges have no
    /// token for bytes that were not in what they were learned from; whoever trains by them leaves such bytes out.
    fn take(&self, text: &[u8], pieces: &Segments, tokens: &mut Vec<u32>) -> Result<(), TextError> {
        for piece in pieces.iter() {
            if let Some(symbol) = piece.symbol.filter(|symbol| self.is_token(*symbol)) {
                tokens.push(symbol);
                continue;
            }
            for byte in text.get(piece.range()).unwrap_or_default() {
                let symbol = self.byte_symbols[usize::from(*byte)].filter(|symbol| self.is_token(*symbol));
                match (symbol, &self.joining) {
                    (Some(symbol), _) => tokens.push(symbol),
                    (None, Joining::Merges { .. }) => (),
                    (None, Joining::Scores { .. }) => return Err(TextError::Byte { byte: *byte }),
                }
            }
        }
        Ok(())
    }

    pub(super) const fn is_token(&self, symbol: Symbol) -> bool {
        (symbol as usize) < self.texts.len()
    }
}
