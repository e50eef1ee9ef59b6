//! Fetching one file: straight to the disk, hashed as it comes, and gone on with where it ended.
//!
//! **Invariant:** memory does not grow with the file; of what is here nothing is fetched again but what one read of a broken
//! connection held; what is given out has the length and the digest that were asked for. It is begun anew only so often, and only so
//! many connections in a row give next to nothing, so that whatever a hub does, it ends.

use std::{
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{
    client::{HubAnswer, HubClient, HubError, LinkedFile, RangeStart},
    hub::resolve_path,
    listing::HubFile,
    name::HubName,
    pace,
    partial::{PartialFile, bytes_here},
    sha256::Sha256Sum,
};

/// Bytes that are read from a connection at a time.
const READ_BYTES: usize = 256 * 1024;
/// How many connections in a row may end with next to nothing.
const MEAGRE_MAX: u32 = 20;
/// Bytes that a file which arrives leaves free on the disk.
const FREE_BYTES_LEFT: u64 = 256 << 20;

/// Why a file did not arrive. What has come of it stays where nothing else is said.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The hub, or whom it sent on to.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// It is another file than a moment ago.
    #[error("the hub has another file by the name {name} than it said")]
    Changed {
        /// What was asked for.
        name: Box<HubName>,
    },
    /// Its length is not the one that the hub names.
    #[error("{name} comes with {found} bytes, where the hub says {bytes}")]
    WrongLength {
        /// What was asked for.
        name: Box<HubName>,
        /// What the hub says.
        bytes: u64,
        /// What comes at least.
        found: u64,
    },
    /// Its bytes are not those that the hub names. They are removed.
    #[error("{name} came with the SHA-256 {found}, where the hub says {sha256}; it was removed")]
    WrongDigest {
        /// What was asked for.
        name: Box<HubName>,
        /// What the hub says.
        sha256: Sha256Sum,
        /// What came.
        found: Sha256Sum,
    },
    /// Another process of this home fetches it.
    #[error("{name} is being fetched by another process")]
    UnderWay {
        /// What was asked for.
        name: Box<HubName>,
    },
    /// The disk is too full for it.
    #[error("a file from a hub needs {} MiB free on the disk, which has {}", need >> 20, free >> 20)]
    DiskFull {
        /// What it needs.
        need: u64,
        /// What is free.
        free: u64,
    },
    /// The disk failed.
    #[error("a file from a hub cannot be written: {0}")]
    Disk(#[from] io::Error),
}

/// How often a connection that breaks off is made anew.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// How often in a row without a byte, and in all where what was here does not go on.
    pub times: u32,
    /// Before the first; twice as long before each after it.
    pub wait: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { times: 5, wait: Duration::from_secs(1) }
    }
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownloadProgress {
    /// What is here.
    pub here: u64,
    /// What there will be.
    pub bytes: u64,
    /// Whether the connection broke off and is made anew.
    pub is_waiting: bool,
}

/// What is to be fetched, and to where.
#[derive(Clone, Debug)]
pub struct HubDownload<'a> {
    /// The file, at a commit.
    pub name: HubName,
    /// What the hub says of it.
    pub file: HubFile,
    /// Where it arrives.
    pub folder: &'a Path,
    /// Bytes that are free there, if the system says so.
    pub free_bytes: Option<u64>,
    /// How often it is tried.
    pub retries: Retries,
}

impl HubDownload<'_> {
    /// Bytes that are still to come, as far as what is here is its beginning.
    #[must_use]
    pub fn bytes_to_come(&self) -> u64 {
        self.file.bytes.saturating_sub(bytes_here(self.folder, &self.name))
    }
}

/// A file that has arrived. Dropped, it stays, and the next who asks for it has it at once.
#[must_use = "it takes room until it is removed"]
pub struct Downloaded {
    partial: PartialFile,
    is_proven: bool,
}

impl Downloaded {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.partial.path().to_owned()
    }

    /// Whether the hub names a digest of it, which it has.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// Removes it.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn remove(self) -> io::Result<()> {
        self.partial.remove()
    }
}

/// A download that goes on.
pub(crate) struct Arriving<'a> {
    client: &'a HubClient,
    download: &'a HubDownload<'a>,
    partial: PartialFile,
    /// How often what was here was let go.
    begun_anew: u32,
}

impl<'a> Arriving<'a> {
    pub(crate) fn begin(client: &'a HubClient, download: &'a HubDownload<'a>) -> Result<Self, DownloadError> {
        let HubDownload { name, file, folder, free_bytes, .. } = download;
        let partial = PartialFile::open(folder, name, file.bytes, file.sha256)?;
        let need = (file.bytes - partial.here()).saturating_add(FREE_BYTES_LEFT);
        match free_bytes {
            Some(free) if *free < need => Err(DownloadError::DiskFull { need, free: *free }),
            Some(_) | None => Ok(Self { client, download, partial, begun_anew: 0 }),
        }
    }

