//! Sets of characters that words are told apart by.

use super::Glyph;
use crate::vocabulary::unicode::Category;

/// Whether a character is one of a set.
pub(super) type Set = fn(Glyph) -> bool;

pub(super) fn space(glyph: Glyph) -> bool {
    glyph.category == Category::Space
}

pub(super) fn blank(glyph: Glyph) -> bool {
    glyph.character == ' '
}

pub(super) fn letter(glyph: Glyph) -> bool {
    glyph.category == Category::Letter
}

pub(super) fn letter_or_mark(glyph: Glyph) -> bool {
    matches!(glyph.category, Category::Letter | Category::Mark)
}

pub(super) fn number(glyph: Glyph) -> bool {
    glyph.category == Category::Number
}

pub(super) fn digit(glyph: Glyph) -> bool {
    glyph.character.is_ascii_digit()
}

pub(super) fn punctuation(glyph: Glyph) -> bool {
    glyph.category == Category::Punctuation
}

pub(super) fn punctuation_or_symbol(glyph: Glyph) -> bool {
    matches!(glyph.category, Category::Punctuation | Category::Symbol)
}

/// Punctuation, and the symbols of ASCII but for the grave accent.
pub(super) fn punctuation_of_keyboards(glyph: Glyph) -> bool {
    punctuation(glyph) || "$+<=>^~|".contains(glyph.character)
}

/// Punctuation, and the symbols of ASCII.
pub(super) fn punctuation_of_keyboards_and_grave(glyph: Glyph) -> bool {
    punctuation_of_keyboards(glyph) || glyph.character == '`'
}

/// Neither space nor letter nor number.
pub(super) fn other(glyph: Glyph) -> bool {
    !matches!(glyph.category, Category::Space | Category::Letter | Category::Number)
}

/// Neither space nor letter nor mark nor number.
pub(super) fn other_than_marks(glyph: Glyph) -> bool {
    other(glyph) && glyph.category != Category::Mark
}

pub(super) fn line_end(glyph: Glyph) -> bool {
    matches!(glyph.character, '\r' | '\n')
}

pub(super) fn line_end_or_slash(glyph: Glyph) -> bool {
    line_end(glyph) || glyph.character == '/'
}

pub(super) fn none(_: Glyph) -> bool {
    false
}

/// Hiragana, katakana, and Chinese characters of the first block.
pub(super) fn kana_or_han(glyph: Glyph) -> bool {
    matches!(glyph.character, '\u{4e00}'..='\u{9fa5}' | '\u{3040}'..='\u{30ff}')
}

/// What DeepSeek's first models take for Chinese, Japanese and Korean: from U+0800 on, with gaps.
pub(super) fn east_of_arabic(glyph: Glyph) -> bool {
    matches!(glyph.character, '\u{800}'..='\u{9fa5}' | '\u{ac00}'..='\u{d7ff}') && !space(glyph)
}

/// Chinese characters, by block.
pub(super) fn han(glyph: Glyph) -> bool {
    matches!(
        glyph.character,
        '\u{4e00}'..='\u{9fff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2ebef}'
            | '\u{f900}'..='\u{faff}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}

pub(super) fn letter_but_han(glyph: Glyph) -> bool {
    letter(glyph) && !han(glyph)
}

/// What the models of several Nordic languages take for the inside of a word.
pub(super) fn within_nordic_words(glyph: Glyph) -> bool {
    !space(glyph) && !"(|.,!?…。，、।۔)،".contains(glyph.character)
}

/// Punctuation of DeepSeek's first models: ASCII beside digits, its wide forms, quotation marks, and CJK marks.
pub(super) fn punctuation_of_deepseek(glyph: Glyph) -> bool {
    let listed = matches!(
        glyph.character,
        '!'..='/' | ':'..='~' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff5e}' | '\u{2018}'..='\u{201f}'
            | '\u{3000}'..='\u{3002}'
    );
    listed && !space(glyph)
}

/// Letters of DeepSeek's first models: those that have cases, of the scripts and the version of Unicode they knew.
pub(super) fn letter_of_deepseek(glyph: Glyph) -> bool {
    let point = u32::from(glyph.character);
    let behind = CASED.partition_point(|(first, _)| *first <= point);
    CASED.get(behind.wrapping_sub(1)).is_some_and(|(_, last)| point <= *last)
}

#[rustfmt::skip]
const CASED: &[(u32, u32)] = &[
    (0x41, 0x5a), (0x61, 0x7a), (0xb5, 0xb5), (0xc0, 0xd6), (0xd8, 0xf6), (0xf8, 0x1ba), (0x1bc, 0x1bf),
    (0x1c4, 0x293), (0x295, 0x2af), (0x370, 0x373), (0x376, 0x376), (0x377, 0x377), (0x37b, 0x37d),
    (0x37f, 0x37f), (0x386, 0x386), (0x388, 0x38a), (0x38c, 0x38c), (0x38e, 0x3a1), (0x3a3, 0x3f5),
    (0x3f7, 0x481), (0x48a, 0x52f), (0x531, 0x556), (0x10a0, 0x10c5), (0x13a0, 0x13f5), (0x13f8, 0x13fd),
    (0x1c90, 0x1cba), (0x1cbd, 0x1cbf), (0x1d00, 0x1d2b), (0x1d6b, 0x1d77), (0x1d79, 0x1d9a),
    (0x1e00, 0x1f15), (0x1f18, 0x1f1d), (0x1f20, 0x1f45), (0x1f48, 0x1f4d), (0x1f50, 0x1f57),
    (0x1f59, 0x1f59), (0x1f5b, 0x1f5b), (0x1f5d, 0x1f5d), (0x1f5f, 0x1f7d), (0x1f80, 0x1fb4),
    (0x1fb6, 0x1fbc), (0x1fbe, 0x1fbe), (0x1fc2, 0x1fc4), (0x1fc6, 0x1fcc), (0x1fd0, 0x1fd3),
    (0x1fd6, 0x1fdb), (0x1fe0, 0x1fec), (0x1ff2, 0x1ff4), (0x1ff6, 0x1ffc), (0x2102, 0x2102),
    (0x2107, 0x2107), (0x210a, 0x2113), (0x2115, 0x2115), (0x2119, 0x211d), (0x2124, 0x2124),
    (0x2126, 0x2126), (0x2128, 0x2128), (0x212a, 0x212d), (0x212f, 0x2134), (0x2139, 0x2139),
    (0x213c, 0x213f), (0x2145, 0x2149), (0x214e, 0x214e), (0x2183, 0x2183), (0x2184, 0x2184),
    (0x2c00, 0x2c7b), (0x2c7e, 0x2ce4), (0x2ceb, 0x2cee), (0x2cf2, 0x2cf2), (0x2cf3, 0x2cf3),
    (0xa640, 0xa66d), (0xa680, 0xa69b), (0xa722, 0xa76f), (0xa771, 0xa787), (0xa78b, 0xa78e),
    (0xab70, 0xabbf), (0xfb00, 0xfb06), (0xfb13, 0xfb17), (0xff21, 0xff3a), (0xff41, 0xff5a),
    (0x10400, 0x1044f), (0x104b0, 0x104d3), (0x104d8, 0x104fb), (0x10c80, 0x10cb2), (0x10cc0, 0x10cf2),
    (0x118a0, 0x118df), (0x1e900, 0x1e943),
];
