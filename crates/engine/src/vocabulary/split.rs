//! A text is cut into words before pieces are joined, and no piece goes beyond a word.
//!
//! How is the vocabulary's to say, by a name. A name stands for passes, one after another: each cuts every piece that the
//! one before left, wherever it finds something; what lies between two finds is a piece as well.
//!
//! **Invariant:** the pieces are the text, in order and whole; a pass looks at each character a bounded number of times,
//! whatever the text.

pub(super) mod names;
mod sets;
mod words;

use self::{
    sets::{Set, space},
    words::{Words, deepseek_words, gpt2_words, power_of_spaces},
};
use super::unicode::Category;

/// A character of a text, with its category.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glyph {
    pub(super) character: char,
    pub(super) category: Category,
}

impl Glyph {
    pub(super) fn of(character: char) -> Self {
        Self { character, category: Category::of(character) }
    }
}

/// What a pass finds where it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Something of so many characters, at least one.
    Word(usize),
    /// Nothing that begins at any of so many characters, at least one.
    None(usize),
}

/// One way to cut.
#[derive(Debug)]
pub(super) enum Pass {
    /// Characters of a set, as many as stand together, but so many at most.
    Run(Set, usize),
    /// Characters of a set, as many as stand together, with one of another set before them if there is one.
    Led(Set, Set),
    /// So many characters of a set.
    Exactly(Set, usize),
    /// The spaces that a piece ends with.
    TrailingSpaces,
    /// Lines without their ends, and ends of lines as many as stand together.
    Lines,
    /// The words of GPT-2.
    Gpt2,
    /// The words of DeepSeek 3.
    Deepseek,
    /// The words of most others.
    Words(Words),
    /// Spaces by powers of two, where words were cut before.
    Powers,
}

impl Pass {
    /// What begins with the first of these; there is one, and they end where the piece does.
    fn find(&self, rest: &[Glyph]) -> Cut {
        let found = match self {
            Self::Run(set, most) => rest.iter().take(*most).take_while(|glyph| set(**glyph)).count(),
            Self::Led(lead, set) => {
                let led = usize::from(rest.first().is_some_and(|glyph| lead(*glyph)));
                match run(rest.get(led..).unwrap_or_default(), *set) {
                    // The lead itself may be of the set.
                    0 => run(rest, *set),
                    length => led + length,
                }
            }
            Self::Exactly(set, count) => {
                let all = rest.get(..*count).is_some_and(|glyphs| glyphs.iter().all(|glyph| set(*glyph)));
                usize::from(all) * count
            }
            Self::TrailingSpaces => {
                let spaces = run(rest, space);
                if spaces < rest.len() {
                    return Cut::None(spaces.max(1));
                }
                spaces
            }
            Self::Lines => {
                let ends = rest.first().is_some_and(|glyph| glyph.character == '\n');
                rest.iter().take_while(|glyph| (glyph.character == '\n') == ends).count()
            }
            Self::Gpt2 => gpt2_words(rest),
            Self::Deepseek => deepseek_words(rest),
            Self::Words(words) => words.find(rest),
            Self::Powers => power_of_spaces(rest),
        };
        if found == 0 { Cut::None(1) } else { Cut::Word(found) }
    }

    /// Cuts a piece, which ends at `base` and its length, into those that end at `ends`.
    fn cut(&self, piece: &[Glyph], base: usize, ends: &mut Vec<usize>) {
        let (mut at, mut cut) = (0, 0);
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            match self.find(rest) {
                Cut::None(length) => at += length,
                Cut::Word(length) => {
                    if at > cut {
                        ends.push(base + at);
                    }
                    at += length;
                    cut = at;
                    ends.push(base + at);
                }
            }
        }
        if piece.len() > cut {
            ends.push(base + piece.len());
        }
    }
}

/// How many characters of a set stand at the beginning.
fn run(glyphs: &[Glyph], set: Set) -> usize {
    glyphs.iter().take_while(|glyph| set(**glyph)).count()
}

/// The words of a text.
pub(super) fn split<'g>(passes: &[Pass], glyphs: &'g [Glyph]) -> impl Iterator<Item = &'g [Glyph]> + use<'g> {
    let mut ends = vec![glyphs.len()];
    for pass in passes {
        let mut finer = Vec::with_capacity(ends.len());
        let mut begin = 0;
        for end in ends {
            pass.cut(glyphs.get(begin..end).unwrap_or_default(), begin, &mut finer);
            begin = end;
        }
        ends = finer;
    }
    let mut begin = 0;
    ends.into_iter().filter_map(move |end| {
        let word = glyphs.get(begin..end);
        begin = end;
        word.filter(|word| !word.is_empty())
    })
}
