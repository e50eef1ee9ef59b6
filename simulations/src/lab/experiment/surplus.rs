//! What everybody gained, and what coalitions did beside as many honest peers that were there for the same.
//!
//! Gains are by the books. What is put beside each other is more: less the work that was done, and with what true results are
//! worth to those who ordered them. So a provider that is paid without work has more than an honest one, and a client that orders
//! nothing has nothing.
//!
//! **Invariant:** the gains of a coalition are those of one purse: what its members pay each other is none.

use assay_protocol::{
    genesis::Genesis,
    units::{NANO_PER_CREDIT, Work},
};

use super::{
    course::{Cast, Owned},
    pool_range::PoolRange,
};
use crate::lab::scenario::{BehaviourName, Population, PopulationRole, Scenario};

/// One in so many honest founders is among the worst.
const WORST: usize = 10;

/// What the members of a population did, and what they were given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct GroupDeeds {
    /// What the work of their runs cost, in credits: as much as it earns in a check.
    work: f64,
    /// How many of their orders brought what an honest machine would have made.
    results: u64,
}

impl GroupDeeds {
    pub(super) fn of(genesis: &Genesis, work: Work, results: u64) -> Self {
        Self { work: genesis.check_cost(work).0 as f64 / NANO_PER_CREDIT as f64, results }
    }
}

/// What one of each population gained, did and was given, what the honest founders gained that gained least, what the pool gained
/// and was meanwhile, and the figures of every coalition that is named. `gained` is in the order of the cast, `deeds` in that of the
/// populations.
pub(super) fn figures(
    scenario: &Scenario,
    cast: &Cast<'_>,
    (gained, pool): (&Owned, &PoolRange),
    deeds: &[GroupDeeds],
) -> Vec<(String, Option<f64>)> {
    let groups = groups(scenario, cast, gained, deeds);
    let mut figures = Vec::new();
    for group in &groups {
        let (name, count) = (&group.population.name, group.population.count as f64);
        figures.push((format!("gain of one of {name}, credits"), Some(group.gain / count)));
    }
    for group in &groups {
        let (name, count) = (&group.population.name, group.population.count as f64);
        figures.push(match group.population.orders() {
            true => (format!("results of one of {name}"), Some(group.deeds.results as f64 / count)),
            false => (format!("work of one of {name}, credits"), Some(group.deeds.work / count)),
        });
    }
    figures.push(("gain of a founder, worst tenth of honest".into(), worst(cast, &gained.each)));
    figures.push(("gain of the pool, credits".into(), Some(gained.pool)));
    figures.extend(pool.figures());
    figures.extend(of_coalitions(scenario, &groups));
    figures
}

/// What all members of a population came to.
struct GroupGain<'a> {
    population: &'a Population,
    /// By the books, in credits.
    gain: f64,
    deeds: GroupDeeds,
}

impl GroupGain<'_> {
    /// What they gained in all, where a result is worth so much.
    fn net(&self, worth: f64) -> f64 {
        self.gain - self.deeds.work + self.deeds.results as f64 * worth
    }

    fn is_honest(&self, role: PopulationRole) -> bool {
        let Population { role: own, conduct, coalition, .. } = self.population;
        *own == role && *conduct == BehaviourName::Honest && coalition.is_empty()
    }
}

fn groups<'a>(
    scenario: &'a Scenario,
    cast: &Cast<'_>,
    gained: &Owned,
    deeds: &[GroupDeeds],
) -> Vec<GroupGain<'a>> {
    let group = |(number, population): (usize, &'a Population)| {
        let members = each(cast, &gained.each).filter(|(each, _)| core::ptr::eq(*each, population));
        // A population in which nothing happened may have no tally.
        let deeds = deeds.get(number).copied().unwrap_or_default();
        GroupGain { population, gain: members.map(|(_, gain)| gain).sum(), deeds }
    };
    scenario.populations.iter().enumerate().map(group).collect()
}

