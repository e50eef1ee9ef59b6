//! How long honest jobs take while strangers do what they can: figures, not a test of every day.
//!
//! The strangers are a process of their own, which this one starts from itself. They keep 64 connections half open and 256
//! idle, publish unsigned gossip and send what is no message, 10,000 of each a second as far as the machine lets them, and
//! know of 10,000 offers with eight addresses each; meanwhile 400 users wait at the client. Four of the addresses of this
//! machine are the strangers' own, so that no bound on one of them keeps them out.
//!
//! **Invariant:** nothing of the strangers is in the process that is measured, but the machine is the same.

use std::{
    env, fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use assay_market::event::Event;
use assay_peer::{
    config::NetworkFile,
    executor::Conduct,
    handle::{Handle, ShowAccount, ShowStatus, StatusView, WatchUpdates},
    network::{Limits, Network, NetworkEvent, NetworkSettings},
};
use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    offer::{Bench, Offer, Reachability},
    signed::{Keypair, Signed},
    units::Timestamp,
};
use libp2p::{
    Multiaddr, SwarmBuilder, futures::StreamExt, gossipsub, noise, ping, swarm::NetworkBehaviour, tcp, yamux,
};
use tokio::{
    net::TcpSocket,
    task::JoinSet,
    time::{interval, sleep},
};
use tracing::{Level, Metadata, Subscriber, span};

use crate::{
    home::House,
    market::{CLIENT, Market, NOTARY, until},
    world::{Source, id},
};

/// Jobs that are timed, in peace and under the flood.
const JOBS: usize = 20;
/// How long the flood lasts, over which the jobs are spread.
const FLOOD: Duration = Duration::from_secs(60);
/// What a newcomer has until it is in.
const JOIN_MAX: Duration = Duration::from_secs(5);
/// Users who wait.
const WAITING: usize = 400;
/// Connections that say nothing at all, and that say who they are and no more.
const HALF_OPEN: usize = 64;
const IDLE: usize = 256;
/// Of each kind of junk: so many every so often, 10,000 a second.
const BURST: usize = 100;
const EVERY: Duration = Duration::from_millis(10);
/// Strangers who know of so many offers each.
const LIBRARIES: u8 = 40;
const OFFERS: u64 = 256;
/// Who sends what is no message, at a time.
const JUNKERS: u8 = 4;
/// What strangers are told by.
const TARGET: &str = "ASSAY_FLOODED";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes and gives figures; run it alone and optimised"]
async fn honest_jobs_under_a_flood() {
    let lines = count_lines();
    let market = Market::new(Conduct::Honest).await;
    // The first compiles the runner and opens the accounts.
    deliver(&market).await;
    let quiet = times(&market, FLOOD / JOBS as u32).await;
    let (before, said) = (resident(), lines());
    let house = &market.house(CLIENT).home;
    let mut waiting = Vec::new();
    for _ in 0..WAITING {
        let handle = Handle::connect(house).await.unwrap();
        waiting.push((handle.call(WatchUpdates::default()).await.unwrap(), handle));
    }
    let status = market.call(NOTARY, ShowStatus).await;
    let mut strangers = strangers(&status);
    let flooded = times(&market, FLOOD / JOBS as u32).await;
    eprintln!("quiet    {}", figures(&quiet));
    eprintln!("flooded  {}", figures(&flooded));
    let joined = join(&market).await;
    let (during, junk, said) = (resident(), market.call(NOTARY, ShowStatus).await.malformed, lines() - said);
    assert!(strangers.0.try_wait().unwrap().is_none() && junk > 0, "there was no flood: {junk}");
    drop(strangers);
    eprintln!("joined   {joined:?}");
    eprintln!("memory   {before} KiB in peace, {during} KiB under the flood, {WAITING} users included");
    eprintln!(
        "said     {said} lines of six peers in {FLOOD:?}, the notary of {junk} messages that were none"
    );
    assert!(flooded[JOBS - 1] <= 2 * quiet[JOBS * 95 / 100], "{flooded:?}");
    assert!(joined <= JOIN_MAX, "{joined:?}");
    drop(waiting);
    market.end().await;
}

