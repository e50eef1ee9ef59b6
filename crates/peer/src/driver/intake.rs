//! Where messages from outside become facts: decoded, bounded and verified beside the loop.
//!
//! Each sender's messages go through one lane, so that they stay in order; a lane that is full holds the network up, which
//! tells those who send too much.
//!
//! **Invariant:** what reaches the loop as a message was signed by whom it names; everything else is counted, held
//! against whoever sent it, or said it in gossip, and gone.

mod blame;
mod passed_gossip;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use assay_protocol::{
    genesis::Genesis,
    id::{NetworkId, PeerId},
    message::{self, Message, Opened, PUBLISHED_VALIDITY_MAX},
    notice::{Head, Tick},
    offer::{OFFER_BYTES_MAX, Offer},
    signed::{Ed25519, Signed},
    units::Timestamp,
};
use tokio::sync::mpsc;

use self::{
    blame::Blame,
    passed_gossip::{GossipKind, PassedGossip, ReadGossip},
};
use crate::{
    clock,
    network::{GossipId, Network, NetworkEvent, Reply, Topic},
};

/// Threads that verify.
const LANES: usize = 2;
/// Messages that may wait in one lane.
const LANE_MESSAGES_MAX: usize = 128;
/// Things that may wait for the loop.
const ARRIVALS_MAX: usize = 256;

/// Faults of one peer in one minute after which nothing more is wanted of it.
const FAULTS_MAX: u32 = 32;

/// Something from outside that the loop should see.
pub(crate) enum Arrival {
    /// A message whose signature holds.
    Opened(Box<Opened>),
    /// A message of ours did not get through.
    Undelivered {
        /// Whom it was for.
        to: PeerId,
        /// Whether that is for want of that peer.
        is_lost: bool,
    },
    /// A peer is connected.
    Connected(PeerId),
    /// The last connection to a peer is gone.
    Disconnected {
        /// Who.
        peer: PeerId,
        /// Whether that speaks against its being there.
        is_lost: bool,
    },
    /// The last offer of ours reached nobody.
    Unpublished,
    /// What a peer heard this notary say of the end of its journal; nothing, if it did not answer. And whether it has left.
    Heads(PeerId, Option<Vec<Head>>, bool),
    /// A question.
    Asked {
        /// Who asks.
        from: PeerId,
        /// What kind.
        kind: u8,
        /// What is asked.
        bytes: Vec<u8>,
        /// Where the answer goes.
        reply: Reply,
    },
}

/// What was thrown away.
#[derive(Debug, Default)]
pub(crate) struct Thrown {
    /// Bytes that were no message.
    pub(crate) malformed: AtomicU64,
    /// Messages whose signature did not hold.
    pub(crate) forged: AtomicU64,
}

/// What a lane carries.
enum Incoming {
    Message { from: PeerId, bytes: Vec<u8> },
    Gossip { topic: Topic, from: PeerId, bytes: Vec<u8>, id: GossipId },
    Book { from: PeerId, offers: Vec<Signed<Offer>> },
}

/// The way in for what did not come as an event of the network.
#[derive(Clone)]
pub(crate) struct Intake {
    arrivals: mpsc::Sender<Arrival>,
    lanes: Vec<mpsc::Sender<Incoming>>,
}

impl Intake {
    /// Starts the lanes and feeds them from the network.
    pub(crate) fn start(
        network: &Network,
        events: mpsc::Receiver<NetworkEvent>,
        genesis: &Genesis,
    ) -> (Self, mpsc::Receiver<Arrival>, Arc<Thrown>) {
        let (arrivals, arrived) = mpsc::channel(ARRIVALS_MAX);
        let thrown = Arc::new(Thrown::default());
        let lanes = (0..LANES).map(|_| {
            let (lane, incoming) = mpsc::channel(LANE_MESSAGES_MAX);
            let (network, arrivals, thrown) = (network.clone(), arrivals.clone(), Arc::clone(&thrown));
            let thread = LaneThread {
                network,
                name: genesis.id(),
                notaries: genesis.notaries.clone(),
                arrivals,
                thrown,
                blame: Blame::default(),
                passed: PassedGossip::default(),
            };
            let guard = thread.network.watchdog().guard("thread that verifies");
            tokio::task::spawn_blocking(move || {
                let _guard = guard;
                thread.work(incoming);
            });
            lane
        });
        let intake = Self { arrivals: arrivals.clone(), lanes: lanes.collect() };
        let (guard, sorting) = (network.watchdog().guard("intake"), sort(events, intake.clone(), arrivals));
        tokio::spawn(async move {
            let _guard = guard;
            sorting.await;
        });
        (intake, arrived, thrown)
    }

    /// Takes in the offers that a peer knew of.
    pub(crate) async fn book(&self, from: PeerId, offers: Vec<Signed<Offer>>) {
        self.put(from, Incoming::Book { from, offers }).await;
    }

