//! Jobs whose client wants their end: before they are opened, before they are claimed, and too late.

use assay_market::{
    Command, Effect, Event,
    command::NotCancelled,
    view::{AttemptState, RunState},
};
use assay_protocol::{
    id::Digest,
    manifest::End,
    message::{Message, Opened},
    order::{Propose, Refusal},
    outcome::Outcome,
    signed::Signed,
    units::{Amount, Duration},
};
use assay_simulations::{
    behaviour::{Behaviour, Sleeper},
    crypto::{Simulated, SimulatedKey},
    kernel::Span,
    network::Conditions,
    plan::{LABEL, Plan, TENSOR, TEXT, TEXT_UNITS, UNIT_PRICE},
    random::Stream,
    world::{Crash, Place, Tail, Wish, World},
};

use crate::support::{LIMIT, market, settle};

/// What a provider keeps of a cancelled job in these tests.
const FEE: Amount = Amount(UNIT_PRICE.0 / 4);

/// A market whose first client has submitted a job for the first founder.
struct Case {
    world: World,
    key: Digest,
    before: [i128; 2],
}

impl Case {
    fn new(plan: Plan, wish: Wish) -> Self {
        Self::in_world(market(plan), wish)
    }

    fn in_world(mut world: World, wish: Wish) -> Self {
        let before = owned(&world);
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        let wish = Wish { provider: wish.provider.or(Some(provider)), cancel_fee: FEE, ..wish };
        let key = world.submit(client, wish);
        Self { world, key, before }
    }

    fn client(&self) -> Place {
        self.world.plan().client(0)
    }

    fn state(&self) -> Option<AttemptState> {
        self.world.state(self.client(), self.key)
    }

    /// Lets things happen until this is so.
    fn until(&mut self, what: impl Fn(&Self) -> bool) {
        for _ in 0..1_000_000 {
            if what(self) {
                return;
            }
            self.world.step();
        }
        panic!("it never came to that: {:?}", self.state());
    }

    fn cancel(&mut self) {
        let (client, key) = (self.client(), self.key);
        self.world.command(client, Command::Cancel { key });
    }

    fn settle(&mut self, context: &str) {
        settle(&mut self.world, LIMIT, context);
        let submission = self.world.submission(self.client(), self.key).expect("the submission is known");
        assert!(submission.ended, "{context}: {submission:?}");
    }

    /// By how much the client and the first founder are richer.
    fn gain(&self) -> [i128; 2] {
        let after = owned(&self.world);
        [after[0] - self.before[0], after[1] - self.before[1]]
    }

    fn outcome(&self) -> Option<Outcome> {
        let Some(AttemptState::Closed(outcome)) = self.state() else { return None };
        Some(outcome)
    }

    fn attempts(&self) -> usize {
        self.world.submission(self.client(), self.key).map_or(0, |submission| submission.attempts.len())
    }

    fn was_told(&self, event: &Event) -> bool {
        self.world.told(self.client()).iter().any(|(_, told)| told == event)
    }

    fn too_late(&self) -> Event {
        Event::NotCancelled { key: self.key, reason: NotCancelled::Claimed }
    }

    fn is_running(&self) -> bool {
        self.run_is(RunState::Running)
    }

    fn run_is(&self, state: RunState) -> bool {
        let founder = self.world.node(self.world.plan().founder(0));
        founder.is_some_and(|node| node.runs().iter().any(|run| !run.check && run.state == state))
    }
}

fn owned(world: &World) -> [i128; 2] {
    [world.plan().client(0), world.plan().founder(0)]
        .map(|place| i128::from(world.wealth(place).unwrap_or_default().0))
}

