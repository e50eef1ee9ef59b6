//! How long honest jobs take while strangers do what they can: figures, not a test of every day.
//!
//! The strangers are a process of their own, which this one starts from itself. They keep 64 connections half open and 256
//! idle, write unsigned gossip and send what is no message, 10,000 of each a second as far as they are taken, and
//! tell of 10,000 offers with eight addresses each; meanwhile 400 users wait at the client. Four of the addresses of this
//! machine are the strangers' own, so that no bound on one of them keeps them out. They say each second what they did.
//!
//! **Invariant:** nothing of the strangers is in the process that is measured, but the machine is the same.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
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
    units::Timestamp,
};
use libp2p::{Multiaddr, futures::StreamExt, ping, request_response, swarm::SwarmEvent};
use tokio::{
    io::AsyncReadExt,
    task::JoinSet,
    time::{interval, sleep, timeout},
};
use tracing::{Level, Metadata, Subscriber, span};

use crate::{
    gossipers::gossiper,
    home::House,
    market::{CLIENT, Market, NOTARY, until},
    strangers::{self, enters, stranger},
    world::{Source, id},
};

/// Jobs that are timed, in peace and under the flood.
const JOBS: usize = 20;
/// How long the flood lasts, over which the jobs are spread.
const FLOOD: Duration = Duration::from_secs(60);
/// What a newcomer has until it is in, and how many try.
const JOIN_MAX: Duration = Duration::from_secs(5);
const NEWCOMERS: u8 = 5;
/// Users who wait.
const WAITING: usize = 400;
/// Connections that say nothing at all, and that say who they are and no more.
const HALF_OPEN: usize = 64;
const IDLE: usize = 256;
/// Of each kind of junk: so many every so often, 10,000 a second.
const BURST: usize = 100;
const EVERY: Duration = Duration::from_millis(10);
/// Who publishes, and who sends what is no message, at a time.
const SPEAKERS: usize = 4;
/// What is under way of one of them, at most.
const UNDER_WAY_MAX: usize = 128;
/// Who tells of offers, how often, and of how many each time: as many as are read.
const TELLERS: u16 = 4;
const TALES: u16 = 10;
const OFFERS: u16 = 256;
/// What somebody waits who was kept out.
const AGAIN: Duration = Duration::from_millis(250);
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
    let [notary, client] = [market.call(NOTARY, ShowStatus).await, market.call(CLIENT, ShowStatus).await];
    let mut strangers = Strangers::begin(&notary, &client);
    let flooded = times(&market, FLOOD / JOBS as u32).await;
    eprintln!("quiet    {}", figures(&quiet));
    eprintln!("flooded  {}", figures(&flooded));
    let mut joined = Vec::new();
    for number in 0..NEWCOMERS {
        joined.push(join(&market, 77 + number).await);
    }
    let (during, junk, said) = (resident(), market.call(NOTARY, ShowStatus).await.malformed, lines() - said);
    let known = market.call(CLIENT, ShowStatus).await.offers;
    assert!(strangers.process.try_wait().unwrap().is_none() && junk > 0, "there was no flood: {junk}");
    eprintln!("joined   {joined:?}");
    eprintln!("memory   {before} KiB in peace, {during} KiB under the flood, {WAITING} users included");
    eprintln!(
        "said     {said} lines of six peers in {FLOOD:?}, the notary of {junk} messages that were none"
    );
    eprintln!("known    {known} offers at the client");
    eprintln!("they     {}", strangers.told());
    assert!(flooded[JOBS - 1] <= 2 * quiet[JOBS * 95 / 100], "{flooded:?}");
    assert!(joined.iter().all(|took| *took <= JOIN_MAX), "{joined:?}");
    drop((strangers, waiting));
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
async fn join(market: &Market, seed: u8) -> Duration {
    let file = NetworkFile::read(&market.house(CLIENT).home.network()).unwrap();
    let house = House::new(seed, file.genesis, file.contacts);
    let begun = Instant::now();
    let newcomer = house.start().await;
    let account = newcomer.handle.call(ShowAccount::default()).await;
    let took = begun.elapsed();
    newcomer.stop().await;
    if let Err(error) = account {
        eprintln!("a newcomer has no account after {took:?}: {error}");
    }
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
struct Strangers {
    process: Child,
    told: Arc<Mutex<String>>,
}

impl Strangers {
    /// Begins strangers, who yield to whoever wants the processor.
    fn begin(notary: &StatusView, client: &StatusView) -> Self {
        let mut command = Command::new("nice");
        command.arg("-n19").arg(env::current_exe().unwrap());
        command.args(["--exact", "floods::what_strangers_do", "--ignored", "--nocapture"]);
        let (at, client) = (&notary.addresses[0], &client.addresses[0]);
        command.env(TARGET, format!("{at} {client} {} {}", notary.network, notary.started.0));
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let (said, told) = (process.stdout.take().unwrap(), Arc::<Mutex<String>>::default());
        let last = Arc::clone(&told);
        thread::spawn(move || {
            let lines = BufReader::new(said).lines().map_while(Result::ok);
            lines.filter(|line| line.starts_with(TOLD)).for_each(|line| *last.lock().unwrap() = line);
        });
        Self { process, told }
    }

    /// What they said last of what they did.
    fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }
}

