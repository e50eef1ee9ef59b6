//! What one peer has, and what its owner instructs: stake, withdrawals, registrations, grants.
//!
//! **Invariant:** an account's instructions are carried out once, in their order; what is withdrawn from a stake answers
//! for what was claimed before until that has closed.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use assay_protocol::{
    account::{Grant, Register, Registration, Stake, Unstake},
    id::{Digest, JobId, PeerId},
    notice::Query,
    signed::{Said, Statement},
    units::{Amount, Timestamp},
};

use super::{
    HOUR_MS, Ledger, Rejection, absence::Enrolment, boxes::sum, standings::ServiceHistory, traps::TrapStakes,
};

/// Withdrawals from one stake that are under way.
pub const WITHDRAWALS_MAX: usize = 16;

/// What one peer has.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Holdings {
    /// What can be spent.
    pub free: Amount,
    /// What is at stake.
    pub stake: Amount,
    /// What its open jobs take of its stake.
    pub exposed: Amount,
    /// What the jury over each of them can cost, and over how many.
    pub(super) juries: BTreeMap<Amount, u64>,
    /// The number of its last instruction.
    pub instruction: u64,
    /// What its open jobs as a client hold: the sum over them, kept so that nobody has to look at all of them.
    pub(super) held: Amount,
    /// The last instruction, to know it again.
    last: Digest,
    /// Up to which stake a part of its pay is added; none leaves it to the network.
    pub(super) target: Option<Amount>,
    /// What was withdrawn from the stake and is not paid out yet, oldest first.
    pub(super) withdrawals: VecDeque<Withdrawal>,
    /// What it can check, and how each registration stands.
    pub(super) registered: BTreeMap<Registration, Enrolment>,
    /// The checks that it was given and that have not ended, and until when each is due.
    pub(super) checks: BTreeMap<JobId, Timestamp>,
    pub(super) lanes: BTreeMap<u16, LaneState>,
    /// What its open jobs as a client may put at stake in traps.
    #[serde(skip)]
    pub(super) traps: TrapStakes,
    /// What it did as a provider.
    pub(super) conduct: ServiceHistory,
    /// Its open jobs as a provider.
    pub(super) serving: BTreeSet<JobId>,
    /// Jobs over which it stands accused.
    pub(super) accused: BTreeSet<JobId>,
    /// Those of them where a juror supports the accusation.
    pub(super) frozen: BTreeSet<JobId>,
}

/// One queue of a client.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct LaneState {
    pub(super) next: u64,
    pub(super) open: Option<JobId>,
}

/// What was withdrawn from a stake at one time.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Withdrawal {
    pub(super) amount: Amount,
    /// Whom it is paid out to, where its owner lost it to somebody.
    to: Option<PeerId>,
    /// The earliest time of its payment.
    due: Timestamp,
    /// The journal's length then: what was opened before is answered for.
    position: u64,
}

impl Holdings {
    /// What its owner withdrew from the stake and is not paid out yet.
    #[must_use]
    pub fn unbonding(&self) -> Amount {
        let own = self.withdrawals.iter().filter(|withdrawal| withdrawal.to.is_none());
        own.fold(Amount::ZERO, |all, withdrawal| sum(all, withdrawal.amount))
    }

    /// What was lost of the stake to others and is not paid out to them yet.
    #[must_use]
    pub fn forfeited(&self) -> Amount {
        let lost = self.withdrawals.iter().filter(|withdrawal| withdrawal.to.is_some());
        lost.fold(Amount::ZERO, |all, withdrawal| sum(all, withdrawal.amount))
    }

    /// What it has at stake of its own, and can lose by a fine.
    #[must_use]
    pub fn at_stake(&self) -> Amount {
        sum(self.stake, self.unbonding())
    }

    /// What a conviction or a fine can take: what somebody won of it, and has not got yet, as well.
    #[must_use]
    pub fn slashable(&self) -> Amount {
        sum(self.at_stake(), self.forfeited())
    }

    /// From how many of the kinds that it registered for it is suspended.
    #[must_use]
    pub fn suspended(&self) -> u64 {
        self.registered.values().filter(|enrolment| enrolment.suspended).count() as u64
    }

