//! `assay notary export`: a notary's journal as a file, to keep or to hand on.
//!
//! **Invariant:** a file of this name is there once all of it is, and was judged: what does not hold stays beside it, and takes the
//! place of no copy that does.

use std::{
    fs::{self, File},
    io::{BufReader, Write},
    path::{Path, PathBuf},
};

use assay_peer::handle::{Audited, CopyError, ExportJournal, audit_copy};
use assay_protocol::genesis::Genesis;
use serde_json::json;

use super::holding;
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    peer_name::PeerName,
    printer::{full, path_text, short, verb},
};

/// Of a copy that does not hold: whoever had it can have changed it, and its notary need not have said so.
const MAY_BE_CHANGED: &str = "somebody may have changed the copy: `assay notary audit` without a file asks the notary itself; if \
                              that finds the same, trust nothing that it says after";

const EXAMPLES: &str = "\
Examples:
  assay notary export -o books.journal   copy what the network's notary has published
  assay notary audit books.journal       judge the copy, without a daemon and without a network";

/// Copy a notary's published journal into a file that anybody can judge.
///
/// Entries of open jobs are in it by their digests alone, as everybody sees them. It is replayed once it is here.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Which notary's; the network's first if none
    #[arg(long, value_name = "PEER")]
    notary: Option<PeerName>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let genesis = invocation.network()?.genesis;
    let mut unfinished = Unfinished::begin(&args.output)?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let notary = daemon.notary(args.notary.as_ref())?;
    let spinner = invocation.printer.spinner("copying the journal");
    let mut bytes = daemon.call(ExportJournal { notary }).await?;
    while let Some(piece) = bytes.next().await {
        unfinished.write(&piece?)?;
        spinner.say(&format!("copying the journal, {} KiB", unfinished.bytes >> 10));
    }
    spinner.say("replaying the copy");
    let bytes = unfinished.bytes;
    let judged = judge(unfinished.whole()?, genesis).await;
    spinner.end();
    let audited = match judged {
        Ok(audited) => audited,
        Err(failure) => return Err(unfinished.refused(failure)),
    };
    unfinished.finish()?;
    invocation.printer.line(format!(
        "{}: {} {} of {}, {bytes} bytes; open jobs concern {} more, each in it by its digest.",
        args.output.display(),
        audited.entries,
        verb(audited.entries, "entry", "entries"),
        short(audited.notary),
        audited.hidden
    ));
    invocation.printer.document(
        "journal-copy",
        &json!({
            "notary": full(audited.notary), "entries": audited.entries, "hidden": audited.hidden,
            "head": { "sequence": audited.head.sequence, "digest": full(audited.head.digest) },
            "file": path_text(&args.output), "bytes": bytes,
        }),
    );
    Ok(())
}

/// Replays a copy by the rules of a network.
pub(super) async fn judge(path: &Path, genesis: Genesis) -> Result<Audited, CommandError> {
    let file = path.to_owned();
    let judging = move || audit_copy(&genesis, BufReader::new(File::open(file)?));
    let judged = tokio::task::spawn_blocking(judging).await;
    let judged =
        judged.map_err(|_| CommandError::new(Exit::Other, "ENDING", "the replay was ended", "try again"))?;
    let audited = judged.map_err(|error| unjudged(path, &error))?;
    holding(audited).map_err(|failure| failure.hinting(MAY_BE_CHANGED))
}

fn unjudged(path: &Path, error: &CopyError) -> CommandError {
    let file = path.display();
    let (exit, code, hint) = match error {
        CopyError::Read(_) => {
            (Exit::Usage, "FILE", "name a file such as `assay notary export -o FILE` writes")
        }
        CopyError::Foreign => {
            (Exit::Usage, "NOT_A_COPY", "name a file such as `assay notary export -o FILE` writes")
        }
        CopyError::OtherNetwork { .. } => {
            (Exit::Usage, "OTHER_NETWORK", "judge it in a home of that network: name one with --home")
        }
        CopyError::Damaged { .. } => (
            Exit::NotVerified,
            "DAMAGED_COPY",
            "copy it again, or ask whoever gave it to you for the whole of it",
        ),
    };
    CommandError::new(exit, code, format!("{file}: {error}"), hint)
}

/// A file that is not whole yet, under a name of its own, which is gone with it.
#[derive(Debug)]
struct Unfinished {
    file: File,
    bytes: u64,
    from: PathBuf,
    to: PathBuf,
    is_done: bool,
}

