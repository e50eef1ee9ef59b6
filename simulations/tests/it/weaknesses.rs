//! Searches for attacks where an old rule may have been put back: each finds one where it was, and none where it was not.
//!
//! `.ci/weaknesses` puts the rules back in a copy of the sources, and says by a variable which. How large the market is, what is at
//! stake in it and what share of it attacks is drawn from a seed that it says as well, so that no search is fitted to them.

use std::{
    env,
    num::NonZero,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use assay_simulations::{
    lab::{
        attack::AttackCase,
        pieces,
        scenario::{Population, Scenario},
        seek::{Search, SeekBreach, SeekFamily, SeekSettings, SeekStep, SoughtRuns, TrialKind},
        shipped,
    },
    random::Stream,
};

/// Says which weakness was planted.
const PLANTED: &str = "ASSAY_PLANTED";
/// Says what sizes and shares are drawn from.
const SEED: &str = "ASSAY_PLANTED_SEED";
/// Says how many seconds a search may take to find what was planted.
const SECONDS: &str = "ASSAY_SEEK_SECONDS";
const SECONDS_USUAL: u64 = 600;
/// How many attacks are tried where nothing was planted.
const ATTACKS: usize = 96;
/// The whole, in parts of a million.
const WHOLE: u64 = 1_000_000;

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

    /// One that convicts nobody by chance where the rules are as they are: at a quarter of the stake, liars slash somebody now and
    /// then.
    fn small_share(&mut self) -> u64 {
        self.between(125_000, 150_000)
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

/// Searches a market for attacks of one family, until one is found, so many were tried, or the time is over, where there is an end
/// to it.
fn seek(
    market: &str,
    share: u64,
    family: SeekFamily,
    (attacks, until): (usize, Option<Instant>),
) -> (Search, Option<SeekBreach>) {
    let market = Scenario::read("a.toml", market, &shipped::text).unwrap_or_else(|error| panic!("{error}"));
    let families = vec![family];
    let settings = SeekSettings { market, share, families, seed: 1, first: 1, seeds: [3, 40] };
    let (mut search, mut runs) = (Search::new(settings), SoughtRuns::default());
    while let Some(step) = search.step() {
        let is_enough = step.kind == TrialKind::First && search.glanced() >= attacks;
        if is_enough || until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        run(&step, &mut runs);
        let came = runs.outcomes(&step);
        search.take(&step, came);
    }
    let breach = search.breach();
    (search, breach)
}

/// What a coalition does, in a line.
fn strategy(case: &AttackCase) -> String {
    let one = |part: &Population| {
        let mut words = format!("{} of role {}, {}", part.count, part.role.word(), part.conduct.word());
        if part.stake > 0 {
            words += &format!(" with {} credits at stake", part.stake as f64 / 1e3);
        }
        if part.ask != WHOLE {
            words += &format!(" at {} % of the price", part.ask as f64 / 1e4);
        }
        words
    };
    case.attackers().map(one).collect::<Vec<_>>().join("; ")
}

/// Holds a search to finding an attack where this weakness was planted, and none where it was not.
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn check(weakness: &str, market: &str, (seed, share): (u64, u64), family: SeekFamily) {
    let is_planted = env::var(PLANTED).is_ok_and(|planted| planted == weakness);
    let attacks = if is_planted { usize::MAX } else { ATTACKS };
    let seconds = env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok());
    let begun = Instant::now();
    // Where nothing was planted a slow machine tries as many as a fast one, or it would find nothing by its slowness.
    let until = is_planted.then(|| begun + Duration::from_secs(seconds.unwrap_or(SECONDS_USUAL)));
    let (search, breach) = seek(market, share, family, (attacks, until));
    println!("{weakness}: seed {seed}, {share} parts of a million, {} attacks", search.glanced());
    println!("seconds: {}", begun.elapsed().as_secs());
    match (&breach, search.best()) {
        (Some(SeekBreach { case, trial }), _) => {
            println!("strategy: {}\n{trial:?}\n{}", strategy(case), case.attacked.resolved());
        }
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
    check(name, &market, (sizes.seed, sizes.share()), SeekFamily::Checks);
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
    check(name, &market, (sizes.seed, sizes.share()), SeekFamily::Offers);
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
    check(name, &market, (sizes.seed, sizes.share()), SeekFamily::Orders);
}

/// Friends of a few slash whom they like, where two that agree and are one more than the others decide.
#[test]
#[ignore = "a search takes minutes"]
fn two_against_are_enough_to_convict() {
    let name = "two_against_are_enough_to_convict";
    let mut sizes = Sizes::of(name);
    let market = crowd("2 min", "150 ms", &mut sizes);
    check(name, &market, (sizes.seed, sizes.small_share()), SeekFamily::Juries);
}

/// A stake that is split among many names judges as often as they are.
#[test]
#[ignore = "a search takes minutes"]
fn a_verifier_counts_as_one_whatever_it_has_at_stake() {
    let name = "a_verifier_counts_as_one_whatever_it_has_at_stake";
    let mut sizes = Sizes::of(name);
    let market = crowd("2 min", "200 ms", &mut sizes);
    check(name, &market, (sizes.seed, sizes.small_share()), SeekFamily::Stakes);
}

/// Lies by the dozen on a stake that pays for the jury over one of them.
#[test]
#[ignore = "a search takes minutes"]
fn nothing_stands_for_a_job_nor_for_the_jury_over_it() {
    let name = "nothing_stands_for_a_job_nor_for_the_jury_over_it";
    let mut sizes = Sizes::of(name);
    let market = format!("{}[market]\nslots = 64\n", crowd("30 s", "30 ms", &mut sizes));
    check(name, &market, (sizes.seed, sizes.small_share()), SeekFamily::Stakes);
}

/// Whoever waits for its first check lies from then on.
#[test]
#[ignore = "a search takes minutes"]
fn who_passed_a_check_is_checked_no_more() {
    let name = "who_passed_a_check_is_checked_no_more";
    let mut sizes = Sizes::of(name);
    let market = crowd("2 min", "250 ms", &mut sizes);
    check(name, &market, (sizes.seed, sizes.share()), SeekFamily::Time);
}

/// A market of so many that a seventh of them are two at least.
fn crowd(horizon: &str, between: &str, sizes: &mut Sizes) -> String {
    format!(
        "extends = \"market\"\n[run]\nhorizon = \"{horizon}\"\n[workload]\nbetween = \"{between}\"\n\
         [[population]]\nname = \"founders\"\ncount = {}\n\
         [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = {}\n",
        sizes.between(16, 19),
        sizes.between(6, 10),
    )
}
