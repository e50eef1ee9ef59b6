//! One check on its way.
//!
//! ```text
//! |          | run     | seal   | give up  | fail  |
//! |----------|---------|--------|----------|-------|
//! | fetching | running | sealed | unserved | ended |
//! | running  | .       | sealed | .        | ended |
//! | sealed   | .       | .      | .        | .     |
//! | unserved | .       | .      | .        | .     |
//! | ended    | .       | .      | .        | .     |
//! ```
//!
//! A step that has a point is refused. What is fetching can be sealed, or end, because a run is forgotten by a restart,
//! and what came of it is not.
//!
//! **Invariant:** sealed, unserved and ended are final: of one check one thing is said.

use assay_protocol::{
    check::{Check, Evidence, Seal, Unserved},
    genesis::Timers,
    id::Digest,
    signed::{Recorded, Verified},
    units::Timestamp,
};

use crate::{node::heard::Fault, view::RunState};

/// One check.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Checking {
    #[serde(with = "assay_protocol::signed::kept")]
    pub(super) check: Verified<Check>,
    pub(super) phase: CheckingPhase,
    /// When it was asked for, or when this life began if that is later.
    #[serde(skip)]
    pub(super) asked: Timestamp,
    /// When the input is given up.
    #[serde(skip, default = "never")]
    pub(super) serve_by: Timestamp,
    /// Since when a fetch of the input goes on.
    #[serde(skip)]
    pub(super) asks: Option<Timestamp>,
}

fn never() -> Timestamp {
    Timestamp::NEVER
}

/// How far it is.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a verifier checks few jobs at a time")]
pub(super) enum CheckingPhase {
    Fetching,
    Running,
    Sealed(Sealed),
    Unserved(Recorded<Unserved>),
    Ended,
}

/// A seal with what it is opened by.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Sealed {
    pub(super) seal: Recorded<Seal>,
    pub(super) evidence: Evidence,
    /// The digest of the output's bytes.
    pub(super) output: Digest,
}

/// What can happen to it.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "it is moved once")]
pub(super) enum CheckingStep {
    /// The input is here.
    Run,
    /// What was found is sealed.
    Seal(Sealed),
    /// Nobody served the input.
    GiveUp(Recorded<Unserved>),
    /// This machine could not run it.
    Fail,
}

impl Checking {
    /// A check that was just asked for.
    pub(super) fn new(check: Verified<Check>) -> Self {
        Self {
            check,
            phase: CheckingPhase::Fetching,
            asked: Timestamp::default(),
            serve_by: Timestamp::NEVER,
            asks: None,
        }
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`Fault::Untimely`], if things do not stand so; nothing changes then.
    pub(super) fn apply(&mut self, step: CheckingStep) -> Result<(), Fault> {
        self.phase = match (&self.phase, step) {
            (CheckingPhase::Fetching, CheckingStep::Run) => CheckingPhase::Running,
            // A run is forgotten by a restart, what it found is not.
            (CheckingPhase::Fetching | CheckingPhase::Running, CheckingStep::Seal(sealed)) => {
                CheckingPhase::Sealed(sealed)
            }
            (CheckingPhase::Fetching | CheckingPhase::Running, CheckingStep::Fail) => CheckingPhase::Ended,
            (CheckingPhase::Fetching, CheckingStep::GiveUp(unserved)) => CheckingPhase::Unserved(unserved),
            (
                CheckingPhase::Running
                | CheckingPhase::Sealed(_)
                | CheckingPhase::Unserved(_)
                | CheckingPhase::Ended,
                _,
            ) => {
                return Err(Fault::Untimely);
            }
        };
        Ok(())
    }

    /// Until when the notary may ask for records: while openings last, once the seal is there or its time is over. How long
    /// that is is agreed on; when it is by another clock may not be.
    pub(super) fn shown_by(&self, timers: &Timers) -> Timestamp {
        self.asked.after(timers.seal).after(timers.opening.times(2)).after(timers.gap_max)
    }

    /// What it was sealed with.
    pub(super) fn sealed(&self) -> Option<&Sealed> {
        if let CheckingPhase::Sealed(sealed) = &self.phase { Some(sealed) } else { None }
    }

    /// True while it waits for its input, or for its run.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.phase, CheckingPhase::Fetching | CheckingPhase::Running)
    }

    /// How far it is, as it is shown.
    pub(super) fn state(&self) -> RunState {
        match self.phase {
            CheckingPhase::Fetching | CheckingPhase::Running => RunState::Running,
            CheckingPhase::Sealed(_) | CheckingPhase::Unserved(_) => RunState::Committed,
            CheckingPhase::Ended => RunState::Ended,
        }
    }
}

#[cfg(test)]
mod tests;
