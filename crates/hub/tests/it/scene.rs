//! The one door: somebody who fetches from a hub that is played.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    time::Duration,
};

use assay_hub::{
    DownloadError, Hub, HubDownload, HubError, HubListing, HubName, NotChosen, Retries, Surroundings,
};

use crate::fake_hub::{FakeHub, NamedFile};

/// Somebody, and a hub.
pub(crate) struct Scene {
    pub(crate) fake: FakeHub,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) retries: Retries,
    pub(crate) free_bytes: Option<u64>,
}

/// Why nothing was fetched.
#[derive(Debug)]
pub(crate) enum Refusal {
    List(HubError),
    Choice(NotChosen),
    HubDownload(DownloadError),
}

/// An address at which nobody listens, nor will for as long as this is there: a connection has its port.
pub(crate) struct Nowhere {
    pub(crate) at: SocketAddr,
    _connection: TcpStream,
    _other_end: TcpListener,
}

impl Nowhere {
    pub(crate) fn hold() -> Self {
        let other_end = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = TcpStream::connect(other_end.local_addr().unwrap()).unwrap();
        Self { at: connection.local_addr().unwrap(), _connection: connection, _other_end: other_end }
    }
}

/// Bytes that are no others'.
pub(crate) fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

impl Scene {
    /// One model of so many bytes.
    pub(crate) fn of(bytes: usize) -> Self {
        Self::with(vec![
            NamedFile::of("README.md", b"# A card".to_vec()),
            NamedFile::of("m.gguf", content(bytes)),
        ])
    }

    pub(crate) fn with(files: Vec<NamedFile>) -> Self {
        let fake = FakeHub::with(files);
        let endpoint = fake.hub.address();
        Self {
            fake,
            folder: tempfile::tempdir().unwrap(),
            variables: vec![("HF_ENDPOINT", endpoint)],
            retries: Retries { times: 0, wait: Duration::from_millis(1) },
            free_bytes: None,
        }
    }

    pub(crate) fn hub(&self) -> Hub {
        let find = |name: &str| self.variables.iter().find(|(known, _)| *known == name);
        let read = Surroundings::read(|name| find(name).map(|(_, value)| value.into()));
        Hub::of(&read.unwrap())
    }

    pub(crate) fn list(&self, name: &str) -> Result<HubListing, HubError> {
        self.hub().list(&name.parse().unwrap())
    }

    /// Where files arrive.
    pub(crate) fn arriving(&self) -> PathBuf {
        self.folder.path().join("hub")
    }

    /// What lies there of files, beside the locks.
    pub(crate) fn kept(&self) -> Vec<PathBuf> {
        let paths = fs::read_dir(self.arriving()).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_none_or(|kind| kind != "lock")).collect()
    }

    /// Fetches what a name means, by a new process as far as the hub can tell.
    #[expect(clippy::result_large_err, reason = "tests look into it")]
    pub(crate) fn fetches(&self, typed: &str) -> Result<Vec<u8>, Refusal> {
        let (hub, name): (Hub, HubName) = (self.hub(), typed.parse().unwrap());
        let listing = hub.list(&name).map_err(Refusal::List)?;
        let file = listing.choose(&name).map_err(Refusal::Choice)?[0];
        let download = HubDownload {
            name: name.at(&file.path, &listing.commit),
            file: file.clone(),
            folder: &self.arriving(),
            free_bytes: self.free_bytes,
            retries: self.retries,
        };
        let mut last = 0;
        let arrived =
            hub.fetch(&download, &mut |progress| last = progress.here).map_err(Refusal::HubDownload)?;
        assert_eq!((last, arrived.is_proven()), (file.bytes, file.sha256.is_some()));
        let bytes = fs::read(arrived.path()).unwrap();
        drop(arrived);
        Ok(bytes)
    }

    /// Fetches what must not arrive.
    pub(crate) fn fails(&self, typed: &str) -> DownloadError {
        match self.fetches(typed) {
            Err(Refusal::HubDownload(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    /// Bytes that the store gave, in all.
    pub(crate) fn sent(&self) -> u64 {
        self.fake.store.asked().iter().map(|asked| asked.sent).sum()
    }
}
