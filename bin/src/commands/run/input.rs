//! What a job is made of, as it was typed.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use assay_peer::{
    executor::reads_texts,
    handle::{FindModel, FoundModel, INPUT_BYTES_MAX, ModelSource},
};
use assay_protocol::manifest::Manifest;

use crate::{
    command_error::{CommandError, Exit},
    commands::model::whole_name,
    daemon::RunningDaemon,
    invocation::Invocation,
};

/// The input that was typed: for a model that reads texts what it is asked, for others the name of a file.
pub(crate) fn typed(text: &OsStr, manifest: &Manifest) -> Result<Vec<u8>, CommandError> {
    if text == "-" || !reads_texts(manifest) {
        return read(Path::new(text));
    }
    // Who means a file would pay for what is said of its name.
    if Path::new(text).is_file() {
        let name = Path::new(text).display();
        let message =
            format!("{} would be asked the words {name}, and there is a file of that name", manifest.name);
        let hint = format!(
            "-f {name} asks what the file says; to ask the words, write them to standard input, and -"
        );
        return Err(CommandError::new(Exit::Usage, "NAME_OF_A_FILE", message, hint));
    }
    within(text.as_encoded_bytes().to_vec())
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let limit = INPUT_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        let message = format!("the input {} cannot be read: {error}", path.display());
        CommandError::new(Exit::Usage, "FILE", message, "name a file, or - for standard input")
    })?;
    within(bytes)
}

fn within(bytes: Vec<u8>) -> Result<Vec<u8>, CommandError> {
    if bytes.is_empty() {
        let hint = "nothing was ordered: name a file that holds something, or write what is asked";
        return Err(CommandError::new(Exit::Usage, "EMPTY_INPUT", "the input is empty", hint));
    }
    if bytes.len() > INPUT_BYTES_MAX {
        let message = format!("the input is longer than the {INPUT_BYTES_MAX} bytes that are allowed");
        return Err(CommandError::new(
            Exit::Usage,
            "INPUT_TOO_LONG",
            message,
            "send a smaller input, or split it",
        ));
    }
    Ok(bytes)
}

/// What the choices of an answer are drawn from where nobody says.
pub(crate) fn seed() -> Result<u32, CommandError> {
    getrandom::u32().map_err(|error| {
        let message = format!("no seed can be drawn: {error}");
        CommandError::new(Exit::Other, "NO_SEED", message, "name one with --seed")
    })
}

/// The model that is meant by a name. What only strangers call so is told to be their word.
pub(crate) async fn model(
    name: &str,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<Manifest, CommandError> {
    let FoundModel { manifest, source, providers, .. } =
        daemon.call(FindModel { name: name.to_owned() }).await?;
    if source == ModelSource::Offered {
        let (name, whose) = (whole_name(&manifest), if providers == 1 { "1 offers" } else { "some offer" });
        invocation.printer.note(format!(
            "note: {name} is no model of this network: {whose} it, and what it is called is the word of whoever wrote it"
        ));
    }
    Ok(manifest)
}

/// A length of time such as `500ms`, `30s`, `5m` or `2h`.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 500ms, 30s, 5m or 2h".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let count: u64 = count.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    count.checked_mul(factor).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Bundle, DIGITS, SUMS};

    #[test]
    fn what_is_typed_is_a_text_for_models_of_texts_and_a_file_for_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("question");
        std::fs::write(&file, "1+1=").unwrap();
        let typed = |text: &str, bundle: &Bundle| typed(OsStr::new(text), &bundle.manifest());
        let name = file.to_str().unwrap();
        assert_eq!(typed("27+58=", &SUMS).unwrap(), b"27+58=");
        let refused = typed(name, &SUMS).unwrap_err();
        assert_eq!(
            (refused.exit(), refused.code()),
            (Exit::Usage, "NAME_OF_A_FILE"),
            "its name is not asked"
        );
        assert_eq!(typed("", &SUMS).unwrap_err().code(), "EMPTY_INPUT", "nothing is not paid for");
        std::fs::write(folder.path().join("nothing"), "").unwrap();
        let nothing = folder.path().join("nothing");
        assert_eq!(read(&nothing).unwrap_err().code(), "EMPTY_INPUT");
        assert_eq!(typed(name, &DIGITS).unwrap(), b"1+1=");
        assert_eq!(typed("27+58=", &DIGITS).unwrap_err().exit(), Exit::Usage, "there is no such file");
        let long = "1".repeat(INPUT_BYTES_MAX + 1);
        assert_eq!(typed(&long, &SUMS).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn a_length_of_time_has_a_number_and_a_unit() {
        let good = [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000)];
        for (text, ms) in good {
            assert_eq!(length(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "30", "s", "-1s", "1.5s", "30 s", "99999999999999999999s", "99999999999999999h"] {
            assert!(length(text).is_err(), "{text}");
        }
    }
}
