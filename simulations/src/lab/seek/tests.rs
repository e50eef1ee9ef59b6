//! Searches whose attacks are judged by a rule that is known.

use std::collections::BTreeSet;

use super::{genome::GenomeKnob, *};
use crate::{
    lab::{
        attack::{AttackCase, AttackOutcome, AttackReference},
        distribution::normal,
        scenario::{BehaviourName, Population, PopulationRole, Scenario, WHOLE},
        shipped,
        statistics::Moments,
    },
    random::Stream,
};

fn settings(families: &[SeekFamily]) -> SeekSettings {
    let text = shipped::text("market").unwrap();
    let market = Scenario::read("market", &text, &shipped::text).unwrap();
    SeekSettings { market, share: WHOLE / 5, families: families.to_vec(), seed: 1, first: 1, seeds: [3, 40] }
}

fn everything() -> Vec<SeekFamily> {
    SeekFamily::all().into_iter().map(|(_, family)| family).collect()
}

/// What comes of an attack that gains this much, give or take so much with each of so many seeds, and harms nobody.
fn varying(surplus: f64, by: f64, seeds: u64) -> AttackOutcome {
    let moments = |mean: f64, by: f64| -> Moments {
        (0..seeds).map(|seed| mean + [by, -by][usize::from(seed % 2 == 1)]).collect()
    };
    AttackOutcome {
        surplus: moments(surplus, by),
        surplus_beside: AttackReference::UsualPrice,
        slashed: 0.0,
        losses: Vec::new(),
        harm: 0.0,
        harm_beside: AttackReference::Without,
        cost: moments(1.0, 0.0),
        excess: moments(-1.0, 0.0),
        dust: 0.1,
        results_lost: 0.0,
    }
}

/// The same, surely.
fn gaining(surplus: f64, step: &SeekStep) -> AttackOutcome {
    varying(surplus, 0.01, step.seeds.1)
}

/// As if truncators gained by each of them, and more by asking less.
fn known_rule(case: &AttackCase, step: &SeekStep) -> Result<AttackOutcome, NoOutcome> {
    let gain = |part: &Population| {
        let is_known = part.conduct == BehaviourName::Truncator;
        let asks_less = (WHOLE - part.ask) as f64 / WHOLE as f64;
        if is_known { part.count as f64 * 0.1 + asks_less } else { -0.05 }
    };
    Ok(gaining(case.attackers().map(gain).sum::<f64>() - 0.55, step))
}

/// Goes on with a search until it ends, or so many attacks were tried.
fn go_on(
    search: &mut Search,
    most: usize,
    mut came: impl FnMut(&AttackCase, &SeekStep) -> Result<AttackOutcome, NoOutcome>,
) {
    while let Some(step) = search.step() {
        if step.kind == TrialKind::First && search.glanced() >= most {
            return;
        }
        let outcomes = step.cases.iter().map(|case| came(case, &step)).collect();
        search.take(&step, outcomes);
    }
}

fn count(search: &Search, kind: TrialKind) -> usize {
    search.trials().iter().filter(|trial| trial.kind == kind).count()
}

#[test]
fn a_search_finds_what_gains_and_tries_it_again_before_it_says_so() {
    let mut search = Search::new(settings(&[SeekFamily::Stakes]));
    go_on(&mut search, 2_000, known_rule);
    let breach = search.breach().expect("it is not far to go");
    let truncators = breach.case.attackers().filter(|part| part.conduct == BehaviourName::Truncator);
    assert!(truncators.count() > 0, "{:?}", breach.case);
    // It is so sure that an eighth of the seeds is enough.
    assert_eq!((breach.trial.kind, breach.trial.seeds), (TrialKind::Breach, (1_001, 5)));
    assert!(search.step().is_none(), "it is over");
}

#[test]
fn of_a_batch_the_better_half_is_glanced_at_and_each_with_the_same_seeds() {
    let mut search = Search::new(settings(&everything()));
    let mut looked: Vec<(TrialKind, usize, (u64, u64))> = Vec::new();
    let mut number = 0.0;
    go_on(&mut search, 16, |_, step| {
        if looked.last().is_none_or(|(kind, _, seeds)| (*kind, *seeds) != (step.kind, step.seeds)) {
            looked.push((step.kind, step.cases.len(), step.seeds));
        }
        number += 1.0;
        Ok(gaining(-number, step))
    });
    let batch = [(TrialKind::First, 8, (1, 1)), (TrialKind::Glance, 4, (1, 3))];
    assert_eq!(looked, [batch, batch].concat());
    let glanced: BTreeSet<usize> = search
        .trials()
        .iter()
        .filter(|trial| trial.kind == TrialKind::Glance)
        .map(|trial| trial.number)
        .collect();
    assert_eq!(glanced, BTreeSet::from([0, 1, 2, 3, 8, 9, 10, 11]), "the later lose more");
}

