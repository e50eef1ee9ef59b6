//! A small network for jobs that are played in memory: its rules, its ticks and who can check.
//!
//! Its signatures are digests that anyone can make: whoever plays here can sign for everybody.

use std::sync::LazyLock;

use assay_protocol::{
    codec, draw,
    genesis::{Checks, Genesis, Money, Threshold, Timers},
    id::{Digest, NetworkId, PeerId, Signature},
    manifest::{Manifest, Meter, Policy, TensorFormat, TokenWeights, WorkPerMeter},
    merkle,
    notice::{Checkpoint, Head, Tick},
    roster::{self, Leaf, Listing, Roster},
    signed::{Scheme, Signer},
    units::{Amount, Duration, Rate, Timestamp},
};

use super::dice::Dice;

/// Ticks that a town lives for.
pub(crate) const ROUNDS: u64 = 400;
/// Peers that can check.
const VERIFIERS: u8 = 24;

pub(crate) const NOTARY: PeerId = PeerId([1; 32]);
pub(crate) const CLIENT: PeerId = PeerId([2; 32]);
pub(crate) const PROVIDER: PeerId = PeerId([3; 32]);
pub(crate) const CLASS: Digest = Digest([4; 32]);

/// Signatures that anybody can make for anybody.
#[derive(Debug)]
pub(crate) struct Stamp;

impl Scheme for Stamp {
    fn verify(signer: &PeerId, bytes: &[u8], signature: &Signature) -> bool {
        *signature == Stamper(*signer).sign(bytes)
    }
}

/// Whoever has this name.
pub(crate) struct Stamper(pub(crate) PeerId);

impl Signer for Stamper {
    type Scheme = Stamp;

    fn id(&self) -> PeerId {
        self.0
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let half = Digest::of([self.0.0, Digest::of(bytes).0].as_flattened());
        let mut signature = [7; 64];
        signature[..32].copy_from_slice(half.as_bytes());
        Signature(signature)
    }

    fn derive(&self, purpose: &'static str, thing: Digest) -> Digest {
        codec::digest("stamped secret", &(self.0, purpose, thing))
    }
}

/// A network with everything that a notary would have entered.
pub(crate) struct Town {
    pub(crate) genesis: Genesis,
    pub(crate) network: NetworkId,
    pub(crate) roster: Roster,
    /// By round.
    pub(crate) ticks: Vec<Tick>,
    /// True if a number of its rules is another than it should be.
    pub(crate) is_bent: bool,
}

/// A network as it is meant, where outputs may differ a little.
pub(crate) static SOUND: LazyLock<Town> = LazyLock::new(|| Town::new(genesis()));
/// The same, where outputs must be equal.
pub(crate) static EXACT: LazyLock<Town> =
    LazyLock::new(|| Town::new(Genesis { thresholds: Vec::new(), ..genesis() }));

/// What a network is called where texts are ordered.
const TEXTUAL: &str = "texts";
/// The same, where outputs must be made by equal rows.
pub(crate) static TEXTS: LazyLock<Town> =
    LazyLock::new(|| Town::new(Genesis { thresholds: Vec::new(), name: TEXTUAL.into(), ..genesis() }));

impl Town {
    fn new(genesis: Genesis) -> Self {
        let verifier = |name: u8| Leaf {
            peer: PeerId([name; 32]),
            stake: Amount::credits(1_000_000 * (1 + u64::from(name) % 3)),
        };
        // The parties check the jobs of others.
        let parties = [CLIENT, PROVIDER].map(|peer| Leaf { peer, stake: Amount::credits(2_000_000) });
        let roster = Roster::new(parties.into_iter().chain((100..100 + VERIFIERS).map(verifier)));
        let mut town = Self { network: genesis.id(), genesis, roster, ticks: Vec::new(), is_bent: false };
        town.ticks = town.all_ticks();
        town
    }

    /// A network in whose rules some numbers are others; the rules alone, if no network can be run by them.
    pub(crate) fn bent(dice: &mut Dice<'_>) -> Result<Self, Box<Genesis>> {
        let mut genesis = genesis();
        for _ in 0..=dice.below(3) {
            let mut numbers = numbers(&mut genesis);
            let at = dice.below(numbers.len());
            *numbers[at] = dice.number();
        }
        if genesis.examine().is_err() {
            return Err(Box::new(genesis));
        }
        Ok(Self { is_bent: true, ..Self::new(genesis) })
    }

    /// Ticks in an epoch.
    pub(crate) fn epoch_ticks(&self) -> u64 {
        self.genesis.timers.epoch_ticks
    }

    /// The place of the roster among those that the checkpoint of this round fixes.
    pub(crate) fn listing(&self, round: u64) -> Listing {
        let (epoch, manifest) = (round / self.epoch_ticks(), manifest(&self.genesis));
        let roster = self.roster.root(epoch);
        let entries = [Digest([9; 32]), CLASS].map(|class| roster::entry(&manifest.kind(class), &roster));
        let path = merkle::prove_in(entries.iter().map(Vec::as_slice), 1).unwrap_or_default();
        let parties = [CLIENT, PROVIDER].into_iter().filter_map(|party| self.roster.member(party));
        Listing { roster, position: 1, count: 2, path, parties: parties.collect() }
    }

