//! What kind of character a code point is.
//!
//! **Invariant:** the table is committed and of one version of Unicode; no library's update moves a token.

mod table;

use self::table::RUNS;

/// A kind of character, as far as words are told apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Letter,
    Mark,
    Number,
    Punctuation,
    Symbol,
    Space,
    Other,
}

impl Category {
    pub(crate) fn of(character: char) -> Self {
        let point = u32::from(character);
        // The last run that begins at or before it: all of its codes are below that of the next code point.
        let behind = RUNS.partition_point(|run| *run < (point + 1) << 3);
        match RUNS.get(behind.wrapping_sub(1)).map_or(0, |run| run & 7) {
            1 => Self::Letter,
            2 => Self::Mark,
            3 => Self::Number,
            4 => Self::Punctuation,
            5 => Self::Symbol,
            6 => Self::Space,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Category;

    /// Of the category of each code point, in order, as `contrib/unicode/table.py` numbers them.
    const DIGEST: &str = "6e1ca1ada95d51e90a9c1d9356e043dc943cf58f5f8596fb97ae971b0af1910e";

    #[test]
    fn each_code_point_has_the_category_of_unicode_15_1() {
        let points = (0..=u32::from(char::MAX)).map(|point| {
            char::from_u32(point).map_or(0, |character| match Category::of(character) {
                Category::Other => 0,
                Category::Letter => 1,
                Category::Mark => 2,
                Category::Number => 3,
                Category::Punctuation => 4,
                Category::Symbol => 5,
                Category::Space => 6,
            })
        });
        let digest = blake3::hash(&points.collect::<Vec<u8>>());
        assert_eq!(digest.to_hex().as_str(), DIGEST);
    }
}
