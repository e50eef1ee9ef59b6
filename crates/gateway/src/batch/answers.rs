//! The answers of a batch as a file.
//!
//! **Invariant:** the answers stand in the order of the requests, in a file that is replaced whole.

use std::{io, path::Path};

use super::{
    batch_error::BatchError,
    batch_folder::{BatchFolder, replace_with},
    line_log::{LineLog, LineResult},
};

/// Writes those of the answers that there are which are wanted.
///
/// # Errors
/// [`BatchError::Output`], if they cannot go there; [`BatchError::Disk`], if they cannot be read.
pub fn write_answers(
    folder: &BatchFolder,
    log: &LineLog,
    output: &Path,
    is_wanted: impl Fn(&LineResult) -> bool,
) -> Result<(), BatchError> {
    let mut unread = None;
    let written = replace_with(output, |file| {
        for line in 0..log.lines().len() {
            let result = match folder.result(log, line) {
                Ok(Some(result)) => result,
                Ok(None) => continue,
                Err(error) => {
                    unread = Some(error);
                    return Err(io::ErrorKind::Other.into());
                }
            };
            if is_wanted(&result) {
                serde_json::to_writer(&mut *file, &result.answer)?;
                file.write_all(b"\n")?;
            }
        }
        Ok(())
    });
    match (unread, written) {
        (Some(error), _) => Err(error),
        (None, written) => written.map_err(|error| BatchError::Output { path: output.to_owned(), error }),
    }
}
