//! What notaries hold for the jobs of this client, as far as it was shown their tickets.
//!
//! **Invariant:** nothing here changes the client; what is told of a job is told until its close is proven.

use alloc::vec::Vec;

use assay_protocol::{
    deadline,
    genesis::Genesis,
    id::{Digest, JobId},
};

use super::Client;
use crate::held_money::HeldMoney;

impl Client {
    /// All of it, what is free first first.
    pub(in crate::node) fn held(&self, genesis: &Genesis) -> Vec<HeldMoney> {
        let mut held: Vec<HeldMoney> =
            self.attempts.keys().filter_map(|job| self.held_for(*job, genesis)).collect();
        held.sort_unstable_by_key(|held| (held.until, held.job));
        held
    }

    /// What is held for one submission.
    pub(in crate::node) fn held_of(&self, key: Digest, genesis: &Genesis) -> Vec<HeldMoney> {
        let Some(submitted) = self.submissions.get(&key) else { return Vec::new() };
        let jobs = submitted.attempts.iter().chain(&submitted.waived);
        jobs.filter_map(|job| self.held_for(*job, genesis)).collect()
    }

    fn held_for(&self, job: JobId, genesis: &Genesis) -> Option<HeldMoney> {
        let attempt = self.attempts.get(&job).filter(|attempt| attempt.may_close())?;
        let (ticket, order) = (attempt.ticket.as_ref()?, &attempt.order);
        Some(HeldMoney {
            submission: attempt.key,
            job,
            manifest: order.manifest.name.clone(),
            notary: order.notary,
            amount: attempt.held(),
            price: attempt.price().unwrap_or_default().min(attempt.held()),
            until: ticket.standing.opened.after(deadline::settle(genesis, order)),
        })
    }
}