#[test]
fn what_looks_like_a_gain_and_is_none_is_cleared_and_the_search_goes_on() {
    let mut search = Search::new(settings(&everything()));
    // A gain with the seeds of a glance, and a loss with others.
    go_on(&mut search, 24, |_, step| Ok(gaining(if step.seeds.0 == 1 { 0.5 } else { -0.5 }, step)));
    assert!(search.breach().is_none());
    assert_eq!((count(&search, TrialKind::First), count(&search, TrialKind::Glance)), (24, 12));
    assert_eq!((count(&search, TrialKind::Cleared), count(&search, TrialKind::Look)), (12, 0));
}

#[test]
fn a_trial_is_looked_at_until_it_is_decided_and_no_longer() {
    let looks = |gain: f64, by: f64| {
        let mut search = Search::new(settings(&everything()));
        go_on(&mut search, 8, |_, step| Ok(varying(gain, by, step.seeds.1)));
        let looked = search.trials().iter().filter(|trial| trial.kind.is_of_trial());
        looked.map(|trial| (trial.kind, trial.seeds.1)).collect::<Vec<_>>()
    };
    let open = [(TrialKind::Look, 5), (TrialKind::Look, 10), (TrialKind::Look, 20)];
    assert_eq!(looks(1.0, 0.1), [(TrialKind::Breach, 5)], "five are enough");
    assert_eq!(looks(0.4, 0.6), [&open[..], &[(TrialKind::Breach, 40)]].concat(), "it takes all");
    assert_eq!(looks(0.2, 0.5)[..4], [&open[..], &[(TrialKind::Cleared, 40)]].concat(), "nor do all show it");
}

#[test]
fn searches_where_nothing_gains_seldom_say_that_something_does() {
    let mut luck = Stream::new(1, "gains", 0);
    let (mut found, mut cleared) = (0, 0);
    for seed in 0..20 {
        let mut search = Search::new(SeekSettings { seed, ..settings(&everything()) });
        go_on(&mut search, 160, |_, step| {
            let surplus: Moments = (0..step.seeds.1).map(|_| normal(&mut luck)).collect();
            Ok(AttackOutcome { surplus, ..gaining(0.0, step) })
        });
        found += usize::from(search.breach().is_some());
        cleared += count(&search, TrialKind::Cleared);
    }
    assert!(found <= 3, "{found} of 20, of which one is allowed in the middle");
    assert!(cleared > 100, "much looks like a gain: {cleared}");
}

#[test]
fn a_search_without_end_leaves_alone_what_it_has_found() {
    let mut search = Search::new(settings(&everything())).without_end();
    let gains = [BehaviourName::Withholder, BehaviourName::Mute];
    go_on(&mut search, 320, |case, step| {
        let gain = case.attackers().any(|part| gains.contains(&part.conduct));
        Ok(gaining(if gain { 1.0 } else { -1.0 }, step))
    });
    let conducts = |breach: SeekBreach| -> BTreeSet<(&'static str, &'static str)> {
        breach.case.attackers().map(|part| (part.role.word(), part.conduct.word())).collect()
    };
    let found: Vec<_> = search.breaches().map(conducts).collect();
    for word in gains.map(BehaviourName::word) {
        assert!(found.iter().any(|found| found.iter().any(|(_, conduct)| *conduct == word)), "{found:?}");
    }
    for (number, known) in found.iter().enumerate() {
        assert!(!found[number + 1..].iter().any(|later| known.is_subset(later)), "{known:?}: {found:?}");
    }
    let text = trials_text("it", search.trials());
    let mut again = Search::new(settings(&everything()));
    assert!(again.go_on(read_trials("it", &text).unwrap()));
    assert_eq!(again.trials(), search.trials());
    assert!(again.step().is_none(), "whoever wants one has it");
}

#[test]
fn the_same_search_tries_the_same_and_goes_on_where_it_was_broken_off() {
    let mut whole = Search::new(settings(&everything()));
    let losing = |case: &AttackCase, step: &SeekStep| {
        let count: u64 = case.attackers().map(|part| part.count).sum();
        Ok(gaining(-1.0 / count as f64, step))
    };
    go_on(&mut whole, 48, losing);
    let text = trials_text("a search", whole.trials());
    let kept = read_trials("a search", &text).unwrap();
    assert_eq!(kept, whole.trials());
    // Of each batch eight rows and four.
    for rows in [24, 32] {
        let mut second = Search::new(settings(&everything()));
        assert!(second.go_on(kept[..rows].to_vec()));
        assert_eq!(second.trials(), &kept[..rows]);
        go_on(&mut second, 48, losing);
        assert_eq!(second.trials(), whole.trials());
    }
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
    go_on(&mut search, 80, |_, _| {
        count += 1;
        none(count == 20)
    });
    let breach = search.breach().unwrap();
    assert_eq!((breach.trial.kind, breach.trial.number, search.glanced()), (TrialKind::Rule, 19, 24));
    assert_eq!(breach.trial.came, Err("I12, \"quoted\"".to_owned()));
    assert_eq!(breach.trial.seeds, (1, 1), "with these it shows");
    let text = trials_text("it", search.trials());
    assert_eq!(read_trials("it", &text).as_deref(), Some(search.trials()));
}

