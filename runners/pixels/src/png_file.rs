//! A PNG file.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use crate::{
    NotAPicture, PictureKind,
    picture::{DECODER_BYTES_MAX, Picture, brightness, check_size},
};

/// Decodes a PNG file.
pub(crate) fn decode(bytes: &[u8]) -> Result<Picture, NotAPicture> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: DECODER_BYTES_MAX });
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let (width, height) = decoder.read_header_info().map_err(why)?.size();
    check_size(width, height)?;
    let mut reader = decoder.read_info().map_err(why)?;
    let size = reader.output_buffer_size().ok_or(NotAPicture::TooLarge { width, height })?;
    let mut samples = vec![0; size];
    let frame = reader.next_frame(&mut samples).map_err(why)?;
    if frame.bit_depth != BitDepth::Eight {
        return Err(broken("its pixels do not reduce to bytes"));
    }
    samples.truncate(frame.buffer_size());
    let channels = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(broken("its palette was not applied")),
    };
    Ok(Picture { width, height, brightness: brightness(samples, channels) })
}

fn why(error: DecodingError) -> NotAPicture {
    broken(match error {
        DecodingError::IoError(_) => "it ends too early",
        DecodingError::Format(_) | DecodingError::Parameter(_) => "it is damaged",
        DecodingError::LimitsExceeded => "it needs more memory than a picture may",
    })
}

fn broken(why: &'static str) -> NotAPicture {
    NotAPicture::Broken { kind: PictureKind::Png, why }
}
