//! Claims that are not opened, or late.

use assay_market::{Effect, Event};
use assay_protocol::{message::Message, outcome::Outcome};
use assay_simulations::{
    behaviour::{Behaviour, SilentProvider},
    kernel::Span,
    plan::{LABEL, Plan, TENSOR},
    world::{Place, Tail, World},
};

use super::{
    Coalition,
    scenes::{PRICE, check_cost, drawn, order, outcome, owed, receipt, until, wealth},
};
use crate::support::{LIMIT, market, settle};

fn town(seed: u64) -> World {
    market(Plan { seed, founders: 8, ..Plan::default() })
}

/// What all founders own.
fn fortunes(world: &World) -> Vec<i128> {
    (0..world.plan().founders).map(|number| wealth(world, world.plan().founder(number))).collect()
}

/// By how much each founder is richer.
fn gains(world: &World, before: &[i128]) -> Vec<i128> {
    fortunes(world).iter().zip(before).map(|(after, before)| after - before).collect()
}

/// Opens its claim when it was asked a few times.
#[derive(Clone, Copy, Debug)]
struct Dawdler {
    deaf_for: u32,
}

impl Behaviour for Dawdler {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        if matches!(effect, Effect::Send { message: Message::OpenClaim(_), .. }) && self.deaf_for > 0 {
            self.deaf_for -= 1;
            return None;
        }
        Some(effect)
    }
}

#[test]
fn a_forger_that_never_opens_its_claim_is_convicted_of_its_silence() {
    for (seed, manifest) in [(0, LABEL), (1, TENSOR), (2, LABEL)] {
        let mut world = town(seed);
        let forger = world.plan().founder(0);
        world.behave(forger, SilentProvider);
        let (coalition, before) = (Coalition::new(&world, [forger]), fortunes(&world));
        let key = order(&mut world, forger, 0, manifest);
        settle(&mut world, LIMIT, "silent");
        assert_eq!(outcome(&world, key), Outcome::Silent, "{manifest}");
        let gain = coalition.gain(&world, &format!("silence at the opening, {manifest}"));
        assert!(gain < -90 * PRICE, "{manifest}: {gain}");
        assert!(gains(&world, &before)[1..].iter().all(|gain| *gain >= 0), "{manifest}");
    }
}

/// An honest provider that is down for so long from the moment when a verifier begins; how the job ended, and by how much
/// the founders are richer.
fn down_for(seed: u64, down: Span) -> (World, Outcome, Vec<i128>) {
    let mut world = town(seed);
    let (provider, before) = (world.plan().founder(0), fortunes(&world));
    let key = order(&mut world, provider, 0, LABEL);
    until(&mut world, |world| {
        let founders = (1..8).map(|number| world.plan().founder(number));
        founders.flat_map(|founder| world.told(founder)).any(|(_, event)| is_checking(event))
    });
    // The client serves the verifiers meanwhile.
    world.crash(provider, Tail::Kept, down);
    settle(&mut world, LIMIT, "down");
    world.run_for(down);
    settle(&mut world, LIMIT, "up");
    let gains = gains(&world, &before);
    let outcome = outcome(&world, key);
    (world, outcome, gains)
}

fn is_checking(event: &Event) -> bool {
    matches!(event, Event::Checking { .. })
}

#[test]
fn an_honest_provider_that_is_down_for_less_than_the_silence_is_not_slashed_and_its_verifiers_lose_nothing() {
    for seed in 0..3 {
        for seconds in [1, 3, 6, 12, 18] {
            let context = format!("seed {seed}, down for {seconds} s");
            let (world, outcome, gains) = down_for(seed, Span::seconds(seconds));
            assert!([Outcome::Checked, Outcome::Cleared].contains(&outcome), "{context}: {outcome:?}");
            assert!(world.closed().values().all(|closed| closed.slashed.is_zero()), "{context}");
            assert!(gains[1..].iter().all(|gain| *gain >= 0), "{context}: {gains:?}");
            assert!(gains[0] > -4 * check_cost(&world), "{context}: {gains:?}");
        }
        let (_, outcome, gains) = down_for(seed, Span::seconds(60));
        assert_eq!((outcome, gains[0] < -90 * PRICE), (Outcome::Silent, true), "seed {seed}: {gains:?}");
    }
}

#[test]
fn a_provider_that_opens_late_pays_the_jury_that_it_called() {
    for seed in 0..4 {
        let mut world = town(seed);
        let (provider, before) = (world.plan().founder(0), fortunes(&world));
        world.behave(provider, Dawdler { deaf_for: 24 });
        let key = order(&mut world, provider, 0, LABEL);
        let coalition = Coalition::new(&world, [provider]);
        settle(&mut world, LIMIT, "late");
        let receipt = receipt(&world, key);
        let verifiers: Vec<Place> = drawn(&world, &receipt);
        assert_eq!((outcome(&world, key), verifiers.len() > 1), (Outcome::Cleared, true), "seed {seed}");
        let gain =
            coalition.gain(&world, &format!("opening late, {} jurors, seed {seed}", verifiers.len() - 1));
        let jury = check_cost(&world) * (verifiers.len() as i128 - 1);
        assert_eq!(gain - owed(&receipt), -jury, "seed {seed}: the jurors are paid by who called them");
        let gains = gains(&world, &before);
        assert!(gains[1..].iter().all(|gain| *gain >= 0), "seed {seed}: honest work costs {gains:?}");
    }
}
