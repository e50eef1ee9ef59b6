//! Where devnets lie: each in a folder with a home for each peer, the network's file, and what it is to be.
//!
//! **Invariant:** one process at a time changes a devnet; whatever stands in its folder before it is founded was put there by
//! somebody who was founding it.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use assay_gateway::replace_with;
use assay_peer::{config::Home, home};
use assay_protocol::id::Digest;
use tokio::time::sleep;

use super::{
    devnet_choice::{DevnetName, Meant},
    devnet_plan::DevnetPlan,
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::{Invocation, default_root},
    printer::shell_path,
    system,
};

/// The file that says what a devnet is to be.
const PLAN_FILE: &str = "devnet.json";
/// The file that is locked by whoever changes it.
const LOCK_FILE: &str = "lock";
/// The folder, beside the devnets that have a name, with a file for each that lies elsewhere: the way there.
const ELSEWHERE: &str = ".elsewhere";
/// How often a devnet is tried to be taken, and between two tries.
const LOCK_TRIES: u32 = 10;
const LOCK_STEP: Duration = Duration::from_millis(20);

/// The folder of one devnet, which need not be there.
#[derive(Clone, Debug)]
pub(super) struct DevnetFolder {
    path: PathBuf,
    /// What remembers it, if it lies elsewhere.
    pointer: Option<PathBuf>,
}

