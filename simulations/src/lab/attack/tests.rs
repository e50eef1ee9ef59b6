//! Attacks on small markets, and on figures that were made up.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::lab::{
    experiment::{self, RunFigures},
    pieces::PieceSource,
    scenario::{BehaviourName, Population, PopulationRole, Scenario, WHOLE},
    shipped,
};

fn market() -> Scenario {
    let text = shipped::text("market").unwrap();
    Scenario::read("market", &text, &shipped::text).unwrap()
}

fn case(text: &str) -> AttackCase {
    AttackCase::of("an attack", Scenario::read("a.toml", text, &shipped::text).unwrap()).unwrap()
}

/// Ten founders, two of them in a ring with a client and three names.
const RING: &str = "\
[[population]]
name = \"honest\"
count = 8
[[population]]
name = \"ring\"
count = 2
behaviour = \"forger\"
begins = \"5 s\"
coalition = \"ring\"
[[population]]
name = \"clients\"
role = \"client\"
count = 3
[[population]]
name = \"buyers\"
role = \"client\"
coalition = \"ring\"
[[population]]
name = \"names\"
role = \"newcomer\"
count = 3
behaviour = \"mute\"
ask = \"50 %\"
";

#[test]
fn an_attack_is_put_beside_itself_honest_and_beside_the_market_without_what_it_came_for() {
    let case = case(RING);
    let words = |scenario: &Scenario| -> Vec<(String, u64, &'static str)> {
        let each = scenario.populations.iter();
        each.map(|each| (each.name.clone(), each.count, each.conduct.word())).collect()
    };
    let of = |name: &str, count: u64, word: &'static str| (name.to_owned(), count, word);
    let honest: Vec<_> =
        words(&case.attacked).into_iter().map(|(name, count, _)| (name, count, "honest")).collect();
    assert_eq!(words(&case.honest), honest);
    assert_eq!(words(&case.priced), honest);
    assert!(case.honest.populations.iter().all(|each| each.ask == WHOLE && each.begins == 0));
    let asked = |each: &Population| (each.ask != WHOLE).then(|| (each.name.clone(), each.ask));
    let asked: Vec<_> = case.priced.populations.iter().filter_map(asked).collect();
    assert_eq!(asked, [("names".to_owned(), WHOLE / 2)]);
    assert!(case.asks_other_price());
    assert_eq!(
        words(&case.without),
        [
            of("honest", 8, "honest"),
            of("ring", 2, "honest"),
            of("clients", 3, "honest"),
            of("buyers", 1, "bystander")
        ]
    );
    assert_eq!(
        case.attackers().map(|each| each.name.as_str()).collect::<Vec<_>>(),
        ["ring", "buyers", "names"]
    );
    assert_eq!(case.stake_share(), 0.2);
}

#[test]
fn a_market_in_which_all_are_honest_is_no_attack() {
    let odd = RING.replace(
        "behaviour = \"forger\"\nbegins = \"5 s\"\ncoalition = \"ring\"",
        "behaviour = \"other-hardware\"",
    );
    let odd = odd.replace("\"mute\"\nask = \"50 %\"", "\"honest\"").replace("coalition = \"ring\"\n", "");
    let scenario = Scenario::read("a.toml", &odd, &shipped::text).unwrap();
    let error = AttackCase::of("none", scenario).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nobody attacks in a.toml: every population is honest, and in no coalition"
    );
}

#[test]
fn attackers_take_the_places_of_honest_founders_and_clients_and_names_come_beside_them() {
    let market = market();
    let used: BTreeSet<&str> =
        Adversary::all().iter().flat_map(|each| each.parts).map(|part| part.conduct.word()).collect();
    let honest = [BehaviourName::Honest, BehaviourName::OtherHardware, BehaviourName::Bystander];
    for behaviour in BehaviourName::all().filter(|behaviour| !honest.contains(behaviour)) {
        assert!(used.contains(behaviour.word()), "{} is nobody's", behaviour.word());
    }
    for adversary in Adversary::all() {
        assert_eq!(Adversary::find(adversary.name).unwrap().name, adversary.name);
        let attacked = adversary.joins(&market, WHOLE / 5).unwrap();
        let case = AttackCase::of(adversary.name, attacked).unwrap();
        for role in [PopulationRole::Founder, PopulationRole::Client] {
            assert_eq!(case.attacked.count(role), market.count(role), "{}", adversary.name);
        }
        assert!(case.stake_share() <= 0.2 && case.attackers().next().is_some(), "{}", adversary.name);
        let uses_names = adversary.parts.iter().any(|part| part.role == PopulationRole::Newcomer);
        assert_eq!(case.attacked.peers() > market.peers(), uses_names, "{}", adversary.name);
    }
    let all = Population::of(
        "all",
        PopulationRole::Founder,
        market.count(PopulationRole::Founder),
        BehaviourName::Forger,
    );
    let error = joined(&market, &[all]).unwrap_err().to_string();
    assert_eq!(error, "market has fewer than 15 honest founders that leave a market behind");
    assert_eq!(share_of(&market, PopulationRole::Founder, 1), 1, "one at least");
}

