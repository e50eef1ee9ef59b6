//! What the tests of this crate are about: a network's numbers, a model, keys whose signatures cost nothing.

use alloc::{string::String, vec::Vec};

use assay_protocol::{
    codec,
    genesis::{Checks, Genesis, Money, Timers},
    id::{Digest, PeerId, Signature},
    manifest::{Manifest, Meter, Policy, WorkPerMeter},
    offer::{Bench, Offer, Reachability, Service},
    order::Order,
    roster::{Checkers, Squares},
    signed::{Scheme, Signed, Signer, Verified},
    ticket::Standing,
    units::{Amount, Duration, Timestamp},
};

use crate::submission::Submission;

/// When everything happens.
pub(crate) const NOW: Timestamp = Timestamp(1_000_000_000);

/// A key whose signatures nobody can tell from others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) PeerId);

/// How they are verified: not at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trusting;

impl Scheme for Trusting {
    fn verify(_: &PeerId, _: &[u8], _: &Signature) -> bool {
        true
    }
}

impl Signer for Key {
    type Scheme = Trusting;

    fn id(&self) -> PeerId {
        self.0
    }

    fn sign(&self, _: &[u8]) -> Signature {
        Signature::default()
    }

    fn derive(&self, purpose: &'static str, thing: Digest) -> Digest {
        codec::digest("secret of a test", &(self.0, purpose, thing))
    }
}

/// The peer with this number.
pub(crate) fn peer(number: u64) -> PeerId {
    PeerId(codec::digest("peer", &number).0)
}

/// The only model.
pub(crate) fn manifest() -> Manifest {
    Manifest {
        name: "digits".into(),
        runner: Digest::of(b"runner"),
        model: Digest::of(b"model"),
        params: String::new(),
        policy: Policy::Exact,
        meter: Meter::Calls,
        work: WorkPerMeter { call: 1, ..WorkPerMeter::default() },
        work_most: 1_000,
        memory_bytes: 1,
        licence: "MIT".into(),
    }
}

/// An offer of the only model.
pub(crate) fn offer(number: u64, unit_price: Amount) -> Offer {
    Offer {
        sequence: 1,
        valid_until: NOW.after(Duration::seconds(900)),
        benches: [bench([service(manifest().digest(), unit_price)].into())].into(),
        notaries: Vec::new(),
        addresses: [alloc::format!("/memory/{number}")].into(),
        reachability: Reachability::Unknown,
        standing: None,
    }
}

/// A bench with these services.
pub(crate) fn bench(services: Vec<Service>) -> Bench {
    let (class, machine, device) = (Digest::default(), String::new(), String::new());
    Bench { class, machine, device, memory_free: 1 << 30, slots: 1, services }
}

/// A service that is like every other but for its price.
pub(crate) fn service(manifest: Digest, unit_price: Amount) -> Service {
    Service { manifest, name: "digits".into(), unit_price, run: Duration(100), warm: true }
}

/// The offer of the peer with this number.
pub(crate) fn signed(number: u64, offer: Offer) -> Verified<Offer> {
    Signed::seal(offer, &Key(peer(number)), Digest::default())
}

/// A wish for a run of the only model, at any price.
pub(crate) fn submission(number: u64) -> Submission {
    Submission {
        checks: 0,
        unchecked_ok: false,
        key: codec::digest("submission", &number),
        content: Digest::default(),
        manifest: manifest(),
        input_commit: Digest::default(),
        input_bytes: 1,
        units_max: 10,
        work_max: 10,
        run_max: Duration::seconds(60),
        cost_max: Amount(u64::MAX),
        unit_price_max: Amount(u64::MAX),
        provider: None,
        ignored: Vec::new(),
        returns_to: None,
        attempts_max: 3,
        cancel_fee: Amount::ZERO,
        until: None,
    }
}

/// An order for 100 units and 100 units of work.
pub(crate) fn order(unit_price: Amount) -> Order {
    Order {
        client: peer(1),
        provider: peer(2),
        notary: peer(3),
        lane: 0,
        nonce: 0,
        class: Digest::default(),
        manifest: manifest(),
        input_commit: Digest::default(),
        units_max: 100,
        work_max: 100,
        unit_price,
        total_max: unit_price.times(200).unwrap_or_default(),
        checks: 0,
        unchecked_ok: false,
        cancel_fee: Amount::ZERO,
        run_max: Duration::seconds(60),
        open_by: NOW,
        secret_commit: Digest::default(),
    }
}

/// What a notary says of a provider that passed this many checks.
pub(crate) fn standing(passed: u64, stake: Amount) -> Standing {
    Standing {
        opened: NOW,
        round: 0,
        position: 0,
        checkers: Checkers {
            leaves: 13,
            weight: 13,
            squares: Squares { high: 0, low: 13 },
            parties: [0; 2],
            missing: 0,
        },
        trust: passed << 32,
        greys: 0,
        strict: false,
        endowed: false,
        stake,
        exposed: Amount::ZERO,
        reserve: Amount::ZERO,
        serving: 0,
        open: 0,
        fee_margin: genesis().money.margin,
    }
}

/// A network with the numbers of verification that are published.
pub(crate) fn genesis() -> Genesis {
    Genesis {
        name: "test".into(),
        unit: "credit".into(),
        real_money: false,
        notaries: [peer(3)].into(),
        issuer: peer(3),
        timers: Timers::brisk(),
        checks: Checks::default(),
        money: Money {
            per_work: Amount(1_000),
            micros_per_work: 1_000,
            pool: Amount::credits(1),
            low_water: Amount::credits(1),
            place_hour: Amount::ZERO,
            ..Money::default()
        },
        thresholds: Vec::new(),
        manifests: [manifest()].into(),
        endowed: Vec::new(),
        verifiers: Vec::new(),
    }
}
