//! Orders as traps: two for the price of one, cancellations at the worst moment.

use std::collections::BTreeSet;

use assay_market::{
    Command,
    view::{AttemptState, RunState},
};
use assay_protocol::{
    claim::Claim,
    id::{Digest, JobId},
    manifest::End,
    message::{Message, Opened},
    order::{Open, Order, Propose, secret_commit},
    outcome::Outcome,
    signed::{Signed, Statement, Verified},
    ticket::Start,
    units::Amount,
};
use assay_simulations::{
    crypto::Simulated,
    kernel::Span,
    network::Conditions,
    plan::{Plan, UNIT_PRICE},
    world::{Place, Wish, World},
};

use super::{Coalition, owned, results};
use crate::support::{LIMIT, market, settle};

/// The price of a job, in nano-credits.
const PRICE: i128 = UNIT_PRICE.0 as i128;
/// What a provider keeps of a cancelled job.
const FEE: Amount = Amount(UNIT_PRICE.0 / 4);

/// Says something, truly signed, past one's own brain.
fn say<T: Statement>(world: &mut World, from: Place, to: Place, body: T)
where
    Message: From<Verified<T>>,
{
    let said = Signed::seal(body, &world.key(from), world.genesis().id());
    world.post(from, to, Message::from(said).encode());
}

/// What was overheard that this is about.
fn heard<T>(world: &World, about: impl Fn(Opened) -> Option<T>) -> impl Iterator<Item = T> {
    let network = world.genesis().id();
    let open = move |bytes: &[u8]| Message::decode(bytes).ok()?.open::<Simulated>(network).ok();
    world.overheard().iter().filter_map(move |bytes| about(open(bytes)?))
}

/// Lets things happen until there is something to see, or nothing more will come of it.
fn until<T>(world: &mut World, what: impl Fn(&World) -> Option<T>) -> Option<T> {
    for _ in 0..20_000 {
        if let Some(seen) = what(world) {
            return Some(seen);
        }
        world.step();
    }
    None
}

/// The order that a client sent to a provider.
fn ordered(world: &World, client: Place) -> Option<Order> {
    heard(world, |said| {
        let Opened::Propose(propose) = said else { return None };
        let order = propose.order();
        (order.signer() == world.id(client)).then(|| order.clone())
    })
    .next()
}

/// The jobs whose result somebody was handed.
fn delivered(world: &World) -> BTreeSet<JobId> {
    let handed = heard(world, |said| {
        let Opened::Deliver(deliver) = said else { return None };
        Some(deliver.claim().job)
    });
    handed.collect()
}

/// A second order with the number of the first, at a provider that was told of neither.
struct Twin {
    order: Order,
    client: Place,
    provider: Place,
}

impl Twin {
    /// Proposes the first order to this provider as well, and gives it the input.
    fn new(world: &mut World, client: Place, provider: Place, input: Digest) -> Self {
        let first = until(world, |world| ordered(world, client)).expect("the client orders");
        let secret_commit = secret_commit(&[7; 32]);
        let order = Order { provider: world.id(provider), secret_commit, ..first };
        let signed = Signed::seal(order.clone(), &world.key(client), world.genesis().id()).into_signed();
        say(world, client, provider, Propose { order: signed, standing: None });
        world.hand_over(client, input, provider);
        Self { order, client, provider }
    }

    fn signed(&self, world: &World) -> Signed<Order> {
        Signed::seal(self.order.clone(), &world.key(self.client), world.genesis().id()).into_signed()
    }

