//! Who is drawn and does not answer: the checks that each verifier was given, how they ended, whom that suspends, and what
//! weight the market misses for it.
//!
//! **Invariant:** a registration is suspended at a checkpoint, by an absence of its own; an epoch takes at most a tenth of
//! a kind's weight, or one registration, in the order of the journal, and the rest waits.

use alloc::{collections::BTreeMap, vec::Vec};

use assay_protocol::{
    account::Registration,
    id::{JobId, PeerId},
    job::Testified,
    order::Order,
    units::{Amount, Timestamp},
};

use super::{Ledger, registry::EPOCHS_WAITED, traps};

/// The part of a kind's weight that one epoch takes: one in so many.
const EPOCH_SHARE: u128 = 10;
/// Checks between draw and end from which on a verifier is busy.
const CHECKS_BUSY: usize = 4;
/// As many of its last eight checks as a verifier that was there may not let pass.
const LATE_MAX: u32 = 3;

/// How one registration of an account stands.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Enrolment {
    /// Since which epoch; none since the first day.
    pub(super) since: Option<u64>,
    /// Its last eight checks, a bit for each: whether it was late.
    pub(super) late: u8,
    /// The number of the absence that it waits to be suspended for.
    pub(super) absence: Option<u64>,
    /// True until it is registered again.
    pub(super) suspended: bool,
}

impl Enrolment {
    /// True if it counts at the checkpoint of this epoch.
    pub(super) fn is_old(&self, epoch: u64) -> bool {
        self.since.is_none_or(|since| since.saturating_add(EPOCHS_WAITED) <= epoch)
    }

    /// Notes how a check ended; true if it is to be suspended for that: whoever did not answer at once, whoever was there
    /// and late when it was so three times of its last eight.
    fn has_failed(&mut self, testified: &Testified) -> bool {
        let late = *testified == Testified::Late;
        self.late = self.late << 1 | u8::from(late);
        *testified == Testified::Absent || late && self.late.count_ones() >= LATE_MAX
    }
}

/// What is known of absences.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Absences {
    /// How many there were: they are numbered in the order of the journal.
    count: u64,
    /// What suspensions took of each kind, when and from whom, and has not come back.
    missing: BTreeMap<Registration, BTreeMap<PeerId, Missing>>,
}

/// What one suspension took.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Missing {
    since: Timestamp,
    weight: Amount,
}

/// A registration as a checkpoint finds it.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Registrant {
    pub(super) peer: PeerId,
    /// What it weighs in the roster; nothing, if it is not old enough.
    pub(super) weight: Amount,
    /// The number of the absence that it waits for.
    pub(super) absence: Option<u64>,
}

/// Which of these a checkpoint suspends: those that were absent first, as long as they weigh at most a tenth of all, and
/// always one.
pub(super) fn suspended(registrants: &[Registrant]) -> Vec<Registrant> {
    let all: u128 = registrants.iter().map(|registrant| u128::from(registrant.weight.0)).sum();
    let mut absent: Vec<Registrant> =
        registrants.iter().filter(|registrant| registrant.absence.is_some()).copied().collect();
    absent.sort_by_key(|registrant| registrant.absence);
    let mut taken = 0;
    let fits = |registrant: &Registrant| {
        let before = taken;
        taken += u128::from(registrant.weight.0);
        before == 0 || taken * EPOCH_SHARE <= all
    };
    absent.into_iter().take_while(fits).collect()
}

impl Ledger {
    /// Notes who works on a job's check until when, and how those checks ended that are over.
    pub(super) fn note_checks(&mut self, id: JobId) {
        let Some(open) = self.jobs.get_mut(&id) else { return };
        let open = &mut **open;
        let drawn_from = open.roster.as_ref().map_or(0, |enrolled| enrolled.listing.roster.epoch);
        while let Some(seat) = open.job.seats().get(open.ended) {
            let account = self.accounts.or_default(seat.peer);
            match open.job.works_until() {
                Some(until) if open.ended + 1 == open.job.seats().len() => account.checks.insert(id, until),
                Some(_) | None => account.checks.remove(&id),
            };
            if !seat.is_done() {
                return;
            }
            // A registration that is new since then was not given this check, and does not answer for it; nor does who had
            // too little at stake to be asked.
            let asked = traps::answers(&self.genesis, account, open.job.order());
            if let Some(enrolment) = account.registered.get_mut(&open.job.order().kind())
                && asked
                && enrolment.is_old(drawn_from)
                && enrolment.has_failed(&seat.testified)
                && enrolment.absence.is_none()
            {
                enrolment.absence = Some(self.absences.count);
                self.absences.count += 1;
            }
            open.ended += 1;
        }
    }

