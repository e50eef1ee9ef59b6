//! The brain: one pure value that is the whole behaviour of a peer, in every role.
//!
//! What comes in is heard by [`notaries`], which keep track of every notary's word whatever it is about, and then offered
//! to the roles that it may be for, one after another, until one takes it.
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
mod takers;
mod verifier;
mod views;

use alloc::{boxed::Box, sync::Arc};

use assay_protocol::{genesis::Genesis, id::NetworkId, message::Opened, signed::Signer, units::Timestamp};

use self::{
    alarms::{Alarm, Alarms},
    chance::Chance,
    client::Client,
    clock::Clock,
    context::Context,
    heard::Faults,
    notaries::Notaries,
    notary::Notary,
    provider::Provider,
    role::Role,
    verifier::Verifier,
};
pub use self::{
    heard::{Fault, Heard},
    takers::RoleName,
};
use crate::{
    barrier,
    book::Book,
    command::{Command, Instruction},
    effect::{Effect, Effects},
    event::Event,
    input::Input,
    ledger::Ledger,
    moment::{Moment, Steady},
    record::Record,
};

/// What a peer is told once and for all.
#[derive(Clone, Debug)]
pub struct Config {
    genesis: Arc<Genesis>,
    network: NetworkId,
}

impl Config {
    /// Under these rules, which peers of one process share.
    pub fn new(genesis: impl Into<Arc<Genesis>>) -> Self {
        let genesis = genesis.into();
        Self { network: genesis.id(), genesis }
    }
}

/// A peer.
#[derive(Debug)]
pub struct Node<S> {
    signer: S,
    genesis: Arc<Genesis>,
    network: NetworkId,
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

/// What a peer is, to each job another one of these.
#[derive(Clone, Debug)]
struct Roles {
    client: Client,
    provider: Provider,
    verifier: Verifier,
    /// Only where the network names this peer a notary.
    notary: Option<Box<Notary>>,
}

impl<S: Signer> Node<S> {
    /// A peer that has done nothing yet. It keeps books if the network names it a notary.
    pub fn new(signer: S, config: Config, entropy: [u8; 32]) -> Self {
        let (id, Config { genesis, network }) = (signer.id(), config);
        let keeps_books = genesis.notaries.contains(&id);
        let notary = keeps_books.then(|| Box::new(Notary::new(Ledger::new(Arc::clone(&genesis), id))));
        Self {
            network,
            roles: Roles {
                client: Client::default(),
                provider: Provider::default(),
                verifier: Verifier::default(),
                notary,
            },
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
        let mut node = Self::new(signer, config, entropy);
        saved.for_each(|record| node.fold(&record));
        let before = out.len();
        node.roles.notary.iter_mut().for_each(|notary| notary.refile(out));
        out.push(Effect::WakeAt(Steady::default()));
        barrier::debug_assert_kept(&out[before..]);
        node
    }

    /// Takes one input; never fails, never blocks. Says what became of it. Offers go into the book, which is lent.
    pub fn handle(&mut self, input: Input, at: Moment, book: &Book, out: &mut Effects) -> Heard {
        let before = out.len();
        self.read_clocks(at, out);
        if !self.started {
            self.started = true;
            let (roles, mut cx) = self.parts(book, out);
            roles.resume(&mut cx);
        }
        let heard = self.take(&input, book, out);
        if let Input::Message(message) = &input {
            self.faults.note(message.kind(), heard);
        }
        self.wake(book, out);
        barrier::debug_assert_kept(&out[before..]);
        heard
    }

    /// What time it is.
    fn read_clocks(&mut self, at: Moment, out: &mut Effects) {
        self.steady = at.steady.max(self.steady);
        let (now, jumped) = self.clock.read(Moment { steady: self.steady, ..at });
        self.now = now;
        out.extend(jumped.map(|by_ms| Effect::Tell(Event::ClockJumped { by_ms })));
    }

    fn take(&mut self, input: &Input, book: &Book, out: &mut Effects) -> Heard {
        let (roles, mut cx) = self.parts(book, out);
        match input {
            Input::Command(command) => roles.command(command, input, &mut cx),
            Input::Message(message) => roles.hear(message, input, &mut cx),
            Input::Undelivered { .. } => roles.undelivered(input, &mut cx),
            Input::Fetched { .. } => roles.fetched(input, &mut cx),
            Input::Collected { .. } | Input::Offered { .. } => roles.client.handle(input, &mut cx),
            Input::Ran { run, .. } | Input::Shown { run, .. } if run.check => {
                roles.verifier.handle(input, &mut cx)
            }
            Input::Ran { .. } | Input::Shown { .. } => roles.provider.handle(input, &mut cx),
            Input::Wake => {
                self.wakes_at = None;
                Heard::Taken
            }
        }
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
            Record::Client(record) => client.fold(record),
            Record::Provider(record) => provider.fold(record),
            Record::Verifier(record) => verifier.fold(record),
            Record::Owner(record) => self.notaries.fold(record),
            Record::Chain(entry) => {
                notary.iter_mut().for_each(|notary| notary.fold_entry(entry, &self.signer, self.network));
            }
            Record::Beacon(seed) => notary.iter_mut().for_each(|notary| notary.fold_beacon(*seed)),
        }
    }

