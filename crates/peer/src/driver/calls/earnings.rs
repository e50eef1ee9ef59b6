//! What this provider has earned, and what may be paid yet.
//!
//! What was earned is read out of the receipts, which nothing ever removes: it is what can be proven, and no book of its own.
//!
//! **Invariant:** a job is told once, as its receipt says; one whose receipt cannot be read is told as that.

use assay_market::view::{DueView, RunState, RunView};
use assay_protocol::{
    id::{Digest, JobId, PeerId},
    outcome::Outcome,
    receipt::Receipt,
    units::{Amount, Timestamp},
};
use futures::stream;
use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, JobPart, KeptReceipt, Refused, Updates},
    receipts::Receipts,
};

/// Receipts that are read at a time.
const BATCH: usize = 256;

/// The closed jobs that this peer was the provider of, some at a time, in no order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListEarned;

/// What those jobs came to, day by day. What was asked once is known from then on, whatever there is of receipts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SumEarned;

/// The jobs of this provider that are not closed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListDue;

/// One job of this provider that is closed, as its receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedServing {
    /// Which job; nothing, like all that follows, if the receipt cannot be read.
    pub served: Option<ServedJob>,
    /// The receipt.
    pub receipt: Digest,
}

/// What a receipt says of a job to whoever served it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedJob {
    /// Which job.
    pub job: JobId,
    /// Who ordered it.
    pub client: PeerId,
    /// What ran.
    pub manifest: String,
    /// When its notary opened it, by that notary's time.
    pub opened: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What was paid for it.
    pub paid: Amount,
    /// What was won in a trap, and is paid out once it could have been withdrawn from the stake of who lost it; fines and
    /// convictions of that one come first.
    pub won: Amount,
    /// What the provider lost of its stake: of fines, as much as was left of it.
    pub lost: Amount,
}

/// What some closed jobs came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarnedSum {
    /// How many there are.
    pub jobs: u64,
    /// How many of them were paid for.
    pub paid_jobs: u64,
    /// What was earned.
    pub earned: Amount,
    /// What was won in traps.
    pub won: Amount,
    /// What was lost of the stake.
    pub lost: Amount,
}

/// What the jobs of a day came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarnedDay {
    /// When the day began, by universal time.
    pub day: Timestamp,
    /// What the jobs came to that were opened on it.
    pub sum: EarnedSum,
}

/// What all closed jobs of this provider came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarnedView {
    /// Each day with such jobs, the first first.
    pub days: Vec<EarnedDay>,
    /// Receipts that cannot be read, and are in no sum.
    pub unread: u64,
    /// Jobs of late that were paid, and of which there is no receipt here.
    pub unproven: Vec<JobId>,
}

impl Call for ListEarned {
    const NAME: &'static str = "list_earned";
    type Answer = Updates<Vec<ClosedServing>>;
}

impl Respond for ListEarned {
    async fn respond(self, responder: &Responder) -> Result<Self::Answer, Refused> {
        let (receipts, own) = (responder.store.receipts.clone(), responder.own);
        let list = receipts.clone();
        let names = responder.work(move |_| list.list()).await?;
        let names = names.map_err(|error| Refused::Disk { reason: error.to_string() })?;
        let batches: Vec<Vec<Digest>> = names.chunks(BATCH).map(<[Digest]>::to_vec).collect();
        let (responder, batches) = (responder.clone(), batches.into_iter());
        let told = stream::unfold(
            (responder, receipts, batches),
            move |(responder, receipts, mut batches)| async move {
                let batch = batches.next()?;
                let reader = receipts.clone();
                let read = responder.work(move |is_wanted| read(&reader, &batch, own, is_wanted)).await;
                Some((read.map_err(Into::into), (responder, receipts, batches)))
            },
        );
        Ok(Updates::new(told))
    }
}

impl Call for SumEarned {
    const NAME: &'static str = "sum_earned";
    type Answer = EarnedView;
}

