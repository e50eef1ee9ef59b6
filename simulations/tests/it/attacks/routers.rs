//! Behind routers: verifiers that can reach neither party to a job, though nobody wishes ill to anybody; what enemies of the
//! provider make of that, and a cheat.

use std::{collections::BTreeMap, ops::Range};

use assay_market::effect::Effect;
use assay_protocol::{
    genesis::Checks,
    id::PeerId,
    jury::{Side, Tally, Verdict},
    outcome::Outcome,
    receipt::{Happening, StoryEvent},
    units::{Amount, Rate},
};
use assay_simulations::{
    behaviour::{Behaviour, LazyVerifier},
    plan::{EXACT, Plan},
    world::{Place, Wish, World},
};

use super::{
    Coalition,
    inputs::Hoarder,
    receipts_from, run,
    scenes::{Gambles, PRICE, credits, deterring, outcome, receipt, run_out},
    share,
    verdicts::Accomplice,
};
use crate::support::{LIMIT, market, on_all_cores, settle};

/// Worlds that are lived through, and the jobs in each: ten thousand in all.
const WORLDS: u64 = 100;
const JOBS: u64 = 100;
/// Worlds in which a cheat sells as many lies.
const WORLDS_CHEATED: u64 = 20;
/// Of 25 verifiers so many have a mind of their own about a provider, and so many can reach neither party: a fifth, and two fifths
/// of the others.
const MINDED: Range<usize> = 1..6;
const AWAY: Range<usize> = 6..14;
/// Those, and the provider.
const FOUNDERS: usize = 26;
/// The ends of an accusation.
const ENDS: [&str; 4] = ["convicted", "cleared", "unreached", "hung"];

/// Is behind a router that lets nobody in of these.
#[derive(Clone, Debug)]
struct Sheltered(Vec<PeerId>);

impl Behaviour for Sheltered {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let kept = matches!(&effect, Effect::Serve { to, .. } if self.0.contains(to));
        (!kept).then_some(effect)
    }
}

/// From now on these founders cannot reach a peer.
fn shelter(world: &mut World, place: Place, away: Range<usize>) {
    let away: Vec<PeerId> = away.map(|number| world.id(world.plan().founder(number))).collect();
    world.behave(place, Sheltered(away));
}

/// The first client's wish for a job of the first founder that is checked.
fn checked(world: &World, number: u64) -> Wish {
    let provider = Some(world.plan().founder(0));
    Wish { manifest: EXACT, number, provider, checks: 1, attempts_max: 1, ..Wish::default() }
}

/// So many jobs without foes, where of ten verifiers four can reach neither party; how often one of these asked in vain.
fn peaceful(seed: u64, jobs: u64) -> usize {
    let mut world = market(Plan { seed, founders: 11, ..Plan::default() });
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    shelter(&mut world, client, 1..5);
    shelter(&mut world, provider, 1..5);
    let wish = |number| Wish { number, provider: Some(provider), checks: 1, ..Wish::default() };
    run(&mut world, client, 0..jobs, 1, wish);
    let receipts = receipts_from(&world, client, 0);
    assert_eq!(receipts.len() as u64, jobs, "seed {seed}: not every job has a receipt");
    for receipt in &receipts {
        assert_eq!(receipt.story.outcome, Outcome::Checked, "seed {seed}: job {}", receipt.story.ticket.job);
    }
    assert!(world.closed().values().all(|closed| closed.slashed.is_zero()), "seed {seed}");
    let unserved = |event: &&StoryEvent| matches!(event.what, Happening::Unserved(_));
    receipts.iter().flat_map(|receipt| &receipt.story.events).filter(unserved).count()
}

/// Of ten verifiers four can reach neither party, of which nobody wishes ill to anybody.
#[test]
fn where_two_fifths_of_the_verifiers_can_reach_neither_party_nobody_is_accused_and_all_are_paid() {
    let vain = peaceful(1, 40);
    assert!(vain > 20, "two fifths of at least forty verifiers ask in vain, not {vain}");
}

