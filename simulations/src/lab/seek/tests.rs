//! Searches whose attacks are judged by a rule that is known, and one in a small market.

use std::collections::BTreeSet;

use super::*;
use crate::lab::{
    attack::{AttackCase, AttackOutcome, AttackReference},
    scenario::{BehaviourName, Population, PopulationRole, Scenario, WHOLE},
    shipped,
    statistics::Moments,
};

fn settings(families: &[SeekFamily]) -> SeekSettings {
    let text = shipped::text("market").unwrap();
    let market = Scenario::read("market", &text, &shipped::text).unwrap();
    SeekSettings { market, share: WHOLE / 5, families: families.to_vec(), seed: 1, first: 1, seeds: [3, 20] }
}

fn everything() -> Vec<SeekFamily> {
    SeekFamily::all().into_iter().map(|(_, family)| family).collect()
}

/// What comes of an attack that gains this much with each seed, and harms nobody.
fn gaining(surplus: f64) -> AttackOutcome {
    let moments = |mean: f64| -> Moments { (0..20).map(|seed| mean + [0.01, -0.01][seed % 2]).collect() };
    AttackOutcome {
        surplus: moments(surplus),
        surplus_beside: AttackReference::UsualPrice,
        slashed: 0.0,
        losses: Vec::new(),
        harm: 0.0,
        harm_beside: AttackReference::Without,
        cost: moments(1.0),
        excess: moments(-1.0),
        dust: 0.1,
        results_lost: 0.0,
    }
}

/// As if truncators gained by each of them, and more by asking less.
fn known_rule(case: &AttackCase) -> Result<AttackOutcome, NoOutcome> {
    let gain = |part: &Population| {
        let is_known = part.conduct == BehaviourName::Truncator;
        let asks_less = (WHOLE - part.ask) as f64 / WHOLE as f64;
        if is_known { part.count as f64 * 0.1 + asks_less } else { -0.05 }
    };
    Ok(gaining(case.attackers().map(gain).sum::<f64>() - 0.55))
}

/// Goes on with a search until it ends, or so many attacks were glanced at.
fn go_on(
    search: &mut Search,
    most: usize,
    mut came: impl FnMut(&AttackCase) -> Result<AttackOutcome, NoOutcome>,
) {
    while search.glanced() < most {
        let Some(step) = search.step() else { return };
        let outcomes = match &step {
            SeekStep::Glances(cases) => cases.iter().map(&mut came).collect(),
            SeekStep::Trial(case) => vec![came(case)],
        };
        search.take(&step, outcomes);
    }
}

#[test]
fn a_search_finds_what_gains_and_tries_it_again_before_it_says_so() {
    let mut search = Search::new(settings(&[SeekFamily::Stakes]));
    go_on(&mut search, 2_000, known_rule);
    let breach = search.breach().expect("it is not far to go");
    let truncators = breach.case.attackers().filter(|part| part.conduct == BehaviourName::Truncator);
    assert!(truncators.count() > 0, "{:?}", breach.case);
    assert_eq!(breach.trial.kind, TrialKind::Breach);
    assert!(search.step().is_none(), "it is over");
    assert_eq!(search.best().unwrap().trial, breach.trial);
}

#[test]
fn what_looks_like_a_gain_and_is_none_is_cleared_and_the_search_goes_on() {
    let mut search = Search::new(settings(&everything()));
    let mut seen = BTreeSet::new();
    // A gain at the first look, and a loss at the second.
    go_on(&mut search, 24, |case| Ok(gaining(if seen.insert(case.attacked.hash()) { 0.5 } else { -0.5 })));
    assert!(search.breach().is_none());
    let of = |kind| search.trials().iter().filter(|trial| trial.kind == kind).count();
    assert_eq!((of(TrialKind::Glance), of(TrialKind::Breach)), (24, 0));
    assert!(of(TrialKind::Cleared) >= 16, "{}", of(TrialKind::Cleared));
}

#[test]
fn the_same_search_tries_the_same_and_goes_on_where_it_was_broken_off() {
    let mut whole = Search::new(settings(&everything()));
    let losing = |case: &AttackCase| {
        let count: u64 = case.attackers().map(|part| part.count).sum();
        Ok(gaining(-1.0 / count as f64))
    };
    go_on(&mut whole, 48, losing);
    let text = trials_text("a search", whole.trials());
    let kept = read_trials("a search", &text).unwrap();
    assert_eq!(kept, whole.trials());
    let mut second = Search::new(settings(&everything()));
    assert!(second.go_on(kept[..24].to_vec()));
    assert_eq!((second.glanced(), second.trials()), (24, &kept[..24]));
    go_on(&mut second, 48, losing);
    assert_eq!(second.trials(), whole.trials());
    let other = SeekSettings { seed: 2, ..settings(&everything()) };
    assert_ne!(other.hash(), settings(&everything()).hash());
    let mut third = Search::new(other);
    assert!(!third.go_on(kept[..24].to_vec()), "another search");
    assert!(third.trials().is_empty());
    for wrong in
        [&text.replace("glance", "glimpse"), &text[..text.len() - 3], "", &text.replacen('0', "1", 1)]
    {
        assert_eq!(read_trials("a search", wrong), None, "{wrong:?}");
    }
    assert_eq!(read_trials("another search", &text), None);
}

#[test]
fn a_broken_rule_of_the_books_ends_the_search_and_a_run_that_is_given_up_does_not() {
    let none = |is_rule| Err(NoOutcome { said: "I12, \"quoted\"".into(), is_rule });
    let mut search = Search::new(settings(&everything()));
    let mut count = 0;
    go_on(&mut search, 80, |_| {
        count += 1;
        none(count == 20)
    });
    let breach = search.breach().unwrap();
    assert_eq!((breach.trial.kind, breach.trial.number, search.glanced()), (TrialKind::Rule, 19, 24));
    assert_eq!(breach.trial.came, Err("I12, \"quoted\"".to_owned()));
    let text = trials_text("it", search.trials());
    assert_eq!(read_trials("it", &text).as_deref(), Some(search.trials()));
}

#[test]
fn coalitions_stay_within_their_share_and_are_about_what_is_asked() {
    for (word, family) in SeekFamily::all() {
        let mut search = Search::new(settings(&[family]));
        let mut seen = BTreeSet::new();
        go_on(&mut search, 32, |case| {
            let founders = case.attackers().filter(|part| part.role == PopulationRole::Founder);
            assert!(founders.map(|part| part.count).sum::<u64>() <= 3, "{word}: {case:?}");
            let clients = case.attackers().filter(|part| part.role == PopulationRole::Client);
            assert!(clients.map(|part| part.count).sum::<u64>() <= 2, "{word}: {case:?}");
            for part in case.attackers() {
                let role = (part.role, part.conduct);
                assert!(family.roles().contains(&role), "{word}: {role:?}");
            }
            assert!(seen.insert(case.attacked.hash()), "nothing is tried twice");
            Ok(gaining(-1.0))
        });
        assert_eq!(search.glanced(), 32, "{word}");
    }
}