    fn rosters(&self, round: u64) -> Digest {
        let (epoch, manifest) = (round / self.epoch_ticks(), manifest(&self.genesis));
        let roster = self.roster.root(epoch);
        let entries = [Digest([9; 32]), CLASS].map(|class| roster::entry(&manifest.kind(class), &roster));
        merkle::root_of(entries.iter().map(Vec::as_slice))
    }

    fn all_ticks(&self) -> Vec<Tick> {
        let length = self.epoch_ticks();
        let chains: Vec<Vec<Digest>> = (0..=ROUNDS / length).map(|epoch| chain(epoch, length)).collect();
        let of = |epoch: u64| &chains[usize::try_from(epoch).unwrap_or_default()];
        let value = |round: u64| {
            let before = round.saturating_sub(1) / length;
            of(before)[usize::try_from(round - before * length).unwrap_or_default()]
        };
        let time = |round: u64| Timestamp(1_000_000).after(self.genesis.timers.tick.times(round));
        let checkpoint = |round: u64| Checkpoint {
            anchor: of(round / length)[0],
            rosters: self.rosters(round),
            head: Head::default(),
            convicted: Vec::new(),
        };
        (0..ROUNDS)
            .map(|round| Tick {
                round,
                time: time(round),
                live: time(round),
                beacon: value(round),
                checkpoint: round.is_multiple_of(length).then(|| checkpoint(round)),
            })
            .collect()
    }
}

/// The values of one epoch, the anchor first.
fn chain(epoch: u64, length: u64) -> Vec<Digest> {
    let mut values = vec![codec::digest("the end of a chain", &epoch)];
    for _ in 0..length {
        values.push(draw::chain_step(values[values.len() - 1]));
    }
    values.reverse();
    values
}

/// What is ordered here: numbers that may differ a little, unless the rules have no threshold for them.
pub(crate) fn manifest(genesis: &Genesis) -> Manifest {
    let policy = match (genesis.thresholds.is_empty(), genesis.name == TEXTUAL) {
        (false, _) => Policy::Tensor(TensorFormat::F32),
        (true, false) => Policy::Exact,
        (true, true) => Policy::Replay,
    };
    let tokens = Meter::Tokens(TokenWeights { read: 2, written: 3 });
    Manifest {
        name: "echo".into(),
        runner: Digest([5; 32]),
        model: Digest([6; 32]),
        params: "{}".into(),
        policy,
        meter: if policy == Policy::Replay { tokens } else { Meter::Calls },
        work: match policy {
            Policy::Replay => WorkPerMeter { token_read: 4, token_written: 40, ..WorkPerMeter::default() },
            Policy::Exact | Policy::Tensor(_) => WorkPerMeter { call: 10, ..WorkPerMeter::default() },
        },
        work_most: 1_000,
        memory_bytes: 1_000,
        licence: "MIT".into(),
    }
}

fn genesis() -> Genesis {
    let share = |of_million: u64| Rate::of(of_million, 1_000_000);
    Genesis {
        name: "fuzz".into(),
        unit: "play".into(),
        real_money: false,
        notaries: [NOTARY].into(),
        issuer: NOTARY,
        timers: Timers {
            tick: Duration::seconds(1),
            epoch_ticks: 8,
            reveal: Duration::seconds(4),
            underway: Duration::seconds(4),
            opening: Duration::seconds(4),
            cancelling: Duration::seconds(4),
            ..Timers::brisk()
        },
        checks: Checks { draws_max: 12, base: Rate::per_mille(300), ..Checks::default() },
        money: Money { per_work: Amount(10), ..Money::default() },
        thresholds: [Threshold { format: TensorFormat::F32, ok: share(50), bad: share(500) }].into(),
        manifests: Vec::new(),
        endowed: Vec::new(),
        verifiers: Vec::new(),
    }
}

/// Every number of the rules that a job is run or paid by.
fn numbers(genesis: &mut Genesis) -> Vec<&mut u64> {
    let Genesis { timers, checks, money, thresholds, .. } = genesis;
    let mut numbers = vec![
        &mut timers.tick.0,
        &mut timers.gap_max.0,
        &mut timers.epoch_ticks,
        &mut timers.claim.0,
        &mut timers.reveal.0,
        &mut timers.underway.0,
        &mut timers.seal.0,
        &mut timers.opening.0,
        &mut timers.silence.0,
        &mut timers.cancelling.0,
        &mut timers.window.0,
        &mut timers.settle_max.0,
        &mut checks.base.0,
        &mut checks.ramp,
        &mut checks.theta.0,
        &mut checks.collusion.0,
        &mut checks.power.0,
        &mut checks.leaves_min,
        &mut checks.effective_min.0,
        &mut checks.party_share.0,
        &mut checks.weight_kept.0,
        &mut checks.stake_checks,
        &mut checks.convict_margin,
        &mut checks.clear_margin,
        &mut checks.unreached_margin,
        &mut checks.draws_max,
        &mut checks.second.0,
        &mut checks.tries_max,
        &mut money.per_work.0,
        &mut money.micros_per_work,
        &mut money.slash_multiple,
        &mut money.slash_checks,
        &mut money.bounty_checks,
        &mut money.entry_checks,
        &mut money.place_hour.0,
        &mut money.jobs_max,
    ];
    for threshold in thresholds {
        numbers.extend([&mut threshold.ok.0, &mut threshold.bad.0]);
    }
    numbers
}
