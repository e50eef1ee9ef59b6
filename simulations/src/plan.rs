//! What a run is made of: how many peers of each kind, the rules they live by, the network between them.
//!
//! Peers are numbered: the notary first, then the founders, who provide and check, then the clients.

use std::collections::BTreeMap;

use assay_protocol::{
    genesis::{Checks, Founder, Genesis, Money, Pair, Threshold, Timers},
    id::Digest,
    manifest::{Manifest, Meter, Policy, TensorFormat, TokenWeights, WorkPerMeter},
    signed::Signer,
    units::{Amount, Duration, NANO_PER_CREDIT, Rate, Work},
};

use crate::{crypto::SimulatedKey, kernel::Span, network::Conditions, world::Place};

/// Outputs of 1,280 numbers: twenty records, of which sixteen are opened.
pub const TENSOR: &str = "tensor";
/// Outputs of 40 numbers: one record, always opened.
pub const LABEL: &str = "label";
/// Outputs of 600 bytes that must agree in each.
pub const EXACT: &str = "exact";

/// Up to 12 tokens, each of which follows from its row.
pub const TEXT: &str = "text";

/// Units that the longest text takes.
pub const TEXT_UNITS: u64 = 58;

/// Units that a text of three tokens takes: a third of those of the longest.
pub const TEXT_UNITS_SHORT: u64 = 22;

/// What a unit costs at the cheapest founder, and at whoever else provides.
pub const UNIT_PRICE: Amount = Amount(NANO_PER_CREDIT / 100);

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What all chance grows from.
    pub seed: u64,
    /// Peers that provide and check from the first day.
    pub founders: usize,
    /// What each of them has at stake.
    pub stake: Amount,
    /// Places of founders with another stake.
    pub stakes: BTreeMap<usize, Amount>,
    /// By how much a unit costs more at each founder than at the one before.
    pub price_step: Amount,
    /// Places whose peers ask for such a part of what they would ask for otherwise.
    pub asks: BTreeMap<usize, Rate>,
    /// What the first checks of every pinned model are paid from; with nothing in it none of them is endowed.
    pub endowment: Amount,
    /// Peers that submit jobs.
    pub clients: usize,
    /// How many of them are given something to begin with within an hour.
    pub welcomes_per_hour: u64,
    /// How good the network is.
    pub conditions: Conditions,
    /// The shortest that a disk takes to sync.
    pub sync_min: Span,
    /// The longest, unless that is shorter.
    pub sync_max: Span,
    /// The shortest and the longest run of a machine that runs all at once.
    pub runs: [Span; 2],
    /// How far a peer's clock may be off, either way, in milliseconds.
    pub skew_ms_max: u64,
    /// How long everything may take, but for a withdrawal.
    pub timers: Timers,
    /// How long a withdrawn stake waits at least.
    pub unbonding: Duration,
    /// Jobs that a founder runs at the same time.
    pub slots: u16,
    /// The least that a cancelled job must leave to a founder.
    pub cancel_fee_min: Amount,
    /// How results are checked.
    pub checks: Checks,
    /// How long each run takes on machines that run one after another; none for machines that run all at once.
    pub one_by_one: Option<Span>,
    /// The most work of one run, by every manifest but that of texts: who checks has a stake to match.
    pub work_most: Work,
    /// True if texts can be ordered as well.
    pub texts: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            founders: 6,
            stake: Amount::credits(10),
            stakes: BTreeMap::new(),
            price_step: Amount::ZERO,
            asks: BTreeMap::new(),
            endowment: Amount::ZERO,
            clients: 1,
            welcomes_per_hour: 100,
            conditions: Conditions::GOOD,
            sync_min: Span::millis(1),
            sync_max: Span::millis(8),
            runs: [Span::millis(60), Span::millis(140)],
            skew_ms_max: 50,
            timers: Timers { settle_max: Duration::seconds(12 * 3_600), ..Timers::brisk() },
            unbonding: Timers::brisk().unbonding,
            slots: 2,
            cancel_fee_min: Amount::ZERO,
            checks: Checks::default(),
            one_by_one: None,
            work_most: 8,
            texts: false,
        }
    }
}

impl Plan {
    /// How many peers there are.
    #[must_use]
    pub fn peers(&self) -> usize {
        1 + self.founders + self.clients
    }

    /// The notary.
    #[must_use]
    pub fn notary(&self) -> Place {
        Place(0)
    }

    /// The founder with this number.
    #[must_use]
    pub fn founder(&self, number: usize) -> Place {
        Place(1 + number)
    }

    /// The client with this number.
    #[must_use]
    pub fn client(&self, number: usize) -> Place {
        Place(1 + self.founders + number)
    }