/// Held by the process that changes a devnet.
#[derive(Debug)]
pub(super) struct DevnetLock(#[expect(dead_code, reason = "it is held, not read")] File);

impl DevnetFolder {
    /// The devnet that is meant, which is there.
    pub(super) fn find(meant: &Meant, invocation: &Invocation) -> Result<(Self, DevnetPlan), CommandError> {
        let found = match meant {
            Meant::Only => Self::only(invocation)?,
            Meant::Named(_) | Meant::In(_) => Some(Self::at(meant, invocation)?),
        };
        let read =
            found.map(|folder| folder.plan().map(|plan| plan.map(|plan| (folder, plan)))).transpose()?;
        if let Some(found) = read.flatten() {
            return Ok(found);
        }
        let message = match meant {
            Meant::Only => "there is no devnet".to_owned(),
            Meant::Named(name) => format!("there is no devnet {name}"),
            Meant::In(dir) => format!("there is no devnet in {}", dir.display()),
        };
        Err(CommandError::new(Exit::NotFound, "NO_DEVNET", message, Self::whereabouts(invocation)?))
    }

    /// What helps whoever finds none: where there are some, or how one is found.
    pub(super) fn whereabouts(invocation: &Invocation) -> Result<String, CommandError> {
        let known = Self::of_user(invocation)?.into_iter().map(|folder| folder.path);
        let places: BTreeSet<PathBuf> = known.chain(near(invocation)).collect();
        if places.is_empty() {
            return Ok("`assay devnet up` founds one; one that was founded with another --home is found with that, or with \
                       --dir DIR"
                .to_owned());
        }
        let places: Vec<String> = places.iter().map(|place| format!("--dir {}", shell_path(place))).collect();
        Ok(format!("say where it is: {}", places.join(", or ")))
    }

    /// The one that is meant, whether it is there or not.
    pub(super) fn find_or_new(meant: &Meant, invocation: &Invocation) -> Result<Self, CommandError> {
        match meant {
            Meant::Only => match Self::only(invocation)? {
                Some(only) => Ok(only),
                None => Self::at(&Meant::Named(DevnetName::usual()), invocation),
            },
            Meant::Named(_) | Meant::In(_) => Self::at(meant, invocation),
        }
    }

    /// All devnets that this home has founded, by their folders.
    fn all(invocation: &Invocation) -> Result<Vec<Self>, CommandError> {
        Self::founded_in(&invocation.home)
    }

    /// All devnets of this user: those of this home, and those of the usual one where this is another.
    pub(super) fn of_user(invocation: &Invocation) -> Result<Vec<Self>, CommandError> {
        let (mut all, usual) = (Self::all(invocation)?, Self::of_usual_home(invocation));
        let is_listed = |one: &Self| all.iter().any(|other| other.path == one.path);
        let more: Vec<Self> = usual.into_iter().filter(|one| !is_listed(one)).collect();
        all.extend(more);
        Ok(all)
    }

    /// Those of the usual home, where this is another. What is wrong with that one is no trouble of this.
    fn of_usual_home(invocation: &Invocation) -> Vec<Self> {
        let usual = default_root().filter(|root| root != invocation.home.root());
        usual.and_then(|root| Self::founded_in(&Home::at(root)).ok()).unwrap_or_default()
    }

    fn founded_in(home: &Home) -> Result<Vec<Self>, CommandError> {
        let root = home.devnets();
        let named = entries(&root)?.into_iter().filter(|path| !is_hidden(path));
        let mut all: Vec<Self> = named.map(|path| Self { path, pointer: None }).collect();
        for pointer in entries(&root.join(ELSEWHERE))?.into_iter().filter(|path| !is_hidden(path)) {
            let path = fs::read_to_string(&pointer).map_err(|error| failed(&pointer, &error))?;
            all.push(Self { path: path.into(), pointer: Some(pointer) });
        }
        all.retain(|folder| folder.plan_path().exists());
        all.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(all)
    }

    fn only(invocation: &Invocation) -> Result<Option<Self>, CommandError> {
        let mut all = Self::all(invocation)?;
        if all.len() > 1 {
            let folders: Vec<String> = all.iter().map(|one| one.path.display().to_string()).collect();
            let message = format!("there are {} devnets", all.len());
            let hint = format!("name one of them, or give its folder with --dir: {}", folders.join(", "));
            return Err(CommandError::new(Exit::Usage, "AMBIGUOUS", message, hint));
        }
        Ok(all.pop())
    }

    fn at(meant: &Meant, invocation: &Invocation) -> Result<Self, CommandError> {
        let root = invocation.home.devnets();
        let (path, is_elsewhere) = match meant {
            Meant::Only => (root.join(DevnetName::usual().to_string()), false),
            Meant::Named(name) => (root.join(name.to_string()), false),
            Meant::In(dir) => (std::path::absolute(dir).map_err(|error| failed(dir, &error))?, true),
        };
        let pointer = is_elsewhere.then(|| {
            let name = Digest::of(path.as_os_str().as_encoded_bytes()).to_string();
            root.join(ELSEWHERE).join(name)
        });
        Ok(Self { path, pointer })
    }

    /// Whether the other commands find it here by its name alone.
    pub(super) fn is_of(&self, home: &Home) -> bool {
        self.pointer.as_deref().unwrap_or(&self.path).starts_with(home.devnets())
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it is called: the name of its folder.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The home of a peer.
    pub(super) fn home(&self, peer: &str) -> Home {
        Home::at(self.path.join(peer))
    }

    /// The file by which others join.
    pub(super) fn network(&self) -> PathBuf {
        self.path.join("network.toml")
    }

    /// Makes the folder, if it is not there, and remembers where it is.
    pub(super) fn make(&self, invocation: &Invocation) -> Result<(), CommandError> {
        home::make(invocation.home.root())?;
        if !self.path.exists() {
            home::make(&self.path)?;
        }
        if let Some(pointer) = &self.pointer {
            let folder = pointer.parent().unwrap_or(pointer);
            let path = self.path.to_str().ok_or_else(|| failed(&self.path, &unreadable()))?;
            fs::create_dir_all(folder)
                .and_then(|()| replace_with(pointer, |file| file.write_all(path.as_bytes())))
                .map_err(|error| failed(pointer, &error))?;
        }
        Ok(())
    }

    /// Takes one that is founded for this process, and says what it is to be.
    pub(super) async fn take(&self) -> Result<(DevnetLock, DevnetPlan), CommandError> {
        let (lock, plan) = self.take_begun().await?;
        if plan.is_founded {
            return Ok((lock, plan));
        }
        let message = format!("the devnet {} was not founded to the end", self.name());
        Err(CommandError::new(Exit::NotFound, "NO_DEVNET", message, "`assay devnet up` founds it anew"))
    }

    /// The same of one that may be founded in part.
    pub(super) async fn take_begun(&self) -> Result<(DevnetLock, DevnetPlan), CommandError> {
        let lock = self.lock().await?;
        let plan = self.plan()?.ok_or_else(|| {
            let message = format!("the devnet {} was just removed", self.name());
            CommandError::new(Exit::NotFound, "NO_DEVNET", message, "`assay devnet up` founds one")
        })?;
        Ok((lock, plan))
    }

    /// Takes it for this process.
    pub(super) async fn lock(&self) -> Result<DevnetLock, CommandError> {
        let path = self.path.join(LOCK_FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| failed(&path, &error))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(DevnetLock(file)),
                Err(TryLockError::WouldBlock) => sleep(LOCK_STEP).await,
                Err(TryLockError::Error(error)) => return Err(failed(&path, &error)),
            }
        }
        let message = format!("another process is changing the devnet {}", self.name());
        let hint = "wait until that is done; `assay devnet ls` shows how it stands";
        Err(CommandError::new(Exit::Other, "DEVNET_BUSY", message, hint).retryable())
    }

    /// What it is to be, if it was begun.
    pub(super) fn plan(&self) -> Result<Option<DevnetPlan>, CommandError> {
        let path = self.plan_path();
        let bytes = match fs::read(&path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            bytes => bytes.map_err(|error| failed(&path, &error))?,
        };
        let plan: DevnetPlan =
            serde_json::from_slice(&bytes).map_err(|error| failed(&path, &error.into()))?;
        // Its folder may be one that others write to by now.
        if !system::is_ours(&path) || !plan.peers.iter().all(|peer| is_plain(&peer.name)) {
            return Err(failed(&path, &io::Error::other("it is not what this program has written")));
        }
        match plan.is_known() {
            true => Ok(Some(plan)),
            false => Err(failed(&path, &io::Error::other("it is of a later version of this program"))),
        }
    }

    /// Keeps what it is to be from now on.
    pub(super) fn keep(&self, plan: &DevnetPlan) -> Result<(), CommandError> {
        let path = self.plan_path();
        let text = serde_json::to_vec_pretty(plan).map_err(|error| failed(&path, &error.into()))?;
        replace_with(&path, |file| file.write_all(&text)).map_err(|error| failed(&path, &error))
    }

    /// Refuses a folder with something in it that no devnet was begun with.
    pub(super) fn refuse_taken(&self) -> Result<(), CommandError> {
        let is_other = |path: &PathBuf| !is_rest(path) && *path != self.path.join(LOCK_FILE);
        if self.path.is_dir() && !entries(&self.path)?.iter().any(is_other) || !self.path.exists() {
            return Ok(());
        }
        let message = format!("{} is no devnet, and something is there", self.path.display());
        let hint = "name a folder that is empty or not there with --dir DIR";
        Err(CommandError::new(Exit::Usage, "DIR_TAKEN", message, hint))
    }

    /// Lets everything go but what says that it was begun, and the lock.
    pub(super) fn clear(&self) -> Result<(), CommandError> {
        self.keep(&DevnetPlan::begun(&self.name()))?;
        let kept = [self.plan_path(), self.path.join(LOCK_FILE)];
        for path in entries(&self.path)?.into_iter().filter(|path| !kept.contains(path)) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }

    /// Lets all of it go.
    pub(super) fn remove(&self) -> Result<(), CommandError> {
        self.clear()?;
        for path in [self.plan_path(), self.path.join(LOCK_FILE)] {
            fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
        }
        // A folder that somebody else made may be more than a folder to them.
        let _ = fs::remove_dir(&self.path);
        if let Some(pointer) = &self.pointer {
            let _ = fs::remove_file(pointer);
        }
        Ok(())
    }

    fn plan_path(&self) -> PathBuf {
        self.path.join(PLAN_FILE)
    }
}

/// Devnets that may be meant though this home did not found them: where the command is typed, and that of a peer whose home
/// this is.
fn near(invocation: &Invocation) -> impl Iterator<Item = PathBuf> {
    let around = invocation.home.root().parent().map(Path::to_owned);
    let near = [std::env::current_dir().ok(), around].into_iter().flatten();
    near.filter(|path| path.join(PLAN_FILE).exists())
}

/// Whether a name is one of a folder in a folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What a write that was killed has left: what is hidden otherwise is somebody's.
fn is_rest(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    path.is_file() && name.starts_with(b".tmp") && name.len() == 10
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// What is in a folder; nothing in one that is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| failed(folder, &error))?,
    };
    let paths: io::Result<Vec<PathBuf>> = read.map(|entry| Ok(entry?.path())).collect();
    paths.map_err(|error| failed(folder, &error))
}

fn unreadable() -> io::Error {
    io::Error::other("its name is no text")
}

/// The disk, or what is on it, is not as it should be.
pub(super) fn failed(path: &Path, error: &io::Error) -> CommandError {
    let message = format!("{}: {error}", path.display());
    let hint =
        "check that the disk is not full and who owns the folder; the same command goes on where it was";
    CommandError::new(Exit::Other, "DISK", message, hint)
}
