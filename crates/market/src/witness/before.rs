//! The books before a fact, and what of them is looked at after it.
//!
//! **Invariant:** what is noted of an account or a job is how it was when it was last looked at; what no fact touched
//! since is so still.

use alloc::collections::{BTreeMap, BTreeSet};

use assay_protocol::{
    id::{JobId, PeerId},
    job::Job,
};

use crate::ledger::{Ledger, OpenJob, Touched};

/// The books before a fact, as far as the rules ask for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    pub(super) wealth: BTreeMap<PeerId, u64>,
    pub(super) stakes: BTreeMap<PeerId, u64>,
    pub(super) jobs: BTreeMap<JobId, Job>,
}

/// What of the books is looked at.
pub(super) struct Scope {
    pub(super) jobs: BTreeSet<JobId>,
    pub(super) accounts: BTreeSet<PeerId>,
}

impl Before {
    /// Takes over what is so now.
    pub(super) fn note(&mut self, ledger: &Ledger, scope: &Scope) {
        for peer in &scope.accounts {
            if let Some(account) = ledger.accounts().get(peer) {
                self.wealth.insert(*peer, wealth(ledger, *peer));
                self.stakes.insert(*peer, account.stake.0);
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
        let (jobs, mut accounts) = (touched.jobs.clone(), touched.accounts.clone());
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

/// All that is anybody's: in the account, in open jobs, or owed.
pub(super) fn wealth(ledger: &Ledger, peer: PeerId) -> u64 {
    let own = ledger.accounts().get(&peer).map_or(0, |account| account.free.0 + account.at_stake().0);
    own + ledger.held_of(peer).0 + ledger.owed(Some(peer)).0
}
