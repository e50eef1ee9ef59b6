//! Who takes part in the demonstration, and under which rules.
//!
//! **Invariant:** the rules are those of every network; only lengths of time and amounts are made for people who watch.

use assay_peer::config;
use assay_protocol::{
    genesis::{Checks, Founder, Genesis, Timers},
    id::{Digest, PeerId},
    manifest::Manifest,
    units::{Amount, Duration, Units},
};
use assay_runtime::class::Class;

use crate::{bundle::Bundle, few};

/// What the client is given when it first asks for its account.
pub const WELCOME: Amount = few::WELCOME;
/// What each verifier of the first day has at stake.
pub const STAKE: Amount = Amount::credits(10);
/// What each verifier of the first day has to spend.
const FREE: Amount = Amount::credits(2);
/// As how many of equal stake the verifiers must count that are left, in thousandths.
const EFFECTIVE_PER_MILLE: u64 = 1_900;
/// What the heaviest check earns: as much as that of a long text of `sums`.
const HEAVIEST_CHECK: Amount = Amount(160_000_000);
/// What an honest provider asks for one picture.
pub const PRICE: Amount = Amount(50_000_000);
/// What the cheat asks.
pub const CHEAP: Amount = Amount(40_000_000);

/// The least time for a verifier's seal: nobody watches for longer than half a minute that nothing happens.
const SEAL: Duration = Duration::seconds(3);
/// The longest run of a sample.
pub(super) const RUN_MAX: Duration = Duration(1_200);

/// Tokens that are read for the price of a picture; one that is written counts as four.
const TOKENS_PER_PICTURE: u64 = 25;
/// The most that a text may be billed.
pub const TEXT_UNITS: Units = 128;

/// What a peer does in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Keeps the books.
    Notary,
    /// Runs jobs for pay, and checks those of others.
    Provider,
    /// Like a provider, but makes its results up.
    Cheat,
    /// Has jobs run.
    Client,
}

/// A peer to be.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// What the story calls it.
    pub name: &'static str,
    /// What it does.
    pub duty: Duty,
}

/// The cast.
pub const PARTS: [Part; 7] = [
    Part { name: "nora", duty: Duty::Notary },
    Part { name: "ada", duty: Duty::Provider },
    Part { name: "ben", duty: Duty::Provider },
    Part { name: "cleo", duty: Duty::Provider },
    Part { name: "dan", duty: Duty::Provider },
    Part { name: "mallory", duty: Duty::Cheat },
    Part { name: "you", duty: Duty::Client },
];

impl Duty {
    /// It in one word, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Notary => "notary",
            Self::Provider => "provider",
            Self::Cheat => "cheat",
            Self::Client => "client",
        }
    }

    /// True for those that check from the first day.
    #[must_use]
    pub fn checks(self) -> bool {
        matches!(self, Self::Provider | Self::Cheat)
    }

    /// What it does, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Notary => "keeps the books; sees no input and no result",
            Self::Provider => "runs jobs for pay, checks those of others",
            Self::Cheat => "the same, but will make a result up",
            Self::Client => "has jobs run",
        }
    }
}

/// What is asked for a token by whoever asks so much for a picture.
#[must_use]
pub fn token_price(picture: Amount) -> Amount {
    Amount(picture.0 / TOKENS_PER_PICTURE)
}

/// The rules of a network that `notary` keeps and `verifiers` check, on machines of these classes.
#[must_use]
pub fn genesis(notary: PeerId, verifiers: &[PeerId], classes: &[Class], own: Option<&Manifest>) -> Genesis {
    let bundled = Bundle::all().iter().map(|bundle| bundle.manifest());
    let manifests: Vec<Manifest> = bundled.chain(own.cloned()).collect();
    let classes: Vec<Digest> = classes.iter().map(Class::digest).collect();
    let founder = |peer: &PeerId| Founder { peer: *peer, stake: STAKE, free: FREE, classes: classes.clone() };
    let founders = verifiers.iter().map(founder);
    Genesis {
        notaries: vec![notary],
        timers: Timers { seal: SEAL, ..Timers::brisk() },
        // Trust grows faster than elsewhere, so that a second job already shows it.
        checks: Checks { ramp: 1, ..few::checks(EFFECTIVE_PER_MILLE) },
        money: few::money(&manifests, HEAVIEST_CHECK),
        manifests,
        verifiers: founders.collect(),
        ..config::genesis("demo", notary)
    }
}
