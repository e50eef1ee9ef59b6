//! What coalitions gained, beside what as many honest peers did that were there for the same.
//!
//! **Invariant:** the gains of a coalition are those of one purse: what its members pay each other is none.

use super::course::Cast;
use crate::lab::scenario::{BehaviourName, Population, PopulationRole, Scenario};

/// One in so many honest founders is among the worst.
const WORST: usize = 10;

/// The figures of every coalition that is named, and of the honest founders that gained least. `gains` are in credits, in the
/// order of the cast.
pub(super) fn figures(scenario: &Scenario, cast: &Cast<'_>, gains: &[f64]) -> Vec<(String, Option<f64>)> {
    let mut names: Vec<&str> = Vec::new();
    for population in &scenario.populations {
        let name = population.coalition.as_str();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    let mut figures = Vec::new();
    for name in &names {
        let members: Vec<(&Population, f64)> =
            each(cast, gains).filter(|(population, _)| population.coalition == *name).collect();
        let gain: f64 = members.iter().map(|(_, gain)| gain).sum();
        let honest: Option<f64> =
            members.iter().map(|(population, _)| honest_mean(cast, gains, population.role)).sum();
        figures.push((format!("gain of coalition {name}, credits"), Some(gain)));
        let surplus = honest.map(|honest| gain - honest);
        figures.push((format!("surplus of coalition {name}, credits"), surplus));
    }
    if !names.is_empty() {
        figures.push(("gain of a founder, worst tenth of honest".into(), worst(cast, gains)));
    }
    figures
}

fn each<'a>(cast: &'a Cast<'_>, gains: &'a [f64]) -> impl Iterator<Item = (&'a Population, f64)> {
    cast.iter().zip(gains).map(|((_, population), gain)| (*population, *gain))
}

/// What honest peers gained that are there for this and in no coalition.
fn honest<'a>(cast: &'a Cast<'_>, gains: &'a [f64], role: PopulationRole) -> impl Iterator<Item = f64> {
    let honest = each(cast, gains).filter(move |(population, _)| {
        population.role == role
            && population.conduct == BehaviourName::Honest
            && population.coalition.is_empty()
    });
    honest.map(|(_, gain)| gain)
}

/// What one of them gained on average; nothing if there is none.
fn honest_mean(cast: &Cast<'_>, gains: &[f64], role: PopulationRole) -> Option<f64> {
    let count = honest(cast, gains, role).count();
    (count > 0).then(|| honest(cast, gains, role).sum::<f64>() / count as f64)
}

/// The least gain that a tenth of the honest founders are not above.
fn worst(cast: &Cast<'_>, gains: &[f64]) -> Option<f64> {
    let mut honest: Vec<f64> = honest(cast, gains, PopulationRole::Founder).collect();
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

    #[test]
    fn a_coalition_has_one_purse_and_is_put_beside_honest_peers_of_the_same_roles() {
        let scenario = Scenario::read("a.toml", TEXT, &shipped::text).unwrap();
        let cast: Cast<'_> = scenario
            .populations
            .iter()
            .flat_map(|each| (0..each.count).map(move |_| (Place(0), each)))
            .collect();
        // Twelve honest founders gain 1 to 12, 6.5 on average; sellers 8 each, the honest client −1, buyers −3 each.
        let mut gains: Vec<f64> = (1..=12).map(f64::from).collect();
        gains.extend([8.0, 8.0, -1.0, -3.0, -3.0, 0.5]);
        let found = figures(&scenario, &cast, &gains);
        let expected = [
            ("gain of coalition ring, credits", Some(10.0)),
            ("surplus of coalition ring, credits", Some(10.0 - 2.0 * 6.5 + 2.0)),
            ("gain of coalition alone, credits", Some(0.5)),
            ("surplus of coalition alone, credits", None),
            ("gain of a founder, worst tenth of honest", Some(2.0)),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn without_a_coalition_there_is_nothing_to_put_beside() {
        let text = TEXT.replace("coalition = \"ring\"\n", "").replace("coalition = \"alone\"\n", "");
        let scenario = Scenario::read("a.toml", &text, &shipped::text).unwrap();
        assert_eq!(figures(&scenario, &Vec::new(), &[]), Vec::new());
    }
}
