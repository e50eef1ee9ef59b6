//! The receipts of this home, and what each says to this peer, newest first.
//!
//! What they say was read out of the files, which nothing ever removes: what is told can be proven. The last of them are known
//! without a look at those ([`Receipts::page`]).
//!
//! **Invariant:** a page has [`RECEIPTS_LISTED_MAX`] receipts at most, and says how many it leaves out; the next goes on behind
//! it. A receipt that cannot be read is counted, and told as that.

use std::collections::BTreeMap;

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    outcome::Outcome,
    payout::Fee,
    receipt::{Happening, Receipt},
    units::{Amount, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, Refused},
    receipts::Receipts,
};

/// Receipts in the longest page.
pub const RECEIPTS_LISTED_MAX: usize = 20_000;
/// Receipts that are read at a time.
const BATCH: usize = 256;

/// A page of the receipts of this home.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListReceipts {
    /// Only jobs that were closed at this time or later.
    pub since: Option<Timestamp>,
    /// Only jobs that this peer was that in.
    pub part: Option<JobPart>,
    /// Only jobs that this peer ordered or ran.
    pub is_party: bool,
    /// Only those behind this one.
    pub behind: Option<ReceiptPlace>,
    /// How many are told, [`RECEIPTS_LISTED_MAX`] at most.
    pub most: usize,
}

/// What a peer was in a job that it has the receipt of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobPart {
    /// It ordered the job.
    Client,
    /// It ran the job.
    Provider,
    /// It was neither, and keeps the receipt for both: their notary.
    Notary,
}

/// Where a receipt stands among all, the last first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReceiptPlace {
    /// When the job was closed, by its notary's time.
    pub closed: Timestamp,
    /// The job.
    pub job: JobId,
}

/// Receipts, the job that was closed last first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptPage {
    /// What they say.
    pub receipts: Vec<KeptReceipt>,
    /// How many more there are behind them.
    pub older: u64,
    /// How many cannot be read.
    pub unread: u64,
}

/// What a receipt says to this peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptReceipt {
    /// Its digest, which is its name.
    pub receipt: Digest,
    /// Where it stands.
    pub place: ReceiptPlace,
    /// What this peer was.
    pub part: JobPart,
    /// Who ordered the job.
    pub client: PeerId,
    /// Who ran it.
    pub provider: PeerId,
    /// What ran.
    pub manifest: String,
    /// When its notary opened it.
    pub opened: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What it has cost its client in all: what was held and did not come back.
    pub cost: Amount,
    /// What its provider was paid; after a trap, what that won, which is paid out later.
    pub paid: Amount,
    /// What its provider lost of its stake: of fines, as much as was left of it.
    pub lost: Amount,
}

impl Call for ListReceipts {
    const NAME: &'static str = "list_receipts";
    type Answer = ReceiptPage;
}

impl Respond for ListReceipts {
    async fn respond(self, responder: &Responder) -> Result<ReceiptPage, Refused> {
        let disk = |error: std::io::Error| Refused::Disk { reason: error.to_string() };
        let (receipts, own) = (responder.store.receipts.clone(), responder.own);
        let known = receipts.clone();
        if let Some(page) = responder.work(move |_| known.page(own, &self)).await?.map_err(disk)? {
            return Ok(page);
        }
        let list = receipts.clone();
        let names = responder.work(move |_| list.list()).await?.map_err(disk)?;
        let mut page = PageInMaking::new(self);
        for batch in names.chunks(BATCH) {
            let (batch, receipts) = (batch.to_vec(), receipts.clone());
            let read = responder.work(move |is_wanted| {
                let wanted = batch.iter().take_while(|_| is_wanted());
                wanted.map(|name| read(&receipts, name, own)).collect::<Vec<_>>()
            });
            read.await?.into_iter().for_each(|receipt| page.take(receipt));
        }
        Ok(page.done())
    }
}

fn read(receipts: &Receipts, name: &Digest, own: PeerId) -> Option<KeptReceipt> {
    let bytes = receipts.get(name).ok().flatten()?;
    Some(KeptReceipt::of(&Receipt::from_bytes(&bytes).ok()?, *name, own))
}

impl ListReceipts {
    /// How many are told.
    pub(crate) fn most_told(&self) -> usize {
        self.most.min(RECEIPTS_LISTED_MAX)
    }

    /// Whether receipts are wanted of jobs in which this peer was this.
    pub(crate) fn is_of(&self, part: JobPart) -> bool {
        self.part.is_none_or(|wanted| part == wanted) && (!self.is_party || part != JobPart::Notary)
    }

    /// Whether one is wanted, if it is not too many.
    pub(crate) fn fits(&self, receipt: &KeptReceipt) -> bool {
        self.is_of(receipt.part)
            && self.since.is_none_or(|since| receipt.place.closed >= since)
            && self.behind.is_none_or(|behind| receipt.place < behind)
    }
}

/// A page, while it is not known which receipts are the last.
struct PageInMaking {
    wanted: ListReceipts,
    most: usize,
    newest: BTreeMap<ReceiptPlace, KeptReceipt>,
    older: u64,
    unread: u64,
}

