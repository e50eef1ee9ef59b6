//! Networks that lose more and more of what is said: what is opened closes, and nobody is paid twice.

use assay_market::{Effect, Input, view::AttemptState};
use assay_protocol::{
    genesis::Timers, id::Digest, message::Opened, notice::NoticeEvent, outcome::Outcome, units::Rate,
};
use assay_simulations::{
    behaviour::Behaviour,
    kernel::Span,
    network::Conditions,
    plan::{EXACT, LABEL, Plan, TENSOR},
    world::{Place, Wish, World},
};

use crate::support::{market, paid_once, settle};

/// Runs at each loss.
const SEEDS: u64 = 20;
/// Jobs in one run.
const JOBS: u64 = 40;
/// No run takes longer, whatever is lost.
const LIMIT: Span = Span::seconds(6 * 3_600);

/// The loss from which on hardly anything is said in time.
const DEAF_PERCENT: u64 = 90;

/// Nine peers of whom six provide, by the deadlines of a network of strangers. Where hardly anything is heard every other
/// run has those of one machine.
fn plan(seed: u64, percent: u64) -> Plan {
    let usual = Plan { seed: 1_000 * percent + seed, founders: 6, clients: 2, slots: 4, ..Plan::default() };
    let hasty = percent >= DEAF_PERCENT && seed % 2 == 1;
    if hasty { usual } else { Plan { timers: Timers::default(), ..usual } }
}

/// A network that loses so many of a hundred messages, half of them without anybody knowing, once its market is open:
/// nobody orders anything of providers that it never heard of.
fn lossy(seed: u64, percent: u64) -> World {
    let loss = Rate::per_mille(10 * percent);
    let mut world = market(plan(seed, percent));
    world.network().set_conditions(Conditions { loss, ..Conditions::bad() });
    world
}

/// Submits job by job and waits until all has settled; says how many jobs were opened, and how many submissions paid.
fn endure(seed: u64, percent: u64) -> [u64; 2] {
    let context = format!("{percent} % lost, seed {seed}");
    let mut world = lossy(seed, percent);
    let mut wishes: Vec<(Place, Digest)> = Vec::new();
    for number in 0..JOBS {
        let client = world.plan().client((number % 2) as usize);
        let manifest = [LABEL, TENSOR, EXACT][(number / 2 % 3) as usize];
        wishes.push((client, world.submit(client, Wish { manifest, number, ..Wish::default() })));
        world.run_for(Span::millis(300));
    }
    settle(&mut world, LIMIT, &context);
    let is_ended =
        |(client, key): &(Place, Digest)| world.submission(*client, *key).is_some_and(|known| known.ended);
    assert!(wishes.iter().all(is_ended), "{context}: a submission has not ended");
    let slashed = world.closed().iter().any(|(_, closed)| !closed.slashed.is_zero());
    assert!(!slashed, "{context}: an honest peer was slashed");
    [world.closed().len() as u64, paid_once(&world, &clients(&world), &context)]
}

fn clients(world: &World) -> Vec<Place> {
    (0..world.plan().clients).map(|number| world.plan().client(number)).collect()
}

/// Runs every seed at one loss; at least so many of a hundred submissions are paid.
#[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
fn check(percent: u64, least: u64) {
    let runs: Vec<[u64; 2]> = (0..SEEDS).map(|seed| endure(seed, percent)).collect();
    let sum = |which: usize| runs.iter().map(|run| run[which]).sum::<u64>();
    let (opened, paid, wished) = (sum(0), sum(1), SEEDS * JOBS);
    println!("{percent} % lost: {wished} submissions, {opened} jobs opened, {paid} paid");
    assert!(opened > SEEDS, "at {percent} % loss only {opened} jobs were opened");
    assert!(100 * paid >= least * wished, "at {percent} % loss {paid} of {wished} are paid");
}

#[test]
fn where_nothing_is_lost_every_submission_is_paid_once() {
    check(0, 100);
}

#[test]
fn where_a_tenth_is_lost_every_submission_is_paid_once() {
    check(10, 100);
}

#[test]
fn where_a_fifth_is_lost_every_submission_is_paid_once() {
    check(20, 100);
}

#[test]
fn where_three_tenths_are_lost_almost_every_submission_is_paid_once() {
    check(30, 99);
}

#[test]
fn where_two_fifths_are_lost_almost_every_submission_is_paid_once() {
    check(40, 98);
}

#[test]
fn where_half_is_lost_almost_every_submission_is_paid_once() {
    check(50, 93);
}

#[test]
fn where_three_fifths_are_lost_some_submissions_are_paid_and_none_twice() {
    check(60, 50);
}

#[test]
fn where_seven_tenths_are_lost_few_submissions_are_paid_and_none_twice() {
    check(70, 4);
}

#[test]
fn where_nine_tenths_are_lost_whatever_was_opened_closes() {
    check(DEAF_PERCENT, 0);
}

/// Never hears of a ticket, hears once that its job was closed, and cannot fetch anything at first.
#[derive(Debug, Default)]
struct Unlucky {
    heard_of_close: bool,
    has_fetched: bool,
}

impl Behaviour for Unlucky {
    fn hear(&mut self, input: Input) -> Option<Input> {
        let Input::Message(message) = &input else { return Some(input) };
        let is_close = matches!(message, Opened::Notice(notice) if is_close(&notice.event));
        let again = is_close && core::mem::replace(&mut self.heard_of_close, true);
        let lost = again || matches!(message, Opened::Ticket(_));
        (!lost).then_some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let fetches = matches!(effect, Effect::Fetch { .. });
        let lost = fetches && !core::mem::replace(&mut self.has_fetched, true);
        (!lost).then_some(effect)
    }
}

fn is_close(event: &NoticeEvent) -> bool {
    matches!(event, NoticeEvent::Closed { .. })
}

#[test]
fn a_receipt_is_asked_for_again_even_by_a_client_whose_ticket_never_came() {
    let mut world = market(Plan::default());
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    world.behave(client, Unlucky::default());
    let key = world.submit(client, Wish { provider: Some(provider), attempts_max: 1, ..Wish::default() });
    settle(&mut world, Span::seconds(120), "no ticket");
    assert_eq!(world.state(client, key), Some(AttemptState::Closed(Outcome::Aborted)));
    assert!(world.receipt(client, key).is_some());
}
