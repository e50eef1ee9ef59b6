//! A model that lies on a hub: chosen, found where another tool put it, or fetched.
//!
//! **Invariant:** nothing is fetched that could not be added for want of room or by the rules of the network.

use std::{
    collections::BTreeSet,
    fmt::Display,
    path::{Path, PathBuf},
};

use assay_hub::{
    DownloadError, DownloadProgress, Downloaded, Hub, HubDownload, HubFile, HubListing, HubName, NotChosen,
    Retries, Sha256Sum, Surroundings,
};
use assay_peer::{
    config::Settings,
    library::ModelOrigin,
    system::{free_bytes, raise_open_files},
};
use assay_runtime::parts::{PARTS_MAX, PartsError};

use super::{
    add::{ModelFile, tell_kept},
    parts,
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    own_model::{PartedModel, RefusedFile, is_of_disk, unjoined},
    printer::{Printer, Spinner, field},
};

/// Files of a repository that are told of.
const TOLD_MAX: usize = 32;
/// Characters of the name of a file that is shown.
const NAME_CHARS_MAX: usize = 120;

/// A repository that was asked for.
pub(super) struct HubModel {
    hub: Hub,
    /// The file, or the first part of a model that was cut, at a commit.
    name: HubName,
    listing: HubListing,
    /// The file, or all parts in their order.
    files: Vec<HubFile>,
}

/// What is here of a model.
struct FilesHere {
    /// Each file: its path in the repository, and where it lies.
    files: Vec<(String, PathBuf)>,
    /// Those that were fetched.
    downloaded: Vec<Downloaded>,
    card: Option<String>,
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
        let chosen = listing.choose(name).inspect_err(|error| tell(name, error, printer))?;
        let files: Vec<HubFile> = chosen.into_iter().cloned().collect();
        let first = files.first().map(|file| file.path.clone()).unwrap_or_default();
        let parts = files.len() as u64;
        if parts > PARTS_MAX {
            return Err(unjoined(Path::new(&first), &PartsError::Many { name: first.clone(), parts }));
        }
        Ok(Self { hub, name: name.at(&first, &listing.commit), listing, files })
    }

    /// What its file is called, or would be if it were one.
    pub(super) fn path(&self) -> PathBuf {
        let Some(first) = self.files.first() else { return PathBuf::new() };
        first.part().map_or_else(|| PathBuf::from(&first.path), |part| format!("{}.gguf", part.stem).into())
    }

    /// How long it is; of one in parts about how long.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |bytes, file| file.bytes.saturating_add(bytes))
    }

    /// What its card says of its licence.
    pub(super) fn licence(&self) -> Option<&str> {
        self.listing.licence.as_deref()
    }

    /// Has it here: where another tool has fetched it, or anew.
    pub(super) async fn take(self, invocation: &Invocation) -> Result<ModelFile, CommandError> {
        refuse_too_large(&self.name, self.bytes(), invocation)?;
        let (printer, folder) = (&invocation.printer, invocation.home.hub());
        let spinner = printer.spinner("looking for it among what other tools have fetched");
        let (source, teller) = (self.name.to_string(), spinner.clone());
        let (name, path) = (self.name.clone(), self.path());
        let taken = blocking(move || self.have(&folder, &teller)).await;
        spinner.end();
        let FilesHere { mut files, downloaded, card } = taken??;
        match (&files[..], downloaded.len()) {
            ([(_, path)], 0) => {
                printer.note(format!("another tool has fetched it already: {}", path.display()));
            }
            (files, fetched) if fetched < files.len() => {
                let found = files.len() - fetched;
                printer.note(format!("another tool has fetched {found} of {} parts already", files.len()));
            }
            (_, _) => {}
        }
        if downloaded.iter().any(|downloaded| !downloaded.is_proven()) {
            printer.note("the hub names no digest of this file: only its length was looked at");
        }
        let file = ModelFile { origin: Some(ModelOrigin { source, card }), ..ModelFile::default() };
        if files.len() == 1 {
            let path = files.remove(0).1;
            return Ok(ModelFile { path, downloaded, ..file });
        }
        let parted = match PartedModel::of(&path.with_extension("").to_string_lossy(), files) {
            Ok(parted) => parted,
            Err(error) => {
                if !is_of_disk(&error) {
                    // They will be no model the next time either.
                    downloaded.into_iter().for_each(|part| drop(part.remove()));
                }
                return Err(unjoined(&path, &error));
            }
        };
        // What is not run is not joined.
        if let Err(RefusedFile { why, hint, .. }) = parted.survey() {
            tell_kept(&downloaded, printer);
            let message = format!("{} cannot be added: {why}", path.display());
            return Err(CommandError::new(Exit::Usage, "NO_MODEL", message, hint));
        }
        // No name of the hub's choice becomes one here.
        let meanwhile = Sha256Sum::of(name.to_string().as_bytes()).to_string();
        let joined = parts::join(parted, &meanwhile, invocation).await?;
        Ok(ModelFile { path: joined.path().to_owned(), downloaded, joined: Some(joined), ..file })
    }

    /// Has all files here: first it is looked which of them are.
    fn have(self, folder: &Path, spinner: &Spinner) -> Result<FilesHere, DownloadError> {
        let (whole, parts) = (self.bytes(), self.files.len());
        let Self { hub, name, listing, files } = self;
        let named = |file: &HubFile| name.at(&file.path, &listing.commit);
        // Where nothing was fetched yet there is no folder, and its disk is that of the home.
        let at = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder).to_owned();
        let download = |file: HubFile| HubDownload {
            name: named(&file),
            file,
            folder,
            free_bytes: free_bytes(&at),
            retries: Retries::default(),
        };
        let looked = files.into_iter().map(|file| (hub.find(&named(&file), &file), file));
        let looked: Vec<(Option<PathBuf>, HubFile)> = looked.collect();
        if parts > 1 {
            // Each stays open, with its lock, until it is joined.
            raise_open_files();
            // What they give comes beside them.
            let absent = looked.iter().filter(|(found, _)| found.is_none());
            let to_come = absent.map(|(_, file)| download(file.clone()).bytes_to_come());
            let need = to_come.fold(whole, u64::saturating_add);
            if let Some(free) = free_bytes(&at).filter(|free| *free < need) {
                return Err(DownloadError::DiskFull { need, free });
            }
        }
        let (mut here, mut downloaded) = (Vec::new(), Vec::new());
        for (found, file) in looked {
            let path = file.path.clone();
            if let Some(found) = found {
                here.push((path, found));
                continue;
            }
            let download = download(file);
            let mut told = |progress: DownloadProgress| spinner.say(&said(&download.name, progress));
            let fetched = hub.fetch(&download, &mut told)?;
            here.push((path, fetched.path()));
            downloaded.push(fetched);
        }
        let card = if listing.has_card { hub.card(&name, &listing.commit) } else { None };
        Ok(FilesHere { files: here, downloaded, card })
    }
}

