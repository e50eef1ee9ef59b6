//! The loop around the brain: takes what happens, hands it to the [`Node`], performs what it wants.
//!
//! **Invariant:** one task owns the brain; nothing here decides, and nothing that takes long is done here. What others
//! can see goes through the [`Outbox`], behind the record that was saved before it.

mod alarm;
mod answers;
mod audit;
mod background;
pub(crate) mod calls;
mod confirming;
#[cfg(test)]
mod conformance;
mod farewell;
pub(crate) mod history;
mod indexing;
mod intake;
pub(crate) mod journal_copy;
mod live_settings;
mod models;
pub(crate) mod names;
mod open_models;
mod opening;
mod outbox;
mod pages;
mod pinned;
pub(crate) mod prepare;
pub(crate) mod provider_signs;
pub(crate) mod responder;
mod retried_jobs;
mod snapshotting;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use assay_market::{
    Book, Command, Effect, Effects, Event, Input, Moment, Node, Record, book::Received, node::Heard,
};
use assay_protocol::{
    codec,
    genesis::Genesis,
    id::{Digest, JobId, NetworkId, PeerId},
    message::{Message, Opened},
    offer::Offer,
    signed::{Ed25519, Keypair, Verified},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{self, MissedTickBehavior},
};

pub(crate) use self::confirming::{Afterwards, Confirming, Ended};
pub(crate) use self::live_settings::LiveSettings;
pub(crate) use self::opening::{OpeningError, Parts, Restored, beginnings, restore};
pub(crate) use self::snapshotting::Snapshotting;
#[cfg(test)]
pub(crate) use self::snapshotting::tests as snapshotting_tests;
use self::{
    alarm::WakeTime,
    background::Background,
    calls::Update,
    farewell::DaemonFarewell,
    history::{Dated, History},
    indexing::Indexing,
    intake::{Arrival, Thrown},
    open_models::OpenModels,
    outbox::{Outbox, Visible},
    provider_signs::ProviderSigns,
    responder::Visit,
    retried_jobs::RetriedJobs,
};
use crate::{
    clock::moment,
    fetcher::Want,
    journal::{AppendError, Broken, Journal},
    receipts::collect::Expected,
    room::DiskRoom,
};

/// How often the loop looks after what has no moment of its own.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How long an ending peer waits for what is still to leave.
const FLUSH_WAIT: Duration = Duration::from_secs(3);
/// Neighbours up to which each new one is asked for the offers it knows.
const BOOKS_ASKED_MAX: usize = 16;

/// What comes in.
pub(crate) struct Inlets {
    /// The end is wished for.
    pub(crate) ending: oneshot::Receiver<()>,
    /// What the user's calls have the loop do.
    visits: mpsc::Receiver<Visit>,
    /// Answers to effects.
    reports: mpsc::UnboundedReceiver<Input>,
    /// From other peers.
    arrivals: mpsc::Receiver<Arrival>,
    /// How much of the journal is on the disk.
    durable: watch::Receiver<Result<u64, Broken>>,
}

/// The loop's own state.
pub(crate) struct Driver {
    own: PeerId,
    network_id: NetworkId,
    genesis: Arc<Genesis>,
    node: Node<Keypair>,
    /// The offers that were heard.
    book: Book,
    /// What was noticed of those who made them.
    signs: ProviderSigns,
    effects: Effects,
    journal: Journal,
    /// The number of the last record saved.
    saved: u64,
    /// How many entries of this notary were saved.
    entries: u64,
    outbox: Outbox,
    indexing: Indexing,
    background: Background,
    open_models: OpenModels,
    alarm: WakeTime,
    started: Moment,
    history: History,
    retried: RetriedJobs,
    /// Shared: there are as many watchers as jobs that somebody waits for.
    updates: broadcast::Sender<Arc<Update>>,
    thrown: Arc<Thrown>,
    /// The last offer reached nobody.
    unpublished: Option<Visible>,
    /// Whether others remember more of this notary's journal, until that is known.
    confirming: Option<Confirming>,
    /// What they say once it is.
    afterwards: Afterwards,
    /// The room on the disk.
    room: DiskRoom,
    /// Whether that was too little when the house was last kept.
    was_short: bool,
    ended: bool,
}

