//! How many there are, in words.
//!
//! **Invariant:** one of a thing is never told as several.

use std::fmt::Display;

/// So many of a thing, by the words for one and for more.
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(count: N, one: &str, more: &str) -> String {
    let word = if count == N::from(1) { one } else { more };
    format!("{count} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_told_as_several() {
        let told = [0_u64, 1, 2].map(|count| counted(count, "offer was", "offers were"));
        assert_eq!(told, ["0 offers were", "1 offer was", "2 offers were"]);
    }
}