#[test]
fn coalitions_stay_within_their_share_and_are_about_what_is_asked() {
    for (word, family) in SeekFamily::all() {
        let mut search = Search::new(settings(&[family]));
        let mut seen = BTreeSet::new();
        go_on(&mut search, 40, |case, step| {
            assert!(case.stake_share() <= 0.2 + 1e-9, "{word}: {case:?}");
            let staked: u64 = case.attackers().map(|part| part.stake * part.count).sum();
            assert!(staked <= 3 * case.attacked.stake, "{word}: {case:?}");
            let clients = case.attackers().filter(|part| part.role == PopulationRole::Client);
            assert!(clients.map(|part| part.count).sum::<u64>() <= 2, "{word}: {case:?}");
            for part in case.attackers() {
                let role = (part.role, part.conduct);
                assert!(family.roles().contains(&role), "{word}: {role:?}");
            }
            assert!(
                step.kind != TrialKind::First || seen.insert(case.attacked.hash()),
                "nothing is tried twice"
            );
            let without: u64 = case.without.count(PopulationRole::Founder);
            assert_eq!(without, 15, "{word}: as much is at stake without it");
            Ok(gaining(-1.0, step))
        });
        assert_eq!(search.glanced(), 40, "{word}");
    }
}

#[test]
fn each_family_varies_what_its_name_says() {
    for (word, family) in SeekFamily::all() {
        let settings = settings(&[family]);
        let mut luck = Stream::new(1, "varies", 0);
        let mut parts: Vec<Population> = Vec::new();
        while parts.len() < 400 {
            let Ok(case) = Genome::random(&settings, &mut luck).case(&settings.market, "one") else {
                continue;
            };
            parts.extend(case.attackers().cloned());
        }
        let values = |of: &dyn Fn(&Population) -> Option<u64>| -> BTreeSet<u64> {
            parts.iter().filter_map(of).collect()
        };
        let all = |count: usize, of: &dyn Fn(&Population) -> Option<u64>| {
            let found = values(of);
            assert!(found.len() >= count, "{word}: {found:?}");
        };
        let behaviours: BTreeSet<&str> = parts.iter().map(|part| part.conduct.word()).collect();
        let known: BTreeSet<&str> = family.roles().iter().map(|(_, conduct)| conduct.word()).collect();
        assert_eq!(behaviours, known, "{word}");
        let has = |conduct: BehaviourName, part: &Population| part.conduct == conduct;
        match family {
            SeekFamily::Orders => {
                all(12, &|part| has(BehaviourName::Hoarder, part).then_some(part.settings.units));
                all(5, &|part| has(BehaviourName::Flooder, part).then_some(part.settings.jobs));
            }
            SeekFamily::Offers => {
                all(5, &|part| Some(part.ask));
                all(6, &|part| (part.role == PopulationRole::Newcomer).then_some(part.count));
            }
            SeekFamily::Checks => {
                all(6, &|part| has(BehaviourName::Gatekeeper, part).then_some(part.settings.jobs))
            }
            SeekFamily::Juries => {
                all(4, &|part| has(BehaviourName::CartelMember, part).then_some(part.settings.share));
                let roles: BTreeSet<&str> = parts.iter().map(|part| part.role.word()).collect();
                assert_eq!(
                    roles,
                    BTreeSet::from(["client", "founder"]),
                    "who judges, and who has them called"
                );
            }
            SeekFamily::Stakes => {
                all(6, &|part| Some(part.stake));
                all(4, &|part| Some(part.unstaked));
                all(3, &|part| (part.role == PopulationRole::Newcomer).then_some(part.staked));
                // A label takes .066 credits of who sells it, and .192 of who checks it.
                assert!(values(&|part| Some(part.stake)).is_superset(&BTreeSet::from([65, 66, 191, 192])));
                let split = |part: &Population| part.role == PopulationRole::Founder && part.count > 3;
                assert!(parts.iter().any(split), "no stake is split");
            }
            SeekFamily::Time => {
                all(6, &|part| Some(part.begins));
                all(5, &|part| has(BehaviourName::ThresholdCheater, part).then_some(part.settings.below));
                all(10, &|part| has(BehaviourName::Burst, part).then_some(part.settings.after));
            }
        }
        let is_staked = parts.iter().any(|part| part.stake > 0);
        assert_eq!(is_staked, family.knob() == GenomeKnob::Stake, "{word}");
    }
}
