//! How money leaves a job, at each close of the table.
//!
//! **Invariant:** what was held, slashed and fined goes to whom the settlement names and to the pool, and nowhere else.

use alloc::{boxed::Box, collections::BTreeSet, sync::Arc, vec::Vec};

use assay_protocol::{
    costs,
    id::{JobId, PeerId},
    job::Stage,
    notice::Tick,
    order::Order,
    outcome::Outcome,
    payout::{self, Fee, Settlement},
    receipt::{Happening, Story, StoryEvent},
    signed::Signed,
    units::{Amount, Rate},
};

use super::{ClosedJob, FLAGGED_MAX, Holdings, Ledger, News, OpenJob, boxes::sum, endowment};
use crate::trust::Kind;

impl Ledger {
    /// Settles a job whose stage is closed, and everything that hangs on it.
    pub(super) fn close(&mut self, id: JobId, out: &mut Vec<News>) {
        let Some(closing) = self.jobs.remove(&id) else { return };
        let Stage::Closed(outcome) = closing.job.stage() else {
            self.jobs.insert(id, closing);
            return;
        };
        self.agenda.forget(id);
        for position in &closing.withheld {
            self.withheld.remove(position);
        }
        let (client, provider) = (closing.job.order().client, closing.job.order().provider);
        let debtor = payout::debtor(&closing.job);
        let what = if debtor == provider { Holdings::slashable } else { Holdings::at_stake };
        let at_stake = self.accounts.get(&debtor).map_or(Amount::ZERO, what);
        let settlement = payout::settle(&self.genesis, &closing.job, at_stake);
        self.pay(&closing, &settlement);
        self.release(&closing);
        if outcome.is_paid() {
            self.autostake(closing.job.order(), settlement.provider);
        }
        self.release_endowment(&closing);
        self.judge_trust(&closing, outcome);
        let wall = self.wall.unwrap_or_default();
        self.accounts.or_default(provider).conduct.note(outcome, wall);
        self.flag(&closing, outcome);
        let story = Box::new(self.story(*closing, outcome, settlement));
        self.closed.insert(id, ClosedJob { outcome, client, provider });
        self.closed_count += 1;
        out.push(News::Closed { story, client, provider });
        if outcome.is_slashed() {
            self.convicts.note(provider, wall);
            self.tell_others(provider, &Happening::Convicted, out);
        } else if outcome == Outcome::Unreached {
            self.tell_others(provider, &Happening::Unreached, out);
        }
    }

    /// The one place where money of a job comes to others than its client: what is held, slashed and fined goes to whom the
    /// table names; the pool takes what is over and gives what is missing, or owes it.
    fn pay(&mut self, closing: &OpenJob, settlement: &Settlement) {
        let order = closing.job.order();
        let mut kitty = closing.held;
        // Neither the endowment nor the pool pays for a trap.
        let trap = closing.job.is_trap();
        let (mut endowed, unused) =
            if trap { (Amount::ZERO, closing.endowed) } else { (closing.endowed, Amount::ZERO) };
        self.endowment = sum(self.endowment, unused);
        self.pool = sum(self.pool, closing.reserve);
        kitty = sum(kitty, self.slash(order.provider, settlement.slashed));
        // What a trap wins is paid out later.
        let caught = closing.job.stage() == Stage::Closed(Outcome::Trap);
        for fine in &settlement.fines {
            if caught {
                self.forfeit(fine.peer, order.provider, fine.amount);
            } else {
                kitty = sum(kitty, self.slash(fine.peer, fine.amount));
            }
        }
        let pay = if caught { Amount::ZERO } else { settlement.provider };
        let back = settlement.client.minus_up_to(closing.given_back());
        let parties = [(order.client, back), (order.provider, pay)];
        for (peer, amount) in parties {
            kitty = kitty.minus_up_to(amount);
            self.credit(peer, amount);
        }
        for Fee { peer, amount } in &settlement.fees {
            let from_endowment = endowed.min(*amount);
            endowed = endowed.minus_up_to(from_endowment);
            let from_kitty = kitty.min(amount.minus_up_to(from_endowment));
            kitty = kitty.minus_up_to(from_kitty);
            let paid = sum(from_kitty, from_endowment);
            let from_pool = self.pool.min(amount.minus_up_to(paid));
            self.pool = self.pool.minus_up_to(from_pool);
            let paid = sum(paid, from_pool);
            self.credit(*peer, paid);
            let missing = amount.minus_up_to(paid);
            if !missing.is_zero() {
                self.owed.push_back((*peer, missing));
            }
        }
        self.pool = sum(self.pool, kitty);
        self.endowment = sum(self.endowment, endowed);
        self.pay_owed();
    }

    /// Pays what was owed, the oldest first, as far as the pool goes.
    fn pay_owed(&mut self) {
        while let Some((peer, amount)) = self.owed.front().copied() {
            let paid = self.pool.min(amount);
            self.pool = self.pool.minus_up_to(paid);
            self.credit(peer, paid);
            match self.owed.front_mut() {
                Some((_, rest)) if paid < amount => {
                    *rest = rest.minus_up_to(paid);
                    return;
                }
                _ => self.owed.pop_front(),
            };
        }
    }

    pub(super) fn credit(&mut self, peer: PeerId, amount: Amount) {
        let account = self.accounts.or_default(peer);
        account.free = sum(account.free, amount);
    }

