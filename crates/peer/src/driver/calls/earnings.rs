//! What this provider has earned, and what may be paid yet.
//!
//! What was earned is read out of the receipts, which nothing ever removes: it is what can be proven, and no book of its own.
//!
//! **Invariant:** a job is told once, as its receipt says; one whose receipt cannot be read is told as that.

use assay_market::view::DueView;
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
    handle::{Call, Refused, Updates},
    receipts::Receipts,
};

/// Receipts that are read at a time.
const BATCH: usize = 256;

/// The closed jobs that this peer was the provider of, some at a time, in no order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListEarned;

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
