//! A model that lies on a hub: chosen, found where another tool put it, or fetched.
//!
//! **Invariant:** nothing is fetched that could not be added for want of room or by the rules of the network.

use std::path::{Path, PathBuf};

use assay_hub::{
    DownloadError, DownloadProgress, Downloaded, Hub, HubDownload, HubFile, HubListing, HubName, NotChosen,
    Retries, Surroundings,
};
use assay_peer::{config::Settings, library::ModelOrigin, system::free_bytes};

use super::add::ModelFile;
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Printer, Spinner, field},
};

/// Files of a repository that are told of.
const TOLD_MAX: usize = 32;
/// Characters of the name of a file that is shown.
const NAME_CHARS_MAX: usize = 120;

/// A repository that was asked for.
pub(super) struct HubModel {
    hub: Hub,
    name: HubName,
    listing: HubListing,
    file: HubFile,
}

impl HubModel {
    /// Finds what a name means. Where it means several files, all are told.
    pub(super) async fn find(name: &HubName, printer: &Printer) -> Result<Self, CommandError> {
        let surroundings = Surroundings::read(|name| std::env::var_os(name))?;
        let (hub, asked) = (Hub::of(&surroundings), name.clone());
        let spinner = printer.spinner("asking the hub");
        let listed = blocking(move || {
            let listing = hub.list(&asked);
            (hub, listing)
        });
        let listed = listed.await;
        spinner.end();
        let (hub, listing) = listed?;
        let listing = listing?;
        let file = listing.choose(name).cloned().inspect_err(|error| tell(name, error, printer))?;
        Ok(Self { hub, name: name.at(&file.path, &listing.commit), listing, file })
    }

    /// What its file is called.
    pub(super) fn path(&self) -> &Path {
        Path::new(&self.file.path)
    }

    /// How long it is.
    pub(super) fn bytes(&self) -> u64 {
        self.file.bytes
    }

    /// What its card says of its licence.
    pub(super) fn licence(&self) -> Option<&str> {
        self.listing.licence.as_deref()
    }

    /// Has it here: where another tool has fetched it, or anew.
    pub(super) async fn take(self, invocation: &Invocation) -> Result<ModelFile, CommandError> {
        self.fits(invocation)?;
        let (printer, folder) = (&invocation.printer, invocation.home.hub());
        let spinner = printer.spinner("looking for it among what other tools have fetched");
        let (source, teller) = (self.name.to_string(), spinner.clone());
        let taken = blocking(move || self.have(&folder, &teller)).await;
        spinner.end();
        let (path, downloaded, card) = taken??;
        match &downloaded {
            None => printer.note(format!("another tool has fetched it already: {}", path.display())),
            Some(downloaded) if !downloaded.is_proven() => {
                printer.note("the hub names no digest of this file: only its length was looked at");
            }
            Some(_) => {}
        }
        Ok(ModelFile { path, origin: Some(ModelOrigin { source, card }), downloaded, ..ModelFile::default() })
    }

    fn have(
        self,
        folder: &Path,
        spinner: &Spinner,
    ) -> Result<(PathBuf, Option<Downloaded>, Option<String>), DownloadError> {
        let Self { hub, name, listing, file } = self;
        let found = hub.find(&name, &file);
        let (path, downloaded) = match found {
            Some(found) => (found, None),
            None => {
                // Where nothing was fetched yet there is no folder, and its disk is that of the home.
                let at = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
                let free_bytes = free_bytes(at);
                let download =
                    HubDownload { name: name.clone(), file, folder, free_bytes, retries: Retries::default() };
                let mut told = |progress: DownloadProgress| spinner.say(&said(&name, progress));
                let downloaded = hub.fetch(&download, &mut told)?;
                (downloaded.path(), Some(downloaded))
            }
        };
        let card = if listing.has_card { hub.card(&name, &listing.commit) } else { None };
        Ok((path, downloaded, card))
    }

    /// Whether a home may hold it at all.
    fn fits(&self, invocation: &Invocation) -> Result<(), CommandError> {
        let most = Settings::read(&invocation.home)?.daemon.blob_bytes_max;
        if self.file.bytes <= most {
            return Ok(());
        }
        let message = format!(
            "{} has {} MiB, and the models of this home may take {}",
            self.name,
            mib(self.file.bytes),
            most >> 20
        );
        let hint = "raise daemon.blob_bytes_max in config.toml, or choose a smaller file";
        Err(CommandError::new(Exit::Other, "BLOBS_FULL", message, hint))
    }
}

fn said(name: &HubName, progress: DownloadProgress) -> String {
    let file = name.file.as_deref().unwrap_or_default();
    let file = file.rsplit('/').next().unwrap_or(file);
    let begun = if progress.is_waiting { "the connection broke off; going on with" } else { "fetching" };
    format!("{begun} {file} ({} of {} MiB)", progress.here >> 20, mib(progress.bytes))
}

/// Tells what could have been meant.
fn tell(name: &HubName, error: &NotChosen, printer: &Printer) {
    let files = match error {
        NotChosen::Several { files, .. } | NotChosen::Absent { files, .. } => files,
        NotChosen::None { .. } | NotChosen::Parts { .. } => return,
    };
    for file in files.iter().take(TOLD_MAX) {
        let size = format!("{} MiB", mib(file.bytes));
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
        match (file.parts(), file.path.chars().all(plain)) {
            (None, true) => printer.note(format!("{size}: assay model add {}", name.with_file(&file.path))),
            (None, false) => printer.note(format!("{size}: {}", field(&file.path, NAME_CHARS_MAX))),
            (Some(parts), _) => {
                let path = field(&file.path, NAME_CHARS_MAX);
                printer.note(format!("{size}: {path}, one of {parts} parts, which are not taken in"));
            }
        }
    }
    if files.len() > TOLD_MAX {
        printer.note(format!("and {} more", files.len() - TOLD_MAX));
    }
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CommandError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        CommandError::new(
            Exit::Other,
            "NO_THREADS",
            error,
            "close some programs: the system gives no more threads",
        )
    })
}
