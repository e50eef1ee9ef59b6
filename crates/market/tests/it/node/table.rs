//! A table at which one peer sits, and everybody else's keys lie on it.
//!
//! It is the only user of [`Node`] in these tests. What the peer saves is what it finds after a restart; time passes with
//! everything that the peer wanted to be woken for.

use std::collections::{BTreeMap, BTreeSet};

use assay_market::{
    Book, Command, Config, Effect, Effects, Event, Input, Moment, Node, Record, Steady,
    book::Received,
    input::{Blob, RunId, RunResult},
    node::Heard,
    provision::{Provision, Stock},
    submission::Submission,
};
use assay_protocol::{
    account::Registration,
    check::Check,
    claim::Claim,
    genesis::Genesis,
    id::{Digest, JobId},
    manifest::End,
    merkle::{self, RECORD_BYTES},
    message::{Message, Opened},
    notice::{Account, Head, Notice, NoticeEvent},
    offer::{Offer, Service},
    order::{Accept, Failure, Order, Propose},
    signed::{Signed, Statement, Verified},
    ticket::{Start, Ticket},
    units::{Amount, Duration, Rate, Timestamp},
};

use crate::{
    cheap::{Cheap, CheapScheme},
    office::{CLIENT, Key, NOTARY, Office, PROVIDER, class, id},
};

/// When the peer starts: with the books that the tickets of these tests are from.
const BEGIN: Timestamp = Timestamp(1_800_000_000_500);

/// One peer, and everybody's keys.
pub(crate) struct Table {
    /// Everybody's keys, and orders and tickets as the books would have them.
    pub(crate) office: Office<Cheap>,
    /// What the last input led to, or the last while.
    pub(crate) effects: Effects,
    pub(crate) now: Timestamp,
    node: Node<Cheap>,
    book: Book,
    /// The job that each blob was last wanted for.
    wanted: BTreeMap<Digest, Digest>,
    /// Which blobs are kept, each for whom.
    kept: BTreeSet<(Digest, Digest)>,
    number: u64,
    wakes_at: Timestamp,
    records: Vec<Record>,
    /// What became of what it was told last.
    pub(crate) heard: Heard,
}

impl Table {
    /// The peer with this number, in a network that differs from the usual one by what `change` does.
    pub(crate) fn of(number: u64, change: impl FnOnce(&mut Genesis)) -> Self {
        let office = Office::new(change);
        let node = Node::new(Cheap::numbered(number), config(&office), [1; 32]);
        let mut table = Self {
            office,
            effects: Effects::new(),
            now: BEGIN,
            node,
            book: Book::default(),
            wanted: BTreeMap::new(),
            kept: BTreeSet::new(),
            number,
            wakes_at: Timestamp::NEVER,
            records: Vec::new(),
            heard: Heard::NotMine,
        };
        table.feed(Input::Wake);
        table
    }

    /// The peer with this number in the usual network.
    pub(crate) fn new(number: u64) -> Self {
        Self::of(number, |_| {})
    }

    /// Takes one input.
    pub(crate) fn feed(&mut self, input: Input) {
        self.effects.clear();
        self.take(input);
    }

    fn take(&mut self, input: Input) {
        let mut effects = Effects::new();
        let moment = Moment { steady: Steady(self.now.0), wall: self.now };
        self.heard = self.node.handle(input, moment, &self.book, &mut effects);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Effects) {
        for effect in &effects {
            if let Effect::Save(record) = effect {
                self.records.push(record.clone());
            }
            if let Effect::Fetch { holder, digest, .. } = effect {
                self.wanted.insert(*digest, *holder);
            }
            if let Effect::Fetch { holder, digest, .. } | Effect::Keep { holder, digest } = effect {
                self.kept.insert((*holder, *digest));
            }
            if let Effect::Release { holder } = effect {
                self.kept.retain(|(of, _)| of != holder);
            }
            if let Effect::WakeAt(Steady(at)) = effect {
                self.wakes_at = Timestamp(*at);
            }
        }
        self.effects.extend(effects);
    }

    /// Somebody says something.
    pub(crate) fn hear<T: Statement>(&mut self, by: u64, statement: T)
    where
        Message: From<Verified<T>>,
    {
        let signed = Signed::seal(statement, &Cheap::numbered(by), self.office.network);
        let opened = Message::from(signed).open::<CheapScheme>(self.office.network);
        let opened = opened.unwrap_or_else(|forged| panic!("{forged}"));
        if let Opened::Offer(offer) = opened {
            let provider = offer.signer();
            let received = self.book.take(offer, self.now, |peer| self.node.knows(peer));
            if received != Received::Ignored && self.node.awaits_offers() {
                self.feed(Input::Offered { provider });
            }
        } else {
            self.feed(Input::Message(opened));
        }
    }

