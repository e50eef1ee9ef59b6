//! A market that opens, trades and settles; and what it must never depend on.

use std::collections::BTreeSet;

use assay_market::{Effect, Event};
use assay_protocol::outcome::Outcome;

use super::{archive::JudgedReceipt, *};
use crate::{
    behaviour::{Aborter, Forger},
    world::Wish,
};

const LIMIT: Span = Span::seconds(600);

/// Counts what clients are told.
#[derive(Debug, Default)]
struct Counts {
    delivered: usize,
    closed: usize,
    paid: usize,
}

impl Observer for Counts {
    fn performed(&mut self, _: MarketSight, effect: &Effect) {
        let Effect::Tell(event) = effect else { return };
        self.delivered += usize::from(matches!(event, Event::Delivered { .. }));
        if let Event::Closed { outcome, .. } = event {
            self.closed += 1;
            self.paid += usize::from(outcome.is_paid());
        }
    }
}

fn watched(plan: Plan) -> Market<(Counts, Invariants)> {
    let watch = Invariants::new(&plan, Arc::new(plan.genesis()), 32);
    let ground = Ground::of(&plan);
    Market::new(plan, ground, (Counts::default(), watch))
}

/// Opens a market and has each client order so many jobs, one a second.
fn trade<O: Observer>(market: &mut Market<O>, jobs: u64) {
    market.open_market();
    for number in 0..jobs {
        for client in 0..market.plan().clients {
            let client = market.plan().client(client);
            market.submit(client, Wish { number, ..Wish::default() });
        }
        market.run_until(market.now().after(Span::seconds(1)));
    }
    market.settle(LIMIT).unwrap();
}

#[test]
fn jobs_are_delivered_checked_and_paid_and_every_rule_holds() {
    let mut market = watched(Plan { clients: 3, ..Plan::default() });
    trade(&mut market, 10);
    let (counts, watch) = market.observer();
    assert_eq!((counts.delivered, counts.closed, counts.paid), (30, 30, 30));
    assert!(watch.facts() > 100, "{} facts were asked", watch.facts());
    assert_eq!(watch.kept(), 0);
}

#[test]
fn a_forger_is_slashed_and_an_honest_founder_earns() {
    let mut market = watched(Plan { founders: 6, clients: 2, ..Plan::default() });
    let (forger, honest) = (market.plan().founder(0), market.plan().founder(1));
    market.behave(forger, Forger);
    market.open_market();
    let before = [forger, honest].map(|place| market.wealth(place).unwrap());
    trade(&mut market, 10);
    let after = [forger, honest].map(|place| market.wealth(place).unwrap());
    assert!(after[0] < before[0] && after[1] > before[1], "{before:?} {after:?}");
}

#[test]
fn what_a_user_wants_of_a_machine_that_stands_still_waits_until_it_goes_on() {
    let mut market = watched(Plan::default());
    market.open_market();
    let (client, begin) = (market.plan().client(0), market.now());
    market.sleep(client, Span::seconds(30));
    market.submit(client, Wish::default());
    market.run_until(begin.after(Span::seconds(29)));
    let count = |market: &Market<_>| market.node(client).unwrap().submissions().len();
    assert_eq!(count(&market), 0);
    market.run_until(begin.after(Span::seconds(31)));
    assert_eq!(count(&market), 1);
    market.settle(LIMIT).unwrap();
    assert_eq!(market.observer().0.paid, 1);
}

/// Counts the inputs that each brain takes.
#[derive(Debug)]
struct Thoughts(Vec<usize>);

impl Observer for Thoughts {
    fn thought(&mut self, seen: MarketSight, _: &Node<crate::crypto::SimulatedKey>) {
        self.0[seen.place.0] += 1;
    }
}

fn thinking(plan: Plan) -> Market<Thoughts> {
    let (ground, thoughts) = (Ground::of(&plan), Thoughts(vec![0; plan.peers()]));
    let mut market = Market::new(plan, ground, thoughts);
    market.open_market();
    market
}

