//! Receipts, judged the way a stranger would: by another process without a daemon, a home or a network.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::network::DemoNetwork;
use crate::command_error::{CommandError, Exit};

/// What `assay receipt verify` said of a file.
pub(super) struct Judgement {
    /// The file.
    pub(super) file: PathBuf,
    /// The exit status.
    pub(super) status: Option<i32>,
    /// The verification, or the error.
    pub(super) said: Value,
}

impl Judgement {
    /// True if the receipt holds.
    pub(super) fn holds(&self) -> bool {
        self.status == Some(0)
    }

    /// What the receipt proves, in one line, or why it does not hold.
    pub(super) fn words(&self) -> String {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if self.holds() {
            return format!("{}: {}", text(&self.said["label"]), text(&self.said["meaning"]));
        }
        text(&self.said["error"]["message"])
    }
}

/// Letters in the name of a receipt.
const STEM_LETTERS: usize = 40;

/// What the receipt of a sample is called that was sent so often before.
pub(super) fn file_name(sample: &str, before: usize) -> String {
    let number = if before == 0 { String::new() } else { format!("-again-{before}") };
    format!("{}{number}.receipt", stem(sample))
}

/// The same without the end: some letters, digits and dashes.
fn stem(sample: &str) -> String {
    let name = sample.strip_suffix(".png").unwrap_or(sample);
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    name.trim_end_matches('=').chars().map(plain).take(STEM_LETTERS).collect()
}

/// Writes a receipt into the network's folder and judges it.
pub(super) fn judge(network: &DemoNetwork, name: &str, bytes: &[u8]) -> Result<Judgement, CommandError> {
    let file = network.folder().join(name);
    fs::write(&file, bytes).and_then(|()| verify(network, &file)).map_err(|error| {
        let message = format!("the receipt cannot be judged: {error}");
        CommandError::new(
            Exit::Other,
            "DEMO_FAILED",
            message,
            "free some space in the temporary folder and try again",
        )
    })
}

fn verify(network: &DemoNetwork, file: &Path) -> io::Result<Judgement> {
    let output = Command::new(network.binary())
        .args(["receipt", "verify", "--json", "--home"])
        .arg(network.folder().join("nowhere"))
        .arg(file)
        .env_clear()
        .stdin(Stdio::null())
        .output()?;
    let said = if output.status.success() { &output.stdout } else { &output.stderr };
    let said = serde_json::from_slice(said).unwrap_or(Value::Null);
    Ok(Judgement { file: file.to_owned(), status: output.status.code(), said })
}

/// The same bytes with one bit of one byte changed, somewhere in the middle.
pub(super) fn tampered(bytes: &[u8]) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    let middle = copy.len() / 2;
    if let Some(byte) = copy.get_mut(middle) {
        *byte ^= 1;
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipt_of_a_long_question_has_a_short_name() {
        assert_eq!(stem("68+75 in words="), "68-75-in-words");
        assert_eq!(stem("seven-1.png"), "seven-1");
        assert_eq!(stem(&"a".repeat(1_000)).len(), STEM_LETTERS);
        assert_eq!(file_name("27+58=", 0), "27-58.receipt");
        assert_eq!(file_name("27+58=", 1), "27-58-again-1.receipt");
    }
}
