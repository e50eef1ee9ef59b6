//! What a devnet is: who belongs to it, and who is kept apart from whom.
//!
//! **Invariant:** it says nothing of processes; whether a peer runs is asked of its home.

use std::collections::BTreeSet;

use assay_protocol::id::PeerId;
use serde::{Deserialize, Serialize};

use crate::command_error::{CommandError, Exit};

/// The form of the file.
const VERSION: u32 = 1;

/// What a devnet is to be, as its folder keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DevnetPlan {
    /// The form of the file.
    pub(super) version: u32,
    /// What it is called.
    pub(super) name: String,
    /// False until every home is whole, and once they begin to be removed.
    pub(super) is_founded: bool,
    /// Its peers; the notary first, and then those that serve.
    pub(super) peers: Vec<DevnetPeer>,
    /// The sides that are kept apart from each other, each with the names of its peers; none while nothing is cut.
    pub(super) sides: Vec<Vec<String>>,
}

/// One of its peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DevnetPeer {
    /// What it is called here, and its folder.
    pub(super) name: String,
    /// What it does.
    pub(super) role: DevnetRole,
    /// Its name in the network.
    pub(super) peer: PeerId,
    /// Where it listens.
    pub(super) address: String,
}

/// What a peer does in a devnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DevnetRole {
    /// Keeps the books.
    Notary,
    /// Runs and checks jobs.
    Provider,
    /// Has jobs run.
    Client,
}

impl DevnetRole {
    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Notary => "notary",
            Self::Provider => "provider",
            Self::Client => "client",
        }
    }

    /// What so many of them are called.
    pub(super) fn names(self, count: u16) -> impl Iterator<Item = (String, Self)> {
        (1..=count).map(move |number| match count {
            1 => (self.word().to_owned(), self),
            _ => (format!("{}-{number}", self.word()), self),
        })
    }
}

impl DevnetPlan {
    /// One of which nothing is there yet.
    pub(super) fn begun(name: &str) -> Self {
        Self {
            version: VERSION,
            name: name.to_owned(),
            is_founded: false,
            peers: Vec::new(),
            sides: Vec::new(),
        }
    }

    /// Whether this program knows what it says.
    pub(super) fn is_known(&self) -> bool {
        self.version == VERSION
    }

    /// The peer that is called so, or whose name in the network begins so.
    pub(super) fn find(&self, named: &str) -> Result<&DevnetPeer, CommandError> {
        let by_key = || {
            let mut fitting = self.peers.iter().filter(|peer| peer.peer.to_string().starts_with(named));
            fitting.next().filter(|_| named.len() >= KEY_DIGITS_MIN && fitting.next().is_none())
        };
        self.peers.iter().find(|peer| peer.name == named).or_else(by_key).ok_or_else(|| {
            let names: Vec<&str> = self.peers.iter().map(|peer| peer.name.as_str()).collect();
            let message = format!("no peer of the devnet {} is called {named}", self.name);
            CommandError::new(
                Exit::NotFound,
                "UNKNOWN_PEER",
                message,
                format!("there are {}", names.join(", ")),
            )
        })
    }

    /// How many have a role.
    pub(super) fn count(&self, role: DevnetRole) -> usize {
        self.of(role).count()
    }

    /// Those that have a role.
    pub(super) fn of(&self, role: DevnetRole) -> impl Iterator<Item = &DevnetPeer> {
        self.peers.iter().filter(move |peer| peer.role == role)
    }

    /// The side that a peer is on, if anything is cut.
    pub(super) fn side_of(&self, name: &str) -> Option<usize> {
        self.sides.iter().position(|side| side.iter().any(|other| other == name))
    }

    /// Whether two peers may hear of each other.
    pub(super) fn are_together(&self, one: &str, other: &str) -> bool {
        self.side_of(one) == self.side_of(other)
    }

    /// Whom a peer is to be kept apart from.
    pub(super) fn severed_from(&self, name: &str) -> BTreeSet<PeerId> {
        self.peers.iter().filter(|peer| !self.are_together(&peer.name, name)).map(|peer| peer.peer).collect()
    }

    /// Whether a peer is on the side of somebody who keeps books.
    pub(super) fn has_notary(&self, name: &str) -> bool {
        self.of(DevnetRole::Notary).any(|notary| self.are_together(&notary.name, name))
    }
}

/// Digits of the shortest beginning of a key.
const KEY_DIGITS_MIN: usize = 8;