#[test]
fn a_machine_that_stands_still_hears_nothing() {
    let mut market = thinking(Plan::default());
    let founders: Vec<Place> =
        (0..market.plan().founders).map(|number| market.plan().founder(number)).collect();
    let heard = |market: &Market<Thoughts>| -> usize {
        founders.iter().map(|place| market.observer().0[place.0]).sum()
    };
    let (before, now) = (heard(&market), market.now());
    founders.iter().for_each(|place| market.sleep(*place, Span::seconds(20)));
    market.submit(market.plan().client(0), Wish::default());
    market.run_until(now.after(Span::seconds(19)));
    assert_eq!(heard(&market), before);
    market.run_until(now.after(Span::seconds(21)));
    assert!(heard(&market) > before);
}

#[test]
fn a_peer_at_which_nothing_was_due_hears_of_the_last_checkpoint_once_something_is() {
    let mut market = thinking(Plan::default());
    let client = market.plan().client(0);
    market.run_until(market.now().after(Span::seconds(120)));
    assert!(market.told.is_some(), "nobody was told anything");
    let mut asks = || {
        let before = market.observer().0[client.0];
        market.ask(client);
        market.run_until(market.now());
        market.observer().0[client.0] - before
    };
    assert_eq!([asks(), asks()], [2, 1]);
}

/// Judges every receipt that is filed.
#[derive(Debug, Default)]
struct Judge {
    outcomes: BTreeSet<Outcome>,
}

impl Observer for Judge {
    fn performed(&mut self, _: MarketSight, effect: &Effect) {
        let Effect::File { receipt } = effect else { return };
        let (bytes, network) = (receipt.to_bytes(), receipt.story.genesis.id());
        let judged = JudgedReceipt::of(&bytes);
        assert_eq!(judged, Some(JudgedReceipt::as_filed(receipt, Digest::of(&bytes), network)));
        self.outcomes.insert(receipt.story.outcome);
    }
}

#[test]
fn a_receipt_is_read_as_it_would_be_judged_and_gone_when_both_parties_have_read_it() {
    let plan = Plan { clients: 2, ..Plan::default() };
    let ground = Ground::of(&plan);
    let mut market = Market::new(plan, ground, Judge::default());
    let (forger, aborter) = (market.plan().founder(0), market.plan().founder(1));
    market.behave(forger, Forger);
    market.behave(aborter, Aborter);
    trade(&mut market, 10);
    let outcomes = &market.observer().outcomes;
    assert!(
        [Outcome::Checked, Outcome::Slashed, Outcome::Aborted].iter().all(|of| outcomes.contains(of)),
        "{outcomes:?}"
    );
    market.run_until(market.now().after(Span::seconds(60)));
    assert!(market.archive.is_empty(), "somebody has not read its receipt");
}

#[test]
fn a_peer_that_nothing_happens_to_costs_no_event_and_changes_nothing() {
    let run = |idle| {
        let mut market = watched(Plan { clients: 1, ..Plan::default() });
        // They stand behind everybody else, so that nobody else has another number.
        let names = (0..market.residents.len() + idle).map(|place| market.plan.key(Place(place)).id());
        market.directory = Directory::new(names.collect());
        market.residents.extend((0..idle).map(|_| Resident::default()));
        trade(&mut market, 3);
        let looked_at = [market.roll.living().count(), market.roll.providing().len()];
        assert_eq!(looked_at, [1 + 6 + 1, 6], "nobody looks at those that nothing happens to");
        (market.digest(), market.events(), market.inputs())
    };
    assert_eq!(run(0), run(100_000));
}

