//! What the tests of the market share: a world that is open for business, and what is asserted of every world at rest.

use std::{collections::BTreeMap, thread};

use assay_market::{Effect, view::AttemptState};
use assay_protocol::{
    id::{Digest, JobId},
    message::{Message, Opened},
    outcome::Outcome,
    receipt::{Receipt, Report, verify},
    units::Amount,
};
use assay_simulations::{
    behaviour::Behaviour,
    crypto::Simulated,
    kernel::Span,
    plan::Plan,
    world::{Place, Wish, World},
};

/// No job of these tests takes longer, whatever goes wrong.
pub(crate) const LIMIT: Span = Span::seconds(600);

/// Does something with each of so many seeds, on all cores.
pub(crate) fn on_all_cores<T: Send>(seeds: u64, live: impl Fn(u64) -> T + Copy + Send) -> Vec<T> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let mine =
            |first: usize| move || (first as u64..seeds).step_by(workers).map(live).collect::<Vec<T>>();
        let running: Vec<_> = (0..workers).map(|first| scope.spawn(mine(first))).collect();
        running.into_iter().flat_map(|worker| worker.join().expect("a world went wrong")).collect()
    })
}

/// A world in which everybody has an account and an offer.
pub(crate) fn market(plan: Plan) -> World {
    let mut world = World::new(plan);
    world.open_market();
    world
}

/// Runs on until everything has settled and asserts what holds of every world at rest.
pub(crate) fn settle(world: &mut World, limit: Span, context: &str) {
    world.settle(limit).unwrap_or_else(|unsettled| panic!("{context}: {unsettled}"));
    let books = world.books().expect("the notary keeps books");
    assert_eq!((books.open, books.held), (0, Amount::ZERO), "{context}");
    let audit = world.audit().unwrap_or_else(|divergence| panic!("{context}: {divergence}"));
    assert_eq!((audit.open, audit.closed, audit.total), (0, books.closed, audit.supply), "{context}");
    let states = world.states().unwrap_or_else(|| panic!("{context}: the chain is not taken in replay"));
    assert!(
        states.iter().all(|state| *state == states[0]),
        "{context}: I12: books that should be one differ"
    );
    for number in 0..world.plan().peers() {
        let (knows, remembers) = world.memory(Place(number)).expect("everybody is up");
        assert_eq!(knows, remembers, "{context}: peer {number} knows more or less than its journal");
        let forked = world.node(Place(number)).map(|node| node.forked()).unwrap_or_default();
        assert!(
            forked.is_empty(),
            "{context}: a notary with one journal looks to peer {number} as if it had two"
        );
    }
}

/// No submission of these clients was paid for twice, by the notary's books and not by what its client knows of them; how many were paid.
pub(crate) fn paid_once(world: &World, clients: &[Place], context: &str) -> u64 {
    let orders: BTreeMap<JobId, Digest> = clients.iter().flat_map(|client| world.orders(*client)).collect();
    let mut paid: BTreeMap<Digest, JobId> = BTreeMap::new();
    for (job, _) in world.closed().iter().filter(|(_, closed)| closed.outcome.is_paid()) {
        let Some(key) = orders.get(job) else { continue };
        let before = paid.insert(*key, *job);
        assert_eq!(before, None, "{context}: {job} is the second that was paid for one submission");
    }
    paid.len() as u64
}

/// Runs one job of the first client at the first founder until everything settled.
pub(crate) fn settle_one(world: &mut World, wish: Wish) -> Job {
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let before = Wealth::of(world);
    let key = world.submit(client, Wish { provider: Some(provider), attempts_max: 1, ..wish });
    settle(world, LIMIT, "one job");
    let outcome = match world.state(client, key) {
        Some(AttemptState::Closed(outcome)) => outcome,
        state => panic!("the job was not closed: {state:?}; {:?}", world.told(client)),
    };
    Job { key, outcome, before, after: Wealth::of(world) }
}

/// A job that is over.
pub(crate) struct Job {
    pub(crate) key: Digest,
    pub(crate) outcome: Outcome,
    before: Wealth,
    after: Wealth,
}

impl Job {
    /// By how much a peer is richer than before the job, in nano-credits.
    pub(crate) fn gain(&self, place: Place) -> i128 {
        self.after.0[place.0] - self.before.0[place.0]
    }

    /// What its receipt says, once judged.
    pub(crate) fn report(&self, world: &World) -> Report {
        let client = world.plan().client(0);
        judge(&world.receipt(client, self.key).expect("the client holds a receipt that decodes"))
    }
}

/// What a receipt says, once judged.
pub(crate) fn judge(receipt: &Receipt) -> Report {
    verify::<Simulated>(receipt).unwrap_or_else(|refuted| panic!("{refuted:?} in {receipt:#?}"))
}

/// What everybody owns.
struct Wealth(Vec<i128>);

impl Wealth {
    fn of(world: &World) -> Self {
        let owned = |number| i128::from(world.wealth(Place(number)).unwrap_or(Amount::ZERO).0);
        Self((0..world.plan().peers()).map(owned).collect())
    }
}

/// A provider whose runs never end: each keeps its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stuck;

impl Behaviour for Stuck {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        (!matches!(effect, Effect::Run(_))).then_some(effect)
    }
}

/// The claims that were signed for each job, as they were overheard.
pub(crate) fn claims(world: &World) -> BTreeMap<JobId, Vec<Digest>> {
    let network = world.genesis().id();
    let mut claims: BTreeMap<JobId, Vec<Digest>> = BTreeMap::new();
    for bytes in world.overheard() {
        let opened = Message::decode(bytes).ok().and_then(|message| message.open::<Simulated>(network).ok());
        let claim = match opened {
            Some(Opened::Claim(claim)) => claim,
            Some(Opened::Deliver(deliver)) => deliver.claim().to_verified(),
            _ => continue,
        };
        let signed = claims.entry(claim.job).or_default();
        if !signed.contains(&claim.digest()) {
            signed.push(claim.digest());
        }
    }
    claims
}
