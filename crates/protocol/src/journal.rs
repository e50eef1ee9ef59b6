//! A notary's journal: what can change its books, chained entry by entry, and how it is shown to whoever asks.
//!
//! **Invariant:** an entry has one name, whether it is shown with its fact or without.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    account::{Grant, Register, Stake, Unstake},
    codec,
    id::Digest,
    notice::{Query, Tick},
    order::Open,
    receipt::Happening,
    signed::Signed,
};

/// Bytes in the longest page.
pub const PAGE_BYTES_MAX: usize = 512 * 1024;

/// One entry of a notary's public chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The digest of the entry before.
    pub previous: Digest,
    /// What happened.
    pub fact: Fact,
}

/// What can change a notary's books: statements as they were signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub enum Fact {
    /// Time passed.
    Tick(Signed<Tick>),
    /// A job was opened.
    Open(Signed<Open>),
    /// A party to a job took a step.
    Job(Happening),
    /// An account asked, for the first time.
    Query(Signed<Query>),
    /// An account put money at stake.
    Stake(Signed<Stake>),
    /// An account withdrew money from its stake.
    Unstake(Signed<Unstake>),
    /// An account stated what it can check.
    Register(Signed<Register>),
    /// The issuer created credits.
    Grant(Signed<Grant>),
}

impl Entry {
    /// The name of the entry, which the next one quotes. It is taken over the digest of the fact, so that an entry can
    /// be published without its fact.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Self::digest_of(self.previous, codec::digest("fact", &self.fact))
    }

    /// The name of an entry whose fact is known by its digest alone.
    #[must_use]
    pub fn digest_of(previous: Digest, fact: Digest) -> Digest {
        codec::digest("entry", &(previous, fact))
    }
}

/// An entry of a chain as it is published: whole, or by the digest of its fact while it would tell too much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub enum Published {
    /// The whole entry.
    Whole(Entry),
    /// Only what the chain needs.
    Withheld {
        /// The digest of the entry before.
        previous: Digest,
        /// The digest of the fact.
        fact: Digest,
    },
}

impl Published {
    /// An entry without its fact.
    #[must_use]
    pub fn withheld(entry: &Entry) -> Self {
        Self::Withheld { previous: entry.previous, fact: codec::digest("fact", &entry.fact) }
    }
}

/// Asks for a range of a notary's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRange {
    /// The first entry that is wanted, counted from 0.
    pub from: u64,
}

/// A part of a notary's journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page {
    /// How many entries there are.
    pub total: u64,
    /// Entries from the one that was wanted on.
    pub entries: Vec<Published>,
}
