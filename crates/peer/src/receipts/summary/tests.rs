//! Ten thousand receipts, of which each is read once however often somebody looks.

use std::cell::{Cell, RefCell};

use super::*;

const CHECKED: &[u8] = include_bytes!("../../../../protocol/tests/golden/receipts/checked.receipt");
/// Receipts of a provider that has been at work for a while.
const MANY: u32 = 10_000;

/// Receipts that differ by their job, which one peer ran, and how often one of them was read.
struct Counted {
    receipt: RefCell<Receipt>,
    names: RefCell<Vec<Digest>>,
    damaged: Option<Digest>,
    read: Cell<u32>,
}

fn name(number: u32) -> Digest {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Digest(bytes)
}

impl Counted {
    fn of(count: u32) -> Self {
        let receipt = RefCell::new(Receipt::from_bytes(CHECKED).unwrap());
        let names = RefCell::new((0..count).map(name).collect());
        Self { receipt, names, damaged: None, read: Cell::new(0) }
    }

    /// The receipt of this name: of a job that is called the same.
    fn receipt(&self, name: Digest) -> Receipt {
        let mut receipt = self.receipt.borrow_mut();
        receipt.story.ticket.job = name;
        receipt.clone()
    }

    fn provider(&self) -> PeerId {
        self.receipt.borrow().story.open.said().order.said().provider
    }

    /// One more, which is filed while the summary is used.
    fn file(&self, summary: &ReceiptSummary, number: u32) {
        let name = name(number);
        let store = || {
            let is_new = !self.names.borrow().contains(&name);
            if is_new {
                self.names.borrow_mut().push(name);
            }
            (is_new, Ok(()))
        };
        summary.put(name, &self.receipt(name), store).unwrap();
    }
}

impl ReceiptSource for Counted {
    fn names(&self) -> io::Result<Vec<Digest>> {
        Ok(self.names.borrow().clone())
    }

    fn read(&self, name: &Digest) -> Option<Receipt> {
        self.read.set(self.read.get() + 1);
        (self.damaged != Some(*name)).then(|| self.receipt(*name))
    }
}

fn page(summary: &ReceiptSummary, source: &Counted, wanted: ListReceipts) -> ReceiptPage {
    summary.page(source, source.provider(), &wanted).unwrap().unwrap()
}

fn latest(most: usize) -> ListReceipts {
    ListReceipts { most, ..ListReceipts::default() }
}

#[test]
fn ten_thousand_receipts_are_read_once_however_often_somebody_looks() {
    let (summary, source) = (ReceiptSummary::default(), Counted::of(MANY));
    let own = source.provider();
    let first = page(&summary, &source, latest(100));
    assert_eq!((first.receipts.len(), first.older), (100, u64::from(MANY) - 100));
    assert_eq!(source.read.get(), MANY);
    let (mut seen, mut behind) = (0, None);
    loop {
        let next = page(&summary, &source, ListReceipts { behind, ..latest(100) });
        assert!(next.receipts.len() <= 100, "a look is told no more than it asks for");
        seen += next.receipts.len();
        assert_eq!(next.older as usize, MANY as usize - seen);
        behind = next.receipts.last().map(|receipt| receipt.place);
        if next.older == 0 {
            break;
        }
    }
    let earned = summary.earned(&source, own, vec![name(3), name(MANY)]).unwrap();
    let [day] = &earned.days[..] else { panic!("all were opened at once: {earned:?}") };
    assert_eq!((day.sum.jobs, day.sum.paid_jobs), (u64::from(MANY), u64::from(MANY)));
    let each = ServedJob::from(&first.receipts[0]);
    assert_eq!(day.sum.earned, each.paid.times(u64::from(MANY)).unwrap());
    assert_eq!(earned.unproven, [name(MANY)], "of which no receipt is here");

    source.file(&summary, MANY);
    source.file(&summary, MANY);
    let after = page(&summary, &source, latest(1));
    assert_eq!((after.receipts[0].receipt, after.older), (name(MANY), u64::from(MANY)));
    let earned = summary.earned(&source, own, vec![name(MANY)]).unwrap();
    assert_eq!((earned.days[0].sum.jobs, earned.unproven.len()), (u64::from(MANY) + 1, 0));
    assert_eq!(source.read.get(), MANY, "nothing was read again");
    let others = ListReceipts { part: Some(JobPart::Client), ..latest(1) };
    assert!(page(&summary, &source, others).receipts.is_empty());
}

