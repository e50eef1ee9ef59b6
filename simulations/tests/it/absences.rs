//! Honest peers of which one crashes, loses its last records, sleeps or is cut off at some moment of a job: nobody of them
//! loses its stake (I20), and the job is paid if its provider could claim, unless its client had given it up by then.
//!
//! The job's claim opens itself: nobody has to be there when it is checked. What verifiers lose who say that nobody gave
//! them the input is another rule, so a cut leaves each of them a way to one of the parties.

use std::collections::BTreeMap;

use assay_market::view::AttemptState;
use assay_protocol::{
    order::Failure,
    outcome::Outcome,
    receipt::{Happening, Story},
    units::{Amount, Duration, Timestamp},
};
use assay_simulations::{
    kernel::Span,
    plan::{EXACT, Plan, TEXT, TEXT_UNITS},
    random::Stream,
    world::{Crash, Place, Tail, Wish, World},
};

use crate::support::{LIMIT, market, on_all_cores};

/// Histories in the tests of every day.
const FEW: u64 = 400;
/// Histories in those that take longer.
const MANY: u64 = 100_000;
/// Of which so many are told of at a time.
const PART: u64 = 10_000;
/// Effects of a peer in the life of a job.
const POINTS: u64 = 60;
/// The life of a job that nothing happens to, in milliseconds.
const LIFE: u64 = 6_000;
/// The longest that anybody is away: twice as long as the accused are waited for, where claims do not open themselves.
const AWAY_MAX: u64 = 40_000;

/// Whoever is away for no longer is asked again in time, whatever it missed.
const SOON: Span = Span::millis(1_500);

/// For how long nothing was heard of a provider that its client gives up: five seconds, by ticks of half a second.
const SILENCE_MIN: Duration = Duration::seconds(4);

/// Whoever is back for so long before a claim is due has time for the run.
const RUN_MAX: Span = Span::seconds(1);

/// What becomes of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Crash(Tail),
    CutOff { with_another: bool },
    Sleep { with_another: bool },
}

const FATES: [Fate; 6] = [
    Fate::Crash(Tail::Lost),
    Fate::Crash(Tail::Kept),
    Fate::CutOff { with_another: false },
    Fate::CutOff { with_another: true },
    Fate::Sleep { with_another: false },
    Fate::Sleep { with_another: true },
];

/// What was seen in some histories.
#[derive(Clone, Debug, Default)]
struct Tally {
    histories: u64,
    paid: u64,
    checked: u64,
    /// Histories in which somebody was away for longer than a job without accidents lasts.
    long: u64,
    /// Histories in which a verifier was suspended, and came back.
    suspended: u64,
    /// Jobs that gave something and were not paid: what was ordered, who was away, and what they came to.
    unpaid: BTreeMap<(&'static str, &'static str, String), u64>,
}

impl Tally {
    fn plus(mut self, other: Self) -> Self {
        for (how, count) in other.unpaid {
            *self.unpaid.entry(how).or_default() += count;
        }
        Self {
            histories: self.histories + other.histories,
            paid: self.paid + other.paid,
            checked: self.checked + other.checked,
            long: self.long + other.long,
            suspended: self.suspended + other.suspended,
            unpaid: self.unpaid,
        }
    }
}

