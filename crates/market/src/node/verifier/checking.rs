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
    units::{Duration, Timestamp},
};

use crate::{input::Blob, node::heard::Fault, view::RunState};

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
    /// The input.
    #[serde(skip)]
    pub(super) input: Need,
    /// The claimed output, where the run may be tried along it.
    #[serde(skip)]
    pub(super) draft: Need,
    /// Until when that is waited for.
    #[serde(skip, default = "never")]
    draft_by: Timestamp,
}

/// A blob that is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Need {
    /// Nobody wants it.
    #[default]
    Unwanted,
    /// It is wanted; a fetch of it goes on since this time, if one does.
    Wanted(Digest, Option<Timestamp>),
    /// It is here.
    Here(Digest),
}

impl Need {
    /// Its digest, once it is here.
    pub(super) fn here(self) -> Option<Digest> {
        match self {
            Self::Here(digest) => Some(digest),
            Self::Unwanted | Self::Wanted(..) => None,
        }
    }

    /// Begins a fetch, if it is wanted and none goes on.
    fn ask(&mut self, now: Timestamp) -> Option<Digest> {
        let Self::Wanted(digest, asked @ None) = self else { return None };
        *asked = Some(now);
        Some(*digest)
    }

    /// Ends the fetch of this blob; says when it began.
    fn end(&mut self, digest: Digest, found: bool) -> Option<Timestamp> {
        let Self::Wanted(wanted, asked) = *self else { return None };
        if wanted != digest {
            return None;
        }
        *self = if found { Self::Here(digest) } else { Self::Wanted(digest, None) };
        asked
    }
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
        let (phase, asked, never) = (CheckingPhase::Fetching, Timestamp::default(), Timestamp::NEVER);
        let (input, draft) = (Need::Unwanted, Need::Unwanted);
        Self { check, phase, asked, serve_by: never, input, draft, draft_by: never }
    }

    /// Looks for the input, and for the claimed output half as long: that is only a help.
    pub(super) fn begin(&mut self, now: Timestamp, patience: Duration) {
        self.asked = now;
        (self.draft_by, self.serve_by) = (now.after(patience), now.after(patience.times(2)));
        self.input = Need::Wanted(self.check.input_commit, None);
        let claimed = self.check.draft.map(|draft| draft.written.blob);
        self.draft = claimed.map_or(Need::Unwanted, |blob| Need::Wanted(blob, None));
    }

    /// What is to be fetched now.
    pub(super) fn ask(&mut self, now: Timestamp) -> impl Iterator<Item = Digest> {
        [self.input.ask(now), self.draft.ask(now)].into_iter().flatten()
    }

    /// A fetch has ended; says when it began. Of the output only what is what was claimed is used.
    pub(super) fn fetched(&mut self, digest: Digest, found: Option<Blob>) -> Option<Timestamp> {
        let asked = self.input.end(digest, found.is_some());
        let claimed = self.check.draft.map(|draft| draft.written).filter(|written| written.blob == digest);
        if claimed.zip(found).is_some_and(|(written, blob)| written.root != blob.root) {
            self.draft = Need::Unwanted;
        }
        asked.or(self.draft.end(digest, found.is_some()))
    }

    /// True once the run can begin.
    pub(super) fn is_ready(&self, now: Timestamp) -> bool {
        let waits = matches!(self.draft, Need::Wanted(..)) && now < self.draft_by;
        self.input.here().is_some() && !waits
    }

    /// When something is given up.
    pub(super) fn due(&self) -> Timestamp {
        if self.input.here().is_some() { self.draft_by } else { self.serve_by }
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
