//! Who takes which messages: what every peer of a world is asked before it hears one, if the world is to know.
//!
//! **Invariant:** no message is taken by two roles, and a peer has taken one exactly if one of its roles takes it.

use std::collections::BTreeMap;

use assay_market::{
    Book, Input, Moment, Node,
    node::{Heard, RoleName},
};

use super::World;
use crate::crypto::SimulatedKey;

/// What a peer hears whatever its roles are.
const FOR_NO_ROLE: [&str; 2] = ["Account", "Tick"];
/// What it hears beside its roles, if it is about itself.
const OF_ITSELF: &str = "Standing";

/// How often a role took a message of each kind.
pub type Taken = BTreeMap<(&'static str, RoleName), u64>;

/// The roles of a peer that would take a message of this kind.
#[derive(Debug)]
pub(super) struct Takers(&'static str, Vec<RoleName>);

impl World {
    /// From now on every peer is asked who would take each message. It costs a copy of the peer each time.
    pub fn ask_takers(&mut self) {
        self.taken.get_or_insert_default();
    }

    /// How often a role took a message of each kind, since that is asked.
    #[must_use]
    pub fn taken(&self) -> Taken {
        self.taken.clone().unwrap_or_default()
    }

    /// Notes how a peer heard a message.
    pub(super) fn note_taken(&mut self, Takers(kind, roles): Takers, heard: Heard) {
        assert!(roles.len() <= 1, "{kind} is taken by {roles:?}");
        if kind == OF_ITSELF {
            return assert!(roles.is_empty(), "{kind} is taken by {roles:?}");
        }
        let takes = !roles.is_empty() || FOR_NO_ROLE.contains(&kind);
        assert_eq!(takes, heard == Heard::Taken, "{kind} is {heard:?}, where those take it: {roles:?}");
        let taken = self.taken.get_or_insert_default();
        roles.into_iter().for_each(|role| *taken.entry((kind, role)).or_default() += 1);
    }
}

impl Takers {
    /// Those of this peer, if this is a message.
    pub(super) fn of(node: &Node<SimulatedKey>, input: &Input, at: Moment, book: &Book) -> Option<Self> {
        let Input::Message(message) = input else { return None };
        Some(Self(message.kind(), node.takers(input, at, book)))
    }
}
