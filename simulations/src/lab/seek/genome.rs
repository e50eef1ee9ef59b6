//! A coalition that could be tried: some populations with one purse, within what they may hold of a market.
//!
//! **Invariant:** a genome holds no more founders and clients than its share of the market's, and no more names than are made up.

use super::{SeekSettings, family::FamilyRole};
use crate::{
    behaviour::Lie,
    lab::{
        attack::{AttackCase, AttackError, COALITION, joined, share_of},
        scenario::{BehaviourName, Population, PopulationRole, Scenario, WHOLE},
    },
    random::Stream,
};

/// The most populations of a coalition.
const PARTS_MAX: usize = 3;
/// The most names that one of them makes up.
const NAMES_MAX: u64 = 24;
/// Shares and rates that are tried, in parts of a million.
const SHARES: [u64; 7] = [10_000, 50_000, 100_000, 250_000, 500_000, 750_000, WHOLE];
/// What is asked, in parts of a million of what others ask.
const ASKS: [u64; 5] = [WHOLE, 950_000, 900_000, 700_000, 500_000];
/// Parts of a horizon at which something begins or ends.
const PHASES: u64 = 8;

/// A coalition that could be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genome {
    parts: Vec<Population>,
}

impl Genome {
    /// One that chance makes up.
    pub(super) fn random(settings: &SeekSettings, luck: &mut Stream) -> Self {
        let count = 1 + luck.below(PARTS_MAX as u64);
        let parts = (0..count).map(|_| part(settings, luck)).collect();
        Self { parts }.within(settings)
    }

    /// The same, with one thing changed.
    pub(super) fn changed(&self, settings: &SeekSettings, luck: &mut Stream) -> Self {
        let mut parts = self.parts.clone();
        let place = luck.below(parts.len() as u64) as usize;
        match luck.below(8) {
            0 if parts.len() < PARTS_MAX => parts.push(part(settings, luck)),
            1 if parts.len() > 1 => drop(parts.remove(place)),
            2 => parts[place] = part(settings, luck),
            _ => tweak(&mut parts[place], settings, luck),
        }
        Self { parts }.within(settings)
    }

    /// With as many in each part as all of them may be together, and each part under a name of its own.
    fn within(mut self, settings: &SeekSettings) -> Self {
        for role in [PopulationRole::Founder, PopulationRole::Client] {
            let mut left = settings.most(role);
            for part in self.parts.iter_mut().filter(|part| part.role == role) {
                part.count = part.count.min(left);
                left -= part.count;
            }
        }
        self.parts.retain(|part| part.count > 0);
        for (number, part) in (1..).zip(&mut self.parts) {
            part.name = format!("{COALITION} {number}");
        }
        self
    }

    /// What it is as an attack on a market.
    ///
    /// # Errors
    /// [`AttackError`], if it is none.
    pub fn case(&self, market: &Scenario, name: &str) -> Result<AttackCase, AttackError> {
        let attacked = Scenario { name: name.to_owned(), ..joined(market, &self.parts)? };
        AttackCase::of(name, attacked)
    }
}

/// Some of a coalition that chance makes up.
fn part(settings: &SeekSettings, luck: &mut Stream) -> Population {
    let roles: Vec<FamilyRole> =
        settings.families.iter().flat_map(|family| family.roles()).copied().collect();
    let (role, conduct) = one_of(&roles, luck);
    let mut part = Population::of("", role, 1, conduct);
    part.coalition = COALITION.to_owned();
    part.count = 1 + luck.below(settings.most(role));
    for _ in 0..3 {
        tweak(&mut part, settings, luck);
    }
    part
}

/// Changes one thing about some of a coalition. Much of it changes nothing of most behaviours, and is tried in vain.
fn tweak(part: &mut Population, settings: &SeekSettings, luck: &mut Stream) {
    let said = &mut part.settings;
    match luck.below(12) {
        0 | 1 => part.count = 1 + luck.below(settings.most(part.role)),
        2 if part.role != PopulationRole::Client => part.ask = one_of(&ASKS, luck),
        3 if part.conduct != BehaviourName::Honest => {
            part.begins = luck.below(PHASES) * settings.market.horizon / PHASES;
            part.ends = 0;
        }
        4 if part.conduct != BehaviourName::Honest => {
            part.ends = (part.begins * PHASES / settings.market.horizon.max(1) + 1 + luck.below(PHASES))
                * settings.market.horizon
                / PHASES;
        }
        5 => said.share = one_of(&SHARES, luck),
        6 => said.below = one_of(&SHARES, luck),
        7 => said.sells = one_of(&[Lie::Noise, Lie::Cheaper, Lie::Shorter, Lie::Prefilled], luck),
        8 => (said.after, said.jobs) = (luck.below(40), 1 + luck.below(40)),
        9 => said.price = 1 + luck.below(20),
        10 => (said.error, said.live) = (1 + luck.below(60), 1 + luck.below(4)),
        _ => said.units = 2 + luck.below(59),
    }
}

fn one_of<T: Copy>(all: &[T], luck: &mut Stream) -> T {
    all[luck.below(all.len() as u64) as usize]
}

impl SeekSettings {
    /// How many of a coalition can be there for this.
    pub(super) fn most(&self, role: PopulationRole) -> u64 {
        match role {
            PopulationRole::Founder | PopulationRole::Client => share_of(&self.market, role, self.share),
            PopulationRole::Newcomer => NAMES_MAX,
        }
    }
}
