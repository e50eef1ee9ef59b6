//! Receipt files: read, bounded, judged.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use assay_peer::config::NetworkFile;
use assay_protocol::{
    receipt::{Receipt, Refuted, Report, Stop, VIEW_BYTES_MAX, verify},
    signed::Ed25519,
};
use serde_json::{Value, json};

use crate::command_error::{CommandError, Exit};

/// What helps whoever named something else.
const NAME_ONE: &str = "name a receipt file, such as `assay run --receipt FILE` writes";
/// What files begin with that are plainly something else.
const OTHERS: [(&[u8], &str); 5] = [
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GGUF", "a model"),
    (b"\0asm", "a runner"),
    (b"Assay key backup ", "the backup of a key"),
];
/// Bytes in the longest name of a document that is told.
const SCHEMA_BYTES_MAX: usize = 64;

/// The bytes of a receipt file in either form, and one more than allowed if there are too many.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let limit = VIEW_BYTES_MAX as u64 + 1;
    let read = |mut from: Box<dyn Read>| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = if path == Path::new("-") {
        read(Box::new(io::stdin().take(limit)))
    } else {
        File::open(path).and_then(|file| read(Box::new(file.take(limit))))
    };
    bytes.map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.display());
        CommandError::new(Exit::Usage, "FILE", message, hint(path))
    })
}

/// What helps whoever named what cannot be read: a job has to become a file first, since files are judged without a daemon.
fn hint(path: &Path) -> String {
    match path.to_str().filter(|name| !path.exists() && is_name(name)) {
        Some(job) => format!(
            "this takes files: `assay receipt export {job} -o FILE` writes that of a job, and `assay receipt show {job}` \
             judges it at once"
        ),
        None => NAME_ONE.to_owned(),
    }
}

/// Whether a job or a receipt may be called so. For what cannot be, no daemon is started.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The receipt in these bytes, if it is whole, and what it proves.
pub(super) fn judge(bytes: &[u8], name: &str) -> Result<(Receipt, Report), CommandError> {
    if let Some(other) = otherwise(bytes) {
        let name = if name == "-" { "standard input" } else { name };
        let message = format!("{name} is no receipt: it is {other}");
        return Err(CommandError::new(Exit::Usage, "NOT_A_RECEIPT", message, NAME_ONE));
    }
    // The canonical form begins with a byte that no text begins with.
    let receipt = if bytes.first().is_some_and(u8::is_ascii) {
        let text = std::str::from_utf8(bytes).map_err(|error| malformed(&error))?;
        Receipt::from_view(text).map_err(|error| malformed(&error))?
    } else {
        Receipt::from_bytes(bytes).map_err(|error| malformed(&error))?
    };
    let report = verify::<Ed25519>(&receipt).map_err(|error| refuted(&error))?;
    Ok((receipt, report))
}

/// What these bytes are, if they are plainly no receipt. What is none for all that may be one that somebody changed.
fn otherwise(bytes: &[u8]) -> Option<String> {
    if let Some((_, what)) = OTHERS.into_iter().find(|(sign, _)| bytes.starts_with(sign)) {
        return Some(what.to_owned());
    }
    let text = text(bytes)?;
    if text.trim().is_empty() {
        return Some("empty".to_owned());
    }
    if text.trim_start().starts_with('{') && ["\"story\"", "\"settled\""].iter().any(|key| text.contains(key))
    {
        return None;
    }
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        let schema = document["schema"].as_str().filter(|name| name.len() <= SCHEMA_BYTES_MAX);
        let schema = schema.filter(|name| name.starts_with("assay."));
        return Some(
            schema.map_or_else(|| "JSON of something else".to_owned(), |name| format!("a document {name}")),
        );
    }
    let is_network = NetworkFile::parse(text).is_ok();
    Some(if is_network { "the file of a network" } else { "a text" }.to_owned())
}

/// The text that these bytes are, if they are one; of one that was cut, the whole characters.
fn text(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

fn malformed(error: &dyn std::error::Error) -> CommandError {
    refuted(&Refuted { step: Stop::Encoding, expected: format!("one whole receipt: {error}") })
}

/// A receipt that does not hold.
fn refuted(refuted: &Refuted) -> CommandError {
    let message = format!("the receipt does not hold: {refuted}");
    let hint = "somebody changed this file, or its notary is false; ask the other party or the notary for the original";
    CommandError::new(Exit::NotVerified, "RECEIPT_REFUTED", message, hint)
        .with(json!({ "step": refuted.step }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_a_job_for_a_file_is_told_how_it_becomes_one() {
        for (name, begin) in [
            ("0fa29c0fa29c", "this takes files: `assay receipt export 0fa29c0fa29c -o FILE`"),
            ("none.receipt", "name a receipt file"),
        ] {
            let failure = read(Path::new(name)).unwrap_err();
            let [_, hint] = failure.lines();
            assert!(hint.starts_with(begin), "{hint}");
            assert_eq!(failure.exit(), Exit::Usage);
        }
    }

    #[test]
    fn what_may_be_a_receipt_that_was_changed_fails_at_its_encoding() {
        let changed: [&[u8]; 4] = [b"\xa5\x03", b"\xa4\x03\x01", b"{\"story\": {", b"{\"settled\": 1}"];
        for bytes in changed {
            let failure = judge(bytes, "seven.receipt").unwrap_err();
            assert_eq!(failure.exit(), Exit::NotVerified, "{bytes:?}");
            assert_eq!(failure.to_json()["error"]["details"]["step"], "encoding", "{bytes:?}");
        }
    }

    #[test]
    fn what_is_plainly_something_else_is_named() {
        let genesis = assay_peer::config::genesis("test", assay_protocol::id::PeerId([1; 32]));
        let network = assay_peer::config::to_documented_toml(&genesis, &[]);
        let others: [(&[u8], &str); 8] = [
            (b"", "empty"),
            (b"not a receipt", "a text"),
            (b"caf\xc3", "a text"),
            (network.as_bytes(), "the file of a network"),
            (b"\x89PNG\r\n", "a picture"),
            (b"Assay key backup 1\n", "the backup of a key"),
            (b"{\"schema\": \"assay.run/1\"}", "a document assay.run/1"),
            (b"[1]", "JSON of something else"),
        ];
        for (bytes, what) in others {
            let failure = judge(bytes, "-").unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{what}");
            assert_eq!(failure.lines()[0], format!("standard input is no receipt: it is {what}"));
        }
    }
}
