//! Where an object or a list of JSON ends, in a text that comes piece by piece.
//!
//! **Invariant:** each byte is looked at once, and none behind [`JSON_BYTES_MAX`]. What lies before the end need not be JSON;
//! what is JSON ends there.

/// Bytes of the longest object or list: who reads it holds several times as many.
pub(super) const JSON_BYTES_MAX: usize = 1 << 20;

/// Looks for the end.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonEnd {
    /// Bytes that were looked at.
    at: usize,
    depth: u32,
    in_text: bool,
    is_escaped: bool,
}

impl JsonEnd {
    /// Where the object or list ends with which this text begins; nothing, as long as it goes on. Each time the text is that of
    /// before, and what came since.
    pub(super) fn find(&mut self, text: &str) -> Option<usize> {
        while let Some(&byte) = text.as_bytes().get(self.at).filter(|_| !self.is_beyond()) {
            self.at += 1;
            if self.is_escaped {
                self.is_escaped = false;
                continue;
            }
            match (byte, self.in_text) {
                (b'\\', true) => self.is_escaped = true,
                (b'"', _) => self.in_text = !self.in_text,
                (b'{' | b'[', false) => self.depth += 1,
                (b'}' | b']', false) => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Whether it is too far away to be looked for.
    pub(super) fn is_beyond(&self) -> bool {
        self.at >= JSON_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_found_however_the_text_is_cut() {
        let cases = [
            (r#"{} "#, Some(2)),
            (r#"{"a":"}"}x"#, Some(9)),
            (r#"{"a":"\"}"}"#, Some(11)),
            (r#"{"a":"\\"}}"#, Some(10)),
            (r#"[{"a":[1,{}]},{}]]"#, Some(17)),
            (r#"{"a":"ä}"}"#, Some(11)),
            (r#"{"a":"}"#, None),
            (r#"{"a":{}"#, None),
        ];
        for (text, end) in cases {
            assert_eq!(JsonEnd::default().find(text), end, "{text}");
            let mut piecewise = JsonEnd::default();
            let cuts = (1..=text.len()).filter(|at| text.is_char_boundary(*at));
            let found = cuts.map(|at| piecewise.find(&text[..at])).find(Option::is_some).flatten();
            assert_eq!(found, end, "{text}");
        }
    }
}
