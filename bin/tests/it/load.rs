//! A network under load, whatever happens to its peers meanwhile, and what must be true of it in the end: what was
//! acknowledged is there, every job ends, nothing is paid twice, the audit is clean and no honest stake is touched.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use assay_cli::{
    Bundle,
    commands::demo::{
        network::DemoNetwork,
        plan::{Duty, PARTS, PRICE, Part, STAKE},
    },
};
use assay_market::view::{AttemptState, SubmissionView};
use assay_peer::{
    config::NetworkFile,
    handle::{ListOffers, ListRuns, ShowStatus},
};
use assay_protocol::{
    id::{Digest, PeerId},
    outcome::Outcome,
    payout::Settlement,
    receipt::Receipt,
    units::Amount,
};
use tokio::time::timeout;

use crate::town::{all_jobs, closed_books};

/// The longest that a test waits for something. What was asked for often is asked for again after a minute, and a job may
/// have to wait for that twice, beside its window of half a minute.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks.
pub(crate) const LOOK_STEP: Duration = Duration::from_millis(50);
/// Set to a number, this chooses what chance decides.
pub(crate) const SEED: &str = "ASSAY_SEED";
/// Set to a folder, this has the homes of a network kept there in which something was wrong.
const KEPT: &str = "ASSAY_KEPT";

/// Jobs that are open at a time, at most: more than four providers run, of which some are always down.
const OPEN_MAX: u64 = 12;
/// Set to a number, so many are open at a time instead.
const OPEN: &str = "ASSAY_OPEN";
/// Between two looks at what nothing seems to happen to.
const STILL: Duration = Duration::from_secs(5);
/// What the client begins with: enough for as many jobs as a test orders.
const WELCOME: Amount = Amount::credits(100_000);
/// What providers ask: little, so that a stake stands for many jobs at a time, and more than the dues of one.
pub(crate) const ASKED: Amount = Amount(PRICE.0 / 10);

/// A network whose client orders all the time.
pub(crate) struct Load {
    pub(crate) network: DemoNetwork,
    submitted: BTreeSet<Digest>,
}

/// Everybody but who cheats.
pub(crate) fn honest() -> Vec<Part> {
    PARTS.into_iter().filter(|part| part.duty != Duty::Cheat).collect()
}

/// Copies a folder and all in it.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, kind) = (to.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            copy(&entry.path(), &path)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), path)?;
        }
    }
    Ok(())
}

/// What a variable is set to.
pub(crate) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

impl Load {
    /// Of a network that was founded, and in which nothing runs yet.
    pub(crate) fn new(network: DemoNetwork) -> Self {
        let mut file = NetworkFile::read(&network.file()).unwrap();
        file.genesis.money.welcome = WELCOME;
        let homes = network.peers().iter().map(|peer| peer.home.network());
        homes.chain([network.file()]).for_each(|path| fs::write(path, file.to_toml()).unwrap());
        Self { network, submitted: BTreeSet::new() }
    }

    /// Has providers offer, once everybody runs, and waits until the client knows an offer.
    pub(crate) async fn open_market(&self) {
        self.network.peer("you").account().await.unwrap();
        for peer in self.network.peers().iter().filter(|peer| peer.duty == Duty::Provider) {
            peer.provide(ASKED).await.unwrap();
        }
        self.offers_are_known().await;
    }

    /// What must be so.
    pub(crate) fn demand(&self, is_so: bool, otherwise: impl FnOnce() -> String) {
        if is_so {
            return;
        }
        if let Ok(folder) = std::env::var(KEPT) {
            for peer in self.network.peers() {
                copy(peer.home.root(), &Path::new(&folder).join(peer.name)).unwrap();
            }
        }
        panic!("{}", otherwise());
    }

