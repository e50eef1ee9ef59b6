//! Who takes part in the demonstration, and what is asked and paid there.
//!
//! **Invariant:** the rules are those of every network on one machine; nothing here changes them.

use assay_protocol::{
    manifest::Manifest,
    units::{Amount, Duration, Units},
};

use crate::{bundle::Sample, few, local_network};

/// What the client is given when it first asks for its account.
pub const WELCOME: Amount = few::WELCOME;
/// What each verifier of the first day has at stake.
pub const STAKE: Amount = local_network::STAKE;
/// What an honest provider asks for one picture.
pub const PRICE: Amount = Amount(50_000_000);
/// What the cheat asks.
pub const CHEAP: Amount = Amount(40_000_000);

/// The longest run of a sample.
pub(super) const RUN_MAX: Duration = Duration(1_200);

/// Tokens that are read for the price of a picture; one that is written counts as four.
const TOKENS_PER_PICTURE: u64 = 25;
/// The most that a text may be billed.
pub const TEXT_UNITS: Units = 128;

/// The most that an order asks for: units, and the time of its run. Nothing leaves it to what the client usually asks for.
pub(super) type Bounds = (Option<Units>, Option<Duration>);
/// Those of a text.
pub(super) const TEXT_BOUNDS: Bounds = (Some(TEXT_UNITS), Some(RUN_MAX));

/// What is asked of whoever rounds the weights of `sums`: on every machine they write another word than the whole ones do.
pub(super) static ROUNDED: Sample =
    Sample { file: "745+196 in words=", bytes: b"745+196 in words=", answer: "nine hundred and forty-one" };
/// Bytes of the largest model of the user's own that is rounded: six peers have it in memory then, and one of them twice.
pub(super) const OWN_ROUNDED_MAX: u64 = 1 << 30;

/// What a peer does in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Keeps the books.
    Notary,
    /// Runs jobs for pay, and checks those of others.
    Provider,
    /// Like a provider, but makes its results up.
    Cheat,
    /// Like a provider, but runs models of language with less of each weight.
    Rounder,
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

/// The cast, but for who rounds weights.
pub const PARTS: [Part; 7] = [
    Part { name: "nora", duty: Duty::Notary },
    Part { name: "ada", duty: Duty::Provider },
    Part { name: "ben", duty: Duty::Provider },
    Part { name: "cleo", duty: Duty::Provider },
    Part { name: "dan", duty: Duty::Provider },
    Part { name: "mallory", duty: Duty::Cheat },
    Part { name: "you", duty: Duty::Client },
];

/// The whole cast.
pub(super) const CAST: [Part; 8] = {
    let [nora, ada, ben, cleo, dan, mallory, you] = PARTS;
    [nora, ada, ben, cleo, dan, mallory, Part { name: "trudy", duty: Duty::Rounder }, you]
};

impl Duty {
    /// It in one word, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Notary => "notary",
            Self::Provider => "provider",
            Self::Cheat | Self::Rounder => "cheat",
            Self::Client => "client",
        }
    }

    /// True for those that check from the first day.
    #[must_use]
    pub fn checks(self) -> bool {
        matches!(self, Self::Provider | Self::Cheat | Self::Rounder)
    }

    /// How its daemon is told to behave otherwise than one should.
    pub(super) fn conduct(self) -> Option<&'static str> {
        match self {
            Self::Cheat => Some("forge"),
            Self::Rounder => Some("round"),
            Self::Notary | Self::Provider | Self::Client => None,
        }
    }

    /// What it does, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Notary => "keeps the books; sees no input and no result",
            Self::Provider => "runs jobs for pay, checks those of others",
            Self::Cheat => "the same, but will make a result up",
            Self::Rounder => "the same, but will run a rounded copy of a model",
            Self::Client => "has jobs run",
        }
    }
}

/// The most units of an order of a sample: a text alone is bounded by them.
pub(super) fn units_max(manifest: &Manifest) -> Option<Units> {
    manifest.policy.is_proven_by_rows().then_some(TEXT_UNITS)
}

/// What is asked for a token by whoever asks so much for a picture.
#[must_use]
pub fn token_price(picture: Amount) -> Amount {
    Amount(picture.0 / TOKENS_PER_PICTURE)
}
