//! One message of each kind, with contents that never change.

use assay_protocol::{
    account::{Grant, Register, Registration, Stake, Unstake},
    check::{Check, Draft, Evidence, OpenClaim, OpenSeal, Seal, ShownRecord, Trap, Underway, Unserved},
    claim::{Claim, Deliver, EvidenceLeaf, OutputLeaf, Reveal, Written},
    codec,
    id::{Digest, NetworkId, PeerId},
    manifest::{End, Manifest, Meter, Policy, TensorFormat, WorkPerMeter},
    merkle::Path,
    message::Message,
    notice::{Account, Checkpoint, Convict, Head, Notice, NoticeEvent, Query, Settled, Tick},
    objection::{Cancel, Contradict, Dispute, Output},
    offer::{Bench, Offer, Reachability, Service},
    order::{Abort, Accept, Failure, Open, Order, Propose, Refusal, Refuse},
    outcome::Outcome,
    roster::{Checkers, Squares},
    signed::{Keypair, Signed, Signer, Statement, Verified},
    standing::{KindName, PeerStanding},
    ticket::{Standing, Start, Ticket},
    units::{Amount, Duration, Rate, Timestamp},
};

/// What every signature covers first.
const DOMAIN: &str = "assay/1/";
/// Bytes before the body of a message: the header and the number of its kind.
const FRONT: usize = 3;
/// Bytes behind it: signer and signature, each behind its length.
const BACK: usize = 1 + 32 + 1 + 64;

/// The network of all samples.
pub(crate) fn network() -> NetworkId {
    digest(99)
}

/// The peer with this number.
pub(crate) fn key(number: u8) -> PeerId {
    Keypair::from_seed([number; 32]).id()
}

fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

fn signed<T: Statement>(body: T) -> Signed<T> {
    sealed(body).into_signed()
}

fn sealed<T: Statement>(body: T) -> Verified<T> {
    Signed::seal(body, &Keypair::from_seed([1; 32]), network())
}

fn said<T: Statement>(body: T) -> Message
where
    Message: From<Verified<T>>,
{
    sealed(body).into()
}

/// The body of a message.
pub(crate) fn body(message: &[u8]) -> &[u8] {
    &message[FRONT..message.len() - BACK]
}

/// A message of the same kind with another body, truly signed by `key` whatever is inside it; nothing, if it can hold
/// no such body.
pub(crate) fn signed_anew(message: &[u8], body: &[u8], key: &Keypair, network: NetworkId) -> Option<Message> {
    let kind = Message::KINDS[usize::from(message[FRONT - 1])];
    let signature = key.sign(&[&codec::encode(&(DOMAIN, kind, network)), body].concat());
    Message::decode(&[&message[..FRONT], body, &codec::encode(&(key.id(), signature))].concat()).ok()
}

/// One message of each kind.
pub(crate) fn all() -> Vec<Message> {
    [orders(), claims(), checks(), notices(), objections(), instructions()].concat()
}

fn orders() -> Vec<Message> {
    let accept =
        Accept { job: order().id(), class: digest(2), rate_max: Rate::ONE, starts_in: Duration(250) };
    vec![
        said(offer()),
        said(Propose { order: signed(order()), standing: Some(signed(standing())) }),
        said(accept.clone()),
        said(Refuse { job: digest(1), reason: Refusal::Busy }),
        said(Open { order: signed(order()), accept: signed(accept) }),
        said(ticket()),
        said(Start { order: signed(order()), ticket: signed(ticket()) }),
        said(Abort { job: digest(1), ticket: digest(2), reason: Failure::Limit }),
    ]
}

fn claims() -> Vec<Message> {
    let deliver = Deliver { claim: signed(claim()), leaf: output_leaf(), evidence: digest(8) };
    vec![said(claim()), said(deliver), said(Reveal { job: digest(1), position: 300, secret: digest(3) })]
}