    /// Goes on until it is here, through broken connections.
    pub(crate) fn end(mut self, told: &mut dyn FnMut(DownloadProgress)) -> Result<Downloaded, DownloadError> {
        let Retries { times, wait } = self.download.retries;
        let (mut tried, mut meagre) = (0, 0);
        loop {
            let before = self.partial.here();
            match self.go_on(told) {
                Ok(()) => return self.proven(),
                Err(error) => {
                    let came = self.partial.here().saturating_sub(before);
                    tried = if came > 0 { 0 } else { tried + 1 };
                    meagre = if came >= pace::BYTES_MIN { 0 } else { meagre + 1 };
                    let is_vain = tried >= times || meagre >= MEAGRE_MAX || self.begun_anew > times;
                    if is_vain || !may_pass(&error) {
                        return Err(error);
                    }
                    told(DownloadProgress { is_waiting: true, ..self.progress() });
                    thread::sleep(wait.saturating_mul(1 << tried.min(8)));
                }
            }
        }
    }

    /// One request, and what comes of it.
    fn go_on(&mut self, told: &mut dyn FnMut(DownloadProgress)) -> Result<(), DownloadError> {
        let HubDownload { name, file, .. } = self.download;
        let changed = || DownloadError::Changed { name: Box::new(name.clone()) };
        told(self.progress());
        if self.partial.here() == file.bytes && file.bytes > 0 {
            return Ok(());
        }
        let from = RangeStart { at: self.partial.here(), tag: self.partial.tag() };
        let mut answer = self.client.get(&resolve_path(name), from)?;
        self.agrees(&answer.linked)?;
        match answer.range {
            None if answer.is_beyond => {
                self.begin_anew()?;
                return Err(changed());
            }
            // It gives the whole: these are other bytes, or it knows no parts.
            None => self.begin_anew()?,
            Some((first, whole)) => {
                let is_same = self.partial.tag().is_none() || answer.tag.as_deref() == self.partial.tag();
                if whole != file.bytes || !is_same {
                    self.begin_anew()?;
                    return Err(changed());
                }
                if first != self.partial.here() {
                    return Err(answer.malformed("it gives another part of a file than was wanted").into());
                }
            }
        }
        self.has_length(answer.bytes.map(|bytes| self.partial.here().saturating_add(bytes)))?;
        self.partial.set_tag(answer.tag.take())?;
        self.take(&mut answer, told)
    }

    /// Lets what is here go.
    fn begin_anew(&mut self) -> io::Result<()> {
        self.begun_anew += u32::from(self.partial.here() > 0);
        self.partial.restart()
    }

    /// Takes in the rest.
    fn take(
        &mut self,
        answer: &mut HubAnswer,
        told: &mut dyn FnMut(DownloadProgress),
    ) -> Result<(), DownloadError> {
        let (bytes, mut buffer) = (self.download.file.bytes, vec![0; READ_BYTES]);
        loop {
            let read = answer.read(&mut buffer)?;
            let here = self.partial.here();
            match read as u64 {
                0 if here == bytes => return Ok(()),
                0 => return Err(answer.lost(&io::ErrorKind::UnexpectedEof.into()).into()),
                read if here + read > bytes => self.has_length(Some(here + read))?,
                _ => self.partial.take(&buffer[..read])?,
            }
            told(self.progress());
        }
    }

    /// Whether what the hub says of the file where it lies is what it said of it in its list.
    fn agrees(&self, linked: &LinkedFile) -> Result<(), DownloadError> {
        let HubDownload { name, file, .. } = self.download;
        self.has_length(linked.bytes)?;
        let is_commit = linked.commit.as_deref().is_none_or(|commit| commit == name.revision());
        let is_file = match (linked.sha256, file.sha256) {
            (Some(linked), Some(listed)) => linked == listed,
            (_, _) => true,
        };
        if is_commit && is_file {
            Ok(())
        } else {
            Err(DownloadError::Changed { name: Box::new(name.clone()) })
        }
    }

    fn has_length(&self, found: Option<u64>) -> Result<(), DownloadError> {
        let HubDownload { name, file: HubFile { bytes, .. }, .. } = self.download;
        match found {
            Some(found) if found != *bytes => {
                Err(DownloadError::WrongLength { name: Box::new(name.clone()), bytes: *bytes, found })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// It is all here: whether it is what it is called.
    fn proven(self) -> Result<Downloaded, DownloadError> {
        let (name, named, found) = (&self.download.name, self.download.file.sha256, self.partial.sum());
        match named {
            Some(sha256) if sha256 != found => {
                self.partial.remove()?;
                Err(DownloadError::WrongDigest { name: Box::new(name.clone()), sha256, found })
            }
            Some(_) | None => {
                self.partial.sync()?;
                Ok(Downloaded { partial: self.partial, is_proven: named.is_some() })
            }
        }
    }

    fn progress(&self) -> DownloadProgress {
        let (here, bytes) = (self.partial.here(), self.download.file.bytes);
        DownloadProgress { here, bytes, is_waiting: false }
    }
}

/// Whether it may be otherwise the next time.
fn may_pass(error: &DownloadError) -> bool {
    match error {
        DownloadError::Hub(error) => {
            matches!(error, HubError::Lost { .. } | HubError::Unreachable { .. } | HubError::Failing { .. })
        }
        // Of what is here nothing is left, and the whole is asked for.
        DownloadError::Changed { .. } => true,
        DownloadError::WrongLength { .. }
        | DownloadError::WrongDigest { .. }
        | DownloadError::UnderWay { .. }
        | DownloadError::DiskFull { .. }
        | DownloadError::Disk(_) => false,
    }
}