impl PageInMaking {
    fn new(wanted: ListReceipts) -> Self {
        Self { wanted, most: wanted.most_told(), newest: BTreeMap::new(), older: 0, unread: 0 }
    }

    /// Takes a receipt, or that it cannot be read.
    fn take(&mut self, receipt: Option<KeptReceipt>) {
        let Some(receipt) = receipt else {
            self.unread += 1;
            return;
        };
        if !self.wanted.fits(&receipt) {
            return;
        }
        self.newest.insert(receipt.place, receipt);
        if self.newest.len() > self.most {
            self.newest.pop_first();
            self.older += 1;
        }
    }

    fn done(self) -> ReceiptPage {
        let receipts = self.newest.into_values().rev().collect();
        ReceiptPage { receipts, older: self.older, unread: self.unread }
    }
}

impl KeptReceipt {
    pub(crate) fn of(receipt: &Receipt, name: Digest, own: PeerId) -> Self {
        let (story, open) = (&receipt.story, receipt.story.open.said());
        let order = open.order.said();
        let (job, settlement) = (story.ticket.job, &story.settlement);
        let part = match own {
            own if own == order.client => JobPart::Client,
            own if own == order.provider => JobPart::Provider,
            _ => JobPart::Notary,
        };
        let fines = settlement.fines.iter().filter(|fine| fine.peer == order.provider);
        // Ticks alone close a job.
        let closed = story.ticks.last().map_or(story.ticket.standing.opened, |tick| tick.said().time);
        let pledged = story.events.iter().map(|event| pledged(&event.what));
        let held = pledged.fold(order.total_max, sum);
        Self {
            receipt: name,
            place: ReceiptPlace { closed, job },
            part,
            client: order.client,
            provider: order.provider,
            manifest: order.manifest.name.clone(),
            opened: story.ticket.standing.opened,
            outcome: story.outcome,
            cost: held.minus_up_to(settlement.client),
            paid: settlement.provider,
            lost: fines.map(|fine: &Fee| fine.amount).fold(settlement.slashed, sum),
        }
    }
}

/// What an event had its client put up beside what was held from the beginning.
fn pledged(happening: &Happening) -> Amount {
    if let Happening::OpenClaim { pledged, .. } = happening { *pledged } else { Amount::ZERO }
}

fn sum(sum: Amount, more: Amount) -> Amount {
    sum.plus(more).unwrap_or(Amount(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use assay_protocol::{receipt::verify, signed::Ed25519};

    use super::*;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/tests/golden/receipts");

    fn golden() -> Vec<Receipt> {
        let files = fs::read_dir(GOLDEN).unwrap().map(|file| file.unwrap().path());
        let receipts = files.filter(|path| path.extension().is_some_and(|ending| ending == "receipt"));
        receipts.map(|path| Receipt::from_bytes(&fs::read(path).unwrap()).unwrap()).collect()
    }

    fn kept(receipt: &Receipt, own: PeerId) -> KeptReceipt {
        KeptReceipt::of(receipt, Digest::of(&receipt.to_bytes()), own)
    }

    #[test]
    fn a_receipt_of_each_outcome_costs_what_its_judgement_says() {
        let all = golden();
        assert!(all.len() > 15);
        for receipt in all {
            let report = verify::<Ed25519>(&receipt).unwrap();
            let parts = [report.client, report.provider, report.notary].map(|own| kept(&receipt, own).part);
            assert_eq!(parts, [JobPart::Client, JobPart::Provider, JobPart::Notary]);
            let told = kept(&receipt, report.client);
            assert_eq!((told.cost, told.outcome, told.place.job), (report.cost, report.outcome, report.job));
            assert!(told.place.closed >= told.opened, "{told:?}");
        }
    }

    #[test]
    fn pages_follow_each_other_and_none_is_longer_than_its_bound() {
        let all: Vec<KeptReceipt> = (1..=7_u64)
            .map(|number| {
                let mut receipt = kept(&golden()[0], PeerId([0; 32]));
                receipt.place =
                    ReceiptPlace { closed: Timestamp(number / 2), job: Digest([number as u8; 32]) };
                receipt
            })
            .collect();
        let page = |wanted: ListReceipts| {
            let mut page = PageInMaking::new(wanted);
            all.iter().cloned().map(Some).chain([None]).for_each(|receipt| page.take(receipt));
            page.done()
        };
        let (mut seen, mut behind) = (Vec::new(), None);
        loop {
            let next = page(ListReceipts { most: 3, behind, ..ListReceipts::default() });
            assert!(next.receipts.len() <= 3 && next.unread == 1);
            seen.extend(next.receipts.iter().map(|receipt| receipt.place));
            behind = seen.last().copied();
            assert_eq!(next.older as usize, all.len() - seen.len());
            if next.older == 0 {
                break;
            }
        }
        let newest_first: Vec<ReceiptPlace> = all.iter().rev().map(|receipt| receipt.place).collect();
        assert_eq!(seen, newest_first);
        let since = ListReceipts { most: usize::MAX, since: Some(Timestamp(2)), ..ListReceipts::default() };
        assert_eq!(page(since).receipts.len(), 4);
        assert!(page(ListReceipts { part: Some(JobPart::Client), ..since }).receipts.is_empty());
    }
}
