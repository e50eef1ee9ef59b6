//! Verifiers that say what they did not find: to save a cheat, to harm a rival, or a client that doubts everything.

use assay_market::{Command, Effect, Event, effect::Run, input::RunId, view::AttemptState};
use assay_protocol::{
    check::Unserved,
    id::{Digest, NetworkId},
    message::Message,
    order::Refusal,
    outcome::Outcome,
    receipt::Receipt,
    signed::Signed,
    units::{Amount, Rate},
};
use assay_simulations::{
    behaviour::{Behaviour, Forger, LazyVerifier},
    crypto::SimulatedKey,
    kernel::Span,
    machine,
    plan::{LABEL, Plan},
    world::{Place, Wish, World},
};

use super::{
    Coalition,
    classes::convicts,
    scenes::{
        Gambles, Junk, PRICE, check_cost, credits, deterring, drawn, fined, order, outcome, owed, price,
        receipt, run_out, trusting, until, wealth,
    },
};
use crate::support::{LIMIT, market, on_all_cores, settle};

/// Worlds in which a provider is accused again and again, and its jobs in each.
const WORLDS_ACCUSED: u64 = 100;
const JOBS_ACCUSED: u64 = 100;

/// Finds in a check what a forger of its coalition sold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accomplice;

impl Behaviour for Accomplice {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        // The name of a run is part of what is made up.
        let sold = RunId { job: run.id.job, check: false };
        let run = Run { id: sold, ..run.clone() };
        if run.id.check { output } else { machine::forgery(&run, "sold") }
    }
}

/// Says that nobody gave it the input.
#[derive(Clone, Copy, Debug)]
struct Complainer(SimulatedKey, NetworkId);

impl Behaviour for Complainer {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Seal(seal) } = effect else { return Some(effect) };
        let unserved = Unserved { job: seal.said().job };
        Some(Effect::Send { to, message: Signed::seal(unserved, &self.0, self.1).into() })
    }
}

#[test]
fn a_juror_that_seals_junk_saves_no_forger() {
    let mut vetoes = 0;
    for seed in 0..24 {
        let mut world = market(Plan { seed, founders: 8, ..Plan::default() });
        let (forger, friend) = (world.plan().founder(0), world.plan().founder(1));
        world.behave(forger, Forger);
        world.behave(friend, Junk(1));
        let coalition = Coalition::new(&world, [forger, friend]);
        let key = order(&mut world, forger, 0, LABEL);
        settle(&mut world, LIMIT, "vetoed");
        assert_eq!(outcome(&world, key), Outcome::Slashed, "seed {seed}");
        let jurors = drawn(&world, &receipt(&world, key));
        vetoes += usize::from(jurors[1..].contains(&friend));
        let gain = coalition.gain(&world, &format!("veto, seed {seed}, {} jurors", jurors.len() - 1));
        assert!(gain < -90 * PRICE, "seed {seed}: {gain}");
    }
    assert!(vetoes > 4, "the friend was a juror in {vetoes} juries");
}

/// A forger where a fifth of those who can check find what it sold, and of the others one in five seals junk; and all of
/// these together.
fn infested(seed: u64) -> (World, Coalition) {
    let plan = Plan { seed, founders: 26, stake: Amount::credits(1_000), ..Plan::default() };
    let mut world = market(Plan { checks: deterring(), ..plan });
    let plan = world.plan().clone();
    world.behave(plan.founder(0), Forger);
    (1..6).for_each(|number| world.behave(plan.founder(number), Accomplice));
    (6..10).for_each(|number| world.behave(plan.founder(number), Junk(number)));
    let coalition = Coalition::new(&world, (0..10).map(|number| plan.founder(number)));
    (world, coalition)
}

/// The chance that a jury clears a cheat: with so many friends for one honest juror, the walk is four below before it is
/// at the margin.
fn clears(friends: f64, margin: i32) -> f64 {
    let odds = 1.0 / friends;
    (odds.powi(margin) - 1.0) / (odds.powi(margin + 4) - 1.0)
}

#[test]
fn a_cheat_loses_though_a_fifth_of_the_verifiers_are_friends_and_a_fifth_of_the_rest_seal_junk() {
    let (mut convictions, mut gained, mut rate) = (Gambles::default(), 0, Rate::ONE);
    for seed in 0..3 {
        let (mut world, coalition) = infested(seed);
        let (client, provider) = (world.plan().client(0), Some(world.plan().founder(0)));
        for number in 0..40 {
            // The check is ordered: what a cheat brings that nobody checks is known.
            let key = world.submit(client, Wish { number, checks: 1, provider, ..Wish::default() });
            run_out(&mut world);
            let convicted = outcome(&world, key).is_slashed();
            // A friend as first verifier lets it pass; else the jury convicts but for its error.
            let chance = 0.8 * (1.0 - clears(5.0 / 16.0, 6));
            convictions.note(f64::from(u8::from(convicted)), chance, 1.0, 0.0);
            rate = receipt(&world, key).story.ticket.policy_rate;
        }
        settle(&mut world, LIMIT, "infested");
        gained += coalition.gain(&world, &format!("40 checked cheats among friends, seed {seed}"));
    }
    convictions
        .assert_as_expected("convictions of a checked cheat, with a fifth of friends and a fifth of junk");
    let p = rate.0 as f64 / Rate::ONE.0 as f64;
    assert!(p < 0.0201, "nobody is checked less: {p}");
    let checked = credits(gained) / convictions.count();
    let gain = (1.0 - p) * credits(PRICE) + p * checked;
    assert!(gain < 0.0, "a cheat at {p} brings {gain}: {checked} where it is checked");
}

