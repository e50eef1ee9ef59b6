//! That every kind of effect that others can see is held to the record it rests on, and to no other.

use alloc::{boxed::Box, sync::Arc, vec, vec::Vec};
use core::slice::from_ref;

use assay_protocol::{
    account::{Register, Stake, Unstake},
    check::{Check, Evidence, OpenClaim, OpenSeal, Seal, Unserved},
    claim::{Claim, Deliver, EvidenceLeaf, OutputLeaf, Reveal, Written},
    journal::Entry,
    manifest::End,
    notice::{Account, Head, Notice, NoticeEvent, Query, Settled, Tick},
    objection::{Cancel, Dispute},
    offer::Reachability,
    order::{Abort, Accept, Failure, Open, Order, Propose, Refusal, Refuse},
    outcome::Outcome,
    payout::Settlement,
    receipt::{Happening, Story},
    signed::{Recorded, Statement, Verified},
    ticket::Start,
    units::{Amount, Duration, Rate, Timestamp},
};

use super::*;
use crate::{
    fixture::{self, Key, Trusting, genesis, peer, standing},
    input::RunResult,
    moment::Steady,
    provision::Provision,
    record::{ClientRecord, OwnerRecord, ProviderRecord, VerifierRecord},
};

/// Who they are.
const CLIENT: u64 = 1;
const PROVIDER: u64 = 2;
const NOTARY: u64 = 3;
const VERIFIER: u64 = 4;

/// A record, and what rests on it: effects that others can see, each with what is told along with it.
struct Case {
    name: &'static str,
    save: Record,
    said: Vec<Effect>,
}

fn seal<T: Statement>(by: u64, body: T) -> Signed<T> {
    Signed::seal(body, &Key(peer(by)), Digest::default()).into_signed()
}

/// The same as a fact: nobody can tell these signatures apart.
fn opened<T: Statement>(signed: Signed<T>) -> Verified<T> {
    signed.open::<Trusting>(Digest::default()).unwrap_or_else(|forged| panic!("{forged}"))
}

/// The same out of a journal.
fn kept<T: Statement>(signed: Signed<T>) -> Recorded<T> {
    opened(signed).into()
}

fn send<T: Statement>(by: u64, to: u64, body: T) -> Effect
where
    Message: From<Verified<T>>,
{
    Effect::Send { to: peer(to), message: opened(seal(by, body)).into() }
}

/// One job, told apart by its number.
struct Job {
    number: u64,
    order: Order,
    id: JobId,
}

impl Job {
    fn new(number: u64) -> Self {
        let order = Order { nonce: number, ..fixture::order(Amount(1_000)) };
        Self { number, id: order.id(), order }
    }

    fn key(&self) -> Digest {
        fixture::submission(self.number).key
    }

    fn order(&self) -> Signed<Order> {
        seal(CLIENT, self.order.clone())
    }

    fn open(&self) -> Open {
        let accept = Accept {
            job: self.id,
            class: self.order.class,
            rate_max: Rate::ONE,
            starts_in: Duration::default(),
        };
        Open { order: self.order(), accept: seal(PROVIDER, accept) }
    }

    fn ticket(&self) -> Ticket {
        Ticket::new(&genesis(), &self.order, standing(0, Amount::ZERO))
    }

    fn result(&self) -> RunResult {
        let written = Written::of(&self.number.to_le_bytes());
        let (evidence_root, evidence_records) = (written.root, written.records);
        let (units, work, check_work, end, rms) = (1, 1, 1, End::Stop, 0);
        RunResult { written, evidence_root, evidence_records, units, work, check_work, end, rms }
    }

    fn leaves(&self) -> (OutputLeaf, EvidenceLeaf) {
        let (written, blind) = (self.result().written, Digest::default());
        let output = OutputLeaf { written, units: 1, end: End::Stop, blind };
        (output, EvidenceLeaf { evidence_root: written.root, records: 1, rms: 0, blind })
    }

    fn claim(&self, work: u64) -> Signed<Claim> {
        let (ticket, commit) = (Digest::default(), Digest::default());
        seal(
            PROVIDER,
            Claim { job: self.id, ticket, units: 1, work, check_work: work, end: End::Stop, commit },
        )
    }

    fn check(&self) -> Signed<Check> {
        let check = Check {
            job: self.id,
            verifier: peer(VERIFIER),
            class: Digest::default(),
            manifest: self.order.manifest.clone(),
            units_max: 1,
            run_max: Duration(1),
            seed: Digest::default(),
            input_commit: Digest::default(),
            sources: [peer(CLIENT), peer(PROVIDER)],
            seal_by: Timestamp(1),
            draft: None,
            due: Timestamp(1),
        };
        seal(NOTARY, check)
    }

