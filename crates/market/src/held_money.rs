//! Money that a notary holds for a job of this peer's: how much, and until when.

use alloc::string::String;

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    units::{Amount, Timestamp},
};

/// What is held for one job that is open.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HeldMoney {
    /// What its user wanted.
    pub submission: Digest,
    /// Which order of that.
    pub job: JobId,
    /// What runs.
    pub manifest: String,
    /// Who holds it.
    pub notary: PeerId,
    /// How much, which is all that can be lost.
    pub amount: Amount,
    /// What of it is the price: of the longest run, and once it was claimed of what it took.
    pub price: Amount,
    /// When it is paid or back at the latest, while the notary runs and nobody disputes the result.
    pub until: Timestamp,
}

impl HeldMoney {
    /// What of it is beyond the price: that comes back, but for the fees of checks and of the job's place.
    #[must_use]
    pub fn beyond_price(&self) -> Amount {
        self.amount.minus_up_to(self.price)
    }
}
