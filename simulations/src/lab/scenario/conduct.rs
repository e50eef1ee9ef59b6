//! How the peers of a population behave: the word for each behaviour, what else a scenario says of it, and whom it suits.
//!
//! **Invariant:** a scenario says of a behaviour what changes it, and nothing else.

use std::fmt::Write as _;

use super::{PopulationRole, ScenarioError, WHOLE, reader::SettingReader, word_of};
use crate::behaviour::Lie;

/// A behaviour by its name; each is what its file in `behaviour` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BehaviourName {
    /// As the law wants it.
    Honest,
    /// Sells noise and checks honestly.
    Forger,
    /// Provides honestly, and seals noise where it should check.
    LazyVerifier,
    /// Never answers where it is drawn.
    AbsentVerifier,
    /// Sells noise, and is silent where it should open it.
    SilentProvider,
    /// Never reveals.
    SecretiveClient,
    /// Serves nobody its input.
    Withholder,
    /// Takes jobs and gives each of them up.
    Aborter,
    /// Offers what everybody wants and answers nobody.
    Mute,
    /// Takes jobs and never claims them.
    Sleeper,
    /// Is drawn, says that it is there, and lets its time pass.
    Idler,
    /// Seals whatever it checks as false.
    Slanderer,
    /// Sells noise, and opens something else than it claimed.
    FalseOpener,
    /// Cheats in a share of its jobs.
    RateCheater,
    /// Cheats where hardly anybody looks.
    ThresholdCheater,
    /// Is honest for a while, cheats many times at once, and is gone.
    Burst,
    /// Cheats where it pays most.
    ValueJumper,
    /// Serves another model than it sells.
    Substituter,
    /// Stops half-way and bills the whole.
    Truncator,
    /// Writes with a cheap model, and lets the true one read along.
    Prefiller,
    /// Sells again and again what it computed once.
    Replayer,
    /// Seals what it is shown.
    CopyingVerifier,
    /// Checks with a cheaper model.
    CheapVerifier,
    /// Sells what is false, and finds what its friends sell true.
    CartelMember,
    /// Sells noise under one name after another.
    Whitewasher,
    /// Orders of its own coalition alone.
    SelfDealer,
    /// Disputes every result.
    GriefingClient,
    /// Has not the machine that it says.
    ClassSpoofer,
    /// Is off by as much as passes.
    ToleranceSurfer,
    /// Is honest, on a machine that rounds otherwise.
    OtherHardware,
    /// Takes jobs and is gone from some of them.
    Churner,
    /// Finds false what the first results of each peer are that was not there from the first day.
    Gatekeeper,
    /// Orders many units, and takes one.
    Hoarder,
    /// Has its orders accepted, and opens a share of them, or none.
    WindowShopper,
    /// Cancels each job once it is opened.
    CancellingClient,
    /// Orders more of the same beside each job.
    Flooder,
    /// Wants things, and orders nothing.
    Bystander,
    /// Does what a program of somebody else says.
    External,
}

/// Every behaviour with its word, but what a program decides.
pub(super) const BEHAVIOURS: [(&str, BehaviourName); 37] = [
    ("honest", BehaviourName::Honest),
    ("forger", BehaviourName::Forger),
    ("lazy-verifier", BehaviourName::LazyVerifier),
    ("absent-verifier", BehaviourName::AbsentVerifier),
    ("silent-provider", BehaviourName::SilentProvider),
    ("secretive-client", BehaviourName::SecretiveClient),
    ("withholder", BehaviourName::Withholder),
    ("aborter", BehaviourName::Aborter),
    ("mute", BehaviourName::Mute),
    ("sleeper", BehaviourName::Sleeper),
    ("idler", BehaviourName::Idler),
    ("slanderer", BehaviourName::Slanderer),
    ("false-opener", BehaviourName::FalseOpener),
    ("rate-cheater", BehaviourName::RateCheater),
    ("threshold-cheater", BehaviourName::ThresholdCheater),
    ("burst", BehaviourName::Burst),
    ("value-jumper", BehaviourName::ValueJumper),
    ("substituter", BehaviourName::Substituter),
    ("truncator", BehaviourName::Truncator),
    ("prefiller", BehaviourName::Prefiller),
    ("replayer", BehaviourName::Replayer),
    ("copying-verifier", BehaviourName::CopyingVerifier),
    ("cheap-verifier", BehaviourName::CheapVerifier),
    ("cartel", BehaviourName::CartelMember),
    ("whitewasher", BehaviourName::Whitewasher),
    ("self-dealer", BehaviourName::SelfDealer),
    ("griefing-client", BehaviourName::GriefingClient),
    ("class-spoofer", BehaviourName::ClassSpoofer),
    ("tolerance-surfer", BehaviourName::ToleranceSurfer),
    ("other-hardware", BehaviourName::OtherHardware),
    ("churner", BehaviourName::Churner),
    ("gatekeeper", BehaviourName::Gatekeeper),
    ("hoarder", BehaviourName::Hoarder),
    ("window-shopper", BehaviourName::WindowShopper),
    ("canceller", BehaviourName::CancellingClient),
    ("flooder", BehaviourName::Flooder),
    ("bystander", BehaviourName::Bystander),
];

