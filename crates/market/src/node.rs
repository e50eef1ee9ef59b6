//! The brain: one pure value that is the whole behaviour of a peer, in every role.
//!
//! What comes in is heard by [`notaries`], which keep track of every notary's word whatever it is about, and then offered
//! to the [`roles`] that it may be for, one after another, until one takes it.
//!
//! **Invariant:** what must survive a crash changes only by folding a record, live and on restore alike, and the record
//! is saved before anything that rests on it is said. No message is taken by two roles.

mod alarms;
mod chance;
mod client;
mod clock;
mod context;
#[cfg(test)]
mod drawn;
mod heard;
mod notaries;
mod notary;
mod provider;
mod role;
mod roles;
mod shape;
mod snapshot;
mod takers;
mod verifier;
mod views;

use alloc::sync::Arc;

use assay_protocol::{
    genesis::Genesis,
    id::{NetworkId, PeerId},
    rate::ConvictionOdds,
    signed::Signer,
    units::{Amount, Timestamp},
};

use self::{
    alarms::Alarms, chance::Chance, clock::Clock, context::Context, heard::Faults, notaries::Notaries,
    notary::Notary, roles::Roles,
};
pub use self::{
    heard::{Fault, Heard},
    notary::REFILED_ENTRIES,
    provider::BLOCKED_MAX,
    snapshot::Snapshot,
    takers::RoleName,
};
use crate::{
    barrier,
    book::Book,
    effect::{Effect, Effects},
    event::Event,
    input::Input,
    ledger::Ledger,
    moment::{Moment, Steady},
    owner::OwnerRules,
    record::Record,
};

/// What a peer is told once and for all.
#[derive(Clone, Debug)]
pub struct Config {
    genesis: Arc<Genesis>,
    network: NetworkId,
    /// What its numbers come to.
    odds: ConvictionOdds,
}

impl Config {
    /// Under these rules, which peers of one process share.
    pub fn new(genesis: impl Into<Arc<Genesis>>) -> Self {
        let genesis = genesis.into();
        Self { network: genesis.id(), odds: ConvictionOdds::of(&genesis.checks), genesis }
    }

    /// Whether this peer keeps books.
    #[must_use]
    pub fn is_notary(&self, peer: PeerId) -> bool {
        self.genesis.notaries.contains(&peer)
    }
}

/// A peer.
#[derive(Debug)]
pub struct Node<S> {
    signer: S,
    genesis: Arc<Genesis>,
    network: NetworkId,
    odds: ConvictionOdds,
    chance: Chance,
    alarms: Alarms,
    wakes_at: Option<Steady>,
    clock: Clock,
    steady: Steady,
    now: Timestamp,
    started: bool,
    notaries: Notaries,
    faults: Faults,
    roles: Roles,
}

impl<S: Signer> Node<S> {
    /// A peer that has done nothing yet. It keeps books if the network names it a notary.
    pub fn new(signer: S, config: Config, entropy: [u8; 32]) -> Self {
        let (id, keeps_books) = (signer.id(), config.is_notary(signer.id()));
        let Config { genesis, network, odds } = config;
        let notary = keeps_books.then(|| Notary::new(Ledger::new(Arc::clone(&genesis), id)));
        Self {
            network,
            odds,
            roles: Roles::new(notary),
            signer,
            genesis,
            chance: Chance::new(entropy),
            alarms: Alarms::default(),
            wakes_at: None,
            clock: Clock::default(),
            steady: Steady::default(),
            now: Timestamp::default(),
            started: false,
            notaries: Notaries::default(),
            faults: Faults::default(),
        }
    }

    /// A peer that goes on where its records end. What was unfinished goes on with the first input.
    pub fn restore(
        signer: S,
        config: Config,
        entropy: [u8; 32],
        saved: impl Iterator<Item = Record>,
        out: &mut Effects,
    ) -> Self {
        Self::restore_from(signer, config, entropy, None, saved, out)
    }

    /// The same, by a snapshot of those before and the records behind it.
    pub fn restore_from(
        signer: S,
        config: Config,
        entropy: [u8; 32],
        snapshot: Option<Snapshot>,
        saved: impl Iterator<Item = Record>,
        out: &mut Effects,
    ) -> Self {
        let mut node = Self::new(signer, config, entropy);
        snapshot.into_iter().for_each(|snapshot| node.take_over(snapshot));
        saved.for_each(|record| node.fold(&record));
        node.roles.client.forget_let_go();
        node.roles.provider.forget_let_go();
        let before = out.len();
        node.roles.notary.iter_mut().for_each(|notary| notary.refile(out));
        out.push(Effect::WakeAt(Steady::default()));
        barrier::debug_assert_kept(&out[before..]);
        node
    }

