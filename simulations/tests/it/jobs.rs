//! Jobs among honest peers.

use assay_market::{
    Effect, Event,
    view::{AttemptState, RunState},
};
use assay_protocol::{
    id::NetworkId,
    message::Message,
    order::{Refusal, Refuse},
    outcome::Outcome,
    signed::Signed,
};
use assay_simulations::{
    behaviour::Behaviour,
    crypto::SimulatedKey,
    kernel::Span,
    plan::{EXACT, LABEL, Plan, TENSOR, UNIT_PRICE},
    world::{Tail, Wish, World},
};

use crate::support::{LIMIT, market, paid_once, settle, settle_one};

#[test]
fn the_first_job_of_an_honest_provider_is_checked_and_paid_and_its_receipt_holds() {
    for manifest in [LABEL, TENSOR, EXACT] {
        let mut world = market(Plan::default());
        let job = settle_one(&mut world, Wish { manifest, ..Wish::default() });
        assert_eq!(job.outcome, Outcome::Checked, "{manifest}");
        let (provider, client) = (job.gain(world.plan().founder(0)), job.gain(world.plan().client(0)));
        assert!(
            provider > 0 && provider <= i128::from(UNIT_PRICE.0),
            "{manifest}: the provider gained {provider}"
        );
        assert!(
            client < 0 && client >= -2 * i128::from(UNIT_PRICE.0),
            "{manifest}: the client gained {client}"
        );
        let report = job.report(&world);
        assert_eq!((report.outcome, report.agreeing, report.checks), (Outcome::Checked, 1, 1), "{manifest}");
    }
}

#[test]
fn a_trusted_provider_is_paid_for_most_jobs_without_a_check_once_the_window_is_over() {
    let mut world = market(Plan::default());
    let mut outcomes = Vec::new();
    for number in 0..40 {
        outcomes.push(settle_one(&mut world, Wish { number, ..Wish::default() }).outcome);
    }
    let not_drawn = outcomes.iter().filter(|outcome| **outcome == Outcome::NotDrawn).count();
    assert_eq!(outcomes[..4], [Outcome::Checked; 4], "up to the fifth job the rate is one");
    assert!(outcomes.iter().all(|outcome| [Outcome::NotDrawn, Outcome::Checked].contains(outcome)));
    assert!(not_drawn >= 10, "{not_drawn} of 40 were not drawn");
    let last = settle_one(&mut world, Wish { number: 40, ..Wish::default() }).report(&world);
    assert!(last.rate.0 < (1 << 32) / 3, "after 40 jobs the rate is {}", last.rate);
}

#[test]
fn what_the_client_holds_in_the_end_is_what_the_provider_claimed() {
    let mut world = market(Plan::default());
    let client = world.plan().client(0);
    let job = settle_one(&mut world, Wish { manifest: TENSOR, ..Wish::default() });
    let output = world.attempt(client, job.key).and_then(|attempt| attempt.output).expect("an output");
    assert_eq!(world.blob(client, output).map(<[u8]>::len), Some(5_120));
    let closed = |event: &Event| matches!(event, Event::Closed { .. });
    assert_eq!(world.told(client).iter().filter(|(_, event)| closed(event)).count(), 1);
}

#[test]
fn jobs_go_to_more_than_one_provider() {
    let mut world = market(Plan::default());
    let client = world.plan().client(0);
    for number in 0..30 {
        world.submit(client, Wish { number, ..Wish::default() });
    }
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
    let mut providers: Vec<_> = world.closed().values().map(|closed| closed.provider).collect();
    providers.sort_unstable();
    providers.dedup();
    assert!(providers.len() >= 3, "30 jobs went to {} providers", providers.len());
}