    /// The user wants something.
    pub(crate) fn want(&mut self, command: Command) {
        self.feed(Input::Command(command));
    }

    /// Lets time pass, with all that the peer wanted to be woken for.
    pub(crate) fn pass(&mut self, length: Duration) {
        self.effects.clear();
        let end = self.now.after(length);
        while self.wakes_at <= end {
            self.now = self.wakes_at.max(self.now);
            self.wakes_at = Timestamp::NEVER;
            self.take(Input::Wake);
        }
        self.now = end;
    }

    /// The peer ends and begins anew from what it saved.
    pub(crate) fn restart(&mut self) {
        let saved = self.records.clone().into_iter();
        let (mut effects, key) = (Effects::new(), Cheap::numbered(self.number));
        self.node = Node::restore(key, config(&self.office), [2; 32], saved, &mut effects);
        self.effects.clear();
        self.kept.clear();
        self.perform(effects);
        self.take(Input::Wake);
    }

    /// Its disk forgets these records.
    pub(crate) fn lose(&mut self, which: impl Fn(&Record) -> bool) {
        self.records.retain(|record| !which(record));
    }

    /// When the peer wants to be woken next.
    pub(crate) fn wakes_at(&self) -> Timestamp {
        self.wakes_at
    }

    pub(crate) fn node(&self) -> &Node<Cheap> {
        &self.node
    }

    /// The messages that were sent, and to whom.
    pub(crate) fn sent(&self) -> impl Iterator<Item = (u64, &Message)> {
        self.effects.iter().filter_map(|effect| {
            let Effect::Send { to, message } = effect else { return None };
            let number = (0..100).find(|number| id::<Cheap>(*number) == *to);
            Some((number.unwrap_or_default(), message))
        })
    }

    /// The kinds of the messages that were sent, and to whom.
    pub(crate) fn said(&self) -> Vec<(&'static str, u64)> {
        self.sent().map(|(to, message)| (message.kind(), to)).collect()
    }

    /// How many messages of this kind were sent.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.sent().filter(|(_, message)| message.kind() == kind).count()
    }

    /// What the user was told.
    pub(crate) fn told(&self) -> impl Iterator<Item = &Event> {
        self.effects
            .iter()
            .filter_map(|effect| if let Effect::Tell(event) = effect { Some(event) } else { None })
    }

    /// How many records were saved.
    pub(crate) fn saves(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Save(_))).count()
    }

    /// How many offers were told.
    pub(crate) fn published(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Publish(_))).count()
    }

    /// How many runs were begun.
    pub(crate) fn runs(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Run(_))).count()
    }

    /// Whom something is served to.
    pub(crate) fn served(&self) -> Vec<(Digest, u64)> {
        let serves = self.effects.iter().filter_map(|effect| {
            let Effect::Serve { digest, to, .. } = effect else { return None };
            (0..100).find(|number| id::<Cheap>(*number) == *to).map(|number| (*digest, number))
        });
        serves.collect()
    }

    /// What is kept for somebody.
    pub(crate) fn kept_for(&self, holder: Digest) -> Vec<Digest> {
        self.kept.iter().filter(|(of, _)| *of == holder).map(|(_, digest)| *digest).collect()
    }

    /// What is kept at all.
    pub(crate) fn kept(&self) -> BTreeSet<Digest> {
        self.kept.iter().map(|(_, digest)| *digest).collect()
    }

    /// Whether a receipt is looked for.
    pub(crate) fn collects(&self, wanted: Digest) -> bool {
        self.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Collect { digest, .. } if *digest == wanted))
    }

    /// Whether something is fetched.
    pub(crate) fn fetches(&self, wanted: Digest) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Fetch { digest, .. } if *digest == wanted))
    }
}

/// What they say to a provider, and what happens to it.
impl Table {
    /// A provider of the usual model with a slot for one job.
    pub(crate) fn provider() -> Self {
        let mut table = Self::new(PROVIDER);
        table.provide();
        table
    }

    /// The provider offers the usual model.
    pub(crate) fn provide(&mut self) {
        self.provide_at(Amount(250_000_000));
    }

