//! What the receipts of this home say, in short: each is read once in a daemon's life, and what it says is told from then on
//! without a look at the disk.
//!
//! It is filled when somebody first asks, and follows what is filed from then on. Nothing of it is written down: what it says can
//! be read again.
//!
//! **Invariant:** it holds [`SUMMED_MAX`] receipts at most, the last; of those before it knows how many they were and what they
//! came to. Every receipt counts once.

use std::{
    collections::{BTreeMap, BTreeSet},
    io, mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    receipt::Receipt,
    units::{Amount, Timestamp},
};

use crate::handle::{
    EarnedDay, EarnedSum, EarnedView, JobPart, KeptReceipt, ListReceipts, RECEIPTS_LISTED_MAX, ReceiptPage,
    ReceiptPlace, ServedJob,
};

/// Receipts of which it is known what each says.
pub(super) const SUMMED_MAX: usize = RECEIPTS_LISTED_MAX;
/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3_600_000;

/// Where receipts lie.
pub(super) trait ReceiptSource {
    /// The names of all.
    fn names(&self) -> io::Result<Vec<Digest>>;
    /// One of them, if it can be read.
    fn read(&self, name: &Digest) -> Option<Receipt>;
}

/// What the receipts of a home say.
#[derive(Default)]
pub(super) struct ReceiptSummary {
    state: Mutex<SummaryState>,
    /// Held by whoever fills it.
    filling: Mutex<()>,
}

#[derive(Default)]
enum SummaryState {
    /// Nobody has asked.
    #[default]
    Empty,
    /// It is being filled; what was filed since that began.
    Filling {
        own: PeerId,
        since: Vec<KeptReceipt>,
    },
    Full(SummedReceipts),
}

impl ReceiptSummary {
    /// Has a receipt stored, and takes it in if its file is there now and was not before, whatever the disk says of that.
    pub(super) fn put(
        &self,
        name: Digest,
        receipt: &Receipt,
        store: impl FnOnce() -> (bool, io::Result<()>),
    ) -> io::Result<()> {
        // Held while it is stored: whoever fills the summary meanwhile finds it among all files or among those of since.
        let mut state = self.lock();
        let (is_new, stored) = store();
        if !is_new {
            return stored;
        }
        match &mut *state {
            SummaryState::Empty => {}
            SummaryState::Filling { own, since } => since.push(KeptReceipt::of(receipt, name, *own)),
            SummaryState::Full(summed) => summed.take(KeptReceipt::of(receipt, name, summed.own)),
        }
        stored
    }

    /// A page of what this peer's receipts say; nothing, if it lies beyond what is summed.
    pub(super) fn page(
        &self,
        source: &impl ReceiptSource,
        own: PeerId,
        wanted: &ListReceipts,
    ) -> io::Result<Option<ReceiptPage>> {
        self.ask(source, own, |summed| summed.page(wanted))
    }

    /// What this peer has earned, and of which of these jobs no receipt is here.
    pub(super) fn earned(
        &self,
        source: &impl ReceiptSource,
        own: PeerId,
        paid: Vec<JobId>,
    ) -> io::Result<EarnedView> {
        self.ask(source, own, |summed| summed.earned(paid))
    }