/// Runs in which each of these figures is what it is said to be with each seed.
fn runs(figures: &[(&str, &[f64])]) -> Vec<RunFigures> {
    let seeds = figures[0].1.len();
    let run = |seed: usize| {
        let figures = figures.iter().map(|(name, values)| ((*name).to_owned(), Some(values[seed])));
        RunFigures {
            seed: seed as u64,
            digest: String::new(),
            events: 0,
            figures: figures.collect(),
            series: Vec::new(),
        }
    };
    (0..seeds).map(run).collect()
}

#[test]
fn surplus_cost_and_harm_are_counted_with_work_and_results() {
    let case = case(&RING.replace("ask = \"50 %\"\n", ""));
    let attacked = runs(&[
        ("gain of one of ring, credits", &[1.0, 1.2]),
        ("work of one of ring, credits", &[0.0, 0.0]),
        ("gain of one of buyers, credits", &[-0.5, -0.5]),
        ("results of one of buyers", &[10.0, 10.0]),
        ("gain of one of honest, credits", &[1.0, 1.0]),
        ("work of one of honest, credits", &[0.25, 0.25]),
        ("gain of one of clients, credits", &[-1.0, -1.0]),
        ("results of one of clients", &[50.0, 50.0]),
        ("gain of the pool, credits", &[0.5, 0.5]),
        ("honest results slashed", &[0.0, 1.0]),
    ]);
    let honest = runs(&[
        ("gain of one of ring, credits", &[1.0, 1.0]),
        ("work of one of ring, credits", &[0.5, 0.5]),
        ("gain of one of names, credits", &[0.1, 0.1]),
    ]);
    let without = runs(&[
        ("gain of one of ring, credits", &[2.0, 2.0]),
        ("gain of one of honest, credits", &[1.5, 1.5]),
        ("work of one of honest, credits", &[0.5, 0.5]),
        ("gain of one of clients, credits", &[-1.0, -1.0]),
        ("results of one of clients", &[80.0, 80.0]),
        ("gain of the pool, credits", &[0.25, 0.25]),
    ]);
    let (honest, priced) = (&honest, &honest);
    let outcome =
        AttackOutcome::of(&case, AttackedRuns { attacked: &attacked, honest, priced, without: &without });
    // 2 · 1.1 − .5 + 10 · .02 = 1.9 on average, beside 2 · .5 + 3 · .1 = 1.3 of honest ones.
    close(outcome.surplus.mean(), 1.9 - 1.3);
    close(outcome.cost.mean(), 4.0 - 1.9);
    // Eight honest ones lose .25 each, three clients thirty results of .02; the pool gains.
    close(outcome.harm, 8.0 * 0.25 + 3.0 * 30.0 * 0.02);
    close(outcome.harm_over_cost().unwrap(), 3.8 / 2.1);
    close(outcome.excess.mean(), 3.8 - 2.1);
    close(outcome.results_lost, 90.0);
    // Without it they have 8 · 1 and 3 · (−1 + 1.6).
    close(outcome.dust, 0.02 * (8.0 + 1.8));
    assert_eq!((outcome.slashed, outcome.seeds()), (1.0, 2));
    let names: Vec<&str> = outcome.losses.iter().map(|loss| loss.name.as_str()).collect();
    assert_eq!(names, ["honest", "clients", "the pool"]);
    assert_eq!(outcome.verdict(1), AttackVerdict::Broken, "an honest result cost stake");
}

/// What came of an attack with these gains of a ring of two, where the others lost this much each time.
fn outcome(gains: &[f64], loss: f64) -> AttackOutcome {
    let case = case(RING);
    let nought = vec![0.0; gains.len()];
    let lost = vec![-loss / 8.0; gains.len()];
    let attacked =
        runs(&[("gain of one of ring, credits", gains), ("gain of one of honest, credits", &lost)]);
    let beside = runs(&[("gain of one of ring, credits", &nought)]);
    let (honest, priced, without) = (&beside, &beside, &beside);
    AttackOutcome::of(&case, AttackedRuns { attacked: &attacked, honest, priced, without })
}

