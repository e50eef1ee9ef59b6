//! A file of a picture as one brightness for each pixel.
//!
//! **Invariant:** the header is judged before anything is allocated for what it promises.

use crate::{NotAPicture, PICTURE_PIXELS_MAX, PICTURE_SIDE_MAX, PictureKind, jpeg_file, png_file, webp_file};

/// Bytes that a decoder may hold beside the picture itself.
pub(crate) const DECODER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What starts files of each kind; those of WebP have their length in the middle.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff";
const RIFF: &[u8] = b"RIFF";
const WEBP: &[u8] = b"WEBP";
/// Where the second half of WebP's begins.
const WEBP_AT: usize = 8;

/// Brightnesses, row by row.
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) brightness: Vec<u8>,
}

impl PictureKind {
    /// What a file says that it is.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let is_webp =
            bytes.starts_with(RIFF) && bytes.get(WEBP_AT..).is_some_and(|rest| rest.starts_with(WEBP));
        match () {
            () if bytes.starts_with(PNG) => Some(Self::Png),
            () if bytes.starts_with(JPEG) => Some(Self::Jpeg),
            () if is_webp => Some(Self::Webp),
            () => None,
        }
    }
}

/// Decodes a file of this kind.
pub(crate) fn decode(kind: PictureKind, bytes: &[u8]) -> Result<Picture, NotAPicture> {
    match kind {
        PictureKind::Png => png_file::decode(bytes),
        PictureKind::Jpeg => jpeg_file::decode(bytes),
        PictureKind::Webp => webp_file::decode(bytes),
    }
}

/// Refuses a picture that has more pixels than are decoded.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), NotAPicture> {
    let is_large =
        width.max(height) > PICTURE_SIDE_MAX || u64::from(width) * u64::from(height) > PICTURE_PIXELS_MAX;
    if is_large { Err(NotAPicture::TooLarge { width, height }) } else { Ok(()) }
}

/// What samples of this many channels show: grey; grey and how much it covers; red, green and blue; and those likewise.
pub(crate) fn brightness(samples: Vec<u8>, channels: usize) -> Vec<u8> {
    match channels {
        1 => samples,
        2 => samples.chunks_exact(2).map(|s| shown(s[0], s[1])).collect(),
        3 => samples.chunks_exact(3).map(|s| luma(s[0], s[1], s[2])).collect(),
        _ => samples.chunks_exact(4).map(|s| shown(luma(s[0], s[1], s[2]), s[3])).collect(),
    }
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
