//! Clients that doubt a result which was not drawn, and clients that are told of another claim than the notary.

use assay_market::{Command, Event, command::NotDisputed, view::AttemptState};
use assay_protocol::{id::Digest, outcome::Outcome};
use assay_simulations::{
    behaviour::{Forger, TwoFaced},
    kernel::Span,
    network::Conditions,
    plan::{Plan, UNIT_PRICE},
    world::{Tail, Wish, World},
};

use crate::support::{LIMIT, judge, market, settle};

/// Jobs after which a provider is trusted so far that most of its results are not drawn.
const TRUSTED_AFTER: u64 = 24;

/// A market whose first founder is trusted by the notary.
fn trusting(plan: Plan) -> World {
    let mut world = market(Plan { founders: 8, slots: 8, ..plan });
    for number in 0..TRUSTED_AFTER {
        submit(&mut world, number);
        world.run_for(Span::millis(800));
    }
    settle(&mut world, LIMIT, "trusting");
    world
}

fn submit(world: &mut World, number: u64) -> Digest {
    let provider = Some(world.plan().founder(0));
    world.submit(world.plan().client(0), Wish { number, provider, attempts_max: 1, ..Wish::default() })
}

/// How a job ended that was disputed as soon as its result was here, and by how much client and provider are richer.
struct Disputed {
    key: Digest,
    taken: bool,
    outcome: Outcome,
    gain: [i128; 2],
}

fn dispute(world: &mut World, number: u64, disturb: impl Fn(&mut World)) -> Disputed {
    let (client, before) = (world.plan().client(0), owned(world));
    let key = submit(world, number);
    let ended = |world: &World| world.submission(client, key).is_some_and(|submission| submission.ended);
    while world.state(client, key) != Some(AttemptState::Delivered) && !ended(world) {
        world.step();
    }
    world.command(client, Command::Dispute { key });
    disturb(world);
    settle(world, LIMIT, "disputed");
    let outcome = match world.state(client, key) {
        Some(AttemptState::Closed(outcome)) => outcome,
        // An order that nobody answered in time.
        _ => Outcome::Void,
    };
    let told = |what: fn(&Event) -> Option<Digest>| {
        world.told(client).iter().any(|(_, event)| what(event) == Some(key))
    };
    let taken = told(|event| if let Event::Disputed { key, .. } = event { Some(*key) } else { None });
    let refused = told(|event| {
        let Event::NotDisputed { key, reason: NotDisputed::TooLate } = event else { return None };
        Some(*key)
    });
    // On a bad network the close may come before the answer: then it is known that somebody checked.
    assert!(!(taken && refused), "taken and refused: {outcome:?}");
    assert!(taken || refused || outcome != Outcome::NotDrawn, "the user is not told what came of it");
    let after = owned(world);
    Disputed { key, taken, outcome, gain: [after[0] - before[0], after[1] - before[1]] }
}

fn owned(world: &World) -> [i128; 2] {
    [world.plan().client(0), world.plan().founder(0)]
        .map(|place| i128::from(world.wealth(place).unwrap_or_default().0))
}

/// The first dispute that came in time, of a few.
fn first_taken(world: &mut World, from: u64, disturb: impl Fn(&mut World) + Copy) -> Disputed {
    let mut disputes = (from..from + 20).map(|number| dispute(world, number, disturb));
    disputes.find(|disputed| disputed.taken).expect("one of them was not drawn")
}

/// What a client gains by a job that is not drawn, and not disputed.
fn undisputed(world: &mut World) -> i128 {
    for number in 50..70 {
        let (client, before) = (world.plan().client(0), owned(world));
        let key = submit(world, number);
        settle(world, LIMIT, "undisputed");
        if world.state(client, key) == Some(AttemptState::Closed(Outcome::NotDrawn)) {
            return owned(world)[0] - before[0];
        }
    }
    panic!("all were drawn");
}

#[test]
fn a_disputed_honest_result_costs_the_client_one_check_and_its_provider_nothing() {
    let mut world = trusting(Plan::default());
    let plain = undisputed(&mut world);
    let disputed = first_taken(&mut world, 100, |_| ());
    let work = world.genesis().manifests[0].work.call;
    let check = i128::from(world.genesis().check_cost(work).0);
    assert_eq!((disputed.outcome, disputed.gain[0]), (Outcome::Checked, plain - check));
    assert!(disputed.gain[1] > 0, "{:?}", disputed.gain);
    let receipt = world.receipt(world.plan().client(0), disputed.key).expect("a receipt");
    assert_eq!(judge(&receipt).outcome, Outcome::Checked);
}