/// What came of two forgers that ask half of what others do: they gain this much, honest ones in their place that much at the
/// usual price and that much at half of it. Ten others together gain so much more without them, and beside honest ones at half
/// the price.
fn outcome_of_cheap([gain, usual, own]: [f64; 3], [without, priced]: [f64; 2]) -> AttackOutcome {
    let case = case(
        "[[population]]\nname = \"honest\"\ncount = 10\n\
         [[population]]\nname = \"cheap\"\ncount = 2\nbehaviour = \"forger\"\nask = \"50 %\"\n\
         [[population]]\nname = \"clients\"\nrole = \"client\"\n",
    );
    let market = |cheap: f64, others: f64| {
        let around = |mean: f64| -> Vec<f64> { (0..20).map(|seed| mean + [0.01, -0.01][seed % 2]).collect() };
        let (cheap, others) = (around(cheap / 2.0), around(others / 10.0));
        runs(&[("gain of one of cheap, credits", &cheap), ("gain of one of honest, credits", &others)])
    };
    let (attacked, honest) = (market(gain, 0.0), market(usual, 0.0));
    let (priced, without) = (market(own, priced), market(usual, without));
    let runs = AttackedRuns { attacked: &attacked, honest: &honest, priced: &priced, without: &without };
    AttackOutcome::of(&case, runs)
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
}

#[test]
fn whoever_asks_less_is_put_beside_honest_peers_at_the_price_at_which_those_have_more() {
    // What brings them orders is the price: honest ones gain more by it, and take as much from others.
    let cheaper = outcome_of_cheap([1.5, 1.0, 1.8], [2.0, 0.1]);
    close(cheaper.surplus.mean(), 1.5 - 1.8);
    close(cheaper.harm, 0.1);
    let beside = |outcome: &AttackOutcome| (outcome.surplus_beside, outcome.harm_beside);
    assert_eq!(beside(&cheaper), (AttackReference::OwnPrice, AttackReference::OwnPrice));
    assert_eq!(cheaper.verdict(1), AttackVerdict::Holds);
    // Honest ones would work at a loss: not to work is no gain.
    let decoys = outcome_of_cheap([0.0, 1.0, -2.0], [0.5, 3.0]);
    close(decoys.surplus.mean(), -1.0);
    close(decoys.harm, 0.5);
    assert_eq!(beside(&decoys), (AttackReference::UsualPrice, AttackReference::Without));
    assert_eq!(decoys.verdict(1), AttackVerdict::Holds);
    // What is more than both is a gain.
    let gains = outcome_of_cheap([3.0, 1.0, 2.0], [0.0, 0.0]);
    close(gains.surplus.mean(), 1.0);
    assert_eq!(gains.verdict(1), AttackVerdict::Broken);
    for reference in [AttackReference::UsualPrice, AttackReference::OwnPrice, AttackReference::Without] {
        assert_eq!(AttackReference::find(reference.word()), Some(reference));
    }
}

#[test]
fn no_scenario_is_run_that_is_the_same_as_another() {
    let run = runs(&[("gain of one of ring, credits", &[1.0, 1.0])]);
    let asked = |text: &str| {
        let mut asked: Vec<String> = Vec::new();
        let outcome = case(text).outcome(|scenario| {
            asked.push(scenario.hash());
            Ok::<_, ()>(run.clone())
        });
        assert_eq!(outcome.unwrap().seeds(), 2);
        let all: BTreeSet<String> = asked.iter().cloned().collect();
        (asked.len(), all.len())
    };
    assert_eq!(asked(RING), (4, 4));
    assert_eq!(asked(&RING.replace("ask = \"50 %\"\n", "")), (3, 3));
    let none = case(RING).outcome(|scenario| Err::<Vec<RunFigures>, _>(scenario.name.clone()));
    assert_eq!(none, Err(case(RING).attacked.name));
}

#[test]
fn attackers_that_are_alike_where_all_are_honest_are_one_population_there() {
    let part = |name: &str, behaviour: &str| {
        format!("[[population]]\nname = \"{name}\"\nbehaviour = \"{behaviour}\"\ncoalition = \"ring\"\n")
    };
    let honest = "[[population]]\nname = \"honest\"\ncount = 5\n".to_owned();
    let of = |parts: &[String]| case(&format!("{}[[population]]\nrole = \"client\"\n", parts.concat()));
    let one = of(&[honest.clone(), part("a", "forger"), part("b", "lazy-verifier")]);
    let other = of(&[honest.clone(), part("a", "mute"), part("b", "forger")]);
    assert_eq!((one.honest.populations.len(), one.honest.populations[1].count), (3, 2));
    assert_eq!((&one.honest, &one.without), (&other.honest, &other.without));
    assert!(one.attacked != other.attacked && !one.asks_other_price());
    // Others between them stay where they are.
    let apart = of(&[part("a", "forger"), honest, part("b", "forger")]);
    assert_eq!(apart.honest.populations.len(), 4);
}