    /// Takes up to `amount` of the stake, then of what was withdrawn from it, and says how much it was: what a trap can win.
    pub(super) fn take_stake(&mut self, amount: Amount) -> Amount {
        self.take(amount, |withdrawal| withdrawal.to.is_none())
    }

    /// The same, and of what somebody won of it in a trap and has not got yet: for convictions and fines.
    pub(super) fn slash(&mut self, amount: Amount) -> Amount {
        self.take(amount, |_| true)
    }

    fn take(&mut self, amount: Amount, takes: impl Fn(&Withdrawal) -> bool) -> Amount {
        let mut taken = self.stake.min(amount);
        self.stake = self.stake.minus_up_to(taken);
        for withdrawal in self.withdrawals.iter_mut().filter(|withdrawal| takes(withdrawal)) {
            let part = withdrawal.amount.min(amount.minus_up_to(taken));
            withdrawal.amount = withdrawal.amount.minus_up_to(part);
            taken = sum(taken, part);
        }
        taken
    }

    /// Whether this is the next instruction.
    fn expect(&self, sequence: u64, digest: Digest) -> Result<(), Rejection> {
        match sequence.checked_sub(self.instruction) {
            Some(1) => Ok(()),
            Some(0) if digest == self.last => Err(Rejection::Known),
            Some(0) | None => Err(Rejection::Conflict),
            Some(_) => Err(Rejection::Sequence),
        }
    }

    fn carried_out(&mut self, sequence: u64, digest: Digest) {
        (self.instruction, self.last) = (sequence, digest);
    }
}

impl Ledger {
    /// The account that an instruction is about, if it is the next one for these books.
    fn instructed<T: Statement>(
        &mut self,
        said: &Said<'_, T>,
        notary: PeerId,
        sequence: u64,
    ) -> Result<&mut Holdings, Rejection> {
        if notary != self.notary {
            return Err(Rejection::OtherNotary);
        }
        let account = self.accounts.get_mut(&said.signer()).ok_or(Rejection::NoAccount)?;
        account.expect(sequence, said.digest())?;
        Ok(account)
    }

    pub(super) fn stake(&mut self, stake: &Said<'_, Stake>) -> Result<(), Rejection> {
        let account = self.accounts.get(&stake.signer());
        let spendable = account.map_or(Amount::ZERO, |account| self.spendable(account, None));
        let account = self.instructed(stake, stake.notary, stake.sequence)?;
        if stake.amount > spendable {
            return Err(Rejection::Funds);
        }
        account.free = account.free.minus(stake.amount).ok_or(Rejection::Funds)?;
        account.stake = sum(account.stake, stake.amount);
        account.target = stake.target;
        account.carried_out(stake.sequence, stake.digest());
        Ok(())
    }

    /// Takes money out of a stake, never below what it stands for; it is paid out later.
    pub(super) fn unstake(&mut self, unstake: &Said<'_, Unstake>) -> Result<(), Rejection> {
        let (due, position) = (self.live_time.live.after(self.genesis.timers.unbonding), self.sequence);
        let account = self.instructed(unstake, unstake.notary, unstake.sequence)?;
        let rest = account.stake.minus(unstake.amount).ok_or(Rejection::Funds)?;
        if rest < account.engaged() {
            return Err(Rejection::Exposed);
        }
        let own = account.withdrawals.iter().filter(|withdrawal| withdrawal.to.is_none());
        if own.count() >= WITHDRAWALS_MAX {
            return Err(Rejection::Full);
        }
        account.stake = rest;
        account.withdrawals.push_back(Withdrawal { amount: unstake.amount, to: None, due, position });
        account.carried_out(unstake.sequence, unstake.digest());
        self.unbonding.insert(unstake.signer());
        Ok(())
    }

    /// Takes what a verifier lost to somebody out of its stake. It is paid out as if it had been withdrawn, and answers until
    /// then for what was claimed before: otherwise a stake could be carried off, from one hand into another of its owner's,
    /// while it is to be slashed.
    pub(super) fn forfeit(&mut self, of: PeerId, to: PeerId, amount: Amount) {
        let (due, position) = (self.live_time.live.after(self.genesis.timers.unbonding), self.sequence);
        let Some(account) = self.accounts.get_mut(&of) else { return };
        let amount = account.take_stake(amount);
        if amount.is_zero() {
            return;
        }
        account.withdrawals.push_back(Withdrawal { amount, to: Some(to), due, position });
        self.unbonding.insert(of);
    }

