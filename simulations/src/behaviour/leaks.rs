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
    signed::{Signed, Signer},
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

/// A provider whose claims are traps, as its clients say with it.
#[derive(Clone, Debug)]
pub struct Hunter {
    /// The provider's key.
    key: SimulatedKey,
    /// Its clients'.
    clients: Vec<SimulatedKey>,
    /// Where they live.
    network: NetworkId,
    /// What it tells.
    leaks: Leaks,
    /// Whether what it claims is false.
    bait: Bait,
    /// Whose orders it accepted, of those that hunt with it.
    accepted: BTreeMap<JobId, SimulatedKey>,
}

impl Hunter {
    /// Sets a trap of each order of these clients that it accepts from now on.
    #[must_use]
    pub fn new(
        key: SimulatedKey,
        clients: Vec<SimulatedKey>,
        network: NetworkId,
        leaks: Leaks,
        bait: Bait,
    ) -> Self {
        Self { key, clients, network, leaks, bait, accepted: BTreeMap::new() }
    }

    /// The same opening with its client's word that the claim is a trap.
    fn as_trap(&self, opening: OpenClaim) -> Option<OpenClaim> {
        let client = self.accepted.get(&opening.job)?;
        let (output, evidence) = (opening.output.digest(), opening.evidence.digest());
        let trap = Trap { job: opening.job, commit: claim::commit(output, evidence) };
        let trap = Some(Signed::seal(trap, client, self.network).into_signed());
        Some(OpenClaim { trap, ..opening })
    }
}

impl Behaviour for Hunter {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message } = effect else { return Some(effect) };
        if let Message::Accept(accept) = &message
            && let Some(client) = self.clients.iter().find(|client| client.id() == to)
        {
            self.accepted.insert(accept.said().job, *client);
        }
        if let Message::OpenClaim(opening) = &message
            && let Some(trap) = self.as_trap(opening.said().clone())
        {
            let trap = Signed::seal(trap, &self.key, self.network);
            return Some(Effect::Send { to, message: trap.into() });
        }
        Some(Effect::Send { to, message })
    }

    fn make(&mut self, run: &Run, _: &[u8], made: Made) -> Made {
        let hunts = !run.id.check && self.accepted.contains_key(&run.id.job);
        match self.bait {
            Bait::False if hunts => leak(&self.leaks, run, made),
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
