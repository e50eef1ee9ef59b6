//! What rten computes otherwise than the format says: not run by it, since a wrong number is worse than none.
//!
//! **Invariant:** each entry was seen to be wrong in the operators' tests of the package `onnx`, which `contrib/onnx` repeats.

use super::operators::called;
use crate::onnx_file::{OnnxAxis, OnnxFile, OnnxOperator};

/// What exporters write for an axis that has no name.
const NAMELESS: &str = "?";

/// Operators, and what is wrong with each.
const OPERATORS: [(&str, &str); 3] = [
    ("ArgMax", "it takes the last of several that are greatest, not the first"),
    ("NonMaxSuppression", "it takes other boxes"),
    ("Sign", "it gives one for nought"),
];

/// Which words of an operator are wrong.
const WORDS: [(&str, &str, &str, &str); 1] =
    [("Resize", "mode", "cubic", "it takes other weights near the edges")];

/// Whether names of a file's axes can be relied on.
pub(super) fn axes(file: &OnnxFile) -> Axes {
    let is_nameless = file.inputs.iter().flat_map(|input| &input.axes).any(is_nameless);
    if is_nameless { Axes::Nameless } else { Axes::Named }
}

/// Whether axes of one name have one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axes {
    /// They have.
    Named,
    /// Some have a name that says nothing, which rten would take for one.
    Nameless,
}

/// Whether a name of an axis says nothing.
pub(super) fn says_nothing(name: &str) -> bool {
    name == NAMELESS
}

fn is_nameless(axis: &OnnxAxis) -> bool {
    matches!(axis, OnnxAxis::Named(name) if says_nothing(name))
}

/// What is wrong with what rten makes of an operator, after its name.
pub(super) fn wrong(operator: &OnnxOperator, file: &OnnxFile) -> Option<(String, &'static str)> {
    let OnnxOperator { kind, inputs, words, .. } = operator;
    let name = called(operator);
    if let Some((_, why)) = OPERATORS.iter().find(|(wrong, _)| *wrong == name) {
        return Some((name, *why));
    }
    let said = |name: &str, word: &str| words.iter().any(|(each, text)| each == name && text == word);
    if let Some((_, word, text, why)) =
        WORDS.iter().find(|(wrong, word, text, _)| wrong == kind && said(word, text))
    {
        return Some((format!("{name} with {word} {text}"), *why));
    }
    let by_row = kind == "MatMul" && inputs.get(1).is_some_and(|second| file.rows.contains(second));
    by_row.then(|| ("MatMul by a row".to_owned(), "it gives one axis too many"))
}
