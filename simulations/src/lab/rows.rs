//! Comma-separated values, as the laboratory writes them.
//!
//! **Invariant:** what was written is read again as it was, whatever is in a field.

/// A field that may hold anything.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The fields of each line; nothing if the text ends within one.
pub(super) fn read(text: &str) -> Option<Vec<Vec<String>>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut letters = text.chars().peekable();
    let mut is_quoted = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(core::mem::take(&mut field)),
            '\n' if !is_quoted => {
                row.push(core::mem::take(&mut field));
                rows.push(core::mem::take(&mut row));
            }
            letter => field.push(letter),
        }
    }
    let is_whole = !is_quoted && field.is_empty() && row.is_empty();
    is_whole.then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_in_a_field_it_is_read_as_it_was() {
        let fields = ["", "a", "a,b", "say \"no\"", "\"", "two\nlines", "\"\",\"\"\n"];
        let line = fields.map(quoted).join(",");
        let rows = read(&format!("{line}\nplain,,3\n")).unwrap();
        assert_eq!(rows[0], fields);
        assert_eq!(rows[1..], [["plain", "", "3"]]);
        assert_eq!(read(""), Some(Vec::new()));
    }

    #[test]
    fn a_text_that_ends_too_early_is_none() {
        for cut in ["a", "a,", "a,b\nc", "\"a\n", "\"a\"\"\n"] {
            assert_eq!(read(cut), None, "{cut:?}");
        }
    }
}
