//! A picture of one size as a picture of another: each new value is the average of the area that it covers.

use std::ops::Range;

use crate::picture::Picture;

/// The average brightnesses, from 0 to 1.
pub(crate) fn average(picture: &Picture, width: u32, height: u32) -> Vec<f32> {
    let full = u64::from(picture.width) * u64::from(picture.height) * 255;
    let mut averages = Vec::new();
    for row in 0..height {
        for column in 0..width {
            let sum: u64 = covered(row, height, picture.height)
                .map(|(y, rows)| rows * sum_of_row(picture, y, column, width))
                .sum();
            averages.push((sum as f64 / full as f64) as f32);
        }
    }
    averages
}

fn sum_of_row(picture: &Picture, y: u32, column: u32, width: u32) -> u64 {
    let start = y as usize * picture.width as usize;
    covered(column, width, picture.width)
        .map(|(x, columns)| columns * u64::from(picture.brightness[start + x as usize]))
        .sum()
}

/// The old places that the new place `index` of `new` covers, each with how much of it.
///
/// A place of the old grid is `new` long and a place of the new grid is `old` long, so every overlap is a whole number.
fn covered(index: u32, new: u32, old: u32) -> impl Iterator<Item = (u32, u64)> {
    let (new, old) = (u64::from(new), u64::from(old));
    let area = u64::from(index) * old..(u64::from(index) + 1) * old;
    let places = area.start / new..area.end.div_ceil(new);
    places.map(move |place| (place as u32, overlap(&area, &(place * new..(place + 1) * new))))
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> u64 {
    a.end.min(b.end) - a.start.max(b.start)
}
