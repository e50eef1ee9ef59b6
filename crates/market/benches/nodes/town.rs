//! A few peers who trade with each other in memory, and what each of them hears meanwhile.
//!
//! Effects are performed as a shell would perform them, in virtual time: nothing is lost, nobody lies and nobody is
//! late. **Invariant:** the same town hears the same things.

use std::collections::BTreeMap;

use assay_market::{
    Book, Command, Config, Effect, Effects, Input, Moment, Node, Steady,
    effect::Run,
    input::{Blob, Proven, RunResult, Uncollected},
    provision::{Provision, Stock, Workbench},
    submission::Submission,
};
use assay_protocol::{
    check::ShownRecord,
    claim::Written,
    codec, compare,
    genesis::{Genesis, Timers},
    id::{Digest, NetworkId, PeerId},
    manifest::{End, Policy, TensorFormat},
    message::{Message, Opened},
    offer::Reachability,
    receipt::{Happening, Receipt},
    signed::Signer,
    units::{Amount, Duration, Timestamp},
};

use crate::{
    cheap::{Cheap, CheapScheme},
    course::{output, record},
    day::market,
    office::{CLIENT, Key, NOTARY, PROVIDER, class, verifiers},
};

/// Jobs of the client.
pub(crate) const JOBS: u64 = 1_000;
/// Where the provider and the client stand among all.
pub(crate) const PROVIDER_PLACE: usize = 1;
pub(crate) const CLIENT_PLACE: usize = 2;
/// What the client begins with: a credit and more for each of a million jobs.
const CLIENT_MONEY: Amount = Amount::credits(10_000_000);
/// What a unit costs.
const UNIT_PRICE: Amount = Amount(250_000_000);
/// Between two of them: few enough are open at a time that each finds a lane.
pub(crate) const JOB_PAUSE: Duration = Duration(160);
/// When the first is ordered.
pub(crate) const BEGIN: Timestamp = Timestamp(1_800_000_001_000);
/// From the last order to the end, when everything is closed.
pub(crate) const SETTLING: Duration = Duration::seconds(60);
/// How long messages and blobs travel.
const TRAVEL: Duration = Duration(5);
/// How long a run takes.
const RUN: Duration = Duration(100);
/// Numbers in an output.
const NUMBERS: usize = 100;

/// What a peer is in this town.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Notary,
    Provider,
    Client,
    Verifier,
}

/// One input, whose it was and when.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) place: usize,
    pub(crate) at: Timestamp,
    pub(crate) input: Input,
}

/// What was heard in a town from its first day on.
#[derive(Debug)]
pub(crate) struct Chronicle {
    genesis: Genesis,
    keys: Vec<(Role, Cheap)>,
    heard: Vec<Heard>,
    /// The offers that everybody had heard of in the end.
    book: Book,
    /// How many effects the inputs of each peer had.
    effects: Vec<usize>,
}

/// A town in which things happen.
pub(crate) struct Town {
    network: NetworkId,
    pub(crate) nodes: Vec<Node<Cheap>>,
    /// The offers that everybody has heard of.
    book: Book,
    places: BTreeMap<PeerId, usize>,
    wakes: Vec<Timestamp>,
    due: BTreeMap<(Timestamp, u64), (usize, Input)>,
    numbered: u64,
    outputs: BTreeMap<Digest, Vec<u8>>,
    blobs: BTreeMap<Digest, Blob>,
    receipts: BTreeMap<Digest, Proven>,
    now: Timestamp,
}

impl Chronicle {
    /// One in which nothing has happened.
    pub(crate) fn new() -> Self {
        let mut genesis = market().genesis;
        genesis.checks.ramp = 5;
        let client =
            genesis.verifiers.iter_mut().find(|founder| founder.peer == Cheap::numbered(CLIENT).id());
        client.into_iter().for_each(|founder| founder.free = CLIENT_MONEY);
        let numbers = [(Role::Notary, NOTARY), (Role::Provider, PROVIDER), (Role::Client, CLIENT)];
        let numbers = numbers.into_iter().chain(verifiers().map(|number| (Role::Verifier, number)));
        let keys: Vec<(Role, Cheap)> =
            numbers.map(|(role, number)| (role, Cheap::numbered(number))).collect();
        Self { effects: vec![0; keys.len()], genesis, keys, heard: Vec::new(), book: Book::default() }
    }

    /// The same by the timers of a network of strangers.
    pub(crate) fn unhurried() -> Self {
        let mut chronicle = Self::new();
        chronicle.genesis.timers = Timers::default();
        chronicle
    }

