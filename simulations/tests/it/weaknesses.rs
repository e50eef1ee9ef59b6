//! Searches for attacks where an old rule may have been put back: each finds one where it was, and none where it was not.
//!
//! `.ci/weaknesses` puts the rules back in a copy of the sources, and says by a variable which.

use std::{
    collections::BTreeMap,
    env,
    num::NonZero,
    sync::{Arc, mpsc},
    thread,
};

use assay_simulations::lab::{
    attack::{AttackCase, AttackOutcome},
    experiment::RunFigures,
    pieces::{self, ListedPieces, said},
    scenario::Scenario,
    seek::{NoOutcome, Search, SeekBreach, SeekFamily, SeekSettings, SeekStep, TrialKind},
    shipped,
};

/// Says which weakness was planted.
const VARIABLE: &str = "ASSAY_PLANTED";
/// How many attacks are looked at.
const ATTACKS: usize = 64;
/// A fifth, in parts of a million.
const FIFTH: u64 = 200_000;

/// A run by what stands for its scenario and its seed.
type KeptRuns = BTreeMap<(String, u64), Result<RunFigures, NoOutcome>>;

/// Makes the runs that are missing, on all cores.
fn run(scenarios: &[&Scenario], (first, seeds): (u64, u64), kept: &mut KeptRuns) {
    let mut listed = ListedPieces::default();
    let mut hashes: Vec<String> = Vec::new();
    for scenario in scenarios {
        let hash = scenario.hash();
        if hashes.contains(&hash) || kept.contains_key(&(hash.clone(), first)) {
            continue;
        }
        listed.pieces.extend((first..first + seeds).map(|seed| (hashes.len(), seed)));
        listed.scenarios.push((*scenario).clone());
        hashes.push(hash);
    }
    let (sender, done) = mpsc::channel();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    pieces::begin(&Arc::new(listed), threads, move |piece| sender.send(piece).is_ok());
    for piece in done {
        let none = |said: String, is_rule: bool| NoOutcome { said, is_rule };
        let run = match piece.ended {
            Ok(run) => run.map_err(|error| none(error.to_string(), false)),
            Err(panic) => Err(none(said(&*panic), true)),
        };
        kept.insert((hashes[piece.scenario].clone(), piece.seed), run);
    }
}

/// What came of an attack.
fn outcome(
    case: &AttackCase,
    (first, seeds): (u64, u64),
    kept: &KeptRuns,
) -> Result<AttackOutcome, NoOutcome> {
    let runs = |scenario: &Scenario| -> Result<Vec<RunFigures>, NoOutcome> {
        let hash = scenario.hash();
        (first..first + seeds).map(|seed| kept[&(hash.clone(), seed)].clone()).collect()
    };
    case.outcome(runs)
}

/// Searches a market for attacks of one family.
fn seek(market: &str, family: SeekFamily) -> (Search, Option<SeekBreach>) {
    let market = Scenario::read("a.toml", market, &shipped::text).unwrap_or_else(|error| panic!("{error}"));
    let families = vec![family];
    let settings = SeekSettings { market, share: FIFTH, families, seed: 1, first: 1, seeds: [3, 20] };
    let (mut search, mut kept) = (Search::new(settings), KeptRuns::new());
    while let Some(step) = search.step() {
        let cases: Vec<&AttackCase> = match &step {
            SeekStep::Glances(_) if search.glanced() >= ATTACKS => break,
            SeekStep::Glances(cases) => cases.iter().collect(),
            SeekStep::Trial(case) => vec![case],
        };
        let seeds = search.seeds(&step);
        let scenarios: Vec<&Scenario> = cases.iter().flat_map(|case| case.scenarios()).collect();
        run(&scenarios, seeds, &mut kept);
        let came = cases.iter().map(|case| outcome(case, seeds, &kept)).collect();
        search.take(&step, came);
    }
    let breach = search.breach();
    (search, breach)
}

/// Holds a search to finding an attack where this weakness was planted, and none where it was not.
#[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
fn check(weakness: &str, market: &str, family: SeekFamily) {
    let is_planted = env::var(VARIABLE).is_ok_and(|planted| planted == weakness);
    let (search, breach) = seek(market, family);
    match (&breach, search.best()) {
        (Some(SeekBreach { case, trial }), _) => println!("{trial:?}\n{}", case.attacked.resolved()),
        (None, Some(best)) => println!("of {}: {:?}", search.glanced(), best.trial),
        (None, None) => println!("nothing came of {} attacks", search.glanced()),
    }
    assert_eq!(breach.is_some(), is_planted, "{weakness}, after {} attacks", search.glanced());
    assert!(breach.is_none_or(|breach| breach.trial.kind == TrialKind::Breach), "the books hold");
}

/// Verifiers that find wanting whoever was not there from the first day are paid for each word, and nobody looks again.
#[test]
#[ignore = "a search takes minutes"]
fn one_word_condemns_a_newcomer() {
    let market = "\
        extends = \"market\"\n[run]\nhorizon = \"2 min\"\n[workload]\nbetween = \"150 ms\"\n\
        [[population]]\nname = \"founders\"\ncount = 10\n\
        [[population]]\nname = \"newcomers\"\nrole = \"newcomer\"\ncount = 12\n\
        [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = 8\n";
    check("one_word_condemns_a_newcomer", market, SeekFamily::Checks);
}

/// Names that cost nothing and ask for less take the orders of everybody, and keep none.
#[test]
#[ignore = "a search takes minutes"]
fn strangers_are_asked_like_those_who_have_something_to_lose() {
    let market = "\
        extends = \"market\"\n[run]\nhorizon = \"4 min\"\n\
        [[population]]\nname = \"founders\"\ncount = 15\n\
        [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = 6\n";
    check("strangers_are_asked_like_those_who_have_something_to_lose", market, SeekFamily::Offers);
}

/// Orders of many units, of which each takes one, leave no stake for others.
#[test]
#[ignore = "a search takes minutes"]
fn an_order_occupies_a_stake_by_what_it_could_come_to_until_it_is_over() {
    let market = "\
        extends = \"market\"\n[run]\nhorizon = \"60 s\"\n[market]\nstake = \"0.6 credits\"\nslots = 64\n\
        [workload]\nbetween = \"100 ms\"\n\
        [[population]]\nname = \"founders\"\ncount = 15\n\
        [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = 10\n";
    check("an_order_occupies_a_stake_by_what_it_could_come_to_until_it_is_over", market, SeekFamily::Orders);
}