    fn ask<T>(
        &self,
        source: &impl ReceiptSource,
        own: PeerId,
        question: impl FnOnce(&SummedReceipts) -> T,
    ) -> io::Result<T> {
        let _one = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*self.lock(), SummaryState::Full(_)) {
            self.fill(source, own)?;
        }
        match &*self.lock() {
            SummaryState::Full(summed) => Ok(question(summed)),
            SummaryState::Empty | SummaryState::Filling { .. } => Err(io::Error::other("they were not read")),
        }
    }

    /// Reads all that lies there. What is filed meanwhile is taken in at the end.
    fn fill(&self, source: &impl ReceiptSource, own: PeerId) -> io::Result<()> {
        *self.lock() = SummaryState::Filling { own, since: Vec::new() };
        let names = match source.names() {
            Ok(names) => names,
            Err(error) => {
                *self.lock() = SummaryState::Empty;
                return Err(error);
            }
        };
        let mut summed = SummedReceipts::new(own);
        for name in &names {
            match source.read(name) {
                Some(receipt) => summed.take(KeptReceipt::of(&receipt, *name, own)),
                None => drop(summed.unread.insert(*name)),
            }
        }
        let listed: BTreeSet<Digest> = names.into_iter().collect();
        let mut state = self.lock();
        if let SummaryState::Filling { since, .. } = &mut *state {
            for receipt in mem::take(since) {
                let is_unread = summed.unread.contains(&receipt.receipt);
                if is_unread || !listed.contains(&receipt.receipt) {
                    summed.take(receipt);
                }
            }
        }
        *state = SummaryState::Full(summed);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, SummaryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What some receipts say to this peer.
struct SummedReceipts {
    own: PeerId,
    /// The last of them.
    newest: BTreeMap<ReceiptPlace, KeptReceipt>,
    /// How many were before those, by what this peer was in them.
    before: BTreeMap<JobPart, u64>,
    /// What jobs that this peer served came to, by the day on which they were opened.
    days: BTreeMap<u64, EarnedSum>,
    unread: BTreeSet<Digest>,
}

impl SummedReceipts {
    fn new(own: PeerId) -> Self {
        let (newest, before, days) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { own, newest, before, days, unread: BTreeSet::new() }
    }

    fn take(&mut self, receipt: KeptReceipt) {
        self.unread.remove(&receipt.receipt);
        if receipt.part == JobPart::Provider {
            let day = self.days.entry(receipt.opened.0 / DAY_MS).or_default();
            *day = day.with(&ServedJob::from(&receipt));
        }
        self.newest.insert(receipt.place, receipt);
        if self.newest.len() > SUMMED_MAX
            && let Some((_, oldest)) = self.newest.pop_first()
        {
            *self.before.entry(oldest.part).or_default() += 1;
        }
    }

    fn page(&self, wanted: &ListReceipts) -> Option<ReceiptPage> {
        let before = self.before.iter().filter(|(part, _)| wanted.is_of(**part)).map(|(_, count)| count);
        let mut before: u64 = before.sum();
        // All that was before is older than all that is here.
        let oldest = self.newest.first_key_value().map(|(place, _)| *place);
        if let (Some(since), Some(oldest)) = (wanted.since, oldest) {
            match since > oldest.closed {
                true => before = 0,
                false if before > 0 => return None,
                false => {}
            }
        }
        let is_wanted = |receipt: &&KeptReceipt| wanted.fits(receipt);
        let mut fitting = self.newest.values().rev().filter(is_wanted);
        let receipts: Vec<KeptReceipt> = fitting.by_ref().take(wanted.most_told()).cloned().collect();
        let is_cut = wanted.behind.is_some_and(|behind| oldest.is_none_or(|oldest| behind <= oldest));
        if before > 0 && (is_cut || receipts.len() < wanted.most_told()) {
            return None;
        }
        let older = fitting.count() as u64 + before;
        Some(ReceiptPage { receipts, older, unread: self.unread.len() as u64 })
    }

    fn earned(&self, paid: Vec<JobId>) -> EarnedView {
        let mut unproven = paid;
        let proven: BTreeSet<JobId> = self.newest.keys().map(|place| place.job).collect();
        unproven.retain(|job| !proven.contains(job));
        let days = self.days.iter().map(|(day, sum)| EarnedDay { day: Timestamp(day * DAY_MS), sum: *sum });
        EarnedView { days: days.collect(), unread: self.unread.len() as u64, unproven }
    }
}

impl EarnedSum {
    /// With one job more.
    fn with(self, job: &ServedJob) -> Self {
        let add = |sum: Amount, more| sum.plus(more).unwrap_or(Amount(u64::MAX));
        Self {
            jobs: self.jobs + 1,
            paid_jobs: self.paid_jobs + u64::from(job.outcome.is_paid()),
            earned: add(self.earned, job.paid),
            won: add(self.won, job.won),
            lost: add(self.lost, job.lost),
        }
    }
}

#[cfg(test)]
mod tests;
