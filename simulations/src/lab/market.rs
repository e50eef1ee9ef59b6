//! The market of the laboratory: the brains of real peers on a calendar, with nothing around them that does not count.
//!
//! What the checker's [`crate::world`] does with effects, this does as well, and both follow the cases that every shell
//! follows. What is simpler here: a message does not pass the codec, though its signatures are asked; an offer goes into
//! one book that is lent to everybody, unless each hop of it is carried; nobody's records are written down; and a peer that
//! nothing has happened to is a number.
//!
//! **Invariant:** what happens follows from the plan alone; a peer at which nothing is due costs no event.

mod archive;
mod arena;
mod carrier;
#[cfg(test)]
mod conformance;
mod directory;
mod event;
mod fetching;
mod invariants;
mod journal;
mod living;
mod observer;
mod perform;
mod relay;
mod roll;
mod tally;
#[cfg(test)]
mod tests;
mod trace;
mod users;

use std::sync::Arc;

use assay_market::{Book, Config, Effects, Input, Moment, Node, Steady, book::Received};
use assay_protocol::{
    genesis::Genesis,
    id::{Digest, NetworkId},
    message::Opened,
    offer::Offer,
    signed::{Signer, Verified},
    units::Timestamp,
};

pub(crate) use self::tally::is_claimed;
use self::{
    archive::Archive,
    arena::Arena,
    directory::Directory,
    event::{Happens, MarketEvent, Matter},
    living::{Living, Resident, Ring},
    roll::{PeerRoll, PeerStance},
    trace::MarketTrace,
};
pub use self::{
    carrier::{Carrier, FullCarrier, SampledCarrier},
    invariants::Invariants,
    observer::{MarketSight, Observer},
    relay::{Hearsay, Relay},
    tally::{FIRST_JOBS, ForgedTally, GroupTally, MarketTally},
};
use super::{calendar::Calendar, distribution::Distribution};
use crate::{
    behaviour::Behaviour,
    kernel::{Instant, Span},
    links::Links,
    plan::Plan,
    world::{EPOCH_MILLIS, Place, peer::empty_book},
};

/// What a market stands on.
#[derive(Debug)]
pub struct Ground {
    /// How messages travel.
    pub carrier: Box<dyn Carrier>,
    /// How long a run takes.
    pub service: Distribution,
    /// Whether records and receipts are kept for good, so that a peer can restart.
    pub keeps_records: bool,
}

impl Ground {
    /// What a plan says, with the machines of the checker, and delays drawn from distributions.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self::with(plan, Box::new(SampledCarrier::of(&plan.conditions, plan.peers())))
    }

    /// The same, but that each hop is carried of what is told to everybody, and each peer has a book of its own.
    #[must_use]
    pub fn hop_by_hop(plan: &Plan) -> Self {
        Self::with(plan, Box::new(FullCarrier::new(plan.seed, plan.peers(), &plan.conditions)))
    }

    fn with(plan: &Plan, carrier: Box<dyn Carrier>) -> Self {
        let [least, most] = plan.runs.map(|span| span.0 as f64 / 1e9);
        Self { carrier, service: Distribution::Uniform(least, most), keeps_records: false }
    }
}

/// A market that is looked at.
#[derive(Debug)]
pub struct Market<O> {
    plan: Plan,
    ground: Ground,
    genesis: Arc<Genesis>,
    network: NetworkId,
    calendar: Calendar<MarketEvent>,
    matters: Arena<Matter>,
    residents: Vec<Resident>,
    directory: Directory,
    /// The offers that everybody has heard of, where not each has a book of its own.
    book: Book,
    /// Who has to be looked at.
    roll: PeerRoll,
    /// What everybody was told last that is no offer, and how often somebody was.
    told: Option<(u64, Place, Opened)>,
    /// The receipts that their parties have not all read.
    archive: Archive,
    links: Links,
    trace: MarketTrace,
    inputs: u64,
    /// Room for what a brain wants, used again and again.
    effects: Effects,
    observer: O,
}

