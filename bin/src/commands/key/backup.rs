//! `assay key backup`: the key as a file that its passphrase opens.
//!
//! **Invariant:** no file is written over; what is written was read again and opened before it is told.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use assay_protocol::signed::{Keypair, Signer};
use serde_json::json;
use zeroize::Zeroizing;

use super::{keeps_books, own_seed, passphrase::PassphraseArgs, restore};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    key_backup::{KeyBackup, Seed},
    printer::{called, full, path_text, short},
    system,
};

const EXAMPLES: &str = "\
Examples:
  assay key backup                      asks for a passphrase, and writes a file into this folder
  assay key backup /media/stick/assay   writes it there
  assay key backup --passphrase-file F  for scripts: the passphrase is the first line of F

The key is the account: whoever loses it has lost the money, and whoever finds it has found it.";

/// Write the secret key to a file that a passphrase opens.
///
/// The file names its peer, and is of no use without the passphrase; nobody can bring that back. `assay key restore` takes it
/// into another home. It holds the key and nothing else: no receipts, no jobs under way, no journal of a notary.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to write it; without it, a file in this folder that is called like the peer
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let seed: Seed = Zeroizing::new(own_seed(invocation)?);
    let peer = Keypair::from_seed(*seed).id();
    let usual = || PathBuf::from(format!("assay-{}.backup", short(peer)));
    let path = args.file.clone().unwrap_or_else(usual);
    // Before anybody types a passphrase for nothing.
    if path.exists() {
        return Err(unwritten(&path, &io::ErrorKind::AlreadyExists.into()));
    }
    let passphrase = args.passphrase.choose(invocation).await?;
    let spinner = invocation.printer.spinner("sealing the key");
    let written = seal(&seed, &passphrase, &path);
    spinner.end();
    written?;
    invocation.printer.line(format!("{}: the key of {}, sealed", path.display(), full(peer)));
    invocation.printer.note(
        "keep it away from this machine, and its passphrase away from it: nobody can bring back either of them",
    );
    let books = keeps_books(peer, invocation);
    if let Some(name) = &books {
        invocation.printer.note(format!(
            "this peer keeps the books of {}: its journal is not in a backup, so copy the whole home as well, again and again",
            called(name)
        ));
    }
    let document = json!({ "peer": full(peer), "file": path_text(&path), "is_notary": books.is_some() });
    invocation.printer.document("key-backup", &document);
    Ok(())
}

/// Writes it, and sees that it can be opened: one that cannot is found when it is too late.
fn seal(seed: &Seed, passphrase: &str, path: &Path) -> Result<(), CommandError> {
    let backup = KeyBackup::seal(seed, passphrase).map_err(|error| unwritten(path, &error))?;
    write(path, &backup.to_text()).map_err(|error| unwritten(path, &error))?;
    match restore::read(path).map(|read| read.open(passphrase)) {
        Ok(Ok(opened)) if opened == *seed => Ok(()),
        Ok(Ok(_) | Err(_)) | Err(_) => {
            let _ = fs::remove_file(path);
            Err(unwritten(path, &io::Error::other("it was read again and does not hold the key")))
        }
    }
}

/// The whole file, or none.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = system::create_private(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        let _ = fs::remove_file(path);
    })?;
    // Its name is on the disk as well then; where folders are not written so, there is nothing to wait for.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let _ = fs::File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}

fn unwritten(path: &Path, error: &io::Error) -> CommandError {
    if error.kind() == io::ErrorKind::AlreadyExists {
        let message = format!("{} is there already", path.display());
        return CommandError::new(
            Exit::Usage,
            "FILE",
            message,
            "a backup is never written over: name another file",
        );
    }
    let message = format!("{} cannot be written: {error}", path.display());
    CommandError::new(Exit::Usage, "FILE", message, "name another file, on a disk that has room")
}
