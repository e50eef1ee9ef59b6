//! The models of a home: through its daemon where one runs, else in the home itself.
//!
//! **Invariant:** a home's files are touched only while no daemon has it.

use std::path::PathBuf;

use assay_peer::{
    blobs::{Blobs, Hold},
    config::{Home, Settings},
    executor::{Conduct, Executor},
    handle::{
        AddModel, Attachment, ConnectError, Handle, ListModels, ListedModel, ModelList, ModelRefused,
        Refused, RemoveModel,
    },
    home::HomeLock,
    library::{Library, NewModel},
};
use assay_protocol::{genesis::Genesis, id::Digest};
use assay_runtime::worker::WorkerSource;

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
};

/// The way to a home's models.
pub(crate) struct HomeModels {
    /// The rules of its network, if it has joined one.
    pub(crate) genesis: Option<Genesis>,
    keeper: Keeper,
}

/// Who has the files.
enum Keeper {
    Daemon(Box<Handle>),
    Files(Box<ModelFiles>),
}

/// The files of a home that nobody else has.
struct ModelFiles {
    home: Home,
    blobs: Blobs,
    library: Library,
    /// What jobs that are not closed need is known to the daemon alone, so nothing makes room without it.
    _held: Hold,
    _lock: HomeLock,
}

impl HomeModels {
    /// Finds them.
    pub(crate) async fn reach(invocation: &Invocation) -> Result<Self, CommandError> {
        let home = &invocation.home;
        let genesis = if home.network().exists() { Some(invocation.network()?.genesis) } else { None };
        let keeper = match Handle::connect(home).await {
            Ok(handle) => Keeper::Daemon(Box::new(handle)),
            Err(ConnectError::NotRunning { .. }) => Keeper::Files(Box::new(ModelFiles::open(home)?)),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { genesis, keeper })
    }

    /// What is known here.
    pub(crate) async fn list(&self) -> Result<ModelList, CommandError> {
        match &self.keeper {
            Keeper::Daemon(handle) => Ok(handle.call(ListModels).await?),
            Keeper::Files(files) => Ok(ModelList::of(self.genesis.as_ref(), &files.library, &files.blobs)),
        }
    }

    /// Takes a file into the library, and runs it once before.
    pub(crate) async fn add(&self, new: NewModel) -> Result<ListedModel, CommandError> {
        match &self.keeper {
            Keeper::Daemon(handle) => {
                let NewModel { file, runner, manifest, origin, is_copied } = new;
                let runner = Attachment(runner);
                Ok(handle.call(AddModel { file, runner, manifest, origin, is_copied }).await?)
            }
            Keeper::Files(files) => files.add(new).await,
        }
    }

    /// Takes a model out of the library, and says which.
    pub(crate) async fn remove(&self, name: &str) -> Result<Digest, CommandError> {
        match &self.keeper {
            Keeper::Daemon(handle) => Ok(handle.call(RemoveModel { name: name.to_owned() }).await?),
            Keeper::Files(files) => {
                let ModelFiles { blobs, library, .. } = files.as_ref();
                let digest = match library.damaged_of(name) {
                    Some(damaged) => damaged,
                    None => ModelList::of(None, library, blobs).meant(name)?.manifest.digest(),
                };
                library.remove(&digest).map_err(Refused::from)?;
                Ok(digest)
            }
        }
    }
}

impl ModelFiles {
    fn open(home: &Home) -> Result<Self, CommandError> {
        let lock = HomeLock::take(home.root())?;
        let settings = Settings::read(home)?.daemon;
        let disk = |error: std::io::Error| {
            let message = format!("the models of {} cannot be read: {error}", home.root().display());
            CommandError::new(
                Exit::Other,
                "DISK",
                message,
                "check who owns the home and whether its disk is full",
            )
        };
        let blobs = Blobs::open(&home.blobs(), settings.blob_bytes_max).map_err(disk)?;
        let library = Library::open(&home.models(), &blobs).map_err(disk)?;
        let held = blobs.hold_all();
        Ok(Self { home: home.clone(), blobs, library, _held: held, _lock: lock })
    }

    async fn add(&self, new: NewModel) -> Result<ListedModel, CommandError> {
        let settings = Settings::read(&self.home)?.daemon;
        let (cache, onnx_runtime) = (Some(self.home.compiled()), settings.onnx_library());
        let worker_source = WorkerSource { binary: worker()?, cache, onnx_runtime };
        let executor = Executor::of(worker_source, 1, self.blobs.clone(), Conduct::Honest);
        executor.keep_packs(settings.pack_bytes_max, settings.free_bytes_min);
        let name = new.manifest.name.clone();
        let added = self.library.add_file(new, &executor).await;
        let manifest = added.map_err(|error| Refused::from(ModelRefused::of_file(name, &error)))?;
        Ok(ListedModel::of(manifest, false, &self.library, &self.blobs))
    }
}

/// The program whose processes run jobs: this one.
pub(crate) fn worker() -> Result<PathBuf, CommandError> {
    std::env::current_exe()
        .map_err(|error| CommandError::new(Exit::Other, "NO_PROGRAM", error, "start it by its full path"))
}
