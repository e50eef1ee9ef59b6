//! The passphrase of a backup: typed unseen, or the first line of a file.
//!
//! **Invariant:** it stands in no argument and no variable, and no terminal shows it; what held it is wiped.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal},
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    stop,
    system::Unseen,
};

/// Characters of the shortest that seals a key.
const CHARS_MIN: usize = 8;
/// Bytes of the longest.
const BYTES_MAX: u64 = 1024;

/// A passphrase.
pub(super) type Passphrase = Zeroizing<String>;

/// Where the passphrase comes from.
#[derive(Debug, clap::Args)]
pub(super) struct PassphraseArgs {
    /// Read the passphrase from the first line of this file, or of standard input with `-`, instead of asking
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// One that is chosen now: whoever types it types it twice.
    pub(super) async fn choose(&self, invocation: &Invocation) -> Result<Passphrase, CommandError> {
        let chosen = match &self.passphrase_file {
            Some(file) => read(file)?,
            None => {
                let chosen = typed(
                    &format!("A passphrase for the backup, {CHARS_MIN} characters or more: "),
                    invocation,
                )
                .await?;
                // Before it is typed again for nothing.
                refuse_short(&chosen)?;
                if *typed("The same again: ", invocation).await? != *chosen {
                    let hint = "run it again, and type the same twice";
                    return Err(CommandError::new(
                        Exit::Usage,
                        "PASSPHRASES_DIFFER",
                        "the two passphrases are not the same",
                        hint,
                    ));
                }
                chosen
            }
        };
        refuse_short(&chosen).map(|()| chosen)
    }

    /// One that was chosen before.
    pub(super) async fn recall(&self, invocation: &Invocation) -> Result<Passphrase, CommandError> {
        match &self.passphrase_file {
            Some(file) => read(file),
            None => typed("The passphrase of the backup: ", invocation).await,
        }
    }
}

fn refuse_short(passphrase: &Passphrase) -> Result<(), CommandError> {
    if passphrase.chars().count() >= CHARS_MIN {
        return Ok(());
    }
    let message = format!("the passphrase has fewer than {CHARS_MIN} characters");
    let hint = "whoever finds the file can try many: take four words or more that nobody would put together";
    Err(CommandError::new(Exit::Usage, "PASSPHRASE_SHORT", message, hint))
}

fn read(file: &Path) -> Result<Passphrase, CommandError> {
    let line = match file == Path::new("-") {
        true => first_line(io::stdin().lock()),
        false => File::open(file).and_then(|file| first_line(BufReader::new(file))),
    };
    line.map_err(|error| {
        let message = format!("no passphrase can be read from {}: {error}", file.display());
        let hint = "name a file whose first line it is, in UTF-8; `-` is standard input";
        CommandError::new(Exit::Usage, "FILE", message, hint)
    })
}

/// Asks for a line that the terminal does not show.
async fn typed(question: &str, invocation: &Invocation) -> Result<Passphrase, CommandError> {
    let hint = "name a file whose first line it is with --passphrase-file FILE";
    let nobody = |reason: &str| CommandError::new(Exit::Usage, "NO_PASSPHRASE", reason, hint);
    if invocation.printer.is_json() || !io::stdin().is_terminal() {
        return Err(nobody("nobody can be asked for the passphrase here"));
    }
    let typing = async {
        let _unseen = Unseen::begin()
            .map_err(|error| nobody(&format!("the terminal would show what is typed: {error}")))?;
        invocation.printer.prompt(question);
        // A thread of its own: nobody can interrupt a read.
        let line =
            spawn_blocking(|| first_line(io::stdin().lock())).await.map_err(io::Error::other).flatten();
        line.map_err(|error| nobody(&format!("no passphrase was typed: {error}")))
    };
    tokio::select! {
        // Heeded before the terminal is changed, so that it never stays so.
        biased;
        exit = stop::asked() => {
            invocation.printer.prompt("\n");
            let hint = "nothing was written; run it again";
            Err(CommandError::new(exit, "INTERRUPTED", "no passphrase was given", hint))
        }
        line = typing => line,
    }
}

fn first_line(from: impl BufRead) -> io::Result<Passphrase> {
    let mut line = Zeroizing::new(String::with_capacity(BYTES_MAX as usize + 1));
    from.take(BYTES_MAX).read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    if line.is_empty() || line.len() as u64 == BYTES_MAX && length == line.len() {
        let reason = format!("its first line is missing, or longer than {BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    line.truncate(length);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_the_first_line_and_nothing_of_its_end() {
        let read = |text: &str| first_line(text.as_bytes()).map(|line| (*line).clone()).ok();
        let longest = "x".repeat(BYTES_MAX as usize - 1);
        assert_eq!(read("two words \r\nmore\n").as_deref(), Some("two words "));
        assert_eq!(read("no end").as_deref(), Some("no end"));
        assert_eq!(read(&longest).as_ref(), Some(&longest));
        assert_eq!(read(&format!("{longest}x")), None);
        assert_eq!(read(&format!("{longest}\nmore")).as_ref(), Some(&longest));
        assert_eq!(read(""), None);
        assert!(first_line(&b"\xff\xfe\n"[..]).is_err());
    }
}
