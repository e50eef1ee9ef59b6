//! Where a job stands, and what moves it on where nobody does.
//!
//! **Invariant:** every stage but the last has a deadline or a round.

use serde::{Deserialize, Serialize};

use crate::{outcome::Outcome, units::Timestamp};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// Money is reserved; the provider works.
    Open {
        /// When the claim is due.
        until: Timestamp,
    },
    /// The client wants no more of it.
    Cancelling {
        /// Until when the provider may claim what it has done.
        until: Timestamp,
    },
    /// The claim is in the books.
    Claimed {
        /// When the secret is due.
        until: Timestamp,
    },
    /// The beacon is awaited that decides about a check.
    Drawing {
        /// Its round.
        round: u64,
    },
    /// Not drawn; somebody may still object.
    Waiting {
        /// When it is paid.
        until: Timestamp,
    },
    /// A first verifier runs it again.
    Checking(SeatPhase),
    /// A check did not match: jurors run it again, one at a time.
    Jury(SeatPhase),
    /// Closed.
    Closed(Outcome),
}

/// Where one re-execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SeatPhase {
    /// What opens the claim is to be entered: before anybody is drawn, where a claim opens itself.
    Disclosing {
        /// When it is too late.
        until: Timestamp,
        /// The round that draws the first verifier, if it is entered by then.
        round: u64,
    },
    /// The beacon is awaited that draws the next verifier.
    Seating {
        /// Its round.
        round: u64,
    },
    /// The verifier was asked and has not said that it is there.
    Calling {
        /// When that is due.
        until: Timestamp,
        /// When its seal is due.
        due: Timestamp,
    },
    /// The verifier works.
    Sealing {
        /// When its seal is due.
        until: Timestamp,
    },
    /// Claim and seal are to be opened.
    Opening {
        /// When the openings are due.
        until: Timestamp,
    },
    /// A juror supports the accusation and the provider has not opened its claim.
    Silence {
        /// When it is convicted of that.
        until: Timestamp,
    },
    /// The beacon is awaited that draws whether somebody looks again where a newcomer was accused.
    Doubting {
        /// Its round.
        round: u64,
    },
}

impl Stage {
    /// How it stands with the verifier in the last seat, where there are any.
    #[must_use]
    pub fn seat_phase(self) -> Option<SeatPhase> {
        match self {
            Stage::Checking(phase) | Stage::Jury(phase) => Some(phase),
            Stage::Open { .. }
            | Stage::Cancelling { .. }
            | Stage::Claimed { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Closed(_) => None,
        }
    }

    /// When ticks alone will move it on: a time, or a round.
    #[must_use]
    pub fn due(self) -> (Option<Timestamp>, Option<u64>) {
        match self {
            Stage::Open { until }
            | Stage::Cancelling { until }
            | Stage::Claimed { until }
            | Stage::Waiting { until } => (Some(until), None),
            Stage::Drawing { round } => (None, Some(round)),
            Stage::Checking(phase) | Stage::Jury(phase) => match phase {
                SeatPhase::Seating { round } | SeatPhase::Doubting { round } => (None, Some(round)),
                SeatPhase::Disclosing { until, .. }
                | SeatPhase::Calling { until, .. }
                | SeatPhase::Sealing { until }
                | SeatPhase::Opening { until }
                | SeatPhase::Silence { until } => (Some(until), None),
            },
            Stage::Closed(_) => (None, None),
        }
    }
}