/// Refuses what a home may not hold at all.
pub(super) fn refuse_too_large(
    name: impl Display,
    bytes: u64,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let most = Settings::read(&invocation.home)?.daemon.blob_bytes_max;
    if bytes <= most {
        return Ok(());
    }
    let (has, may) = (mib(bytes), most >> 20);
    let message = format!("{name} has {has} MiB, and the models of this home may take {may}");
    let hint = "raise daemon.blob_bytes_max in config.toml, or choose a smaller file";
    Err(CommandError::new(Exit::Other, "BLOBS_FULL", message, hint))
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
        NotChosen::None { .. } | NotChosen::Part { .. } => return,
    };
    // All parts of a model are taken in by the name of one.
    let mut told = BTreeSet::new();
    let is_first = |file: &&HubFile| match file.part() {
        Some(part) => told.insert((part.stem.to_owned(), part.parts)),
        None => true,
    };
    let models: Vec<&HubFile> = files.iter().filter(is_first).collect();
    for file in models.iter().take(TOLD_MAX) {
        let all = files.iter().filter(|other| other.path == file.path || other.is_beside(file));
        let size = format!("{} MiB", mib(all.fold(0, |bytes, file| file.bytes.saturating_add(bytes))));
        let size = file.part().map_or_else(|| size.clone(), |part| format!("{size} in {} parts", part.parts));
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
        match file.path.chars().all(plain) {
            true => printer.note(format!("{size}: assay model add {}", name.with_file(&file.path))),
            false => printer.note(format!("{size}: {}", field(&file.path, NAME_CHARS_MAX))),
        }
    }
    if models.len() > TOLD_MAX {
        printer.note(format!("and {} more", models.len() - TOLD_MAX));
    }
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

pub(crate) async fn blocking<T: Send + 'static>(
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