#[test]
fn a_bound_is_broken_by_more_than_chance_or_holds_by_more_than_chance_or_is_open() {
    let around = |mean: f64| -> Vec<f64> { (0..20).map(|seed| mean + [0.1, -0.1][seed % 2]).collect() };
    for (gain, loss, expected) in [
        (-1.0, 0.0, AttackVerdict::Holds),
        (-1.0, 1.5, AttackVerdict::Holds),
        (-1.0, 2.5, AttackVerdict::Broken),
        (1.0, 0.0, AttackVerdict::Broken),
        (0.0, 0.0, AttackVerdict::Open),
        (-0.06, 0.0, AttackVerdict::Holds),
        (0.06, 0.0, AttackVerdict::Broken),
    ] {
        assert_eq!(outcome(&around(gain), loss).verdict(1), expected, "{gain} {loss}");
    }
    // Of a hundred attacks some gain a little by chance.
    assert_eq!(outcome(&around(0.06), 0.0).verdict(100), AttackVerdict::Open);
    assert_eq!(outcome(&[1.0], 0.0).verdict(1), AttackVerdict::Open, "one seed shows nothing");
    // Whoever gains what others lose competes with them.
    let competes = outcome(&around(0.06), 0.12);
    assert!(competes.excess.mean().abs() < 1e-9 && competes.harm_over_cost().is_none());
    let never = outcome(&[0.0; 20], 0.0);
    assert_eq!((never.verdict(1), never.surplus_interval().unwrap().high), (AttackVerdict::Holds, 0.0));
}

#[test]
fn a_plan_runs_each_scenario_once_and_says_of_each_attack_what_came_of_it() {
    let market = Scenario { horizon: 3_000_000_000, ..market() };
    let cases: Vec<AttackCase> = ["forger", "lazy-verifier"]
        .into_iter()
        .map(|name| {
            let attacked = Adversary::find(name).unwrap().joins(&market, WHOLE / 5).unwrap();
            AttackCase::of(name, attacked).unwrap()
        })
        .collect();
    let plan = AttackPlan::new(cases.clone(), 3, 2);
    assert_eq!(plan.scenarios().len(), 2 + 1, "honest founders are the same in both, and nobody is missing");
    let source = plan.pieces(&[0, 1, 2]);
    assert_eq!(source.pieces, [(0, 3), (0, 4), (1, 3), (1, 4), (2, 3), (2, 4)]);
    let mut all: BTreeMap<String, Vec<RunFigures>> = BTreeMap::new();
    for (number, (hash, _)) in plan.scenarios().iter().enumerate() {
        let live = |seed| experiment::live(source.scenario(number), seed).unwrap();
        all.insert(hash.clone(), vec![live(3), live(4)]);
    }
    let outcomes = plan.outcomes(&all);
    assert_eq!(
        outcomes.iter().map(|each| each.name.as_str()).collect::<Vec<_>>(),
        ["forger", "lazy-verifier"]
    );
    assert!(outcomes.iter().all(|each| each.outcome.slashed == 0.0 && each.stake_share == 0.2));
    let text = table(&outcomes);
    assert!(text.starts_with("attack,seeds,") && text.contains("\n\"forger\",2,0.2000,"), "{text}");
    all.pop_first();
    assert!(plan.outcomes(&all).len() < 2, "an attack of which runs are missing has no outcome yet");
    assert_ne!(plan.hash(), AttackPlan::new(cases, 3, 3).hash());
}

#[test]
fn kept_runs_are_taken_whole_and_for_their_own_scenario_and_seeds_alone() {
    let scenario = market();
    let runs = runs(&[("share", &[0.1, 0.2])]);
    let text = runs_text(&scenario, 0, "0123456789ab", &runs);
    let rebuilt = runs_text(&scenario, 0, "another", &runs);
    assert_eq!(read_runs(&scenario, (0, 2), &text), Some(("0123456789ab", runs.clone())));
    assert_eq!(read_runs(&scenario, (0, 2), &rebuilt), Some(("another", runs)));
    let unsaid = text.replacen(", build 0123456789ab", "", 1);
    assert_eq!(read_runs(&scenario, (0, 2), &unsaid), None, "nobody knows which build made them");
    assert_eq!(read_runs(&scenario, (0, 3), &text), None);
    assert_eq!(read_runs(&scenario, (1, 2), &text), None);
    assert_eq!(read_runs(&Scenario { slots: 9, ..scenario.clone() }, (0, 2), &text), None);
    assert_eq!(read_runs(&scenario, (0, 2), &text.replace("0.2", "0.3")), None);
    assert_eq!(read_runs(&scenario, (0, 2), &text[..text.len() - 1]), None);
}