/// What those were paid for a job who were asked because a liar denied that it was served.
fn paid_again(receipt: &Receipt) -> i128 {
    let again = receipt.story.settlement.fees.iter().skip(1);
    let checked = receipt.story.outcome == Outcome::Checked;
    again.filter(|_| checked).map(|fee| i128::from(fee.amount.0)).sum()
}

/// An honest provider whose jobs two of seven verifiers find wanting, whatever it did.
fn slandered(seed: u64, slander: impl Fn(&mut World, Place)) -> Slandered {
    let mut world = market(Plan { seed, founders: 8, slots: 8, ..Plan::default() });
    let plan = world.plan().clone();
    let provider = plan.founder(0);
    let liars = [plan.founder(1), plan.founder(2)];
    liars.into_iter().for_each(|liar| slander(&mut world, liar));
    let coalition = Coalition::new(&world, liars);
    let before: Vec<i128> = (0..8).map(|number| wealth(&world, plan.founder(number))).collect();
    let mut keys = Vec::new();
    for number in 0..30 {
        keys.push(order(&mut world, provider, number, LABEL));
        world.run_for(Span::seconds(2));
    }
    settle(&mut world, LIMIT, "slandered");
    // An order that was refused while the provider was frozen never became a job.
    let opened = |key: &&Digest| world.receipt(plan.client(0), **key).is_some();
    let receipts: Vec<_> = keys.iter().filter(opened).map(|key| receipt(&world, *key)).collect();
    let earned: i128 = receipts.iter().map(|receipt| i128::from(receipt.story.settlement.provider.0)).sum();
    let share: i128 = receipts.iter().map(|receipt| fined(&world, receipt, provider)).sum();
    let again: Vec<i128> = receipts.iter().map(paid_again).collect();
    let beyond: i128 = again.iter().sum();
    let due: i128 = receipts.iter().zip(&again).map(|(receipt, again)| (owed(receipt) - again).max(0)).sum();
    assert_eq!(earned, due, "seed {seed}");
    let ended = receipts.iter().map(|receipt| receipt.story.outcome).collect();
    let gain: Vec<i128> =
        (0..8).zip(&before).map(|(number, before)| wealth(&world, plan.founder(number)) - before).collect();
    assert_eq!(
        gain[0],
        earned - share,
        "seed {seed}: the provider is as rich as without liars, but for its share and further checks"
    );
    let liars_share: i128 =
        receipts.iter().flat_map(|receipt| liars.map(|liar| fined(&world, receipt, liar))).sum();
    assert!(share <= liars_share, "seed {seed}: liars pay {liars_share}, the accused {share}");
    assert!(gain[3..].iter().all(|gain| *gain >= 0), "seed {seed}: honest verifiers lost: {gain:?}");
    let frozen = world.told(plan.client(0)).iter().filter(|(_, event)| is_frozen(event)).count();
    Slandered { share, beyond, gain: coalition.gain(&world, &format!("slander, seed {seed}")), ended, frozen }
}

/// What came of slander.
struct Slandered {
    gain: i128,
    /// What the accused paid of the juries.
    share: i128,
    /// What it paid for checks beyond the first.
    beyond: i128,
    ended: Vec<Outcome>,
    frozen: usize,
}

fn is_frozen(event: &Event) -> bool {
    matches!(event, Event::Refused { reason: Refusal::Frozen, .. })
}

/// Slander, of which every case costs those who try it.
fn assert_slander_costs(slander: impl Fn(&mut World, Place)) -> i128 {
    let (mut cleared, mut frozen, mut share) = (0, 0, 0);
    // Of the jurors two sevenths lie: by the walk of section 8 one accusation in 334 convicts. Here none does.
    for seed in 1..7 {
        let slandered = slandered(seed, &slander);
        let here = slandered.ended.iter().filter(|outcome| **outcome == Outcome::Cleared).count();
        assert!(
            slandered.ended.iter().all(|outcome| outcome.is_paid()),
            "seed {seed}: {:?}",
            slandered.ended
        );
        assert!(slandered.gain < 0 || here == 0, "seed {seed}: {} for {here} lies", slandered.gain);
        (cleared, frozen) = (cleared + here, frozen + slandered.frozen);
        share += slandered.share;
    }
    assert!(cleared > 6 && frozen > 0, "{cleared} accusations, {frozen} orders while frozen");
    share
}