/// How long each of the jobs took to its result, the quickest first.
async fn times(market: &Market, every: Duration) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..JOBS {
        let time = deliver(market).await;
        took.push(time);
        sleep(every.saturating_sub(time)).await;
    }
    took.sort_unstable();
    took
}

async fn deliver(market: &Market) -> Duration {
    let mut updates = market.watch().await;
    let begun = Instant::now();
    let key = market.submit().await;
    until(&mut updates, |event| match event {
        Event::Delivered { key: delivered, .. } if *delivered == key => Some(()),
        Event::Failed { key: failed, reason } if *failed == key => panic!("{reason:?}"),
        _ => None,
    })
    .await;
    begun.elapsed()
}

/// How long somebody whom nobody knows takes to have an account.
async fn join(market: &Market) -> Duration {
    let file = NetworkFile::read(&market.house(CLIENT).home.network()).unwrap();
    let house = House::new(77, file.genesis, file.contacts);
    let begun = Instant::now();
    let newcomer = house.start().await;
    newcomer.handle.call(ShowAccount::default()).await.unwrap();
    let took = begun.elapsed();
    newcomer.stop().await;
    took
}

/// Counts the lines that a log of usual detail would have, from here on.
fn count_lines() -> impl Fn() -> u64 {
    static LINES: AtomicU64 = AtomicU64::new(0);
    struct Counter;
    impl Subscriber for Counter {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.is_event() && metadata.target().starts_with("assay") && *metadata.level() <= Level::INFO
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            LINES.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }
    tracing::subscriber::set_global_default(Counter).unwrap();
    || LINES.load(Ordering::Relaxed)
}

fn figures(times: &[Duration]) -> String {
    let [middle, late, last] = [times[JOBS / 2], times[JOBS * 95 / 100], times[JOBS - 1]];
    format!("median {middle:?}, p95 {late:?}, longest {last:?}")
}

/// KiB of memory that this process occupies.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The strangers' process, which ends with the test that began it.
struct Strangers(Child);

