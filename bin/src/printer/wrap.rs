//! Texts of several words in lines of so many characters.
//!
//! **Invariant:** no word is taken apart, so that what is copied is whole: one that is longer than a line has one of its own.

/// Characters of a line, at least, where a text is to go on in others: in less nobody reads it.
pub(super) const LINE_CHARS_MIN: usize = 20;

/// The lines of a text; one without words has one line.
pub(super) fn lines(text: &str, chars_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let chars = |line: &str| line.chars().count();
        match lines.last_mut() {
            Some(line) if chars(line) + 1 + chars(word) <= chars_max => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    if lines.is_empty() { vec![String::new()] } else { lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_on_in_the_next_line_and_no_word_is_taken_apart() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("one 0123456789 two", 7), ["one", "0123456789", "two"]);
        assert_eq!((lines("one two", 7), lines("", 7)), (vec!["one two".to_owned()], vec![String::new()]));
    }
}