#[test]
fn what_is_cancelled_before_it_is_opened_ends_at_once_and_costs_nothing() {
    let mut unheard = Case::new(Plan::default(), Wish { provider: Some(Place(7)), ..Wish::default() });
    unheard.until(|case| case.world.submission(case.client(), case.key).is_some());
    unheard.cancel();
    unheard.settle("nobody serves it");
    assert!(unheard.was_told(&Event::Cancelled { key: unheard.key }));
    assert!(
        unheard.world.now() < assay_simulations::kernel::Instant::at_millis(10_000),
        "it gave up waiting"
    );

    let mut proposed = Case::new(Plan::default(), Wish::default());
    proposed.until(|case| case.state() == Some(AttemptState::Proposed));
    proposed.cancel();
    proposed.settle("proposed");
    assert_eq!((proposed.state(), proposed.attempts()), (Some(AttemptState::Cancelled), 1));
    assert_eq!((proposed.gain(), proposed.world.closed().len()), ([0, 0], 0));
    assert!(proposed.was_told(&Event::Cancelled { key: proposed.key }));
}

#[test]
fn what_is_cancelled_while_it_is_being_opened_is_never_begun() {
    let mut case = Case::new(Plan::default(), Wish::default());
    case.until(|case| case.state() == Some(AttemptState::Opening));
    case.cancel();
    case.settle("opening");
    // Its provider has seen no ticket, and says so.
    assert_eq!((case.outcome(), case.attempts(), case.gain()), (Some(Outcome::Aborted), 1, [0, 0]));
    assert!(case.was_told(&Event::Cancelled { key: case.key }));
    let provider = case.world.plan().founder(0);
    let begun = case.world.told(provider).iter().any(|(_, told)| matches!(told, Event::Serving { .. }));
    assert!(!begun, "a provider was asked for what nobody wants");
}

#[test]
fn what_is_cancelled_before_it_is_claimed_costs_the_agreed_fee_and_nobody_else_is_tried() {
    for manifest in [LABEL, TENSOR] {
        let mut case = Case::new(Plan::default(), Wish { manifest, ..Wish::default() });
        case.until(Case::is_running);
        case.cancel();
        case.settle(manifest);
        let fee = i128::from(FEE.0);
        assert_eq!((case.outcome(), case.attempts()), (Some(Outcome::Cancelled), 1), "{manifest}");
        assert_eq!(case.gain(), [-fee, fee], "{manifest}");
        assert!(case.was_told(&Event::Cancelled { key: case.key }), "{manifest}");
        case.cancel();
        case.settle(manifest);
        let ended = Event::NotCancelled { key: case.key, reason: NotCancelled::Ended };
        assert!(case.was_told(&ended), "{manifest}");
    }
}

#[test]
fn a_text_that_is_cancelled_is_paid_as_far_as_it_was_written_and_that_stands_every_check() {
    let mut parts = 0;
    for seed in 0..40 {
        let plan = Plan { seed, founders: 5, texts: true, ..Plan::default() };
        let (manifest, units_max, checks) = (TEXT, TEXT_UNITS, 2);
        let mut case = Case::new(plan, Wish { manifest, units_max, checks, ..Wish::default() });
        case.until(Case::is_running);
        case.world.run_for(Span::millis(20 + seed));
        case.cancel();
        case.settle(&format!("seed {seed}"));
        let (outcome, [_, gained]) = (case.outcome().unwrap(), case.gain());
        if outcome == Outcome::Cancelled {
            assert_eq!(gained, i128::from(FEE.0), "{seed}");
        } else {
            assert_eq!(outcome, Outcome::Checked, "{seed}");
        }
        let end = case.world.attempt(case.client(), case.key).and_then(|attempt| attempt.end);
        if end == Some(End::Cancelled) && outcome == Outcome::Checked {
            let whole = i128::from(UNIT_PRICE.0) * i128::from(TEXT_UNITS);
            assert!((1..whole).contains(&gained), "{seed}: {gained}");
            assert!(!case.was_told(&case.too_late()), "{seed}");
            parts += 1;
        }
    }
    assert!(parts > 20, "only {parts} were cancelled while they were written");
}

#[test]
fn a_cancelled_job_whose_provider_is_silent_ends_by_time_alone() {
    let mut world = market(Plan::default());
    world.behave(world.plan().founder(0), Sleeper);
    let mut case = Case::in_world(world, Wish::default());
    case.until(Case::is_running);
    case.cancel();
    case.settle("silent");
    assert_eq!((case.outcome(), case.attempts(), case.gain()), (Some(Outcome::Cancelled), 1, [0, 0]));
}

