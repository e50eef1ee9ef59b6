//! The receipts of this home, some at a time: however many there are, a few are held.
//!
//! **Invariant:** each receipt that is wanted is given once, the newest first. A page says of none that it is older and left out
//! which the next page gives.

use assay_peer::handle::{ListReceipts, RECEIPTS_LISTED_MAX, ReceiptPage};

use crate::{command_error::CommandError, daemon::RunningDaemon};

/// Receipts that are asked for at a time.
const STRETCH: usize = 500;

/// A way through receipts.
pub(crate) struct ReceiptWalk<'a> {
    daemon: &'a RunningDaemon,
    steps: WalkSteps,
}

impl<'a> ReceiptWalk<'a> {
    /// Through all that are wanted.
    pub(crate) fn all(wanted: ListReceipts, daemon: &'a RunningDaemon) -> Self {
        Self { daemon, steps: WalkSteps { wanted, latest: None, told: 0, is_over: false } }
    }

    /// Through the last of them alone.
    pub(crate) fn latest(most: usize, wanted: ListReceipts, daemon: &'a RunningDaemon) -> Self {
        Self { daemon, steps: WalkSteps { wanted, latest: Some(most), told: 0, is_over: false } }
    }

    /// The next of them; the first time there is a page, though nothing may stand in it.
    pub(crate) async fn next(&mut self) -> Result<Option<ReceiptPage>, CommandError> {
        let Some(wanted) = self.steps.question() else { return Ok(None) };
        let page = self.daemon.call(wanted).await?;
        Ok(Some(self.steps.take(page)))
    }
}

/// What is asked for, page after page.
struct WalkSteps {
    wanted: ListReceipts,
    /// How many are wanted of the only page, if there is to be one.
    latest: Option<usize>,
    told: usize,
    is_over: bool,
}

impl WalkSteps {
    fn question(&self) -> Option<ListReceipts> {
        (!self.is_over)
            .then(|| ListReceipts { most: self.latest.unwrap_or_else(|| self.stretch()), ..self.wanted })
    }

    /// A daemon knows so many without a look at their files; for each page behind those it reads all of them.
    fn stretch(&self) -> usize {
        if self.told < RECEIPTS_LISTED_MAX { STRETCH } else { RECEIPTS_LISTED_MAX }
    }

    /// A page as it is given.
    fn take(&mut self, page: ReceiptPage) -> ReceiptPage {
        self.told = self.told.saturating_add(page.receipts.len());
        self.is_over = self.latest.is_some() || page.older == 0 || page.receipts.is_empty();
        self.wanted.behind = page.receipts.last().map(|receipt| receipt.place).or(self.wanted.behind);
        ReceiptPage { older: if self.is_over { page.older } else { 0 }, ..page }
    }
}

#[cfg(test)]
mod tests {
    use assay_peer::handle::{JobPart, KeptReceipt, ReceiptPlace};
    use assay_protocol::{
        id::{Digest, PeerId},
        outcome::Outcome,
        units::{Amount, Timestamp},
    };

    use super::*;

    fn receipt(closed: u64) -> KeptReceipt {
        KeptReceipt {
            receipt: Digest::default(),
            place: ReceiptPlace { closed: Timestamp(closed), job: Digest::default() },
            part: JobPart::Client,
            client: PeerId::default(),
            provider: PeerId::default(),
            manifest: "digits".to_owned(),
            opened: Timestamp(0),
            outcome: Outcome::NotDrawn,
            cost: Amount(1),
            paid: Amount(1),
            lost: Amount::ZERO,
        }
    }

    /// What a daemon with so many receipts answers.
    fn page(count: u64, wanted: &ListReceipts) -> ReceiptPage {
        let newest = wanted.behind.map_or(count, |behind| behind.closed.0);
        let told = newest.min(wanted.most as u64);
        let receipts = (newest - told..newest).rev().map(receipt).collect();
        ReceiptPage { receipts, older: newest - told, unread: 0 }
    }

    /// How long each page was, of so many receipts of which each came once; each says how many are left out.
    fn lengths(latest: Option<usize>, count: u64) -> Vec<usize> {
        let left_out = latest.map_or(0, |most| count.saturating_sub(most as u64));
        let mut steps = WalkSteps { wanted: ListReceipts::default(), latest, told: 0, is_over: false };
        let (mut lengths, mut next) = (Vec::new(), count);
        while let Some(wanted) = steps.question() {
            let page = page(count, &wanted);
            for receipt in &page.receipts {
                next -= 1;
                assert_eq!(receipt.place.closed, Timestamp(next), "each once, the newest first");
            }
            let page = steps.take(page);
            assert_eq!(page.older, left_out);
            lengths.push(page.receipts.len());
        }
        assert_eq!(next == 0, latest.is_none_or(|most| most as u64 >= count));
        lengths
    }

    #[test]
    fn however_many_receipts_are_listed_a_few_are_held() {
        assert_eq!(lengths(None, 0), [0], "nothing is told as well");
        assert_eq!(lengths(None, 1_200), [500, 500, 200]);
        assert_eq!(lengths(Some(20), 1_200), [20]);
        assert_eq!(lengths(Some(20), 3), [3]);
        // What a daemon reads anew for each page is not asked for in many.
        let far = lengths(None, 50_000);
        let near = RECEIPTS_LISTED_MAX / STRETCH;
        assert!(far[..near].iter().all(|length| *length == STRETCH), "{far:?}");
        assert_eq!(far[near..], [20_000, 10_000]);
    }
}
