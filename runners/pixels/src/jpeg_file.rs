//! A JPEG file. Which way a camera was held is not heeded: a picture lies as its file has it.

use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use crate::{
    NotAPicture, PictureKind,
    picture::{Picture, brightness, check_size},
};

/// What its pixels can be asked for, and in how many channels: brightness as the file has it, and else colours.
const SPACES: [(ColorSpace, usize); 2] = [(ColorSpace::Luma, 1), (ColorSpace::RGB, 3)];

/// Decodes a JPEG file.
pub(crate) fn decode(bytes: &[u8]) -> Result<Picture, NotAPicture> {
    // Sides are judged by this crate's own bound, once they are known.
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default().set_strict_mode(true).set_max_width(side).set_max_height(side);
    let mut head = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    head.decode_headers().map_err(|_| broken())?;
    let info = head.info().ok_or_else(broken)?;
    let (width, height) = (info.width as u32, info.height as u32);
    check_size(width, height)?;
    for (space, channels) in SPACES {
        let options = options.jpeg_set_out_colorspace(space);
        let decoded = JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode();
        let count = width as usize * height as usize * channels;
        if let Ok(samples) = decoded
            && samples.len() == count
        {
            return Ok(Picture { width, height, brightness: brightness(samples, channels) });
        }
    }
    Err(broken())
}

fn broken() -> NotAPicture {
    let why = "it is damaged, ends too early, or has colours that are not read";
    NotAPicture::Broken { kind: PictureKind::Jpeg, why }
}
