//! A whole network on this machine: a home and a process for each peer, talking over loopback.
//!
//! **Invariant:** when a [`DemoNetwork`] is dropped, its processes are dead and its files are gone. Each process holds the
//! read end of a pipe from here and ends with it, so even `kill -9` of this program leaves no peer behind.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use assay_peer::{
    blobs::Blobs,
    config::{Contact, DaemonSettings, Home, NetworkFile},
    handle::Handle,
};
use assay_protocol::{
    genesis::Genesis,
    id::{Digest, PeerId},
};
use tempfile::TempDir;

use super::{
    own::OwnModel,
    plan::{Duty, Part},
};
use crate::{
    command_error::{CommandError, Exit},
    daemon,
    local_network::{self, LocalPeer},
    own_model, system,
};

/// The settings of every home: short runs, so that an unanswered job is over in seconds.
const SETTINGS: &str = "[client]\nrun_max = \"2s\"\n";

/// A network of processes.
pub struct DemoNetwork {
    // Dropped before the folder that they write into.
    peers: Vec<DemoPeer>,
    genesis: Genesis,
    own: Option<OwnModel>,
    binary: PathBuf,
    folder: TempDir,
}

/// One of its peers.
pub struct DemoPeer {
    /// What the story calls it.
    pub name: &'static str,
    /// What it does.
    pub duty: Duty,
    /// Its name in the network.
    pub id: PeerId,
    /// Its files.
    pub home: Home,
    listen: String,
    process: Option<ProcessTree>,
}

/// A process and everything that it started.
struct ProcessTree(Child);

impl Drop for ProcessTree {
    fn drop(&mut self) {
        system::kill(&mut self.0);
        let _ = self.0.wait();
    }
}

impl DemoNetwork {
    /// Makes homes, keys and rules for a cast, for processes of `binary`. Nothing runs yet.
    ///
    /// # Errors
    /// [`CommandError`], if the machine's class cannot be measured or the disk fails.
    pub fn found(binary: &Path, cast: &[Part]) -> Result<Self, CommandError> {
        Self::found_with(binary, cast, None)
    }

    /// The same with a model of the user's own, and what it is asked.
    pub(super) fn found_with(
        binary: &Path,
        cast: &[Part],
        own: Option<(&Path, &str)>,
    ) -> Result<Self, CommandError> {
        // Before the machine is measured, which takes seconds, and before anybody would run it in vain.
        if let Some((file, _)) = own {
            own_model::refuse_unrunnable(file, &file.display().to_string(), "sold")?;
        }
        let folder =
            tempfile::Builder::new().prefix("assay-demo-").tempdir().map_err(|error| disk(&error))?;
        let classes = local_network::classes(binary)?;
        let settled: Result<Vec<_>, _> =
            cast.iter().map(|part| DemoPeer::settle(*part, folder.path())).collect();
        let peers = settled?;
        let Some(notary) = peers.iter().find(|peer| peer.duty == Duty::Notary) else {
            unreachable!("a cast has a notary")
        };
        let verifiers: Vec<PeerId> =
            peers.iter().filter(|peer| peer.duty.checks()).map(|peer| peer.id).collect();
        let own = own.map(|(file, question)| stocked(&peers, file, question)).transpose()?;
        let sold = own.as_ref().map(|own| own.manifest.clone());
        let genesis = local_network::genesis("demo", notary.id, &verifiers, &classes, sold);
        let contact = Contact { peer: notary.id, addresses: vec![notary.listen.clone()] };
        let file = NetworkFile { genesis: genesis.clone(), contacts: vec![contact] };
        let homes = peers.iter().map(|peer| (&peer.home, SETTINGS.to_owned()));
        local_network::write(folder.path(), &file, homes).map_err(|error| disk(&error))?;
        Ok(Self { peers, genesis, own, binary: binary.to_owned(), folder })
    }

    /// Starts every peer and waits until all listen.
    ///
    /// # Errors
    /// [`CommandError`] with the last words of a peer that does not start.
    pub async fn start(&mut self) -> Result<(), CommandError> {
        for place in 0..self.peers.len() {
            self.spawn(place)?;
        }
        for peer in &mut self.peers {
            peer.listening().await?;
        }
        Ok(())
    }

