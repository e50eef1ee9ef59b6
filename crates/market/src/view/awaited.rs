//! What a job waits for before anybody is asked to run it.

use core::fmt;

use assay_protocol::units::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

/// What keeps a client from asking anybody to run a job that somebody would run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AwaitedPlace {
    /// All providers that fit are busy, with what others ordered as far as is known.
    Room,
    /// The same, where other jobs of this client are what takes the room of some.
    OwnRoom {
        /// When one of those last made room, or was found to take what there is.
        since: Timestamp,
    },
    /// As many orders of this client are under way at its notary as there may be, open or about to be.
    Lane {
        /// How many those are.
        most: u16,
    },
}

impl AwaitedPlace {
    /// True if jobs of this client alone are in the way, and none of them made room within this time. Lanes are counted by nobody:
    /// whoever waits for one knows how long it has.
    #[must_use]
    pub fn stands_still(self, now: Timestamp, within: Duration) -> bool {
        match self {
            Self::Room => false,
            Self::OwnRoom { since } => now.since(since) >= within,
            Self::Lane { .. } => true,
        }
    }
}

impl fmt::Display for AwaitedPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room => write!(out, "every provider that fits is busy"),
            Self::OwnRoom { .. } => {
                write!(out, "other jobs of this home take the room at the providers that fit")
            }
            Self::Lane { most } => {
                write!(out, "{most} orders of this home are under way, the most there may be at a notary")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_was_made_a_while_ago_stands_still_and_that_of_others_is_not_ones_own() {
        let (at, within) = (Timestamp(60_000), Duration::seconds(30));
        let own = |since: u64| AwaitedPlace::OwnRoom { since: Timestamp(since) };
        assert!(own(30_000).stands_still(at, within));
        assert!(!own(30_001).stands_still(at, within), "it goes on there");
        assert!(!AwaitedPlace::Room.stands_still(at, within));
        assert!(AwaitedPlace::Lane { most: 7 }.stands_still(at, within));
    }
}
