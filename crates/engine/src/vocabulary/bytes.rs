//! How vocabularies write bytes as text.
//!
//! Those of bytes write each as a character that can be seen: itself where it is one of Latin-1, and else the next of
//! those from U+0100 on. Those of characters write a byte that is part of none in hexadecimal.

/// The first character that stands for a byte other than by its own number.
const BEYOND: u32 = 0x100;

/// Whether a byte is written as the character of its number.
const fn visible(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff)
}

/// The character that each byte is written as.
const SPELLED: [char; 256] = spelled_bytes();

const fn spelled_bytes() -> [char; 256] {
    let mut spelled = ['\0'; 256];
    let mut beyond = BEYOND;
    let mut byte = 0;
    while byte < spelled.len() {
        let point = if visible(byte as u8) { byte as u32 } else { beyond };
        beyond += !visible(byte as u8) as u32;
        // All of these are characters.
        spelled[byte] = match char::from_u32(point) {
            Some(character) => character,
            None => char::REPLACEMENT_CHARACTER,
        };
        byte += 1;
    }
    spelled
}

/// The character that a byte is written as.
pub(super) const fn spelled(byte: u8) -> char {
    SPELLED[byte as usize]
}

/// The byte that a character stands for.
pub(super) fn unspelled(character: char) -> Option<u8> {
    match u8::try_from(character) {
        Ok(byte) => visible(byte).then_some(byte),
        Err(_) => SPELLED.iter().position(|spelled| *spelled == character).map(|byte| byte as u8),
    }
}

/// A byte as vocabularies of characters write it.
pub(super) fn hexadecimal(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}

/// The byte that such a text stands for.
pub(super) fn unhexadecimal(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 2)?;
    u8::from_str_radix(digits, 16).ok()
}