    fn evidence(&self) -> Evidence {
        let RunResult { written, evidence_root, evidence_records: records, .. } = self.result();
        let (units, work, check_work, end, rms, salt) = (1, 1, 1, End::Stop, 0, Digest::default());
        Evidence { written, evidence_root, records, units, work, check_work, end, rms, salt }
    }

    fn receipt(&self, ticks: Vec<Signed<Tick>>) -> Effect {
        let story = Story {
            genesis: Arc::new(genesis()),
            open: seal(CLIENT, self.open()),
            ticket: self.ticket(),
            ticks,
            events: Vec::new(),
            listing: None,
            outcome: Outcome::Checked,
            settlement: Settlement::default(),
            position: self.number,
        };
        let settled = seal(NOTARY, Settled { job: self.id, receipt: story.digest() });
        Effect::File { receipt: Box::new(Receipt { story, settled }) }
    }

    fn notice(&self, head: Head) -> Effect {
        send(NOTARY, CLIENT, Notice { job: self.id, event: NoticeEvent::Unknown, head })
    }

    fn of_client(&self) -> Vec<Case> {
        let (job, key, ticket) = (self.id, self.key(), seal(NOTARY, self.ticket()));
        let (provider, price) = (peer(PROVIDER), Amount::ZERO);
        let propose = || send(CLIENT, PROVIDER, Propose { order: self.order(), standing: None });
        let proposed = Effect::Tell(Event::Proposed { key, job, provider, price });
        let reveal = Reveal { job, position: 0, secret: Digest::default() };
        let cancelling = Effect::Tell(Event::Cancelling { key, job });
        let cancel = send(CLIENT, NOTARY, Cancel { job, ticket: Digest::default() });
        let start = || send(CLIENT, PROVIDER, Start { order: self.order(), ticket: ticket.clone() });
        let serve = Effect::Serve { holder: self.id, digest: self.order.input_commit, to: provider };
        let record = |record| Record::Client(Box::new(record));
        let case = |name, save, said| Case { name, save: record(save), said };
        vec![
            case(
                "order, of a wish",
                ClientRecord::Submitted(fixture::submission(self.number)),
                vec![proposed, propose()],
            ),
            case(
                "order",
                ClientRecord::Ordered { key, order: kept(self.order()), secret: key },
                vec![propose()],
            ),
            case(
                "agreement",
                ClientRecord::Agreed { open: kept(seal(CLIENT, self.open())) },
                vec![send(CLIENT, NOTARY, self.open())],
            ),
            case("ticket", ClientRecord::Ticketed(kept(ticket.clone())), vec![start()]),
            case("ticket, input", ClientRecord::Ticketed(kept(ticket.clone())), vec![serve, start()]),
            case("shown", ClientRecord::Claimed(kept(self.claim(1))), vec![send(CLIENT, NOTARY, reveal)]),
            case("end, forsaken", ClientRecord::Forsaken { job }, vec![cancel.clone()]),
            case("end", ClientRecord::Cancelled { key }, vec![cancelling, cancel]),
            case("doubt", ClientRecord::Disputed { job }, vec![send(CLIENT, NOTARY, Dispute { job })]),
        ]
    }

    fn of_provider(&self) -> Vec<Case> {
        let job = self.id;
        let (leaf, evidence) = self.leaves();
        let (output, records) = (self.result().written.blob, Vec::new());
        let deliver = Deliver { claim: self.claim(3), leaf, evidence: evidence.digest() };
        let opening = OpenClaim { job, output: leaf, evidence, records, trap: None };
        let abort = Abort { job, ticket: Digest::default(), reason: Failure::Trap };
        let claim = |work| Effect::Send { to: peer(NOTARY), message: opened(self.claim(work)).into() };
        let result = ProviderRecord::Claimed {
            claim: kept(self.claim(3)),
            result: self.result(),
            output_blind: Digest::default(),
            evidence_blind: Digest::default(),
        };
        let record = |record| Record::Provider(Box::new(record));
        let case = |name, save, said: Effect| Case { name, save: record(save), said: vec![said] };
        vec![
            case("result, claim", result.clone(), claim(3)),
            case("result, delivered", result.clone(), send(PROVIDER, CLIENT, deliver)),
            case("result, opened", result.clone(), send(PROVIDER, NOTARY, opening)),
            case("result, served", result, Effect::Serve { holder: job, digest: output, to: peer(CLIENT) }),
            case("fee", ProviderRecord::Yielded(kept(self.claim(4))), claim(4)),
            case(
                "given up",
                ProviderRecord::Aborted(kept(seal(PROVIDER, abort))),
                send(PROVIDER, NOTARY, abort),
            ),
        ]
    }

