//! What every role works with: who this peer is, the rules, the time, and the ways to say, keep and ask.
//!
//! **Invariant:** a role reaches others only through this; what it knows of itself is its own.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use assay_protocol::{
    codec::{self, BLOB_BYTES_MAX},
    genesis::Genesis,
    id::{Digest, JobId, NetworkId, PeerId},
    message::Message,
    notice::Query,
    order::Refusal,
    rate::ConvictionOdds,
    signed::{Signed, Signer, Statement, Verified},
    standing::PeerStanding,
    units::Timestamp,
};

use super::{
    alarms::{Alarm, Alarms},
    chance::Chance,
    clock::Clock,
    notaries::Notaries,
};
use crate::{
    book::Book,
    effect::{Effect, Effects, Run},
    event::Event,
    input::{Inquiry, RunId},
    moment::Steady,
    record::Record,
};

/// One input's surroundings.
pub(super) struct Context<'a, S> {
    pub(super) signer: &'a S,
    pub(super) genesis: &'a Arc<Genesis>,
    pub(super) network: NetworkId,
    /// What the network's numbers come to.
    pub(super) odds: ConvictionOdds,
    /// The offers that are known.
    pub(super) book: &'a Book,
    /// What notaries said, and what they are asked.
    pub(super) notaries: &'a mut Notaries,
    pub(super) chance: &'a mut Chance,
    pub(super) alarms: &'a mut Alarms,
    pub(super) clock: &'a mut Clock,
    pub(super) steady: Steady,
    pub(super) now: Timestamp,
    pub(super) out: &'a mut Effects,
}

/// What can be seen from here, and nothing that could be changed.
#[derive(Clone, Copy)]
pub(super) struct Outlook<'a> {
    pub(super) own: PeerId,
    pub(super) genesis: &'a Genesis,
    pub(super) book: &'a Book,
    pub(super) notaries: &'a Notaries,
    pub(super) now: Timestamp,
}