    /// The same at this price.
    pub(crate) fn provide_at(&mut self, unit_price: Amount) {
        let manifest = self.office.genesis.manifests[0].clone();
        self.want(Command::Provide(Provision {
            class: class(),
            machine: String::new(),
            services: vec![Stock { manifest, unit_price, run: Duration(100) }],
            slots: 1,
            cancel_fee_min: Amount::ZERO,
            addresses: Vec::new(),
        }));
    }

    /// The client's order of this number in this lane.
    pub(crate) fn order(&self, lane: u16, nonce: u64) -> Order {
        self.office.order(CLIENT, PROVIDER, lane, nonce).0
    }

    /// The client shows an order.
    pub(crate) fn propose(&mut self, order: &Order) {
        let order = self.office.say(id::<Cheap>(CLIENT), order.clone());
        self.hear(CLIENT, Propose { order });
    }

    /// Somebody shows the client's order and a ticket.
    pub(crate) fn start(&mut self, by: u64, order: &Order, ticket: Signed<Ticket>) {
        let order = self.office.say(id::<Cheap>(CLIENT), order.clone());
        self.hear(by, Start { order, ticket });
    }

    /// The ticket that the notary gives to an order, as its books stand.
    pub(crate) fn ticket(&mut self, order: &Order) -> Signed<Ticket> {
        let opened = self.office.open((order.clone(), Digest::default()));
        let ticket = opened.unwrap_or_else(|rejection| panic!("an order was refused: {rejection}")).ticket;
        self.office.say(id::<Cheap>(NOTARY), ticket)
    }

    /// The notary says how a job stands.
    pub(crate) fn notice(&mut self, by: u64, job: JobId, event: NoticeEvent) {
        self.hear(by, Notice { job, event, head: Head::default() });
    }

    /// A fetch ends with a blob.
    pub(crate) fn fetched(&mut self, digest: Digest, root: Digest) {
        let holder = self.wanted.get(&digest).copied().unwrap_or_default();
        self.feed(Input::Fetched { holder, digest, found: Some(Blob { bytes: 1, root }) });
    }

    /// A fetch ends without a blob.
    pub(crate) fn unfetched(&mut self, digest: Digest) {
        let holder = self.wanted.get(&digest).copied().unwrap_or_default();
        self.feed(Input::Fetched { holder, digest, found: None });
    }

    /// A run ends; what it wrote is kept for its job.
    pub(crate) fn ran(&mut self, job: JobId, check: bool, result: Result<RunResult, Failure>) {
        self.kept.extend(result.map(|run| (job, run.output)));
        self.feed(Input::Ran { run: RunId { job, check }, result });
    }

    /// A provider that has taken on this order and was shown its ticket.
    pub(crate) fn started(order: impl Fn(&Self) -> Order) -> (Self, Order) {
        let mut table = Self::provider();
        let order = order(&table);
        table.propose(&order);
        assert_eq!(table.said(), [("Accept", CLIENT)]);
        let ticket = table.ticket(&order);
        table.start(CLIENT, &order, ticket);
        assert!(table.fetches(order.input_commit), "{:?}", table.effects);
        (table, order)
    }

    /// A provider that has run this order and claimed what it found.
    pub(crate) fn claimed() -> (Self, Order) {
        let (mut table, order) = Self::started(|table| table.order(0, 0));
        table.fetched(order.input_commit, Digest::default());
        table.ran(order.id(), false, Ok(result(4)));
        assert_eq!(table.said(), [("Deliver", CLIENT), ("Claim", NOTARY)]);
        (table, order)
    }
}

/// What they say to a client.
impl Table {
    /// A client that knows its account and has heard these providers' offers.
    pub(crate) fn client(providers: &[u64]) -> Self {
        let mut table = Self::new(CLIENT);
        table.hear(NOTARY, account(0, 0));
        providers.iter().for_each(|provider| table.offer(*provider));
        table
    }

    /// A provider offers the usual model.
    pub(crate) fn offer(&mut self, by: u64) {
        self.offer_at(by, Amount(250_000_000));
    }

    /// The same at this price.
    pub(crate) fn offer_at(&mut self, by: u64, unit_price: Amount) {
        let manifest = self.office.genesis.manifests[0].digest();
        let service =
            Service { manifest, name: "numbers".to_owned(), unit_price, run: Duration(100), warm: true };
        let offer = Offer {
            sequence: self.now.0,
            valid_until: self.now.after(Duration::seconds(900)),
            class: class(),
            machine: String::new(),
            services: vec![service],
            slots: 1,
            notaries: self.office.genesis.notaries.clone(),
            addresses: vec![format!("/memory/{by}")],
        };
        self.hear(by, offer);
    }