impl Drop for Strangers {
    fn drop(&mut self) {
        // One that is gone already is what is wanted.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Starts the strangers, who yield to whoever wants the processor.
fn strangers(notary: &StatusView) -> Strangers {
    let mut command = Command::new("nice");
    command.arg("-n19").arg(env::current_exe().unwrap());
    command.args(["--exact", "floods::what_strangers_do", "--ignored", "--nocapture"]);
    command.env(TARGET, format!("{} {} {}", notary.addresses[0], notary.network, notary.started.0));
    Strangers(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the strangers of the flood, who are started by it"]
async fn what_strangers_do() {
    let Ok(target) = env::var(TARGET) else { return };
    let [address, network, now] = target.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let (address, network) = (address.to_owned(), network.parse::<Digest>().unwrap());
    let until = Timestamp(now.parse().unwrap()).after(assay_protocol::units::Duration::seconds(900));
    let mut flood = JoinSet::new();
    flood.spawn(half_open(address.clone()));
    (0..IDLE).for_each(|number| drop(flood.spawn(idle(number, address.clone()))));
    flood.spawn(unsigned_gossip(address.clone(), network));
    (0..JUNKERS).for_each(|number| drop(flood.spawn(junk(address.clone(), network, number))));
    (0..LIBRARIES).for_each(|number| drop(flood.spawn(library(address.clone(), network, number, until))));
    while flood.join_next().await.is_some() {}
}

/// From another address of this machine, so that those who are measured keep theirs.
async fn half_open(address: String) {
    let port = address.rsplit('/').next().unwrap().parse().unwrap();
    let mut held = Vec::new();
    for _ in 0..HALF_OPEN {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
        held.push(socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await);
    }
    sleep(2 * FLOOD).await;
}

/// A swarm that listens on one of the addresses of strangers and dials from there.
fn swarm<B: NetworkBehaviour>(
    behaviour: impl FnOnce(&libp2p::identity::Keypair) -> B,
    number: usize,
    address: &str,
) -> libp2p::Swarm<B> {
    let builder = SwarmBuilder::with_new_identity().with_tokio();
    let builder = builder.with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default);
    let builder = builder.unwrap().with_behaviour(|keys| behaviour(keys)).unwrap();
    let keep = |config: libp2p::swarm::Config| config.with_idle_connection_timeout(2 * FLOOD);
    let mut swarm = builder.with_swarm_config(keep).build();
    swarm.listen_on(own_address(number).parse().unwrap()).unwrap();
    swarm.dial(address.parse::<Multiaddr>().unwrap()).unwrap();
    swarm
}

fn own_address(number: usize) -> String {
    format!("/ip4/127.0.1.{}/tcp/0", 1 + number % 4)
}

async fn idle(number: usize, address: String) {
    let mut swarm = swarm(|_| ping::Behaviour::default(), number, &address);
    loop {
        swarm.select_next_some().await;
    }
}

async fn unsigned_gossip(address: String, network: Digest) {
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix(format!("/assay/1/{}/gossip", &network.to_string()[..16]))
        .validation_mode(gossipsub::ValidationMode::None)
        .build()
        .unwrap();
    let topic = gossipsub::IdentTopic::new(format!("assay/1/{network}/offers/0"));
    let unsigned = gossipsub::MessageAuthenticity::RandomAuthor;
    let new =
        || -> gossipsub::Behaviour { gossipsub::Behaviour::new(unsigned.clone(), config.clone()).unwrap() };
    let (mut tick, mut number) = (interval(EVERY), 0_u64);
    let mut swarm = swarm(|_| new(), 0, &address);
    swarm.behaviour_mut().subscribe(&topic).unwrap();
    loop {
        tokio::select! {
            _ = swarm.select_next_some() => {}
            _ = tick.tick() => for _ in 0..BURST {
                number += 1;
                // What finds no room is as if it was never sent.
                drop(swarm.behaviour_mut().publish(topic.clone(), [&number.to_le_bytes()[..], &[7; 512]].concat()));
            },
        }
    }
}

/// Whoever is kept out goes on under another name.
async fn junk(address: String, network: Digest, number: u8) {
    for again in 0_u64.. {
        let (stranger, mut events) = stranger(&address, network, &("junk", number, again)).await;
        let to = id(NOTARY);
        let mut tick = interval(EVERY);
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    (0..BURST / usize::from(JUNKERS)).for_each(|_| _ = stranger.send(to, vec![7; 512]));
                }
                event = events.recv() => match event {
                    Some(NetworkEvent::Disconnected { .. }) | None => break,
                    Some(_) => {}
                },
            }
        }
        stranger.shutdown().await;
    }
}

async fn library(address: String, network: Digest, number: u8, valid_until: Timestamp) {
    let addresses: Vec<String> = (1..=8).map(|port| format!("/ip4/127.0.0.1/tcp/{port}")).collect();
    let offer = |made_up: u64| {
        let key = Keypair::from_seed(codec::digest("made up", &(number, made_up)).0);
        let offer = Offer {
            sequence: 1,
            valid_until,
            benches: vec![Bench {
                class: Digest::default(),
                machine: String::new(),
                device: String::new(),
                memory_free: 1 << 30,
                slots: 1,
                services: Vec::new(),
            }],
            notaries: Vec::new(),
            addresses: addresses.clone(),
            reachability: Reachability::Unknown,
            standing: None,
        };
        Signed::seal(offer, &key, network).into_signed()
    };
    let book = codec::encode(&(0..OFFERS).map(offer).collect::<Vec<_>>());
    let (_stranger, mut events) = stranger(&address, network, &("library", number, 0_u64)).await;
    while let Some(event) = events.recv().await {
        if let NetworkEvent::Asked { reply, .. } = event {
            reply.answer(book.clone());
        }
    }
}

/// A peer of the network that nobody knows.
async fn stranger(
    address: &str,
    network: Digest,
    name: &impl serde::Serialize,
) -> (Network, tokio::sync::mpsc::Receiver<NetworkEvent>) {
    let settings = NetworkSettings {
        secret: codec::digest("stranger", name).0,
        listen: vec![own_address(1)],
        known: vec![(id(NOTARY), address.to_owned())],
        network,
        notaries: Vec::new(),
        limits: Limits::default(),
    };
    Network::start(settings, Arc::new(Source(|_: &Digest, _: &PeerId| None))).await.unwrap()
}