    /// Shows the notary the second order, once its provider has accepted it, and that provider every ticket there is.
    fn press(&self, world: &mut World) {
        let accepted = |world: &World| {
            heard(world, |said| {
                let Opened::Accept(accept) = said else { return None };
                (accept.job == self.order.id()).then(|| accept.into_signed())
            })
            .next()
        };
        let accept = until(world, accepted).expect("its provider knows of no other");
        let order = Signed::seal(self.order.clone(), &world.key(self.client), world.genesis().id());
        let notary = world.plan().notary();
        say(world, self.client, notary, Open { order: order.into_signed(), accept });
        world.run_for(Span::millis(300));
        let tickets = heard(world, |said| {
            let Opened::Ticket(ticket) = said else { return None };
            Some(ticket.into_signed())
        });
        for ticket in tickets.collect::<Vec<_>>() {
            say(world, self.client, self.provider, Start { order: self.signed(world), ticket });
        }
        world.run_for(Span::millis(600));
    }
}

/// A claim by somebody who was never told to begin.
fn claim(world: &mut World, provider: Place, job: JobId) {
    let (ticket, commit) = (Digest::default(), Digest::of(b"anything"));
    let notary = world.plan().notary();
    say(
        world,
        provider,
        notary,
        Claim { job, ticket, units: 1, work: 2, check_work: 2, end: End::Stop, commit },
    );
    world.run_for(Span::millis(300));
}

#[test]
fn double_attempt_with_one_number_is_one_job_one_result_and_one_pay() {
    let mut opened_twins = 0;
    for seed in 0..12 {
        let mut world = market(Plan { seed, ..Plan::default() });
        let (client, first) = (world.plan().client(0), world.plan().founder(0));
        // Every other time it is one provider that has both orders.
        let second = world.plan().founder((seed % 2) as usize);
        world.overhear();
        let mut clients = Coalition::new(&world, [client]);
        let providers = Coalition::new(&world, BTreeSet::from([first, second]));
        world.submit(client, Wish { provider: Some(first), attempts_max: 1, ..Wish::default() });
        let own = until(&mut world, |world| ordered(world, client)).expect("an order");
        let twin = Twin::new(&mut world, client, second, own.input_commit);
        if seed / 2 % 2 == 0 {
            let opened = |world: &World| (world.books()?.open > 0).then_some(());
            until(&mut world, opened).expect("the first is opened");
        }
        twin.press(&mut world);
        settle(&mut world, LIMIT, &format!("seed {seed}"));
        twin.press(&mut world);
        claim(&mut world, second, twin.order.id());
        settle(&mut world, LIMIT, &format!("seed {seed}, again"));

        let context = format!("seed {seed}: {:?}", world.closed());
        let [own_opened, twin_opened] =
            [own.id(), twin.order.id()].map(|job| world.closed().contains_key(&job));
        assert!(own_opened != twin_opened, "one number is one job, {context}");
        // Whose number was taken goes on in another lane, once.
        assert!(world.closed().len() <= 1 + usize::from(twin_opened), "{context}");
        opened_twins += usize::from(twin_opened);
        // A provider that has both lets go of the one that was replaced, whichever of them is opened.
        let let_go = |outcome| first == second && outcome == Outcome::NoClaim;
        assert!(world.closed().values().all(|of| of.outcome.is_paid() || let_go(of.outcome)), "{context}");
        let paid: BTreeSet<JobId> =
            world.closed().iter().filter(|(_, of)| of.outcome.is_paid()).map(|(job, _)| *job).collect();
        assert_eq!(delivered(&world), paid, "{context}");
        clients.consume(PRICE * paid.len() as i128);
        let gained = clients.gain(&world, "double attempt, the client");
        let earned = providers.gain(&world, "double attempt, the providers");
        assert!(gained <= 0 && (gained < 0 || paid.is_empty()), "{context}: {gained}");
        let most = PRICE * paid.len().max(1) as i128;
        assert!((0..most).contains(&earned) && (earned > 0) != paid.is_empty(), "{context}: {earned}");
    }
    assert!((1..12).contains(&opened_twins), "{opened_twins} of 12 times the second was opened");
}

/// A client that cancels so long after its provider began to work.
struct Canceller {
    world: World,
    numbers: core::ops::Range<u64>,
}