    /// Kills a peer the way the system does, without a word.
    pub fn kill(&mut self, name: &str) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.name == name) {
            peer.process = None;
        }
    }

    /// Starts a peer again and waits until it listens.
    ///
    /// # Errors
    /// [`CommandError`], if it does not.
    pub async fn restart(&mut self, name: &str) -> Result<(), CommandError> {
        let place = self.peers.iter().position(|peer| peer.name == name);
        let Some(place) = place else { unreachable!("there is no peer {name}") };
        self.spawn(place)?;
        self.peers[place].listening().await
    }

    /// The peers, in the order of the cast.
    #[must_use]
    pub fn peers(&self) -> &[DemoPeer] {
        &self.peers
    }

    /// A peer by what the story calls it.
    ///
    /// # Panics
    /// If the cast has no such peer.
    #[must_use]
    pub fn peer(&self, name: &str) -> &DemoPeer {
        let found = self.peers.iter().find(|peer| peer.name == name);
        found.unwrap_or_else(|| panic!("there is no peer {name}"))
    }

    /// What the story calls a peer.
    #[must_use]
    pub fn name_of(&self, id: PeerId) -> String {
        let known = self.peers.iter().find(|peer| peer.id == id);
        known.map_or_else(|| crate::printer::short(id), |peer| peer.name.to_owned())
    }

    /// The model of the user's own, if there is one.
    pub(super) fn own(&self) -> Option<&OwnModel> {
        self.own.as_ref()
    }

    /// The rules.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Where everything lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file by which others join.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("network.toml")
    }

    /// The program whose processes these are.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    fn spawn(&mut self, place: usize) -> Result<(), CommandError> {
        let peer = &mut self.peers[place];
        let log = system::open_log(&peer.home.log()).map_err(|error| disk(&error))?;
        let mut command = Command::new(&self.binary);
        command.arg("--home").arg(peer.home.root()).args(["up", "--tethered", "--listen", &peer.listen]);
        if let Some(conduct) = peer.duty.conduct() {
            command.args(["--conduct", conduct]);
        }
        let also_log = log.try_clone().map_err(|error| disk(&error))?;
        let child = system::detach(command.stdin(Stdio::piped()).stdout(log).stderr(also_log)).spawn();
        peer.process = Some(ProcessTree(child.map_err(|error| unstarted(peer, &error.to_string()))?));
        Ok(())
    }
}

/// Has everybody who runs or checks it have a model.
fn stocked(peers: &[DemoPeer], file: &Path, question: &str) -> Result<OwnModel, CommandError> {
    let checking = peers.iter().filter(|peer| peer.duty.checks());
    let digest = local_network::stock(checking.map(|peer| &peer.home), file)?;
    let own = OwnModel::of(file, digest, question)?;
    let rounder = peers.iter().find(|peer| peer.duty == Duty::Rounder);
    // Whoever cannot round it would refuse to sell it, in the middle of the story.
    let stored = rounder.and_then(|rounder| stored(&rounder.home, &digest));
    Ok(match stored {
        Some(stored) => own.tried(&stored),
        None => own,
    })
}

/// Where a home has the file of a model.
fn stored(home: &Home, model: &Digest) -> Option<PathBuf> {
    let blobs = Blobs::open(&home.blobs(), DaemonSettings::default().blob_bytes_max).ok()?;
    blobs.path(model).ok().flatten()
}

impl DemoPeer {
    /// Makes a home with a key.
    fn settle(part: Part, folder: &Path) -> Result<Self, CommandError> {
        let LocalPeer { id, home, listen } = LocalPeer::settle(part.name, folder)?;
        Ok(Self { name: part.name, duty: part.duty, id, home, listen, process: None })
    }

    /// The way to its daemon.
    ///
    /// # Errors
    /// [`CommandError`], if it does not run.
    pub async fn connect(&self) -> Result<Handle, CommandError> {
        Ok(Handle::connect(&self.home).await?)
    }

    /// Where it is reached.
    #[must_use]
    pub fn listen(&self) -> &str {
        &self.listen
    }

    /// The number of its process, while there is one.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.0.id())
    }

    async fn listening(&mut self) -> Result<(), CommandError> {
        let Some(mut process) = self.process.take() else { unreachable!("it was just started") };
        let listens =
            daemon::listening(&self.home, &mut process.0, |reason| unstarted(self, reason)).await.map(drop);
        self.process = Some(process);
        listens
    }
}

fn unstarted(peer: &DemoPeer, reason: &str) -> CommandError {
    let log = fs::read_to_string(peer.home.log()).unwrap_or_default();
    let last = log.lines().rev().find(|line| line.starts_with("error: ")).or_else(|| log.lines().last());
    let said = last.map(|line| format!(": {line}")).unwrap_or_default();
    let message = format!("the peer {} did not start: {reason}{said}", peer.name);
    CommandError::new(Exit::Other, "DEMO_FAILED", message, "make sure that the loopback works and try again")
}

fn disk(error: &io::Error) -> CommandError {
    let message = format!("the demonstration has no place: {error}");
    let is_closed = matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotFound
    );
    let hint = match is_closed {
        true => "point TMPDIR at a folder that is there and that you may write to",
        false => "free some space in the temporary folder, or point TMPDIR elsewhere",
    };
    CommandError::new(Exit::Other, "DISK", message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_not_write_is_not_told_to_free_some_space() {
        let hint = |kind: io::ErrorKind| disk(&kind.into()).lines()[1].to_owned();
        assert!(hint(io::ErrorKind::PermissionDenied).contains("that you may write to"));
        assert!(hint(io::ErrorKind::ReadOnlyFilesystem).contains("that you may write to"));
        assert!(hint(io::ErrorKind::StorageFull).starts_with("free some space"));
    }

    #[test]
    fn a_model_that_is_not_there_is_missed_before_anything_starts() {
        let nowhere = Path::new("/nowhere/model.gguf");
        // Nothing could be measured with this program.
        let founded = DemoNetwork::found_with(Path::new("/nowhere/assay"), &[], Some((nowhere, "Why?")));
        assert_eq!(founded.err().map(|error| error.code()), Some("NO_MODEL"));
    }
}