impl Drop for Strangers {
    fn drop(&mut self) {
        // One that is gone already is what is wanted.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// How a line begins by which strangers say what they did.
const TOLD: &str = "after ";

/// What strangers did.
#[derive(Default)]
struct Deeds {
    half_open: AtomicU64,
    idle: AtomicU64,
    gossips: Arc<AtomicU64>,
    gossipers: AtomicU64,
    answered: AtomicU64,
    names: AtomicU64,
    books: AtomicU64,
}

/// Whom strangers are after.
#[derive(Clone)]
struct Target {
    notary: Multiaddr,
    client: Multiaddr,
    network: Digest,
    until: Timestamp,
    deeds: Arc<Deeds>,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the strangers of the flood, who are started by it"]
#[allow(clippy::print_stdout, reason = "how strangers say what they did")]
async fn what_strangers_do() {
    let Ok(target) = env::var(TARGET) else { return };
    let [notary, client, network, now] = target.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let until = Timestamp(now.parse().unwrap()).after(assay_protocol::units::Duration::seconds(900));
    let [notary, client] = [notary, client].map(|address| address.parse().unwrap());
    let target = Target { notary, client, network: network.parse().unwrap(), until, deeds: Arc::default() };
    let mut flood = JoinSet::new();
    flood.spawn(half_open(target.clone()));
    (0..IDLE).for_each(|number| drop(flood.spawn(idle(number, target.clone()))));
    (0..SPEAKERS).for_each(|number| drop(flood.spawn(unsigned_gossip(number, target.clone()))));
    (0..SPEAKERS).for_each(|number| drop(flood.spawn(junk(number, target.clone()))));
    (0..TELLERS).for_each(|number| drop(flood.spawn(tell(number, target.clone()))));
    let (begun, mut tick) = (Instant::now(), interval(Duration::from_secs(1)));
    loop {
        tick.tick().await;
        let Deeds { half_open, idle, gossips, gossipers, answered, names, books } = &*target.deeds;
        let gossips = &**gossips;
        let [half_open, idle, gossips, gossipers, answered, names, books] =
            [half_open, idle, gossips, gossipers, answered, names, books]
                .map(|counter| counter.load(Ordering::Relaxed));
        let seconds = begun.elapsed().as_secs().max(1);
        println!(
            "{TOLD}{seconds} s: {half_open} half open and {idle} idle at a time; a second {} gossips of {gossipers} names \
             in all taken, {} messages answered to {names} names in all; {books} books read",
            gossips / seconds,
            answered / seconds,
        );
    }
}

/// Keeps connections half open: whatever is hung up on is begun anew.
async fn half_open(target: Target) {
    let notary = strangers::socket_of(&target.notary);
    let mut held = JoinSet::new();
    loop {
        while held.len() < HALF_OPEN {
            let deeds = target.deeds.clone();
            held.spawn(async move {
                if let Some(mut stream) = strangers::knock(notary).await {
                    count(&deeds.half_open);
                    // Whatever is heard is not answered.
                    while stream.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {}
                    deeds.half_open.fetch_sub(1, Ordering::Relaxed);
                }
                sleep(AGAIN).await;
            });
        }
        held.join_next().await;
    }
}

async fn idle(number: usize, target: Target) {
    let mut swarm = stranger(ping::Behaviour::default(), number);
    loop {
        if enters(&mut swarm, &target.notary).await {
            count(&target.deeds.idle);
            while !matches!(swarm.select_next_some().await, SwarmEvent::ConnectionClosed { .. }) {}
            target.deeds.idle.fetch_sub(1, Ordering::Relaxed);
        }
        sleep(AGAIN).await;
    }
}

/// Whoever is kept out goes on under another name.
async fn unsigned_gossip(number: usize, target: Target) {
    use request_response::Event;
    loop {
        let (burst, taken) = ((BURST / SPEAKERS) as u64, Arc::clone(&target.deeds.gossips));
        let mut swarm = stranger(gossiper(&target.network, burst, EVERY, taken), number);
        count(&target.deeds.gossipers);
        let mut is_in = enters(&mut swarm, &target.notary).await;
        let peer = swarm.connected_peers().next().copied();
        peer.iter().for_each(|peer| _ = swarm.behaviour_mut().send_request(peer, ()));
        while is_in {
            is_in = !matches!(
                swarm.select_next_some().await,
                SwarmEvent::ConnectionClosed { .. } | SwarmEvent::Behaviour(Event::OutboundFailure { .. })
            );
        }
        sleep(AGAIN).await;
    }
}

/// Whoever is kept out goes on under another name.
async fn junk(number: usize, target: Target) {
    use request_response::{Event, Message};
    let mut tick = interval(EVERY);
    loop {
        let mut swarm = stranger(strangers::junk(&target.network), number);
        count(&target.deeds.names);
        let (mut is_in, mut under_way) = (enters(&mut swarm, &target.notary).await, 0);
        while is_in {
            tokio::select! {
                event = swarm.select_next_some() => match event {
                    SwarmEvent::ConnectionClosed { .. } => is_in = false,
                    SwarmEvent::Behaviour(Event::Message { message: Message::Response { .. }, .. }) => {
                        under_way -= 1;
                        count(&target.deeds.answered);
                    }
                    SwarmEvent::Behaviour(Event::OutboundFailure { .. }) => under_way -= 1,
                    _ => {}
                },
                _ = tick.tick() => {
                    let Some(peer) = swarm.connected_peers().next().copied() else { break };
                    let more = UNDER_WAY_MAX.saturating_sub(under_way).min(BURST / SPEAKERS);
                    (0..more).for_each(|_| _ = swarm.behaviour_mut().send_request(&peer, vec![7; 512]));
                    under_way += more;
                }
            }
        }
        sleep(AGAIN).await;
    }
}

/// Comes as a peer that knows offers, and again under another name once it has told of them, to the notary and the client.
async fn tell(number: u16, target: Target) {
    for tale in (0..TALES).map(|tale| number * TALES + tale) {
        let book = codec::encode(&strangers::library(&target.network, tale, OFFERS, target.until));
        for (to, at) in [(id(NOTARY), &target.notary), (id(CLIENT), &target.client)] {
            let settings = NetworkSettings {
                secret: codec::digest("teller", &(tale, to)).0,
                listen: Vec::new(),
                nearby: Vec::new(),
                known: vec![(to, at.to_string())],
                network: target.network,
                notaries: Vec::new(),
                limits: Limits::default(),
            };
            let nothing = Arc::new(Source(|_: &Digest, _: &PeerId| None));
            let (network, mut events) = Network::start(settings, nothing).await.unwrap();
            let asked = async {
                while let Some(event) = events.recv().await {
                    if let NetworkEvent::Asked { reply, .. } = event {
                        reply.answer(book.clone());
                        count(&target.deeds.books);
                        return;
                    }
                }
            };
            _ = timeout(JOIN_MAX, asked).await;
            // Its answer leaves before it does, which nobody tells it.
            sleep(AGAIN).await;
            network.shutdown().await;
        }
    }
    std::future::pending().await
}
