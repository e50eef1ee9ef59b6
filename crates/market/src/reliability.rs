//! Reliability: what this client itself has seen of each provider.
//!
//! **Invariant:** it follows from the client's own records alone and is told to nobody; it moves no money and no check
//! rate. At most [`PROVIDERS_MAX`] providers are remembered, and half of what is known of one fades every
//! [`HALF_LIFE`].

use alloc::collections::BTreeMap;

use assay_protocol::{
    id::PeerId,
    order::{Failure, Refusal},
    outcome::Outcome,
    units::{Duration, Rate, Timestamp},
};
use serde::{Deserialize, Serialize};

/// Providers that are remembered: as many as offers for one model, since nobody chooses among more.
pub const PROVIDERS_MAX: usize = 1_024;
/// After this long half of what was seen still counts: a machine that was repaired is soon tried again, and a failure
/// outlasts the day on which it happened.
pub const HALF_LIFE: Duration = Duration::seconds(7 * 86_400);
/// What one deed adds to its count: so fine that halving loses no more than a sixteenth of a deed.
const DEED: u32 = 1 << 16;
/// The highest count, in deeds: a provider that served thousands of jobs must still be able to lose its name in a week.
const DEEDS_MAX: u32 = 256;
/// What a job that was paid weighs against the faults below, which are in the same measure.
const PAID_WEIGHT: u64 = 2;
/// Paid jobs that everybody is credited with. Without them the first failure would shut a provider out, and the first
/// success would make the provider that had it the only one a client ever asks.
const CREDIT_DEEDS: u64 = 4;
/// The worst odds: still worth a try if nobody else is there.
const ODDS_MIN: Rate = Rate(Rate::ONE.0 / 64);
/// What a result may take beside twice the promised time before it counts as slow: a cold start and a few round trips.
const SLOW_SLACK: Duration = Duration::seconds(5);
/// The greatest delay that is remembered: longer ones say nothing more.
const LATE_MAX: Duration = Duration::seconds(3_600);
/// The latest delay counts for one part in this many; so one hiccup is forgotten after a few jobs.
const LATE_PARTS: u64 = 4;

/// What a provider did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Its result was good enough to be paid.
    Paid,
    /// Its result was not: it did not match, or a jury convicted it.
    Refunded,
    /// It took the job and claimed nothing.
    Unclaimed,
    /// It took the job and gave it up, for a reason of its own.
    Aborted,
    /// It did not answer an order.
    Silent,
    /// It refused an order that its own offer invites.
    Declined,
    /// Its result came much later than it promised.
    Slow,
    /// It took the job and gave it up over the input, or for what another one did as well, which may be true: the first time
    /// does not count.
    Blamed,
}

/// How many kinds of deeds there are.
const DEEDS: usize = 8;

/// What is remembered of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reliability {
    records: BTreeMap<PeerId, ProviderHistory>,
}

/// What a client thinks of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impression {
    /// The chance that an attempt there comes to something.
    pub odds: Rate,
    /// How far it is proven: nothing for a stranger, near one after many paid jobs.
    pub proven: Rate,
    /// By how much its results came later than promised.
    pub late: Duration,
}

/// How long a result took, by the client's own clock, and how long the offer said that a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// What the offer said.
    pub promised: Duration,
    /// From the ticket until the result was here.
    pub took: Duration,
}

/// What is remembered of one provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct ProviderHistory {
    /// Deeds of each kind, faded, in parts of [`DEED`].
    counts: [u32; DEEDS],
    /// The delay, averaged; nothing before the first measurement.
    late: Option<Duration>,
    /// Up to when it has faded.
    faded: Timestamp,
    /// True if the user asked for this provider by name.
    named: bool,
}

impl Reliability {
    /// What a client thinks of a provider now.
    #[must_use]
    pub fn of(&self, provider: PeerId, now: Timestamp) -> Impression {
        let mut record = self.records.get(&provider).copied().unwrap_or_default();
        record.fade(now);
        record.impression()
    }