impl<O: Observer> Market<O> {
    /// A market at the moment when its notary starts. Everybody else starts when something first happens to them.
    #[must_use]
    pub fn new(plan: Plan, ground: Ground, observer: O) -> Self {
        let genesis = Arc::new(plan.genesis());
        let names = (0..plan.peers()).map(|place| plan.key(Place(place)).id());
        let mut market = Self {
            network: genesis.id(),
            calendar: Calendar::default(),
            matters: Arena::default(),
            residents: (0..plan.peers()).map(|_| Resident::default()).collect(),
            directory: Directory::new(names.collect()),
            book: Book::new(Digest::of(&plan.seed.to_be_bytes())),
            roll: PeerRoll::default(),
            told: None,
            archive: Archive::default(),
            links: Links::default(),
            trace: MarketTrace::default(),
            inputs: 0,
            effects: Effects::new(),
            observer,
            genesis,
            ground,
            plan,
        };
        market.wake_up(market.plan.notary());
        market
    }

    /// What the run is made of.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The network's rules.
    #[must_use]
    pub fn genesis(&self) -> &Arc<Genesis> {
        &self.genesis
    }

    /// Who looks on.
    #[must_use]
    pub fn observer(&self) -> &O {
        &self.observer
    }

    /// What whoever looks on has seen so far counts no more.
    pub fn recount(&mut self) {
        self.observer.recounts(self.calendar.now());
    }

    /// The brain of a peer, while it lives.
    #[must_use]
    pub fn node(&self, place: Place) -> Option<&Node<crate::crypto::SimulatedKey>> {
        self.residents[place.0].living.as_ref()?.node.as_ref()
    }