/// What cheats sell, by its word.
const LIES: [(&str, Lie); 4] = [
    ("noise", Lie::Noise),
    ("cheaper", Lie::Cheaper),
    ("shorter", Lie::Shorter),
    ("prefilled", Lie::Prefilled),
];

/// What a scenario can say of some behaviour. Shares are in parts of a million, money in thousandths of a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BehaviourSettings {
    /// In which share of its jobs it cheats, or is gone.
    pub share: u64,
    /// What a cheat sells.
    pub sells: Lie,
    /// At which rate of checks, or below, it cheats.
    pub below: u64,
    /// After how many honest jobs it cheats.
    pub after: u64,
    /// In how many jobs it cheats then; or how many results of one peer it finds false; or how many jobs it orders beside each.
    pub jobs: u64,
    /// From which price on it cheats.
    pub price: u64,
    /// By which share of their root mean square its numbers are off.
    pub error: u64,
    /// How many names of a swarm sell at the same time.
    pub live: u64,
    /// How many units it orders.
    pub units: u64,
}

/// Something that a scenario can say of some behaviours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab) enum SettingKey {
    Share,
    Sells,
    Below,
    After,
    Jobs,
    Price,
    Error,
    Live,
    Units,
}

/// Each with its word.
const KEYS: [(&str, SettingKey); 9] = [
    ("share", SettingKey::Share),
    ("sells", SettingKey::Sells),
    ("below", SettingKey::Below),
    ("after", SettingKey::After),
    ("jobs", SettingKey::Jobs),
    ("price", SettingKey::Price),
    ("error", SettingKey::Error),
    ("live", SettingKey::Live),
    ("units", SettingKey::Units),
];

impl BehaviourName {
    /// Every one that has a word.
    pub fn all() -> impl Iterator<Item = Self> {
        BEHAVIOURS.iter().map(|(_, behaviour)| *behaviour)
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        word_of(self, &BEHAVIOURS)
    }

    /// Whether it ever sells what an honest machine would not have made.
    #[must_use]
    pub fn forges(self) -> bool {
        match self {
            Self::Forger
            | Self::SilentProvider
            | Self::FalseOpener
            | Self::RateCheater
            | Self::ThresholdCheater
            | Self::Burst
            | Self::ValueJumper
            | Self::Substituter
            | Self::Truncator
            | Self::Prefiller
            | Self::Replayer
            | Self::CartelMember
            | Self::Whitewasher
            | Self::ClassSpoofer
            | Self::ToleranceSurfer
            | Self::External => true,
            Self::Honest
            | Self::LazyVerifier
            | Self::AbsentVerifier
            | Self::SecretiveClient
            | Self::Withholder
            | Self::Aborter
            | Self::Mute
            | Self::Sleeper
            | Self::Idler
            | Self::Slanderer
            | Self::CopyingVerifier
            | Self::CheapVerifier
            | Self::SelfDealer
            | Self::GriefingClient
            | Self::OtherHardware
            | Self::Churner
            | Self::Gatekeeper
            | Self::Hoarder
            | Self::WindowShopper
            | Self::CancellingClient
            | Self::Flooder
            | Self::Bystander => false,
        }
    }

    /// Whether a peer that is there for this ever does what the behaviour changes.
    pub(super) fn suits(self, role: PopulationRole) -> bool {
        match self {
            Self::Honest | Self::Withholder | Self::External => true,
            Self::SecretiveClient
            | Self::SelfDealer
            | Self::GriefingClient
            | Self::Hoarder
            | Self::WindowShopper
            | Self::CancellingClient
            | Self::Flooder
            | Self::Bystander => role == PopulationRole::Client,
            Self::Whitewasher => role == PopulationRole::Newcomer,
            Self::Forger
            | Self::LazyVerifier
            | Self::AbsentVerifier
            | Self::SilentProvider
            | Self::Aborter
            | Self::Mute
            | Self::Sleeper
            | Self::Idler
            | Self::Slanderer
            | Self::FalseOpener
            | Self::RateCheater
            | Self::ThresholdCheater
            | Self::Burst
            | Self::ValueJumper
            | Self::Substituter
            | Self::Truncator
            | Self::Prefiller
            | Self::Replayer
            | Self::CopyingVerifier
            | Self::CheapVerifier
            | Self::CartelMember
            | Self::ClassSpoofer
            | Self::ToleranceSurfer
            | Self::OtherHardware
            | Self::Churner
            | Self::Gatekeeper => role != PopulationRole::Client,
        }
    }

