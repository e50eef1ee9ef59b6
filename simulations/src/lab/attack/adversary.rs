//! Adversaries by their names: the behaviours that come with the program, each as a coalition that uses it.
//!
//! **Invariant:** every behaviour that is not honest is some adversary's.

use super::{AttackError, COALITION, joined};
use crate::lab::scenario::{BehaviourName, BehaviourSettings, Population, PopulationRole, Scenario, WHOLE};

/// Names that a coalition makes up beside its founders, where it needs some: they cost nothing.
const NAMES: u64 = 20;
/// At which rate of checks a market of minutes already trusts.
const TRUSTED: u64 = 3 * WHOLE / 10;

/// A coalition.
#[derive(Clone, Copy, Debug)]
pub struct Adversary {
    /// What it is called.
    pub name: &'static str,
    /// Who is in it.
    pub parts: &'static [AdversaryPart],
}

/// Some of a coalition, who are alike.
#[derive(Clone, Copy, Debug)]
pub struct AdversaryPart {
    /// What they are there for.
    pub role: PopulationRole,
    /// How they behave.
    pub conduct: BehaviourName,
    /// What they ask, in parts of a million of what others do.
    pub ask: u64,
}

const fn part(role: PopulationRole, conduct: BehaviourName) -> AdversaryPart {
    AdversaryPart { role, conduct, ask: WHOLE }
}

const fn founders(conduct: BehaviourName) -> AdversaryPart {
    part(PopulationRole::Founder, conduct)
}

const fn clients(conduct: BehaviourName) -> AdversaryPart {
    part(PopulationRole::Client, conduct)
}

const fn names(conduct: BehaviourName) -> AdversaryPart {
    part(PopulationRole::Newcomer, conduct)
}

/// Such as sell for half of what others ask.
const fn cheap(part: AdversaryPart) -> AdversaryPart {
    AdversaryPart { ask: WHOLE / 2, ..part }
}

/// Every one.
static ALL: [Adversary; 37] = [
    Adversary { name: "forger", parts: &[founders(BehaviourName::Forger)] },
    Adversary { name: "rate-cheater", parts: &[founders(BehaviourName::RateCheater)] },
    Adversary { name: "threshold-cheater", parts: &[founders(BehaviourName::ThresholdCheater)] },
    Adversary { name: "burst", parts: &[founders(BehaviourName::Burst)] },
    Adversary { name: "value-jumper", parts: &[founders(BehaviourName::ValueJumper)] },
    Adversary { name: "substituter", parts: &[founders(BehaviourName::Substituter)] },
    Adversary { name: "truncator", parts: &[founders(BehaviourName::Truncator)] },
    Adversary { name: "prefiller", parts: &[founders(BehaviourName::Prefiller)] },
    Adversary { name: "replayer", parts: &[founders(BehaviourName::Replayer)] },
    Adversary { name: "tolerance-surfer", parts: &[founders(BehaviourName::ToleranceSurfer)] },
    Adversary { name: "class-spoofer", parts: &[founders(BehaviourName::ClassSpoofer)] },
    Adversary { name: "silent-provider", parts: &[founders(BehaviourName::SilentProvider)] },
    Adversary { name: "false-opener", parts: &[founders(BehaviourName::FalseOpener)] },
    Adversary { name: "aborter", parts: &[founders(BehaviourName::Aborter)] },
    Adversary { name: "sleeper", parts: &[founders(BehaviourName::Sleeper)] },
    Adversary { name: "mute", parts: &[founders(BehaviourName::Mute)] },
    Adversary { name: "churner", parts: &[founders(BehaviourName::Churner)] },
    Adversary { name: "lazy-verifier", parts: &[founders(BehaviourName::LazyVerifier)] },
    Adversary { name: "slanderer", parts: &[founders(BehaviourName::Slanderer)] },
    Adversary { name: "gatekeeper", parts: &[founders(BehaviourName::Gatekeeper)] },
    Adversary { name: "copying-verifier", parts: &[founders(BehaviourName::CopyingVerifier)] },
    Adversary { name: "cheap-verifier", parts: &[founders(BehaviourName::CheapVerifier)] },
    Adversary { name: "absent-verifier", parts: &[founders(BehaviourName::AbsentVerifier)] },
    Adversary { name: "idler", parts: &[founders(BehaviourName::Idler)] },
    Adversary { name: "cartel", parts: &[founders(BehaviourName::CartelMember)] },
    Adversary { name: "whitewasher", parts: &[names(BehaviourName::Whitewasher)] },
    Adversary { name: "decoys", parts: &[cheap(names(BehaviourName::Aborter))] },
    Adversary { name: "secretive-client", parts: &[clients(BehaviourName::SecretiveClient)] },
    Adversary { name: "withholder", parts: &[clients(BehaviourName::Withholder)] },
    Adversary { name: "griefing-client", parts: &[clients(BehaviourName::GriefingClient)] },
    Adversary { name: "hoarder", parts: &[clients(BehaviourName::Hoarder)] },
    Adversary { name: "window-shopper", parts: &[clients(BehaviourName::WindowShopper)] },
    Adversary { name: "canceller", parts: &[clients(BehaviourName::CancellingClient)] },
    Adversary { name: "flooder", parts: &[clients(BehaviourName::Flooder)] },
    Adversary {
        name: "self-dealer",
        parts: &[founders(BehaviourName::ThresholdCheater), clients(BehaviourName::SelfDealer)],
    },
    Adversary {
        name: "cartel-and-clients",
        parts: &[founders(BehaviourName::CartelMember), clients(BehaviourName::GriefingClient)],
    },
    Adversary {
        name: "cartel-and-names",
        parts: &[founders(BehaviourName::CartelMember), names(BehaviourName::Forger)],
    },
];

impl Adversary {
    /// Every one.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The one of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|known| known.name == name)
    }

    /// The market in which it takes part, with a share of the founders and, where it needs some, of the clients, in parts of a
    /// million: one at least.
    ///
    /// # Errors
    /// [`AttackError`], if the market is too small.
    pub fn joins(&self, market: &Scenario, share: u64) -> Result<Scenario, AttackError> {
        let parts = self.parts.iter().zip(1..).map(|(part, number)| {
            let AdversaryPart { role, conduct, ask } = *part;
            let count = match role {
                PopulationRole::Founder | PopulationRole::Client => share_of(market, role, share),
                PopulationRole::Newcomer => NAMES,
            };
            let name = format!("{COALITION} {number}");
            let mut population = Population::of(&name, role, count, conduct);
            population.coalition = COALITION.to_owned();
            population.ask = ask;
            population.settings = settings(conduct);
            population
        });
        let parts: Vec<Population> = parts.collect();
        let attacked = joined(market, &parts)?;
        Ok(Scenario { name: format!("{} in {}", self.name, market.name), ..attacked })
    }
}

/// How many peers a share of a role is; one at least.
#[must_use]
pub fn share_of(market: &Scenario, role: PopulationRole, share: u64) -> u64 {
    (market.count(role) * share / WHOLE).max(1)
}

/// What else is said of a behaviour, so that it shows in a market of minutes.
fn settings(conduct: BehaviourName) -> BehaviourSettings {
    let usual = BehaviourSettings::usual(conduct);
    if conduct == BehaviourName::ThresholdCheater {
        return BehaviourSettings { below: TRUSTED, ..usual };
    }
    if conduct == BehaviourName::ValueJumper {
        // The usual price of a job.
        return BehaviourSettings { price: 10, ..usual };
    }
    usual
}