    /// Lets a town trade for a while.
    pub(crate) fn of_a_town() -> Self {
        let mut chronicle = Self::new();
        let mut town = Town::new(&chronicle);
        town.provide(&chronicle.genesis);
        for number in 0..JOBS {
            town.order(&chronicle.genesis, number, Duration::seconds(1).plus(JOB_PAUSE.times(number)));
        }
        let end = BEGIN.after(JOB_PAUSE.times(JOBS)).after(SETTLING);
        let mut effects = Effects::new();
        while let Some((place, input)) = town.next(end) {
            chronicle.heard.push(Heard { place, at: town.now, input: input.clone() });
            town.hear(place, input, &mut effects);
            chronicle.effects[place] += effects.len();
            effects.drain(..).for_each(|effect| town.perform(place, effect));
        }
        chronicle.book = town.book;
        chronicle
    }

    /// The rules.
    pub(crate) fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Who is there.
    pub(crate) fn keys(&self) -> &[(Role, Cheap)] {
        &self.keys
    }

    /// The offers that everybody had heard of in the end.
    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// The peers before they heard anything.
    pub(crate) fn nodes(&self) -> Vec<Node<Cheap>> {
        let config = || Config::new(self.genesis.clone());
        self.keys.iter().map(|(_, key)| Node::new(*key, config(), key.id().0)).collect()
    }

    /// What the peers in this role heard, or all.
    pub(crate) fn heard(&self, role: Option<Role>) -> Vec<Heard> {
        let by_role = |heard: &&Heard| role.is_none_or(|role| self.keys[heard.place].0 == role);
        self.heard.iter().filter(by_role).cloned().collect()
    }

    /// How many effects that had.
    pub(crate) fn effects(&self, role: Option<Role>) -> usize {
        let by_role = |(place, _): &(usize, &usize)| role.is_none_or(|role| self.keys[*place].0 == role);
        self.effects.iter().enumerate().filter(by_role).map(|(_, effects)| effects).sum()
    }
}

impl Town {
    pub(crate) fn new(chronicle: &Chronicle) -> Self {
        let nodes = chronicle.nodes();
        Self {
            network: chronicle.genesis.id(),
            places: nodes.iter().enumerate().map(|(place, node)| (node.id(), place)).collect(),
            // Whoever just started is woken.
            wakes: vec![Timestamp::default(); nodes.len()],
            nodes,
            book: Book::default(),
            due: BTreeMap::new(),
            numbered: 0,
            outputs: BTreeMap::new(),
            blobs: BTreeMap::new(),
            receipts: BTreeMap::new(),
            now: BEGIN,
        }
    }

    /// The provider offers its model.
    pub(crate) fn provide(&mut self, genesis: &Genesis) {
        let manifest = genesis.manifests[0].clone();
        let bench = Workbench {
            class: class(),
            machine: "a machine of this town".to_owned(),
            device: "a processor".to_owned(),
            memory_free: 1 << 32,
            slots: 64,
            services: vec![Stock { manifest, unit_price: UNIT_PRICE, run: RUN }],
        };
        let provision = Provision {
            benches: vec![bench],
            cancel_fee_min: Amount::ZERO,
            addresses: vec!["/memory/1".to_owned()],
            reachability: Reachability::Unknown,
        };
        self.happens(Duration(0), PROVIDER_PLACE, Input::Command(Command::Provide(provision)));
    }

    /// The client wants one more job.
    pub(crate) fn order(&mut self, genesis: &Genesis, number: u64, delay: Duration) {
        let input_commit = codec::digest("input of this town", &number);
        self.blobs.insert(input_commit, Blob { bytes: 64, root: input_commit });
        let submission = Submission {
            key: codec::digest("wish of this town", &number),
            content: Digest::default(),
            manifest: genesis.manifests[0].clone(),
            input_commit,
            input_bytes: 1,
            units_max: 4,
            work_max: 8,
            run_max: Duration::seconds(1),
            checks: 0,
            unchecked_ok: false,
            cost_max: Amount::credits(10),
            unit_price_max: UNIT_PRICE,
            provider: None,
            ignored: Vec::new(),
            returns_to: None,
            attempts_max: 3,
            cancel_fee: Amount::ZERO,
            until: None,
        };
        self.happens(delay, CLIENT_PLACE, Input::Command(Command::Submit(submission)));
    }

    /// The client has its result, and nothing that led to it is needed any more.
    pub(crate) fn take_result(&mut self, key: Digest, input: &Digest, output: &Digest) {
        self.blobs.remove(input);
        self.blobs.remove(output);
        self.outputs.remove(output);
        self.happens(TRAVEL, CLIENT_PLACE, Input::Command(Command::Taken { key }));
    }