    fn of_verifier(&self) -> Vec<Case> {
        let (job, output, records) = (self.id, self.result().written.blob, Vec::new());
        let sealed = Seal { job, commit: self.evidence().commit(), evidence: None };
        let seals =
            VerifierRecord::Sealed { seal: kept(seal(VERIFIER, sealed)), evidence: self.evidence(), output };
        let opening = OpenSeal { job, evidence: self.evidence(), records };
        let shown = Effect::Send { to: peer(PROVIDER), message: opened(self.check()).into() };
        let unserved = VerifierRecord::Unserved(kept(seal(VERIFIER, Unserved { job })));
        let record = |record| Record::Verifier(Box::new(record));
        let case = |name, save, said: Effect| Case { name, save: record(save), said: vec![said] };
        vec![
            case("asked", VerifierRecord::Asked(kept(self.check())), shown),
            case("seal", seals.clone(), send(VERIFIER, NOTARY, sealed)),
            case("seal, opened", seals, send(VERIFIER, NOTARY, opening)),
            case("unserved", unserved, send(VERIFIER, NOTARY, Unserved { job })),
        ]
    }

    fn of_notary(&self) -> Vec<Case> {
        let opens = Fact::Open(seal(CLIENT, self.open()));
        let happening = Happening::Dispute(seal(CLIENT, Dispute { job: self.id }));
        let moves = Fact::Job(happening);
        let check = Effect::Send { to: peer(VERIFIER), message: opened(self.check()).into() };
        let case = |name, fact, said: Effect| Case { name, save: entry(fact), said: vec![said] };
        vec![
            case("entry, ticket", opens, send(NOTARY, CLIENT, self.ticket())),
            case("entry, notice", moves.clone(), self.notice(Head::default())),
            case("entry, check", moves.clone(), check),
            case("entry, receipt", moves, self.receipt(Vec::new())),
        ]
    }

    fn cases(&self) -> Vec<Case> {
        let cases =
            [self.of_client(), self.of_provider(), self.of_verifier(), self.of_notary(), self.others()];
        cases.into_iter().flatten().collect()
    }

    /// What is about no job, or about all.
    fn others(&self) -> Vec<Case> {
        let (notary, sequence, amount) = (peer(NOTARY), self.number, Amount(1));
        let stake = Stake { notary, sequence, amount, target: None };
        let unstake = Unstake { notary, sequence, amount };
        let register = Register { notary, sequence, kinds: Vec::new() };
        let account = Account { sequence, ..account() };
        let tick = tick(self.number);
        let other = Self::new(90 + sequence);
        let quoted = other.notice(head(&entry(Fact::Tick(tick.clone()))));
        let numbered = |said| Record::Owner(Box::new(OwnerRecord::Numbered(said)));
        let own = |by, fact| (entry(fact), send(NOTARY, by, account));
        let (staked, stated) = own(10 + sequence, Fact::Stake(seal(10 + sequence, stake)));
        let (asked, answered) = own(20 + sequence, Fact::Query(seal(20 + sequence, query(sequence))));
        let case = |name, save, said: Effect| Case { name, save, said: vec![said] };
        vec![
            case(
                "stake",
                numbered(Instructed::Stake(kept(seal(CLIENT, stake)))),
                send(CLIENT, NOTARY, stake),
            ),
            case(
                "unstake",
                numbered(Instructed::Unstake(kept(seal(CLIENT, unstake)))),
                send(CLIENT, NOTARY, unstake),
            ),
            case(
                "register",
                numbered(Instructed::Register(kept(seal(CLIENT, register.clone())))),
                send(CLIENT, NOTARY, register),
            ),
            case("entry, account", staked, stated),
            case("entry, new account", asked, answered),
            case("tick", entry(Fact::Tick(tick.clone())), Effect::Publish(opened(tick.clone()).into())),
            case("tick, quoted", entry(Fact::Tick(tick.clone())), quoted),
            case("tick, receipt", entry(Fact::Tick(tick.clone())), other.receipt(vec![tick])),
        ]
    }
}

fn query(sequence: u64) -> Query {
    Query { sequence, job: None, standing: false }
}

