//! A WebP file.
//!
//! **Invariant:** what is compressed with loss has a size of its own, beside that of its file, and both are judged: the decoder
//! takes room for the one before it compares them.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use crate::{
    NotAPicture, PictureKind,
    picture::{DECODER_BYTES_MAX, Picture, brightness, check_size},
};

/// Where the first chunk is, and the bytes of the head of each.
const CHUNKS_AT: usize = 12;
const HEAD_BYTES: usize = 8;
/// What the chunk begins with that is compressed with loss, and where in it its size is: behind a tag and a mark.
const LOSSY: &[u8] = b"VP8 ";
const SIZE_AT: usize = 6;
/// The bits of a side; those above say how it is to be shown.
const SIDE_BITS: u16 = 0x3fff;

/// Decodes a WebP file.
pub(crate) fn decode(bytes: &[u8]) -> Result<Picture, NotAPicture> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(why)?;
    decoder.set_memory_limit(DECODER_BYTES_MAX);
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if let Some((width, height)) = lossy_size(bytes) {
        check_size(width, height)?;
    }
    if decoder.is_animated() {
        return Err(broken("it is a film, and no picture"));
    }
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let size = decoder.output_buffer_size().ok_or(NotAPicture::TooLarge { width, height })?;
    let mut samples = vec![0; size];
    decoder.read_image(&mut samples).map_err(why)?;
    Ok(Picture { width, height, brightness: brightness(samples, channels) })
}

/// The size of what is compressed with loss, as it says itself, where there is such a thing.
fn lossy_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut chunks = bytes.get(CHUNKS_AT..)?;
    loop {
        let (head, body) = chunks.split_at_checked(HEAD_BYTES)?;
        let length = u32::from_le_bytes(head.get(LOSSY.len()..)?.try_into().ok()?) as usize;
        if head.starts_with(LOSSY) {
            let side =
                |at: usize| Some(u16::from_le_bytes(body.get(at..at + 2)?.try_into().ok()?) & SIDE_BITS);
            return Some((side(SIZE_AT)?.into(), side(SIZE_AT + 2)?.into()));
        }
        chunks = body.get(length.checked_add(length & 1)?..)?;
    }
}

fn why(error: DecodingError) -> NotAPicture {
    if matches!(error, DecodingError::IoError(_)) {
        return broken("it ends too early");
    }
    if matches!(error, DecodingError::MemoryLimitExceeded | DecodingError::ImageTooLarge) {
        return broken("it needs more memory than a picture may");
    }
    broken("it is damaged")
}

fn broken(why: &'static str) -> NotAPicture {
    NotAPicture::Broken { kind: PictureKind::Webp, why }
}