    /// The user wants the usual model to be run; returns the name of the submission.
    pub(crate) fn submit(&mut self, number: u8, change: impl FnOnce(&mut Submission)) -> Digest {
        let key = Digest([number; 32]);
        let mut submission = Submission {
            key,
            content: Digest::default(),
            manifest: self.office.genesis.manifests[0].clone(),
            input_commit: Digest::of(&[number]),
            input_bytes: 1,
            units_max: 4,
            work_max: 8,
            run_max: Duration::seconds(1),
            checks: 0,
            unchecked_ok: true,
            cost_max: Amount::credits(10),
            unit_price_max: Amount(250_000_000),
            provider: None,
            attempts_max: 3,
            cancel_fee: Amount::ZERO,
            until: None,
        };
        change(&mut submission);
        self.want(Command::Submit(submission));
        key
    }

    /// The order that was proposed last, and to whom.
    pub(crate) fn proposed(&self) -> (u64, Order) {
        let proposed = self.sent().filter_map(|(to, message)| {
            let Message::Propose(propose) = message else { return None };
            Some((to, propose.said().order.said().clone()))
        });
        proposed.last().unwrap_or_else(|| panic!("nothing was proposed: {:?}", self.effects))
    }

    /// Somebody agrees to an order.
    pub(crate) fn accept(&mut self, by: u64, order: &Order) {
        self.hear(
            by,
            Accept {
                job: order.id(),
                class: order.class,
                rate_max: Rate::ONE,
                starts_in: Duration::default(),
            },
        );
    }

    /// A client whose order was agreed to and is to be opened.
    pub(crate) fn opening(providers: &[u64]) -> (Self, Order, u64) {
        let mut table = Self::client(providers);
        table.submit(1, |_| {});
        let (to, order) = table.proposed();
        table.accept(to, &order);
        assert_eq!(table.said(), [("Open", NOTARY)]);
        (table, order, to)
    }

    /// A client whose order was opened.
    pub(crate) fn running(providers: &[u64]) -> (Self, Order, u64) {
        let (mut table, order, to) = Self::opening(providers);
        let ticket = *table.ticket(&order).said();
        table.hear(NOTARY, ticket);
        assert_eq!(table.said(), [("Start", to)]);
        (table, order, to)
    }

    /// What the provider of an order claims.
    pub(crate) fn claim(&mut self, order: &Order, ticket: Digest) -> Signed<Claim> {
        let commit = Digest::default();
        let claim = Claim { job: order.id(), ticket, units: 4, work: 8, end: End::Stop, commit };
        self.office.say(order.provider, claim)
    }
}

/// What they say to a verifier.
impl Table {
    /// A check of a job with this number that somebody is asked for.
    pub(crate) fn check(&self, job: u8, verifier: u64) -> Check {
        Check {
            job: Digest([job; 32]),
            verifier: id::<Cheap>(verifier),
            class: class(),
            manifest: self.office.genesis.manifests[0].clone(),
            units_max: 4,
            run_max: Duration::seconds(1),
            seed: Digest::default(),
            input_commit: Digest::of(&[job]),
            sources: [id::<Cheap>(CLIENT), id::<Cheap>(PROVIDER)],
            seal_by: self.now.after(Duration::seconds(10)),
        }
    }

    /// What this class can check of the usual model.
    pub(crate) fn kind(&self) -> Registration {
        self.office.genesis.manifests[0].kind(class())
    }
}

fn config(office: &Office<Cheap>) -> Config {
    Config::new(office.genesis.clone())
}

/// The output of every run.
pub(crate) fn output() -> Vec<u8> {
    vec![7; 3 * RECORD_BYTES]
}

/// What a run gives that is billed so.
pub(crate) fn result(units: u64) -> RunResult {
    let output = output();
    RunResult {
        output: Digest::of(&output),
        output_root: merkle::root(&output, RECORD_BYTES),
        records: merkle::count(output.len() as u64, RECORD_BYTES),
        units,
        work: 8,
        end: End::Stop,
        rms: 0,
    }
}

/// What a notary says of an account in answer to this, once so many of its instructions were carried out.
pub(crate) fn account(sequence: u64, instruction: u64) -> Account {
    Account {
        sequence,
        free: Amount::credits(100),
        stake: Amount::ZERO,
        unbonding: Amount::ZERO,
        instruction,
        held: Amount::ZERO,
        owed: Amount::ZERO,
        fee_margin: Rate::ZERO,
        open: 0,
        head: Head::default(),
    }
}
