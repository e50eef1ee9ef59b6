//! A hub, and what of it is here already.

use std::path::PathBuf;

use crate::{
    cache::CachedRepository,
    client::{HubClient, HubError},
    download::{Arriving, DownloadError, DownloadProgress, Downloaded, HubDownload},
    listing::{HubFile, HubListing},
    name::{HubName, escaped},
    search::FoundRepository,
    surroundings::Surroundings,
};

/// Bytes of what a hub says of a repository.
const LISTING_BYTES_MAX: u64 = 4 << 20;
/// Bytes of the card of a model.
const CARD_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of what a hub says that it found.
const FOUND_BYTES_MAX: u64 = 1 << 20;
/// The file that a card is.
const CARD: &str = "README.md";

/// The way to a hub.
pub struct Hub {
    client: HubClient,
    cache: Option<PathBuf>,
    is_offline: bool,
}

impl Hub {
    /// The hub of these surroundings. Nobody is asked yet.
    #[must_use]
    pub fn of(surroundings: &Surroundings) -> Self {
        let Surroundings { cache, is_offline, .. } = surroundings;
        Self { client: HubClient::new(surroundings), cache: cache.clone(), is_offline: *is_offline }
    }

    /// What lies in a repository. Where the hub cannot be reached, what other tools have fetched of it.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn list(&self, name: &HubName) -> Result<HubListing, HubError> {
        match self.listed(name) {
            Err(HubError::Unreachable { host, reason }) => {
                let cached = self.cached(name).and_then(|cached| cached.listing(name));
                cached.ok_or(HubError::Unreachable { host, reason })
            }
            listed => listed,
        }
    }

    /// The repositories with models of language that the hub finds for words, [`crate::FOUND_MAX`] at most.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn search(&self, words: &str) -> Result<Vec<FoundRepository>, HubError> {
        if self.is_offline {
            return Err(self.offline());
        }
        let text = self.client.text(&FoundRepository::path(words), FOUND_BYTES_MAX)?;
        FoundRepository::read(&text).map_err(|reason| self.malformed(reason))
    }

    /// The card of a repository at a commit, if it has one that can be had.
    #[must_use]
    pub fn card(&self, name: &HubName, commit: &str) -> Option<String> {
        let cached = self.cached(name).and_then(|cached| cached.text(commit, CARD, CARD_BYTES_MAX));
        let path = resolve_path(&name.at(CARD, commit));
        let asked = || if self.is_offline { None } else { self.client.text(&path, CARD_BYTES_MAX).ok() };
        let text = cached.or_else(asked);
        text.map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    /// The same file, if another tool has fetched it: where it lies, once all of it was read.
    #[must_use]
    pub fn find(&self, name: &HubName, file: &HubFile) -> Option<PathBuf> {
        self.cached(name)?.file(file.sha256?, file.bytes)
    }

    /// Fetches a file, and tells how far it is.
    ///
    /// # Errors
    /// [`DownloadError`].
    pub fn fetch(
        &self,
        download: &HubDownload<'_>,
        told: &mut dyn FnMut(DownloadProgress),
    ) -> Result<Downloaded, DownloadError> {
        if self.is_offline {
            return Err(self.offline().into());
        }
        Arriving::begin(&self.client, download)?.end(told)
    }

    fn listed(&self, name: &HubName) -> Result<HubListing, HubError> {
        if self.is_offline {
            return Err(self.offline());
        }
        let text = self.client.text(&HubListing::path(name), LISTING_BYTES_MAX)?;
        HubListing::read(&text).map_err(|reason| self.malformed(reason))
    }

    fn malformed(&self, reason: String) -> HubError {
        HubError::Malformed { host: self.client.host().to_owned(), reason }
    }

    fn offline(&self) -> HubError {
        let reason = "HF_HUB_OFFLINE says that nobody is to be asked".to_owned();
        HubError::Unreachable { host: self.client.host().to_owned(), reason }
    }

    fn cached(&self, name: &HubName) -> Option<CachedRepository> {
        CachedRepository::find(self.cache.as_deref()?, name)
    }
}

/// Where a hub sends on to a file.
pub(crate) fn resolve_path(name: &HubName) -> String {
    let (HubName { owner, repo, file, .. }, revision) = (name, name.revision().replace('/', "%2F"));
    format!("/{owner}/{repo}/resolve/{revision}/{}", escaped(file.as_deref().unwrap_or_default()))
}
