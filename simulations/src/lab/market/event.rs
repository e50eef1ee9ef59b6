//! What happens in a market, as the calendar holds it: small, with all that is large in an arena.

use std::rc::Rc;

use assay_market::{Input, input::RunId};
use assay_protocol::{
    id::{Digest, JobId, PeerId},
    message::Opened,
    offer::Offer,
    signed::Verified,
};

use crate::world::{Place, fetches::FetchId};

/// One event. It lies in the calendar with its time and its number, in 32 bytes altogether.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarketEvent {
    /// At whom it happens.
    pub(super) place: u32,
    /// The slot of what it is about, or a number.
    pub(super) number: u32,
    /// The life of the peer that it belongs to.
    pub(super) life: u16,
    pub(super) what: Happens,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happens {
    /// Something comes from outside, whatever life the peer is in: its number is a slot.
    Comes,
    /// Its user wants something of the peer, whatever life that is in: its number is a slot.
    Wants,
    /// Something goes on within one life of the peer: its number is a slot.
    GoesOn,
    /// The alarm with this number rings.
    Rings,
    /// The disk has synced its batch.
    Syncs,
    /// The peer's process starts.
    Starts,
}

/// What an event is about.
#[derive(Debug)]
pub(super) enum Matter {
    /// A message, from whom it comes.
    Letter(Place, Input),
    /// What somebody told everybody, brought by a hop.
    Told(Rc<Opened>),
    /// A user's wish, or what the shell has to say to the brain.
    Heard(Input),
    /// An offer has reached everybody.
    Listed(Box<Verified<Offer>>),
    /// The run that was started under this number ends.
    Finished(RunId, u64),
    /// Somebody asks for a blob or a receipt.
    PendingAsk(PendingAsk),
    /// A blob or a receipt is looked for.
    SoughtPiece(SoughtPiece),
    /// What a source has given; nothing if it was of no use.
    Got(SoughtPiece, Option<Rc<[u8]>>),
}

/// What a peer looks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum SoughtPiece {
    /// A blob, for all who wait for it.
    Blob(FetchId),
    /// A receipt.
    Receipt(ExpectedReceipt),
}

/// A receipt that is expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpectedReceipt {
    pub(super) job: JobId,
    pub(super) digest: Digest,
    /// Whose signature it must bear.
    pub(super) notary: PeerId,
}

/// A peer is asked for something.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingAsk {
    pub(super) asker: Place,
    /// The life of the asker.
    pub(super) life: u16,
    pub(super) sought: SoughtPiece,
    /// The most bytes that are wanted.
    pub(super) bytes_max: u64,
}

impl SoughtPiece {
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Blob(id) => id.digest,
            Self::Receipt(expected) => expected.digest,
        }
    }
}

impl Happens {
    /// True for what happens within a machine: it waits while that stands still.
    pub(super) fn is_within(self) -> bool {
        match self {
            Self::Wants | Self::GoesOn | Self::Rings | Self::Syncs | Self::Starts => true,
            Self::Comes => false,
        }
    }

    /// True for what ends with the life that it belongs to.
    pub(super) fn is_of_a_life(self) -> bool {
        match self {
            Self::GoesOn | Self::Rings | Self::Syncs => true,
            Self::Comes | Self::Wants | Self::Starts => false,
        }
    }
}

impl Matter {
    /// A letter that stands for it in the trace.
    pub(super) fn label(&self) -> u8 {
        match self {
            Self::Letter(..) => b'a',
            Self::Told(_) => b't',
            Self::Heard(_) => b'h',
            Self::Listed(_) => b'l',
            Self::Finished(..) => b'f',
            Self::PendingAsk(_) => b'q',
            Self::SoughtPiece(_) => b'b',
            Self::Got(_, None) => b'n',
            Self::Got(_, Some(_)) => b'g',
        }
    }
}
