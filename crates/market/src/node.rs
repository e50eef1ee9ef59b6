//! The brain: one pure value that is the whole behaviour of a peer, in every role.
//!
//! **Invariant:** what must survive a crash changes only by folding a record, live and on restore alike, and the record
//! is saved before anything that rests on it is said.

mod alarms;
mod book;
mod client;
mod heads;
mod notary;
mod owner;
mod provider;
mod verifier;

use alloc::vec::Vec;

use assay_protocol::{
    codec,
    genesis::Genesis,
    id::{Digest, NetworkId, PeerId},
    message::{Message, Opened},
    offer::Offer,
    signed::{Signed, Signer, Statement, Verified},
    units::Timestamp,
};

use self::{
    alarms::{Alarm, Alarms},
    book::Book,
    client::Client,
    heads::Heads,
    notary::Notary,
    owner::Owner,
    provider::Provider,
    verifier::Verifier,
};
use crate::{
    barrier,
    effect::{Effect, Effects, Event},
    input::{Command, Input, Instruction, Submission},
    ledger::Ledger,
    matching::Passed,
    quote::Quote,
    record::Record,
    reliability::Impression,
    view::{AccountView, BooksView, Grounds, InstructionView, RunView, SubmissionView},
};

/// What a peer is told once and for all.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network's rules.
    pub genesis: Genesis,
}

/// A peer.
#[derive(Debug)]
pub struct Node<S> {
    signer: S,
    config: Config,
    network: NetworkId,
    entropy: [u8; 32],
    drawn: u64,
    alarms: Alarms,
    wakes_at: Option<Timestamp>,
    now: Timestamp,
    started: bool,
    book: Book,
    client: Client,
    provider: Provider,
    verifier: Verifier,
    owner: Owner,
    heads: Heads,
    notary: Option<Notary>,
}

