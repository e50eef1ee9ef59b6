//! The texts of an input.
//!
//! **Invariant:** an input that is no text, and a list that holds anything else, is refused and not guessed at.

use assay_runner::Failure;

use crate::params::InputKind;

/// Texts of one job.
const TEXTS_MAX: usize = 4_096;

/// The texts of an input, in order.
pub(crate) fn read(input: &[u8], kind: InputKind) -> Result<Vec<String>, Failure> {
    let refuse = |why: String| Err(Failure::BadInput(why));
    let Ok(text) = std::str::from_utf8(input) else { return refuse("the input is no UTF-8".into()) };
    let looks_like_list = text.trim_start().starts_with('[');
    let list = match kind {
        InputKind::Text => None,
        InputKind::Auto if !looks_like_list => None,
        InputKind::Auto => serde_json::from_str::<Vec<String>>(text).ok(),
        InputKind::List => match serde_json::from_str(text) {
            Ok(list) => Some(list),
            Err(error) => return refuse(format!("the input is no list of texts: {error}")),
        },
    };
    match list {
        None => Ok(vec![text.to_owned()]),
        Some(list) if list.is_empty() => refuse("the list of texts is empty".into()),
        Some(list) if list.len() > TEXTS_MAX => {
            refuse(format!("the list has {} texts, and {TEXTS_MAX} are read at most", list.len()))
        }
        Some(list) => Ok(list),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(input: &str, kind: InputKind) -> Vec<String> {
        read(input.as_bytes(), kind).unwrap()
    }

    #[test]
    fn an_input_is_a_text_unless_it_is_a_list_of_them() {
        assert_eq!(texts("a \"text\"\n", InputKind::Auto), ["a \"text\"\n"]);
        assert_eq!(texts(" [\"one\", \"two\"]", InputKind::Auto), ["one", "two"]);
        assert_eq!(texts("[\"one\", \"two\"]", InputKind::Text), ["[\"one\", \"two\"]"]);
        assert_eq!(texts("[1] says nothing", InputKind::Auto), ["[1] says nothing"]);
        assert_eq!(texts("", InputKind::Auto), [""]);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let many = serde_json::to_vec(&vec!["a"; TEXTS_MAX + 1]).unwrap();
        for (input, kind) in [
            (&b"\xC3"[..], InputKind::Auto),
            (b"[]", InputKind::Auto),
            (b"[1]", InputKind::List),
            (b"a text", InputKind::List),
            (&many, InputKind::Auto),
        ] {
            assert!(matches!(read(input, kind), Err(Failure::BadInput(_))), "{kind:?}");
        }
    }
}
