//! What rten computes otherwise than the format says: refused by name, since a wrong number is worse than none.
//!
//! **Invariant:** each entry was seen to be wrong in the operators' tests of the package `onnx`, which `contrib/onnx` repeats.

use std::io::Cursor;

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

/// Looks through a file, and says whether names of its axes can be relied on.
///
/// # Errors
/// Says which operator would give something wrong.
pub(super) fn examine(bytes: &[u8]) -> Result<Axes, String> {
    let file = OnnxFile::read(Cursor::new(bytes)).map_err(|error| format!("it is no whole file: {error}"))?;
    match file.operators.iter().find_map(|operator| wrong(operator, &file)) {
        Some((kind, why)) => {
            Err(format!("the operator {kind} is not run by rten: {why}; ONNX Runtime has it"))
        }
        None if file.inputs.iter().flat_map(|input| &input.axes).any(is_nameless) => Ok(Axes::Nameless),
        None => Ok(Axes::Named),
    }
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

fn wrong<'a>(operator: &OnnxOperator, file: &OnnxFile) -> Option<(String, &'a str)> {
    let OnnxOperator { kind, inputs, words } = operator;
    if let Some((_, why)) = OPERATORS.iter().find(|(wrong, _)| wrong == kind) {
        return Some((kind.clone(), why));
    }
    let said = |name: &str, word: &str| words.iter().any(|(each, text)| each == name && text == word);
    if let Some((_, name, word, why)) =
        WORDS.iter().find(|(wrong, name, word, _)| wrong == kind && said(name, word))
    {
        return Some((format!("{kind} with {name} {word}"), why));
    }
    let by_row = kind == "MatMul" && inputs.get(1).is_some_and(|second| file.rows.contains(second));
    by_row.then(|| ("MatMul by a row".to_owned(), "it gives one axis too many"))
}
