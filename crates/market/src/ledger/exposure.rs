//! What providers' stakes stand for: each of their open jobs by its stage, and one jury.
//!
//! **Invariant:** an account's exposure is the sum of what its open jobs take, its reserve the jury of the dearest; when a
//! job is opened both together fit the stake, and nothing that stands for them can be withdrawn.

use assay_protocol::{exposure, genesis::Genesis, id::PeerId, job::Job, units::Amount};

use super::{Holdings, Ledger, boxes::sum, tracked::Tracked};

impl Holdings {
    /// What the jury over its dearest open job can cost.
    #[must_use]
    pub fn reserve(&self) -> Amount {
        self.juries.last_key_value().map(|(jury, _)| *jury).unwrap_or_default()
    }

    /// What of its stake stands for its open jobs, and cannot be withdrawn.
    #[must_use]
    pub fn engaged(&self) -> Amount {
        sum(self.exposed, self.reserve())
    }
}

impl Ledger {
    /// Has a stake stand for a job that was just opened; says how much of it.
    pub(super) fn expose(accounts: &mut Tracked<PeerId, Holdings>, genesis: &Genesis, job: &Job) -> Amount {
        if !job.ticket().covered {
            return Amount::ZERO;
        }
        let taken = exposure::of(genesis, job);
        let provider = accounts.or_default(job.order().provider);
        provider.exposed = sum(provider.exposed, taken);
        *provider.juries.entry(exposure::jury(genesis, job.order())).or_default() += 1;
        taken
    }

    /// Takes back what a job takes no more, now that it has moved on; says how much it takes.
    pub(super) fn relieve(
        accounts: &mut Tracked<PeerId, Holdings>,
        genesis: &Genesis,
        job: &Job,
        taken: Amount,
    ) -> Amount {
        let now = if job.ticket().covered { exposure::of(genesis, job) } else { Amount::ZERO };
        if now != taken {
            let provider = accounts.or_default(job.order().provider);
            provider.exposed = sum(provider.exposed.minus_up_to(taken), now);
        }
        now
    }
}

impl Holdings {
    /// Takes back all that a job took, now that it is closed.
    pub(super) fn discharge(&mut self, genesis: &Genesis, job: &Job, taken: Amount) {
        if !job.ticket().covered {
            return;
        }
        self.exposed = self.exposed.minus_up_to(taken);
        let jury = exposure::jury(genesis, job.order());
        if let Some(count) = self.juries.get_mut(&jury) {
            *count -= 1;
            if *count == 0 {
                self.juries.remove(&jury);
            }
        }
    }
}
