//! A small network of honest peers, real processes all of them.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use assay_cli::{
    Bundle,
    commands::demo::{
        feed::{Feed, PeerEvent},
        network::DemoNetwork,
        plan::{CHEAP, Duty, PARTS, PRICE, Part},
    },
};
use assay_market::{
    event::Event,
    view::{BooksView, SubmissionView},
};
use assay_peer::handle::{Handle, ListJobs, ListOffers, StopProviding};
use assay_protocol::{id::Digest, units::Amount};
use rustix::process::{Pid, Signal, kill_process};

use crate::assay::BINARY;

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);

/// What the rules of every town say otherwise: whoever is to say something may be slow, as on a machine that has much else to do.
/// Nobody is waited for who has said it, and no job that is not drawn is open for longer.
const UNHURRIED: [(&str, &str); 5] = [
    ("claim", "\"1m\""),
    ("input", "\"10s\""),
    ("underway", "\"1m\""),
    ("unbonding", "\"1h\""),
    ("settle_max", "\"1h\""),
];
/// The same where every job is drawn, so that none is open for as long as a check might take.
const DRAWN: [(&str, &str); 4] =
    [("ramp", "1000"), ("reveal", "\"1m\""), ("seal", "\"1m\""), ("opening", "\"1m\"")];
/// What whoever lives in a town settles: a run is begun on a machine that has much else to do.
const SETTINGS: &str = "[client]\nrun_max = \"20s\"\n";

/// Whoever checks what ada runs.
pub(crate) const CHECKERS: [&str; 3] = ["ben", "cleo", "dan"];

/// A network in which ada sells and everybody else checks.
pub(crate) struct Town {
    pub(crate) network: DemoNetwork,
    feed: Feed,
}

impl Town {
    /// Starts the peers and waits until the client knows ada's offer. Every job is checked there.
    pub(crate) async fn start() -> Self {
        Self::begin(drawn).await
    }

    /// The same with another network file.
    pub(crate) async fn begin(rewrite: impl Fn(&str) -> String) -> Self {
        let honest: Vec<Part> = PARTS.into_iter().filter(|part| part.duty != Duty::Cheat).collect();
        Self::of(&honest, rewrite).await
    }

    /// One in which mallory makes results up, and sells them for less.
    pub(crate) async fn with_cheat() -> Self {
        let mut town = Self::of(&PARTS, drawn).await;
        let mallory = town.network.peer("mallory");
        let id = mallory.id;
        mallory.provide(CHEAP).await.unwrap();
        let is_seen = |event: &Event| matches!(event, Event::OfferSeen { provider } if *provider == id);
        town.hear("you", is_seen).await;
        town
    }

    async fn of(parts: &[Part], rewrite: impl Fn(&str) -> String) -> Self {
        let mut network = DemoNetwork::found(Path::new(BINARY), parts).unwrap();
        let file = rewrite(&otherwise(&fs::read_to_string(network.file()).unwrap(), &UNHURRIED));
        let homes = network.peers().iter().map(|peer| peer.home.network());
        homes.chain([network.file()]).for_each(|path| fs::write(path, &file).unwrap());
        network.peers().iter().for_each(|peer| fs::write(peer.home.settings(), SETTINGS).unwrap());
        network.start().await.unwrap();
        let feed = Feed::open(&network).await.unwrap();
        network.peer("you").account().await.unwrap();
        network.peer("ada").provide(PRICE).await.unwrap();
        let mut town = Self { network, feed };
        let is_seen = |event: &Event| matches!(event, Event::OfferSeen { .. });
        town.hear("you", is_seen).await;
        town
    }

    /// Has ada read a seven.
    pub(crate) async fn submit(&self) -> Digest {
        let ada = self.network.peer("ada").id;
        self.network.peer("you").submit(&Bundle::all()[0].samples[0], Some(ada)).await.unwrap()
    }

