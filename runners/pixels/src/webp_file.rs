//! A WebP file.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use crate::{
    NotAPicture, PictureKind,
    picture::{DECODER_BYTES_MAX, Picture, brightness, check_size},
};

/// Decodes a WebP file.
pub(crate) fn decode(bytes: &[u8]) -> Result<Picture, NotAPicture> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(why)?;
    decoder.set_memory_limit(DECODER_BYTES_MAX);
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if decoder.is_animated() {
        return Err(broken("it is a film, and no picture"));
    }
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let size = decoder.output_buffer_size().ok_or(NotAPicture::TooLarge { width, height })?;
    let mut samples = vec![0; size];
    decoder.read_image(&mut samples).map_err(why)?;
    Ok(Picture { width, height, brightness: brightness(samples, channels) })
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
