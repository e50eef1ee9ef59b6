//! Sells what is false and tells whoever asks what it claimed: as a cheat, or as a trap that its client knows of. And the
//! verifiers that take what they are told.
//!
//! **Invariant:** what is told is what was claimed; who takes it cannot see why.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use assay_market::effect::{Effect, Run};
use assay_protocol::{
    check::{OpenClaim, Trap},
    claim,
    id::{JobId, NetworkId},
    message::Message,
    signed::Signed,
};

use super::Behaviour;
use crate::{
    crypto::SimulatedKey,
    machine::{self, Made},
};

/// What providers tell of their claims, to verifiers that ask.
pub type Leaks = Rc<RefCell<BTreeMap<JobId, Made>>>;

/// A provider that claims what it made up, and tells it.
#[derive(Clone, Debug)]
pub struct Leaker(pub Leaks);

impl Behaviour for Leaker {
    fn make(&mut self, run: &Run, _: &[u8], made: Made) -> Made {
        if run.id.check { made } else { leak(&self.0, run, made) }
    }
}

/// Claims something of the same size that is false, and tells it.
fn leak(leaks: &Leaks, run: &Run, made: Made) -> Made {
    let made = Made { output: machine::forgery(run, "leaked"), ..made };
    leaks.borrow_mut().insert(run.id.job, made.clone());
    made
}

/// Whether a claim is false that its parties call a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bait {
    /// It is: who matches it was told so.
    False,
    /// It is not: who matches it has run it.
    True,
}

/// A provider whose claims are traps, as its client says with it.
#[derive(Clone, Debug)]
pub struct Hunter {
    /// The provider's key.
    pub key: SimulatedKey,
    /// Its client's.
    pub client: SimulatedKey,
    /// Where they live.
    pub network: NetworkId,
    /// What it tells.
    pub leaks: Leaks,
    /// Whether what it claims is false.
    pub bait: Bait,
}

impl Behaviour for Hunter {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::OpenClaim(opening) } = effect else { return Some(effect) };
        let opening = opening.said().clone();
        let (output, evidence) = (opening.output.digest(), opening.evidence.digest());
        let trap = Trap { job: opening.job, commit: claim::commit(output, evidence) };
        let trap = Some(Signed::seal(trap, &self.client, self.network).into_signed());
        let opening = Signed::seal(OpenClaim { trap, ..opening }, &self.key, self.network);
        Some(Effect::Send { to, message: opening.into() })
    }

    fn make(&mut self, run: &Run, _: &[u8], made: Made) -> Made {
        match self.bait {
            Bait::False if !run.id.check => leak(&self.leaks, run, made),
            Bait::False | Bait::True => made,
        }
    }
}

/// A verifier that seals what it was told, where it was told anything; otherwise it runs what it checks.
#[derive(Clone, Debug)]
pub struct Taker(pub Leaks);

impl Behaviour for Taker {
    fn make(&mut self, run: &Run, _: &[u8], made: Made) -> Made {
        let told = self.0.borrow().get(&run.id.job).filter(|_| run.id.check).cloned();
        told.unwrap_or(made)
    }
}

/// A verifier that finds whatever it checks for others false.
#[derive(Clone, Copy, Debug)]
pub struct Slanderer;

impl Behaviour for Slanderer {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if run.id.check { machine::forgery(run, "slandered") } else { output }
    }
}