    /// The shortest and the longest that a disk takes to sync.
    #[must_use]
    pub fn syncs(&self) -> [Span; 2] {
        [self.sync_min, self.sync_max.max(self.sync_min)]
    }

    /// What a unit costs at a peer.
    #[must_use]
    pub fn unit_price(&self, place: Place) -> Amount {
        let usual = self.unit_price_usual(place);
        self.asks.get(&place.0).map_or(usual, |ask| usual.share(*ask))
    }

    fn unit_price_usual(&self, place: Place) -> Amount {
        let founders_before = place.0.checked_sub(1).filter(|number| *number < self.founders);
        let dearer = self.price_step.times(founders_before.unwrap_or_default() as u64);
        dearer.and_then(|dearer| UNIT_PRICE.plus(dearer)).unwrap_or(UNIT_PRICE)
    }

    /// What a unit costs at the dearest founder.
    #[must_use]
    pub fn unit_price_max(&self) -> Amount {
        self.unit_price_usual(self.founder(self.founders.saturating_sub(1)))
    }

    /// The key of a peer.
    #[must_use]
    pub fn key(&self, place: Place) -> SimulatedKey {
        SimulatedKey::new(self.seed, place.0 as u64)
    }

    /// The network's rules.
    #[must_use]
    pub fn genesis(&self) -> Genesis {
        Genesis {
            name: "simulated".into(),
            unit: "credit".into(),
            real_money: false,
            notaries: vec![self.key(self.notary()).id()],
            issuer: self.key(self.notary()).id(),
            timers: Timers { unbonding: self.unbonding, ..self.timers },
            checks: self.checks,
            money: Money { endowment: self.endowment, welcomes_per_hour: self.welcomes_per_hour, ..money() },
            thresholds: vec![threshold()],
            manifests: self.manifests(),
            endowed: if self.endowment.is_zero() { Vec::new() } else { endowed() },
            verifiers: (0..self.founders).map(|number| self.founding(number)).collect(),
        }
    }

    fn manifests(&self) -> Vec<Manifest> {
        let of = |manifest| Manifest { work_most: self.work_most, ..manifest };
        manifests().into_iter().map(of).chain(self.texts.then(text)).collect()
    }

    fn founding(&self, number: usize) -> Founder {
        let place = self.founder(number);
        let (peer, stake) = (self.key(place).id(), self.stakes.get(&place.0).copied().unwrap_or(self.stake));
        Founder { peer, stake, free: Amount::credits(1), classes: vec![class()] }
    }
}

/// The class of every simulated machine.
#[must_use]
pub fn class() -> Digest {
    Digest::of(b"simulated machine")
}

/// What can be ordered.
#[must_use]
pub fn manifests() -> Vec<Manifest> {
    let tensor = Policy::Tensor(TensorFormat::F32);
    [(TENSOR, "5120", tensor), (LABEL, "160", tensor), (EXACT, "600", Policy::Exact)]
        .map(|(name, output_bytes, policy)| Manifest {
            name: name.into(),
            runner: Digest::of(b"simulated runner"),
            model: Digest::of(name.as_bytes()),
            params: output_bytes.into(),
            policy,
            meter: Meter::Calls,
            work: WorkPerMeter { call: 2, ..WorkPerMeter::default() },
            work_most: 8,
            memory_bytes: 1 << 20,
            licence: "MIT".into(),
        })
        .into()
}

/// A pretended language model. A prompt of 40 bytes is ten tokens.
#[must_use]
pub fn text() -> Manifest {
    Manifest {
        name: TEXT.into(),
        runner: Digest::of(b"simulated runner"),
        model: Digest::of(TEXT.as_bytes()),
        params: "12".into(),
        policy: Policy::Replay,
        meter: Meter::Tokens(TokenWeights::default()),
        work: WorkPerMeter { token_read: 1, token_written: 4, ..WorkPerMeter::default() },
        work_most: TEXT_UNITS,
        memory_bytes: 1 << 20,
        licence: "MIT".into(),
    }
}

fn endowed() -> Vec<Pair> {
    manifests().into_iter().map(|manifest| Pair { model: manifest.model, class: class() }).collect()
}

fn money() -> Money {
    Money {
        per_work: Amount(NANO_PER_CREDIT / 500),
        micros_per_work: 50_000,
        pool: Amount::credits(100),
        low_water: Amount::credits(10),
        welcome: Amount::credits(100),
        place_hour: Amount::ZERO,
        ..Money::default()
    }
}

fn threshold() -> Threshold {
    Threshold { format: TensorFormat::F32, ok: Rate::of(5, 100_000), bad: Rate::of(5, 10_000) }
}
