//! Whom clients choose, once they have seen some.

use std::collections::BTreeMap;

use assay_market::{Command, Event, matching::Reason, reliability::Impression};
use assay_protocol::units::Rate;
use assay_simulations::{
    behaviour::{Sleeper, WindowShopper},
    kernel::Span,
    plan::Plan,
    world::{Place, Tail, Wish, World},
};

use crate::support::{LIMIT, Stuck, market, paid_once, settle};

/// Runs jobs one after another; returns how many orders each founder got.
fn run(world: &mut World, numbers: core::ops::Range<u64>) -> Vec<usize> {
    let client = world.plan().client(0);
    let before = world.told(client).len();
    for number in numbers {
        world.submit(client, Wish { number, ..Wish::default() });
        settle(world, LIMIT, "one of many jobs");
    }
    let told = world.told(client)[before..].iter();
    let asked = told.filter_map(|(_, event)| {
        let Event::Proposed { provider, .. } = event else { return None };
        world.place(*provider)
    });
    let asked: Vec<Place> = asked.collect();
    let founders = (0..world.plan().founders).map(|number| world.plan().founder(number));
    founders.map(|founder| asked.iter().filter(|place| **place == founder).count()).collect()
}

#[test]
fn a_provider_that_let_a_client_down_is_asked_no_more_and_a_restart_changes_nothing() {
    for seed in 1..5 {
        let mut world = market(Plan { seed, ..Plan::default() });
        let (client, sleeper) = (world.plan().client(0), world.plan().founder(0));
        world.behave(sleeper, Sleeper);
        let before = run(&mut world, 0..20);
        assert_eq!(before[0], 1, "seed {seed}: {before:?}");
        assert!(before[1..].iter().all(|orders| *orders <= 10), "seed {seed}: {before:?}");
        world.crash(client, Tail::Kept, Span::seconds(5));
        world.run_for(Span::seconds(10));
        let after = run(&mut world, 20..40);
        assert_eq!(after[0], 0, "seed {seed}: {after:?}");
        let node = world.node(client).expect("the client is up");
        let seen = (0..6).map(|number| node.impression(world.id(world.plan().founder(number))));
        let seen: Vec<Impression> = seen.collect();
        assert!(seen[0].odds < Rate::per_mille(700) && seen[0].proven == Rate::ZERO, "seed {seed}: {seen:?}");
        let served = |seen: &Impression| {
            seen.odds == Rate::ONE && seen.proven > Rate::ZERO && (1..2_000).contains(&seen.late.0)
        };
        assert!(seen[1..].iter().all(served), "seed {seed}: each of the others got an order: {seen:?}");
    }
}

#[test]
fn an_order_follows_upon_the_offer_that_it_waited_for_at_once() {
    let mut world = World::new(Plan::default());
    let (client, provider, notary) = (world.plan().client(0), world.plan().founder(0), world.plan().notary());
    let notary = world.id(notary);
    world.command(client, Command::Ask { notary });
    world.run_for(Span::seconds(2));
    world.submit(client, Wish::default());
    world.run_for(Span::millis(7_777));
    world.provide(provider);
    world.run_for(Span::seconds(1));
    let when = |wanted: fn(&Event) -> bool| {
        world.told(client).iter().find(|(_, event)| wanted(event)).map(|(at, _)| *at)
    };
    let seen = when(|event| matches!(event, Event::OfferSeen { .. }));
    assert!(
        seen.is_some() && when(|event| matches!(event, Event::Proposed { .. })) == seen,
        "{:?}",
        world.told(client)
    );
}

#[test]
fn a_client_can_say_why_it_passed_each_offer_over() {
    let mut world = market(Plan::default());
    let client = world.plan().client(0);
    let key = world.submit(client, Wish::default());
    settle(&mut world, LIMIT, "one job");
    let passed = world.node(client).and_then(|node| node.passed_over(key)).expect("it chose");
    assert_eq!((passed.counts.offers, passed.counts.lot, passed.offers.len()), (6, 5, 5));
    assert!(passed.offers.iter().all(|passed| matches!(passed.reason, Reason::Lot { .. })), "{passed:?}");
}

#[test]
fn a_client_that_met_a_busy_provider_asks_another() {
    // A client each, since whoever has been refused shows nobody more orders than it took.
    let mut world = market(Plan { slots: 1, clients: 20, ..Plan::default() });
    // Nothing ends while this is looked at, so nothing but the lot can change a choice.
    (0..6).for_each(|number| world.behave(world.plan().founder(number), Stuck));
    for number in 0..20 {
        let client = world.plan().client(number as usize);
        world.submit(client, Wish { number, ..Wish::default() });
    }
    world.run_for(Span::millis(3_500));
    let mut asked: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let told = (0..20).flat_map(|number| world.told(world.plan().client(number)));
    for (_, event) in told {
        assert!(!matches!(event, Event::Delivered { .. }));
        if let Event::Proposed { key, provider, .. } = event {
            asked.entry(key).or_default().push(provider);
        }
    }
    let pairs: Vec<_> = asked.values().flat_map(|asked| asked.windows(2)).collect();
    let others = pairs.iter().filter(|pair| pair[0] != pair[1]).count();
    assert!(
        pairs.len() > 10 && others > pairs.len() / 2,
        "{others} of {} orders went elsewhere",
        pairs.len()
    );
}

#[test]
fn in_a_rush_few_orders_are_opened_in_vain() {
    const ORDERS: u64 = 160;
    // Twice as many as four machines run that do one at a time.
    let mut world = market(Plan { founders: 4, clients: 8, slots: 1, ..Plan::default() });
    let clients: Vec<Place> = (0..8).map(|number| world.plan().client(number)).collect();
    for (number, client) in (0..ORDERS).zip(clients.iter().cycle()) {
        world.submit(*client, Wish { number, ..Wish::default() });
        world.run_for(Span::millis(25));
    }
    settle(&mut world, LIMIT, "a rush");
    let (paid, opened) = (paid_once(&world, &clients, "a rush"), world.closed().len() as u64);
    assert_eq!(paid, ORDERS, "somebody was not served");
    // Before anybody was waited for there were four of each.
    assert!(opened <= 2 * ORDERS, "{opened} were opened for {ORDERS} orders");
}

#[test]
fn who_opens_half_of_what_it_is_agreed_to_keeps_nobody_from_being_served() {
    const ORDERS: u64 = 80;
    let mut world = market(Plan { founders: 4, clients: 8, slots: 1, ..Plan::default() });
    let clients: Vec<Place> = (0..8).map(|number| world.plan().client(number)).collect();
    let (shopper, others) = (clients[0], &clients[1..]);
    let half = WindowShopper { peer: world.id(shopper), share: Rate::per_mille(500) };
    world.behave(shopper, half);
    for (number, client) in (0..ORDERS).zip(clients.iter().cycle()) {
        world.submit(*client, Wish { number, ..Wish::default() });
        world.run_for(Span::millis(50));
    }
    settle(&mut world, LIMIT, "a rush with one that only looks");
    let own = ORDERS / clients.len() as u64;
    assert_eq!(paid_once(&world, others, "others"), ORDERS - own, "somebody was kept away");
    assert!(
        paid_once(&world, &[shopper], "itself") > 0,
        "nobody knew it, so that it kept nothing from anybody"
    );
}
