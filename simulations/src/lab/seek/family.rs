//! Families of behaviours: what a coalition can turn against a market.

use super::genome::GenomeKnob;
use crate::lab::scenario::{BehaviourName, PopulationRole};

/// What an attack is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeekFamily {
    /// Orders that are not meant as they are placed.
    Orders,
    /// Offers that are not kept.
    Offers,
    /// Checks that are not done.
    Checks,
    /// Accusations, and friends that judge friends.
    Juries,
    /// Results that are not what was ordered, at the risk of a stake; and stakes that are split, moved, or as small as can be.
    Stakes,
    /// Cheats that wait for trust, or for their moment.
    Time,
}

/// Each with its word.
const FAMILIES: [(&str, SeekFamily); 6] = [
    ("orders", SeekFamily::Orders),
    ("offers", SeekFamily::Offers),
    ("checks", SeekFamily::Checks),
    ("juries", SeekFamily::Juries),
    ("stakes", SeekFamily::Stakes),
    ("time", SeekFamily::Time),
];

/// A behaviour, and what those are there for that show it.
pub(super) type FamilyRole = (PopulationRole, BehaviourName);

const FOUNDER: PopulationRole = PopulationRole::Founder;
const CLIENT: PopulationRole = PopulationRole::Client;
const NEWCOMER: PopulationRole = PopulationRole::Newcomer;

impl SeekFamily {
    /// Every one, with its word.
    #[must_use]
    pub fn all() -> [(&'static str, Self); 6] {
        FAMILIES
    }

    /// What of its members its name is about, beside how they behave.
    pub(super) fn knob(self) -> GenomeKnob {
        match self {
            Self::Orders | Self::Checks | Self::Juries => GenomeKnob::Count,
            Self::Offers => GenomeKnob::Ask,
            Self::Stakes => GenomeKnob::Stake,
            Self::Time => GenomeKnob::Begins,
        }
    }

    /// What its members can do.
    pub(super) fn roles(self) -> &'static [FamilyRole] {
        match self {
            Self::Orders => &[
                (CLIENT, BehaviourName::SecretiveClient),
                (CLIENT, BehaviourName::Withholder),
                (CLIENT, BehaviourName::GriefingClient),
                (CLIENT, BehaviourName::Hoarder),
                (CLIENT, BehaviourName::WindowShopper),
                (CLIENT, BehaviourName::CancellingClient),
                (CLIENT, BehaviourName::Flooder),
                (CLIENT, BehaviourName::Honest),
            ],
            Self::Offers => &[
                (NEWCOMER, BehaviourName::Aborter),
                (NEWCOMER, BehaviourName::Mute),
                (NEWCOMER, BehaviourName::Sleeper),
                (NEWCOMER, BehaviourName::Whitewasher),
                (NEWCOMER, BehaviourName::Honest),
                (FOUNDER, BehaviourName::Aborter),
                (FOUNDER, BehaviourName::Mute),
                (FOUNDER, BehaviourName::Sleeper),
                (FOUNDER, BehaviourName::Churner),
            ],
            Self::Checks => &[
                (FOUNDER, BehaviourName::LazyVerifier),
                (FOUNDER, BehaviourName::AbsentVerifier),
                (FOUNDER, BehaviourName::Idler),
                (FOUNDER, BehaviourName::CopyingVerifier),
                (FOUNDER, BehaviourName::CheapVerifier),
                (FOUNDER, BehaviourName::Gatekeeper),
            ],
            Self::Juries => &[
                (FOUNDER, BehaviourName::Slanderer),
                (FOUNDER, BehaviourName::CartelMember),
                (FOUNDER, BehaviourName::Withholder),
                // Whoever disputes, or orders more than it takes, has jurors called.
                (CLIENT, BehaviourName::GriefingClient),
                (CLIENT, BehaviourName::Hoarder),
            ],
            Self::Stakes => &[
                (FOUNDER, BehaviourName::Forger),
                (FOUNDER, BehaviourName::RateCheater),
                (FOUNDER, BehaviourName::Substituter),
                (FOUNDER, BehaviourName::Truncator),
                (FOUNDER, BehaviourName::Prefiller),
                (FOUNDER, BehaviourName::Replayer),
                (FOUNDER, BehaviourName::ToleranceSurfer),
                (FOUNDER, BehaviourName::ClassSpoofer),
                (FOUNDER, BehaviourName::SilentProvider),
                (FOUNDER, BehaviourName::FalseOpener),
                (FOUNDER, BehaviourName::Slanderer),
                (FOUNDER, BehaviourName::AbsentVerifier),
                (FOUNDER, BehaviourName::Honest),
                (NEWCOMER, BehaviourName::RateCheater),
                (NEWCOMER, BehaviourName::Forger),
                (NEWCOMER, BehaviourName::Slanderer),
            ],
            Self::Time => &[
                (FOUNDER, BehaviourName::ThresholdCheater),
                (FOUNDER, BehaviourName::Burst),
                (FOUNDER, BehaviourName::ValueJumper),
                (FOUNDER, BehaviourName::RateCheater),
                (FOUNDER, BehaviourName::CartelMember),
                (FOUNDER, BehaviourName::Sleeper),
                (NEWCOMER, BehaviourName::Burst),
                (NEWCOMER, BehaviourName::ThresholdCheater),
                (CLIENT, BehaviourName::SelfDealer),
            ],
        }
    }
}
