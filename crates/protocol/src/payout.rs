//! The exact payout table: who gets what at each close.
//!
//! **Invariant:** what goes out is what was held, slashed and fined, plus what the pool gives, less what it gains; the
//! client never gets more than was held of its money.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    compare::{Agreement, Testimony},
    costs::{self, OrderCosts},
    genesis::Genesis,
    id::PeerId,
    job::{ABSENT_MAX, Job, Seat, Stage},
    jury::Stand,
    order::Order,
    outcome::Outcome,
    place, remainder,
    ticket::Ticket,
    units::{Amount, Units, Work},
};

/// Who gets and pays what at a close.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// What the client gets back of what was held, with what went back at the claim.
    pub client: Amount,
    /// What the provider is paid; of who was caught in a trap, once that could have been withdrawn from its stake.
    pub provider: Amount,
    /// What the provider loses of its stake.
    pub slashed: Amount,
    /// What each verifier earns.
    pub fees: Vec<Fee>,
    /// What each on the losing side of a jury that cleared the provider is to pay from its stake: verifiers, or the provider
    /// where it had called the jury by opening late.
    pub fines: Vec<Fee>,
}

/// What one peer earns or pays for checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Who.
    pub peer: PeerId,
    /// How much.
    pub amount: Amount,
}

/// The settlement of a closed job; `at_stake` is what the [`debtor`] has to lose.
#[must_use]
pub fn settle(genesis: &Genesis, job: &Job, at_stake: Amount) -> Settlement {
    let Stage::Closed(outcome) = job.stage() else { return Settlement::default() };
    let settling = Settling { genesis, job, order: job.order(), ticket: job.ticket() };
    match outcome {
        Outcome::NotDrawn => settling.paid(Vec::new()),
        Outcome::Checked if settling.is_looked_at() => settling.confirmed(),
        Outcome::Mismatch => settling.mismatched(),
        Outcome::Unreached if settling.ticket.newcomer => settling.newcomer_unreached(),
        Outcome::Unchecked if settling.job.disputed() && settling.job.is_unserved() => {
            settling.unserved_dispute()
        }
        // Of several checks that were wanted, some may have been done.
        Outcome::Unchecked => settling.paid(settling.first_fees()),
        Outcome::Checked | Outcome::Grey => settling.paid(settling.first_fees()),
        Outcome::Cleared => settling.cleared(),
        Outcome::GreyRefunded => settling.refunded_but_checked(),
        Outcome::Cancelled => settling.cancelled(),
        Outcome::Slashed | Outcome::FalseStream | Outcome::FalseOpening => settling.slashed(at_stake, true),
        Outcome::Silent => settling.slashed(at_stake, false),
        Outcome::Disputed | Outcome::Void => settling.undecided(),
        Outcome::Unreached => settling.unreached(),
        Outcome::Trap => settling.trapped(at_stake),
        Outcome::NoClaim | Outcome::Aborted | Outcome::Withdrawn => {
            Settlement { client: settling.held(), ..Settlement::default() }
        }
    }
}

/// Whose stake decides what a settlement comes to: the provider's, which may be slashed; but where two contradict who
/// matched a trap, that verifier's.
#[must_use]
pub fn debtor(job: &Job) -> PeerId {
    caught(job).map_or(job.order().provider, |at| job.seats()[at].peer)
}

/// The seat that matched a trap, if two found something else.
fn caught(job: &Job) -> Option<usize> {
    let first = job.jury_from().filter(|_| job.is_trap())?.checked_sub(1)?;
    let against = job.looked().iter().filter(|(_, stand)| *stand == Stand::Against).count();
    (against >= TRAP_LOOKS).then_some(first)
}

/// How many look at a verifier that matched a trap.
const TRAP_LOOKS: usize = 2;

/// A job that is being settled, and what its settlement is made of.
struct Settling<'a> {
    genesis: &'a Genesis,
    job: &'a Job,
    order: &'a Order,
    ticket: &'a Ticket,
}