/// Nothing that a peer says may make another say it again: on a fast network such an echo never ends.
#[test]
fn a_job_takes_few_messages_however_long_its_window_is() {
    let mut world = market(Plan::default());
    world.overhear();
    let mut before = 0;
    for number in 0..20 {
        let job = settle_one(&mut world, Wish { number, manifest: TENSOR, ..Wish::default() });
        let (told_to_all, asked) = (["Offer", "Tick"], ["Query", "Account", "Standing"]);
        let kinds =
            world.overheard()[before..].iter().filter_map(|bytes| Some(Message::decode(bytes).ok()?.kind()));
        let kinds: Vec<&str> = kinds.filter(|kind| !told_to_all.contains(kind)).collect();
        let questions = kinds.iter().filter(|kind| asked.contains(kind)).count();
        let messages = kinds.len() - questions;
        assert!(messages <= 60, "{messages} messages for a job that ended {:?}", job.outcome);
        // Each verifier asks how it stands once an epoch, of which four begin meanwhile, and what it can show of itself, and
        // the client after its job.
        assert!(questions <= 5 * (4 * world.plan().founders + 8), "{questions} questions and answers");
        before = world.overheard().len();
    }
}

/// A job can be claimed, checked and paid while its client is away, and the provider gone when it is back: the result is
/// asked for until it is here.
#[test]
fn a_client_that_slept_through_its_job_has_its_result_all_the_same() {
    let mut world = market(Plan::default());
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let key = world.submit(client, Wish { provider: Some(provider), attempts_max: 1, ..Wish::default() });
    let claimed = |world: &World| {
        let runs = world.node(provider).map(|node| node.runs()).unwrap_or_default();
        runs.iter().any(|run| run.state == RunState::Committed)
    };
    while !claimed(&world) {
        world.step();
    }
    world.crash(client, Tail::Kept, Span::seconds(60));
    world.run_for(Span::seconds(20));
    world.crash(provider, Tail::Kept, Span::seconds(70));
    world.run_for(Span::seconds(100));
    settle(&mut world, LIMIT, "client and provider away in turn");
    let attempt = world.attempt(client, key).expect("an attempt");
    assert!(matches!(attempt.state, AttemptState::Closed(outcome) if outcome.is_paid()), "{attempt:?}");
    let output = attempt.output.expect("a result");
    assert!(world.blob(client, output).is_some());
}

/// Refuses the first order and opens it all the same, as it does where a copy of an order comes once there is room for
/// it; nothing that it says of it at first is heard.
#[derive(Debug)]
struct Fickle {
    key: SimulatedKey,
    network: NetworkId,
    refused: bool,
}

impl Behaviour for Fickle {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Ticket(ticket) } = &effect else { return Some(effect) };
        if core::mem::replace(&mut self.refused, true) {
            return Some(effect);
        }
        let refuse = Refuse { job: ticket.said().job, reason: Refusal::Exposure };
        Some(Effect::Send { to: *to, message: Signed::seal(refuse, &self.key, self.network).into() })
    }
}

#[test]
fn nothing_else_is_ordered_while_an_order_that_was_refused_and_opened_all_the_same_is_under_way() {
    let mut world = market(Plan { founders: 12, ..Plan::default() });
    let (client, notary) = (world.plan().client(0), world.plan().notary());
    let fickle = Fickle { key: world.key(notary), network: world.genesis().id(), refused: false };
    world.behave(notary, fickle);
    let key = world.submit(client, Wish::default());
    settle(&mut world, LIMIT, "fickle");
    assert_eq!(paid_once(&world, &[client], "fickle"), 1);
    let failed = world.told(client).iter().any(|(_, event)| matches!(event, Event::Failed { .. }));
    assert!(!failed, "the user is told of a failure: {:?}", world.submission(client, key));
    let orders = world.orders(client).len();
    assert!(orders <= 3, "{orders} orders for one job: {:?}", world.told(client));
    let attempts = world.submission(client, key).expect("a submission").attempts;
    let paid = |state| matches!(state, AttemptState::Closed(outcome) if outcome.is_paid());
    assert!(attempts.iter().any(|attempt| paid(attempt.state)), "{attempts:?}");
}
