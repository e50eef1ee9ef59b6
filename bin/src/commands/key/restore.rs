//! `assay key restore`: a key out of its backup, into a home that has none.
//!
//! **Invariant:** a home that has another key is left as it is.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use assay_peer::{
    checkup,
    config::KeyError,
    daemon::DaemonError,
    home::{self, HomeLock},
    journal::OpenError,
};
use assay_protocol::{id::PeerId, signed::Signer};
use serde_json::json;

use super::{keeps_books, passphrase::PassphraseArgs};
use crate::{
    command_error::{CommandError, Exit},
    commands::init,
    invocation::Invocation,
    key_backup::{KeyBackup, WrongPassphrase},
    printer::{called, full, path_text, short},
};

/// Bytes of the longest file that is read.
const FILE_BYTES_MAX: u64 = 16 * 1024;

const EXAMPLES: &str = "\
Examples:
  assay key restore assay-3fa29c1b2c3d.backup     asks for the passphrase
  assay --home /tmp/second key restore FILE       into another home
  assay key restore FILE --passphrase-file F      for scripts

A key lives in one home: end every other daemon that has it before this one is started.";

/// Take a key out of its backup, into a home that has none.
///
/// Works before `assay init` and after it. Where the key is here already it only tries the passphrase. Jobs that were under
/// way in the old home are not known in a new one, and may end as if this peer had been away. A notary needs its journal,
/// which no backup holds: put back the newest copy of its whole home instead.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A file that `assay key backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let backup = read(&args.file)?;
    let peer = backup.peer();
    if invocation.home.left().exists() {
        // A move that was cut short may still bring a key along, or take one away.
        init::carry_on(&HomeLock::take(invocation.home.root())?, invocation)?;
    }
    // Before anybody types a passphrase for nothing.
    let is_here =
        present(invocation)?.map(|present| refuse_other(present, peer, invocation)).transpose()?.is_some();
    let passphrase = args.passphrase.recall(invocation).await?;
    let spinner = invocation.printer.spinner("opening the backup");
    let opened = backup.open(&passphrase);
    spinner.end();
    let seed = opened.map_err(|WrongPassphrase| {
        let message =
            format!("this passphrase does not open {}, the key of {}", args.file.display(), full(peer));
        let hint = "try another: the file itself is whole";
        CommandError::new(Exit::Forbidden, "WRONG_PASSPHRASE", message, hint)
    })?;
    if !is_here {
        home::make(invocation.home.root())?;
        invocation.home.create_key_from(*seed)?;
    }
    tell(peer, is_here, invocation);
    Ok(())
}

/// The backup in a file.
pub(super) fn read(path: &Path) -> Result<KeyBackup, CommandError> {
    let text = File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    });
    let text = text.map_err(|error: io::Error| {
        let message = format!("{} cannot be read: {error}", path.display());
        CommandError::new(Exit::Usage, "FILE", message, "name a file that `assay key backup` wrote")
    })?;
    KeyBackup::parse(&text).map_err(|reason| {
        let message = format!("{} is no backup of a key that can be used: {reason}", path.display());
        let hint = "take another copy of it: a backup is used whole or not at all";
        CommandError::new(Exit::Usage, "NOT_A_BACKUP", message, hint)
    })
}

/// Whose key the home has.
fn present(invocation: &Invocation) -> Result<Option<PeerId>, CommandError> {
    match invocation.home.key() {
        Ok(key) => Ok(Some(key.id())),
        Err(KeyError::Absent { .. }) => Ok(None),
        Err(
            error @ (KeyError::Present { .. }
            | KeyError::Exposed { .. }
            | KeyError::Malformed { .. }
            | KeyError::Disk { .. }),
        ) => Err(error.into()),
    }
}

fn refuse_other(present: PeerId, restored: PeerId, invocation: &Invocation) -> Result<(), CommandError> {
    if present == restored {
        return Ok(());
    }
    let home = invocation.home.root().display();
    let message = format!("{home} has the key of another peer, {}", full(present));
    if remembers(restored, invocation) {
        let key = invocation.home.identity();
        let hint = format!(
            "the journal there is that of {}: move {} aside, and say it again",
            short(restored),
            key.display()
        );
        return Err(CommandError::new(Exit::Usage, "KEY_PRESENT", message, hint));
    }
    let aside = match invocation.home.network().exists() {
        true => ", or put the other aside first: `assay leave --with-key`",
        false => "",
    };
    let hint = format!(
        "a key is never replaced: take {} into a home of its own with --home DIR{aside}",
        short(restored)
    );
    Err(CommandError::new(Exit::Usage, "KEY_PRESENT", message, hint))
}

/// Whether the journal of the home is that of this peer, and not of the one whose key is there.
fn remembers(peer: PeerId, invocation: &Invocation) -> bool {
    let Ok(file) = invocation.network() else { return false };
    let looked = checkup::memory(&invocation.home, &file);
    matches!(looked, Err(DaemonError::Journal(OpenError::Foreign { owner })) if owner == peer)
}

fn tell(peer: PeerId, was_here: bool, invocation: &Invocation) {
    let home = invocation.home.root().display();
    let is_known = invocation.home.network().exists();
    let books = keeps_books(peer, invocation);
    invocation.printer.line(match was_here {
        true => format!("The backup opens. {home} has this key already: {}.", full(peer)),
        false => format!("{home} has the key of {} now.", full(peer)),
    });
    // Where the key was here, a daemon may have it.
    let has_journal =
        if was_here { invocation.home.journal().exists() } else { super::has_records(invocation) };
    if !was_here {
        warn(books.as_deref(), (is_known, has_journal), invocation);
        let next = if is_known { "`assay up`" } else { "`assay init --network FILE`" };
        invocation.printer.note(format!("next: {next}"));
    }
    invocation.printer.document(
        "key-restored",
        &json!({
            "peer": full(peer), "home": path_text(invocation.home.root()), "was_here": was_here,
            "is_notary": is_known.then_some(books.is_some()), "has_journal": has_journal,
        }),
    );
}

/// Says what a key alone does not bring along.
fn warn(books: Option<&str>, (is_known, has_journal): (bool, bool), invocation: &Invocation) {
    let printer = &invocation.printer;
    printer.note("a key lives in one home: end every other daemon that has it, and start none there again");
    if has_journal {
        return;
    }
    printer.note("jobs that were under way in its old home are not known here, and may end as if this peer had been away");
    match books {
        Some(name) => warn_notary(name, invocation),
        None if is_known => {}
        None => printer.note(
            "if this peer keeps the books of a network, do not start it here: put back the newest copy of its whole home",
        ),
    }
}

/// Says what becomes of a notary that begins anew.
pub(crate) fn warn_notary(network: &str, invocation: &Invocation) {
    invocation.printer.note(format!(
        "this peer keeps the books of {}, and its journal is not here. Where there was one, do not start it: it would sign \
         other things under numbers that it has used, and every peer that saw both would leave it. Put back the newest copy \
         of its whole home; `assay notary recover` says what is left to do without one",
        called(network)
    ));
}
