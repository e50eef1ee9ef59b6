//! How this peer is.
//!
//! **Invariant:** it asks nobody else and changes nothing.

use std::sync::atomic::Ordering;

use assay_market::{
    owner::HeldRule,
    pause::Pause,
    view::{ClockView, DayView, FaultView, HeardNotaryView},
};
use assay_protocol::{
    id::{Digest, NetworkId, PeerId},
    manifest::Manifest,
    units::{Duration, Timestamp},
};
use serde::{Deserialize, Serialize};

use super::Providing;
use crate::{
    clock::moment,
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    executor::has_model,
    handle::{Call, Refused},
    network::Progress,
};

/// How this peer is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShowStatus;

/// How a peer is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusView {
    /// This peer.
    pub peer: PeerId,
    /// The version of the program.
    pub program: String,
    /// The network.
    pub network: NetworkId,
    /// What people call it.
    pub network_name: String,
    /// What a credit is called.
    pub unit: String,
    /// True if this peer keeps books.
    pub is_notary: bool,
    /// True if this peer checks others' work from the first day.
    pub is_verifier: bool,
    /// What is offered, if anything.
    pub providing: Option<Providing>,
    /// Since when, and until when, nothing new is taken on, if so.
    pub paused: Option<Pause>,
    /// The rules of its owner that hold: nothing new is taken on because of them.
    pub held: Vec<HeldRule>,
    /// The classes of this machine, as far as they are known: one for each engine.
    pub classes: Vec<ClassView>,
    /// The models of the network, as far as they are here, and those of the library that are: whoever checks or offers one
    /// needs it.
    pub models: Vec<ModelView>,
    /// Walls that this machine does not give to the sandbox; known once the class is.
    pub missing_walls: Vec<String>,
    /// Where this peer listens.
    pub addresses: Vec<String>,
    /// Who it is connected to.
    pub neighbours: Vec<PeerId>,
    /// Who it is kept apart from, as its owner wants.
    pub severed: Vec<PeerId>,
    /// When the daemon started.
    pub started: Timestamp,
    /// How long ago that is.
    pub uptime: Duration,
    /// How its wall clock stands against where it was, and against what notaries say.
    pub clock: ClockView,
    /// When each notary of the network but this peer was last heard.
    pub notaries_heard: Vec<HeardNotaryView>,
    /// Offers that are known.
    pub offers: u64,
    /// What is spent of today, and what may be.
    pub day: DayView,
    /// Submissions that have not ended.
    pub jobs_open: u64,
    /// All submissions.
    pub jobs: u64,
    /// Runs that go on in the sandbox now.
    pub running: u64,
    /// Records in the journal that are on the disk.
    pub records: u64,
    /// Bytes in all blobs.
    pub blob_bytes: u64,
    /// Bytes in those that somebody still needs.
    pub blob_bytes_kept: u64,
    /// Bytes that the home's disk has free; nothing where the system does not say.
    pub disk_free: Option<u64>,
    /// Bytes that it must have free, so that something new is taken.
    pub disk_floor: u64,
    /// Messages that were not messages.
    pub malformed: u64,
    /// Messages whose signature did not hold.
    pub forged: u64,
    /// Messages that could not be taken: of which kind, why, and how many.
    pub faults: Vec<FaultView>,
    /// True for a notary that signs nothing yet: it waits for somebody who can say what it said last.
    pub waits: bool,
    /// Notaries that were seen to keep two journals.
    pub forked: Vec<PeerId>,
    /// How many peers say that they have left this notary for that.
    #[serde(default)]
    pub left_by: u64,
}

/// A class of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassView {
    /// Its name.
    pub class: Digest,
    /// The same in words.
    pub machine: String,
}

/// A model of the network or of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelView {
    /// What people order it by.
    pub name: String,
    /// True once it is here.
    pub is_here: bool,
    /// How many bytes of it have arrived, while it is fetched.
    pub arrived: Option<u64>,
    /// How many it has, once that is known.
    pub bytes: Option<u64>,
}

impl Call for ShowStatus {
    const NAME: &'static str = "show_status";
    type Answer = StatusView;
}

impl Respond for ShowStatus {
    async fn respond(self, responder: &Responder) -> Result<StatusView, Refused> {
        responder.look(Driver::status).await
    }
}

impl Driver {
    fn classes(&self) -> Vec<ClassView> {
        let known = self.background.executor.known_classes().unwrap_or_default();
        known.iter().map(|class| ClassView { class: class.digest(), machine: class.to_string() }).collect()
    }

    fn models(&self) -> Vec<ModelView> {
        let background = &self.background;
        let view = |manifest: &Manifest| {
            let progress = background.fetcher.progress(&manifest.model);
            ModelView {
                name: manifest.name.clone(),
                is_here: !has_model(manifest) || background.store.blobs.contains(&manifest.model),
                arrived: progress.as_ref().map(Progress::bytes),
                bytes: progress.as_ref().and_then(Progress::of),
            }
        };
        let library = background.store.library.manifests().into_iter();
        let library = library.filter(|manifest| !self.genesis.manifests.contains(manifest));
        // What was only ordered from others is not expected here.
        let taken_in =
            library.map(|manifest| view(&manifest)).filter(|model| model.is_here || model.arrived.is_some());
        self.genesis.manifests.iter().map(view).chain(taken_in).collect()
    }

    fn status(&mut self) -> StatusView {
        let ((jobs_open, jobs), figures) =
            (self.node.submission_counts(), self.background.store.blobs.figures());
        StatusView {
            peer: self.own,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            network: self.network_id,
            network_name: self.genesis.name.clone(),
            unit: self.genesis.unit.clone(),
            is_notary: self.genesis.notaries.contains(&self.own),
            is_verifier: self.genesis.verifiers.iter().any(|founder| founder.peer == self.own),
            providing: self.node.provision().map(|provision| self.providing_view(provision)),
            paused: self.node.paused(),
            held: self.node.held(moment()),
            classes: self.classes(),
            models: self.models(),
            missing_walls: self.background.executor.missing_walls(),
            addresses: self.background.network.listening(),
            neighbours: self.background.network.peers(),
            severed: self.background.network.severed(),
            started: self.started.wall,
            uptime: moment().steady.since(self.started.steady),
            clock: self.node.clock(),
            notaries_heard: self.node.notaries_heard(moment()),
            offers: self.book.len() as u64,
            day: self.node.day(moment()),
            jobs_open: jobs_open as u64,
            jobs: jobs as u64,
            running: self.background.executor.running() as u64,
            records: self.journal.durable().borrow().as_ref().copied().unwrap_or(0),
            blob_bytes: figures.bytes,
            blob_bytes_kept: figures.pinned_bytes,
            disk_free: self.room.known_free(),
            disk_floor: self.room.floor(),
            malformed: self.thrown.malformed.load(Ordering::Relaxed),
            forged: self.thrown.forged.load(Ordering::Relaxed),
            faults: self.node.faults(),
            waits: self.node.holds_books_back(),
            forked: self.node.forked(),
            left_by: self.afterwards.left_by(),
        }
    }
}
