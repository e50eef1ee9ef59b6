//! Receipt files: read, bounded, judged.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use assay_protocol::{
    receipt::{Receipt, Refuted, Report, Stop, VIEW_BYTES_MAX, verify},
    signed::Ed25519,
};
use serde_json::json;

use crate::command_error::{CommandError, Exit};

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
        None => "name a receipt file, such as `assay run --receipt FILE` writes".to_owned(),
    }
}

/// Whether a job or a receipt may be called so. For what cannot be, no daemon is started.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The receipt in these bytes, if it is whole, and what it proves.
pub(super) fn judge(bytes: &[u8]) -> Result<(Receipt, Report), CommandError> {
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
    fn what_is_no_receipt_fails_at_its_encoding() {
        let failure = judge(b"not a receipt").unwrap_err();
        assert_eq!(failure.exit(), Exit::NotVerified);
        assert_eq!(failure.to_json()["error"]["details"]["step"], "encoding");
    }
}
