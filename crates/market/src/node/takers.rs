//! Who would take a message, were each role offered it alone: a question of tests and simulators, and of no shell.
//!
//! **Invariant:** asking changes nothing; whoever is asked is a copy.

use alloc::vec::Vec;

use assay_protocol::signed::Signer;

use super::{Heard, Node, context::Context, role::Role, roles::Roles};
use crate::{book::Book, effect::Effects, input::Input, moment::Moment};

/// What a peer is to a job, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleName {
    /// It ordered it.
    Client,
    /// It runs it.
    Provider,
    /// It checks it.
    Verifier,
    /// It keeps the books.
    Notary,
}

impl<S: Signer> Node<S> {
    /// The roles that would take this, each by itself, as this peer is now: at most one, whatever a message says.
    ///
    /// But for one kind: a notary that ordered a job itself hears of its end as both, and its provider tells both, so it
    /// is told twice. Every role is copied, which costs more than to handle the message: only tests and simulators ask.
    pub fn takers(&self, input: &Input, at: Moment, book: &Book) -> Vec<RoleName> {
        let (mut notaries, mut chance, mut alarms, mut clock) =
            (self.notaries.clone(), self.chance.clone(), self.alarms.clone(), self.clock.clone());
        let mut effects = Effects::new();
        let mut context = Context {
            signer: &self.signer,
            genesis: &self.genesis,
            network: self.network,
            odds: self.odds,
            book,
            notaries: &mut notaries,
            chance: &mut chance,
            alarms: &mut alarms,
            clock: &mut clock,
            steady: at.steady,
            now: self.time(at),
            out: &mut effects,
        };
        let Roles { client, provider, verifier, notary } = &mut self.roles.clone();
        let roles = [
            (RoleName::Client, Some(client as &mut dyn Role<S>)),
            (RoleName::Provider, Some(provider)),
            (RoleName::Verifier, Some(verifier)),
            (RoleName::Notary, notary.as_deref_mut().map(|notary| notary as &mut dyn Role<S>)),
        ];
        let mut takes = |role: Option<&mut dyn Role<S>>| {
            role.is_some_and(|role| role.handle(input, &mut context) == Heard::Taken)
        };
        roles.into_iter().filter_map(|(name, role)| takes(role).then_some(name)).collect()
    }
}
