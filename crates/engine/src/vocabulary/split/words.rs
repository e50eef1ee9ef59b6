//! Words as most vocabularies cut them: contractions, letters, numbers, all else, and spaces.
//!
//! Each function is given what is left of a piece, of which there is some, and says how many characters the word at its
//! beginning has; 0 where none begins.

use super::{
    Glyph, run,
    sets::{Set, blank, letter, letter_or_mark, line_end, none, number, other, punctuation_or_symbol, space},
};

/// Where the endings of English contractions are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contractions {
    /// They are words of their own.
    Apart,
    /// They belong to the word before.
    Joined,
    /// They are nothing of their own.
    Ignored,
}

/// What one vocabulary takes for words.
#[derive(Debug)]
pub(in crate::vocabulary) struct Words {
    pub(super) contractions: Contractions,
    /// What stands alone in runs, before all else.
    pub(super) alone: Set,
    pub(super) letters: Set,
    /// Whether a word ends before a capital letter that follows a small one.
    pub(super) cased: bool,
    /// How many numbers a word has at most.
    pub(super) numbers: usize,
    pub(super) others: Set,
    /// What belongs to others when it stands behind them.
    pub(super) behind: Set,
}

/// What most of them have in common.
pub(super) const COMMON: Words = Words {
    contractions: Contractions::Apart,
    alone: none,
    letters: letter,
    cased: false,
    numbers: 1,
    others: other,
    behind: line_end,
};

impl Words {
    pub(super) fn find(&self, rest: &[Glyph]) -> usize {
        if self.contractions == Contractions::Apart {
            let length = contraction(rest, true);
            if length > 0 {
                return length;
            }
        }
        let finds =
            [Self::find_alone, Self::find_letters, Self::find_numbers, Self::find_others, Self::find_spaces];
        finds.iter().map(|find| find(self, rest)).find(|length| *length > 0).unwrap_or_default()
    }

    fn find_alone(&self, rest: &[Glyph]) -> usize {
        run(rest, self.alone)
    }

    /// Letters, with one character before them that is no letter, no number and no end of a line.
    fn find_letters(&self, rest: &[Glyph]) -> usize {
        let Some(first) = rest.first() else { return 0 };
        let leads = !letter(*first) && !number(*first) && !line_end(*first);
        let led = usize::from(leads && !(self.letters)(*first));
        let letters = rest.get(led..).unwrap_or_default();
        let length = if self.cased { cased(letters, self.letters) } else { run(letters, self.letters) };
        if length == 0 {
            return 0;
        }
        let end = led + length;
        match self.contractions {
            Contractions::Joined => end + contraction(rest.get(end..).unwrap_or_default(), true),
            Contractions::Apart | Contractions::Ignored => end,
        }
    }

    fn find_numbers(&self, rest: &[Glyph]) -> usize {
        rest.iter().take(self.numbers).take_while(|glyph| number(**glyph)).count()
    }

    fn find_others(&self, rest: &[Glyph]) -> usize {
        others(rest, self.others, self.behind)
    }

    fn find_spaces(&self, rest: &[Glyph]) -> usize {
        spaces(rest, true)
    }
}

/// How many letters at the beginning are one word: capital ones before small ones. Letters outside ASCII are both.
fn cased(rest: &[Glyph], letters: Set) -> usize {
    let small = |glyph: &Glyph| !glyph.character.is_ascii_uppercase();
    let capital = |glyph: &Glyph| letters(*glyph) && !glyph.character.is_ascii_lowercase();
    let capitals = rest.iter().take_while(|glyph| capital(glyph)).count();
    let (capitals, behind) = rest.split_at(capitals);
    let smalls = behind.iter().take_while(|glyph| letters(**glyph) && small(glyph)).count();
    if smalls > 0 {
        return capitals.len() + smalls;
    }
    // No small letter follows: the word ends with the last letter that can be one, if any can.
    capitals.iter().rposition(small).map_or(capitals.len(), |last| last + 1)
}

/// The ending of a contraction with its apostrophe.
fn contraction(rest: &[Glyph], any_case: bool) -> usize {
    let character = |at: usize| {
        let character = rest.get(at).map_or('\0', |glyph| glyph.character);
        if any_case { character.to_ascii_lowercase() } else { character }
    };
    match (character(0), character(1), character(2)) {
        ('\'', 's' | 't' | 'm' | 'd', _) => 2,
        ('\'', 'r' | 'v', 'e') | ('\'', 'l', 'l') => 3,
        _ => 0,
    }
}

/// Characters of a set with a blank before them, and what belongs to them behind.
fn others(rest: &[Glyph], set: Set, behind: Set) -> usize {
    let length = led(rest, set);
    if length == 0 { 0 } else { length + run(rest.get(length..).unwrap_or_default(), behind) }
}

/// Characters of a set, which holds no blank, with a blank before them if there is one.
fn led(rest: &[Glyph], set: Set) -> usize {
    let led = usize::from(rest.first().is_some_and(|glyph| blank(*glyph)));
    let length = run(rest.get(led..).unwrap_or_default(), set);
    if length == 0 { 0 } else { led + length }
}

/// Spaces: up to the last end of a line among them; else all but the one before something; else that one.
fn spaces(rest: &[Glyph], lines: bool) -> usize {
    let length = run(rest, space);
    let among = rest.get(..length).unwrap_or_default();
    if lines && let Some(last) = among.iter().rposition(|glyph| line_end(*glyph)) {
        return last + 1;
    }
    if length > 1 && length < rest.len() { length - 1 } else { length }
}

/// Spaces where words are cut already: the most that a power of two allows, but whole if a line ends with them.
pub(super) fn power_of_spaces(word: &[Glyph]) -> usize {
    const POWERS: [usize; 10] = [512, 256, 128, 64, 32, 16, 8, 4, 2, 1];
    // A word begins with one space at most, and with more only if it has nothing else.
    let spaces = word.iter().take(2).all(|glyph| space(*glyph));
    if !spaces || word.last().is_some_and(|glyph| line_end(*glyph)) {
        return word.len();
    }
    POWERS.into_iter().find(|power| *power <= word.len()).unwrap_or_default()
}

/// The words of GPT-2: letters, numbers and others, each with a blank before them.
pub(super) fn gpt2_words(rest: &[Glyph]) -> usize {
    let contraction = contraction(rest, false);
    if contraction > 0 {
        return contraction;
    }
    let sets: [Set; 3] = [letter, number, other];
    let length = sets.into_iter().map(|set| led(rest, set)).find(|length| *length > 0);
    length.unwrap_or_else(|| spaces(rest, false))
}

/// The words of DeepSeek 3, which has cut out numbers before.
pub(super) fn deepseek_words(rest: &[Glyph]) -> usize {
    let Some((first, behind)) = rest.split_first() else { return 0 };
    let ascii = run(behind, |glyph| glyph.character.is_ascii_alphabetic());
    if first.character.is_ascii_punctuation() && ascii > 0 {
        return 1 + ascii;
    }
    let letters = run(rest, letter_or_mark);
    if letters > 0 {
        return letters;
    }
    let leads = !line_end(*first) && !punctuation_or_symbol(*first);
    let letters = run(behind, letter_or_mark);
    if leads && letters > 0 {
        return 1 + letters;
    }
    let length = others(rest, punctuation_or_symbol, line_end);
    if length > 0 { length } else { spaces(rest, true) }
}
