//! One verifier's place in a job.

use crate::{
    check::Evidence,
    compare::Testimony,
    id::{Digest, PeerId},
    jury::Voice,
    roster::Leaf,
};

/// One verifier's place in a job, from the draw to what it found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Seat {
    /// Who was drawn.
    pub peer: PeerId,
    /// What it has at stake.
    pub weight: u64,
    /// How far it is.
    pub testified: Testified,
}

/// How far a verifier is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Testified {
    /// It works.
    NotYet,
    /// It sealed what it found.
    Sealed(Digest),
    /// It opened its seal.
    Heard {
        /// What it opened.
        evidence: Evidence,
        /// What it says.
        voice: Voice,
    },
    /// It was not given the input.
    Unserved(Voice),
    /// It did not say that it is there.
    Absent,
    /// It was there, and let its time pass.
    Late,
}

impl Seat {
    /// A verifier that was just drawn.
    #[must_use]
    pub fn new(leaf: Leaf) -> Self {
        Self { peer: leaf.peer, weight: leaf.stake.0, testified: Testified::NotYet }
    }

    /// What it says, once it has said all.
    #[must_use]
    pub fn voice(&self) -> Option<&Voice> {
        match &self.testified {
            Testified::Heard { voice, .. } | Testified::Unserved(voice) => Some(voice),
            Testified::NotYet | Testified::Sealed(_) | Testified::Absent | Testified::Late => None,
        }
    }

    /// What it found, once it has opened its seal.
    #[must_use]
    pub fn found(&self) -> Option<&Testimony> {
        match self.voice() {
            Some(Voice::Found(testimony)) => Some(testimony),
            Some(Voice::Unserved) | None => None,
        }
    }

    /// True if it let a deadline pass, absent or late: nobody waits for it any more.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self.testified, Testified::Absent | Testified::Late)
    }

    /// True if it was not given the input.
    #[must_use]
    pub fn is_unserved(&self) -> bool {
        matches!(self.testified, Testified::Unserved(_))
    }

    /// True once it will say nothing more.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.voice().is_some() || self.is_lost()
    }
}