impl Driver {
    /// Runs until the end is wished for or the journal breaks.
    ///
    /// # Errors
    /// [`Ended`], if what was saved may not be on the disk, or is not all that was said.
    pub(crate) async fn run(mut self, mut inlets: Inlets) -> Result<(), Ended> {
        let mut housekeeping = time::interval(HOUSEKEEPING);
        housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.perform_all().await?;
        // What this peer set off itself goes before what others want of it.
        while !self.ended {
            tokio::select! {
                biased;
                _ = &mut inlets.ending => break,
                changed = inlets.durable.changed() => {
                    let durable = inlets.durable.borrow_and_update().clone();
                    self.settle(durable, changed.is_ok())?;
                }
                Some(input) = inlets.reports.recv() => self.take(input).await?,
                Some(visit) = inlets.visits.recv() => visit(&mut self).await?,
                () = self.alarm.rings() => self.wake().await?,
                _ = housekeeping.tick() => self.keep_house().await,
                Some(arrival) = inlets.arrivals.recv() => self.arrive(arrival).await?,
            }
        }
        Ok(self.end().await?)
    }

    /// Lets the brain take one input.
    async fn take(&mut self, input: Input) -> Result<(), Broken> {
        let kind = if let Input::Message(message) = &input { Some(message.kind()) } else { None };
        let heard = self.node.handle(input, moment(), &self.book, &mut self.effects);
        if let (Some(kind), Heard::Misstep(fault)) = (kind, heard) {
            tracing::debug!(kind, ?fault, "a message could not be taken");
        }
        self.perform_all().await
    }

    async fn perform_all(&mut self) -> Result<(), Broken> {
        for effect in std::mem::take(&mut self.effects) {
            self.perform(effect).await?;
        }
        Ok(())
    }

    /// Performs one effect, or has it performed.
    async fn perform(&mut self, effect: Effect) -> Result<(), Broken> {
        match effect {
            Effect::Save(record) => self.save(&record).await?,
            Effect::Send { to, message } => {
                self.introduce(to);
                self.let_out(Visible::Send(to, Box::new(message))).await;
            }
            Effect::Publish(message) => self.let_out(Visible::Publish(Box::new(message))).await,
            Effect::Serve { holder, digest, to } => {
                self.let_out(Visible::Serve { holder, digest, to }).await;
            }
            Effect::Release { holder } => self.let_out(Visible::Release(holder)).await,
            Effect::File { receipt } => {
                let (job, digest) = (receipt.story.ticket.job, Digest::of(&receipt.to_bytes()));
                self.indexing.note_receipt(self.saved, job, digest);
                self.let_out(Visible::File(receipt)).await;
            }
            Effect::Keep { holder, digest } => self.background.store.blobs.keep(holder, digest),
            Effect::Fetch { holder, digest, from, bytes_max } => {
                from.iter().for_each(|peer| self.introduce(*peer));
                self.background.fetch(Want { holder, digest, from, bytes_max });
            }
            Effect::Collect { job, digest, from } => {
                self.background.collect(Expected { job, digest, notary: from, network: self.network_id });
            }
            Effect::Run(run) => self.background.run(*run),
            Effect::Stop(run) => self.background.executor.stop(run),
            Effect::Cut(run) => self.background.executor.cut(run),
            Effect::Show { run, output, positions } => self.background.show(run, output, positions),
            Effect::Recall(question) => {
                self.background.recall(question, self.indexing.recall(&question.job));
            }
            Effect::WakeAt(at) => self.alarm.set(at),
            Effect::Tell(event) => self.tell(event),
        }
        Ok(())
    }

    /// Tells the network where a peer that is needed now says it can be reached. Nobody else is looked for: offers are
    /// anybody's, and so is what they say.
    fn introduce(&self, peer: PeerId) {
        let network = &self.background.network;
        let offer = self.book.get(peer).filter(|_| !network.is_connected(&peer));
        for address in offer.into_iter().flat_map(|offer| &offer.addresses) {
            if let Err(error) = network.add_address(peer, address) {
                tracing::debug!(%peer, %error, "an offer's address is of no use");
            }
        }
    }