#[test]
fn a_disputed_forgery_is_slashed_and_the_client_has_all_of_its_money_back() {
    let taken = (0..10).find_map(|seed| {
        let mut world = trusting(Plan { seed, ..Plan::default() });
        world.behave(world.plan().founder(0), Forger);
        let disputed = dispute(&mut world, 100, |_| ());
        assert!(disputed.outcome.is_slashed() || !disputed.taken, "{seed}: {:?}", disputed.outcome);
        disputed.taken.then_some(disputed)
    });
    let disputed = taken.expect("one forgery was not drawn");
    assert_eq!(disputed.gain[0], 0);
    assert!(disputed.gain[1] < -i128::from(UNIT_PRICE.0), "{:?}", disputed.gain);
}

#[test]
fn what_cannot_be_disputed_is_answered_with_the_reason() {
    let mut world = market(Plan::default());
    let client = world.plan().client(0);
    let told = |world: &World, key, reason| {
        let expected = Event::NotDisputed { key, reason };
        assert!(world.told(client).iter().any(|(_, event)| *event == expected), "{expected:?}");
    };
    let unknown = Digest::of(b"no such job");
    world.command(client, Command::Dispute { key: unknown });
    let key = submit(&mut world, 0);
    world.command(client, Command::Dispute { key });
    settle(&mut world, LIMIT, "one job");
    told(&world, unknown, NotDisputed::Unknown);
    told(&world, key, NotDisputed::NotDelivered);
    world.command(client, Command::Dispute { key });
    world.run_for(Span::seconds(1));
    told(&world, key, NotDisputed::TooLate);
}

/// What a check costs is held with each total: nobody is too poor to doubt what it paid for.
#[test]
fn a_client_that_has_nothing_left_can_dispute() {
    for seed in 0..10 {
        let mut world = trusting(Plan { seed, ..Plan::default() });
        let (client, notary) = (world.plan().client(0), world.id(world.plan().notary()));
        let key = submit(&mut world, 100);
        while world.state(client, key) != Some(AttemptState::Delivered) {
            world.step();
        }
        let account =
            world.books().expect("books").accounts.into_iter().find(|it| it.peer == world.id(client));
        let amount = account.expect("an account").free;
        world.command(client, Command::Stake { notary, amount, target: None });
        world.run_for(Span::millis(300));
        world.command(client, Command::Dispute { key });
        settle(&mut world, LIMIT, "poor");
        let told = |event: &Event| matches!(event, Event::Disputed { key: of, .. } if *of == key);
        if world.told(client).iter().any(|(_, event)| told(event)) {
            assert_eq!(world.state(client, key), Some(AttemptState::Closed(Outcome::Checked)), "{seed}");
            return;
        }
    }
    panic!("all were drawn");
}

#[test]
fn disputes_get_through_a_bad_network_and_crashes() {
    let mut world = trusting(Plan { conditions: Conditions::bad(), ..Plan::default() });
    first_taken(&mut world, 100, |_| ());
    let places = [world.plan().client(0), world.plan().notary(), world.plan().founder(0)];
    for (from, place) in [200, 300, 400].into_iter().zip(places) {
        let disputed = first_taken(&mut world, from, |world| {
            world.run_for(Span::millis(60));
            world.crash(place, Tail::Lost, Span::seconds(1));
        });
        assert_eq!(disputed.outcome, Outcome::Checked);
    }
}

#[test]
fn a_result_of_another_claim_than_the_one_in_the_books_is_nobodys_and_nobodys_offence() {
    for conditions in [Conditions::GOOD, Conditions::bad()] {
        let mut world = market(Plan { conditions, ..Plan::default() });
        let (client, cheat) = (world.plan().client(0), world.plan().founder(0));
        world.behave(cheat, TwoFaced(world.key(cheat), world.genesis().id()));
        let before = owned(&world);
        let key = submit(&mut world, 0);
        settle(&mut world, LIMIT, "two claims");
        let told = |event: &Event| matches!(event, Event::Delivered { key: of, .. } if *of == key);
        assert!(
            !world.told(client).iter().any(|(_, event)| told(event)),
            "the client took what counts for nothing"
        );
        let state = world.state(client, key);
        assert!(matches!(state, Some(AttemptState::Closed(outcome)) if outcome.is_paid()), "{state:?}");
        let after = owned(&world);
        assert!(after[1] > before[1], "what it told the notary is true");
        assert!(world.closed().values().all(|closed| closed.slashed.is_zero()));
    }
}
