//! The in-memory shell: every effect of every peer, performed in virtual time as `peer::driver` performs it on a machine.
//!
//! Messages pass the codec and [`Message::open`], records pass the codec, what others can see waits for the disk. A
//! crash takes a peer's memory and what its disk had not synced.
//!
//! **Invariant:** after every event the books balance, and every rule holds of every fact in them; the loop asserts it.

mod audit;
#[cfg(test)]
mod conformance;
mod counts;
mod crash;
mod disk;
pub(crate) mod fetch;
pub(crate) mod fetches;
pub(crate) mod market;
pub(crate) mod peer;
pub(crate) mod perform;
mod sleep;
pub(crate) mod store;
mod takers;
mod trace;
pub(crate) mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

use assay_market::{
    Command, Config, Effect, Effects, Event, Input, Moment, Node, Steady, barrier, book::Received,
    input::RunId,
};
use assay_protocol::{
    codec,
    genesis::Genesis,
    id::{Digest, JobId, NetworkId, PeerId},
    message::{Message, Opened},
    offer::Offer,
    signed::Verified,
    units::Timestamp,
};

use self::{
    counts::CountedWork,
    fetch::{Asked, Sought},
    peer::Peer,
    takers::Takers,
    trace::Trace,
    watch::{SWEEP_FACTS, Watch},
};
pub use self::{
    crash::{Backup, Crash, Tail},
    market::{Unsettled, Wish},
    takers::Taken,
    watch::Closed,
};
use crate::{
    behaviour::Behaviour,
    crypto::{Simulated, SimulatedKey},
    kernel::{Instant, Schedule, Span},
    network::{Fate, SimulatedNetwork},
    plan::Plan,
};

/// The wall clock when a run begins, in milliseconds.
pub(crate) const EPOCH_MILLIS: u64 = 1_800_000_000_000;
/// After this time a peer whose brain has just started asks others for their offers.
const INTRODUCTION: Span = Span::millis(100);
/// Peers that are asked for their offers.
const INTRODUCERS: u64 = 3;

/// The number of a peer in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub usize);

/// A network of peers.
#[derive(Debug)]
pub struct World {
    plan: Plan,
    genesis: Arc<Genesis>,
    network_id: NetworkId,
    schedule: Schedule<Occurrence>,
    network: SimulatedNetwork,
    peers: Vec<Peer>,
    places: BTreeMap<PeerId, Place>,
    trace: Trace,
    watch: Watch,
    /// Jobs whose providers made something else than an honest machine would have.
    forged: BTreeSet<JobId>,
    counted: CountedWork,
    traffic: Option<Vec<Rc<[u8]>>>,
    taken: Option<Taken>,
}

/// Something that happens.
#[derive(Debug)]
enum Occurrence {
    /// A message reaches a peer; it may be what the sender's own brain said.
    Arrival { from: Place, to: Place, bytes: Rc<[u8]>, is_own: bool },
    /// A peer is asked for a blob.
    Asked(Box<Asked>),
    /// A peer's process starts.
    Start(Place),
    /// A user wants something of a peer.
    Wanted(Place, Box<Command>),
    /// Something within one life of a peer: nothing of it outlives a crash.
    Within { place: Place, life: u64, what: WithinPeer },
}

/// Something that happens within a peer.
#[derive(Debug)]
enum WithinPeer {
    /// The shell has something to say to the brain.
    Heard(Box<Input>),
    /// The alarm with this number rings.
    Alarm(u64),
    /// The disk has synced its batch.
    Synced,
    /// The run that was started under this number ends.
    Finished(RunId, u64),
    /// A blob or a receipt is looked for.
    Sought(Sought),
    /// What a source has given; nothing if it was of no use.
    Got(Sought, Option<Rc<[u8]>>),
    /// Others are asked for the offers they hold.
    Introduced,
}

