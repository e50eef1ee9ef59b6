//! A text token by token, beside what a check of it wrote, as far as both are the same and one token farther.
//!
//! **Invariant:** nothing is told of what stands behind the place where they part: what is written there rests on other words.

use assay_protocol::{
    claim::Written,
    frames,
    id::PeerId,
    receipt::{Happening, Receipt},
};

/// Tokens before the place where two texts part that are shown.
const SHOWN_BEFORE: usize = 8;
/// What is shown of the token that ends a text, which says nothing.
const END: &str = "(the end)";

/// A text beside what a check of it wrote.
#[derive(Clone, Debug)]
pub(super) struct TextParting {
    /// Who checked it.
    pub(super) verifier: PeerId,
    claimed: Vec<WrittenPiece>,
    found: Vec<WrittenPiece>,
}

/// A token with what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WrittenPiece {
    token: u32,
    text: String,
}

/// A token of both texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartingRow {
    /// Its place, from one on.
    pub(super) place: usize,
    /// What was claimed; nothing, if that text is over.
    pub(super) claimed: Option<String>,
    /// What the check wrote, likewise.
    pub(super) found: Option<String>,
    /// Whether they are one token.
    pub(super) is_same: bool,
}

impl TextParting {
    /// What was claimed beside what this peer's check wrote.
    pub(super) fn of(verifier: PeerId, claimed: &[u8], found: &[u8]) -> Self {
        Self { verifier, claimed: pieces(claimed), found: pieces(found) }
    }

    /// How many tokens are the same before the two part.
    pub(super) fn tokens_same(&self) -> usize {
        self.claimed.iter().zip(&self.found).take_while(|(claimed, found)| claimed == found).count()
    }

    /// True where every token is the same: then nothing but the numbers that it was chosen by are others.
    pub(super) fn is_in_numbers_alone(&self) -> bool {
        self.claimed == self.found
    }

    /// The tokens up to the place where they part, and how many of the first are not among them.
    pub(super) fn rows(&self) -> (usize, Vec<PartingRow>) {
        let same = self.tokens_same();
        let last = if self.is_in_numbers_alone() { same } else { same + 1 };
        let first = same.saturating_sub(SHOWN_BEFORE);
        let text = |pieces: &[WrittenPiece], place: usize| {
            pieces.get(place).map(|piece| piece.shown(place + 1 == pieces.len()))
        };
        let row = |place: usize| PartingRow {
            place: place + 1,
            claimed: text(&self.claimed, place),
            found: text(&self.found, place),
            is_same: place < same,
        };
        (first, (first..last).map(row).collect())
    }
}

impl WrittenPiece {
    /// With its spaces to be seen.
    fn shown(&self, is_last: bool) -> String {
        match (self.text.as_str(), is_last) {
            ("", true) => END.to_owned(),
            ("", false) => format!("(token {})", self.token),
            (text, _) => format!("{text:?}"),
        }
    }
}

/// The tokens of an output. The text of a frame of several stands at the last of them.
fn pieces(output: &[u8]) -> Vec<WrittenPiece> {
    let mut pieces = Vec::new();
    for frame in frames::frames(output) {
        pieces.extend(frame.tokens().map(|token| WrittenPiece { token, text: String::new() }));
        if let Some(last) = pieces.last_mut() {
            last.text.push_str(&String::from_utf8_lossy(frame.text));
        }
    }
    pieces
}

/// Who sealed what, in the order of a receipt.
pub(super) fn sealed(receipt: &[u8]) -> Vec<(PeerId, Written)> {
    let Ok(receipt) = Receipt::from_bytes(receipt) else { return Vec::new() };
    let seals = receipt.story.events.iter().filter_map(|event| {
        let Happening::Seal(seal) = &event.what else { return None };
        let said = seal.said();
        Some((said.signer(), said.evidence?.written))
    });
    seals.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &[&str]) -> Vec<u8> {
        let frame = |word: &&str| {
            let token: u32 = word.bytes().map(u32::from).sum();
            frames::encode(&[token], word.as_bytes()).unwrap()
        };
        words.iter().flat_map(frame).collect()
    }

    fn parted(claimed: &[&str], found: &[&str]) -> TextParting {
        TextParting::of(PeerId([1; 32]), &text(claimed), &text(found))
    }

    fn shown(parting: &TextParting) -> Vec<(usize, Option<String>, Option<String>, bool)> {
        let (_, rows) = parting.rows();
        rows.into_iter().map(|row| (row.place, row.claimed, row.found, row.is_same)).collect()
    }

    #[test]
    fn two_texts_are_shown_up_to_the_token_at_which_they_part() {
        let parting = parted(&["nine", " fifty", " one"], &["nine", " forty", " two"]);
        let said = |word: &str| Some(format!("{word:?}"));
        let rows = [(1, said("nine"), said("nine"), true), (2, said(" fifty"), said(" forty"), false)];
        assert_eq!((parting.tokens_same(), shown(&parting)), (1, rows.to_vec()));
        assert!(!parting.is_in_numbers_alone());
    }

    #[test]
    fn a_text_that_is_over_before_the_other_parts_from_it_there() {
        let parting = parted(&["a", ""], &["a"]);
        assert_eq!(shown(&parting)[1], (2, Some(END.to_owned()), None, false));
        let same = parted(&["a", ""], &["a", ""]);
        assert!(same.is_in_numbers_alone() && shown(&same).iter().all(|(.., is_same)| *is_same));
        assert_eq!(shown(&same).len(), 2);
    }

    #[test]
    fn of_a_long_text_the_last_tokens_before_are_shown() {
        let words = ["a"; 20];
        let (before, rows) = parted(&words, &words[..19]).rows();
        assert_eq!((before, rows.len(), rows[0].place), (11, 9, 12));
        assert_eq!((rows[8].place, rows[8].found.as_ref()), (20, None));
    }

    #[test]
    fn the_text_of_several_tokens_stands_at_the_last_of_them() {
        let output = [frames::encode(&[1, 2], b"ab").unwrap(), frames::encode(&[], b"c").unwrap()].concat();
        let texts: Vec<String> = pieces(&output).into_iter().map(|piece| piece.text).collect();
        assert_eq!(texts, ["", "abc"]);
    }

    #[test]
    fn what_is_no_receipt_has_no_seals() {
        assert!(sealed(b"nothing").is_empty());
    }
}