impl Unfinished {
    fn begin(to: &Path) -> Result<Self, CommandError> {
        let mut name = to.file_name().map(ToOwned::to_owned).unwrap_or_default();
        name.push(".part");
        let from = to.with_file_name(name);
        if to.is_dir() {
            return Err(unwritable(to, &"it is a folder"));
        }
        let file = File::create(&from).map_err(|error| unwritable(to, &error))?;
        Ok(Self { file, bytes: 0, from, to: to.to_owned(), is_done: false })
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), CommandError> {
        self.bytes += piece.len() as u64;
        self.file.write_all(piece).map_err(|error| unwritable(&self.to, &error))
    }

    /// Where it is, once all of it is on the disk.
    fn whole(&self) -> Result<&Path, CommandError> {
        self.file.sync_all().map_err(|error| unwritable(&self.to, &error))?;
        Ok(&self.from)
    }

    /// Leaves it where it is, since it does not hold: it may be all that proves so. A copy of before, if there is one, stays as it was.
    fn refused(&mut self, failure: CommandError) -> CommandError {
        self.is_done = true;
        let [_, hint] = failure.lines().map(str::to_owned);
        let stands = if self.to.exists() { "is as it was" } else { "was not made" };
        failure.hinting(format!(
            "what came is {}, which another export would write over: move it elsewhere to keep it; {} {stands}; {hint}",
            self.from.display(),
            self.to.display()
        ))
    }

    /// Gives it its name.
    fn finish(&mut self) -> Result<(), CommandError> {
        fs::rename(&self.from, &self.to).map_err(|error| unwritable(&self.to, &error))?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_done {
            // What cannot be removed says by its name what it is.
            drop(fs::remove_file(&self.from));
        }
    }
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> CommandError {
    let message = format!("{} cannot be written: {error}", path.display());
    CommandError::new(Exit::Usage, "FILE", message, "name another file with -o")
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::Digest;

    use super::*;

    #[test]
    fn a_copy_that_does_not_come_whole_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("books.journal");
        fs::write(&path, "of yesterday").unwrap();
        let mut unfinished = Unfinished::begin(&path).unwrap();
        unfinished.write(b"half").unwrap();
        drop(unfinished);
        assert_eq!(fs::read(&path).unwrap(), b"of yesterday");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the half is gone");

        let mut whole = Unfinished::begin(&path).unwrap();
        whole.write(b"of today").unwrap();
        assert_eq!(fs::read(whole.whole().unwrap()).unwrap(), b"of today");
        assert_eq!(fs::read(&path).unwrap(), b"of yesterday", "nobody has judged it yet");
        whole.finish().unwrap();
        drop(whole);
        assert_eq!(fs::read(&path).unwrap(), b"of today");
    }

    #[test]
    fn a_copy_that_does_not_hold_stays_beside_the_one_of_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("books.journal");
        fs::write(&path, "of yesterday").unwrap();
        let mut unfinished = Unfinished::begin(&path).unwrap();
        unfinished.write(b"of a notary that lies").unwrap();
        let failure = unjudged(unfinished.whole().unwrap(), &CopyError::Damaged { entries: 3 });
        let refused = unfinished.refused(failure);
        let beside = folder.path().join("books.journal.part");
        let kept =
            format!("what came is {}, which another export would write over: move it", beside.display());
        assert!(refused.lines()[1].starts_with(&kept), "{refused}");
        assert!(refused.lines()[1].contains("books.journal is as it was; "), "{refused}");
        drop(unfinished);
        assert_eq!(fs::read(&path).unwrap(), b"of yesterday");
        assert_eq!(fs::read(&beside).unwrap(), b"of a notary that lies");

        fs::remove_file(&path).unwrap();
        let mut first = Unfinished::begin(&path).unwrap();
        let refused = first.refused(unjudged(&beside, &CopyError::Damaged { entries: 3 }));
        assert!(refused.lines()[1].contains("books.journal was not made; "), "{refused}");
    }

    #[test]
    fn what_cannot_be_judged_says_what_can() {
        for (error, exit) in [
            (CopyError::Foreign, Exit::Usage),
            (CopyError::Damaged { entries: 3 }, Exit::NotVerified),
            (CopyError::OtherNetwork { theirs: Digest([1; 32]), ours: Digest([2; 32]) }, Exit::Usage),
        ] {
            let failure = unjudged(Path::new("x"), &error);
            assert_eq!(failure.exit(), exit, "{failure:?}");
        }
    }
}
