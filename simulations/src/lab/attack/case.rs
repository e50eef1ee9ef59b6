//! One attack: a scenario in which some are not honest, and what it is put beside.
//!
//! **Invariant:** whoever attacks stands in the same places in all of them, but for those that are missing.

use crate::lab::scenario::{BehaviourName, Population, PopulationRole, Scenario, ScenarioError};

/// What a market is called that an attack is put beside.
const BESIDE: &str = "beside";

/// Why a scenario is no attack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttackError {
    /// All are honest.
    #[error("nobody attacks in {name}: every population is honest, and in no coalition")]
    Nobody {
        /// The scenario.
        name: String,
    },
    /// There are not enough honest peers whose place attackers could take.
    #[error("{name} has fewer than {count} honest {role}s that leave a market behind")]
    TooFew {
        /// The market.
        name: String,
        /// How many were wanted.
        count: u64,
        /// What they are there for.
        role: &'static str,
    },
    /// What comes of it is no scenario that can be run.
    #[error(transparent)]
    BadScenario(#[from] ScenarioError),
}

/// An attack, beside what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttackCase {
    /// What it is called.
    pub name: String,
    /// The market with the coalition at work.
    pub attacked: Scenario,
    /// The same with its members honest, at the usual price.
    pub honest: Scenario,
    /// The same with its members honest, at the price that they ask where they attack: the one before, if that is the usual one.
    pub priced: Scenario,
    /// The same without what they came for.
    pub without: Scenario,
}

impl AttackCase {
    /// The attack that a scenario is.
    ///
    /// # Errors
    /// [`AttackError`], if nobody attacks in it or it cannot be run without its attackers.
    pub fn of(name: &str, attacked: Scenario) -> Result<Self, AttackError> {
        if !attacked.populations.iter().any(attacks) {
            return Err(AttackError::Nobody { name: attacked.name });
        }
        let with = |each: &dyn Fn(&Population) -> Option<Population>| {
            let changed = attacked.populations.iter().filter_map(|population| match attacks(population) {
                true => Some((true, each(population)?)),
                false => Some((false, population.clone())),
            });
            // Under one name, so that attacks on one market are put beside the same runs.
            let (name, question, theory) = (BESIDE.to_owned(), String::new(), String::new());
            let populations = together(changed);
            read(&Scenario { name, question, theory, populations, ..attacked.clone() })
        };
        let honest = with(&|population: &Population| Some(population.honest()))?;
        let priced =
            with(&|population: &Population| Some(Population { ask: population.ask, ..population.honest() }))?;
        let without = with(&|population: &Population| absent(population, attacked.stake))?;
        Ok(Self { name: name.to_owned(), attacked, honest, priced, without })
    }

    /// The populations that attack, by their names.
    pub fn attackers(&self) -> impl Iterator<Item = &Population> {
        self.attacked.populations.iter().filter(|population| attacks(population))
    }

    /// The others.
    pub fn others(&self) -> impl Iterator<Item = &Population> {
        self.attacked.populations.iter().filter(|population| !attacks(population))
    }

    /// The scenarios, in the order of [`super::AttackedRuns`]. Two of them may be the same.
    #[must_use]
    pub fn scenarios(&self) -> [&Scenario; 4] {
        [&self.attacked, &self.honest, &self.priced, &self.without]
    }

    /// Whether its members ask another price than the usual one.
    #[must_use]
    pub fn asks_other_price(&self) -> bool {
        self.priced != self.honest
    }

    /// The share of the stake of the first day that its founders hold.
    #[must_use]
    pub fn stake_share(&self) -> f64 {
        let usual = self.attacked.stake;
        let held = |each: &Population| each.count * if each.stake == 0 { usual } else { each.stake };
        let is_founder = |each: &&Population| each.role == PopulationRole::Founder;
        let own: u64 = self.attackers().filter(is_founder).map(held).sum();
        let all: u64 = self.attacked.populations.iter().filter(is_founder).map(held).sum();
        own as f64 / all.max(1) as f64
    }
}

/// Whether a population is part of an attack: it shares a purse, or is not honest. One on other hardware is honest.
fn attacks(population: &Population) -> bool {
    let is_honest = matches!(population.conduct, BehaviourName::Honest | BehaviourName::OtherHardware);
    !is_honest || !population.coalition.is_empty()
}

/// What is left of attackers where nobody attacks: founders are there, and honest, each with the usual stake; nobody else would
/// have come.
fn absent(population: &Population, usual: u64) -> Option<Population> {
    match population.role {
        PopulationRole::Founder => {
            Some(Population { count: population.stands_for(usual), stake: 0, ..population.honest() })
        }
        PopulationRole::Newcomer => None,
        // The orders of all others come when they did.
        PopulationRole::Client => {
            Some(Population { conduct: BehaviourName::Bystander, ..population.honest() })
        }
    }
}

/// Populations of which those that would attack, are alike where nobody does, and stand behind each other are one: so attacks that
/// differ in what each of their members does are put beside the same runs.
fn together(all: impl Iterator<Item = (bool, Population)>) -> Vec<Population> {
    let mut populations: Vec<(bool, Population)> = Vec::new();
    for (attacks, population) in all {
        // Peers of a role stand in the order of their populations.
        let before = populations.iter().rposition(|(_, before)| before.role == population.role);
        let before = before.filter(|place| {
            let (attacked, before) = &populations[*place];
            attacks && *attacked && is_alike(before, &population)
        });
        match before {
            Some(place) => populations[place].1.count += population.count,
            None => populations.push((attacks, population)),
        }
    }
    populations.into_iter().map(|(_, population)| population).collect()
}

/// Whether two populations differ in nothing but their name and how many they are.
fn is_alike(one: &Population, other: &Population) -> bool {
    Population { name: other.name.clone(), count: other.count, ..one.clone() } == *other
}

/// A market in which these take part: clients among them in the places of honest ones, founders in the places of as many as have as
/// much at stake, newcomers beside them.
///
/// # Errors
/// [`AttackError`], if there are too few honest ones or it could not be run.
pub fn joined(market: &Scenario, parts: &[Population]) -> Result<Scenario, AttackError> {
    let mut populations = market.populations.clone();
    for role in [PopulationRole::Founder, PopulationRole::Client] {
        let of_role = parts.iter().filter(|part| part.role == role);
        let wanted: u64 = of_role.map(|part| part.stands_for(market.stake)).sum();
        give_way(&mut populations, role, wanted).map_err(|()| AttackError::TooFew {
            name: market.name.clone(),
            count: wanted,
            role: role.word(),
        })?;
    }
    populations.extend(parts.iter().cloned());
    Ok(read(&Scenario { populations, ..market.clone() })?)
}

/// Takes so many honest peers away, of the largest populations first, and leaves one of each.
fn give_way(populations: &mut [Population], role: PopulationRole, wanted: u64) -> Result<(), ()> {
    for _ in 0..wanted {
        let honest = populations.iter_mut().filter(|each| each.role == role && !attacks(each));
        let largest = honest.max_by_key(|each| each.count).filter(|each| each.count > 1).ok_or(())?;
        largest.count -= 1;
    }
    Ok(())
}

/// Reads a scenario again, so that all that holds of one that was read holds of it.
fn read(scenario: &Scenario) -> Result<Scenario, ScenarioError> {
    Scenario::read(&scenario.name, &scenario.resolved(), &|_| None)
}