    /// Keeps no books, and says nothing of them, until `Command::KeepBooks`: for a notary that has just been restored.
    pub fn hold_books_back(&mut self) {
        self.roles.notary.iter_mut().for_each(|notary| notary.hold_back());
    }

    /// The most that this client's orders of a day may cost, from now on; none for as much as the account holds. After a
    /// restart it is to be said before the first input.
    pub fn limit_day(&mut self, daily_max: Option<Amount>) {
        self.roles.client.limit_day(daily_max);
    }

    /// What this provider's owner settled about its machine, from now on. After a restart it is to be said before the first
    /// input, and nothing is taken on then until the machine was looked at ([`Input::Sensed`]).
    pub fn heed(&mut self, rules: OwnerRules) {
        self.roles.provider.heed(rules);
    }

    /// Takes one input; never fails, never blocks. Says what became of it. Offers go into the book, which is lent.
    pub fn handle(&mut self, input: Input, at: Moment, book: &Book, out: &mut Effects) -> Heard {
        let before = out.len();
        self.read_clocks(at, out);
        let starts = !core::mem::replace(&mut self.started, true);
        let (roles, mut cx) = self.parts(book, out);
        if starts {
            roles.resume(&mut cx);
        }
        let heard = roles.take(&input, &mut cx);
        match &input {
            Input::Message(message) => self.faults.note(message.kind(), heard),
            Input::Wake => self.wakes_at = None,
            Input::Command(_)
            | Input::Offered { .. }
            | Input::Connection { .. }
            | Input::Undelivered { .. }
            | Input::Fetched { .. }
            | Input::Collected { .. }
            | Input::Recalled { .. }
            | Input::Ran { .. }
            | Input::Streamed { .. }
            | Input::Shown { .. }
            | Input::Sensed(_) => {}
        }
        self.wake(book, out);
        barrier::debug_assert_kept(&out[before..]);
        debug_assert!(out[before..].iter().all(Effect::is_readable), "what is said can be read");
        heard
    }

    /// What time it is.
    fn read_clocks(&mut self, at: Moment, out: &mut Effects) {
        self.steady = at.steady.max(self.steady);
        let (now, jumped) = self.clock.read(Moment { steady: self.steady, ..at });
        self.now = now;
        out.extend(jumped.map(|by_ms| Effect::Tell(Event::ClockJumped { by_ms })));
    }

    /// Does what is due, and asks to be woken for the next.
    fn wake(&mut self, book: &Book, out: &mut Effects) {
        while let Some(alarm) = self.alarms.pop(self.steady) {
            let (roles, mut cx) = self.parts(book, out);
            roles.wake(alarm, &mut cx);
        }
        let (roles, mut cx) = self.parts(book, out);
        roles.client.serve_queue(&mut cx);
        let next = self.alarms.next();
        if let Some(at) = next.filter(|_| next != self.wakes_at) {
            out.push(Effect::WakeAt(at));
            self.wakes_at = next;
        }
    }

    fn fold(&mut self, record: &Record) {
        let Roles { client, provider, verifier, notary } = &mut self.roles;
        match record {
            Record::Client(record) => client.fold(record, &self.genesis),
            Record::Provider(record) => provider.fold(record),
            Record::Verifier(record) => verifier.fold(record),
            Record::Owner(record) => self.notaries.fold(record),
            Record::Chain(entry) => {
                notary.iter_mut().for_each(|notary| notary.fold_entry(entry, &self.signer, self.network));
            }
            Record::Opening(opening) => notary.iter_mut().for_each(|notary| notary.fold_opening(opening)),
            Record::Beacon(seed) => notary.iter_mut().for_each(|notary| notary.fold_beacon(*seed)),
        }
    }

    /// The roles, and what they work with.
    fn parts<'a>(&'a mut self, book: &'a Book, out: &'a mut Effects) -> (&'a mut Roles, Context<'a, S>) {
        let context = Context {
            signer: &self.signer,
            genesis: &self.genesis,
            network: self.network,
            odds: self.odds,
            book,
            notaries: &mut self.notaries,
            chance: &mut self.chance,
            alarms: &mut self.alarms,
            clock: &mut self.clock,
            steady: self.steady,
            now: self.now,
            out,
        };
        (&mut self.roles, context)
    }
}
