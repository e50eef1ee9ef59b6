//! How a text stands in an output: which tokens were written, exactly, and what they say.
//!
//! **Invariant:** any bytes are frames up to the first that is not whole, and the frames of an output are its bytes: what
//! is written here reads back as it was, and nothing else has the same bytes.
//!
//! A frame is the count of its tokens, the tokens, the count of its text's bytes and the text; counts of 16 bits, tokens
//! of 32, all little-endian. Text may come later than the tokens that say it, so a frame may lack either.

use alloc::vec::Vec;

/// Tokens of one frame.
pub const FRAME_TOKENS_MAX: usize = u16::MAX as usize;
/// Bytes of text of one frame.
pub const FRAME_TEXT_BYTES_MAX: usize = u16::MAX as usize;

/// One frame of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenFrame<'a> {
    tokens: &'a [[u8; 4]],
    /// What is said: bytes of UTF-8, whose characters may go on in the next frame.
    pub text: &'a [u8],
}

impl<'a> TokenFrame<'a> {
    /// The first frame of these bytes and what follows it; nothing, if it is not whole.
    #[must_use]
    pub fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (count, rest) = bytes.split_first_chunk()?;
        let (tokens, rest) = rest.split_at_checked(4 * usize::from(u16::from_le_bytes(*count)))?;
        let (count, rest) = rest.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*count)))?;
        Some((Self { tokens: tokens.as_chunks().0, text }, rest))
    }

    /// What was written.
    pub fn tokens(self) -> impl ExactSizeIterator<Item = u32> + 'a {
        self.tokens.iter().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

/// The bytes of a frame; nothing, if it would be too long.
#[must_use]
pub fn encode(tokens: &[u32], text: &[u8]) -> Option<Vec<u8>> {
    let (count, bytes) = (u16::try_from(tokens.len()).ok()?, u16::try_from(text.len()).ok()?);
    let mut frame = Vec::with_capacity(4 + 4 * tokens.len() + text.len());
    frame.extend_from_slice(&count.to_le_bytes());
    frame.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
    frame.extend_from_slice(&bytes.to_le_bytes());
    frame.extend_from_slice(text);
    Some(frame)
}

/// The frames of an output, up to the first that is not whole.
pub fn frames(mut output: &[u8]) -> impl Iterator<Item = TokenFrame<'_>> {
    core::iter::from_fn(move || {
        let (frame, rest) = TokenFrame::first(output)?;
        output = rest;
        Some(frame)
    })
}

/// The tokens of an output, as far as it is frames.
#[must_use]
pub fn tokens(output: &[u8]) -> Vec<u32> {
    frames(output).flat_map(TokenFrame::tokens).collect()
}

/// The text of an output, as far as it is frames.
#[must_use]
pub fn text(output: &[u8]) -> Vec<u8> {
    frames(output).flat_map(|frame| frame.text.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_these_bytes() {
        let frame = encode(&[1, 0x0203_0405], b"ab").unwrap();
        assert_eq!(frame, [2, 0, 1, 0, 0, 0, 5, 4, 3, 2, 2, 0, b'a', b'b']);
        assert_eq!(encode(&[0; FRAME_TOKENS_MAX + 1], b""), None);
        assert_eq!(encode(&[], &[0; FRAME_TEXT_BYTES_MAX + 1]), None);
        assert!(encode(&[0; FRAME_TOKENS_MAX], &[0; FRAME_TEXT_BYTES_MAX]).is_some());
    }

    proptest::proptest! {
        #[test]
        fn frames_read_back_as_they_were(parts: Vec<(Vec<u32>, Vec<u8>)>, cut: usize) {
            let output: Vec<u8> =
                parts.iter().flat_map(|(tokens, text)| encode(tokens, text).unwrap()).collect();
            let read: Vec<_> =
                frames(&output).map(|frame| (frame.tokens().collect::<Vec<_>>(), frame.text.to_vec())).collect();
            proptest::prop_assert_eq!(read, parts);
            // What is cut off is not guessed at.
            let cut = cut % (output.len() + 1);
            proptest::prop_assert!(tokens(&output).starts_with(&tokens(&output[..cut])));
            proptest::prop_assert!(text(&output).starts_with(&text(&output[..cut])));
        }

        #[test]
        fn no_other_bytes_are_the_same_frames(bytes: Vec<u8>) {
            let mut again = Vec::new();
            for frame in frames(&bytes) {
                again.extend(encode(&frame.tokens().collect::<Vec<_>>(), frame.text).unwrap());
            }
            proptest::prop_assert!(bytes.starts_with(&again));
        }
    }
}