#[test]
fn what_cannot_be_read_is_counted_until_it_is_filed_anew() {
    let (summary, mut source) = (ReceiptSummary::default(), Counted::of(3));
    source.damaged = Some(name(1));
    let first = page(&summary, &source, latest(9));
    assert_eq!((first.receipts.len(), first.unread), (2, 1));
    summary.put(name(1), &source.receipt(name(1)), || (true, Ok(()))).unwrap();
    let mended = page(&summary, &source, latest(9));
    assert_eq!((mended.receipts.len(), mended.unread), (3, 0));
    let failing = || (false, Err(io::Error::from(io::ErrorKind::StorageFull)));
    assert!(summary.put(name(9), &source.receipt(name(9)), failing).is_err());
    assert_eq!(page(&summary, &source, latest(9)).receipts.len(), 3, "it lies nowhere");
}

/// What is filed while all is read is told once, whether its file was listed or not.
#[test]
fn what_is_filed_while_all_is_read_counts_once() {
    struct Filing<'a>(&'a ReceiptSummary, Counted);
    impl ReceiptSource for Filing<'_> {
        fn names(&self) -> io::Result<Vec<Digest>> {
            self.1.file(self.0, 100);
            let listed = self.1.names();
            self.1.file(self.0, 101);
            listed
        }

        fn read(&self, name: &Digest) -> Option<Receipt> {
            self.1.read(name)
        }
    }
    let summary = ReceiptSummary::default();
    let source = Filing(&summary, Counted::of(5));
    let all = summary.page(&source, source.1.provider(), &latest(50)).unwrap().unwrap();
    assert_eq!((all.receipts.len(), all.older), (7, 0));
    assert_eq!(summary.earned(&source, source.1.provider(), Vec::new()).unwrap().days[0].sum.jobs, 7);
}

#[test]
fn of_more_than_are_kept_the_last_are_told_and_all_are_counted() {
    let source = Counted::of(1);
    let own = source.provider();
    let (mut summed, kept) =
        (SummedReceipts::new(own), KeptReceipt::of(&source.receipt(name(0)), name(0), own));
    let more = 50;
    for number in 0..(SUMMED_MAX as u64 + more) {
        let place = ReceiptPlace { closed: Timestamp(number), job: kept.place.job };
        summed.take(KeptReceipt { place, ..kept.clone() });
    }
    assert_eq!(summed.newest.len(), SUMMED_MAX);
    let page = summed.page(&latest(100)).unwrap();
    assert_eq!((page.receipts.len(), page.older), (100, SUMMED_MAX as u64 + more - 100));
    let since = |since| summed.page(&ListReceipts { since: Some(Timestamp(since)), ..latest(10) });
    assert_eq!(since(more + 1).unwrap().older, SUMMED_MAX as u64 - 11, "that is all here");
    assert_eq!(since(more - 1), None, "that is not");
    let last = ReceiptPlace { closed: Timestamp(more + 5), job: kept.place.job };
    let behind = |most| summed.page(&ListReceipts { behind: Some(last), ..latest(most) });
    assert_eq!(behind(5).map(|page| page.older), Some(more));
    assert_eq!(behind(6), None, "one of them was given up");
    assert_eq!(summed.earned(Vec::new()).days[0].sum.jobs, SUMMED_MAX as u64 + more);
}