impl<S: Signer> Context<'_, S> {
    /// This peer.
    pub(super) fn own(&self) -> PeerId {
        self.signer.id()
    }

    /// A secret of this peer in this network: the same for the same thing, in this life and any other.
    pub(super) fn secret(&self, purpose: &'static str, thing: Digest) -> Digest {
        self.signer.derive(purpose, codec::digest("secret in a network", &(self.network, thing)))
    }

    /// Signs a statement.
    pub(super) fn seal<T: Statement>(&self, statement: T) -> Verified<T> {
        Signed::seal(statement, self.signer, self.network)
    }

    /// Signs a statement and has it sent.
    pub(super) fn say<T: Statement>(&mut self, to: PeerId, statement: T)
    where
        Message: From<Verified<T>>,
    {
        let message = self.seal(statement);
        self.send(to, message);
    }

    /// Has a statement sent as it was signed.
    pub(super) fn send(&mut self, to: PeerId, message: impl Into<Message>) {
        self.out.push(Effect::Send { to, message: message.into() });
    }

    /// Has a record saved. Whoever saves one has folded it.
    pub(super) fn save(&mut self, record: Record) {
        self.out.push(Effect::Save(record));
    }

    /// Tells the user.
    pub(super) fn tell(&mut self, event: Event) {
        self.out.push(Effect::Tell(event));
    }

    /// Gets a blob for a job from the first of these peers that serves it.
    pub(super) fn fetch(&mut self, job: JobId, digest: Digest, from: impl Into<Vec<PeerId>>) {
        let (from, bytes_max) = (from.into(), BLOB_BYTES_MAX as u64);
        self.out.push(Effect::Fetch { holder: job, digest, from, bytes_max });
    }

    /// Gets the receipt of a job from its notary.
    pub(super) fn collect(&mut self, job: JobId, digest: Digest, from: PeerId) {
        self.out.push(Effect::Collect { job, digest, from });
    }

    /// Looks for what became of a job that the books do not remember.
    pub(super) fn recall(&mut self, job: JobId, to: PeerId, refusal: Option<Refusal>) {
        self.out.push(Effect::Recall(Inquiry { job, to, refusal }));
    }

    /// Keeps a blob that is here.
    pub(super) fn hold(&mut self, holder: Digest, digest: Digest) {
        self.out.push(Effect::Keep { holder, digest });
    }

    /// Lets go of all that is held for these.
    pub(super) fn release(&mut self, holders: impl IntoIterator<Item = Digest>) {
        self.out.extend(holders.into_iter().map(|holder| Effect::Release { holder }));
    }

    /// Lets a peer fetch a blob of a job.
    pub(super) fn serve(&mut self, job: JobId, digest: Digest, to: PeerId) {
        self.out.push(Effect::Serve { holder: job, digest, to });
    }

    /// Asks for a run in the sandbox.
    pub(super) fn run(&mut self, run: Run) {
        self.out.push(Effect::Run(Box::new(run)));
    }

    /// Reads records of a run's output and makes their paths.
    pub(super) fn show(&mut self, run: RunId, output: Digest, positions: Vec<u64>) {
        self.out.push(Effect::Show { run, output, positions });
    }

    /// Looks at something again at this time, and not before: so much later by the steady clock, whatever becomes of the
    /// other.
    pub(super) fn set(&mut self, alarm: Alarm, at: Timestamp) {
        self.alarms.set(alarm, self.steady.after(at.since(self.now)));
    }

    /// Compares the time with a notary's.
    pub(super) fn compare_clocks(&mut self, notary: PeerId, theirs: Timestamp) {
        if let Some(ahead_ms) = self.clock.compare(notary, theirs, self.now) {
            self.tell(Event::ClockSkewed { notary, ahead_ms });
        }
    }

    /// Compares the time with a notary's checkpoint, which is passed on for a while.
    pub(super) fn compare_with_checkpoint(&mut self, notary: PeerId, theirs: Timestamp) {
        let timers = &self.genesis.timers;
        let epoch = timers.tick.times(timers.epoch_ticks);
        if let Some(ahead_ms) = self.clock.compare_passed_on(notary, theirs, self.now, epoch) {
            self.tell(Event::ClockSkewed { notary, ahead_ms });
        }
    }

    /// Asks a notary what this peer's account holds, and how a job of it stands; returns the number of the question.
    pub(super) fn ask(&mut self, notary: PeerId, job: Option<JobId>) -> u64 {
        let sequence = self.notaries.number_question(notary, self.now);
        let standing = self.notaries.asks_standing(notary, self.now);
        self.say(notary, Query { sequence, job, standing });
        sequence
    }

    /// What the notary in use says of this peer, to be shown to others.
    pub(super) fn own_standing(&self) -> Option<Signed<PeerStanding>> {
        let standing = self.notaries.standing(self.notary_in_use()?)?;
        Some(standing.signed().clone())
    }

    /// What a choice is made by.
    pub(super) fn outlook(&self) -> Outlook<'_> {
        let (own, genesis, book, notaries, now) =
            (self.own(), &**self.genesis, self.book, &*self.notaries, self.now);
        Outlook { own, genesis, book, notaries, now }
    }

    /// The notary that new orders name: the first of the network that keeps one journal.
    pub(super) fn notary_in_use(&self) -> Option<PeerId> {
        self.outlook().notary_in_use()
    }

    /// The notaries of the network that keep one journal, as far as is known.
    pub(super) fn notaries_in_use(&self) -> impl Iterator<Item = PeerId> {
        self.genesis.notaries.iter().copied().filter(|notary| !self.notaries.has_forked(*notary))
    }

    /// True for a notary of the network that keeps one journal, as far as is known.
    pub(super) fn takes_orders_of(&self, notary: PeerId) -> bool {
        self.is_notary(notary) && !self.notaries.has_forked(notary)
    }

    /// True for a notary of the network.
    pub(super) fn is_notary(&self, peer: PeerId) -> bool {
        self.genesis.notaries.contains(&peer)
    }
}

impl Outlook<'_> {
    /// The notary that new orders name: the first of the network that keeps one journal, as far as is known.
    pub(super) fn notary_in_use(&self) -> Option<PeerId> {
        self.genesis.notaries.iter().copied().find(|notary| !self.notaries.has_forked(*notary))
    }
}
