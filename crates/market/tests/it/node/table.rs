//! A table at which one peer sits, and everybody else's keys lie on it.
//!
//! It is the only user of [`Node`] in these tests. What the peer saves is what it finds after a restart; time passes with
//! everything that the peer wanted to be woken for.

mod client;
mod provider;

use std::collections::{BTreeMap, BTreeSet};

use assay_market::{
    Book, Command, Config, Effect, Effects, Event, Input, Moment, Node, Record, Steady,
    book::Received,
    input::{Remembered, RunResult},
    node::Heard,
    owner::OwnerRules,
    view::AwaitedPlace,
};
use assay_protocol::{
    account::Registration,
    check::Check,
    claim::Written,
    genesis::Genesis,
    id::Digest,
    manifest::End,
    merkle::RECORD_BYTES,
    message::{Message, Opened},
    notice::{Account, Head},
    signed::{Signed, Statement, Verified},
    units::{Amount, Duration, Rate, Timestamp},
};

use crate::{
    cheap::{Cheap, CheapScheme},
    office::{CLIENT, Key, Office, PROVIDER, class, id},
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
    /// How far the peer's wall clock is ahead of that.
    pub(crate) ahead: Duration,
    node: Node<Cheap>,
    book: Book,
    /// The job that each blob was last wanted for.
    wanted: BTreeMap<Digest, Digest>,
    /// Which blobs are kept, each for whom.
    kept: BTreeSet<(Digest, Digest)>,
    number: u64,
    wakes_at: Timestamp,
    records: Vec<Record>,
    daily_max: Option<Amount>,
    rules: OwnerRules,
    /// What lies on its disk of jobs that were closed long ago.
    pub(crate) remembered: BTreeMap<Digest, Remembered>,
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
            ahead: Duration::default(),
            node,
            book: Book::default(),
            wanted: BTreeMap::new(),
            kept: BTreeSet::new(),
            number,
            wakes_at: Timestamp::NEVER,
            records: Vec::new(),
            daily_max: None,
            rules: OwnerRules::default(),
            remembered: BTreeMap::new(),
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
        let moment = self.moment();
        self.heard = self.node.handle(input, moment, &self.book, &mut effects);
        let asked = effects.iter().find_map(|effect| {
            let Effect::Recall(question) = effect else { return None };
            Some(Input::Recalled { question: *question, closed: self.remembered.get(&question.job).copied() })
        });
        self.perform(effects);
        if let Some(recalled) = asked {
            let heard = self.heard;
            self.take(recalled);
            self.heard = heard;
        }
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
            let received = self.book.take(offer, self.now, |offer| self.node.worth(offer));
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

    /// The user wants no more than this to be spent a day; said again after a restart, as a shell does.
    pub(crate) fn limit_day(&mut self, daily_max: Option<Amount>) {
        self.daily_max = daily_max;
        self.node.limit_day(daily_max);
    }

    /// What its owner settled about the machine; said again after a restart, as a shell does.
    pub(crate) fn heed(&mut self, rules: OwnerRules) {
        self.rules = rules.clone();
        self.node.heed(rules);
    }

    /// What time it is.
    pub(crate) fn moment(&self) -> Moment {
        Moment { steady: Steady(self.now.0), wall: self.now.after(self.ahead) }
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
        self.restart_as(|_| {});
    }

    /// The same, and it keeps no books until it is told to.
    pub(crate) fn restart_held_back(&mut self) {
        self.restart_as(Node::hold_books_back);
    }

    fn restart_as(&mut self, change: impl FnOnce(&mut Node<Cheap>)) {
        let saved = self.records.clone().into_iter();
        let (mut effects, key) = (Effects::new(), Cheap::numbered(self.number));
        self.node = Node::restore(key, config(&self.office), [2; 32], saved, &mut effects);
        self.node.limit_day(self.daily_max);
        self.node.heed(self.rules.clone());
        change(&mut self.node);
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

    /// What keeps a job of which nobody is asked waiting.
    pub(crate) fn awaited(&self, key: Digest) -> Option<AwaitedPlace> {
        self.node.awaited(key, self.moment(), &self.book)
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

    /// How often it was asked how a job stands.
    pub(crate) fn asked(&self) -> usize {
        let of_job =
            |message: &Message| matches!(message, Message::Query(query) if query.said().job.is_some());
        self.sent().filter(|(_, message)| of_job(message)).count()
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
            draft: None,
            due: Timestamp(10_000 + u64::from(job)),
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
    let written = Written::of(&output());
    let (evidence_root, evidence_records, end) = (written.root, written.records, End::Stop);
    RunResult { written, evidence_root, evidence_records, units, work: 8, check_work: 8, end, rms: 0 }
}

/// What a notary says of an account in answer to this, once so many of its instructions were carried out.
pub(crate) fn account(sequence: u64, instruction: u64) -> Account {
    Account {
        sequence,
        free: Amount::credits(100),
        stake: Amount::ZERO,
        unbonding: Amount::ZERO,
        forfeited: Amount::ZERO,
        instruction,
        held: Amount::ZERO,
        owed: Amount::ZERO,
        fee_margin: Rate::ZERO,
        suspended: 0,
        open: 0,
        head: Head::default(),
    }
}
