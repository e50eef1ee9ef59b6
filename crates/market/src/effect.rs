//! Everything a peer can want of its shell.
//!
//! **Invariant:** effects are performed in order. What others can see ([`Effect::Send`], [`Effect::Publish`],
//! [`Effect::Serve`], [`Effect::File`]) waits until every [`Effect::Save`] before it is durable, and so does
//! [`Effect::Release`], which must not overtake what it ends; nothing else waits.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    manifest::Manifest,
    message::Message,
    receipt::Receipt,
    units::{Duration, Units},
};

use crate::{
    event::Event,
    input::{Inquiry, RunId},
    moment::Steady,
    record::Record,
};

/// Effects in the order in which they are to be performed.
pub type Effects = Vec<Effect>;

/// One thing a peer wants.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub enum Effect {
    /// Keep this record; what others can see waits for it.
    Save(Record),
    /// Send a message.
    Send {
        /// To whom.
        to: PeerId,
        /// What.
        message: Message,
    },
    /// Tell everyone: an offer, or a checkpoint.
    Publish(Message),
    /// Get a blob from the first of these peers that serves it; answered by `Input::Fetched`. What arrives is kept for
    /// the holder at once.
    Fetch {
        /// For which job.
        holder: Digest,
        /// Which blob.
        digest: Digest,
        /// From whom, in this order.
        from: Vec<PeerId>,
        /// The most bytes it may have.
        bytes_max: u64,
    },
    /// Get a receipt from its notary, judge it by the rules of the network, and file it; answered by `Input::Collected`.
    Collect {
        /// Of which job.
        job: JobId,
        /// Which receipt.
        digest: Digest,
        /// Whose signature it must bear.
        from: PeerId,
    },
    /// Run a job in the sandbox; answered by `Input::Ran`. What it writes is kept for the job.
    Run(Box<Run>),
    /// Stop a run; it needs no answer.
    Stop(RunId),
    /// End a run soon: what it has written until then is what it gives.
    Cut(RunId),
    /// Read records of a run's output and make their paths; answered by `Input::Shown`.
    Show {
        /// For which run.
        run: RunId,
        /// The digest of the output.
        output: Digest,
        /// Which records.
        positions: Vec<u64>,
    },
    /// Keep a blob that is here for a holder: a job, a submission, or what a user has not taken yet.
    Keep {
        /// For whom.
        holder: Digest,
        /// Which blob.
        digest: Digest,
    },
    /// End everything that is kept for a holder, that it serves and that it waits for.
    Release {
        /// Whose.
        holder: Digest,
    },
    /// Let this peer fetch a blob, for as long as it is here and the holder is not released.
    Serve {
        /// For which job.
        holder: Digest,
        /// Which blob.
        digest: Digest,
        /// Whom.
        to: PeerId,
    },
    /// Keep a receipt for good, and let its parties fetch it.
    File {
        /// The receipt.
        receipt: Box<Receipt>,
    },
    /// Look for the receipt of a job that was closed so long ago that the books remember nothing of it; answered by
    /// `Input::Recalled`, or by nothing where that cannot be known now.
    Recall(Inquiry),
    /// Send `Input::Wake` at this time; replaces the last such wish.
    WakeAt(Steady),
    /// Tell the user.
    Tell(Event),
}

impl Effect {
    /// True if whoever is told something by it can read that.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        match self {
            Self::Send { message, .. } | Self::Publish(message) => {
                Message::decode(&message.encode()).as_ref() == Ok(message)
            }
            Self::Save(_)
            | Self::Fetch { .. }
            | Self::Collect { .. }
            | Self::Run(_)
            | Self::Stop(_)
            | Self::Cut(_)
            | Self::Show { .. }
            | Self::Keep { .. }
            | Self::Release { .. }
            | Self::Serve { .. }
            | Self::File { .. }
            | Self::Recall(_)
            | Self::WakeAt(_)
            | Self::Tell(_) => true,
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which run.
    pub id: RunId,
    /// The class of machines that the job is for: any other may give other bytes.
    pub class: Digest,
    /// What runs.
    pub manifest: Manifest,
    /// The digest of the blob salt ‖ input, which is here.
    pub input: Digest,
    /// What it draws its choices from.
    pub seed: Digest,
    /// The most units.
    pub units_max: Units,
    /// The longest time.
    pub run_max: Duration,
    /// Who may hear what it writes, as it is written; nobody hears a check.
    pub listener: Option<PeerId>,
    /// The digest of an output that it may be tried along, which is here: a hint that changes no bit of what it gives.
    pub draft: Option<Digest>,
}
