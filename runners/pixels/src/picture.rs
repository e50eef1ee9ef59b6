//! A PNG file as one brightness for each pixel.
//!
//! **Invariant:** the header is judged before anything is allocated for what it promises.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use crate::{NotAPicture, PICTURE_PIXELS_MAX, PICTURE_SIDE_MAX};

/// Bytes that the decoder may hold beside the picture itself.
const DECODER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Brightnesses, row by row.
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) brightness: Vec<u8>,
}

/// Decodes a PNG file.
pub(crate) fn decode(bytes: &[u8]) -> Result<Picture, NotAPicture> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: DECODER_BYTES_MAX });
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let (width, height) = decoder.read_header_info().map_err(broken)?.size();
    if width.max(height) > PICTURE_SIDE_MAX || u64::from(width) * u64::from(height) > PICTURE_PIXELS_MAX {
        return Err(NotAPicture::TooLarge { width, height });
    }
    let mut reader = decoder.read_info().map_err(broken)?;
    let size = reader.output_buffer_size().ok_or(NotAPicture::TooLarge { width, height })?;
    let mut samples = vec![0; size];
    let frame = reader.next_frame(&mut samples).map_err(broken)?;
    if frame.bit_depth != BitDepth::Eight {
        return Err(NotAPicture::Broken("its pixels do not reduce to bytes"));
    }
    samples.truncate(frame.buffer_size());
    Ok(Picture { width, height, brightness: brightness(samples, frame.color_type)? })
}

fn broken(error: DecodingError) -> NotAPicture {
    NotAPicture::Broken(match error {
        DecodingError::IoError(_) => "it ends too early",
        DecodingError::Format(_) | DecodingError::Parameter(_) => "it is damaged",
        DecodingError::LimitsExceeded => "it needs more memory than a picture may",
    })
}

fn brightness(samples: Vec<u8>, color: ColorType) -> Result<Vec<u8>, NotAPicture> {
    Ok(match color {
        ColorType::Grayscale => samples,
        ColorType::GrayscaleAlpha => samples.chunks_exact(2).map(|s| shown(s[0], s[1])).collect(),
        ColorType::Rgb => samples.chunks_exact(3).map(|s| luma(s[0], s[1], s[2])).collect(),
        ColorType::Rgba => samples.chunks_exact(4).map(|s| shown(luma(s[0], s[1], s[2]), s[3])).collect(),
        ColorType::Indexed => return Err(NotAPicture::Broken("its palette was not applied")),
    })
}

/// Brightness as the eye weighs the colours (ITU-R BT.601).
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let weighed = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    ((weighed + 500) / 1000) as u8
}

/// What is left of a brightness over a dark ground.
fn shown(brightness: u8, alpha: u8) -> u8 {
    ((u32::from(brightness) * u32::from(alpha) + 127) / 255) as u8
}
