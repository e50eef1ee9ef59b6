//! A coalition that could be tried: some populations with one purse, within what they may hold of a market.
//!
//! **Invariant:** a genome holds no more clients than its share of the market's, no more at stake than its share of the founders', and
//! no more names than are made up.

use std::collections::BTreeSet;

use super::{SeekFamily, SeekSettings};
use crate::{
    behaviour::Lie,
    lab::{
        attack::{AttackCase, AttackError, COALITION, joined, share_of},
        experiment::stakes_needed,
        scenario::{BehaviourName, Population, PopulationRole, Scenario, SettingKey, WHOLE},
    },
    random::Stream,
};

/// The most populations of a coalition.
const PARTS_MAX: usize = 3;
/// How many names a population makes up. They are few numbers, so that many attacks are put beside the same runs.
const NAMES: [u64; 6] = [1, 2, 4, 8, 16, 24];
/// The most of them, and the most founders into which a stake is split.
const NAMES_MAX: u64 = 24;
/// Shares and rates that are tried, in parts of a million.
const SHARES: [u64; 7] = [10_000, 50_000, 100_000, 250_000, 500_000, 750_000, WHOLE];
/// What is asked, in parts of a million of what others ask.
const ASKS: [u64; 5] = [WHOLE, 950_000, 900_000, 700_000, 500_000];
/// Parts of a horizon at which something begins or ends.
const PHASES: u64 = 8;
/// Things about a part that chance changes once it is made up.
const CHANGES: usize = 2;

/// A coalition that could be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genome {
    parts: Vec<Population>,
}

/// Who is in a coalition, by their roles, and how they behave.
pub(super) type GenomeConducts = BTreeSet<(&'static str, &'static str)>;

/// Something about some of a coalition that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GenomeKnob {
    /// How many they are.
    Count,
    /// What they ask.
    Ask,
    /// When they begin to behave so.
    Begins,
    /// When they are honest again.
    Ends,
    /// What each has at stake.
    Stake,
    /// When newcomers put it at stake.
    Staked,
    /// From when on they withdraw it.
    Unstaked,
    /// What else is said of how they behave.
    Says(SettingKey),
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
            _ => change(&mut parts[place], settings, luck),
        }
        Self { parts }.within(settings)
    }

    /// With as many in each part as all of them may be together, in the order of their roles, and each part under a name of its own.
    fn within(mut self, settings: &SeekSettings) -> Self {
        let roles = [PopulationRole::Founder, PopulationRole::Client, PopulationRole::Newcomer];
        let order = |part: &Population| roles.iter().position(|role| *role == part.role);
        self.parts.sort_by_key(order);
        // Founders with the usual stake, in whose places others are, or who have as much at stake as some newcomers.
        let mut left = settings.most(PopulationRole::Founder);
        let mut left_clients = settings.most(PopulationRole::Client);
        for part in &mut self.parts {
            match part.role {
                PopulationRole::Client => {
                    part.count = part.count.min(left_clients);
                    left_clients -= part.count;
                }
                PopulationRole::Newcomer if part.stake == 0 => {}
                PopulationRole::Founder | PopulationRole::Newcomer => {
                    part.count = part.count.min(settings.fitting(part.stake, left));
                    left = left.saturating_sub(part.stands_for(settings.market.stake));
                }
            }
        }
        self.parts.retain(|part| part.count > 0);
        for role in roles {
            for (number, part) in (1..).zip(self.parts.iter_mut().filter(|part| part.role == role)) {
                part.name = format!("attacking {}s {number}", role.word());
            }
        }
        self
    }

    /// Who is in it, and how they behave.
    pub(super) fn conducts(&self) -> GenomeConducts {
        self.parts.iter().map(|part| (part.role.word(), part.conduct.word())).collect()
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
    let family = one_of(&settings.families, luck);
    let (role, conduct) = one_of(family.roles(), luck);
    let mut part = Population::of("", role, 1, conduct);
    part.coalition = COALITION.to_owned();
    turn(&mut part, GenomeKnob::Count, settings, luck);
    if luck.below(2) == 0 && knobs(&part, settings).contains(&family.knob()) {
        turn(&mut part, family.knob(), settings, luck);
    }
    for _ in 0..CHANGES {
        change(&mut part, settings, luck);
    }
    part
}

/// What can be changed about some of a coalition and would change what they do.
fn knobs(part: &Population, settings: &SeekSettings) -> Vec<GenomeKnob> {
    let mut knobs = vec![GenomeKnob::Count];
    if part.role != PopulationRole::Client {
        knobs.extend([GenomeKnob::Ask, GenomeKnob::Stake]);
        if part.role == PopulationRole::Founder || part.stake > 0 {
            knobs.push(GenomeKnob::Unstaked);
        }
        if part.role == PopulationRole::Newcomer && part.stake > 0 {
            knobs.push(GenomeKnob::Staked);
        }
    }
    if part.conduct != BehaviourName::Honest {
        knobs.extend([GenomeKnob::Begins, GenomeKnob::Ends]);
    }
    knobs.extend(part.conduct.keys().iter().map(|key| GenomeKnob::Says(*key)));
    knobs.retain(|knob| settings.turns(*knob));
    knobs
}