fn account() -> Account {
    let nothing = Amount::ZERO;
    Account {
        sequence: 0,
        free: nothing,
        stake: nothing,
        unbonding: nothing,
        forfeited: nothing,
        instruction: 0,
        held: nothing,
        owed: nothing,
        fee_margin: Rate::ZERO,
        suspended: 0,
        open: 0,
        head: Head::default(),
    }
}

fn tick(round: u64) -> Signed<Tick> {
    let (time, beacon) = (Timestamp(round), Digest::default());
    seal(NOTARY, Tick { round, time, live: time, beacon, checkpoint: None })
}

fn entry(fact: Fact) -> Record {
    Record::Chain(Box::new(Entry { previous: Digest::of(b"before"), fact }))
}

fn head(record: &Record) -> Head {
    let Record::Chain(entry) = record else { panic!("no entry: {record:?}") };
    Head { sequence: 1, digest: entry.digest() }
}

/// Both in this order, with something between that matters to nobody.
fn overtakes(first: &[Effect], then: &[Effect]) -> bool {
    let between = [Effect::WakeAt(Steady(1))];
    let effects: Vec<Effect> = [first, &between, then].concat();
    overtaken(&effects).is_some()
}

/// What its record is about: cases of one family may rest on each other's records.
fn family(case: &Case) -> &'static str {
    case.name.split(',').next().unwrap_or_default()
}

#[test]
fn whatever_is_said_before_the_record_it_rests_on_is_found_and_behind_it_is_not() {
    for Case { name, save, said } in Job::new(1).cases() {
        let save = [Effect::Save(save)];
        assert!(overtakes(&said, &save), "{name}: said first");
        assert!(!overtakes(&save, &said), "{name}: saved first");
    }
}

#[test]
fn a_record_of_another_job_or_of_another_kind_holds_nothing_up() {
    let (cases, others) = (Job::new(1).cases(), Job::new(2).cases());
    for case in &cases {
        let other = cases.iter().filter(|other| family(other) != family(case));
        for other in other.chain(&others) {
            let save = [Effect::Save(other.save.clone())];
            assert!(!overtakes(&case.said, &save), "{} before {}", case.name, other.name);
        }
    }
}

#[test]
fn what_is_done_again_behind_a_record_rested_on_an_older_one_before_it() {
    let provision = Provision {
        benches: Vec::new(),
        cancel_fee_min: Amount::ZERO,
        addresses: Vec::new(),
        reachability: Reachability::Unknown,
    };
    let provision = Effect::Save(Record::Provider(Box::new(ProviderRecord::Provision(provision))));
    let offer = Effect::Publish(fixture::signed(PROVIDER, fixture::offer(PROVIDER, Amount(1))).into());
    let job = Job::new(1);
    let outcome = Outcome::Checked;
    let closed = Effect::Save(Record::Provider(Box::new(ProviderRecord::Closed { job: job.id, outcome })));
    let stop = Effect::Release { holder: job.id };
    for (said, save) in [(offer, provision), (stop, closed)] {
        let (said, save) = (&[said][..], &[save][..]);
        assert!(overtakes(said, save), "{said:?}");
        assert!(!overtakes(said, &[save, said].concat()), "{said:?}");
    }
    let ticket = seal(NOTARY, job.ticket());
    let save = Effect::Save(Record::Client(Box::new(ClientRecord::Ticketed(kept(ticket.clone())))));
    let (older, input) = [1, 2]
        .map(|number| Effect::Serve {
            holder: Digest::default(),
            digest: Job::new(number).id,
            to: peer(PROVIDER),
        })
        .into();
    let start = send(CLIENT, PROVIDER, Start { order: job.order(), ticket });
    assert!(overtakes(from_ref(&older), &[save.clone(), start.clone()]));
    assert!(!overtakes(&[older], &[save, input, start]));
}

#[test]
fn questions_and_refusals_rest_on_nothing() {
    let job = Job::new(1);
    let refuse = Refuse { job: job.id, reason: Refusal::Busy };
    let said = [
        send(CLIENT, NOTARY, Query { sequence: 1, job: Some(job.id), standing: false }),
        send(PROVIDER, CLIENT, refuse),
    ];
    for Case { name, save, .. } in job.cases() {
        assert!(!overtakes(&said, &[Effect::Save(save)]), "{name}");
    }
}

#[test]
fn no_beacon_is_published_before_the_seed_it_grows_from() {
    let (seed, tick) = (Effect::Save(Record::Beacon(Digest::default())), tick(1));
    let publish = Effect::Publish(opened(tick).into());
    assert!(overtakes(from_ref(&publish), from_ref(&seed)));
    assert!(!overtakes(&[seed], &[publish]));
}