    /// Queues a record for the disk. Waits only if the disk is far behind.
    async fn save(&mut self, record: &Record) -> Result<(), Broken> {
        let (bytes, is_entry) = (codec::encode(record), matches!(record, Record::Chain(_)));
        self.saved = loop {
            let bytes = bytes.clone();
            let appended =
                if is_entry { self.journal.append_entry(bytes) } else { self.journal.append(bytes) };
            match appended {
                Ok(sequence) => break sequence,
                Err(AppendError::Full) => self.journal.wait(self.saved).await?,
                Err(AppendError::Broken(broken)) => return Err(broken),
                Err(error @ AppendError::TooLong { .. }) => {
                    return Err(Broken { reason: error.to_string().into() });
                }
            }
        };
        self.entries += u64::from(is_entry);
        self.indexing.note(self.saved, record);
        Ok(())
    }

    /// A snapshot stands for all records up to this one.
    fn reach(&mut self, record: u64) {
        if let Err(error) = self.indexing.reach(record) {
            tracing::warn!(%error, "the index falls behind; the next start makes up for it");
        }
    }

    async fn let_out(&mut self, visible: Visible) {
        if let Visible::Publish(message) = &visible
            && let Message::Offer(offer) = &**message
        {
            if self.room.is_short() {
                // Others forget the last one by themselves; another is made as soon as there is room.
                return;
            }
            match offer.clone().open::<Ed25519>(self.network_id) {
                Ok(offer) => {
                    self.note_offer(offer);
                }
                Err(error) => tracing::error!(%error, "this peer's own offer does not hold"),
            }
        }
        self.outbox.put(self.saved, visible).await;
    }

    /// Writes what waited for the disk into the index.
    fn settle(&mut self, durable: Result<u64, Broken>, is_open: bool) -> Result<(), Broken> {
        let durable = durable?;
        if !is_open {
            return Err(Broken { reason: "closed".into() });
        }
        if let Err(error) = self.indexing.settle(durable) {
            tracing::warn!(%error, "the index falls behind; the next start makes up for it");
        }
        Ok(())
    }

    /// Tells whoever watches.
    fn tell(&mut self, event: Event) {
        let now = self.node.time(moment());
        tracing::debug!(?event, "event");
        if let Event::Opened { key, job, .. } = &event {
            self.hand_on(*key, *job);
        }
        let dated = Dated { at: now, attempt: self.attempt_of(history::concerns(&event)), event };
        let key = self.history.note(&dated);
        if self.updates.receiver_count() == 0 {
            return;
        }
        // An error means that the last watcher has just left.
        drop(self.updates.send(Arc::new(Update::Event(dated))));
        if let Some(job) = key.and_then(|key| self.job(&key)) {
            drop(self.updates.send(Arc::new(Update::Job(Box::new(job)))));
        }
    }

    /// Which attempt of a submission a job is, from 1.
    fn attempt_of(&self, (submission, job): (Option<Digest>, Option<JobId>)) -> Option<u64> {
        let (attempts, job) = (self.node.submission(submission?)?.attempts, job?);
        attempts.iter().zip(1..).find_map(|(attempt, number)| (attempt.job == job).then_some(number))
    }

    async fn wake(&mut self) -> Result<(), Broken> {
        self.alarm.rest();
        self.take(Input::Wake).await
    }

    /// Takes what came from another peer.
    async fn arrive(&mut self, arrival: Arrival) -> Result<(), Ended> {
        match arrival {
            Arrival::Opened(opened) => self.hear(*opened).await?,
            Arrival::Undelivered { to, is_lost } => {
                self.note_loss(to, is_lost);
                self.take(Input::Undelivered { to }).await?;
            }
            Arrival::Connected(peer) => {
                self.signs.hear(peer);
                self.greet(peer);
                self.confirm_by(peer);
                self.take(Input::Connection { to: peer, is_open: true }).await?;
            }
            Arrival::Disconnected { peer, is_lost } => {
                self.note_loss(peer, is_lost);
                self.take(Input::Connection { to: peer, is_open: false }).await?;
            }
            Arrival::Heads(from, heads, has_left) => {
                self.weigh(from, (heads.as_deref(), has_left))?;
                self.confirm();
            }
            Arrival::Unpublished => {
                let offer = self.book.get(self.own).map(|offer| Message::Offer(offer.signed().clone()));
                self.unpublished = offer.map(|offer| Visible::Publish(Box::new(offer)));
            }
            Arrival::Asked { from, kind, bytes, reply } => self.answer_peer(from, kind, &bytes, reply),
        }
        Ok(())
    }