    /// True if this client was served by the provider, or its user asked for it by name: such a provider's offer is not
    /// given up for a stranger's.
    #[must_use]
    pub fn is_known(&self, provider: PeerId) -> bool {
        self.records.get(&provider).is_some_and(ProviderHistory::is_known)
    }

    /// How often a provider did something, faded, in thousandths.
    #[must_use]
    pub fn thousandths(&self, provider: PeerId, deed: Deed, now: Timestamp) -> u64 {
        let mut record = self.records.get(&provider).copied().unwrap_or_default();
        record.fade(now);
        u64::from(record.counts[deed as usize]) * 1_000 / u64::from(DEED)
    }

    /// Notes what a provider did.
    pub fn note(&mut self, provider: PeerId, deed: Deed, at: Timestamp) {
        let count = &mut self.at(provider, at).counts[deed as usize];
        *count = count.saturating_add(DEED).min(DEEDS_MAX * DEED);
    }

    /// Another provider did the same, so it may not have been this one's doing: the first time it does not count. That it never
    /// did would be a way out for two that have agreed on it.
    pub fn excuse(&mut self, provider: PeerId, deed: Deed, at: Timestamp) {
        let count = &mut self.at(provider, at).counts[deed as usize];
        *count = count.saturating_sub(DEED);
        self.note(provider, Deed::Blamed, at);
    }

    /// Notes that the user asked for a provider by name.
    pub fn name(&mut self, provider: PeerId) {
        self.at(provider, Timestamp::default()).named = true;
    }

    /// Notes how long a result took.
    pub fn time(&mut self, provider: PeerId, timing: Timing, at: Timestamp) {
        let record = self.at(provider, at);
        let late = Duration(timing.took.0.saturating_sub(timing.promised.0)).min(LATE_MAX);
        let mixed = |old: Duration| Duration((old.0 * (LATE_PARTS - 1) + late.0) / LATE_PARTS);
        record.late = Some(record.late.map_or(late, mixed));
        if timing.is_slow() {
            self.note(provider, Deed::Slow, at);
        }
    }

    fn at(&mut self, provider: PeerId, at: Timestamp) -> &mut ProviderHistory {
        if self.records.len() >= PROVIDERS_MAX && !self.records.contains_key(&provider) {
            self.forget();
        }
        let record = self
            .records
            .entry(provider)
            .or_insert(ProviderHistory { faded: at, ..ProviderHistory::default() });
        record.fade(at);
        record
    }

    /// Forgets one provider: one that never served first, and of those the one not heard of for longest.
    fn forget(&mut self) {
        let least = self.records.iter().min_by_key(|(_, record)| (record.is_known(), record.faded));
        if let Some(peer) = least.map(|(peer, _)| *peer) {
            self.records.remove(&peer);
        }
    }
}

impl ProviderHistory {
    fn fade(&mut self, now: Timestamp) {
        let halvings = now.since(self.faded).0 / HALF_LIFE.0;
        if halvings == 0 {
            return;
        }
        let shift = u32::try_from(halvings).unwrap_or(u32::MAX);
        self.counts = self.counts.map(|count| count.checked_shr(shift).unwrap_or(0));
        self.late = self.late.map(|late| Duration(late.0.checked_shr(shift).unwrap_or(0)));
        self.faded = self.faded.after(HALF_LIFE.times(halvings));
    }

    fn is_known(&self) -> bool {
        self.named || self.counts[Deed::Paid as usize] > 0
    }