    /// Takes in what a peer heard of this notary.
    pub(crate) async fn heads(&self, from: PeerId, heads: Option<Vec<Head>>, has_left: bool) {
        // The loop may have ended, and then nobody misses it.
        drop(self.arrivals.send(Arrival::Heads(from, heads, has_left)).await);
    }

    async fn put(&self, from: PeerId, incoming: Incoming) {
        let lane = usize::from(from.as_bytes()[0]) % self.lanes.len();
        // A lane ends with the loop, and then nobody misses the incoming.
        drop(self.lanes[lane].send(incoming).await);
    }
}

/// Hands messages to their lanes and everything else to the loop.
async fn sort(mut events: mpsc::Receiver<NetworkEvent>, intake: Intake, arrivals: mpsc::Sender<Arrival>) {
    while let Some(event) = events.recv().await {
        let arrival = match event {
            NetworkEvent::Message { from, bytes } => {
                intake.put(from, Incoming::Message { from, bytes }).await;
                continue;
            }
            NetworkEvent::Gossip { topic, from, bytes, id } => {
                intake.put(from, Incoming::Gossip { topic, from, bytes, id }).await;
                continue;
            }
            NetworkEvent::Connected { peer } => Arrival::Connected(peer),
            NetworkEvent::Disconnected { peer, is_lost } => Arrival::Disconnected { peer, is_lost },
            NetworkEvent::Undelivered { to, why } => {
                tracing::debug!(%to, %why, "a message did not get through");
                Arrival::Undelivered { to, is_lost: why.is_loss() }
            }
            NetworkEvent::Unpublished { topic: Topic::Offers } => Arrival::Unpublished,
            // The next one says all that this one would have said.
            NetworkEvent::Unpublished { topic: Topic::Checkpoints } => continue,
            NetworkEvent::Asked { from, kind, bytes, reply } => Arrival::Asked { from, kind, bytes, reply },
        };
        if arrivals.send(arrival).await.is_err() {
            return;
        }
    }
}

/// What becomes of a gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GossipFate {
    /// Others hear it.
    PassedOn,
    /// It goes no further, which is held against nobody.
    Dropped,
    /// It goes no further, and is held against whoever passed it on.
    Blamed,
}

impl GossipFate {
    /// That of one that this author says, if it is one at all. It is passed on once, so it has to be whoever signed it that says
    /// it: anybody else could say it again and again.
    fn of(read: Option<ReadGossip>, author: PeerId, passed: &mut PassedGossip, now: Timestamp) -> Self {
        let Some(read) = read else { return Self::Blamed };
        let may_travel = read.signer == author && message::is_current(read.until, now);
        if may_travel && passed.note(&read, now) { Self::PassedOn } else { Self::Dropped }
    }
}

/// One lane's thread.
struct LaneThread {
    network: Network,
    name: NetworkId,
    /// Whose checkpoints are passed on.
    notaries: Vec<PeerId>,
    arrivals: mpsc::Sender<Arrival>,
    thrown: Arc<Thrown>,
    blame: Blame,
    /// Of those who say it themselves, whose lane this is.
    passed: PassedGossip,
}

impl LaneThread {
    fn work(mut self, mut incoming: mpsc::Receiver<Incoming>) {
        while let Some(incoming) = incoming.blocking_recv() {
            match incoming {
                Incoming::Message { from, bytes } => self.message(from, &bytes),
                Incoming::Gossip { topic, from, bytes, id } => self.gossip(topic, from, &bytes, id),
                Incoming::Book { from, offers } => {
                    for offer in offers {
                        self.offer(from, offer);
                    }
                }
            }
        }
    }

    fn message(&mut self, from: PeerId, bytes: &[u8]) {
        let Some(message) = self.decode(from, bytes) else { return };
        match message.open::<Ed25519>(self.name) {
            Ok(opened) => self.pass_on(opened),
            Err(error) => self.forged(from, &error),
        }
    }

    fn gossip(&mut self, topic: Topic, from: PeerId, bytes: &[u8], id: GossipId) {
        let short = bytes.len() <= OFFER_BYTES_MAX;
        let read = match (topic, short.then(|| self.decode(from, bytes)).flatten()) {
            (Topic::Offers, Some(Message::Offer(offer))) => self.offer(from, offer),
            (Topic::Checkpoints, Some(Message::Tick(tick))) => self.checkpoint(from, tick),
            (Topic::Offers | Topic::Checkpoints, Some(_) | None) => None,
        };
        let judged = match GossipFate::of(read, from, &mut self.passed, clock::wall()) {
            GossipFate::PassedOn => self.network.accept(id),
            GossipFate::Dropped => self.network.ignore(id),
            GossipFate::Blamed => self.network.reject(id),
        };
        if let Err(error) = judged {
            tracing::debug!(%error, "a gossip goes no further");
        }
    }