/// Changes one thing about some of a coalition.
fn change(part: &mut Population, settings: &SeekSettings, luck: &mut Stream) {
    let knob = one_of(&knobs(part, settings), luck);
    turn(part, knob, settings, luck);
}

/// Changes this about some of a coalition.
fn turn(part: &mut Population, knob: GenomeKnob, settings: &SeekSettings, luck: &mut Stream) {
    let horizon = settings.market.horizon;
    let mut phase = |from: u64| (from + luck.below(PHASES - from)) * horizon / PHASES;
    match knob {
        GenomeKnob::Begins => (part.begins, part.ends) = (phase(0), 0),
        GenomeKnob::Ends => {
            let begun = part.begins * PHASES / horizon.max(1);
            part.ends = (begun + 1) * horizon / PHASES + phase(0);
        }
        GenomeKnob::Staked => part.staked = phase(0),
        GenomeKnob::Unstaked => part.unstaked = phase(1),
        GenomeKnob::Count if part.role == PopulationRole::Newcomer => part.count = one_of(&NAMES, luck),
        GenomeKnob::Count => part.count = 1 + luck.below(settings.most_of(part)),
        GenomeKnob::Ask => part.ask = one_of(&ASKS, luck),
        GenomeKnob::Stake => {
            part.stake = one_of(&settings.stakes(), luck);
            // A stake that is split is of many.
            if part.role == PopulationRole::Founder {
                part.count = part.count.max(1 + luck.below(settings.most_of(part)));
            }
        }
        GenomeKnob::Says(key) => say(part, key, luck),
    }
    if part.role == PopulationRole::Newcomer && part.stake == 0 {
        (part.staked, part.unstaked) = (0, 0);
    }
    if part.unstaked <= part.staked {
        part.unstaked = 0;
    }
}

/// Changes what is said of how some of a coalition behave.
fn say(part: &mut Population, key: SettingKey, luck: &mut Stream) {
    let said = &mut part.settings;
    match key {
        SettingKey::Share => said.share = one_of(&SHARES, luck),
        SettingKey::Below => said.below = one_of(&SHARES, luck),
        SettingKey::Sells => {
            said.sells = one_of(&[Lie::Noise, Lie::Cheaper, Lie::Shorter, Lie::Prefilled], luck);
        }
        SettingKey::After => said.after = luck.below(40),
        // Each that is ordered beside others is run.
        SettingKey::Jobs if part.conduct == BehaviourName::Flooder => said.jobs = 1 + luck.below(8),
        SettingKey::Jobs => said.jobs = 1 + luck.below(40),
        SettingKey::Price => said.price = 1 + luck.below(20),
        SettingKey::Error => said.error = 1 + luck.below(60),
        SettingKey::Live => said.live = 1 + luck.below(4),
        SettingKey::Units => said.units = 2 + luck.below(59),
    }
}

fn one_of<T: Copy>(all: &[T], luck: &mut Stream) -> T {
    all[luck.below(all.len() as u64) as usize]
}

impl SeekSettings {
    /// How many of a coalition can be there for this, with the usual stake.
    pub(super) fn most(&self, role: PopulationRole) -> u64 {
        match role {
            PopulationRole::Founder | PopulationRole::Client => share_of(&self.market, role, self.share),
            PopulationRole::Newcomer => NAMES_MAX,
        }
    }

    /// How many there can be of one part alone.
    fn most_of(&self, part: &Population) -> u64 {
        let most = self.most(part.role);
        if part.role == PopulationRole::Founder { self.fitting(part.stake, most).max(1) } else { most }
    }

    /// How many with this stake have no more than so many founders have.
    fn fitting(&self, stake: u64, founders: u64) -> u64 {
        let of_split = |stake| founders.saturating_mul(self.market.stake) / stake;
        if stake == 0 { founders } else { of_split(stake).min(NAMES_MAX) }
    }

    /// What can be at stake, in thousandths of a credit: what is usual, which nought stands for; parts and multiples of that; and
    /// what is just enough to be asked as one who has something to lose, or to be drawn, and just too little.
    pub(super) fn stakes(&self) -> Vec<u64> {
        let usual = self.market.stake;
        let needed =
            stakes_needed(&self.market).into_iter().flat_map(|stake| [stake, stake.saturating_sub(1)]);
        let parts = [usual / 2, usual / 4, usual / 10, 2 * usual, 3 * usual];
        let fits = |stake: &u64| {
            *stake > 0 && *stake != usual && self.fitting(*stake, self.most(PopulationRole::Founder)) > 0
        };
        let others: BTreeSet<u64> = parts.into_iter().chain(needed).filter(fits).collect();
        core::iter::once(0).chain(others).collect()
    }

    /// Whether what these families are about is changed by it.
    fn turns(&self, knob: GenomeKnob) -> bool {
        let about = |family| self.families.contains(&family);
        match knob {
            GenomeKnob::Stake | GenomeKnob::Staked => about(SeekFamily::Stakes),
            GenomeKnob::Unstaked => about(SeekFamily::Stakes) || about(SeekFamily::Time),
            GenomeKnob::Count
            | GenomeKnob::Ask
            | GenomeKnob::Begins
            | GenomeKnob::Ends
            | GenomeKnob::Says(_) => true,
        }
    }
}
