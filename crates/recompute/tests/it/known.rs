//! A job of a real network, known to the byte: its receipt, the shipped model, what was asked and what was answered.

use std::{fs, path::PathBuf};

use assay_protocol::{frames, id::Digest, manifest::End};
use assay_recompute::{Comparison, NotRerun, OrderedRun, PageModel, Rerun};
use serde_json::Value;

/// What was asked.
pub(crate) const QUESTION: &str = "27+58=";
/// What is answered, with the token that ends it.
pub(crate) const ANSWER: [(u32, &str); 3] = [(56, "8"), (53, "5"), (372, "")];

fn repository(path: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// The shipped model.
pub(crate) fn sums() -> Vec<u8> {
    repository("models/sums/sums.gguf")
}

/// What the receipt says of the run, as a page hands it on.
pub(crate) fn told() -> Value {
    assay_judge::verdict(&repository("contrib/dashboard/text.receipt"))["run"].take()
}

/// The same, read.
pub(crate) fn order() -> OrderedRun {
    OrderedRun::read(told().to_string().as_bytes()).unwrap()
}

/// An answer of these tokens, a frame each.
pub(crate) fn answer(tokens: &[(u32, &str)]) -> Vec<u8> {
    tokens.iter().flat_map(|(token, text)| frames::encode(&[*token], text.as_bytes()).unwrap()).collect()
}

/// The same run on the shipped model, beside an answer.
pub(crate) fn run(order: OrderedRun, answer: Option<Vec<u8>>) -> Rerun {
    let model = PageModel::load(Digest::of(&sums()), sums()).unwrap();
    Rerun::new(order, model, answer).unwrap()
}

/// Answers as the shipped runner does where nothing is drawn: the greatest logit is the next token.
pub(crate) fn greedy(run: &mut Rerun) -> Result<Comparison, NotRerun> {
    let ends = run.end_tokens();
    let mut prompt: Vec<u32> = ends.begin.into_iter().collect();
    prompt.extend(run.tokenize(QUESTION, true)?);
    run.open()?;
    let mut row = run.read(&prompt, None, None)?;
    loop {
        let token = greatest(&row);
        let is_last = ends.end.contains(&token);
        let text = if is_last { Vec::new() } else { run.detokenize(&[token]) };
        let is_wanted = run.emit_tokens(&[token], &text);
        if is_last || !is_wanted || run.has_parted() {
            return run.ended(End::Stop);
        }
        row = match run.read(&[token], None, None) {
            Ok(row) => row,
            Err(_) => return run.ended(End::Length),
        };
    }
}

/// The first of the greatest numbers.
pub(crate) fn greatest(row: &[f32]) -> u32 {
    let best = (0..row.len()).reduce(|best, next| if row[next] > row[best] { next } else { best });
    u32::try_from(best.unwrap()).unwrap()
}
