//! What a peer remembers of what is over, and how many things it does at a time.

use assay_market::{
    Event,
    effect::Effect,
    ledger::LANES_MAX,
    matching::Reason,
    view::{AttemptState, RunState},
};
use assay_protocol::{
    message::{Message, Opened},
    outcome::Outcome,
};
use assay_simulations::{
    behaviour::{Behaviour, Sleeper},
    crypto::Simulated,
    kernel::Span,
    plan::{LABEL, Plan},
    world::{Tail, Wish, World},
};

use crate::support::{LIMIT, Stuck, market, settle};

/// Lanes of a client, and so the jobs that it has open at a time.
const LANES: u64 = LANES_MAX as u64;
/// Submissions that are over and that a client remembers in full.
const IN_FULL: u64 = 1_024;
/// Jobs that are over and that a provider remembers.
const SERVED: usize = 1_024;
/// Submissions that a client has under way.
const SUBMISSIONS: u64 = 10_000;

/// Takes jobs, claims them, and shows the result to nobody but the notary.
#[derive(Clone, Copy, Debug)]
struct Secretive;

impl Behaviour for Secretive {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let shown =
            matches!(effect, Effect::Send { message: Message::Deliver(_), .. } | Effect::Serve { .. });
        (!shown).then_some(effect)
    }
}

fn paid(world: &World, keys: &[assay_protocol::id::Digest]) -> usize {
    let client = world.plan().client(0);
    let paid = |state| matches!(state, Some(AttemptState::Closed(outcome)) if Outcome::is_paid(outcome));
    keys.iter().filter(|key| paid(world.state(client, **key))).count()
}

#[test]
fn of_what_is_long_over_the_client_remembers_what_it_shows_and_the_provider_nothing() {
    let mut world = market(Plan { slots: 100, ..Plan::default() });
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let mut keys = Vec::new();
    // The first jobs make it trusted, so that the others can be open together.
    for number in 0..IN_FULL + 200 {
        keys.push(world.submit(client, Wish { number, provider: Some(provider), ..Wish::default() }));
        world.run_for(Span::millis(if number < 40 { 3_000 } else { 60 }));
    }
    settle(&mut world, LIMIT, "more jobs than are remembered");
    assert_eq!(paid(&world, &keys), keys.len());
    let shown = world.node(client).map(|node| node.submissions()).unwrap_or_default();
    assert!(shown.iter().map(|view| view.key).eq(keys.iter().copied()), "all are shown, in their order");
    let first = world.submission(client, keys[0]).and_then(|view| view.attempts.first().cloned());
    let first = first.expect("the first job is shown");
    assert!(first.receipt.is_some() && first.output.is_some(), "{first:?}");
    let runs = world.node(provider).map(|node| node.runs()).unwrap_or_default();
    let served = runs.iter().filter(|run| matches!(run.state, RunState::Closed(_))).count();
    assert_eq!(served, SERVED, "the provider forgets");
    let before = world.told(client).len();
    let again = world.submit(client, Wish { number: 0, provider: Some(provider), ..Wish::default() });
    settle(&mut world, LIMIT, "the first job again");
    assert_eq!((again, world.told(client).len()), (keys[0], before), "it is the same job, and over");
}

#[test]
fn jobs_beyond_the_lanes_wait_for_one_in_the_order_in_which_they_came() {
    let mut world = market(Plan { slots: 1_400, founders: 8, ..Plan::default() });
    let client = world.plan().client(0);
    let keys: Vec<_> =
        (0..LANES + 60).map(|number| world.submit(client, Wish { number, ..Wish::default() })).collect();
    settle(&mut world, LIMIT, "more jobs than lanes");
    assert_eq!(paid(&world, &keys), keys.len());
    let proposed = |key| {
        let place = world
            .told(client)
            .iter()
            .position(|(_, event)| matches!(event, Event::Proposed { key: of, .. } if *of == key));
        place.expect("each was proposed")
    };
    let waited: Vec<usize> = keys[LANES as usize..].iter().map(|key| proposed(*key)).collect();
    assert!(waited.is_sorted(), "who waited longest has the next lane: {waited:?}");
}

#[test]
fn more_submissions_than_are_remembered_are_refused_and_cost_nothing() {
    let mut world = market(Plan::default());
    let client = world.plan().client(0);
    (0..6).for_each(|number| world.behave(world.plan().founder(number), Sleeper));
    let keys: Vec<_> =
        (0..=SUBMISSIONS).map(|number| world.submit(client, Wish { number, ..Wish::default() })).collect();
    world.run_for(Span::millis(100));
    let told = world.told(client).iter();
    let refused = told.filter_map(|(_, event)| {
        let Event::NotSubmitted { key, .. } = event else { return None };
        Some(*key)
    });
    assert_eq!(refused.collect::<Vec<_>>(), keys[SUBMISSIONS as usize..]);
    assert_eq!(world.submission(client, keys[SUBMISSIONS as usize]), None);
}

#[test]
fn a_job_that_meets_a_busy_provider_goes_to_another_at_once_and_says_so() {
    let mut world = market(Plan { slots: 1, clients: 2, ..Plan::default() });
    let [first, client] = [0, 1].map(|number| world.plan().client(number));
    (0..6).for_each(|number| world.behave(world.plan().founder(number), Stuck));
    for number in 0..6 {
        world.submit(first, Wish { number, attempts_max: 1, ..Wish::default() });
    }
    // Whoever loses the race for a slot goes on to another.
    world.run_for(Span::seconds(3));
    // Who has learnt nothing of anybody's room asks each.
    let key = world.submit(client, Wish { number: 6, attempts_max: 1, ..Wish::default() });
    world.run_for(Span::seconds(1));
    let passed = world.node(client).and_then(|node| node.passed_over(key)).expect("it looked");
    assert_eq!((passed.counts.offers, passed.counts.busy), (6, 6), "{passed:?}");
    assert!(passed.offers.iter().all(|passed| matches!(passed.reason, Reason::Busy { .. })), "{passed:?}");
    let asked = world
        .told(client)
        .iter()
        .filter(|(_, event)| matches!(event, Event::Proposed { key: of, .. } if *of == key));
    assert_eq!(asked.count(), 6, "each of them was asked once");
}

/// A client knows a claim from the notary alone, and is restarted: whoever checks it has the input from the client all the
/// same.
#[test]
fn a_client_remembers_a_claim_that_only_the_notary_has_shown_it() {
    let mut world = market(Plan::default());
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    world.behave(provider, Secretive);
    world.overhear();
    let key = world.submit(
        client,
        Wish { manifest: LABEL, provider: Some(provider), attempts_max: 1, ..Wish::default() },
    );
    let revealed = |world: &World| {
        let network = world.genesis().id();
        let opened = |bytes: &[u8]| Message::decode(bytes).ok()?.open::<Simulated>(network).ok();
        world.overheard().iter().any(|bytes| matches!(opened(bytes), Some(Opened::Reveal(_))))
    };
    while !revealed(&world) {
        world.step();
    }
    world.crash(client, Tail::Lost, Span::millis(500));
    world.run_for(Span::seconds(40));
    let state = world.state(client, key);
    assert_eq!(state, Some(AttemptState::Closed(Outcome::Checked)), "{:?}", world.told(client));
}
