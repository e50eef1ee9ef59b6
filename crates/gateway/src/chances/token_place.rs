//! Where in a text the tokens are that it is of, though they need not be whole characters.
//!
//! **Invariant:** the text is that of all their bytes, in which whatever is no character is told as one that stands for it.

use std::ops::Range;

/// Where a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenPlace {
    /// Bytes of the text, those of a character that it has only a part of included.
    pub(super) bytes: Range<usize>,
    /// Characters of the text before them.
    pub(super) characters: usize,
}

impl TokenPlace {
    /// Those of all tokens of a text, none of which is empty.
    pub(super) fn all(tokens: &[&[u8]]) -> Vec<Self> {
        let whole = tokens.concat();
        let mut walk = TextWalk { lengths: lengths(&whole), read: 0, character: 0..0, count: 0 };
        let mut read = 0;
        let place = |token: &&[u8]| {
            walk.reach(read);
            let (start, characters) = (walk.character.start, walk.count.saturating_sub(1));
            read += token.len();
            walk.reach(read.saturating_sub(1));
            Self { bytes: start..walk.character.end, characters }
        };
        tokens.iter().map(place).collect()
    }
}

/// How many bytes each character takes of the tokens, and of the text.
fn lengths(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let whole = chunk.valid().chars().map(|character| (character.len_utf8(), character.len_utf8()));
        let torn = Some(chunk.invalid().len()).filter(|bytes| *bytes > 0);
        whole.chain(torn.map(|bytes| (bytes, char::REPLACEMENT_CHARACTER.len_utf8())))
    })
}

/// Goes through a text, a character at a time.
struct TextWalk<I> {
    lengths: I,
    /// Bytes of tokens that were gone through.
    read: usize,
    /// Where in the text the last character is.
    character: Range<usize>,
    /// Characters that were gone through.
    count: usize,
}

impl<I: Iterator<Item = (usize, usize)>> TextWalk<I> {
    /// Goes on until the last character is that with this byte of the tokens.
    fn reach(&mut self, byte: usize) {
        while self.read <= byte {
            let Some((read, told)) = self.lengths.next() else { return };
            self.read += read;
            self.character = self.character.end..self.character.end + told;
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_in_the_text_that_they_are_of_however_characters_are_cut() {
        // é is two bytes, the euro sign three, and a byte that is none is told by three.
        let tokens: [&[u8]; 5] = [b"a\xc3", b"\xa9", b"\xff", b"\xe2\x82\xacb", b"c"];
        let places = TokenPlace::all(&tokens);
        let text = String::from_utf8_lossy(&tokens.concat()).into_owned();
        let texts: Vec<&str> = places.iter().map(|place| &text[place.bytes.clone()]).collect();
        assert_eq!(texts, ["aé", "é", "\u{fffd}", "€b", "c"]);
        let characters: Vec<usize> = places.iter().map(|place| place.characters).collect();
        assert_eq!(characters, [0, 1, 2, 3, 5]);
        assert!(TokenPlace::all(&[]).is_empty());
    }
}
