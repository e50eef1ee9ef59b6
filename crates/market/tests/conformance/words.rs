//! What cases are written with: who is there, and one word for each effect.
//!
//! **Invariant:** holders, jobs and blobs are told apart by their numbers alone.

use assay_market::{Effect, Record, effect::Run, input::RunId};
use assay_protocol::{
    id::{Digest, JobId, NetworkId, PeerId},
    manifest::{Manifest, Meter, Policy, WorkPerMeter},
    message::Message,
    notice::Query,
    offer::{Bench, Offer, Reachability},
    receipt::Receipt,
    signed::{Signed, Signer},
    units::{Duration, Timestamp},
};

use super::Left;

/// The most bytes of all blobs.
pub(crate) const QUOTA_BYTES: usize = 4096;
/// Bytes of a blob: two whole records and a shorter one.
const BLOB_BYTES: usize = 600;
/// As many bytes as no fetch of these cases is refused for.
const BYTES_MAX: u64 = 1 << 20;

/// Who else there is, and what can be said.
pub(crate) struct Cast {
    /// Peers that can be reached, the network's notary first.
    pub(super) others: [PeerId; 3],
    /// One that cannot.
    pub(super) away: PeerId,
    /// Two that the notary signed.
    pub(super) receipts: [Receipt; 2],
    query: Message,
    offer: Message,
}

impl Cast {
    /// As the peer with this key sees it.
    pub(crate) fn new(
        key: &impl Signer,
        network: NetworkId,
        others: [PeerId; 3],
        away: PeerId,
        receipts: [Receipt; 2],
    ) -> Self {
        let offer = Offer {
            sequence: 1,
            valid_until: Timestamp::NEVER,
            benches: vec![Bench {
                class: Digest::default(),
                machine: String::new(),
                device: String::new(),
                memory_free: 1 << 30,
                slots: 1,
                services: Vec::new(),
            }],
            notaries: Vec::new(),
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
            standing: None,
        };
        let query = Signed::seal(Query { sequence: 1, job: None, standing: false }, key, network).into();
        Self { others, away, receipts, query, offer: Signed::seal(offer, key, network).into() }
    }

    /// A message to one of the others.
    pub(super) fn send(&self, other: usize) -> Effect {
        self.send_to(self.others[other])
    }

    pub(super) fn send_to(&self, to: PeerId) -> Effect {
        Effect::Send { to, message: self.query.clone() }
    }

    pub(super) fn publish(&self) -> Effect {
        Effect::Publish(self.offer.clone())
    }

    /// A blob of the first holder is got from these others.
    pub(super) fn fetch(&self, holder: u8, digest: Digest, from: &[usize]) -> Effect {
        self.fetch_within(holder, digest, from, BYTES_MAX)
    }

    pub(super) fn fetch_within(&self, holder: u8, digest: Digest, from: &[usize], bytes_max: u64) -> Effect {
        let from = from.iter().map(|other| self.others[*other]).collect();
        Effect::Fetch { holder: name(holder), digest, from, bytes_max }
    }

    pub(super) fn serve(&self, holder: u8, digest: Digest, other: usize) -> Effect {
        Effect::Serve { holder: name(holder), digest, to: self.others[other] }
    }

    pub(super) fn file(&self, receipt: usize) -> Effect {
        Effect::File { receipt: Box::new(self.receipts[receipt].clone()) }
    }

    /// The file of a receipt.
    pub(super) fn bytes(&self, receipt: usize) -> Vec<u8> {
        self.receipts[receipt].to_bytes()
    }

    pub(super) fn digest(&self, receipt: usize) -> Digest {
        Digest::of(&self.bytes(receipt))
    }

    /// Whose job a receipt is of.
    pub(super) fn parties(&self, receipt: usize) -> [PeerId; 2] {
        let open = self.receipts[receipt].story.open.said();
        let order = open.order.said();
        [order.client, order.provider]
    }
}

/// A holder, a job, or whatever else needs a name.
pub(super) fn name(number: u8) -> Digest {
    Digest([number; 32])
}

pub(super) fn blob(number: u8) -> Vec<u8> {
    vec![number; BLOB_BYTES]
}

pub(super) fn blob_digest(number: u8) -> Digest {
    Digest::of(&blob(number))
}

/// A blob that fits only where nothing is kept.
pub(super) fn full(number: u8) -> Vec<u8> {
    vec![number; QUOTA_BYTES]
}

pub(super) fn save(number: u8) -> Effect {
    Effect::Save(Record::Beacon(name(number)))
}

pub(super) fn keep(holder: u8, digest: Digest) -> Effect {
    Effect::Keep { holder: name(holder), digest }
}

pub(super) fn release(holder: u8) -> Effect {
    Effect::Release { holder: name(holder) }
}

/// The run of a job for pay.
pub(super) fn run_id(job: u8) -> RunId {
    RunId { job: name(job), check: false }
}

/// A run that needs nothing but its input.
pub(super) fn run(id: RunId, input: Digest) -> Effect {
    let manifest = Manifest {
        name: "nothing".into(),
        runner: Digest::of(b""),
        model: Digest::of(b""),
        params: "160".into(),
        policy: Policy::Exact,
        meter: Meter::Calls,
        work: WorkPerMeter::default(),
        work_most: 64,
        memory_bytes: 1,
        licence: "MIT".into(),
    };
    let run_max = Duration::seconds(60);
    let (class, seed, listener) = (name(2), name(1), None);
    let run = Run { id, class, manifest, input, seed, units_max: 1, run_max, listener, draft: None };
    Effect::Run(Box::new(run))
}

impl Left {
    /// What is seen of an effect, if others can see it.
    pub(crate) fn of(effect: &Effect) -> Option<Self> {
        Some(match effect {
            Effect::Send { to, .. } => Self::Sent(*to),
            Effect::Publish(_) => Self::Published,
            Effect::Serve { digest, to, .. } => Self::Served(*digest, *to),
            Effect::Release { holder } => Self::Released(*holder),
            Effect::File { receipt } => Self::filed(receipt),
            Effect::Save(_)
            | Effect::Keep { .. }
            | Effect::Fetch { .. }
            | Effect::Collect { .. }
            | Effect::Run(_)
            | Effect::Stop(_)
            | Effect::Cut(_)
            | Effect::Show { .. }
            | Effect::Recall(_)
            | Effect::WakeAt(_)
            | Effect::Tell(_) => return None,
        })
    }

    pub(crate) fn filed(receipt: &Receipt) -> Self {
        Self::Filed(job(receipt))
    }
}

/// The job that a receipt is of.
pub(super) fn job(receipt: &Receipt) -> JobId {
    receipt.story.ticket.job
}