    /// Somebody hears something.
    pub(crate) fn hear(&mut self, place: usize, input: Input, effects: &mut Effects) {
        let moment = Moment { steady: Steady(self.now.0), wall: self.now };
        self.nodes[place].handle(input, moment, &self.book, effects);
    }

    fn happens(&mut self, delay: Duration, place: usize, input: Input) {
        self.numbered += 1;
        self.due.insert((self.now.after(delay), self.numbered), (place, input));
    }

    /// The next thing that somebody hears, if it is before the end.
    pub(crate) fn next(&mut self, end: Timestamp) -> Option<(usize, Input)> {
        let (place, wake) = self.wakes.iter().copied().enumerate().min_by_key(|(_, wake)| *wake)?;
        let due = self.due.first_key_value().map(|((at, _), _)| *at);
        if wake.min(due.unwrap_or(wake)) >= end {
            return None;
        }
        if due.is_none_or(|due| wake <= due) {
            self.now = self.now.max(wake);
            self.wakes[place] = Timestamp::NEVER;
            return Some((place, Input::Wake));
        }
        let ((at, _), what) = self.due.pop_first()?;
        self.now = at;
        Some(what)
    }

    pub(crate) fn perform(&mut self, place: usize, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.carry(self.places[&to], message),
            Effect::Publish(message) => {
                let others: Vec<usize> = (0..self.nodes.len()).filter(|other| *other != place).collect();
                others.into_iter().for_each(|other| self.carry(other, message.clone()));
            }
            Effect::Fetch { holder, digest, .. } => {
                let found = self.blobs.get(&digest).copied();
                self.happens(TRAVEL, place, Input::Fetched { holder, digest, found });
            }
            Effect::Collect { job, digest, .. } => {
                let found = self.receipts.get(&digest).copied().ok_or(Uncollected::Absent);
                self.happens(TRAVEL, place, Input::Collected { job, digest, found });
            }
            Effect::Recall(question) => {
                self.happens(Duration(1), place, Input::Recalled { question, closed: None });
            }
            Effect::Run(run) => {
                let result = Ok(self.run(&run));
                self.happens(RUN, place, Input::Ran { run: run.id, result });
            }
            Effect::Show { run, output, positions } => {
                let output = &self.outputs[&output];
                let records: Vec<ShownRecord> =
                    positions.into_iter().map(|place| record(output, place)).collect();
                self.happens(Duration(1), place, Input::Shown { run, records });
            }
            Effect::File { receipt } => {
                self.receipts.insert(Digest::of(&receipt.to_bytes()), proven(&receipt));
            }
            Effect::WakeAt(Steady(time)) => self.wakes[place] = Timestamp(time),
            Effect::Save(_)
            | Effect::Stop(_)
            | Effect::Cut(_)
            | Effect::Serve { .. }
            | Effect::Keep { .. }
            | Effect::Release { .. }
            | Effect::Tell(_) => {}
        }
    }

    fn carry(&mut self, to: usize, message: Message) {
        let opened = message.open::<CheapScheme>(self.network).unwrap_or_else(|forged| panic!("{forged}"));
        if let Opened::Offer(offer) = opened {
            let provider = offer.signer();
            self.book.take(offer, self.now, |_| 0);
            if self.nodes[to].awaits_offers() {
                self.happens(TRAVEL, to, Input::Offered { provider });
            }
        } else {
            self.happens(TRAVEL, to, Input::Message(opened));
        }
    }

    /// Runs a job: another one, another output.
    fn run(&mut self, run: &Run) -> RunResult {
        let mut bytes = output(NUMBERS, 0.0);
        bytes[..2].copy_from_slice(&run.seed.0[..2]);
        let written = Written::of(&bytes);
        let result = RunResult {
            written,
            evidence_root: written.root,
            evidence_records: written.records,
            units: 4,
            work: 8,
            check_work: 8,
            end: End::Stop,
            rms: compare::rms(Policy::Tensor(TensorFormat::F32), &bytes),
        };
        self.blobs.insert(written.blob, Blob { bytes: bytes.len() as u64, root: written.root });
        self.outputs.insert(written.blob, bytes);
        result
    }
}

/// What a receipt proves.
fn proven(receipt: &Receipt) -> Proven {
    let claim = receipt.story.events.iter().find_map(|event| {
        if let Happening::Claim { claim, .. } = &event.what { Some(claim.said().digest()) } else { None }
    });
    Proven { outcome: receipt.story.outcome, claim, cost: Amount::ZERO }
}