    /// Takes up to `amount` of what somebody can lose, by a conviction or a fine, and says how much it was.
    fn slash(&mut self, peer: PeerId, amount: Amount) -> Amount {
        self.accounts.get_mut(&peer).map_or(Amount::ZERO, |account| account.slash(amount))
    }

    /// Puts a part of the net pay at stake: more of it below the entry level, then less, up to the provider's target.
    fn autostake(&mut self, order: &Order, pay: Amount) {
        let money = &self.genesis.money;
        let entry = costs::of_order(&self.genesis, order, order.work_max, Rate::ZERO, Rate::ZERO).entry;
        let account = self.accounts.or_default(order.provider);
        let usual = order.price().and_then(|price| price.times(money.autostake_multiple));
        let target = account.target.or(usual).unwrap_or(Amount(u64::MAX));
        let (part, level) = if account.stake < entry.min(target) {
            (money.autostake_newcomer, entry.min(target))
        } else {
            (money.autostake, target)
        };
        let added = pay.share(part).min(level.minus_up_to(account.stake)).min(account.free);
        account.free = account.free.minus_up_to(added);
        account.stake = sum(account.stake, added);
    }

    /// Frees the client's lane, the provider's exposure, and whatever an accusation over this job had frozen.
    fn release(&mut self, closing: &OpenJob) {
        let (id, order) = (closing.job.id(), closing.job.order());
        let client = self.accounts.or_default(order.client);
        client.held = client.held.minus_up_to(closing.held);
        client.traps.close(&self.genesis, &closing.job);
        if let Some(lane) = client.lanes.get_mut(&order.lane) {
            lane.open = None;
        }
        let provider = self.accounts.or_default(order.provider);
        provider.serving.remove(&id);
        provider.accused.remove(&id);
        provider.frozen.remove(&id);
        provider.discharge(&self.genesis, &closing.job, closing.exposed);
    }

    /// T11: notes where a jury came to nothing, for the operator and for who reads the journal.
    fn flag(&mut self, closing: &OpenJob, outcome: Outcome) {
        let hung = matches!(outcome, Outcome::Disputed | Outcome::Void) && closing.job.jury_from().is_some();
        let pair = endowment::pair(closing.job.order());
        if hung && (self.flagged.len() < FLAGGED_MAX || self.flagged.contains_key(&pair)) {
            *self.flagged.entry(pair).or_default() += 1;
        }
    }

    fn judge_trust(&mut self, closing: &OpenJob, outcome: Outcome) {
        let (kind, now) = (Kind::of(closing.job.order()), self.live_time.live);
        match outcome {
            Outcome::Checked | Outcome::Cleared if closing.job.revealed() => self.trust.pass(kind, now),
            Outcome::Grey => self.trust.grey(kind, false, now),
            Outcome::GreyRefunded => self.trust.grey(kind, true, now),
            Outcome::Slashed
            | Outcome::Silent
            | Outcome::FalseStream
            | Outcome::FalseOpening
            | Outcome::Mismatch => self.trust.lose(kind, now),
            Outcome::Unreached => self.trust.suspect(kind, now),
            Outcome::Checked
            | Outcome::Cleared
            | Outcome::NotDrawn
            | Outcome::Unchecked
            | Outcome::NoClaim
            | Outcome::Aborted
            | Outcome::Cancelled
            | Outcome::Disputed
            | Outcome::Withdrawn
            | Outcome::Trap
            | Outcome::Void => {}
        }
    }

    /// How a job ended moves its provider's others: after a conviction they are refunded if nothing was claimed yet; what
    /// was claimed is checked whatever the draw, then and where too many could not reach anybody.
    fn tell_others(&mut self, provider: PeerId, what: &Happening, out: &mut Vec<News>) {
        let serving = self.accounts.get(&provider).map(|account| account.serving.clone()).unwrap_or_default();
        for id in serving {
            let Some(open) = self.jobs.get_mut(&id) else { continue };
            let before = open.job.progress();
            let (step, by) = what.step(&open.job);
            let taken = open.job.apply(step, by, self.live_time);
            debug_assert!(taken.is_ok(), "every open job takes how another one ended");
            if open.job.progress() == before {
                continue;
            }
            open.events.push(StoryEvent { round: self.live_time.beacon.round, what: what.clone() });
            self.advance(id, out);
        }
    }

    fn story(&self, closing: OpenJob, outcome: Outcome, settlement: Settlement) -> Story {
        Story {
            genesis: Arc::clone(&self.genesis),
            ticket: *closing.job.ticket(),
            ticks: self.ticks_of(&closing),
            open: closing.open,
            events: closing.events,
            listing: closing.roster.map(|enrolled| enrolled.listing),
            outcome,
            settlement,
            position: self.sequence,
        }
    }

    /// The ticks that something of a job happened at, with the checkpoints that anchor their beacons and that its claim
    /// was made in.
    fn ticks_of(&self, closing: &OpenJob) -> Vec<Signed<Tick>> {
        let length = self.genesis.timers.epoch_ticks;
        let begins = |round: u64| round - round % length;
        let mut rounds: BTreeSet<u64> = closing.events.iter().map(|event| event.round).collect();
        rounds.insert(closing.job.ticket().standing.round);
        let anchors: Vec<u64> = rounds.iter().map(|round| begins(round.saturating_sub(1))).collect();
        rounds.extend(anchors);
        let claimed = closing.events.iter().find(|event| matches!(event.what, Happening::Claim { .. }));
        rounds.extend(claimed.map(|event| begins(event.round)));
        rounds.iter().filter_map(|round| self.ticks.get(round).cloned()).collect()
    }
}
