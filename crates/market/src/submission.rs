//! A job as its user wants it, before anybody is asked.
//!
//! **Invariant:** its key names it: the same key again is the same job, or is refused.

use alloc::vec::Vec;

use assay_protocol::{
    id::{Digest, PeerId},
    manifest::Manifest,
    order::{Failure, Refusal},
    units::{Amount, Duration, Timestamp, Units, Work},
};

/// Providers that a submission may leave out.
pub const IGNORED_MAX: usize = 64;

/// A job as its user wants it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Submission {
    /// Names the submission: the same key again is the same job.
    pub key: Digest,
    /// The digest of all that its user said, without what was made up for it: the same key with another content is not
    /// the same job.
    pub content: Digest,
    /// What is to run.
    pub manifest: Manifest,
    /// The digest of the blob salt ‖ input, which the shell holds.
    pub input_commit: Digest,
    /// How many bytes that blob has.
    pub input_bytes: u64,
    /// The most units that are paid.
    pub units_max: Units,
    /// The most work that checks are paid for.
    pub work_max: Work,
    /// The longest run that an order asks for: less, where offers say that less is enough.
    pub run_max: Duration,
    /// Re-executions that are paid in advance and must all match; 0 leaves the check to the draw.
    pub checks: u16,
    /// True if it may run although too few others can check it.
    pub unchecked_ok: bool,
    /// The most that may be spent.
    pub cost_max: Amount,
    /// The most that a unit may cost.
    pub unit_price_max: Amount,
    /// Only this provider.
    pub provider: Option<PeerId>,
    /// None of these providers.
    pub ignored: Vec<PeerId>,
    /// Rather this provider than others that are not much better: it knows what was said before.
    pub returns_to: Option<PeerId>,
    /// Providers tried one after another.
    pub attempts_max: u16,
    /// What a provider may keep of a job that is cancelled before it claims; never more than the price.
    pub cancel_fee: Amount,
    /// When it is cancelled, if it has not ended by then.
    pub until: Option<Timestamp>,
}

/// More than is left of what a home may spend a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("this may cost {need}, and of the {most} that this home spends a day at most {left} are left")]
pub struct OverDay {
    /// What may be spent a day.
    pub most: Amount,
    /// What is left of that today.
    pub left: Amount,
    /// What the cheapest order that fits otherwise may cost.
    pub need: Amount,
}

/// More than the client's account holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("the account holds {free}, and the job needs {need} at most")]
pub struct OverFunds {
    /// What can be spent, as its notary last stated it.
    pub free: Amount,
    /// What the account must hold for the order that was refused to be opened.
    pub need: Amount,
}

/// Why offers were not taken up: how many for each reason, and what came of those that were.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unmatched {
    /// Offers known in all.
    pub offers: u64,
    /// That serve another model.
    pub other_model: u64,
    /// That are not the wished-for provider.
    pub other_provider: u64,
    /// Of providers that the user does not want.
    pub ignored: u64,
    /// Above the price of a unit.
    pub price: u64,
    /// Above the total.
    pub cost: u64,
    /// The least that a unit costs of those that are above the price.
    pub price_least: Option<Amount>,
    /// The least that the job would cost in all of those that are above the total, with what attempts at it have cost before.
    pub cost_least: Option<Amount>,
    /// That expired.
    pub expired: u64,
    /// That refused, failed or were tried before.
    pub tried: u64,
    /// That were busy a moment ago.
    pub busy: u64,
    /// That fit, where another is better.
    pub outranked: u64,
    /// That fit, where others have more to lose.
    pub strangers: u64,
    /// That were convicted a short while ago.
    pub convicted: u64,
    /// That are as good as the one on which the lot fell.
    pub lot: u64,
    /// True of some that cost too much: they would not, but for what is left of today.
    pub over_day: Option<OverDay>,
    /// What the account lacks, where that was the last refusal and is known.
    pub over_funds: Option<OverFunds>,
    /// The last refusal.
    pub refusal: Option<Refusal>,
    /// The last failure.
    pub failure: Option<Failure>,
}

impl Unmatched {
    /// True if nobody was left only because whoever fits was busy.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let others = self.tried + self.cost + self.price;
        self.busy > 0 || (others == 0 && self.refusal.is_some_and(is_passing))
    }
}

/// True for refusals that time alone heals: whoever refuses so is busy.
#[must_use]
pub fn is_passing(reason: Refusal) -> bool {
    matches!(reason, Refusal::Busy | Refusal::Newcomer | Refusal::Exposure | Refusal::Full)
}
