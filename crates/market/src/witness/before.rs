//! The books before a fact, and what of them is looked at after it.
//!
//! **Invariant:** what is noted of an account or a job is how it was when it was last looked at; what no fact touched
//! since is so still.

use alloc::collections::{BTreeMap, BTreeSet};

use assay_protocol::{
    exposure,
    genesis::Genesis,
    id::{JobId, PeerId},
    job::Job,
    remainder,
};

use crate::ledger::{Ledger, OpenJob, Touched};

/// The books before a fact, as far as the rules ask for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    pub(super) wealth: BTreeMap<PeerId, u64>,
    pub(super) stakes: BTreeMap<PeerId, u64>,
    /// What of each stake others won and have not got yet.
    pub(super) forfeited: BTreeMap<PeerId, u64>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    /// What open jobs come to for each account: as they are now, once a fact was taken in.
    pub(super) sums: Sums,
}

/// What open jobs come to, by account: kept up with each job that is touched, so that nobody has to look at all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    by_account: BTreeMap<PeerId, Stands>,
    /// What each job was counted as.
    counted: BTreeMap<JobId, (PeerId, PeerId, Stands)>,
}

/// What open jobs come to for one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stands {
    /// What they hold of its money, as a client.
    pub(super) held: u64,
    /// What of its stake stands for them, as a provider.
    pub(super) exposed: u64,
    /// Those it serves.
    pub(super) serving: BTreeSet<JobId>,
}

impl Sums {
    /// Counts a job as it stands now, or no more.
    fn count(&mut self, genesis: &Genesis, id: JobId, open: Option<&OpenJob>) {
        if let Some((client, provider, stands)) = self.counted.remove(&id) {
            self.change(client, |of| of.held -= stands.held);
            self.change(provider, |of| {
                of.exposed -= stands.exposed;
                of.serving.remove(&id);
            });
        }
        let Some(job) = open.map(|open| &open.job) else { return };
        let (order, covered) = (job.order(), job.ticket().covered);
        let held = order.total_max.0 + job.pledged().0 - remainder::of(genesis, job).0;
        let exposed = if covered { exposure::of(genesis, job).0 } else { 0 };
        self.change(order.client, |of| of.held += held);
        self.change(order.provider, |of| {
            of.exposed += exposed;
            of.serving.insert(id);
        });
        let stands = Stands { held, exposed, serving: BTreeSet::new() };
        self.counted.insert(id, (order.client, order.provider, stands));
    }

    fn change(&mut self, peer: PeerId, change: impl FnOnce(&mut Stands)) {
        let stands = self.by_account.entry(peer).or_default();
        change(stands);
        if *stands == Stands::default() {
            self.by_account.remove(&peer);
        }
    }

    /// What open jobs come to for this account.
    pub(super) fn of(&self, peer: PeerId) -> Stands {
        self.by_account.get(&peer).cloned().unwrap_or_default()
    }

    /// The same, counted from nothing.
    pub(super) fn counted(genesis: &Genesis, ledger: &Ledger) -> Self {
        let mut sums = Self::default();
        ledger.open_jobs().for_each(|open| sums.count(genesis, open.job.id(), Some(open)));
        sums
    }
}

/// What of the books is looked at.
pub(super) struct Scope {
    pub(super) jobs: BTreeSet<JobId>,
    pub(super) accounts: BTreeSet<PeerId>,
}

impl Before {
    /// Counts the jobs in this scope as they stand now.
    pub(super) fn stand(&mut self, genesis: &Genesis, ledger: &Ledger, scope: &Scope) {
        scope.jobs.iter().for_each(|job| self.sums.count(genesis, *job, ledger.open_job(*job)));
    }

    /// Takes over what is so now.
    pub(super) fn note(&mut self, genesis: &Genesis, ledger: &Ledger, scope: &Scope) {
        self.stand(genesis, ledger, scope);
        for peer in &scope.accounts {
            if let Some(account) = ledger.accounts().get(peer) {
                self.wealth.insert(*peer, wealth(ledger, *peer));
                self.stakes.insert(*peer, account.stake.0);
                self.forfeited.insert(*peer, account.forfeited().0);
            }
        }
        for job in &scope.jobs {
            match ledger.open_job(*job) {
                Some(open) => self.jobs.insert(*job, open.job.clone()),
                None => self.jobs.remove(job),
            };
        }
    }

    pub(super) fn wealth(&self, peer: PeerId) -> u64 {
        self.wealth.get(&peer).copied().unwrap_or_default()
    }
}

impl Scope {
    /// All there is.
    pub(super) fn everything(ledger: &Ledger) -> Self {
        let jobs = ledger.open_jobs().map(|open| open.job.id()).collect();
        Self { jobs, accounts: ledger.accounts().keys().copied().collect() }
    }

    /// What a fact touched, with the parties of its jobs.
    pub(super) fn touched(ledger: &Ledger, before: &Before, touched: &Touched) -> Self {
        let jobs: BTreeSet<JobId> = touched.jobs.iter().copied().collect();
        let mut accounts: BTreeSet<PeerId> = touched.accounts.iter().copied().collect();
        for job in &jobs {
            let open = ledger.open_job(*job).map(|open| &open.job);
            if let Some(job) = open.or_else(|| before.jobs.get(job)) {
                accounts.extend([job.order().client, job.order().provider]);
            }
        }
        Self { jobs, accounts }
    }

    /// The open jobs in it.
    pub(super) fn open_jobs<'a>(&'a self, ledger: &'a Ledger) -> impl Iterator<Item = &'a OpenJob> {
        self.jobs.iter().filter_map(|job| ledger.open_job(*job))
    }
}

/// All that is anybody's: in the account, in open jobs, or owed. What others won of a stake is in it until they have got it.
pub(super) fn wealth(ledger: &Ledger, peer: PeerId) -> u64 {
    let own = ledger.accounts().get(&peer).map_or(0, |account| account.free.0 + account.slashable().0);
    own + ledger.held_of(peer).0 + ledger.owed(Some(peer)).0
}