impl World {
    /// The world at the moment when all its peers start.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let genesis = plan.genesis();
        Self::under(plan, genesis)
    }

    /// The same under other rules than the plan's.
    #[must_use]
    pub fn under(plan: Plan, genesis: Genesis) -> Self {
        let genesis = Arc::new(genesis);
        let peers: Vec<Peer> = (0..plan.peers()).map(|number| Peer::new(&plan, Place(number))).collect();
        let mut world = Self {
            network_id: genesis.id(),
            network: SimulatedNetwork::new(plan.seed, peers.len(), plan.conditions),
            places: peers.iter().enumerate().map(|(number, peer)| (peer.id(), Place(number))).collect(),
            schedule: Schedule::default(),
            trace: Trace::default(),
            watch: Watch::new(Arc::clone(&genesis), plan.key(plan.notary()), SWEEP_FACTS),
            forged: BTreeSet::new(),
            counted: CountedWork::default(),
            traffic: None,
            taken: None,
            genesis,
            peers,
            plan,
        };
        (0..world.peers.len())
            .for_each(|number| world.schedule.after(Span::ZERO, Occurrence::Start(Place(number))));
        world
    }

    /// What the run is made of.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The network's rules.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The name of a peer.
    #[must_use]
    pub fn id(&self, place: Place) -> PeerId {
        self.peers[place.0].id()
    }

    /// The key of a peer.
    #[must_use]
    pub fn key(&self, place: Place) -> SimulatedKey {
        self.peers[place.0].key
    }

    /// The brain of a peer, while it lives.
    #[must_use]
    pub fn node(&self, place: Place) -> Option<&Node<SimulatedKey>> {
        self.peers[place.0].node.as_ref()
    }

    /// From now on this peer behaves like this.
    pub fn behave(&mut self, place: Place, behaviour: impl Behaviour + 'static) {
        let peer = &mut self.peers[place.0];
        (peer.behaviour, peer.is_honest) = (Box::new(behaviour), false);
    }

    /// From now on this peer has room for so many bytes of blobs.
    pub fn limit(&mut self, place: Place, bytes: usize) {
        self.peers[place.0].store.limit(bytes);
    }

    /// How many bytes of blobs this peer keeps for somebody.
    #[must_use]
    pub fn kept_bytes(&self, place: Place) -> usize {
        self.peers[place.0].store.kept_bytes()
    }

    /// From now on nobody waits for what this peer wanted.
    pub fn disown(&mut self, place: Place) {
        self.peers[place.0].disowned = true;
    }

    /// The network, to make it better or worse.
    pub fn network(&mut self) -> &mut SimulatedNetwork {
        &mut self.network
    }

    /// Virtual time since the run began.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.schedule.now()
    }

    /// Stands for everything that happened so far: equal plans give equal digests.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.trace.digest()
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.trace.events()
    }

    /// Jobs whose providers made something else than an honest machine would have.
    #[must_use]
    pub fn forged(&self) -> &BTreeSet<JobId> {
        &self.forged
    }

    /// What a peer told its user, with the time of it.
    #[must_use]
    pub fn told(&self, place: Place) -> &[(Instant, Event)] {
        &self.peers[place.0].told
    }

    /// Gives a command to a peer; it is given again after a crash that came before the peer could keep it.
    pub fn command(&mut self, place: Place, command: Command) {
        self.schedule.after(Span::ZERO, Occurrence::Wanted(place, Box::new(command)));
    }

    /// Keeps a copy of every message from now on.
    pub fn overhear(&mut self) {
        self.traffic.get_or_insert_default();
    }

    /// The messages that were overheard.
    #[must_use]
    pub fn overheard(&self) -> &[Rc<[u8]>] {
        self.traffic.as_deref().unwrap_or_default()
    }

    /// Sends any bytes from one peer to another, past the sender's brain.
    pub fn post(&mut self, from: Place, to: Place, bytes: Vec<u8>) {
        self.carry(from, to, bytes.into(), false);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, span: Span) {
        let end = self.now().after(span);
        while self.schedule.next_at().is_some_and(|next| next <= end) {
            self.step();
        }
        self.schedule.advance(end);
    }

    /// Lets one thing happen.
    pub fn step(&mut self) {
        let Some(event) = self.schedule.pop() else { return };
        let Some(event) = self.unless_asleep(event) else { return };
        self.trace.event(self.schedule.now(), &event);
        match event {
            Occurrence::Arrival { from, to, bytes, is_own } => self.arrive(from, to, &bytes, is_own),
            Occurrence::Asked(asked) => self.serve(*asked),
            Occurrence::Start(place) => self.start(place),
            Occurrence::Wanted(place, command) => self.want(place, *command),
            Occurrence::Within { place, life, what } if self.peers[place.0].life == life => {
                self.happen(place, what)
            }
            Occurrence::Within { .. } => {}
        }
    }

    fn happen(&mut self, place: Place, what: WithinPeer) {
        match what {
            WithinPeer::Heard(input) => self.feed(place, *input),
            WithinPeer::Alarm(number) if self.peers[place.0].alarm == number => self.feed(place, Input::Wake),
            WithinPeer::Alarm(_) => {}
            WithinPeer::Synced => self.synced(place),
            WithinPeer::Finished(run, number) => self.finish(place, run, number),
            WithinPeer::Sought(sought) => self.seek(place, sought),
            WithinPeer::Got(sought, bytes) => self.got(place, sought, bytes.as_ref()),
            WithinPeer::Introduced => self.introduce(place),
        }
    }

    /// Decodes, verifies, hands over; what is no message of this network disappears, but that what a brain says can be read.
    fn arrive(&mut self, from: Place, to: Place, bytes: &[u8], is_own: bool) {
        if self.peers[to.0].node.is_none() || self.is_asleep(to) {
            self.fail_to_deliver(from, to);
            return;
        }
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) if is_own => panic!("{from:?} says what nobody can read: {error}"),
            Err(_) => return,
        };
        let Ok(opened) = message.open::<Simulated>(self.network_id) else { return };
        if let Opened::Offer(offer) = opened {
            self.note_offer(to, offer);
        } else {
            self.feed(to, Input::Message(opened));
        }
    }

    /// Puts an offer into a peer's book, and tells the brain of it that waits for one.
    fn note_offer(&mut self, place: Place, offer: Verified<Offer>) {
        let (at, provider) = (self.moment(place), offer.signer());
        let peer = &mut self.peers[place.0];
        let Some(node) = &peer.node else { return };
        let now = node.time(at);
        let received = peer.book.take(offer, now, |offer| node.worth(offer));
        if provider == peer.id() || received == Received::Ignored {
            return;
        }
        let awaited = node.awaits_offers();
        if received == Received::First {
            self.perform_all(place, vec![Effect::Tell(Event::OfferSeen { provider })]);
        }
        if awaited {
            self.feed(place, Input::Offered { provider });
        }
    }

    /// Sends bytes on their way, which may be what the sender's own brain said.
    fn carry(&mut self, from: Place, to: Place, bytes: Rc<[u8]>, is_own: bool) {
        match self.network.carry(from, to) {
            Fate::Arrives(delays) => {
                for delay in delays {
                    let bytes = bytes.clone();
                    self.schedule.after(delay, Occurrence::Arrival { from, to, bytes, is_own });
                }
            }
            Fate::Lost(feedback) => self.report_lost(from, to, feedback),
        }
    }

    fn fail_to_deliver(&mut self, from: Place, to: Place) {
        let feedback = self.network.feedback(from);
        self.report_lost(from, to, feedback);
    }

    fn report_lost(&mut self, from: Place, to: Place, feedback: Option<Span>) {
        let Some(delay) = feedback else { return };
        let undelivered = Input::Undelivered { to: self.id(to) };
        self.within(from, delay, WithinPeer::Heard(Box::new(undelivered)));
    }

    /// Starts a peer's process: from its records, if its disk holds any.
    fn start(&mut self, place: Place) {
        let peer = &mut self.peers[place.0];
        if peer.node.is_some() {
            return;
        }
        let config = Config::new(Arc::clone(&self.genesis));
        let entropy = codec::digest("simulated entropy", &(self.plan.seed, place.0 as u64, peer.life)).0;
        let mut effects = Effects::new();
        let saved = peer.disk.records();
        // Which of them a snapshot stands for makes no difference.
        let cut = usize::from(u16::from_le_bytes([entropy[0], entropy[1]])) % (saved.len() + 1);
        self.peers[place.0].node = Some(if saved.is_empty() {
            Node::new(self.peers[place.0].key, config, entropy)
        } else {
            self.restore_at(place, &saved, cut, entropy, &mut effects)
        });
        assert_barred(place, &effects);
        self.perform_all(place, effects);
        self.feed(place, Input::Wake);
        self.within(place, INTRODUCTION, WithinPeer::Introduced);
        for (_, command) in core::mem::take(&mut self.peers[place.0].unkept) {
            self.command(place, command);
        }
    }

    /// Others send the offers they hold.
    fn introduce(&mut self, place: Place) {
        let count = self.peers.len() as u64;
        for _ in 0..INTRODUCERS {
            let other = Place(usize::try_from(self.peers[place.0].luck.below(count)).unwrap_or_default());
            let holder = &self.peers[other.0];
            if holder.node.is_none() || other == place {
                continue;
            }
            let offers: Vec<_> =
                holder.book.iter().map(|offer| Message::Offer(offer.signed().clone())).collect();
            offers.iter().for_each(|offer| self.carry(other, place, offer.encode().into(), false));
        }
    }

    /// Hands a command over and remembers it until what it led to is on disk.
    fn want(&mut self, place: Place, command: Command) {
        let life = self.peers[place.0].life;
        self.feed(place, Input::Command(command.clone()));
        let peer = &mut self.peers[place.0];
        let heard = peer.node.is_some() && peer.life == life;
        let kept_by = if heard { peer.disk.saved() } else { u64::MAX };
        peer.unkept.push((kept_by, command));
        peer.forget_kept();
    }

    /// Gives one input to a peer's brain and does what it wants.
    fn feed(&mut self, place: Place, input: Input) {
        let now = self.moment(place);
        let peer = &mut self.peers[place.0];
        let (Some(node), Some(input)) = (&mut peer.node, peer.behaviour.hear(input)) else { return };
        let takers = self.taken.as_ref().and_then(|_| Takers::of(node, &input, now, &peer.book));
        let mut effects = Effects::new();
        let heard = node.handle(input, now, &peer.book, &mut effects);
        self.watch.check(node);
        assert_barred(place, &effects);
        if let Some(takers) = takers {
            self.note_taken(takers, heard);
        }
        self.perform_all(place, effects);
        while let Some(command) = self.peers[place.0].behaviour.wants() {
            self.command(place, command);
        }
    }

    /// What a peer's clock shows.
    #[must_use]
    pub fn clock(&self, place: Place) -> Timestamp {
        let skewed =
            (EPOCH_MILLIS + self.now().millis()).saturating_add_signed(self.peers[place.0].skew_millis);
        Timestamp(skewed)
    }

    /// The time by a peer's clocks. No clock of a world runs faster or slower than another.
    pub(super) fn moment(&self, place: Place) -> Moment {
        Moment { steady: Steady(self.now().millis()), wall: self.clock(place) }
    }

    /// Sets a peer's wall clock so far ahead, or back.
    pub fn set_clock(&mut self, place: Place, by_millis: i64) {
        self.peers[place.0].skew_millis += by_millis;
    }

    fn within(&mut self, place: Place, delay: Span, what: WithinPeer) {
        let life = self.peers[place.0].life;
        self.schedule.after(delay, Occurrence::Within { place, life, what });
    }
}

/// I19: among the effects of one input what others can see stands behind the record it rests on.
fn assert_barred(place: Place, effects: &[Effect]) {
    let overtaken = barrier::overtaken(effects);
    assert!(overtaken.is_none(), "I19: {place:?} says before it saves: {overtaken:?}");
}