#[test]
fn what_is_claimed_is_not_cancelled() {
    let mut case = Case::new(Plan::default(), Wish::default());
    case.until(|case| case.state() == Some(AttemptState::Delivered));
    case.cancel();
    case.settle("delivered");
    assert!(case.outcome().is_some_and(Outcome::is_paid), "{:?}", case.outcome());
    assert!(case.was_told(&case.too_late()));
    assert!(!case.was_told(&Event::Cancelled { key: case.key }));
}

#[test]
fn a_claim_that_is_on_its_way_when_its_job_is_cancelled_is_paid() {
    for seed in 0..20 {
        let mut case = Case::new(Plan { seed, ..Plan::default() }, Wish::default());
        case.until(|case| case.run_is(RunState::Committed));
        assert_eq!(case.state(), Some(AttemptState::Running), "{seed}");
        case.cancel();
        case.settle(&format!("seed {seed}"));
        assert!(case.outcome().is_some_and(Outcome::is_paid), "{seed}: {:?}", case.outcome());
        assert!(case.was_told(&case.too_late()), "{seed}");
        let [client, provider] = case.gain();
        assert!(provider > 0 && client >= -2 * i128::from(UNIT_PRICE.0), "{seed}: {:?}", case.gain());
    }
}

#[test]
fn a_submission_whose_time_is_over_is_cancelled() {
    let within = Some(Duration(2_000));
    let mut unheard =
        Case::new(Plan::default(), Wish { provider: Some(Place(7)), within, ..Wish::default() });
    unheard.settle("nobody serves it");
    assert!(unheard.was_told(&Event::Cancelled { key: unheard.key }));

    let mut world = market(Plan::default());
    world.behave(world.plan().founder(0), Sleeper);
    let mut silent = Case::in_world(world, Wish { within, ..Wish::default() });
    silent.settle("silent");
    assert_eq!((silent.outcome(), silent.attempts()), (Some(Outcome::Cancelled), 1));

    let mut prompt = Case::new(Plan::default(), Wish { within: Some(Duration(60_000)), ..Wish::default() });
    prompt.settle("prompt");
    prompt.world.run_for(Span::seconds(120));
    assert!(prompt.outcome().is_some_and(Outcome::is_paid));
    assert!(!prompt.was_told(&Event::NotCancelled { key: prompt.key, reason: NotCancelled::Ended }));
}

#[test]
fn a_provider_takes_no_order_that_would_leave_it_less_than_its_least_fee() {
    for (least, taken) in [(FEE, true), (Amount(FEE.0 + 1), false)] {
        let mut case = Case::new(Plan { cancel_fee_min: least, ..Plan::default() }, Wish::default());
        case.settle("fees");
        let paid = case.outcome().is_some_and(Outcome::is_paid);
        let refused = case.state() == Some(AttemptState::Refused(Refusal::Price));
        assert_eq!((paid, refused), (taken, !taken), "{:?}", case.state());
    }
}

/// Orders another runner than the one that is on offer.
#[derive(Debug)]
struct Smuggler(SimulatedKey, Digest);

impl Behaviour for Smuggler {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Propose(propose) } = effect else { return Some(effect) };
        let Ok(Opened::Propose(propose)) = Message::Propose(propose).open::<Simulated>(self.1) else {
            return None;
        };
        let mut order = propose.order().clone();
        order.manifest.runner = Digest::of(b"another runner");
        let order = Signed::seal(order, &self.0, self.1).into_signed();
        Some(Effect::Send {
            to,
            message: Signed::seal(Propose { order, standing: None }, &self.0, self.1).into(),
        })
    }
}

#[test]
fn a_provider_runs_nothing_but_what_it_offers() {
    let mut world = market(Plan::default());
    let client = world.plan().client(0);
    world.behave(client, Smuggler(world.key(client), world.genesis().id()));
    world.overhear();
    let mut case = Case::in_world(world, Wish { attempts_max: 1, ..Wish::default() });
    case.settle("smuggled");
    let provider = case.world.plan().founder(0);
    assert_eq!(case.world.node(provider).map(|node| node.runs()), Some(Vec::new()));
    let network = case.world.genesis().id();
    let refused = case.world.overheard().iter().any(|bytes| {
        let opened = Message::decode(bytes).ok().and_then(|message| message.open::<Simulated>(network).ok());
        matches!(opened, Some(Opened::Refuse(refuse)) if refuse.reason == Refusal::ModelAbsent)
    });
    assert!(refused, "the provider says why");
}

