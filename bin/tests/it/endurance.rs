//! Thousands of jobs through a small network of real processes whose stores hold sixteen mebibytes: nothing is left behind
//! in them, no run fails for want of room, every receipt is kept where it belongs, and no process grows.
//!
//! `ASSAY_ENDURANCE_JOBS` says how many. Takes minutes, so only `.ci/long` runs it.

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use assay_cli::{
    Bundle,
    commands::demo::{
        network::DemoNetwork,
        plan::{Duty, PARTS, PRICE, Part},
    },
};
use assay_market::view::{AttemptState, SubmissionView};
use assay_peer::{
    config::NetworkFile,
    handle::{
        Attachment, Handle, ListOffers, Provide, ReadOutput, ReadReceipt, ServiceWish, ShowStatus, Submit,
        Update, WatchUpdates,
    },
};
use assay_protocol::{
    genesis::{Checks, Genesis, Money, Timers},
    id::{Digest, JobId},
    outcome::Outcome,
    units::{self, Amount},
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::assay::BINARY;

/// Says how many jobs there are.
const JOBS: &str = "ASSAY_ENDURANCE_JOBS";
const JOBS_ASSUMED: u64 = 10_000;
/// Jobs that are open at the same time: most of them wait for the end of their window.
const PARALLEL: usize = 224;
/// And at first, while every job is checked; so many that are over make room for one more.
const PARALLEL_FIRST: usize = 16;
const OVER_FOR_ONE_MORE: usize = 3;
/// Jobs that a seller works on at the same time.
const SLOTS: u16 = 64;
/// Connections that they share.
const CONNECTIONS: u64 = 4;
/// Bytes that the blobs of each peer may take.
const QUOTA_BYTES: u64 = 16 << 20;
/// Bytes of the shortest input, and of the longest: together they fill the store many times over.
const INPUT_BYTES: [u64; 2] = [4 << 10, 80 << 10];
/// So often the processes are looked at.
const LOOKS: u64 = 10;
/// After so many jobs a process is as large as it becomes, but for three tenths: what it remembers of jobs that are over
/// is full.
const GROWN_UP: u64 = 2_000;
/// Who sells. They and one more check.
const SELLERS: [&str; 3] = ["ada", "ben", "cleo"];
/// The longest that anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(200);

/// A network whose jobs are over in seconds and whose stores are small.
struct Crowd {
    network: DemoNetwork,
    /// Ways to the client.
    clients: Vec<Handle>,
    /// What each store keeps for as long as its process lives: the runner and the model.
    kept: Vec<u64>,
}

/// What came of a submission.
#[derive(Clone, Debug)]
struct Ended {
    /// Its jobs that were opened, the last of which was paid, and their receipts.
    receipts: Vec<(JobId, Digest)>,
    outcome: Outcome,
}

impl Crowd {
    async fn start() -> Self {
        let honest: Vec<Part> = PARTS.into_iter().filter(|part| part.duty != Duty::Cheat).collect();
        let mut network = DemoNetwork::found(Path::new(BINARY), &honest).unwrap();
        let genesis = hastened(network.genesis().clone());
        for peer in network.peers() {
            let file = NetworkFile::read(&peer.home.network()).unwrap();
            fs::write(peer.home.network(), NetworkFile { genesis: genesis.clone(), ..file }.to_toml())
                .unwrap();
            let settings =
                format!("[daemon]\nblob_bytes_max = {QUOTA_BYTES}\n\n[client]\nrun_max = \"2s\"\n");
            fs::write(peer.home.settings(), settings).unwrap();
        }
        network.start().await.unwrap();
        network.peer("you").account().await.unwrap();
        for seller in SELLERS {
            let (name, sample) = (Bundle::all()[0].name.to_owned(), Some(Attachment(input(0))));
            let service = ServiceWish { manifest: name, unit_price: PRICE, sample };
            let provide = Provide { services: vec![service], slots: Some(SLOTS), ..Provide::default() };
            network.peer(seller).connect().await.unwrap().call(provide).await.unwrap();
        }
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(network.peer("you").connect().await.unwrap());
        }
        let mut crowd = Self { network, clients, kept: Vec::new() };
        until("the client knows every offer", async || {
            crowd.clients[0].call(ListOffers).await.unwrap().len() == SELLERS.len()
        })
        .await;
        until("every verifier has what it will run", async || {
            let kept = crowd.kept_bytes().await;
            (1..=4).all(|place| kept[place] == kept[1] && kept[1] > 0)
        })
        .await;
        crowd.kept = crowd.kept_bytes().await;
        crowd
    }

    /// Has so many jobs run, and looks at the processes now and then.
    async fn work(&self, jobs: u64) -> Vec<Ended> {
        let (mut running, mut ended, mut next) = (JoinSet::new(), Vec::new(), 0);
        let (began, mut sizes) = (Instant::now(), Vec::new());
        loop {
            let parallel = PARALLEL.min(PARALLEL_FIRST + ended.len() / OVER_FOR_ONE_MORE);
            while next < jobs && running.len() < parallel {
                let client = self.clients[(next % CONNECTIONS) as usize].clone();
                running.spawn(async move {
                    let ended = timeout(PATIENCE, run(&client, next)).await;
                    ended.unwrap_or_else(|_| panic!("job {next} never ends"))
                });
                next += 1;
            }
            let Some(job) = running.join_next().await else { break };
            ended.push(job.unwrap());
            let done = ended.len() as u64;
            if done.is_multiple_of((jobs / LOOKS).max(1)) {
                sizes.push((done, self.look(done, began)));
            }
        }
        let grown_up = sizes.iter().find(|(done, _)| *done >= GROWN_UP);
        for (place, peer) in self.network.peers().iter().enumerate() {
            let (Some((_, before)), Some((_, after))) = (grown_up, sizes.last()) else { continue };
            let (before, after) = (before[place], after[place]);
            assert!(10 * after <= 13 * before, "{} grows from {before} to {after} KiB", peer.name);
        }
        ended
    }

    /// Says how much memory each daemon occupies, in KiB.
    #[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
    fn look(&self, jobs: u64, began: Instant) -> Vec<u64> {
        let sizes: Vec<u64> = self.network.peers().iter().map(|peer| resident(peer.process_id())).collect();
        let words =
            self.network.peers().iter().zip(&sizes).map(|(peer, size)| format!("{} {size}", peer.name));
        println!(
            "{jobs} jobs, {} s, KiB: {}",
            began.elapsed().as_secs(),
            words.collect::<Vec<_>>().join(", ")
        );
        sizes
    }

    /// How many bytes of blobs each peer keeps for somebody.
    async fn kept_bytes(&self) -> Vec<u64> {
        let mut kept = Vec::new();
        for peer in self.network.peers() {
            let status = peer.connect().await.unwrap().call(ShowStatus).await.unwrap();
            assert!(status.blob_bytes <= QUOTA_BYTES, "{}: {} bytes", peer.name, status.blob_bytes);
            kept.push(status.blob_bytes_kept);
        }
        kept
    }

    /// Every receipt is with its client and with the notary, and the books are empty.
    async fn check_receipts(&self, ended: &[Ended]) {
        let nora = self.network.peer("nora").connect().await.unwrap();
        let receipts: Vec<(JobId, Digest)> = ended.iter().flat_map(|end| end.receipts.clone()).collect();
        for (job, receipt) in &receipts {
            let name = job.to_string();
            let filed = nora.call(ReadReceipt { name }).await.unwrap().all().await.unwrap();
            assert_eq!(Digest::of(&filed), *receipt, "the notary has another receipt of {job}");
        }
        for name in ["nora", "you"] {
            let filed = files(&self.network.peer(name).home.receipts());
            assert_eq!(filed, receipts.len(), "receipts at {name}");
        }
        let books = self.network.peer("nora").books().await.unwrap();
        assert_eq!((books.open, books.held, books.closed), (0, Amount::ZERO, receipts.len() as u64));
    }
}

