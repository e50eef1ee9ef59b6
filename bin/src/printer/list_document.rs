//! One document with a list in it that may be too long to be held: its items are written as they come.
//!
//! **Invariant:** what is written is, to the byte, the document with all of its items, once it is ended. Without `--json` nothing is
//! written.

use serde::Serialize;
use serde_json::Value;

use super::{Document, Printer, escape};

/// Before the key of a document.
const KEY_INDENT: &str = "\n  ";
/// Before an item of a list in it.
const ITEM_INDENT: &str = "\n    ";

/// A document that is being written.
pub(crate) struct ListDocument<'a> {
    printer: &'a Printer,
    noun: &'static str,
    key: &'static str,
    /// What stands before the items of the list, and behind them.
    head: String,
    tail: String,
    has_items: bool,
}

impl<'a> ListDocument<'a> {
    /// Begins one with this body, in which the list stands empty under that key.
    pub(super) fn begin(printer: &'a Printer, noun: &'static str, body: &Value, key: &'static str) -> Self {
        let (head, tail) = around(noun, body, key);
        let begun = Self { printer, noun, key, head, tail, has_items: false };
        begun.write(&begun.head);
        begun
    }

    /// Adds an item.
    pub(crate) fn item(&mut self, item: &Value) {
        let text = inner(item, std::mem::replace(&mut self.has_items, true));
        self.write(&text);
    }

    /// Ends it.
    pub(crate) fn end(self) {
        self.write(&ending(&self.tail, self.has_items));
    }

    /// Ends it with what is known only now: what stands before the list in this body stood there when it began.
    pub(crate) fn end_as(self, body: &Value) {
        let (head, tail) = around(self.noun, body, self.key);
        debug_assert_eq!(head, self.head, "what was written already stays true");
        self.write(&ending(&tail, self.has_items));
    }

    fn write(&self, text: &str) {
        if self.printer.is_json {
            self.printer.write(&escape::json(text));
        }
    }
}

/// What stands before the items of the list under a key, and behind them.
fn around(noun: &str, body: &Value, key: &str) -> (String, String) {
    let text = pretty(&Document { schema: format!("assay.{noun}/1"), body });
    let (head, tail) = (format!("{KEY_INDENT}\"{key}\": ["), "]");
    let split = text.split_once(&format!("{head}{tail}"));
    debug_assert!(split.is_some(), "the list stands empty in its document");
    let (before, behind) = split.unwrap_or((text.as_str(), ""));
    (format!("{before}{head}"), behind.to_owned())
}

/// An item as it stands in its list.
fn inner(item: &Value, is_next: bool) -> String {
    // Within a text of JSON no line ends.
    let text = pretty(item).replace('\n', ITEM_INDENT);
    format!("{}{ITEM_INDENT}{text}", if is_next { "," } else { "" })
}

fn ending(tail: &str, has_items: bool) -> String {
    format!("{}]{tail}\n", if has_items { KEY_INDENT } else { "" })
}

fn pretty<T: Serialize>(value: &T) -> String {
    match serde_json::to_string_pretty(value) {
        Ok(text) => text,
        Err(error) => unreachable!("documents have text for keys: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_item_by_item_is_the_document_with_all_of_them() {
        let items = [json!({ "name": "a\nb", "more": [1, { "x": [] }] }), json!({}), json!("text")];
        for count in 0..=items.len() {
            let body = |list: &[Value]| json!({ "hidden": 0, "jobs": list, "sums": { "jobs": [] } });
            let (head, tail) = around("jobs", &body(&[]), "jobs");
            let mut text = head;
            for (place, item) in items[..count].iter().enumerate() {
                text += &inner(item, place > 0);
            }
            text += &ending(&tail, count > 0);
            let body = body(&items[..count]);
            let whole = pretty(&Document { schema: "assay.jobs/1".to_owned(), body: &body });
            assert_eq!(text, whole + "\n", "{count} items");
        }
    }

    #[test]
    fn what_stands_behind_a_list_may_be_known_once_its_items_are() {
        let body = |sum: u64, list: &[Value]| json!({ "hidden": 0, "moves": list, "sums": { "spent": sum } });
        let items = [json!({ "spent": 2 }), json!({ "spent": 3 })];
        let (head, _) = around("account-history", &body(0, &[]), "moves");
        let (same, tail) = around("account-history", &body(5, &[]), "moves");
        assert_eq!(head, same, "what was written already stays true");
        let text = head + &inner(&items[0], false) + &inner(&items[1], true) + &ending(&tail, true);
        let body = body(5, &items);
        let whole = pretty(&Document { schema: "assay.account-history/1".to_owned(), body: &body });
        assert_eq!(text, whole + "\n");
    }
}