    /// What a scenario can say of it.
    pub(in crate::lab) fn keys(self) -> &'static [SettingKey] {
        match self {
            Self::RateCheater | Self::CartelMember => &[SettingKey::Share, SettingKey::Sells],
            Self::ThresholdCheater => &[SettingKey::Below, SettingKey::Sells],
            Self::Burst => &[SettingKey::After, SettingKey::Jobs, SettingKey::Sells],
            Self::ValueJumper => &[SettingKey::Price, SettingKey::Sells],
            Self::ToleranceSurfer => &[SettingKey::Error],
            Self::Whitewasher => &[SettingKey::Live, SettingKey::After],
            Self::Churner | Self::WindowShopper => &[SettingKey::Share],
            Self::Gatekeeper | Self::Flooder => &[SettingKey::Jobs],
            Self::Hoarder => &[SettingKey::Units],
            Self::Honest
            | Self::Forger
            | Self::LazyVerifier
            | Self::AbsentVerifier
            | Self::SilentProvider
            | Self::SecretiveClient
            | Self::Withholder
            | Self::Aborter
            | Self::Mute
            | Self::Sleeper
            | Self::Idler
            | Self::Slanderer
            | Self::FalseOpener
            | Self::Substituter
            | Self::Truncator
            | Self::Prefiller
            | Self::Replayer
            | Self::CopyingVerifier
            | Self::CheapVerifier
            | Self::SelfDealer
            | Self::GriefingClient
            | Self::ClassSpoofer
            | Self::OtherHardware
            | Self::CancellingClient
            | Self::Bystander
            | Self::External => &[],
        }
    }
}

impl BehaviourSettings {
    /// The words for all that a scenario can say of some behaviour.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        KEYS.iter().map(|(word, _)| *word)
    }

    /// What holds of a behaviour where a scenario does not say it.
    #[must_use]
    pub fn usual(of: BehaviourName) -> Self {
        let shares = [(BehaviourName::CartelMember, WHOLE), (BehaviourName::WindowShopper, 0)];
        let share = shares.iter().find(|(conduct, _)| *conduct == of).map_or(WHOLE / 10, |(_, share)| *share);
        let counts = [(BehaviourName::Gatekeeper, 1), (BehaviourName::Flooder, 3)];
        let jobs = counts.iter().find(|(conduct, _)| *conduct == of).map_or(10, |(_, jobs)| *jobs);
        Self {
            share,
            sells: Lie::Noise,
            below: WHOLE / 20,
            after: if of == BehaviourName::Whitewasher { 0 } else { 20 },
            jobs,
            price: 20,
            error: 35,
            live: 1,
            units: 50,
        }
    }

    /// Reads what a scenario says of a behaviour, and refuses what is said of others.
    pub(super) fn read(of: BehaviourName, reader: &mut SettingReader) -> Result<Self, ScenarioError> {
        let mut settings = Self::usual(of);
        for (word, key) in KEYS {
            if !of.keys().contains(&key) {
                reader.refuse(word, "changes nothing of this behaviour")?;
                continue;
            }
            match key {
                SettingKey::Share => settings.share = reader.share(word, settings.share)?,
                SettingKey::Sells => settings.sells = reader.choice(word, settings.sells, &LIES)?,
                SettingKey::Below => settings.below = reader.share(word, settings.below)?,
                SettingKey::After => settings.after = reader.count(word, settings.after, 0..=1_000_000)?,
                SettingKey::Jobs => settings.jobs = reader.count(word, settings.jobs, 1..=1_000_000)?,
                SettingKey::Price => settings.price = reader.money(word, settings.price)?,
                SettingKey::Error => settings.error = reader.share(word, settings.error)?,
                SettingKey::Live => settings.live = reader.count(word, settings.live, 1..=100_000)?,
                SettingKey::Units => settings.units = reader.count(word, settings.units, 1..=1_000)?,
            }
        }
        Ok(settings)
    }

    /// The same as lines of a file.
    pub(super) fn resolved(self, of: BehaviourName) -> String {
        let mut text = String::new();
        let share = |parts: u64| format!("\"{} %\"", parts as f64 / 1e4);
        for key in of.keys() {
            let value = match key {
                SettingKey::Share => share(self.share),
                SettingKey::Sells => format!("{:?}", word_of(self.sells, &LIES)),
                SettingKey::Below => share(self.below),
                SettingKey::After => self.after.to_string(),
                SettingKey::Jobs => self.jobs.to_string(),
                SettingKey::Price => format!("\"{} credits\"", self.price as f64 / 1e3),
                SettingKey::Error => share(self.error),
                SettingKey::Live => self.live.to_string(),
                SettingKey::Units => self.units.to_string(),
            };
            let _ = writeln!(text, "{} = {value}", word_of(*key, &KEYS));
        }
        text
    }
}