#[test]
#[ignore = "takes minutes: part of .ci/long"]
fn behind_routers_nobody_is_slashed_in_ten_thousand_jobs_without_foes() {
    let vain: usize = on_all_cores(WORLDS, |seed| peaceful(seed, JOBS)).into_iter().sum();
    println!("{} jobs are checked and paid, {vain} verifiers ask in vain, nobody is slashed", WORLDS * JOBS);
    assert!(2 * vain as u64 > WORLDS * JOBS, "{vain}");
}

/// A market of 25 verifiers beside the provider.
fn town(seed: u64, checks: Checks) -> World {
    let stake = Amount::credits(1_000);
    market(Plan { seed, founders: FOUNDERS, stake, checks, ..Plan::default() })
}

/// How the accusations of an honest provider end that a fifth of the verifiers always find wanting, while of the others two fifths
/// can reach neither party; up to its first conviction. What the liars pay is next to nothing of what they have at stake.
fn slandered(seed: u64, jobs: u64) -> Vec<Outcome> {
    let mut world = town(seed, Checks::default());
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    shelter(&mut world, client, AWAY);
    shelter(&mut world, provider, AWAY);
    MINDED.for_each(|number| world.behave(world.plan().founder(number), LazyVerifier));
    let mut ended = Vec::new();
    for number in 0..jobs {
        let wish = checked(&world, number);
        let key = world.submit(client, wish);
        run_out(&mut world);
        let outcome = outcome(&world, key);
        ended.extend(Some(outcome).filter(|outcome| *outcome != Outcome::Checked));
        if outcome.is_slashed() {
            break;
        }
    }
    ended
}

/// Which of the ends of an accusation this is.
fn end(outcome: Outcome) -> usize {
    let ends: [&[Outcome]; 4] = [
        &[Outcome::Slashed],
        &[Outcome::Cleared],
        &[Outcome::Unreached],
        &[Outcome::Disputed, Outcome::Void],
    ];
    let found = ends.iter().position(|end| end.contains(&outcome));
    found.unwrap_or_else(|| panic!("no accusation ends as {outcome:?}"))
}

/// So many draws against a provider, with it, and of those that got no input: each of somebody else, as in a crowd.
fn tally([against, with, unserved]: [i64; 3]) -> Tally {
    let side = |draws: i64| Side { draws, voices: draws.unsigned_abs(), weight: 0 };
    Tally { stands: Vec::new(), against: side(against), with: side(with), unserved: side(unserved) }
}

/// How likely each end of an accusation is, exactly, by the chances that a draw is against the provider, with it, or of one that
/// got no input.
fn law(chances: [f64; 3]) -> [f64; 4] {
    let (checks, mut ends, mut walk) = (Checks::default(), [0.0; 4], BTreeMap::from([([0_i64; 3], 1.0)]));
    for draws in 1..=checks.draws_max {
        let mut next: BTreeMap<[i64; 3], f64> = BTreeMap::new();
        for (counts, so_far) in walk {
            for (at, step) in chances.into_iter().enumerate() {
                let (mut counts, chance) = (counts, so_far * step);
                counts[at] += 1;
                match tally(counts).verdict(&checks, draws, u128::MAX) {
                    Verdict::Convicted => ends[0] += chance,
                    Verdict::Cleared => ends[1] += chance,
                    Verdict::Unreached => ends[2] += chance,
                    Verdict::Hung => ends[3] += chance,
                    Verdict::Open => *next.entry(counts).or_default() += chance,
                }
            }
        }
        walk = next;
    }
    ends
}

/// Asserts that accusations end as often as they should, where each end is likelier than this.
fn assert_ends(whose: &str, ended: &[Outcome], law: [f64; 4], likelier_than: f64) {
    let expected = ENDS.into_iter().zip(law).enumerate();
    for (at, (what, chance)) in expected.filter(|(_, (_, chance))| *chance > likelier_than) {
        let mut found = Gambles::default();
        ended.iter().for_each(|outcome| {
            found.note(f64::from(u8::from(end(*outcome) == at)), chance, 1.0, 0.0);
        });
        found.assert_as_expected(&format!("{whose} that are accused and {what}"));
    }
}

/// A fifth of the draws is of those that lie; of the others two fifths are of those that got no input.
const SLANDERED: [f64; 3] = [0.2, 0.48, 0.32];
/// The same where these are friends of a cheat.
const CHEATED: [f64; 3] = [0.48, 0.2, 0.32];