    /// The roles, and what they work with.
    fn parts<'a>(&'a mut self, book: &'a Book, out: &'a mut Effects) -> (&'a mut Roles, Context<'a, S>) {
        let context = Context {
            signer: &self.signer,
            genesis: &self.genesis,
            network: self.network,
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

impl Roles {
    fn resume<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        self.notary.iter_mut().for_each(|notary| notary.resume(cx));
        self.client.resume(cx);
        self.provider.resume(cx);
        self.verifier.resume(cx);
        Notaries::resume(cx);
    }

    fn command<S: Signer>(&mut self, command: &Command, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        match command {
            Command::Submit(_) | Command::Cancel { .. } | Command::Dispute { .. } | Command::Taken { .. } => {
                return self.client.handle(input, cx);
            }
            Command::Provide(provision) => self.provider.provide(provision.clone(), cx),
            Command::Ask { notary } => {
                let _ = cx.ask(*notary, None);
            }
            Command::Stake { notary, amount, target } => {
                let instruction = Instruction::Stake { amount: *amount, target: *target };
                Notaries::instruct(*notary, instruction, cx);
            }
            Command::Unstake { notary, amount } => {
                Notaries::instruct(*notary, Instruction::Unstake { amount: *amount }, cx);
            }
            Command::Register { notary, operator, kinds } => {
                let instruction = Instruction::Register { operator: *operator, kinds: kinds.clone() };
                Notaries::instruct(*notary, instruction, cx);
            }
        }
        Heard::Taken
    }

    /// Offers a message to those that it may be for, until one takes it.
    fn hear<S: Signer>(&mut self, message: &Opened, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        if Notaries::hear(message, cx) {
            self.client.look_again(cx);
        }
        match message {
            Opened::Accept(_) | Opened::Refuse(_) | Opened::Ticket(_) | Opened::Deliver(_) => {
                self.client.handle(input, cx)
            }
            Opened::Propose(_) | Opened::Start(_) => self.provider.handle(input, cx),
            Opened::Check(_) | Opened::Notice(_) => first(
                [&mut self.verifier as &mut dyn Role<S>, &mut self.client, &mut self.provider],
                input,
                cx,
            ),
            Opened::Abort(_)
            | Opened::Open(_)
            | Opened::Claim(_)
            | Opened::Reveal(_)
            | Opened::Seal(_)
            | Opened::Unserved(_)
            | Opened::OpenClaim(_)
            | Opened::OpenSeal(_)
            | Opened::Query(_)
            | Opened::Cancel(_)
            | Opened::Dispute(_)
            | Opened::Contradict(_)
            | Opened::Stake(_)
            | Opened::Unstake(_)
            | Opened::Register(_)
            | Opened::Grant(_) => {
                let notary = self.notary.as_deref_mut().map(|notary| notary as &mut dyn Role<S>);
                first([&mut self.client as &mut dyn Role<S>].into_iter().chain(notary), input, cx)
            }
            Opened::Account(_) | Opened::Tick(_) => Heard::Taken,
            // For the client's shell along with the stream, found in receipts, and for the book.
            Opened::Output(_) | Opened::Settled(_) | Opened::Offer(_) => Heard::NotMine,
        }
    }

    /// Tells all that speak to a peer that it may not have heard the last.
    fn undelivered<S: Signer>(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        let heard = self.client.handle(input, cx);
        self.notary.as_deref_mut().map_or(heard, |notary| notary.handle(input, cx))
    }

    /// Offers a blob to whose job it is for.
    fn fetched<S: Signer>(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        let roles = [&mut self.provider as &mut dyn Role<S>, &mut self.verifier, &mut self.client];
        first(roles, input, cx)
    }

    fn wake<S: Signer>(&mut self, alarm: Alarm, cx: &mut Context<'_, S>) {
        match alarm {
            Alarm::Tick => self.notary.iter_mut().for_each(|notary| notary.tick(cx)),
            Alarm::Offer => self.provider.tell_offer(cx),
            Alarm::Submission(key) => self.client.seek(key, cx),
            Alarm::Attempt(job) => self.client.wake_attempt(job, cx),
            Alarm::Serving(job) => self.provider.wake(job, cx),
            Alarm::Checking(job) => self.verifier.wake(job, cx),
            Alarm::Deadline(key) => self.client.wake_deadline(key, cx),
            Alarm::Instruction(notary) => Notaries::wake(notary, cx),
            Alarm::Notice(job) => self.notary.iter_mut().for_each(|notary| notary.press(job, cx)),
        }
    }
}

/// What the first role says that takes it, or else the one that knows best why not.
fn first<'a, S: Signer + 'a>(
    roles: impl IntoIterator<Item = &'a mut dyn Role<S>>,
    input: &Input,
    cx: &mut Context<'_, S>,
) -> Heard {
    let mut best = Heard::NotMine;
    for role in roles {
        match role.handle(input, cx) {
            Heard::Taken => return Heard::Taken,
            Heard::Misstep(fault) => best = Heard::Misstep(fault),
            Heard::NotMine => {}
        }
    }
    best
}