/// Lives through one job of which each result is checked, with one accident.
fn live(seed: u64) -> Tally {
    let mut luck = Stream::new(seed, "absence", 0);
    let fate = FATES[luck.below(FATES.len() as u64) as usize];
    let (manifest, units_max) = [(EXACT, 1), (TEXT, TEXT_UNITS)][(seed % 2) as usize];
    let mut world = market(Plan { seed, founders: 5, texts: manifest == TEXT, ..Plan::default() });
    let whom = Place(luck.below(world.plan().peers() as u64) as usize);
    let longest = if luck.below(3) == 0 { AWAY_MAX } else { 2_500 };
    let away = Span::millis(luck.between(10, longest));
    let context = format!("seed {seed}, {manifest}: {fate:?} of {whom:?} for {} ms", away.0 / 1_000_000);
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let wish =
        Wish { manifest, units_max, provider: Some(provider), attempts_max: 1, checks: 1, ..Wish::default() };
    let key = world.submit(client, wish);
    befall(&mut world, fate, whom, away, &mut luck);
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{context}: {unsettled}"));
    assert!(
        world.closed().values().all(|closed| closed.slashed.is_zero()),
        "{context}: somebody honest is slashed: {:?}",
        world.closed()
    );
    assert_stakes(&world, &context);
    let suspended = suspended(&world) > 0;
    if suspended {
        let epochs = world.plan().timers.tick.times(3 * world.plan().timers.epoch_ticks);
        world.run_for(epochs.into());
        assert_eq!(self::suspended(&world), 0, "{context}: who was suspended is not back");
    }
    let outcome = match world.state(client, key) {
        Some(AttemptState::Closed(outcome)) => Some(outcome),
        _ => None,
    };
    let is_paid = is_paid_or_empty(&world, outcome);
    let parties = [(provider, "provider"), (client, "client"), (world.plan().notary(), "notary")];
    let needed = parties.into_iter().find(|(place, _)| *place == whom).map(|(_, name)| name);
    // Who only checks may be away for as long as it likes.
    if needed.is_none() || away <= SOON {
        assert!(is_paid, "{context}: it ends as {outcome:?}");
    }
    if whom == provider {
        assert!(is_paid || may_come_to(&world, outcome, away), "{context}: it ends as {outcome:?}");
    }
    let unpaid = needed.filter(|_| !is_paid).map(|name| ((manifest, name, end(&world, outcome)), 1));
    Tally {
        histories: 1,
        paid: u64::from(outcome.is_some_and(Outcome::is_paid)),
        checked: u64::from(outcome == Some(Outcome::Checked)),
        long: u64::from(away > Span::millis(LIFE)),
        suspended: u64::from(suspended),
        unpaid: unpaid.into_iter().collect(),
    }
}

/// Lets this happen to somebody at some moment of the job.
fn befall(world: &mut World, fate: Fate, whom: Place, away: Span, luck: &mut Stream) {
    match fate {
        Fate::Crash(tail) => {
            world.crash_at(whom, Crash { before: luck.below(POINTS), tail, down: away });
        }
        Fate::CutOff { with_another } => {
            world.run_for(Span::millis(luck.below(LIFE)));
            let verifier = world.plan().founder(1 + luck.below(4) as usize);
            world.network().cut_off([whom].into_iter().chain(with_another.then_some(verifier)));
            world.run_for(away);
            world.network().cut_off([]);
        }
        Fate::Sleep { with_another } => {
            world.run_for(Span::millis(luck.below(LIFE)));
            let verifier = world.plan().founder(1 + luck.below(4) as usize);
            for sleeper in [whom].into_iter().chain(with_another.then_some(verifier)) {
                world.sleep(sleeper, away);
            }
            world.run_for(away);
        }
    }
}

/// Whether a job may come to this whose provider was away for so long, and nobody else that it needs: it is paid, but where it
/// was never opened, its provider gave it up by its own word, its client had heard nothing for as long as it waits, or the provider
/// was away until its claim was due, or for all but the time that a run takes.
fn may_come_to(world: &World, outcome: Option<Outcome>, away: Span) -> bool {
    let Some(outcome) = outcome else { return world.closed().is_empty() };
    let receipts = world.receipts(world.plan().client(0));
    let Some(story) = receipts.first().map(|receipt| &receipt.story) else { return false };
    let opened = story.ticket.standing.opened;
    let is_given_up = || cancelled_at(story).is_some_and(|at| at.since(opened) >= SILENCE_MIN);
    let is_late = || Duration(away.plus(RUN_MAX).whole_millis()) >= story.ticket.claim_by.since(opened);
    outcome.is_paid()
        || outcome == Outcome::Aborted
        || (outcome == Outcome::Cancelled && is_given_up())
        || (outcome == Outcome::NoClaim && is_late())
}

/// When a job was cancelled, by the tick before.
fn cancelled_at(story: &Story) -> Option<Timestamp> {
    let cancel = story.events.iter().find(|event| matches!(event.what, Happening::Cancel(_)))?;
    let tick = story.ticks.iter().find(|tick| tick.said().round == cancel.round)?;
    Some(tick.said().time)
}