fn checks() -> Vec<Message> {
    let check = Check {
        job: digest(1),
        verifier: key(4),
        class: digest(2),
        manifest: manifest(),
        units_max: 4,
        run_max: Duration::seconds(60),
        seed: digest(5),
        input_commit: digest(6),
        sources: [key(2), key(3)],
        seal_by: Timestamp(1_800_000_000_000),
        draft: Some(Draft { written: written(), units: 4, end: End::Stop }),
        due: Timestamp(1_700_000_000_000),
    };
    let evidence =
        EvidenceLeaf { evidence_root: digest(7), records: 1, rms: 0.5_f64.to_bits(), blind: digest(9) };
    let trap = Some(signed(Trap { job: digest(1), commit: digest(3) }));
    vec![
        said(check),
        said(Seal { job: digest(1), commit: digest(3), evidence: Some(found()) }),
        said(Underway { job: digest(1), due: Timestamp(1_700_000_000_000) }),
        said(Unserved { job: digest(1) }),
        said(OpenClaim { job: digest(1), output: output_leaf(), evidence, records: vec![record()], trap }),
        said(OpenSeal { job: digest(1), evidence: found(), records: vec![record()] }),
    ]
}

fn notices() -> Vec<Message> {
    let account = Account {
        sequence: 7,
        free: Amount::credits(1),
        stake: Amount::credits(2),
        unbonding: Amount::credits(3),
        forfeited: Amount::credits(8),
        instruction: 4,
        held: Amount::credits(5),
        owed: Amount::credits(6),
        fee_margin: Rate::per_mille(150),
        suspended: 0,
        open: 70_000,
        head: head(),
    };
    let closed = NoticeEvent::Closed { outcome: Outcome::Checked, receipt: digest(4) };
    let checkpoint = Checkpoint {
        anchor: digest(1),
        rosters: digest(2),
        head: head(),
        convicted: [(3, 20_830), (7, 20_833)].map(|(number, on)| Convict { peer: key(number), on }).into(),
    };
    let tick = Tick {
        round: 60,
        time: Timestamp(1_800_000_000_000),
        live: Timestamp(1_800_000_000_000),
        beacon: digest(3),
        checkpoint: Some(checkpoint),
    };
    vec![
        said(Notice { job: digest(1), event: closed, head: head() }),
        said(Query { sequence: 7, job: Some(digest(1)), standing: true }),
        said(account),
        said(standing()),
        said(tick),
        said(Settled { job: digest(1), receipt: digest(2) }),
    ]
}

/// A notice that shows a claim, which one in every notice's place does not.
pub(crate) fn claimed() -> Message {
    let event = NoticeEvent::Claimed { position: 300, claim: signed(claim()) };
    said(Notice { job: digest(1), event, head: head() })
}

fn objections() -> Vec<Message> {
    let output = Output { job: digest(1), records: 32, root: digest(2) };
    let contradict = Contradict {
        job: digest(1),
        output: signed(output),
        leaf: output_leaf(),
        evidence: digest(3),
        records: Some((record(), record())),
    };
    vec![
        said(Cancel { job: digest(1), ticket: digest(2) }),
        said(Dispute { job: digest(1) }),
        said(output),
        said(contradict),
    ]
}

fn instructions() -> Vec<Message> {
    let kinds = vec![Registration { class: digest(2), manifest: digest(3), work_most: 64 }];
    vec![
        said(Stake {
            notary: key(3),
            sequence: 1,
            amount: Amount::credits(1),
            target: Some(Amount::credits(9)),
        }),
        said(Unstake { notary: key(3), sequence: 2, amount: Amount::credits(1) }),
        said(Register { notary: key(3), sequence: 3, kinds }),
        said(Grant { notary: key(3), account: key(2), amount: Amount::credits(100), serial: 1 }),
    ]
}