fn of_coalitions(scenario: &Scenario, groups: &[GroupGain<'_>]) -> Vec<(String, Option<f64>)> {
    let mut names: Vec<&str> = Vec::new();
    for population in &scenario.populations {
        let name = population.coalition.as_str();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    let worth = scenario.worth();
    let figures = names.into_iter().flat_map(|name| {
        let members = || groups.iter().filter(move |group| group.population.coalition == name);
        let net: f64 = members().map(|group| group.net(worth)).sum();
        let honest = members().map(|group| {
            let mean = honest_mean(groups, group.population.role, worth);
            mean.map(|mean| mean * group.population.count as f64)
        });
        let honest: Option<f64> = honest.sum();
        [
            (format!("gain of coalition {name}, credits"), Some(members().map(|group| group.gain).sum())),
            (format!("surplus of coalition {name}, credits"), honest.map(|honest| net - honest)),
        ]
    });
    figures.collect()
}

/// What one honest peer that is there for this, and in no coalition, gained in all on average; nothing if there is none.
fn honest_mean(groups: &[GroupGain<'_>], role: PopulationRole, worth: f64) -> Option<f64> {
    let honest = || groups.iter().filter(|group| group.is_honest(role));
    let count: u64 = honest().map(|group| group.population.count).sum();
    (count > 0).then(|| honest().map(|group| group.net(worth)).sum::<f64>() / count as f64)
}

fn each<'a>(cast: &'a Cast<'_>, gains: &'a [f64]) -> impl Iterator<Item = (&'a Population, f64)> {
    cast.iter().zip(gains).map(|((_, population), gain)| (*population, *gain))
}

/// The least gain that a tenth of the honest founders are not above.
fn worst(cast: &Cast<'_>, gains: &[f64]) -> Option<f64> {
    let honest = each(cast, gains).filter(|(population, _)| {
        population.role == PopulationRole::Founder
            && population.conduct == BehaviourName::Honest
            && population.coalition.is_empty()
    });
    let mut honest: Vec<f64> = honest.map(|(_, gain)| gain).collect();
    honest.sort_by(f64::total_cmp);
    let place = honest.len().div_ceil(WORST).checked_sub(1)?;
    honest.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lab::shipped, world::Place};

    const TEXT: &str = "\
[run]
horizon = \"30 s\"
[[population]]
name = \"honest\"
count = 12
[[population]]
name = \"sellers\"
count = 2
behaviour = \"forger\"
coalition = \"ring\"
[[population]]
role = \"client\"
[[population]]
name = \"buyers\"
role = \"client\"
count = 2
behaviour = \"griefing-client\"
coalition = \"ring\"
[[population]]
name = \"strangers\"
role = \"newcomer\"
coalition = \"alone\"
";

    fn cast(scenario: &Scenario) -> Cast<'_> {
        let populations = scenario.populations.iter();
        populations.flat_map(|each| (0..each.count).map(move |_| (Place(0), each))).collect()
    }

    fn find(figures: &[(String, Option<f64>)], name: &str) -> Option<f64> {
        figures.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}: {figures:?}")).1
    }

    #[test]
    fn a_coalition_has_one_purse_and_is_put_beside_honest_peers_of_the_same_roles() {
        let scenario = Scenario::read("a.toml", TEXT, &shipped::text).unwrap();
        // Twelve honest founders gain 1 to 12, 6.5 on average; sellers 8 each, the honest client −1, buyers −3 each.
        let mut each: Vec<f64> = (1..=12).map(f64::from).collect();
        each.extend([8.0, 8.0, -1.0, -3.0, -3.0, 0.5]);
        let gained = Owned { each, pool: 0.25 };
        let found = figures(&scenario, &cast(&scenario), (&gained, &PoolRange::default()), &[]);
        for (name, expected) in [
            ("gain of one of honest, credits", Some(6.5)),
            ("gain of one of buyers, credits", Some(-3.0)),
            ("results of one of buyers", Some(0.0)),
            ("work of one of sellers, credits", Some(0.0)),
            ("gain of the pool, credits", Some(0.25)),
            ("gain of coalition ring, credits", Some(10.0)),
            ("surplus of coalition ring, credits", Some(10.0 - 2.0 * 6.5 + 2.0)),
            ("gain of coalition alone, credits", Some(0.5)),
            ("surplus of coalition alone, credits", None),
            ("gain of a founder, worst tenth of honest", Some(2.0)),
        ] {
            assert_eq!(find(&found, name), expected, "{name}");
        }
    }

    #[test]
    fn work_that_was_not_done_is_a_surplus_and_so_is_a_result_that_was_not_paid() {
        let scenario = Scenario::read("a.toml", TEXT, &shipped::text).unwrap();
        let gained = Owned { each: vec![0.0; 18], pool: 0.0 };
        let deed = |work: f64, results: u64| GroupDeeds { work, results };
        // Each honest founder did work for one half; the sellers none. The honest client has ten results, the buyers none.
        let deeds = [deed(6.0, 0), deed(0.0, 0), deed(0.0, 10), deed(0.0, 0), deed(0.0, 0)];
        let found = figures(&scenario, &cast(&scenario), (&gained, &PoolRange::default()), &deeds);
        let surplus = find(&found, "surplus of coalition ring, credits").unwrap();
        // Twice the price of .01 is what a result is worth.
        assert!((surplus - (2.0 * 0.5 - 2.0 * 10.0 * 0.02)).abs() < 1e-12, "{surplus}");
        assert_eq!(find(&found, "work of one of honest, credits"), Some(0.5));
        assert_eq!(find(&found, "results of one of clients"), Some(10.0));
        assert_eq!(find(&found, "gain of coalition ring, credits"), Some(0.0));
    }

    #[test]
    fn without_a_coalition_there_is_nothing_to_put_beside() {
        let text = TEXT.replace("coalition = \"ring\"\n", "").replace("coalition = \"alone\"\n", "");
        let scenario = Scenario::read("a.toml", &text, &shipped::text).unwrap();
        let gained = Owned { each: vec![0.0; 18], pool: 0.0 };
        let found = figures(&scenario, &cast(&scenario), (&gained, &PoolRange::default()), &[]);
        assert!(found.iter().all(|(name, _)| !name.contains("coalition")));
        assert_eq!(found.len(), 5 + 5 + 1 + 3);
    }
}
