//! The lines of a batch as they were handed in: requests, each under a name of its own.
//!
//! **Invariant:** all lines are read before the first is ordered: a batch with a line that is no request is refused whole, with
//! the number of each such line.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use assay_protocol::manifest::Manifest;

use super::batch_error::{BatchError, WrongLine};
use crate::{BatchedFailure, BatchedRequest};

/// Lines of a batch.
const LINES_MAX: usize = 100_000;
/// Bytes of a file with them.
pub const BATCH_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The lines of a batch, in the order of their file.
#[derive(Clone, Debug)]
pub struct BatchLines {
    /// Each with its number in the file.
    texts: Vec<(usize, String)>,
    tokens_max: u32,
}

impl BatchLines {
    /// What was handed in, if every line of it is a request.
    ///
    /// # Errors
    /// [`BatchError::BadLines`], [`BatchError::Empty`] or [`BatchError::ManyLines`].
    pub fn read(bytes: Vec<u8>, tokens_max: u32) -> Result<Self, BatchError> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
            BatchError::BadLines(vec![one_wrong(line, "invalid_request", None, "it is not UTF-8".to_owned())])
        })?;
        // A mark at the beginning that some programs write.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let numbered = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let mut all_wrong = Vec::new();
        let mut texts = Vec::new();
        let mut names = HashMap::new();
        for (number, line) in numbered {
            match BatchedRequest::read(line, tokens_max) {
                Err(failure) => all_wrong.push(wrong(number, &failure)),
                Ok(request) => {
                    if let Some(first) = names.insert(request.custom_id().to_owned(), number) {
                        let why = format!("line {first} has the same custom_id");
                        all_wrong.push(one_wrong(number, "invalid_value", Some("custom_id"), why));
                    }
                }
            }
            texts.push((number, line.to_owned()));
        }
        if !all_wrong.is_empty() {
            return Err(BatchError::BadLines(all_wrong));
        }
        match texts.len() {
            0 => Err(BatchError::Empty),
            count if count > LINES_MAX => Err(BatchError::ManyLines { count, most: LINES_MAX }),
            _ => Ok(Self { texts, tokens_max }),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.texts.len()
    }

    /// What one of them asks.
    ///
    /// # Errors
    /// [`BatchError::BadLines`].
    pub fn request(&self, line: usize) -> Result<BatchedRequest, BatchError> {
        let (number, text) = self.texts.get(line).map_or((0, ""), |(number, text)| (*number, text.as_str()));
        let refused = |failure: BatchedFailure| BatchError::BadLines(vec![wrong(number, &failure)]);
        BatchedRequest::read(text, self.tokens_max).map_err(refused)
    }

    /// The number of one of them in the file.
    #[must_use]
    pub fn number(&self, line: usize) -> usize {
        self.texts.get(line).map_or(0, |(number, _)| *number)
    }

    /// The same, where a line that does not say has so many tokens at most.
    #[must_use]
    pub fn with_tokens_max(self, tokens_max: u32) -> Self {
        Self { tokens_max, ..self }
    }

    /// What their models are called.
    ///
    /// # Errors
    /// [`BatchError::BadLines`].
    pub fn models(&self) -> Result<BTreeSet<String>, BatchError> {
        (0..self.count()).map(|line| Ok(self.request(line)?.model().to_owned())).collect()
    }

    /// Refuses those that their models do not do.
    ///
    /// # Errors
    /// [`BatchError::BadLines`].
    pub fn check(&self, manifests: &BTreeMap<String, Manifest>) -> Result<(), BatchError> {
        let mut all_wrong = Vec::new();
        for line in 0..self.count() {
            let request = self.request(line)?;
            let Some(manifest) = manifests.get(request.model()) else { continue };
            if let Err(failure) = request.order(manifest, 0) {
                all_wrong.push(wrong(self.number(line), &failure));
            }
        }
        if all_wrong.is_empty() { Ok(()) } else { Err(BatchError::BadLines(all_wrong)) }
    }
}

fn wrong(number: usize, failure: &BatchedFailure) -> WrongLine {
    WrongLine { number, code: failure.code(), param: failure.param().map(str::to_owned), why: failure.line() }
}

fn one_wrong(number: usize, code: &'static str, param: Option<&str>, why: String) -> WrongLine {
    WrongLine { number, code, param: param.map(str::to_owned), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str) -> String {
        format!(
            r#"{{"custom_id":"{name}","body":{{"model":"poet","messages":[{{"role":"user","content":"Why?"}}]}}}}"#
        )
    }

    fn read(text: &str) -> Result<usize, String> {
        let read = BatchLines::read(text.as_bytes().to_vec(), 9);
        read.map(|lines| lines.count()).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_requests_with_names_of_their_own() {
        assert_eq!(read(&format!("\u{feff}{}\r\n\n{}", line("a"), line("b"))), Ok(2));
        assert_eq!(read("\n \n"), Err("there is no line to carry out".to_owned()));
        let twice = format!("{}\n\n{}", line("a"), line("a"));
        assert_eq!(
            read(&twice),
            Err("nothing was ordered: line 3: line 1 has the same custom_id".to_owned())
        );
        let wrong = format!("{}\nnonsense\n{{}}", line("a"));
        let said = read(&wrong).unwrap_err();
        assert!(said.contains("line 2: ") && said.contains("line 3: ") && !said.contains('\n'), "{said}");
        let many = "x\n".repeat(9);
        assert!(read(&many).unwrap_err().ends_with("; and 4 more"));
        let bytes = [line("a").as_bytes(), b"\n\xff"].concat();
        let said = BatchLines::read(bytes, 9).unwrap_err();
        assert_eq!(said.to_string(), "nothing was ordered: line 2: it is not UTF-8");
    }

    #[test]
    fn a_batch_is_no_longer_than_it_may_be() {
        let text = (0..=LINES_MAX).map(|number| line(&number.to_string()) + "\n").collect::<String>();
        assert!(read(&text).unwrap_err().contains("100001 lines"));
        let most = text.split_once('\n').unwrap().1;
        assert_eq!(read(most), Ok(LINES_MAX));
    }
}