fn offer() -> Offer {
    let service = Service {
        manifest: digest(3),
        name: "digits".to_owned(),
        unit_price: Amount(1_000_000),
        run: Duration(40),
        warm: true,
    };
    Offer {
        sequence: 5,
        valid_until: Timestamp(1_800_000_900_000),
        benches: vec![Bench {
            class: digest(2),
            machine: "rten 0.27, AVX2, 2 threads".to_owned(),
            device: String::new(),
            memory_free: 1 << 30,
            slots: 2,
            services: vec![service],
        }],
        notaries: vec![key(3)],
        addresses: vec!["/ip4/192.0.2.1/tcp/4001".to_owned()],
        reachability: Reachability::Unknown,
        standing: Some(signed(standing())),
    }
}

fn standing() -> PeerStanding {
    PeerStanding {
        peer: key(1),
        epoch: 7,
        stake: Amount::credits(100),
        exposed: Amount::credits(1),
        passed: vec![KindName::new(digest(1), digest(2), digest(3))],
        unclaimed: 1,
        convictions: 1,
        convicted_on: 20_000,
        means: 16,
    }
}

fn order() -> Order {
    Order {
        client: key(1),
        provider: key(2),
        notary: key(3),
        lane: 1,
        nonce: 2,
        class: digest(2),
        manifest: manifest(),
        input_commit: digest(6),
        units_max: 4,
        work_max: 8,
        unit_price: Amount(1_000_000),
        total_max: Amount(5_000_000),
        checks: 0,
        unchecked_ok: false,
        cancel_fee: Amount(100_000),
        run_max: Duration::seconds(60),
        open_by: Timestamp(1_800_000_030_000),
        secret_commit: digest(7),
    }
}

fn manifest() -> Manifest {
    Manifest {
        name: "digits".to_owned(),
        runner: digest(10),
        model: digest(11),
        params: "{}".to_owned(),
        policy: Policy::Tensor(TensorFormat::F32),
        meter: Meter::Calls,
        work: WorkPerMeter { call: 2, token_read: 0, token_written: 0, mega_fuel: 1 },
        work_most: 64,
        memory_bytes: 1 << 28,
        licence: "MIT".to_owned(),
    }
}

fn ticket() -> Ticket {
    let standing = Standing {
        opened: Timestamp(1_800_000_000_000),
        round: 9,
        position: 12,
        checkers: Checkers {
            leaves: 5,
            weight: 50_000,
            squares: Squares { high: 0, low: 500_000_000 },
            parties: [10_000, 0],
            missing: 5_000,
        },
        trust: 3 << 32,
        greys: 0,
        strict: false,
        endowed: false,
        stake: Amount::credits(100),
        exposed: Amount::credits(1),
        reserve: Amount(480_000_000),
        serving: 3,
        open: 60_000,
        fee_margin: Rate::per_mille(150),
    };
    Ticket {
        job: digest(1),
        standing,
        rate: Rate::per_mille(100),
        policy_rate: Rate::per_mille(100),
        prepaid: 0,
        slash: Amount::credits(100),
        premium: Amount(1_000),
        dues: Amount(4_000),
        newcomer: false,
        covered: true,
        place: Amount(190_000),
        window: Duration::seconds(600),
        claim_by: Timestamp(1_800_000_210_000),
    }
}

fn claim() -> Claim {
    Claim {
        job: digest(1),
        ticket: digest(2),
        units: 4,
        work: 8,
        check_work: 6,
        end: End::Stop,
        commit: digest(3),
    }
}

fn written() -> Written {
    Written { root: digest(4), records: 1, blob: digest(9) }
}

fn output_leaf() -> OutputLeaf {
    OutputLeaf { written: written(), units: 4, end: End::Stop, blind: digest(5) }
}

fn found() -> Evidence {
    Evidence {
        written: written(),
        evidence_root: digest(4),
        records: 1,
        units: 4,
        work: 8,
        check_work: 6,
        end: End::Stop,
        rms: 1.5_f64.to_bits(),
        salt: digest(6),
    }
}

fn record() -> ShownRecord {
    ShownRecord { position: 3, bytes: vec![1, 2, 3], path: Path(vec![digest(7), digest(8)]) }
}

fn head() -> Head {
    Head { sequence: 12, digest: digest(12) }
}