impl<S: Signer> Node<S> {
    /// A peer that has done nothing yet. It keeps books if the network names it a notary.
    pub fn new(signer: S, config: Config, entropy: [u8; 32]) -> Self {
        let id = signer.id();
        let keeps_books = config.genesis.notaries.contains(&id);
        Self {
            network: config.genesis.id(),
            notary: keeps_books.then(|| Notary::new(Ledger::new(config.genesis.clone(), id))),
            signer,
            config,
            entropy,
            drawn: 0,
            alarms: Alarms::default(),
            wakes_at: None,
            now: Timestamp::default(),
            started: false,
            book: Book::default(),
            client: Client::default(),
            provider: Provider::default(),
            verifier: Verifier::default(),
            owner: Owner::default(),
            heads: Heads::default(),
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
        node.resume_notary(out);
        out.push(Effect::WakeAt(Timestamp::default()));
        barrier::debug_assert_kept(&out[before..]);
        node
    }

    /// Takes one input; never fails, never blocks.
    pub fn handle(&mut self, input: Input, now: Timestamp, out: &mut Effects) {
        let now = now.max(self.now);
        self.now = now;
        let before = out.len();
        if !self.started {
            self.started = true;
            self.resume(now, out);
        }
        match input {
            Input::Command(command) => self.command(command, now, out),
            Input::Message(message) => self.hear(message, now, out),
            Input::Undelivered { to } => self.on_unreachable(to, now, out),
            Input::Fetched { digest, found } => {
                self.on_provider_blob(digest, found.is_some(), out);
                self.on_verifier_blob(digest, found.is_some(), out);
                self.on_client_blob(digest, found, now, out);
            }
            Input::Ran { run, result } if run.check => self.on_verifier_run(run, result, out),
            Input::Ran { run, result } => self.on_provider_run(run.job, result, now, out),
            Input::Shown { run, records } if run.check => self.on_verifier_shown(run, records, out),
            Input::Shown { run, records } => self.on_provider_shown(run.job, records, out),
            Input::Wake => self.wakes_at = None,
        }
        self.wake(now, out);
        barrier::debug_assert_kept(&out[before..]);
    }

    fn resume(&mut self, now: Timestamp, out: &mut Effects) {
        self.start_notary(now, out);
        self.resume_client(now, out);
        self.resume_provider(now, out);
        self.resume_verifier(now, out);
        self.resume_owner(now);
    }

    fn command(&mut self, command: Command, now: Timestamp, out: &mut Effects) {
        match command {
            Command::Submit(submission) => self.submit(submission, now, out),
            Command::Provide(provision) => self.provide(provision, now, out),
            Command::Ask { notary } => {
                let _ = self.ask(notary, None, out);
            }
            Command::Cancel { key } => self.cancel(key, now, out),
            Command::Dispute { key } => self.dispute(key, now, out),
            Command::Stake { notary, amount, target } => {
                self.instruct_notary(notary, Instruction::Stake { amount, target }, now, out);
            }
            Command::Unstake { notary, amount } => {
                self.instruct_notary(notary, Instruction::Unstake { amount }, now, out);
            }
            Command::Register { notary, operator, kinds } => {
                self.instruct_notary(notary, Instruction::Register { operator, kinds }, now, out);
            }
        }
    }

    /// Takes a message: the role that it is for decides whether its signer may say so.
    fn hear(&mut self, message: Opened, now: Timestamp, out: &mut Effects) {
        match message {
            Opened::Offer(offer) => {
                let provider = offer.signer();
                if self.note_offer(offer, now) {
                    out.push(Effect::Tell(Event::OfferSeen { provider }));
                }
            }
            Opened::Propose(propose) => self.on_propose(&propose, now, out),
            Opened::Accept(accept) => self.on_accept(&accept, now, out),
            Opened::Refuse(refuse) => self.on_refuse(&refuse, now, out),
            Opened::Ticket(ticket) => self.on_ticket(&ticket, now, out),
            Opened::Start(start) => self.on_start(&start, now, out),
            Opened::Deliver(deliver) => self.on_deliver(&deliver, out),
            Opened::Account(account) => {
                self.compare_account(&account, out);
                self.on_account(&account, out);
            }
            Opened::Check(check) => {
                self.on_check(&check, now, out);
                self.serve_checker(&check, out);
                self.serve_own_checker(&check, out);
            }
            Opened::Notice(notice) => {
                self.compare_notice(&notice, out);
                self.on_client_notice(&notice, now, out);
                self.on_provider_notice(&notice, out);
                self.on_verifier_notice(&notice, out);
            }
            Opened::Abort(abort) => {
                self.on_abort(&abort, out);
                self.notarise(Opened::Abort(abort), out);
            }
            Opened::Open(_)
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
            | Opened::Grant(_) => self.notarise(message, out),
            Opened::Tick(tick) => self.on_checkpoint(&tick, out),
            // Said to the client's shell along with the stream, and found in receipts.
            Opened::Output(_) | Opened::Settled(_) => {}
        }
    }

    /// Notes an offer; true if its provider was not in the book. This peer's own, and those of providers that it was
    /// served by or asked for, are not given up for those of strangers.
    fn note_offer(&mut self, offer: Verified<Offer>, now: Timestamp) -> bool {
        let (own, reliability) = (self.signer.id(), &self.client.reliability);
        self.book.take(offer, now, |provider| provider == own || reliability.is_known(provider))
    }

    /// Does what is due, and asks to be woken for the next.
    fn wake(&mut self, now: Timestamp, out: &mut Effects) {
        while let Some(alarm) = self.alarms.pop(now) {
            match alarm {
                Alarm::Tick => self.tick(now, out),
                Alarm::Offer => self.wake_offer(now, out),
                Alarm::Submission(key) => self.seek(key, now, out),
                Alarm::Attempt(job) => self.wake_attempt(job, now, out),
                Alarm::Serving(job) => self.wake_serving(job, now, out),
                Alarm::Checking(run) => self.wake_check(run, now, out),
                Alarm::Deadline(key) => self.wake_deadline(key, now, out),
                Alarm::Instruction(notary) => self.wake_instruction(notary, now, out),
            }
        }
        self.serve_queue(now, out);
        let next = self.alarms.next();
        if let Some(at) = next.filter(|_| next != self.wakes_at) {
            out.push(Effect::WakeAt(at));
            self.wakes_at = next;
        }
    }

    /// Folds a record into the state and has it saved.
    fn keep(&mut self, record: Record, out: &mut Effects) {
        self.fold(&record);
        out.push(Effect::Save(record));
    }

    fn fold(&mut self, record: &Record) {
        match record {
            Record::Client(record) => self.fold_client(record),
            Record::Provider(record) => self.fold_provider(record),
            Record::Verifier(record) => self.fold_verifier(record),
            Record::Chain(entry) => self.fold_entry(entry),
            Record::Beacon(seed) => self.fold_beacon(*seed),
            Record::Owner(record) => self.fold_owner(record),
        }
    }

    /// Signs a statement and has it sent.
    fn say<T: Statement>(&self, to: PeerId, statement: T, out: &mut Effects)
    where
        Message: From<Verified<T>>,
    {
        let message = Signed::seal(statement, &self.signer, self.network).into();
        out.push(Effect::Send { to, message });
    }

    /// A fresh secret.
    fn random(&mut self) -> Digest {
        self.drawn += 1;
        codec::digest("entropy", &(self.entropy, self.drawn))
    }

    /// This peer.
    pub fn id(&self) -> PeerId {
        self.signer.id()
    }

    /// The offers that are known.
    pub fn offers(&self) -> impl Iterator<Item = &Verified<Offer>> {
        self.book.iter()
    }

    /// The jobs of this client, oldest first.
    pub fn submissions(&self) -> Vec<SubmissionView> {
        self.view_submissions()
    }

    /// One job of this client.
    pub fn submission(&self, key: Digest) -> Option<SubmissionView> {
        self.view_submission(key)
    }

    /// Why the offers that a submission did not take up were not, when it last looked for one: nothing before that, and
    /// after a restart.
    pub fn passed_over(&self, key: Digest) -> Option<&Passed> {
        self.client.passed_over(key)
    }

    /// What a submission would come to if it were made now. Nothing is sent or kept.
    pub fn quote(&self, submission: &Submission, now: Timestamp) -> Quote {
        self.view_quote(submission, now)
    }

    /// Why what became of a submission became of it: nothing, if it is not known or so long over that only its outcome
    /// is remembered.
    pub fn grounds(&self, key: Digest) -> Option<Grounds> {
        self.view_grounds(key)
    }

    /// What this client has seen of a provider.
    pub fn impression(&self, provider: PeerId) -> Impression {
        self.client.reliability.of(provider, self.now)
    }

    /// The runs of this provider and verifier.
    pub fn runs(&self) -> Vec<RunView> {
        self.view_servings().chain(self.view_checks()).collect()
    }

    /// This peer's accounts, as their notaries last stated them.
    pub fn accounts(&self) -> Vec<AccountView> {
        self.view_accounts()
    }

    /// What this peer's notaries are still to carry out.
    pub fn instructions(&self) -> Vec<InstructionView> {
        self.view_instructions()
    }

    /// The notaries that were seen to keep two journals.
    pub fn forked(&self) -> Vec<PeerId> {
        self.heads.forked().collect()
    }

    /// The books in sum, if this peer is a notary of its network.
    pub fn books(&self) -> Option<BooksView> {
        self.view_books()
    }

    /// The books themselves.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.notary.as_ref().map(|notary| &notary.ledger)
    }

    /// How many entries of this notary's chain may be published: those after it would tell who is being checked.
    pub fn published(&self) -> u64 {
        self.notary.as_ref().map_or(0, |notary| notary.ledger.published())
    }
}