/// The rules with shorter times, so that a job is closed in a quarter of a minute, and with money for all of it.
fn hastened(genesis: Genesis) -> Genesis {
    let timers = Timers {
        tick: units::Duration(200),
        gap_max: units::Duration(400),
        claim: units::Duration::seconds(20),
        reveal: units::Duration::seconds(2),
        seal: units::Duration::seconds(3),
        opening: units::Duration::seconds(2),
        window: units::Duration::seconds(1),
        settle_max: units::Duration::seconds(3_600),
        ..Timers::brisk()
    };
    let mut verifiers = genesis.verifiers.clone();
    verifiers.iter_mut().for_each(|founder| founder.stake = Amount::credits(100_000));
    let money = Money { welcome: Amount::credits(100_000), ..genesis.money };
    Genesis { timers, checks: Checks { ramp: 1, ..Checks::default() }, money, verifiers, ..genesis }
}

/// A picture of a seven, with something behind its end that is another each time.
fn input(number: u64) -> Vec<u8> {
    let picture = Bundle::all()[0].samples[0].bytes;
    let [least, most] = INPUT_BYTES;
    let noise = blake(number);
    let length = least + u64::from_le_bytes(noise[..8].try_into().unwrap()) % (most - least);
    let filling = noise.iter().copied().cycle().take(length as usize);
    picture.iter().copied().chain(filling).collect()
}