/// What came of one cancellation.
#[derive(Clone, Copy, Debug)]
struct Cancelled {
    outcome: Option<Outcome>,
    results: i128,
    client: i128,
    provider: i128,
}

impl Canceller {
    fn new(plan: Plan) -> Self {
        Self { world: market(plan), numbers: 0..u64::MAX }
    }

    fn owned(&self) -> [i128; 3] {
        let plan = self.world.plan();
        let (client, provider) = (plan.client(0), plan.founder(0));
        [owned(&self.world, &[client]), owned(&self.world, &[provider]), results(&self.world, client)]
    }

    /// Orders a job and cancels it this long after its provider began to work.
    fn cancel(&mut self, after: Span) -> Cancelled {
        let (client, provider) = (self.world.plan().client(0), self.world.plan().founder(0));
        let (before, number) = (self.owned(), self.numbers.next().unwrap_or_default());
        let wish =
            Wish { number, provider: Some(provider), attempts_max: 1, cancel_fee: FEE, ..Wish::default() };
        let key = self.world.submit(client, wish);
        let begun = |world: &World| {
            let runs = world.node(provider)?.runs();
            runs.iter().find(|run| !run.check && run.state == RunState::Running).map(|_| ())
        };
        // On a bad network an order may come to nothing.
        if until(&mut self.world, begun).is_some() {
            self.world.run_for(after);
            self.world.command(client, Command::Cancel { key });
        }
        self.world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
        let outcome = match self.world.state(client, key) {
            Some(AttemptState::Closed(outcome)) => Some(outcome),
            _ => None,
        };
        let after = self.owned();
        let [client, provider, results] = core::array::from_fn(|index| after[index] - before[index]);
        Cancelled { outcome, results, client, provider }
    }

    /// Cancels at every moment from the beginning of the run until the result is there.
    fn sweep(&mut self, moments: u64) -> Vec<Cancelled> {
        (0..moments).map(|moment| self.cancel(Span::millis(moment * 240 / moments))).collect()
    }
}

#[test]
fn cancel_traps_convict_nobody_and_cost_the_provider_nothing() {
    for (conditions, slowest) in [(Conditions::GOOD, true), (Conditions::bad(), false)] {
        let mut canceller = Canceller::new(Plan { conditions, ..Plan::default() });
        let all = canceller.sweep(60);
        let paid = all.iter().filter(|case| case.outcome.is_some_and(Outcome::is_paid)).count();
        let cancelled = all.iter().filter(|case| case.outcome == Some(Outcome::Cancelled)).count();
        assert!(paid > 5 && cancelled > 5, "{paid} paid, {cancelled} cancelled");
        let closed = canceller.world.closed();
        assert!(closed.values().all(|closed| closed.slashed.is_zero()), "{closed:?}");
        let least = all.iter().map(|case| case.provider).min();
        assert!(least >= Some(if slowest { 1 } else { 0 }), "{least:?}");
        let gained: i128 = all.iter().map(|case| case.client).sum();
        println!("cancel traps: {:+.6} credits for their client", gained as f64 / 1e9);
        assert!(gained < 0, "{gained}");
    }
}

#[test]
fn cancel_at_99_per_cent_brings_no_result_and_costs_the_fee() {
    let mut canceller = Canceller::new(Plan::default());
    let fee = i128::from(FEE.0);
    let mut gained = 0;
    for (moment, case) in canceller.sweep(120).into_iter().enumerate() {
        let context = format!("moment {moment}: {case:?}");
        match case.outcome {
            Some(Outcome::Cancelled) => {
                assert_eq!((case.results, case.client, case.provider), (0, -fee, fee), "{context}");
            }
            Some(outcome) if outcome.is_paid() => assert_eq!(case.results, 1, "{context}"),
            _ => panic!("{context}"),
        }
        let gain = case.client + PRICE * case.results;
        assert!(gain < 0, "{context}");
        gained += gain;
    }
    println!("cancel at 99 %: {:+.6} credits for its client, results included", gained as f64 / 1e9);
}
