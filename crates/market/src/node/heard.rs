//! What became of what a peer was told, and how often each kind came to nothing.
//!
//! **Invariant:** the kinds and the faults are closed sets, so the count has a bound however much comes in.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::view::FaultView;

/// What a role says of something that it was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was for this role, which has dealt with it; the same again may change nothing.
    Taken,
    /// It is not about anything that this role knows.
    NotMine,
    /// It is about something that this role knows, and cannot be taken.
    Misstep(Fault),
}

/// Why something could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It must come from somebody else.
    Stranger,
    /// Things do not stand so that it could be said now.
    Untimely,
    /// It contradicts what was agreed.
    Contrary,
    /// The books do not take it.
    Refused,
    /// There is no room for it.
    Crowded,
}

/// How often messages of each kind could not be taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    counts: BTreeMap<(&'static str, Option<Fault>), u64>,
}

impl Faults {
    /// Counts a message that came to nothing.
    pub(super) fn note(&mut self, kind: &'static str, heard: Heard) {
        let fault = match heard {
            Heard::Taken => return,
            Heard::NotMine => None,
            Heard::Misstep(fault) => Some(fault),
        };
        *self.counts.entry((kind, fault)).or_default() += 1;
    }

    pub(super) fn views(&self) -> Vec<FaultView> {
        let view = |(&(kind, fault), &count): (&(&'static str, Option<Fault>), &u64)| FaultView {
            kind: kind.into(),
            fault,
            count,
        };
        self.counts.iter().map(view).collect()
    }
}