fn blake(number: u64) -> [u8; 32] {
    Digest::of(&number.to_le_bytes()).0
}

/// Has one job run, reads its result and its receipt, and says how it ended.
async fn run(client: &Handle, number: u64) -> Ended {
    let submit = Submit {
        manifest: Bundle::all()[0].name.to_owned(),
        input: Attachment(input(number)),
        attempts_max: Some(8),
        ..Submit::default()
    };
    let key = client.call(submit).await.unwrap().key;
    let submission = end_of(client, key).await;
    let attempts = submission.attempts.iter();
    let failed = attempts.clone().any(|attempt| matches!(attempt.state, AttemptState::Failed(_)));
    let closed = attempts.filter_map(|attempt| match attempt.state {
        AttemptState::Closed(outcome) => Some((attempt.job, attempt.receipt?, outcome)),
        AttemptState::Proposed
        | AttemptState::Opening
        | AttemptState::Running
        | AttemptState::Delivered
        | AttemptState::Refused(_)
        | AttemptState::Unanswered
        | AttemptState::Failed(_)
        | AttemptState::Cancelled => None,
    });
    let closed: Vec<_> = closed.collect();
    let last = submission.attempts.last().and_then(|attempt| attempt.output).zip(closed.last());
    let (Some((output, (_, receipt, outcome))), false) = (last, failed) else {
        panic!("submission {number}: {submission:?}")
    };
    assert!(outcome.is_paid(), "submission {number}: {submission:?}");
    client.call(ReadOutput { digest: output, of: None }).await.unwrap().all().await.unwrap();
    let file = client.call(ReadReceipt { name: key.to_string() }).await.unwrap().all().await.unwrap();
    assert_eq!(Digest::of(&file), *receipt, "submission {number}");
    let receipts = closed.iter().map(|(job, receipt, _)| (*job, *receipt)).collect();
    Ended { receipts, outcome: *outcome }
}

/// Waits until a submission has come to its end.
async fn end_of(client: &Handle, key: Digest) -> SubmissionView {
    let mut updates = client.call(WatchUpdates { name: Some(key.to_string()) }).await.unwrap();
    loop {
        match updates.next().await {
            Some(Ok(Update::Job(job))) if job.submission.ended => return job.submission,
            Some(Ok(_)) => {}
            other => panic!("the client ends: {other:?}"),
        }
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let looking = async {
        while !is_so().await {
            sleep(LOOK_STEP).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("it never comes to that: {what}"));
}

/// How many files there are in a folder, however deep.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// KiB of memory that a process occupies.
fn resident(process: Option<u32>) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
#[ignore = "takes minutes"]
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
async fn thousands_of_jobs_leave_nothing_behind_in_small_stores() {
    let jobs = env::var(JOBS).ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(JOBS_ASSUMED);
    let (began, crowd) = (Instant::now(), Crowd::start().await);
    println!("kept before the first job: {:?} bytes", crowd.kept);
    let ended = crowd.work(jobs).await;
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    ended.iter().for_each(|end| *outcomes.entry(format!("{:?}", end.outcome)).or_default() += 1);
    let again = ended.iter().filter(|end| end.receipts.len() > 1).count();
    println!("{} jobs, {} s: {outcomes:?}, {again} of a second job", ended.len(), began.elapsed().as_secs());
    until("nothing is kept that was not before", async || crowd.kept_bytes().await == crowd.kept).await;
    crowd.check_receipts(&ended).await;
}