    /// Notes what an account can check. Kinds that it could check before keep their age, and what they wait for, unless
    /// they were suspended.
    pub(super) fn register(&mut self, register: &Said<'_, Register>) -> Result<(), Rejection> {
        let epoch = self.checkpoint.epoch();
        let account = self.instructed(register, register.notary, register.sequence)?;
        if !register.kinds.is_sorted_by(|one, other| one < other) {
            return Err(Rejection::Unordered);
        }
        let fresh = Enrolment { since: Some(epoch), ..Enrolment::default() };
        let known =
            |kind: &Registration| account.registered.get(kind).filter(|known| !known.suspended).copied();
        account.registered =
            register.kinds.iter().map(|kind| (*kind, known(kind).unwrap_or(fresh))).collect();
        account.carried_out(register.sequence, register.digest());
        Ok(())
    }

    /// Creates credits, if the issuer says so.
    pub(super) fn grant(&mut self, grant: &Said<'_, Grant>) -> Result<(), Rejection> {
        if grant.signer() != self.genesis.issuer {
            return Err(Rejection::NotTheIssuer);
        }
        if grant.notary != self.notary {
            return Err(Rejection::OtherNotary);
        }
        match grant.serial.checked_sub(self.granted.0) {
            Some(1) => {}
            Some(0) if self.granted.1 == grant.digest() => return Err(Rejection::Known),
            Some(0) | None => return Err(Rejection::Conflict),
            Some(_) => return Err(Rejection::Sequence),
        }
        self.minted = self.minted.plus(grant.amount).ok_or(Rejection::TooMuch)?;
        self.granted = (grant.serial, grant.digest());
        let account = self.accounts.or_default(grant.account);
        account.free = sum(account.free, grant.amount);
        Ok(())
    }

    /// Opens an account with the welcome grant, for the first few that ask in an hour. Without a grant nothing is
    /// written: keys cost nothing, entries in a journal do.
    pub(super) fn welcome(&mut self, query: &Said<'_, Query>) -> Result<(), Rejection> {
        if self.accounts.contains_key(&query.signer()) {
            return Err(Rejection::KnownAccount);
        }
        let hour = self.wall.ok_or(Rejection::NoWelcome)?.0 / HOUR_MS;
        let given = if self.welcomed.0 == hour { self.welcomed.1 } else { 0 };
        let grant = self.genesis.money.welcome;
        if grant.is_zero() || given >= self.genesis.money.welcomes_per_hour {
            return Err(Rejection::NoWelcome);
        }
        self.minted = self.minted.plus(grant).ok_or(Rejection::NoWelcome)?;
        self.welcomed = (hour, given + 1);
        let account = self.accounts.or_default(query.signer());
        account.free = grant;
        Ok(())
    }

    /// Pays out withdrawals whose time has come and that nothing claimed before still hangs on.
    pub(super) fn pay_withdrawals(&mut self) {
        let live = self.live_time.live;
        let waiting: Vec<PeerId> = self.unbonding.iter().copied().collect();
        for peer in waiting {
            let oldest = self.oldest_duty(peer);
            let Some(account) = self.accounts.get_mut(&peer) else { continue };
            let ready = |withdrawal: &Withdrawal| {
                withdrawal.due <= live && oldest.is_none_or(|oldest| oldest > withdrawal.position)
            };
            let count = account.withdrawals.iter().take_while(|withdrawal| ready(withdrawal)).count();
            let paid: Vec<Withdrawal> = account.withdrawals.drain(..count).collect();
            if account.withdrawals.is_empty() {
                self.unbonding.remove(&peer);
            }
            for withdrawal in paid {
                self.credit(withdrawal.to.unwrap_or(peer), withdrawal.amount);
            }
        }
    }

    /// The position of the oldest open job that a peer answers for as its provider.
    fn oldest_duty(&self, peer: PeerId) -> Option<u64> {
        let serving = &self.accounts.get(&peer)?.serving;
        let open = serving.iter().filter_map(|job| self.jobs.get(job));
        open.map(|open| open.job.ticket().standing.position).min()
    }
}