/// How many of an honest provider's jobs two of seven verifiers found wanting, up to the first for which it was convicted;
/// and whether there is one. What the liars pay is next to nothing of what they have at stake, so they go on weighing as much.
fn accused(seed: u64) -> (usize, bool) {
    let mut world = market(Plan { seed, founders: 8, stake: Amount::credits(1_000), ..Plan::default() });
    let provider = world.plan().founder(0);
    [1, 2].into_iter().for_each(|number| world.behave(world.plan().founder(number), LazyVerifier));
    let mut accusations = 0;
    for number in 0..JOBS_ACCUSED {
        let wish = Wish {
            manifest: LABEL,
            number,
            provider: Some(provider),
            checks: 1,
            attempts_max: 1,
            ..Wish::default()
        };
        let key = world.submit(world.plan().client(0), wish);
        run_out(&mut world);
        let outcome = outcome(&world, key);
        assert!(
            [Outcome::Checked, Outcome::Cleared, Outcome::Slashed].contains(&outcome),
            "seed {seed}: {outcome:?}"
        );
        accusations += usize::from(outcome != Outcome::Checked);
        if outcome.is_slashed() {
            return (accusations, true);
        }
    }
    (accusations, false)
}

#[test]
#[ignore = "thousands of juries take minutes"]
fn an_honest_provider_that_is_accused_is_convicted_as_often_as_the_walk_says() {
    let law = convicts(&Plan::default().checks, [2, 5]);
    let mut convictions = Gambles::default();
    for (accusations, convicted) in on_all_cores(WORLDS_ACCUSED, accused) {
        (0..accusations).for_each(|number| {
            let found = convicted && number + 1 == accusations;
            convictions.note(f64::from(u8::from(found)), law, 1.0, 0.0);
        });
    }
    println!("by the walk {law:.5}, found {:.5}", convictions.mean());
    convictions.assert_as_expected("honest providers convicted, two of seven verifiers lying");
}

#[test]
fn verifiers_that_always_mismatch_pay_for_it_and_the_frozen_provider_is_as_rich_as_without_them() {
    let share = assert_slander_costs(|world, liar| world.behave(liar, LazyVerifier));
    assert_eq!(share, 0, "who is slandered pays nothing");
}

/// Whether it was served nobody but the two knows: nobody is accused, and others are asked.
#[test]
fn verifiers_that_deny_that_they_were_served_earn_nothing_and_cost_the_provider_further_checks() {
    for seed in 0..6 {
        let slandered = slandered(seed, |world, liar| {
            let complainer = Complainer(world.key(liar), world.genesis().id());
            world.behave(liar, complainer);
        });
        let ended = &slandered.ended;
        assert!(
            ended.iter().all(|outcome| [Outcome::Checked, Outcome::NotDrawn].contains(outcome)),
            "{ended:?}"
        );
        assert_eq!((slandered.gain, slandered.frozen), (0, 0), "seed {seed}");
        assert!(slandered.beyond > 0, "seed {seed}: nobody lied");
    }
}

#[test]
fn a_client_that_disputes_everything_pays_each_check_and_its_provider_nothing() {
    for (seed, liar) in [(0, false), (1, false), (2, true), (3, true)] {
        let mut world = trusting(Plan { seed, founders: 8, slots: 8, ..Plan::default() }, 24);
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        let mut members = vec![client];
        if liar {
            members.push(world.plan().founder(1));
            world.behave(members[1], LazyVerifier);
        }
        let (coalition, before) = (Coalition::new(&world, members), wealth(&world, provider));
        let keys: Vec<Digest> = (0..20).map(|number| disputed(&mut world, number)).collect();
        settle(&mut world, LIMIT, "disputed");
        let receipts: Vec<_> = keys.iter().map(|key| receipt(&world, *key)).collect();
        assert_eq!(wealth(&world, provider) - before, receipts.iter().map(owed).sum(), "seed {seed}");
        let taken = world.told(client).iter().filter(|(_, event)| matches!(event, Event::Disputed { .. }));
        let taken = taken.count() as i128;
        assert!(taken > 6, "{taken} disputes came in time");
        let gain = coalition.gain(&world, &format!("{taken} of 20 disputed, liar {liar}, seed {seed}"));
        let beyond = gain + receipts.iter().map(price).sum::<i128>();
        assert!(beyond < 0, "seed {seed}: {beyond} beyond the price");
        assert!(liar || beyond == -check_cost(&world) * taken, "seed {seed}: {beyond} for {taken} checks");
    }
}

/// Orders a job and disputes its result as soon as it is here.
fn disputed(world: &mut World, number: u64) -> Digest {
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let key = order(world, provider, number, LABEL);
    until(world, |world| {
        matches!(world.state(client, key), Some(AttemptState::Delivered | AttemptState::Closed(_)))
    });
    world.command(client, Command::Dispute { key });
    run_out(world);
    key
}