    /// Has ada offer nothing any more, and waits until the client knows: what is ordered then waits half a minute for somebody,
    /// and not just a moment.
    pub(crate) async fn sells_nothing(&self) {
        let [ada, you] = ["ada", "you"].map(|name| self.network.peer(name));
        ada.connect().await.unwrap().call(StopProviding).await.unwrap();
        let (you, deadline) = (you.connect().await.unwrap(), Instant::now() + PATIENCE);
        while !you.call(ListOffers).await.unwrap().is_empty() {
            assert!(Instant::now() < deadline, "what is offered no more is known for ever");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    /// Holds peers still, but not what they have begun to run. What waits for them goes on once they are let go, and not before,
    /// however slow whoever looks at it is.
    pub(crate) fn hold(&self, names: &[&str]) {
        self.signal(names, Signal::STOP);
    }

    /// Lets peers that were held go on.
    pub(crate) fn let_go(&self, names: &[&str]) {
        self.signal(names, Signal::CONT);
    }

    fn signal(&self, names: &[&str], signal: Signal) {
        for name in names {
            let process = self.network.peer(name).process_id().unwrap();
            kill_process(Pid::from_raw(process.cast_signed()).unwrap(), signal).unwrap();
        }
    }

    /// Waits until something happens at a peer.
    pub(crate) async fn hear(&mut self, name: &str, is_it: impl Fn(&Event) -> bool) -> Event {
        let wait = async {
            while let Some(PeerEvent { place, event }) = self.feed.next().await {
                if self.network.peers()[place].name == name && is_it(&event) {
                    return event;
                }
            }
            panic!("every peer is gone");
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{name} never said it"))
    }

    /// Waits until a submission has come to its end.
    pub(crate) async fn end_of(&self, key: Digest) -> SubmissionView {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A client that was just killed may need a moment.
            let job = self.network.peer("you").job(key).await;
            if let Some(job) = job.as_ref().ok().filter(|job| job.submission.ended) {
                return job.submission.clone();
            }
            assert!(Instant::now() < deadline, "the job never ends: {job:?}");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    /// Nothing is held, nothing appeared or vanished, nothing was paid twice, and the journal replays to the same books.
    pub(crate) async fn check_books(&self) {
        let books = closed_books(&self.network, Instant::now() + PATIENCE).await;
        let boxes = [books.free, books.stake, books.held, books.pool];
        let sum = boxes.into_iter().try_fold(Amount::ZERO, Amount::plus).unwrap();
        assert_eq!(sum, books.minted.minus(books.burned).unwrap());
        let ada = books.accounts.iter().find(|account| account.peer == self.network.peer("ada").id).unwrap();
        let most = Amount::credits(12).plus(PRICE.times(books.closed).unwrap()).unwrap();
        assert!(ada.free.plus(ada.stake).unwrap() <= most, "ada was paid twice: {books:?}");
        let audited = self.network.peer("you").audit().await.unwrap();
        assert_eq!(audited.divergence, None);
        assert!(audited.entries > 0);
    }
}

/// The same rules, by which every job is checked: it closes as soon as that is done, and no test waits to see how long it may take.
pub(crate) fn drawn(file: &str) -> String {
    otherwise(file, &DRAWN)
}

/// The same rules, by which a job that was not drawn closes as soon as one that was.
pub(crate) fn by_lot(file: &str) -> String {
    otherwise(file, &[("window", "\"5s\"")])
}

/// The same rules but for these.
fn otherwise(file: &str, rules: &[(&str, &str)]) -> String {
    let (mut changed, mut found) = (String::new(), 0);
    for line in file.lines() {
        let rule = rules.iter().find(|(key, _)| line.split(" = ").next() == Some(*key));
        found += usize::from(rule.is_some());
        changed += &rule.map_or_else(|| line.to_owned(), |(key, value)| format!("{key} = {value}"));
        changed += "\n";
    }
    assert_eq!(found, rules.len(), "each is a rule, once: {file}");
    changed
}

/// The books of a network once every job in them is closed; nothing is held then.
pub(crate) async fn closed_books(network: &DemoNetwork, deadline: Instant) -> BooksView {
    let books = loop {
        let books = network.peer("nora").books().await.unwrap();
        if books.open == 0 {
            break books;
        }
        assert!(Instant::now() < deadline, "a job never closes: {books:?}");
        tokio::time::sleep(LOOK_STEP).await;
    };
    assert_eq!(books.held, Amount::ZERO);
    books
}

/// All jobs of its own that a daemon remembers, oldest first, page by page.
pub(crate) async fn all_jobs(handle: &Handle) -> Vec<SubmissionView> {
    let mut all: Vec<SubmissionView> = Vec::new();
    loop {
        let after = all.last().map(|job| job.key);
        let page = handle.call(ListJobs { after, ..ListJobs::default() }).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page.into_iter().map(|job| job.submission));
    }
}