#[test]
fn behind_routers_an_accused_provider_is_rarely_convicted_and_often_nobody_knows() {
    let law = law(SLANDERED);
    for (found, published) in [(law[0], 0.0048), (law[2], 0.0103), (law[3], 0.244)] {
        assert!((found - published).abs() < 0.02 * published, "{found} is not {published}");
    }
    let ended: Vec<Outcome> = on_all_cores(2, |seed| slandered(seed, 12)).into_iter().flatten().collect();
    assert!(ended.len() > 3, "of 24 jobs so few are found wanting: {ended:?}");
    assert_ends("honest providers", &ended, law, 0.1);
}

#[test]
#[ignore = "takes minutes: part of .ci/long"]
fn behind_routers_accusations_end_as_the_walk_says() {
    let ended = on_all_cores(WORLDS, |seed| slandered(seed, JOBS)).into_iter().flatten();
    assert_ends("honest providers", &ended.collect::<Vec<Outcome>>(), law(SLANDERED), 0.0);
}

/// What a cheat comes to that serves nobody the input but has an honest client that does, as far as it can be reached.
#[derive(Clone, Debug)]
struct Cheated {
    /// How its checked lies ended where it was accused.
    ended: Vec<Outcome>,
    /// What it gained by all of them, with its friends.
    gained: i128,
    /// The rate at which it would be checked if that were not ordered.
    rate: Rate,
}

/// So many lies of a cheat that serves nobody, and has a fifth of the verifiers for friends; of the others two fifths cannot reach
/// its client either. Every one is checked, since it is known what one brings that is not.
fn cheated(seed: u64, jobs: u64) -> Cheated {
    let mut world = town(seed, deterring());
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    shelter(&mut world, client, AWAY);
    let hoarder = Hoarder { serves: world.id(client), forges: true };
    world.behave(provider, hoarder);
    MINDED.for_each(|number| world.behave(world.plan().founder(number), Accomplice));
    let members: Vec<Place> =
        [0].into_iter().chain(MINDED).map(|number| world.plan().founder(number)).collect();
    let coalition = Coalition::new(&world, members);
    let (mut ended, mut rate) = (Vec::new(), Rate::ONE);
    for number in 0..jobs {
        let wish = checked(&world, number);
        let key = world.submit(client, wish);
        run_out(&mut world);
        ended.extend(Some(outcome(&world, key)).filter(|outcome| *outcome != Outcome::Checked));
        rate = rate.min(receipt(&world, key).story.ticket.policy_rate);
    }
    settle(&mut world, LIMIT, "cheated behind routers");
    let gained =
        coalition.gain(&world, &format!("{jobs} checked lies that are served to nobody, seed {seed}"));
    Cheated { ended, gained, rate }
}

/// Asserts that a lie that is served to nobody costs more than it brings, in the mean; returns how those ended that were accused.
fn assert_lies_lose(all: Vec<Cheated>, jobs: u64) -> Vec<Outcome> {
    let rate = all.iter().map(|cheated| cheated.rate).min().unwrap_or(Rate::ONE);
    let gained: i128 = all.iter().map(|cheated| cheated.gained).sum();
    let (p, checked) = (share(rate), credits(gained) / (all.len() as u64 * jobs) as f64);
    assert!(p < 0.0201, "nobody is checked less: {p}");
    let mean = (1.0 - p) * credits(PRICE) + p * checked;
    assert!(mean < 0.0, "a lie at {p} brings {mean}: {checked} where it is checked");
    all.into_iter().flat_map(|cheated| cheated.ended).collect()
}

#[test]
fn behind_routers_a_cheat_that_serves_nobody_loses_in_the_mean() {
    let all = on_all_cores(2, |seed| cheated(seed, 15));
    let ended = assert_lies_lose(all, 15);
    assert_ends("cheats", &ended, law(CHEATED), 0.1);
}

#[test]
#[ignore = "takes minutes: part of .ci/long"]
fn behind_routers_a_thousand_lies_that_are_served_to_nobody_lose_in_the_mean() {
    let all = on_all_cores(WORLDS_CHEATED, |seed| cheated(seed, JOBS / 2));
    let ended = assert_lies_lose(all, JOBS / 2);
    assert_ends("cheats", &ended, law(CHEATED), 0.0);
}
