//! Searches for attacks where an old rule may have been put back: each finds one where it was, and none where it was not.
//!
//! `.ci/weaknesses` puts the rules back in a copy of the sources, and says by a variable which. How large the market is, what is at
//! stake in it and what share of it attacks is drawn from a seed that it says as well, so that no search is fitted to them.

use std::{
    env,
    num::NonZero,
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use assay_simulations::{
    lab::{
        pieces,
        scenario::Scenario,
        seek::{Search, SeekBreach, SeekFamily, SeekSettings, SeekStep, SoughtRuns, TrialKind},
        shipped,
    },
    random::Stream,
};

/// Says which weakness was planted.
const PLANTED: &str = "ASSAY_PLANTED";
/// Says what sizes and shares are drawn from.
const SEED: &str = "ASSAY_PLANTED_SEED";
/// How many attacks are tried.
const ATTACKS: usize = 96;

/// Sizes and shares that nobody knows beforehand.
struct Sizes {
    seed: u64,
    luck: Stream,
}

impl Sizes {
    /// Those of a weakness in this run of all.
    fn of(weakness: &str) -> Self {
        let seed = env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        Self { seed, luck: Stream::new(seed, weakness, 0) }
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        self.luck.between(least, most)
    }

    /// A share of the stake that attacks, in parts of a million: a fifth to three tenths.
    fn share(&mut self) -> u64 {
        self.between(200_000, 300_000)
    }
}

/// Makes the runs that are missing for a step, on all cores.
fn run(step: &SeekStep, runs: &mut SoughtRuns) {
    let missing = runs.missing(step);
    let (sender, done) = mpsc::channel();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    pieces::begin(&Arc::new(missing.pieces.clone()), threads, move |piece| sender.send(piece).is_ok());
    done.into_iter().for_each(|piece| runs.take(&missing, piece));
}

/// Searches a market for attacks of one family.
fn seek(market: &str, share: u64, family: SeekFamily) -> (Search, Option<SeekBreach>) {
    let market = Scenario::read("a.toml", market, &shipped::text).unwrap_or_else(|error| panic!("{error}"));
    let families = vec![family];
    let settings = SeekSettings { market, share, families, seed: 1, first: 1, seeds: [3, 40] };
    let (mut search, mut runs) = (Search::new(settings), SoughtRuns::default());
    while let Some(step) = search.step() {
        if step.kind == TrialKind::First && search.glanced() >= ATTACKS {
            break;
        }
        run(&step, &mut runs);
        let came = runs.outcomes(&step);
        search.take(&step, came);
    }
    let breach = search.breach();
    (search, breach)
}

/// Holds a search to finding an attack where this weakness was planted, and none where it was not.
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn check(weakness: &str, market: &str, mut sizes: Sizes, family: SeekFamily) {
    let is_planted = env::var(PLANTED).is_ok_and(|planted| planted == weakness);
    let (share, begun) = (sizes.share(), Instant::now());
    let (search, breach) = seek(market, share, family);
    println!(
        "{weakness}: seed {} of sizes, {share} parts of a million, {} attacks in {} s",
        sizes.seed,
        search.glanced(),
        begun.elapsed().as_secs(),
    );
    match (&breach, search.best()) {
        (Some(SeekBreach { case, trial }), _) => println!("{trial:?}\n{}", case.attacked.resolved()),
        (None, Some(best)) => println!("{:?}", best.trial),
        (None, None) => println!("nothing came of them"),
    }
    assert_eq!(breach.is_some(), is_planted, "{weakness}, after {} attacks", search.glanced());
    assert!(breach.is_none_or(|breach| breach.trial.kind == TrialKind::Breach), "the books hold");
}

/// Verifiers that find wanting whoever was not there from the first day are paid for each word, and nobody looks again.
#[test]
#[ignore = "a search takes minutes"]
fn one_word_condemns_a_newcomer() {
    let name = "one_word_condemns_a_newcomer";
    let mut sizes = Sizes::of(name);
    let market = format!(
        "extends = \"market\"\n[run]\nhorizon = \"2 min\"\n[workload]\nbetween = \"150 ms\"\n\
         [[population]]\nname = \"founders\"\ncount = {}\n\
         [[population]]\nname = \"newcomers\"\nrole = \"newcomer\"\ncount = {}\n\
         [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = {}\n",
        sizes.between(10, 14),
        sizes.between(10, 16),
        sizes.between(6, 10),
    );
    check(name, &market, sizes, SeekFamily::Checks);
}

/// Names that cost nothing and ask for less take the orders of everybody, and keep none.
#[test]
#[ignore = "a search takes minutes"]
fn strangers_are_asked_like_those_who_have_something_to_lose() {
    let name = "strangers_are_asked_like_those_who_have_something_to_lose";
    let mut sizes = Sizes::of(name);
    let market = format!(
        "extends = \"market\"\n[run]\nhorizon = \"4 min\"\n\
         [[population]]\nname = \"founders\"\ncount = {}\n\
         [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = {}\n",
        sizes.between(12, 18),
        sizes.between(5, 8),
    );
    check(name, &market, sizes, SeekFamily::Offers);
}

/// Orders of many units, of which each takes one, leave no stake for others.
#[test]
#[ignore = "a search takes minutes"]
fn an_order_occupies_a_stake_by_what_it_could_come_to_until_it_is_over() {
    let name = "an_order_occupies_a_stake_by_what_it_could_come_to_until_it_is_over";
    let mut sizes = Sizes::of(name);
    let market = format!(
        "extends = \"market\"\n[run]\nhorizon = \"60 s\"\n[market]\nstake = \"0.{} credits\"\nslots = 64\n\
         [workload]\nbetween = \"100 ms\"\n\
         [[population]]\nname = \"founders\"\ncount = {}\n\
         [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = {}\n",
        sizes.between(55, 75),
        sizes.between(13, 17),
        sizes.between(9, 13),
    );
    check(name, &market, sizes, SeekFamily::Orders);
}