/// Whatever happened, this holds of a job that its client cancelled.
fn assert_fair(case: &Case, context: &str) {
    let ([client, provider], price) = (case.gain(), i128::from(UNIT_PRICE.0));
    assert!((-2 * price..=0).contains(&client), "{context}: the client gained {client}");
    assert!((0..=price).contains(&provider), "{context}: the provider gained {provider}");
    assert!(case.attempts() <= 1, "{context}: {} attempts", case.attempts());
    for closed in case.world.closed().values() {
        assert!(closed.slashed.is_zero(), "{context}: {closed:?}");
        let outcome = closed.outcome;
        let expected = [Outcome::Cancelled, Outcome::NoClaim, Outcome::Aborted].contains(&outcome);
        assert!(expected || outcome.is_paid(), "{context}: {outcome:?}");
        if outcome == Outcome::Cancelled {
            assert!(-client <= i128::from(FEE.0), "{context}: {client}");
        }
    }
}

/// How long it takes, undisturbed, until the provider works.
fn working(plan: &Plan) -> Span {
    let mut case = Case::new(plan.clone(), Wish { attempts_max: 1, ..Wish::default() });
    let begun = case.world.now().millis();
    case.until(Case::is_running);
    Span::millis(case.world.now().millis() - begun + 5)
}

fn cancelled_at(plan: &Plan, crash: Option<(Place, Crash)>) -> Case {
    let world = market(plan.clone());
    let working = working(plan);
    let mut case = Case::in_world(world, Wish { attempts_max: 1, ..Wish::default() });
    if let Some((place, crash)) = crash {
        case.world.crash_at(place, crash);
    }
    case.world.run_for(working);
    case.cancel();
    case
}

#[test]
fn everybody_can_crash_at_any_point_of_a_cancelled_job() {
    let plan = Plan { founders: 5, ..Plan::default() };
    for place in [plan.client(0), plan.founder(0), plan.notary()] {
        let mut undisturbed = cancelled_at(&plan, None);
        let before = market(plan.clone()).performed(place);
        undisturbed.settle("undisturbed");
        assert_eq!(undisturbed.outcome(), Some(Outcome::Cancelled), "the cancellation comes in time");
        let points = undisturbed.world.performed(place) - before;
        assert!(points > 4, "{place:?} has no part in it");
        for before in 0..points {
            for tail in [Tail::Lost, Tail::Kept] {
                let down = Span::millis(if before % 2 == 0 { 300 } else { 2_500 });
                let crash = Crash { before, tail, down };
                let context = format!("{place:?} {crash:?}");
                let mut case = cancelled_at(&plan, Some((place, crash)));
                case.settle(&context);
                case.world.run_for(down);
                case.settle(&context);
                assert_fair(&case, &context);
            }
        }
    }
}

#[test]
fn cancellations_are_fair_on_a_bad_network_and_through_crashes() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let mut luck = Stream::new(seed, "cancels", 0);
        let mut case = Case::new(
            Plan { seed, conditions: Conditions::bad(), ..Plan::default() },
            Wish { attempts_max: 1, ..Wish::default() },
        );
        case.world.run_for(Span::millis(luck.below(2_500)));
        case.cancel();
        if seed % 3 == 0 {
            let place = [case.client(), case.world.plan().founder(0), Place(0)][(seed / 3 % 3) as usize];
            case.world.crash(place, Tail::Lost, Span::millis(luck.between(50, 2_000)));
        }
        let context = format!("seed {seed}");
        case.settle(&context);
        assert_fair(&case, &context);
        outcomes.insert(case.outcome());
    }
    assert!(outcomes.contains(&Some(Outcome::Cancelled)), "{outcomes:?}");
    assert!(outcomes.iter().flatten().any(|outcome| outcome.is_paid()), "{outcomes:?}");
}