/// What a job came to, in words.
fn end(world: &World, outcome: Option<Outcome>) -> String {
    let Some(outcome) = outcome else { return "never opened".to_owned() };
    let receipts = world.receipts(world.plan().client(0));
    let mut events = receipts.iter().flat_map(|receipt| &receipt.story.events);
    let reason = events.find_map(|event| {
        let Happening::Abort(abort) = &event.what else { return None };
        Some(abort.said().reason)
    });
    reason.map_or_else(|| format!("{outcome:?}"), |reason| format!("{outcome:?}, {reason:?}"))
}

/// True if a job was delivered and paid, or its run gave nothing: a text may be of no token.
fn is_paid_or_empty(world: &World, outcome: Option<Outcome>) -> bool {
    let receipts = world.receipts(world.plan().client(0));
    let mut events = receipts.iter().flat_map(|receipt| &receipt.story.events);
    let is_empty =
        |what: &Happening| matches!(what, Happening::Abort(abort) if abort.said().reason == Failure::Empty);
    outcome.is_some_and(Outcome::is_paid) || events.any(|event| is_empty(&event.what))
}

/// From how many kinds founders are suspended.
fn suspended(world: &World) -> u64 {
    let books = world.node(world.plan().notary()).and_then(|node| node.ledger());
    let accounts = books.map(|books| books.accounts().values()).into_iter().flatten();
    accounts.map(|account| account.suspended()).sum()
}

/// Everybody has at least the stake that it began with, but for what a provider pays whom too few could reach.
fn assert_stakes(world: &World, context: &str) {
    let books = world.books().unwrap_or_else(|| panic!("{context}: no books"));
    let receipts = world.receipts(world.plan().client(0));
    let unreached = receipts.iter().any(|receipt| receipt.story.outcome == Outcome::Unreached);
    let least = |place| {
        let account = books.accounts.iter().find(|account| account.peer == world.id(place));
        account.map_or(Amount::ZERO, |account| account.stake)
    };
    for number in 0..world.plan().founders {
        let stake = least(world.plan().founder(number));
        assert!(unreached || stake >= world.plan().stake, "{context}: founder {number} has {stake:?} left");
    }
}

/// Lives through so many histories on all cores, from this seed on.
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn check_all(first: u64, seeds: u64) {
    let tallies = on_all_cores(seeds, move |seed| live(first + seed));
    let tally = tallies.into_iter().fold(Tally::default(), Tally::plus);
    println!("{tally:?}");
    for ((manifest, who, how), count) in &tally.unpaid {
        println!("not paid: {count} jobs of {manifest} while the {who} was away: {how}");
    }
    assert!(10 * tally.paid >= 7 * tally.histories, "too little is paid: {tally:?}");
    assert!(2 * tally.checked >= tally.histories, "too little is checked: {tally:?}");
    assert!(10 * tally.long >= tally.histories, "too few are away for long: {tally:?}");
    assert!(tally.suspended > 0, "nobody that was drawn was away: {tally:?}");
}

#[test]
fn no_honest_peer_loses_its_stake_whoever_is_away_and_when() {
    check_all(0, FEW);
}

#[test]
#[ignore = "takes minutes"]
fn no_honest_peer_loses_its_stake_in_a_hundred_thousand_histories() {
    (0..MANY).step_by(PART as usize).for_each(|first| check_all(first, PART));
}

/// Long after an accused provider would be given up where claims do not open themselves.
#[test]
fn a_provider_that_is_away_from_its_claim_on_is_checked_and_paid_meanwhile() {
    for seed in 0..4 {
        let mut world = market(Plan { seed, founders: 5, ..Plan::default() });
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        let wish =
            Wish { manifest: EXACT, provider: Some(provider), attempts_max: 1, checks: 1, ..Wish::default() };
        let key = world.submit(client, wish);
        while world.state(client, key) != Some(AttemptState::Delivered) {
            world.step();
        }
        world.network().cut_off([provider]);
        world.run_for(Span::seconds(60));
        let closed: Vec<Outcome> = world.closed().values().map(|closed| closed.outcome).collect();
        assert_eq!(closed, [Outcome::Checked], "seed {seed}");
        world.network().cut_off([]);
        world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("seed {seed}: {unsettled}"));
        assert_stakes(&world, &format!("seed {seed}"));
    }
}