    /// Virtual time since the run began.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.calendar.now()
    }

    /// Stands for everything that happened so far: equal plans give equal digests.
    #[must_use]
    pub fn digest(&self) -> String {
        self.trace.digest()
    }

    /// How many events there were, and hops.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.trace.events() + self.ground.carrier.hops()
    }

    /// How many inputs brains took.
    #[must_use]
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// From now on this peer behaves like this.
    pub fn behave(&mut self, place: Place, behaviour: impl Behaviour + 'static) {
        self.living(place).behaviour = Some(Box::new(behaviour));
    }

    /// Lets a peer's machine stand still for so long, from now on.
    pub fn sleep(&mut self, place: Place, span: Span) {
        self.residents[place.0].awake = self.now().after(span);
    }

    /// From now on this, and nothing else, is wrong with the links.
    pub fn relink(&mut self, links: Links) {
        if let Some(relay) = self.ground.carrier.relay() {
            relay.relink(links.clone());
        }
        self.links = links;
    }

    /// Lets time pass until then.
    pub fn run_until(&mut self, end: Instant) {
        while self.next_at().is_some_and(|next| next <= end) {
            self.step_until(end);
        }
        self.calendar.advance(end);
    }

    /// When something happens next.
    fn next_at(&mut self) -> Option<Instant> {
        let hop = self.ground.carrier.relay().and_then(Relay::next_at);
        self.calendar.next_at().into_iter().chain(hop).min()
    }

    /// Lets one thing happen.
    pub fn step(&mut self) {
        self.step_until(Instant(u64::MAX));
    }

    /// Lets one thing happen, if anything does until then: first the hops that arrive before anything else does.
    fn step_until(&mut self, end: Instant) {
        if self.hop(end) || self.calendar.next_at().is_none_or(|next| next > end) {
            return;
        }
        let Some(event) = self.calendar.pop() else { return };
        let place = Place(event.place as usize);
        let Resident { awake, life, .. } = self.residents[place.0];
        if event.what.is_within() && self.now() < awake {
            return self.calendar.at(awake, event);
        }
        let matter = match event.what {
            Happens::Comes | Happens::Wants | Happens::GoesOn => self.matters.take(event.number),
            Happens::Rings | Happens::Syncs | Happens::Starts => None,
        };
        self.trace.event(self.calendar.now(), &event, matter.as_ref());
        if event.what.is_of_a_life() && event.life != life {
            return;
        }
        match event.what {
            Happens::Comes | Happens::Wants | Happens::GoesOn => {
                if let Some(matter) = matter {
                    self.happen(place, matter);
                }
            }
            Happens::Rings => self.ring(place, event.number),
            Happens::Syncs => self.synced(place),
            Happens::Starts => self.start(place),
        }
    }

    fn happen(&mut self, place: Place, matter: Matter) {
        match matter {
            Matter::Letter(from, input) => self.arrive(from, place, input),
            Matter::Told(told) => self.learn(place, &told),
            Matter::Heard(input) => self.feed(place, input),
            Matter::Listed(offer) => self.list(*offer),
            Matter::Finished(run, number) => self.finish(place, run, number),
            Matter::PendingAsk(asked) => self.serve(place, asked),
            Matter::SoughtPiece(sought) => self.seek(place, sought),
            Matter::Got(sought, bytes) => self.got(place, sought, bytes.as_ref()),
        }
    }

    /// A message reaches a peer, if that is there.
    fn arrive(&mut self, from: Place, to: Place, input: Input) {
        let is_down = self.residents[to.0].living.as_ref().is_some_and(|living| living.node.is_none());
        if is_down || self.is_asleep(to) {
            return self.report_lost(from, to);
        }
        self.feed(to, input);
    }

    /// Lets hops arrive before anything else happens, up to the first that brings somebody what is new to it; false if none does.
    fn hop(&mut self, end: Instant) -> bool {
        let until = self.calendar.next_at().map_or(end, |next| next.min(end));
        let Self { ground, residents, .. } = self;
        let Some(relay) = ground.carrier.relay() else { return false };
        let awake = |place: Place, at: Instant| residents[place.0].awake <= at;
        let Some(Hearsay { place, at, told }) = relay.advance(until, &awake) else { return false };
        self.calendar.advance(at);
        self.comes(place, Span::ZERO, Matter::Told(told));
        true
    }

    /// A hop has brought a peer what somebody told everybody.
    fn learn(&mut self, place: Place, told: &Opened) {
        self.wake_up(place);
        if let Opened::Offer(offer) = told {
            self.note(place, offer.clone());
        } else {
            self.feed(place, Input::Message(told.clone()));
        }
    }

    /// Puts an offer into a peer's own book, and tells its brain if that waits for one.
    fn note(&mut self, place: Place, offer: Verified<Offer>) {
        let (at, provider) = (self.moment(place), offer.signer());
        let Some(living) = &mut self.residents[place.0].living else { return };
        let Living { node: Some(node), book: Some(book), .. } = &mut **living else { return };
        let received = book.take(offer, node.time(at), |offer| node.worth(offer));
        let is_news = received != Received::Ignored && provider != self.directory.name(place);
        if is_news && node.awaits_offers() {
            self.feed(place, Input::Offered { provider });
        }
    }

    /// An offer is in everybody's book from now on, and who waits for one is told.
    fn list(&mut self, offer: Verified<Offer>) {
        let (provider, now) = (offer.signer(), Timestamp(EPOCH_MILLIS + self.now().millis()));
        if self.book.take(offer, now, |offer| worth(offer, now)) == Received::Ignored {
            return;
        }
        for place in self.roll.awaiting() {
            if self.directory.name(place) != provider && !self.is_asleep(place) {
                self.feed(place, Input::Offered { provider });
            }
        }
    }

    /// Gives one input to a peer's brain and does what it wants.
    fn feed(&mut self, place: Place, input: Input) {
        self.wake_up(place);
        self.catch_up(place);
        let at = self.moment(place);
        let seen = self.sighting(place);
        let Some(living) = &mut self.residents[place.0].living else { return };
        let living: &mut Living = living;
        let input = match &mut living.behaviour {
            Some(behaviour) => behaviour.hear(input),
            None => Some(input),
        };
        let (Some(node), Some(input)) = (&mut living.node, input) else { return };
        let book = living.book.as_deref().unwrap_or(&self.book);
        let mut effects = core::mem::take(&mut self.effects);
        node.handle(input, at, book, &mut effects);
        self.inputs += 1;
        self.trace.thought(effects.len());
        self.observer.thought(seen, node);
        let stance = PeerStance { awaits: node.awaits_offers(), provides: node.provision().is_some() };
        if core::mem::replace(&mut living.stance, stance) != stance {
            self.roll.note(place, stance);
        }
        self.perform_all(place, effects.drain(..));
        self.effects = effects;
        while let Some(command) = self.living(place).behaviour.as_mut().and_then(|peer| peer.wants()) {
            self.command(place, command);
        }
    }

    /// A peer at which nothing was due hears now what everybody was told last, if the network had not lost it.
    fn catch_up(&mut self, place: Place) {
        let Some((number, from, _)) = self.told else { return };
        let known = core::mem::replace(&mut self.living(place).told, number);
        if known == number || place == from || self.arrival(from, place).is_none() {
            return;
        }
        if let Some((.., opened)) = &self.told {
            let told = Input::Message(opened.clone());
            self.feed(place, told);
        }
    }

    fn ring(&mut self, place: Place, number: u32) {
        let now = Steady(self.now().millis());
        let Some(living) = &mut self.residents[place.0].living else { return };
        match living.bell.ring(number, now) {
            Ring::Wakes => self.feed(place, Input::Wake),
            Ring::Again(at, number) => self.ring_at(place, at, number),
            Ring::Stale => {}
        }
    }

    fn ring_at(&mut self, place: Place, at: Steady, number: u32) {
        let event = self.event(place, Happens::Rings, number);
        self.calendar.at(Instant::at_millis(at.0), event);
    }

    /// The peer at a place, which lives from now on.
    fn living(&mut self, place: Place) -> &mut Living {
        let Self { residents, genesis, plan, ground, roll, .. } = self;
        residents[place.0].living.get_or_insert_with(|| {
            roll.enter(place);
            let config = Config::new(Arc::clone(genesis));
            let mut living = Living::new(plan, config, place, ground.keeps_records);
            let each_has_one = ground.carrier.relay().is_some();
            living.book = each_has_one.then(|| Box::new(empty_book(plan.seed, place, 0)));
            Box::new(living)
        })
    }

    /// Begins a peer's process, if nothing ever happened to it.
    fn wake_up(&mut self, place: Place) {
        if self.residents[place.0].living.is_none() {
            self.living(place);
            self.feed(place, Input::Wake);
        }
    }

    /// Lets a peer's process end now and start again later, with what its disk had synced.
    ///
    /// # Panics
    /// If this market keeps no records.
    pub fn crash(&mut self, place: Place, down: Span) {
        assert!(self.ground.keeps_records, "nobody restarts without records");
        let living = self.living(place);
        living.end();
        self.roll.note(place, PeerStance::default());
        self.residents[place.0].life += 1;
        let event = self.event(place, Happens::Starts, 0);
        self.calendar.after(down, event);
    }

    /// Begins a peer's process again.
    fn start(&mut self, place: Place) {
        let (config, life) = (Config::new(Arc::clone(&self.genesis)), self.residents[place.0].life);
        let Self { residents, plan, .. } = self;
        let Some(living) = &mut residents[place.0].living else { return };
        if living.node.is_some() {
            return;
        }
        let effects = living.restore(plan, config, place, life);
        self.perform_all(place, effects.into_iter());
        self.feed(place, Input::Wake);
    }

    fn event(&self, place: Place, what: Happens, number: u32) -> MarketEvent {
        MarketEvent { place: place.0 as u32, number, life: self.residents[place.0].life, what }
    }

    /// Lets something happen at a peer after a while, whatever life it is in then.
    fn comes(&mut self, place: Place, delay: Span, matter: Matter) {
        let number = self.matters.put(matter);
        let event = self.event(place, Happens::Comes, number);
        self.calendar.after(delay, event);
    }

    /// Lets something happen at a peer after a while, if it lives on.
    fn within(&mut self, place: Place, delay: Span, matter: Matter) {
        let number = self.matters.put(matter);
        let event = self.event(place, Happens::GoesOn, number);
        self.calendar.after(delay, event);
    }

    fn is_asleep(&self, place: Place) -> bool {
        self.now() < self.residents[place.0].awake
    }

    fn sighting(&self, place: Place) -> MarketSight {
        MarketSight { at: self.now(), place }
    }

    /// The time by a peer's clocks.
    fn moment(&self, place: Place) -> Moment {
        let millis = self.now().millis();
        let skew = self.residents[place.0].living.as_ref().map_or(0, |living| living.skew_millis);
        Moment {
            steady: Steady(millis),
            wall: Timestamp((EPOCH_MILLIS + millis).saturating_add_signed(skew)),
        }
    }
}

/// What an offer counts for in a book that belongs to nobody: what is at stake, by the notary's word.
fn worth(offer: &Verified<Offer>, now: Timestamp) -> u64 {
    let standing = offer.standing().filter(|standing| !standing.is_convicted(now));
    standing.map_or(0, |standing| standing.stake.0.max(u64::from(!standing.passed.is_empty())))
}