    async fn hear(&mut self, opened: Opened) -> Result<(), Broken> {
        if is_new(&opened) && self.room.is_short() {
            tracing::debug!(from = %opened.signer(), kind = opened.kind(), "not taken: the disk has too little room");
            return Ok(());
        }
        let Opened::Offer(offer) = opened else {
            self.signs.hear(opened.signer());
            return self.take(Input::Message(opened)).await;
        };
        let provider = offer.signer();
        if self.note_offer(offer) != Received::Ignored && self.node.awaits_offers() {
            self.take(Input::Offered { provider }).await?;
        }
        Ok(())
    }

    /// Notes that a peer may be gone, if that is so.
    fn note_loss(&mut self, peer: PeerId, is_lost: bool) {
        if is_lost {
            self.signs.lose(peer, self.node.time(moment()));
        }
    }

    /// Puts an offer into the book. Those of providers that this peer knows are not given up for those of strangers.
    fn note_offer(&mut self, offer: Verified<Offer>) -> Received {
        let (now, provider) = (self.node.time(moment()), offer.signer());
        let serves = offer.services().next().is_some();
        let before = self.book.get(provider).filter(|_| !serves).map(|before| manifests_of(before));
        let received = self.book.take(offer, now, |offer| self.node.worth(offer));
        if received != Received::Ignored && provider != self.own {
            self.signs.note_offer(provider, serves, before.unwrap_or_default(), now);
        }
        if received == Received::First && provider != self.own {
            self.tell(Event::OfferSeen { provider });
        }
        received
    }

    /// A peer that has just come may know offers, and have what this one lacks.
    fn greet(&self, peer: PeerId) {
        if self.background.network.peers().len() <= BOOKS_ASKED_MAX {
            self.background.ask_book(peer);
        }
        if self.runs_jobs() {
            self.background.equip(self.genesis.manifests.clone());
        }
    }

    /// Whether this peer runs jobs without being asked anew: it offers, or checks from the first day.
    fn runs_jobs(&self) -> bool {
        self.node.provision().is_some()
            || self.genesis.verifiers.iter().any(|founder| founder.peer == self.own)
    }

    /// Publishes again what nobody heard, once there is somebody.
    async fn keep_house(&mut self) {
        self.background.sweep(self.node.paused().is_some() || !self.node.held(moment()).is_empty());
        self.book.drop_expired(self.node.time(moment()));
        self.confirm();
        let is_short = self.room.is_short();
        if std::mem::replace(&mut self.was_short, is_short)
            && !is_short
            && let Some(provision) = self.node.provision().cloned()
        {
            drop(self.background.reports.send(Input::Command(Command::Provide(provision))));
        }
        if !self.background.network.peers().is_empty()
            && let Some(offer) = self.unpublished.take()
        {
            self.outbox.put(self.saved, offer).await;
        }
    }

    /// Ends in good order: what was saved is on the disk, and what waited for that has left.
    async fn end(mut self) -> Result<(), Broken> {
        let farewell = DaemonFarewell::of(&self.node);
        self.background.executor.end();
        if time::timeout(FLUSH_WAIT, self.outbox.flush(self.saved)).await.is_err() {
            tracing::warn!("ended before everything had left");
        }
        self.background.network.shutdown().await;
        self.journal.close()?;
        if let Err(error) = self.indexing.close(self.saved) {
            tracing::warn!(%error, "the index could not be closed; the next start makes up for it");
        }
        tracing::info!("{}", farewell.words());
        Ok(())
    }
}

/// What an offer is for.
fn manifests_of(offer: &Offer) -> Vec<Digest> {
    offer.services().map(|(_, service)| service.manifest).collect()
}

/// Whether it would begin something: a job here, or in the books.
fn is_new(opened: &Opened) -> bool {
    matches!(opened, Opened::Propose(_) | Opened::Open(_))
}
