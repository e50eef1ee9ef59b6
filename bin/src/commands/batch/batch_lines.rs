//! The lines of a batch as they were handed in: requests, each under a name of its own.
//!
//! **Invariant:** all lines are read before the first is ordered: a batch with a line that is no request is refused whole, with
//! the number of each such line.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io::{self, Read},
    path::Path,
};

use assay_gateway::BatchedRequest;
use assay_protocol::manifest::Manifest;
use serde_json::json;

use crate::command_error::{CommandError, Exit};

/// Lines of a batch.
const LINES_MAX: usize = 100_000;
/// Bytes of a file with them.
const BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Wrong lines that are told one by one.
const TOLD_MAX: usize = 5;

/// The lines of a batch, in the order of their file.
#[derive(Clone, Debug)]
pub(super) struct BatchLines {
    /// Each with its number in the file.
    texts: Vec<(usize, String)>,
    tokens_max: u32,
}

impl BatchLines {
    /// What was handed in, if every line of it is a request.
    pub(super) fn read(bytes: Vec<u8>, tokens_max: u32) -> Result<Self, CommandError> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
            refused(vec![(line, "it is not UTF-8".to_owned())])
        })?;
        // A mark at the beginning that some programs write.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let numbered = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let mut wrong = Vec::new();
        let mut texts = Vec::new();
        let mut names = HashMap::new();
        for (number, line) in numbered {
            match BatchedRequest::read(line, tokens_max) {
                Err(failure) => wrong.push((number, failure.line())),
                Ok(request) => {
                    if let Some(first) = names.insert(request.custom_id().to_owned(), number) {
                        wrong.push((number, format!("line {first} has the same custom_id")));
                    }
                }
            }
            texts.push((number, line.to_owned()));
        }
        if !wrong.is_empty() {
            return Err(refused(wrong));
        }
        match texts.len() {
            0 => Err(CommandError::new(
                Exit::Usage,
                "EMPTY_BATCH",
                "there is no line to carry out",
                WRITE_LINES,
            )),
            count if count > LINES_MAX => {
                Err(too_long(format!("{} lines, where at most {LINES_MAX} are taken", texts.len())))
            }
            _ => Ok(Self { texts, tokens_max }),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.texts.len()
    }

    /// What one of them asks.
    pub(super) fn request(&self, line: usize) -> Result<BatchedRequest, CommandError> {
        let (number, text) = self.texts.get(line).map_or((0, ""), |(number, text)| (*number, text.as_str()));
        BatchedRequest::read(text, self.tokens_max).map_err(|failure| refused(vec![(number, failure.line())]))
    }

    /// The number of one of them in the file.
    pub(super) fn number(&self, line: usize) -> usize {
        self.texts.get(line).map_or(0, |(number, _)| *number)
    }

    /// The same, where a line that does not say has so many tokens at most.
    pub(super) fn with_tokens_max(self, tokens_max: u32) -> Self {
        Self { tokens_max, ..self }
    }

    /// What their models are called.
    pub(super) fn models(&self) -> Result<BTreeSet<String>, CommandError> {
        (0..self.count()).map(|line| Ok(self.request(line)?.model().to_owned())).collect()
    }

    /// Refuses those that their models do not do.
    pub(super) fn check(&self, manifests: &BTreeMap<String, Manifest>) -> Result<(), CommandError> {
        let mut wrong = Vec::new();
        for line in 0..self.count() {
            let request = self.request(line)?;
            let Some(manifest) = manifests.get(request.model()) else { continue };
            if let Err(failure) = request.order(manifest, 0) {
                wrong.push((self.number(line), failure.line()));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(refused(wrong)) }
    }
}

/// What is in a file, or comes in, as far as a batch may be long.
pub(super) fn bytes_of(path: &Path) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().take(BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        let message = format!("the batch {} cannot be read: {error}", path.display());
        CommandError::new(Exit::Usage, "FILE", message, "name a file, or - for standard input")
    })?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(too_long(format!("more than the {BYTES_MAX} bytes that are taken")));
    }
    Ok(bytes)
}

const WRITE_LINES: &str =
    r#"a line is {"custom_id":"a","body":{"model":"NAME","messages":[{"role":"user","content":"TEXT"}]}}"#;

fn too_long(has: String) -> CommandError {
    CommandError::new(Exit::Usage, "LONG_BATCH", format!("the batch has {has}"), "split it into several")
}

fn refused(wrong: Vec<(usize, String)>) -> CommandError {
    let told = wrong.iter().take(TOLD_MAX).map(|(number, why)| format!("line {number}: {why}"));
    let told = told.collect::<Vec<_>>().join("; ");
    let more = match wrong.len().saturating_sub(TOLD_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let lines: Vec<_> = wrong.iter().map(|(number, why)| json!({ "line": number, "why": why })).collect();
    CommandError::new(Exit::Usage, "BAD_LINES", format!("nothing was ordered: {told}{more}"), WRITE_LINES)
        .with(json!({ "wrong_lines": lines }))
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
        read.map(|lines| lines.count()).map_err(|error| error.lines()[0].to_owned())
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
        assert_eq!(said.lines()[0], "nothing was ordered: line 2: it is not UTF-8");
    }

    #[test]
    fn a_batch_is_no_longer_than_it_may_be() {
        let text = (0..=LINES_MAX).map(|number| line(&number.to_string()) + "\n").collect::<String>();
        assert!(read(&text).unwrap_err().contains("100001 lines"));
        let most = text.split_once('\n').unwrap().1;
        assert_eq!(read(most), Ok(LINES_MAX));
    }
}