    fn impression(&self) -> Impression {
        let credit = CREDIT_DEEDS * u64::from(DEED);
        let paid = u64::from(self.counts[Deed::Paid as usize]);
        let count = |deed: Deed| {
            let forgiven = if deed == Deed::Blamed { DEED } else { 0 };
            u64::from(self.counts[deed as usize].saturating_sub(forgiven))
        };
        let faults = FAULTS.iter().map(|(deed, weight)| count(*deed) * weight);
        let faults: u64 = faults.sum();
        let kept = (paid + credit) * PAID_WEIGHT;
        Impression {
            odds: Rate::of(kept, kept + faults).max(ODDS_MIN),
            proven: Rate::of(paid, paid + credit),
            late: self.late.unwrap_or_default(),
        }
    }
}

impl Timing {
    fn is_slow(self) -> bool {
        self.took > self.promised.times(2).plus(SLOW_SLACK)
    }
}

/// What each fault weighs: by what it costs a client. A wait of seconds, a wait until a deadline, a result that misled.
const FAULTS: [(Deed, u64); DEEDS - 1] = [
    (Deed::Slow, 1),
    (Deed::Silent, 1),
    (Deed::Declined, 1),
    (Deed::Aborted, 2),
    (Deed::Blamed, 2),
    (Deed::Unclaimed, 4),
    (Deed::Refunded, 16),
];

/// What the end of a job says of its provider; `failure` is why it gave up, if it did. Nothing where it was not the
/// provider's doing.
#[must_use]
pub fn deed_of(outcome: Outcome, failure: Option<Failure>) -> Option<Deed> {
    match outcome {
        Outcome::NotDrawn | Outcome::Checked | Outcome::Grey | Outcome::Cleared | Outcome::Unchecked => {
            Some(Deed::Paid)
        }
        Outcome::GreyRefunded
        | Outcome::Mismatch
        | Outcome::Disputed
        | Outcome::Withdrawn
        | Outcome::Slashed
        | Outcome::Silent
        | Outcome::FalseStream
        | Outcome::FalseOpening => Some(Deed::Refunded),
        Outcome::NoClaim => Some(Deed::Unclaimed),
        Outcome::Aborted => match failure {
            // What the client sent, or did not send, as it says.
            Some(Failure::BadInput | Failure::InputAbsent | Failure::Empty) => Some(Deed::Blamed),
            // A slot that somebody else was faster to take.
            Some(Failure::Busy | Failure::NotStarted) => None,
            Some(
                Failure::Trap | Failure::Limit | Failure::Overdue | Failure::Unusable | Failure::Machine,
            )
            | None => Some(Deed::Aborted),
        },
        Outcome::Void | Outcome::Unreached | Outcome::Cancelled | Outcome::Trap => None,
    }
}

/// True for what any machine would give a job up for.
#[must_use]
pub fn is_deterministic(failure: Failure) -> bool {
    match failure {
        Failure::BadInput | Failure::Trap | Failure::Limit | Failure::Empty => true,
        Failure::Overdue
        | Failure::InputAbsent
        | Failure::Unusable
        | Failure::Machine
        | Failure::Busy
        | Failure::NotStarted => false,
    }
}

/// What it says of a provider that an order came to nothing: `refusal` is what it answered, nothing for no answer.
#[must_use]
pub fn deed_of_refusal(refusal: Option<Refusal>) -> Option<Deed> {
    match refusal {
        None => Some(Deed::Silent),
        Some(Refusal::Price | Refusal::ModelAbsent | Refusal::Class) => Some(Deed::Declined),
        // Passing, or the fault of the order or of the notary's books.
        Some(
            Refusal::Busy
            | Refusal::Limits
            | Refusal::Conflict
            | Refusal::Late
            | Refusal::Future
            | Refusal::SelfDealing
            | Refusal::Notary
            | Refusal::Nonce
            | Refusal::Frozen
            | Refusal::Newcomer
            | Refusal::Funds
            | Refusal::Total
            | Refusal::Dues
            | Refusal::Rate
            | Refusal::Settle
            | Refusal::Exposure
            | Refusal::Checkers
            | Refusal::Numbers
            | Refusal::Policy
            | Refusal::Full,
        ) => None,
    }
}

#[cfg(test)]
mod tests;
