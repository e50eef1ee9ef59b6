//! When an owner wants its machine for itself, as the home's file says it.
//!
//! **Invariant:** it says what [`OwnerRules`] say, key by key; nothing is decided here.

use assay_market::owner::{DaySpan, OwnerRules};
use assay_protocol::units::Duration;

use super::section::section;

/// Settings of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Programs beside which nothing is taken on.
    pub programs: Vec<String>,
    /// How long nobody must have used the machine.
    pub idle_min: Option<Duration>,
    /// Nothing is taken on while the machine runs on its battery.
    pub mains_only: bool,
    /// Degrees Celsius above which nothing is taken on.
    pub temperature_max: Option<u16>,
    /// Bytes of a graphics card's memory that other programs may use.
    pub card_others_max: Option<u64>,
    /// When jobs are taken on; at any time if there are none.
    pub hours: Vec<DaySpan>,
    /// How long a rule must have been kept before it lets go.
    pub settle: Duration,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            programs: Vec::new(),
            idle_min: None,
            mains_only: false,
            temperature_max: None,
            card_others_max: None,
            hours: Vec::new(),
            settle: Duration::seconds(60),
        }
    }
}

section!(optional "provider" ProviderSettings {
    programs AtOnce: "Programs, by their names; while one of them runs no jobs are taken on, and what runs is given up.",
    idle_min AtOnce: "How long nobody must have used the machine before jobs are taken on; none for however short.",
    mains_only AtOnce: "No jobs while the machine runs on its battery.",
    temperature_max AtOnce: "Degrees Celsius of the processor or a card above which no jobs are taken on; none for however hot.",
    card_others_max AtOnce: "Bytes of a graphics card's memory that other programs may use while jobs are taken on; none for however much.",
    hours AtOnce: "When jobs are taken on, by the machine's own clock; none for always. What runs when they end is seen through.",
    settle AtOnce: "How long a rule must have been kept before jobs are taken on again.",
});

impl ProviderSettings {
    /// The same, as it is decided by.
    #[must_use]
    pub fn rules(&self) -> OwnerRules {
        let Self { programs, idle_min, mains_only, temperature_max, card_others_max, hours, settle } =
            self.clone();
        OwnerRules { programs, idle_min, mains_only, temperature_max, card_others_max, hours, settle }
    }
}
