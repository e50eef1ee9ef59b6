//! Finds special tokens in a text, before anything else looks at it.
//!
//! Longer ones are looked for first, in the whole text; of those that are equally long the one further left is taken.
//! **Invariant:** a text takes as many passes as special tokens have lengths, and looks at a bounded number of places.

use std::{collections::HashMap, ops::Range};

use super::{SPECIAL_LOOKUPS_MAX, Text, TextError};

/// A token that stands for something other than its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Special {
    pub(super) token: u32,
    /// Whether it is found in every text, and not only where special tokens are asked for.
    pub(super) always: bool,
    /// Whether it takes the spaces behind it.
    pub(super) trims: bool,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fragment {
    /// Bytes that are yet to be cut.
    Text(Range<usize>),
    /// A special token.
    Token(u32),
}

/// The special tokens of a vocabulary.
#[derive(Debug, Default)]
pub(super) struct Specials {
    by_text: HashMap<Text, Special>,
    /// Each length that a special token has, the longest first, with the bytes that such tokens begin with.
    lengths: Vec<(usize, [bool; 256])>,
}

impl Specials {
    pub(super) fn new(specials: impl Iterator<Item = (Text, Special)>) -> Self {
        let by_text: HashMap<Text, Special> = specials.filter(|(text, _)| !text.is_empty()).collect();
        let mut texts: Vec<&[u8]> = by_text.keys().map(|text| &**text).collect();
        texts.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
        let mut lengths: Vec<(usize, [bool; 256])> = Vec::new();
        for text in texts {
            if lengths.last().is_none_or(|(length, _)| *length != text.len()) {
                lengths.push((text.len(), [false; 256]));
            }
            if let (Some((_, begins)), Some(first)) = (lengths.last_mut(), text.first()) {
                begins[usize::from(*first)] = true;
            }
        }
        Self { by_text, lengths }
    }

    /// Takes a text apart; `all` asks for those as well that are not always found.
    pub(super) fn find(&self, text: &[u8], all: bool) -> Result<Vec<Fragment>, TextError> {
        let mut fragments = if text.is_empty() { Vec::new() } else { vec![Fragment::Text(0..text.len())] };
        let mut lookups = 0;
        for (length, begins) in &self.lengths {
            let mut finer = Vec::with_capacity(fragments.len());
            for fragment in fragments {
                match fragment {
                    Fragment::Token(_) => finer.push(fragment),
                    Fragment::Text(range) => {
                        let seek = Seek { specials: self, text, all, length: *length, begins };
                        seek.cut(range, &mut lookups, &mut finer)?;
                    }
                }
            }
            fragments = finer;
        }
        Ok(fragments)
    }
}

/// A search for special tokens of one length.
struct Seek<'a> {
    specials: &'a Specials,
    text: &'a [u8],
    all: bool,
    length: usize,
    begins: &'a [bool; 256],
}

impl Seek<'_> {
    fn cut(
        &self,
        range: Range<usize>,
        lookups: &mut usize,
        out: &mut Vec<Fragment>,
    ) -> Result<(), TextError> {
        let (mut at, mut cut) = (range.start, range.start);
        while at + self.length <= range.end {
            let Some(special) = self.at(at, lookups)? else {
                at += 1;
                continue;
            };
            if at > cut {
                out.push(Fragment::Text(cut..at));
            }
            out.push(Fragment::Token(special.token));
            at += self.length;
            if special.trims {
                at += self.spaces(at..range.end);
            }
            cut = at;
        }
        if range.end > cut {
            out.push(Fragment::Text(cut..range.end));
        }
        Ok(())
    }

    /// The special token at a place.
    fn at(&self, at: usize, lookups: &mut usize) -> Result<Option<Special>, TextError> {
        let Some(text) = self.text.get(at..at + self.length) else { return Ok(None) };
        if !text.first().is_some_and(|first| self.begins[usize::from(*first)]) {
            return Ok(None);
        }
        *lookups += 1;
        if *lookups > SPECIAL_LOOKUPS_MAX {
            return Err(TextError::Special);
        }
        Ok(self.specials.by_text.get(text).copied().filter(|special| self.all || special.always))
    }

    /// How many spaces stand there.
    fn spaces(&self, range: Range<usize>) -> usize {
        let space = |byte: &&u8| matches!(byte, b' ' | b'\t'..=b'\r');
        self.text.get(range).unwrap_or_default().iter().take_while(space).count()
    }
}
