//! What a daemon answers.
//!
//! **Invariant:** an answer says what was true at one moment of the daemon's loop; nothing in it is put together from two.

use assay_market::{
    effect::Event,
    quote::Quote,
    view::{AccountView, BooksView, Grounds, RunView, SubmissionView},
};
use assay_protocol::{
    genesis::Genesis,
    id::{Digest, JobId, NetworkId, PeerId},
    notice::Head,
    order::Failure,
    units::{Amount, Duration, Timestamp},
};
use serde::{Deserialize, Serialize};

use super::request::Bytes;

/// One answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// To `Status`.
    Status(Box<Status>),
    /// To `Network`.
    Network(Box<Genesis>),
    /// To `Offers`.
    Offers(Vec<OfferView>),
    /// To `Submit`.
    Submitted {
        /// Names the submission.
        key: Digest,
    },
    /// To `Quote`.
    Quoted(Box<Quote>),
    /// To `Jobs`.
    Jobs(Vec<JobView>),
    /// To `Job`.
    Job(Box<JobView>),
    /// To `Explain`.
    Explained(Box<Explained>),
    /// To `Watch`.
    Watching,
    /// To `Output` and `Receipt`.
    Bytes(Bytes),
    /// To `Keep`.
    Kept {
        /// The digest of the file.
        digest: Digest,
    },
    /// To `Account`.
    Account(AccountView),
    /// To `Books`.
    Books(Box<BooksView>),
    /// To `Runs`.
    Runs(Vec<RunView>),
    /// To `Provide`.
    Providing(Providing),
    /// To `Audit`.
    Audited(Audited),
    /// To all that has nothing to say.
    Done,
}

/// Why a daemon does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The request is not one.
    #[error("the request cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// No pinned manifest is called so.
    #[error("no model is called {name}; this network has {}", list(known))]
    UnknownManifest {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No job is called so.
    #[error("no job is called {name}")]
    UnknownJob {
        /// What was asked for.
        name: String,
    },
    /// Several things are called so.
    #[error("{name} could be any of {matches}; give more digits")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// How many it could be.
        matches: u64,
    },
    /// There is no such blob here.
    #[error("the blob {digest} is not here")]
    BlobAbsent {
        /// Which.
        digest: Digest,
    },
    /// The job has no receipt yet.
    #[error("the job has no receipt yet")]
    NoReceipt,
    /// The input is too long.
    #[error("the input has {bytes} bytes, where at most {max} are allowed")]
    InputTooLong {
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        max: u64,
    },
    /// Too many jobs are under way.
    #[error("too many jobs of this peer are under way")]
    TooManyJobs,
    /// This peer keeps no books.
    #[error("this peer is no notary of its network")]
    NotANotary,
    /// The network names no notary.
    #[error("this network has no notary")]
    NoNotary,
    /// A notary did not answer in time.
    #[error("the notary {notary} did not answer within {waited_ms} ms")]
    NoAnswer {
        /// Which notary.
        notary: PeerId,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// A runner or model of a manifest could not be had.
    #[error("{manifest} cannot be offered: its {part} {digest} is not here and no peer has it")]
    PartAbsent {
        /// Of which manifest.
        manifest: String,
        /// Runner or model.
        part: String,
        /// Its digest.
        digest: Digest,
    },
    /// The self-test failed.
    #[error("{manifest} cannot be offered: the test run failed: {reason}")]
    TestFailed {
        /// Of which manifest.
        manifest: String,
        /// Why.
        reason: Failure,
    },
    /// No job can be run on this machine.
    #[error("the sandbox cannot be used: {reason}")]
    Sandbox {
        /// Why.
        reason: String,
    },
    /// Nothing to offer.
    #[error("nothing was named that could be offered")]
    NothingToOffer,
    /// The disk failed.
    #[error("{reason}")]
    Disk {
        /// What the system said.
        reason: String,
    },
    /// The daemon ends.
    #[error("the daemon is shutting down")]
    Ending,
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// How a peer is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
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
    /// The class of this machine.
    pub class: Digest,
    /// The class in words.
    pub machine: String,
    /// Where this peer listens.
    pub addresses: Vec<String>,
    /// Who it is connected to.
    pub neighbours: Vec<Neighbour>,
    /// When the daemon started.
    pub started: Timestamp,
    /// How long ago that is.
    pub uptime: Duration,
    /// Offers that are known.
    pub offers: u64,
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
    /// Messages that were not messages.
    pub malformed: u64,
    /// Messages whose signature did not hold.
    pub forged: u64,
    /// Notaries that were seen to keep two journals.
    pub forked: Vec<PeerId>,
}