#[test]
fn one_plan_gives_one_digest_and_another_seed_another() {
    let run = |seed| {
        let mut market = watched(Plan { seed, clients: 2, ..Plan::default() });
        trade(&mut market, 3);
        market.digest()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn jobs_go_on_over_crashes_of_their_client_provider_and_notary() {
    let plan = Plan::default();
    let ground = Ground { keeps_records: true, ..Ground::of(&plan) };
    let mut market = Market::new(plan, ground, Counts::default());
    market.open_market();
    let client = market.plan().client(0);
    for number in 0..4 {
        market.submit(client, Wish { number, ..Wish::default() });
        market.run_until(market.now().after(Span::millis(150)));
        market.crash([client, Place(1), Place(2), Place(0)][number as usize], Span::millis(20));
        market.run_until(market.now().after(Span::seconds(1)));
    }
    market.settle(LIMIT).unwrap();
    assert!(market.observer().paid >= 3, "{:?}", market.observer());
}

/// A market of which each hop is carried.
fn hopping<O: Observer>(plan: Plan, observer: O) -> Market<O> {
    let ground = Ground::hop_by_hop(&plan);
    Market::new(plan, ground, observer)
}

#[test]
fn jobs_are_paid_every_rule_holds_and_seeds_decide_where_each_hop_is_carried() {
    let run = |seed| {
        let plan = Plan { seed, clients: 3, ..Plan::default() };
        let watch = Invariants::new(&plan, Arc::new(plan.genesis()), 32);
        let mut market = hopping(plan, (Counts::default(), watch));
        trade(&mut market, 10);
        assert_eq!(market.observer().0.paid, 30, "{:?}", market.observer().0);
        assert!(market.events() > market.trace.events(), "no hop was counted");
        market.digest()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn each_peer_hears_of_offers_and_checkpoints_by_itself_where_each_hop_is_carried() {
    let heard = |ground: fn(&Plan) -> Ground| {
        let plan = Plan { clients: 40, ..Plan::default() };
        let (ground, thoughts) = (ground(&plan), Thoughts(vec![0; plan.peers()]));
        let mut market = Market::new(plan, ground, thoughts);
        market.open_market();
        let client = market.plan().client(7);
        let before = market.observer().0[client.0];
        market.run_until(market.now().after(Span::seconds(60)));
        let own = market.residents[client.0].living.as_ref().and_then(|living| living.book.as_ref());
        (market.observer().0[client.0] - before, own.map(|book| book.len()))
    };
    let ((_, none), (inputs, own)) = (heard(Ground::of), heard(Ground::hop_by_hop));
    assert_eq!((none, own), (None, Some(6)));
    // A checkpoint every ten seconds.
    assert!(inputs >= 5, "{inputs}");
}

#[test]
fn who_is_cut_off_hears_of_nobody_and_nobody_of_it_until_the_links_are_there_again() {
    let plan = Plan { clients: 2, ..Plan::default() };
    let (client, island, mainland) = (plan.client(0), plan.founder(0), plan.founder(1));
    let mut market = hopping(plan, ());
    let mut links = Links::default();
    links.cut_off([island]);
    market.relink(links);
    market.open_market();
    let known = |market: &Market<()>| {
        [client, island, mainland].map(|place| {
            let living = market.residents[place.0].living.as_ref();
            living.and_then(|living| living.book.as_ref()).map_or(0, |book| book.len())
        })
    };
    assert_eq!(known(&market), [5, 1, 5]);
    market.relink(Links::default());
    market.run_until(market.now().after(Span::seconds(60)));
    assert_eq!(known(&market), [6, 6, 6]);
}

#[test]
fn nobody_whose_links_are_cut_sells_and_nobody_whose_links_are_slow_is_late_for_good() {
    for ground in [Ground::of as fn(&Plan) -> Ground, Ground::hop_by_hop] {
        let plan = Plan { clients: 2, ..Plan::default() };
        let (ground, watch) = (ground(&plan), Invariants::new(&plan, Arc::new(plan.genesis()), 32));
        let (island, far) = (plan.founder(0), plan.founder(1));
        let mut market = Market::new(plan, ground, (Counts::default(), watch));
        market.open_market();
        let mut links = Links::default();
        links.cut_off([island]);
        links.slow_down([far], 10);
        market.relink(links);
        let before = market.wealth(island);
        trade(&mut market, 10);
        assert!(market.observer().0.paid >= 18, "{:?}", market.observer().0);
        assert!(market.wealth(island) <= before, "{:?} after {before:?}", market.wealth(island));
    }
}
