//! What a daemon in the background ended with, as it writes it into its log for the command that started it.
//!
//! **Invariant:** words are believed of the one process that was started, so that nobody is told what ended another.

use serde_json::{Value, json};

use crate::command_error::CommandError;

/// What such a line begins with.
pub(crate) const MARK: &str = "last words: ";

/// What is written behind that.
pub(crate) fn document(failure: &CommandError) -> Value {
    let error = &failure.to_json()["error"];
    json!({ "process": std::process::id(), "exit": failure.exit() as u8, "error": error })
}

/// Whether a line of a log is one: nobody is to read it.
pub(crate) fn is_one(line: &str) -> bool {
    line.starts_with(MARK)
}

/// What this process ended with, if it said so.
pub(super) fn of(log: &str, process: u32) -> Option<CommandError> {
    let words = log.lines().rev().filter_map(|line| line.strip_prefix(MARK));
    let documents = words.filter_map(|words| serde_json::from_str::<Value>(words).ok());
    let mut of_it = documents.filter(|document| document["process"] == process);
    of_it.find_map(|document| CommandError::of_json(&document["exit"], &document["error"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_error::Exit;

    #[test]
    fn whoever_started_a_daemon_fails_as_it_did() {
        let failure = CommandError::new(Exit::Problem, "OTHER_KEY", "the key is another's", "put it back")
            .with(json!({ "process": 7 }))
            .retryable();
        let line = format!("{MARK}{}", document(&failure));
        let log = format!("1970-01-01T00:00:00.000Z  info   begins\n{line}\nerror: it\nhint: this\n");
        let process = std::process::id();
        assert_eq!(of(&log, process), Some(failure));
        assert_eq!(of(&log, process + 1), None, "those of another are not its own");
        assert_eq!(of(&log.replace("OTHER_KEY", "no code"), process), None);
        assert_eq!(of(&log.replace("{\"", "{"), process), None, "half a line is none");
        assert!(is_one(&line) && !is_one("error: it"));
    }
}