/// A connected peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Neighbour {
    /// Who.
    pub peer: PeerId,
    /// Where, if known.
    pub address: Option<String>,
}

/// A provider's offer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfferView {
    /// Whose.
    pub provider: PeerId,
    /// Its number.
    pub sequence: u64,
    /// How long ago it came in.
    pub age: Duration,
    /// Until when it holds.
    pub valid_until: Timestamp,
    /// The class of machine.
    pub class: Digest,
    /// The class in words.
    pub machine: String,
    /// What can be ordered.
    pub services: Vec<ServiceView>,
    /// Jobs that run at the same time.
    pub slots: u16,
    /// Notaries it holds an account with.
    pub notaries: Vec<PeerId>,
    /// Where it can be reached.
    pub addresses: Vec<String>,
}

/// One thing on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The network's name for it, if it is pinned; the offer's own if not.
    pub name: String,
    /// True if the network pins it.
    pub pinned: bool,
    /// What a unit costs.
    pub unit_price: Amount,
    /// How long a typical run takes.
    pub run: Duration,
    /// True while runner and model are loaded.
    pub warm: bool,
}

/// A client's job and when what happened to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobView {
    /// The job.
    pub submission: SubmissionView,
    /// What happened since the daemon started, oldest first.
    pub timeline: Vec<Moment>,
}

/// A client's job and why what became of it became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The job.
    pub job: JobView,
    /// Why; nothing if it is so long over that only its outcome is remembered.
    pub grounds: Option<Grounds>,
}

/// Something that happened, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// What this peer offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Providing {
    /// The class of this machine.
    pub class: Digest,
    /// The class in words.
    pub machine: String,
    /// What is offered.
    pub services: Vec<ServiceView>,
    /// Jobs that run at the same time.
    pub slots: u16,
    /// Where this peer can be reached.
    pub addresses: Vec<String>,
}

/// What a replay of a notary's journal found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// Whose journal.
    pub notary: PeerId,
    /// Entries that were replayed.
    pub entries: u64,
    /// Entries after them that are published as digests only, since they concern open jobs.
    pub hidden: u64,
    /// The last entry that was seen, hidden or not.
    pub head: Head,
    /// Jobs that are open where the replay ends.
    pub open: u64,
    /// Jobs that are closed there.
    pub closed: u64,
    /// What all boxes hold there.
    pub total: Amount,
    /// What was created by then and not destroyed.
    pub supply: Amount,
    /// The first entry that does not follow from those before it, and why; nothing if all do.
    pub divergence: Option<(u64, String)>,
}

/// Something that a watcher is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    /// Something happened.
    Event(Moment),
    /// How a job stands: once at the beginning, if one is watched, and after each event that concerns a job.
    Job(Box<JobView>),
    /// The watcher was too slow and missed this many updates; a `Job` follows for the one it watches.
    Missed {
        /// How many.
        updates: u64,
    },
}

/// The submission and the job that an event concerns.
pub(crate) fn concerns(event: &Event) -> (Option<Digest>, Option<JobId>) {
    match event {
        Event::Proposed { key, job, .. }
        | Event::Refused { key, job, .. }
        | Event::Opened { key, job, .. }
        | Event::Aborted { key, job, .. }
        | Event::Delivered { key, job, .. }
        | Event::ReceiptRefuted { key, job, .. }
        | Event::Cancelling { key, job }
        | Event::Disputing { key, job }
        | Event::Disputed { key, job }
        | Event::Contradicted { key, job }
        | Event::Closed { key, job, .. } => (Some(*key), Some(*job)),
        Event::NotSubmitted { key }
        | Event::Failed { key, .. }
        | Event::Cancelled { key }
        | Event::NotCancelled { key, .. }
        | Event::NotDisputed { key, .. } => (Some(*key), None),
        Event::Serving { job, .. }
        | Event::Served { job, .. }
        | Event::Checking { job, .. }
        | Event::Drawn { job, .. }
        | Event::Accused { job, .. }
        | Event::Stranded { job }
        | Event::Settled { job, .. } => (None, Some(*job)),
        Event::OfferSeen { .. }
        | Event::Balance { .. }
        | Event::Forked { .. }
        | Event::CarriedOut { .. }
        | Event::NotCarriedOut { .. } => (None, None),
    }
}
