//! A picture of any size as the few brightnesses that a small model takes.
//!
//! Light is 255, dark is 0; colours become their brightness and transparency shows a dark ground. A picture of another
//! shape is stretched, not cropped: each value is the average of the area it covers.
//!
//! **Invariant:** only whole numbers are added up and one division ends it, so every machine gets the same bits; and no
//! picture, however made, takes more memory than [`PICTURE_PIXELS_MAX`] and [`PICTURE_SIDE_MAX`] allow.

use std::fmt;

mod area;
mod picture;

/// Pixels in the largest picture that is decoded.
pub const PICTURE_PIXELS_MAX: u64 = 4 * 1024 * 1024;
/// Pixels along the longest side: a decoder holds whole rows beside the picture, and works for each of them.
pub const PICTURE_SIDE_MAX: u32 = 8 * 1024;

/// What starts every PNG file.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// How many brightnesses a model wants, and of what pictures.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether the pictures have dark ink on a light ground, and the model wants the opposite.
    pub invert: bool,
}

/// Why bytes are no picture.
#[derive(Debug, PartialEq, Eq)]
pub enum NotAPicture {
    /// Neither a PNG file nor the right number of raw pixels.
    Unknown {
        /// How many bytes there were.
        got: usize,
        /// How many raw pixels would do.
        wanted: usize,
    },
    /// A picture with too many pixels.
    TooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A PNG file that breaks the format.
    Broken(&'static str),
}

impl fmt::Display for NotAPicture {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { got, wanted } => {
                write!(
                    out,
                    "the input is neither a PNG file nor {wanted} raw pixels of one byte: it has {got} bytes"
                )
            }
            Self::TooLarge { width, height } => {
                write!(
                    out,
                    "the picture has {width} x {height} pixels; at most {PICTURE_PIXELS_MAX} are decoded, and {PICTURE_SIDE_MAX} along a side"
                )
            }
            Self::Broken(why) => write!(out, "the PNG file cannot be read: {why}"),
        }
    }
}

impl std::error::Error for NotAPicture {}

/// The brightnesses of a PNG file, or of raw pixels of the target's size, row by row, from 0 to 1.
pub fn read(bytes: &[u8], target: Target) -> Result<Vec<f32>, NotAPicture> {
    let wanted = target.width as usize * target.height as usize;
    let mut brightness = if bytes.starts_with(PNG_SIGNATURE) {
        area::average(&picture::decode(bytes)?, target.width, target.height)
    } else if bytes.len() == wanted {
        bytes.iter().map(|&pixel| f32::from(pixel) / 255.0).collect()
    } else {
        return Err(NotAPicture::Unknown { got: bytes.len(), wanted });
    };
    if target.invert {
        brightness.iter_mut().for_each(|value| *value = 1.0 - *value);
    }
    Ok(brightness)
}

#[cfg(test)]
mod tests;