    /// What the offer is known by, if it is one.
    fn offer(&mut self, from: PeerId, offer: Signed<Offer>) -> Option<ReadGossip> {
        match offer.open::<Ed25519>(self.name) {
            Ok(offer) => {
                let kind = GossipKind::Offer(offer.sequence);
                let read = ReadGossip { signer: offer.signer(), until: offer.valid_until, kind };
                self.pass_on(Opened::Offer(offer));
                Some(read)
            }
            Err(error) => {
                self.forged(from, &error);
                None
            }
        }
    }

    /// What a checkpoint is known by, if it is one of this network's notaries.
    fn checkpoint(&mut self, from: PeerId, tick: Signed<Tick>) -> Option<ReadGossip> {
        match tick.open::<Ed25519>(self.name) {
            Ok(tick) if tick.checkpoint.is_some() && self.notaries.contains(&tick.signer()) => {
                // One from a clock that is ahead is passed on for as long as any other.
                let until = tick.time.min(clock::wall()).after(PUBLISHED_VALIDITY_MAX);
                let kind = GossipKind::Checkpoint(tick.digest());
                let read = ReadGossip { signer: tick.signer(), until, kind };
                self.pass_on(Opened::Tick(tick));
                Some(read)
            }
            Ok(_) => None,
            Err(error) => {
                self.forged(from, &error);
                None
            }
        }
    }

    fn decode(&mut self, from: PeerId, bytes: &[u8]) -> Option<Message> {
        match Message::decode(bytes) {
            Ok(message) => Some(message),
            Err(error) => {
                self.thrown.malformed.fetch_add(1, Ordering::Relaxed);
                self.blame(from, &error);
                None
            }
        }
    }

    fn forged(&mut self, from: PeerId, error: &dyn fmt::Display) {
        self.thrown.forged.fetch_add(1, Ordering::Relaxed);
        self.blame(from, error);
    }

    /// Says so once a peer and minute, and wants nothing more of those who do it again and again.
    fn blame(&mut self, from: PeerId, error: &dyn fmt::Display) {
        let faults = self.blame.note(from, Instant::now());
        if faults == 1 {
            tracing::warn!(%from, %error, "a peer sent what is no message");
        }
        if faults.is_multiple_of(FAULTS_MAX)
            && let Err(error) = self.network.shun(from)
        {
            tracing::debug!(%from, %error, "a peer that sends junk stays");
        }
    }

    fn pass_on(&self, opened: Opened) {
        // The loop has ended, and this lane soon will.
        drop(self.arrivals.blocking_send(Arrival::Opened(Box::new(opened))));
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::units::Duration;

    use super::*;

    const AUTHOR: PeerId = PeerId([1; 32]);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn read(sequence: u64, until: Timestamp) -> Option<ReadGossip> {
        Some(ReadGossip { signer: AUTHOR, until, kind: GossipKind::Offer(sequence) })
    }

    #[test]
    fn an_offer_that_claims_to_hold_for_longer_than_an_hour_goes_no_further() {
        let hour = NOW.after(PUBLISHED_VALIDITY_MAX);
        let fate = |read| GossipFate::of(read, AUTHOR, &mut PassedGossip::default(), NOW);
        assert_eq!(
            [read(1, hour), read(1, NOW), None].map(fate),
            [GossipFate::PassedOn, GossipFate::Dropped, GossipFate::Blamed]
        );
        assert_eq!(fate(read(1, hour.after(Duration(1)))), GossipFate::Dropped);
    }

    #[test]
    fn an_offer_goes_further_once_and_only_as_its_provider_says_it() {
        let (mut passed, end) = (PassedGossip::default(), NOW.after(PUBLISHED_VALIDITY_MAX));
        let mut fate = |sequence, author| GossipFate::of(read(sequence, end), author, &mut passed, NOW);
        let stranger = PeerId([2; 32]);
        // What a stranger says first does not keep the provider from being heard.
        let said = [(7, stranger), (7, AUTHOR), (7, AUTHOR), (7, stranger), (8, AUTHOR)];
        let fates = said.map(|(sequence, author)| fate(sequence, author) == GossipFate::PassedOn);
        assert_eq!(fates, [false, true, false, false, true]);
    }

    #[test]
    fn what_would_not_be_passed_on_is_not_noted_as_if_it_were() {
        let (mut passed, end) = (PassedGossip::default(), NOW.after(PUBLISHED_VALIDITY_MAX));
        let mut fate = |until| GossipFate::of(read(7, until), AUTHOR, &mut passed, NOW);
        assert_eq!(fate(end.after(Duration(1))), GossipFate::Dropped);
        assert_eq!(fate(end), GossipFate::PassedOn);
    }
}