impl Respond for SumEarned {
    async fn respond(self, responder: &Responder) -> Result<EarnedView, Refused> {
        let runs = responder.look(|driver| driver.node.runs()).await?;
        let is_paid = |run: &&RunView| matches!(run.state, RunState::Closed(outcome) if outcome.is_paid());
        let paid = runs.iter().filter(|run| !run.check).filter(is_paid).map(|run| run.job).collect();
        let (receipts, own) = (responder.store.receipts.clone(), responder.own);
        let earned = responder.work(move |_| receipts.earned(own, paid)).await?;
        earned.map_err(|error| Refused::Disk { reason: error.to_string() })
    }
}

impl Call for ListDue {
    const NAME: &'static str = "list_due";
    type Answer = Vec<DueView>;
}

impl Respond for ListDue {
    async fn respond(self, responder: &Responder) -> Result<Vec<DueView>, Refused> {
        responder.look(|driver| driver.node.due()).await
    }
}

/// What these receipts say, as far as they are of jobs that this peer served.
fn read(
    receipts: &Receipts,
    names: &[Digest],
    own: PeerId,
    is_wanted: &dyn Fn() -> bool,
) -> Vec<ClosedServing> {
    let wanted = names.iter().take_while(|_| is_wanted());
    let read = wanted.filter_map(|name| {
        let bytes = receipts.get(name).ok().flatten();
        let receipt = bytes.and_then(|bytes| Receipt::from_bytes(&bytes).ok());
        let served = match &receipt {
            Some(receipt) => Some(ServedJob::of(receipt, own)?),
            None => None,
        };
        Some(ClosedServing { served, receipt: *name })
    });
    read.collect()
}

impl From<&KeptReceipt> for ServedJob {
    /// What is known of the receipt of a job that this peer served.
    fn from(receipt: &KeptReceipt) -> Self {
        debug_assert_eq!(receipt.part, JobPart::Provider, "another served it");
        let (paid, won) = match receipt.outcome == Outcome::Trap {
            true => (Amount::ZERO, receipt.paid),
            false => (receipt.paid, Amount::ZERO),
        };
        let KeptReceipt { client, ref manifest, opened, outcome, lost, .. } = *receipt;
        Self { job: receipt.place.job, client, manifest: manifest.clone(), opened, outcome, paid, won, lost }
    }
}

impl ServedJob {
    /// What a receipt says to this peer, if it served the job.
    fn of(receipt: &Receipt, own: PeerId) -> Option<Self> {
        let (story, open) = (&receipt.story, receipt.story.open.said());
        let order = open.order.said();
        let settlement = &story.settlement;
        let fines = settlement.fines.iter().filter(|fine| fine.peer == own);
        let fined = fines.fold(Amount::ZERO, |sum, fine| sum.plus(fine.amount).unwrap_or(Amount(u64::MAX)));
        let is_won = story.outcome == Outcome::Trap;
        let (paid, won) = match is_won {
            true => (Amount::ZERO, settlement.provider),
            false => (settlement.provider, Amount::ZERO),
        };
        (order.provider == own).then(|| Self {
            job: story.ticket.job,
            client: order.client,
            manifest: order.manifest.name.clone(),
            opened: story.ticket.standing.opened,
            outcome: story.outcome,
            paid,
            won,
            lost: settlement.slashed.plus(fined).unwrap_or(Amount(u64::MAX)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/tests/golden/receipts");

    #[test]
    fn what_is_known_of_a_receipt_says_the_same_of_a_job_as_the_receipt() {
        let files = fs::read_dir(GOLDEN).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "receipt"));
        let told = files.map(|path| {
            let receipt = Receipt::from_bytes(&fs::read(path).unwrap()).unwrap();
            let own = receipt.story.open.said().order.said().provider;
            let known = KeptReceipt::of(&receipt, Digest::default(), own);
            assert_eq!(Some(ServedJob::from(&known)), ServedJob::of(&receipt, own));
        });
        assert!(told.count() > 15);
    }
}