    /// Waits until the client knows an offer.
    async fn offers_are_known(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.network.peer("you").connect().await.unwrap().call(ListOffers).await.unwrap().is_empty() {
            assert!(Instant::now() < deadline, "no offer is heard of");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    /// How many jobs are under way, if the client is there to ask.
    async fn open(&self) -> Option<u64> {
        let handle = self.network.peer("you").connect().await.ok()?;
        Some(handle.call(ShowStatus).await.ok()?.jobs_open)
    }

    /// Waits until the notary signs: after a start it asks others first what it said last.
    pub(crate) async fn notary_signs(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let notary = self.network.peer("nora").connect().await.unwrap();
            if !notary.call(ShowStatus).await.unwrap().waits {
                return;
            }
            assert!(Instant::now() < deadline, "the notary signs nothing");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    /// All jobs of the client.
    async fn jobs(&self) -> Vec<SubmissionView> {
        let handle = self.network.peer("you").connect().await.unwrap();
        all_jobs(&handle).await
    }

    /// Lets jobs end while everybody is there, if too many are under way.
    pub(crate) async fn breathe(&self) {
        let most = number(OPEN).unwrap_or(OPEN_MAX);
        if self.open().await.is_none_or(|open| open < most) {
            return;
        }
        let deadline = Instant::now() + PATIENCE;
        while self.open().await.is_none_or(|open| open > most / 2) {
            if Instant::now() >= deadline {
                let waiting = self.waiting(&self.jobs().await).await;
                self.demand(false, || format!("jobs do not end although nobody is disturbed: {waiting}"));
            }
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    /// Has one more picture read, if the client is there to ask.
    pub(crate) async fn submit(&mut self) {
        let sample = &Bundle::all()[0].samples[0];
        let submitted = timeout(PATIENCE, self.network.peer("you").submit(sample, None)).await.unwrap();
        self.submitted.extend(submitted);
    }

    /// Waits until every submission that was acknowledged has come to its end: for as long as one ends now and then.
    pub(crate) async fn all_end(&self) -> Vec<SubmissionView> {
        let (mut deadline, mut ended) = (Instant::now() + PATIENCE, 0);
        loop {
            let jobs = self.jobs().await;
            let known: BTreeSet<Digest> = jobs.iter().map(|job| job.key).collect();
            let lost: Vec<&Digest> = self.submitted.difference(&known).collect();
            self.demand(lost.is_empty(), || format!("acknowledged and lost: {lost:?}"));
            let now_ended = jobs.iter().filter(|job| job.ended).count();
            if now_ended == jobs.len() {
                return jobs;
            }
            if now_ended > ended {
                (ended, deadline) = (now_ended, Instant::now() + PATIENCE);
            }
            if Instant::now() >= deadline {
                let waiting = self.waiting(&jobs).await;
                self.demand(false, || format!("jobs never end: {waiting}"));
            }
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    /// What each open job waits for, as far as anybody says: how far its client is with each attempt, what is done about it
    /// elsewhere, and whether its notary goes on.
    async fn waiting(&self, jobs: &[SubmissionView]) -> String {
        let open: Vec<&SubmissionView> = jobs.iter().filter(|job| !job.ended).collect();
        let mut said = vec![format!("{} of {} are open", open.len(), jobs.len())];
        for peer in self.network.peers() {
            let Ok(handle) = peer.connect().await else {
                said.push(format!("{} is not there", peer.name));
                continue;
            };
            let (status, runs) =
                (handle.call(ShowStatus).await.unwrap(), handle.call(ListRuns).await.unwrap());
            let (near, waits) = (status.neighbours.len(), status.waits);
            said.push(format!(
                "{} knows {near} peers and {} offers, waits: {waits}",
                peer.name, status.offers
            ));
            let of_open =
                |job| open.iter().any(|open| open.attempts.iter().any(|attempt| attempt.job == job));
            said.extend(
                runs.iter().filter(|run| of_open(run.job)).map(|run| format!("{}: {run:?}", peer.name)),
            );
        }
        let notary = self.network.peer("nora");
        let before = notary.books().await.unwrap();
        tokio::time::sleep(STILL).await;
        let after = notary.books().await.unwrap();
        said.push(format!(
            "{} rounds in {STILL:?}, {} jobs in the books",
            after.round - before.round,
            after.open
        ));
        said.extend(open.iter().map(|job| format!("{job:?}")));
        said.join("\n")
    }

    /// What each provider paid from its stake for jobs that could not be checked, by the receipts of all that closed; nobody
    /// may have been slashed, nor have paid for anything else.
    async fn fined(&self, jobs: &[SubmissionView]) -> BTreeMap<PeerId, Amount> {
        let mut fined = BTreeMap::<PeerId, Amount>::new();
        let attempts = jobs.iter().flat_map(|job| &job.attempts);
        for job in attempts.filter(|attempt| attempt.receipt.is_some()).map(|attempt| attempt.job) {
            let bytes = self.network.peer("you").receipt(job).await.unwrap();
            let story = Receipt::from_bytes(&bytes).unwrap().story;
            let Settlement { slashed, fines, .. } = &story.settlement;
            let unreached = story.outcome == Outcome::Unreached || fines.is_empty();
            self.demand(slashed.is_zero() && unreached, || {
                format!("{job:?}: {:?}, {:?}", story.outcome, story.settlement)
            });
            for fine in fines {
                let all = fined.entry(fine.peer).or_default();
                *all = all.plus(fine.amount).unwrap();
            }
        }
        if !fined.is_empty() {
            eprintln!("paid by those who could not be reached: {fined:?}");
        }
        fined
    }

    /// Waits for the end of everything, and looks whether it is right; says how many jobs there were, and how many were
    /// paid.
    pub(crate) async fn check(&self) -> (usize, usize) {
        self.offers_are_known().await;
        let (jobs, deadline) = (self.all_end().await, Instant::now() + PATIENCE);
        let mut paid = 0;
        for job in &jobs {
            let of_it = job.attempts.iter().filter(
                |attempt| matches!(attempt.state, AttemptState::Closed(outcome) if outcome.is_paid()),
            );
            let of_it = of_it.count();
            self.demand(of_it <= 1, || format!("paid twice: {job:?}"));
            paid += of_it;
        }
        let books = closed_books(&self.network, deadline).await;
        let fined = self.fined(&jobs).await;
        assert!(paid > 0, "no job came to anything: {:?}", jobs.last());
        for peer in self.network.peers().iter().filter(|peer| peer.duty == Duty::Provider) {
            let account = books.accounts.iter().find(|account| account.peer == peer.id).unwrap();
            // It pays for what was found out of a job for whose input it could not be reached.
            let fined = fined.get(&peer.id).copied().unwrap_or_default();
            let left = account.stake.plus(fined).unwrap();
            self.demand(left >= STAKE, || format!("{} lost stake beside {fined:?}: {account:?}", peer.name));
        }
        let audited = self.network.peer("you").audit().await.unwrap();
        assert_eq!((audited.divergence, audited.total), (None, audited.supply));
        (jobs.len(), paid)
    }
}
