//! A picture of any size as the few brightnesses that a small model takes.
//!
//! Light is 255, dark is 0; colours become their brightness and transparency shows a dark ground. A picture of another
//! shape is stretched, not cropped: each value is the average of the area it covers.
//!
//! **Invariant:** only whole numbers are added up and one division ends it, so every machine gets the same bits; and no
//! picture, however made, takes more memory than [`PICTURE_PIXELS_MAX`] and [`PICTURE_SIDE_MAX`] allow.

use std::fmt;

mod area;
mod jpeg_file;
mod picture;
mod png_file;
mod webp_file;

/// Pixels in the largest picture that is decoded.
pub const PICTURE_PIXELS_MAX: u64 = 4 * 1024 * 1024;
/// Pixels along the longest side: a decoder holds whole rows beside the picture, and works for each of them.
pub const PICTURE_SIDE_MAX: u32 = 8 * 1024;

/// What the ground of a picture is taken for: light where the pixels at its edges are brighter than this.
const LIGHT: f32 = 0.5;

/// A kind of file that a picture can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl fmt::Display for PictureKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
        })
    }
}

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
    /// Neither a file of a kind that is known nor the right number of raw pixels.
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
    /// A file that breaks its format.
    Broken {
        /// What it says that it is.
        kind: PictureKind,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl fmt::Display for NotAPicture {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { got, wanted } => {
                write!(
                    out,
                    "the input is neither a PNG, JPEG or WebP file nor {wanted} raw pixels of one byte: it has {got} bytes"
                )
            }
            Self::TooLarge { width, height } => {
                write!(
                    out,
                    "the picture has {width} x {height} pixels; at most {PICTURE_PIXELS_MAX} are decoded, and {PICTURE_SIDE_MAX} along a side"
                )
            }
            Self::Broken { kind, why } => write!(out, "the {kind} file cannot be read: {why}"),
        }
    }
}

impl std::error::Error for NotAPicture {}

/// The brightnesses of a file, or of raw pixels of the target's size, row by row, from 0 to 1.
pub fn read(bytes: &[u8], target: Target) -> Result<Vec<f32>, NotAPicture> {
    let wanted = target.width as usize * target.height as usize;
    let mut brightness: Vec<f32> = match PictureKind::of(bytes) {
        Some(kind) => area::average(&picture::decode(kind, bytes)?, target.width, target.height),
        None if bytes.len() == wanted => bytes.iter().map(|&pixel| f32::from(pixel) / 255.0).collect(),
        None => return Err(NotAPicture::Unknown { got: bytes.len(), wanted }),
    };
    if target.invert {
        brightness.iter_mut().for_each(|value| *value = 1.0 - *value);
    }
    Ok(brightness)
}

/// Whether what was read lies on a light ground, where a model wants a dark one: its edges are light on average.
#[must_use]
pub fn has_light_ground(pixels: &[f32], target: Target) -> bool {
    let (width, height) = (target.width as usize, target.height as usize);
    let is_edge = |at: usize| {
        let (row, column) = (at / width.max(1), at % width.max(1));
        row == 0 || row + 1 == height || column == 0 || column + 1 == width
    };
    let edges = pixels.iter().enumerate().filter(|(at, _)| is_edge(*at));
    let (sum, count) = edges.fold((0.0, 0.0), |(sum, count), (_, pixel)| (sum + pixel, count + 1.0));
    count > 0.0 && sum > LIGHT * count
}

#[cfg(test)]
mod tests;
