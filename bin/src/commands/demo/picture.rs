//! A digit as people see it in a terminal: two rows of pixels to a line of half blocks.

use crate::{
    bundle::Sample,
    printer::{Paint, Styled},
};

/// Rows and columns of the picture.
const SIDE: usize = 8;
/// From this on a pixel counts as ink where there are no colours.
const INK: u8 = 96;
/// The terminal's first shade of grey, and how many there are.
const GREY: (u8, u8) = (232, 24);

/// An 8 × 8 picture.
pub(super) struct Picture([[u8; SIDE]; SIDE]);

impl Picture {
    /// The picture in a sample, if its PNG file is a grey square whose side is a multiple of eight.
    pub(super) fn of(sample: &Sample) -> Option<Self> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(sample.bytes)).read_info().ok()?;
        let mut pixels = vec![0; reader.output_buffer_size()?];
        let info = reader.next_frame(&mut pixels).ok()?;
        let (side, step) = (info.width as usize, info.width as usize / SIDE);
        let is_grey = info.color_type == png::ColorType::Grayscale && info.bit_depth == png::BitDepth::Eight;
        if !is_grey || side != info.height as usize || step * SIDE != side || step == 0 {
            return None;
        }
        let middle = |place: usize| place * step + step / 2;
        let pixel = |row: usize, column: usize| pixels[middle(row) * side + middle(column)];
        Some(Self(std::array::from_fn(|row| std::array::from_fn(|column| pixel(row, column)))))
    }

    /// The picture as four lines, each of eight cells.
    pub(super) fn lines(&self, has_colour: bool) -> Vec<Styled> {
        let (pairs, _) = self.0.as_chunks::<2>();
        pairs.iter().map(|[above, below]| line(above, below, has_colour)).collect()
    }
}

fn line(above: &[u8; SIDE], below: &[u8; SIDE], has_colour: bool) -> Styled {
    let pairs = above.iter().zip(below);
    pairs.fold(Styled::default(), |line, (above, below)| line.and(cell(*above, *below, has_colour)))
}

fn cell(above: u8, below: u8, has_colour: bool) -> Styled {
    if has_colour {
        return Paint::Shades(shade(above), shade(below)).on('▀');
    }
    let symbol = match (above >= INK, below >= INK) {
        (true, true) => "█",
        (true, false) => "▀",
        (false, true) => "▄",
        (false, false) => " ",
    };
    symbol.into()
}

fn shade(pixel: u8) -> u8 {
    GREY.0 + pixel / (255 / (GREY.1 - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::DIGITS;

    #[test]
    fn every_sample_is_a_picture() {
        assert!(DIGITS.samples.iter().all(|sample| Picture::of(sample).is_some()));
    }

    #[test]
    fn a_seven_looks_like_one() {
        let seven = DIGITS.samples.iter().find(|sample| sample.file == "seven-1.png").unwrap();
        let picture = Picture::of(seven).unwrap();
        let lines: Vec<String> = picture.lines(false).iter().map(Styled::text).collect();
        insta::assert_snapshot!(lines.join("|\n"));
    }
}