    /// Until when the checks are due that a verifier was given and has not ended: what it is given now comes behind them.
    /// Nobody waits for longer than a job may take to settle.
    pub(super) fn busy_until(&self, peer: PeerId) -> Option<Timestamp> {
        let now = self.live_time.live;
        let due = self.accounts.get(&peer)?.checks.values().copied().max()?;
        (due > now).then(|| due.min(now.after(self.genesis.timers.settle_max)))
    }

    /// Suspends whom the checkpoint that was just entered suspends, and misses what they weighed until they are back.
    pub(super) fn suspend(&mut self) {
        let since = self.live_time.live;
        let suspended: Vec<(Registration, Registrant)> = self.checkpoint.suspended().to_vec();
        for (kind, Registrant { peer, weight, .. }) in suspended {
            let enrolment =
                self.accounts.get_mut(&peer).and_then(|account| account.registered.get_mut(&kind));
            if let Some(enrolment) = enrolment {
                (enrolment.suspended, enrolment.absence) = (true, None);
            }
            self.absences.missing.entry(kind).or_default().insert(peer, Missing { since, weight });
        }
        let (checkpoint, missed) = (&self.checkpoint, self.genesis.timers.missed);
        self.absences.missing.retain(|kind, missing| {
            missing.retain(|peer, lost| lost.since.after(missed) > since && !checkpoint.holds(kind, *peer));
            !missing.is_empty()
        });
    }

    /// What suspensions took of a kind and has not come back.
    pub(super) fn missing(&self, kind: &Registration) -> u64 {
        let (now, missed) = (self.live_time.live, self.genesis.timers.missed);
        let missing = self.absences.missing.get(kind).into_iter().flat_map(BTreeMap::values);
        let of_late = missing.filter(|lost| lost.since.after(missed) > now);
        of_late.fold(0, |sum, lost| lost.weight.0.saturating_add(sum))
    }

    /// True while verifiers with more than half of the weight of a kind have as many checks before them as they should.
    pub(super) fn is_busy(&self, order: &Order) -> bool {
        let Some(roster) = self.checkpoint.roster(&order.kind()) else { return false };
        let is_busy = |peer: &PeerId| {
            self.accounts.get(peer).is_some_and(|account| account.checks.len() >= CHECKS_BUSY)
        };
        let sum = |sum: u128, stake: Amount| sum + u128::from(stake.0);
        let all = roster.leaves().iter().map(|leaf| leaf.stake).fold(0, sum);
        let busy = roster.leaves().iter().filter(|leaf| is_busy(&leaf.peer));
        2 * busy.map(|leaf| leaf.stake).fold(0, sum) > all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of verifiers with these weights are suspended, where these are absent, in this order.
    fn check(weights: &[u64], absent: &[u8], expected: &[u8]) {
        let registrant = |(name, weight): (u8, &u64)| Registrant {
            peer: PeerId([name; 32]),
            weight: Amount(*weight),
            absence: absent.iter().position(|other| *other == name).map(|place| place as u64),
        };
        let registrants: Vec<Registrant> = (0..).zip(weights).map(registrant).collect();
        let taken: Vec<u8> = suspended(&registrants).iter().map(|taken| taken.peer.0[0]).collect();
        assert_eq!(taken, expected, "{absent:?} of {weights:?}");
    }

    #[test]
    fn an_epoch_suspends_a_tenth_of_the_weight_or_one_in_the_order_of_their_absences() {
        check(&[1; 20], &[], &[]);
        check(&[1; 20], &[9, 3, 5], &[9, 3]);
        check(&[1; 19], &[9, 3, 5], &[9]);
        check(&[1; 5], &[4, 0, 1, 2, 3], &[4]);
        check(&[50, 5, 45], &[0, 1], &[0]);
        // What would fit behind one that does not waits as well.
        check(&[50, 5, 1, 44], &[1, 0, 2], &[1]);
        // Whoever weighs nothing takes nobody's turn.
        check(&[0, 0, 30, 30], &[1, 0, 3, 2], &[1, 0, 3]);
    }
}