impl Settling<'_> {
    /// All that was held of the client's money: the total, and what it put up for a trap; less what its place was used for,
    /// which the pool has whatever came of it.
    fn held(&self) -> Amount {
        let total = self.order.total_max;
        let place = place::used(self.genesis, self.order, self.ticket, self.job.lasted());
        total.plus(self.job.pledged()).unwrap_or(total).minus_up_to(place)
    }

    /// Paid, with these checks to be paid for.
    fn paid(&self, fees: Vec<Fee>) -> Settlement {
        let (costs, pay) = (self.charged(), self.pay());
        let all = total(&fees);
        let first = fees.first().map_or(Amount::ZERO, |fee| fee.amount);
        // The provider bears the check of a newcomer, one that another job of its forced, and those that were done because
        // others were given no input. A newcomer's was prepaid by the client, who gets it back from the pay as far as that
        // goes; what the pay does not suffice for of all others is taken from the stake.
        let own = if self.ticket.newcomer || self.job.forced() { first } else { Amount::ZERO };
        let beyond = self.beyond(&fees);
        let provider_bears = own.plus(beyond).unwrap_or(own).min(pay);
        let of_own = own.min(provider_bears);
        let client_bears =
            if self.prepays() { all.minus_up_to(beyond).minus_up_to(of_own) } else { Amount::ZERO };
        let forced = if self.job.forced() { own.minus_up_to(of_own) } else { Amount::ZERO };
        let beyond = beyond.minus_up_to(provider_bears.minus_up_to(of_own));
        let forced = forced.plus(beyond).unwrap_or(forced);
        let dues = if self.ticket.newcomer { Amount::ZERO } else { costs.dues };
        Settlement {
            client: less(self.held(), &[pay, costs.premium, client_bears]),
            provider: pay.minus_up_to(provider_bears).minus_up_to(dues),
            fees,
            fines: self.fine(forced),
            ..Settlement::default()
        }
    }

    /// What is due for checks beyond those that were wanted: each was done because another verifier was given no input.
    fn beyond(&self, fees: &[Fee]) -> Amount {
        let wanted = self.ticket.checks_wanted();
        total(fees.get(wanted..).unwrap_or_default())
    }

    /// True if the client has paid for the first checks in advance: every total holds one, which a dispute uses, and a job
    /// whose client did not reveal its secret, unless it was to be checked for what its provider did. What they do not cost
    /// goes back to it.
    fn prepays(&self) -> bool {
        let kept_secret = self.job.unrevealed() && !self.job.forced();
        self.ticket.prepaid > 0 || self.job.disputed() || kept_secret
    }

    /// Refunded after a first check that the client paid for, if it did. The provider, which is paid nothing, owes the
    /// dues all the same: otherwise the pool would pay for checks that a provider and its friends have made grey.
    fn refunded_but_checked(&self) -> Settlement {
        let (fees, costs) = (self.first_fees(), self.charged());
        let beyond = self.beyond(&fees);
        let checks = if self.prepays() { total(&fees).minus_up_to(beyond) } else { Amount::ZERO };
        let client = less(self.held(), &[costs.premium, checks]);
        let dues = if self.ticket.newcomer { Amount::ZERO } else { costs.dues };
        let first = fees.first().map_or(Amount::ZERO, |fee| fee.amount);
        let forced = if self.job.forced() { first } else { Amount::ZERO };
        let owed = dues.plus(forced).and_then(|owed| owed.plus(beyond)).unwrap_or(dues);
        let fines = self.fine(owed);
        Settlement { client, fees, fines, ..Settlement::default() }
    }

    /// True if two of three decided about a newcomer's result.
    fn is_looked_at(&self) -> bool {
        self.ticket.newcomer && self.job.jury_from().is_some()
    }

    /// Paid, since two of three found what a newcomer claims: the others were wrong to accuse it, and the pool pays who
    /// looked again.
    fn confirmed(&self) -> Settlement {
        let mut wanted = self.all_fees();
        let again = wanted.split_off(self.ticket.checks_wanted().min(wanted.len()));
        let mut settlement = self.paid(wanted);
        settlement.fees.extend(again);
        settlement.fines.extend(self.contradicted());
        settlement
    }

    /// Refunded, since a newcomer's result was found to be another. The client pays for the checks that it wanted, and as
    /// much more as a second look costs on average, whether or not there was one.
    fn mismatched(&self) -> Settlement {
        let (fees, costs) = (self.all_fees(), self.charged());
        let wanted = self.ticket.checks_wanted().min(fees.len());
        let again = self.genesis.check_cost(self.job.claimed_work()).share(self.job.second());
        let client = less(self.held(), &[costs.premium, total(&fees[..wanted]), again]);
        Settlement { client, fees, fines: self.contradicted(), ..Settlement::default() }
    }

    /// What a newcomer claims could not be checked. The client's check is theirs who found something, or else theirs who
    /// asked for the input in vain.
    fn newcomer_unreached(&self) -> Settlement {
        let mut fees = self.all_fees();
        if fees.is_empty() {
            let third = Amount(self.genesis.check_cost(self.job.claimed_work()).0 / 3);
            let unserved = self.job.seats().iter().filter(|seat| seat.is_unserved());
            fees.extend(unserved.map(|seat| Fee { peer: seat.peer, amount: third }));
        }
        Settlement { client: less(self.held(), &[total(&fees)]), fees, ..Settlement::default() }
    }

    /// Whoever was contradicted by two of three pays what makes lies about newcomers a loss: three checks for each that is
    /// looked at again, to the pool.
    fn contradicted(&self) -> Vec<Fee> {
        let three = self.genesis.check_cost(self.job.claimed_work()).times(3).unwrap_or(Amount(u64::MAX));
        let fine = (u128::from(three.0) << 32).checked_div(u128::from(self.job.second().0));
        let amount = Amount(fine.and_then(|fine| u64::try_from(fine).ok()).unwrap_or(u64::MAX));
        let looked = self.job.looked();
        let against = |stand: Stand| match stand {
            Stand::With => Some(Stand::Against),
            Stand::Against => Some(Stand::With),
            Stand::Unserved | Stand::Apart => None,
        };
        let drawn = |other: Stand| looked.iter().filter(|(_, stand)| *stand == other).count();
        let alone = |at: &usize| {
            let stand = looked.iter().find(|(other, _)| other == at).map(|(_, stand)| *stand);
            stand.and_then(against).is_some_and(|other| drawn(other) >= 2)
        };
        let jurors = self.job.jurors();
        jurors.into_iter().filter(alone).map(|at| Fee { peer: self.peer_of(at), amount }).collect()
    }

    /// What the provider is to pay from its stake.
    fn fine(&self, amount: Amount) -> Vec<Fee> {
        let fine = Fee { peer: self.order.provider, amount };
        if amount.is_zero() { Vec::new() } else { Vec::from([fine]) }
    }

    /// Nobody knows who was right. Checks that the client has paid for in advance were done for it; jurors have the pool,
    /// but only in classes that the network knew from the first day: in any other all who check may be of one mind, and
    /// would be paid for finding nothing.
    fn undecided(&self) -> Settlement {
        let mut first = self.first_fees();
        // Whoever did not reveal its secret has put up one check, however many others were given no input beside it.
        if self.ticket.prepaid == 0 && !self.job.disputed() {
            first.truncate(1);
        }
        let check = self.genesis.check_cost(self.job.claimed_check_work());
        // What was paid in advance is what a check costs that finds what was claimed: a run that found otherwise may be more.
        let borne: Vec<Fee> = first.iter().map(|fee| Fee { amount: fee.amount.min(check), ..*fee }).collect();
        let borne = if self.prepays() { total(&borne) } else { Amount::ZERO };
        let known = self.genesis.verifiers.iter().any(|founder| founder.classes.contains(&self.order.class));
        let fees = match (known, self.prepays()) {
            (true, _) => self.all_fees(),
            (false, true) => first,
            (false, false) => Vec::new(),
        };
        Settlement { client: less(self.held(), &[borne]), fees, ..Settlement::default() }
    }

    /// The provider pays for all that was found out, since nobody could find out more: whoever claims can be reached. Only
    /// whoever found something else is paid whatever that comes to; the others, who may be its enemies' as well, have what
    /// a jury costs among them.
    fn unreached(&self) -> Settlement {
        let mut rest = self
            .genesis
            .check_cost(self.order.work_max)
            .times(self.genesis.money.slash_checks)
            .unwrap_or(Amount(u64::MAX));
        let mut fees = Vec::new();
        for (at, seat) in self.job.seats().iter().enumerate() {
            for mut fee in self.fees_of([at]) {
                if self.job.compare_with(seat) != Some(Agreement::Mismatch) {
                    fee.amount = fee.amount.min(rest);
                    rest = rest.minus_up_to(fee.amount);
                }
                fees.push(fee);
            }
        }
        let fines = self.fine(total(&fees));
        Settlement { client: self.held(), fees, fines, ..Settlement::default() }
    }

    /// A dispute whose client served nobody the input: those that asked for it in vain share the check that it wanted. Whoever
    /// found something all the same has it from the provider, which may have served it.
    fn unserved_dispute(&self) -> Settlement {
        let check = self.genesis.check_cost(self.job.claimed_check_work());
        let unserved = self.job.seats().iter().filter(|seat| seat.is_unserved());
        let third = Amount(check.0 / ABSENT_MAX as u64);
        let shares = unserved.map(|seat| Fee { peer: seat.peer, amount: third });
        let (costs, pay, fees) = (self.charged(), self.pay(), self.first_fees());
        let found = total(&fees);
        let provider = less(pay, &[found, costs.dues]);
        let fines = self.fine(found.minus_up_to(pay));
        let client = less(self.held(), &[pay, costs.premium, check]);
        Settlement {
            client,
            provider,
            fees: fees.into_iter().chain(shares).collect(),
            fines,
            ..Settlement::default()
        }
    }

    /// A trap: whoever checked it is paid by its parties, but who was caught in it. That one pays what was at stake in it; if
    /// no two contradict what it found, whatever kept them from it, the parties pay as much to the pool but where one did. So
    /// they do where the client had less than that when it was needed, as far as it goes.
    fn trapped(&self, at_stake: Amount) -> Settlement {
        let (forfeit, costs) = (costs::forfeit(self.genesis, self.order), self.charged());
        let (caught, fees) = (caught(self.job), self.trap_fees());
        let dues = if self.ticket.newcomer { Amount::ZERO } else { costs.dues };
        let owed = less(self.held(), &[costs.premium, dues]);
        let checks = total(&fees);
        let loses = self.is_confirmed() || self.job.pledged() < forfeit;
        let lost = if loses { forfeit.max(checks) } else { checks };
        let fine = caught.map(|at| Fee { peer: self.peer_of(at), amount: forfeit.min(at_stake) });
        let won = fine.map_or(Amount::ZERO, |fine| fine.amount);
        let fines = fine.into_iter().collect();
        // What went back at the claim is not held any more.
        let client = less(owed, &[lost]).max(remainder::of(self.genesis, self.job));
        Settlement { client, provider: won, fees, fines, ..Settlement::default() }
    }

    /// True if who matched a trap was contradicted by none: of two that were to look, those that were lost have not done so.
    fn is_confirmed(&self) -> bool {
        self.job.jury_from().is_some() && self.job.looked().iter().all(|(_, stand)| *stand != Stand::Against)
    }

    /// The fees of a trap: of the first that found something, unless it was caught, and of those that looked at it.
    fn trap_fees(&self) -> Vec<Fee> {
        let seats = self.job.seats();
        let first = self.accuser().or(seats.len().checked_sub(1));
        let looks = self.job.jurors().into_iter().filter(|at| Some(*at) != first);
        let caught = caught(self.job);
        self.fees_of(first.into_iter().chain(looks).filter(|at| Some(*at) != caught))
    }

    /// The client keeps its money but for the agreed fee, where the provider asked for it.
    fn cancelled(&self) -> Settlement {
        let fee = if self.job.claim().is_some() { self.order.cancel_fee } else { Amount::ZERO };
        Settlement { client: less(self.held(), &[fee]), provider: fee, ..Settlement::default() }
    }

    /// The jurors that found what was claimed are paid by those, and by the first verifier, that found otherwise. Where the
    /// first verifier found it too, the jury was called because the provider had not opened its claim: then it pays.
    fn cleared(&self) -> Settlement {
        let stands = self.job.stands();
        let of = |stand| stands.iter().filter(move |(_, other)| *other == stand).map(|(at, _)| *at);
        let slandered = self.job.agreement().is_none_or(|agreement| agreement == Agreement::Mismatch);
        let accuser = self.accuser().filter(|_| slandered).map(|at| self.peer_of(at));
        let provider = Some(self.order.provider).filter(|_| !slandered);
        let against = of(Stand::Against).map(|at| self.peer_of(at));
        let mut losers: Vec<PeerId> = accuser.into_iter().chain(provider).collect();
        // Who called the jury may have been drawn into it.
        losers.extend(against.filter(|peer| Some(*peer) != accuser));
        // Who matched before anybody accused is paid for that, and not again as a juror. Who was given no input then and
        // found something else while the jury sat has earned nothing.
        let before = 0..self.accuser().map_or(0, |accuser| accuser + usize::from(!slandered));
        let matched: Vec<usize> = before.filter(|at| !self.is_contrary(&self.job.seats()[*at])).collect();
        let fees = self.fees_of(of(Stand::With).filter(|at| !matched.contains(at)));
        let total = total(&fees).0;
        let fines = (0..).zip(&losers).map(|(index, peer)| {
            let count = losers.len() as u64;
            let amount = Amount(total / count + u64::from(index < total % count));
            Fee { peer: *peer, amount }
        });
        let fines: Vec<Fee> = fines.collect();
        let Settlement { fees: mut all, fines: forced, client, provider, .. } =
            self.paid(self.fees_of(matched));
        all.extend(fees);
        let fines = forced.into_iter().chain(fines).collect();
        Settlement { client, provider, fees: all, fines, ..Settlement::default() }
    }

    /// Whoever found the provider out is paid from what it loses: the jurors, and the first verifier, who earns a bounty
    /// unless the provider was convicted of its silence alone.
    fn slashed(&self, at_stake: Amount, with_bounty: bool) -> Settlement {
        let slashed = self.ticket.slash.min(at_stake);
        let stands = self.job.stands();
        let against = stands.iter().filter(|(_, stand)| *stand == Stand::Against).map(|(at, _)| *at);
        let first = self.accuser().or(self.job.seats().len().checked_sub(1));
        let first = first.filter(|at| self.job.seats()[*at].found().is_some());
        let against = against.filter(|at| Some(*at) != first);
        let mut fees = self.fees_of(first.into_iter().chain(against));
        if let (true, Some(_), Some(first)) = (with_bounty, first, fees.first_mut()) {
            let checks = first.amount.times(self.genesis.money.bounty_checks).unwrap_or(slashed);
            let bounty = Amount(slashed.0 / 2).min(checks);
            first.amount = first.amount.plus(bounty).unwrap_or(first.amount);
        }
        Settlement { client: self.held(), slashed, fees, ..Settlement::default() }
    }

    /// The fees of the first checks, where they found something.
    fn first_fees(&self) -> Vec<Fee> {
        self.fees_of(0..self.job.jury_from().unwrap_or(self.job.seats().len()))
    }

    fn all_fees(&self) -> Vec<Fee> {
        self.fees_of(0..self.job.seats().len())
    }

    /// The fees of those in these seats that found something: each for the least of what was claimed, sealed and
    /// ordered; for a check, if it found what was claimed, and otherwise for a run, which it had to do to the end. What a trap
    /// claims to have been worked counts for nothing: nobody shall run it for less than that costs.
    fn fees_of(&self, seats: impl IntoIterator<Item = usize>) -> Vec<Fee> {
        let seats = seats.into_iter().filter_map(|at| self.job.seats().get(at));
        let (check_most, run_most) = if self.job.is_trap() {
            (self.order.check_work_max(), self.order.work_max)
        } else {
            (self.job.claimed_check_work(), self.job.claimed_work())
        };
        let fee = |seat: &Seat| {
            let found = seat.found()?;
            let work = match self.job.compare_with(seat) {
                Some(Agreement::Match | Agreement::Grey) => self.checked(found).min(check_most),
                Some(Agreement::Mismatch) | None => found.work.min(run_most),
            };
            Some(Fee { peer: seat.peer, amount: self.genesis.check_cost(work) })
        };
        seats.filter_map(fee).collect()
    }

    /// What a check costs to compute, by what a verifier found.
    fn checked(&self, found: &Testimony) -> Work {
        self.order.manifest.policy.work_of_check(found.work, found.check_work)
    }

    fn peer_of(&self, seat: usize) -> PeerId {
        self.job.seats()[seat].peer
    }

    /// The seat whose finding called the jury.
    fn accuser(&self) -> Option<usize> {
        self.job.jury_from()?.checked_sub(1)
    }

    /// Premium and dues for the work that counts: the least of claimed, sealed and ordered; for a trap what was ordered.
    fn charged(&self) -> OrderCosts {
        let claimed = self.job.claimed_check_work();
        let work = if self.job.stage() == Stage::Closed(Outcome::Trap) {
            self.order.check_work_max()
        } else {
            self.agreed().map(|found| self.checked(found)).fold(claimed, Work::min)
        };
        costs::of_order(
            self.genesis,
            self.order,
            work,
            self.ticket.policy_rate,
            self.ticket.standing.fee_margin,
        )
    }

    /// The pay for the units that count: the lowest of claimed and found.
    fn pay(&self) -> Amount {
        let claimed = self.job.claim().map_or(0, |claimed| claimed.claim.units);
        let units = self.agreed().map(|found| found.units).fold(claimed, Units::min);
        self.order.unit_price.times(units.min(self.order.units_max)).unwrap_or(Amount::ZERO)
    }

    /// What the verifiers found before anybody accused the provider: only this can lower pay and fees. Not what one of them
    /// found that was given no input then, and sealed something else while the jury sat: a friend of the client's would.
    fn agreed(&self) -> impl Iterator<Item = &Testimony> {
        let seats = self.job.seats();
        let before = &seats[..self.accuser().unwrap_or(seats.len())];
        before.iter().filter(|seat| !self.is_contrary(seat)).filter_map(Seat::found)
    }

    /// True if a verifier found something else than was claimed.
    fn is_contrary(&self, seat: &Seat) -> bool {
        self.job.compare_with(seat) == Some(Agreement::Mismatch)
    }
}

/// What is left of an amount after all these, as far as it goes.
fn less(amount: Amount, parts: &[Amount]) -> Amount {
    parts.iter().fold(amount, |rest, part| rest.minus_up_to(*part))
}

/// What all these come to; the greatest amount if it does not fit.
fn total(fees: &[Fee]) -> Amount {
    Amount(fees.iter().fold(0, |sum, fee| sum.saturating_add(fee.amount.0)))
}

#[cfg(test)]
mod tests;
