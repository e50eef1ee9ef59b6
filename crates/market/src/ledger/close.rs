//! T5–T13, T16, T17: how money leaves a job.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    id::{JobId, PeerId},
    job::{Party, Stage, Step},
    outcome::Outcome,
    payout::{self, Fee, Settlement},
    receipt::{Anchor, Event, Happening, Story},
    units::{Amount, Rate},
};

use super::{ClosedJob, Consequence, Ledger, OpenJob, open};

impl Ledger {
    /// Settles a job whose stage is closed, and everything that hangs on it.
    pub(super) fn close(&mut self, id: JobId, out: &mut Vec<Consequence>) {
        let Some(closing) = self.jobs.remove(&id) else { return };
        let Stage::Closed(outcome) = closing.job.stage() else {
            self.jobs.insert(id, closing);
            return;
        };
        let order = closing.job.order().clone();
        let at_stake = self.accounts.get(&order.provider).map_or(Amount::ZERO, |account| account.stake);
        let settlement = payout::settle(&self.genesis, &closing.job, at_stake);
        self.pay(&closing, &settlement);
        self.release(&closing);
        self.judge_trust(&closing, outcome);
        let story = Box::new(self.story(closing, outcome, settlement));
        let (client, provider) = (order.client, order.provider);
        self.closed.insert(id, ClosedJob { outcome, client, provider, story: story.digest() });
        out.push(Consequence::Closed { story, client, provider });
        if outcome.is_slashed() {
            self.convict(provider, out);
        }
    }

    /// The one place where money leaves `held`: what was held, slashed and fined goes to whom the table names; the pool
    /// takes what is over and gives what is missing, or owes it.
    fn pay(&mut self, closing: &OpenJob, settlement: &Settlement) {
        let order = closing.job.order();
        let mut kitty = closing.held;
        self.pool = sum(self.pool, closing.reserve);
        kitty = sum(kitty, self.take_stake(order.provider, settlement.slashed));
        for fine in &settlement.fines {
            kitty = sum(kitty, self.take_stake(fine.peer, fine.amount));
        }
        let parties = [(order.client, settlement.client), (order.provider, settlement.provider)];
        for (peer, amount) in parties {
            kitty = kitty.minus_up_to(amount);
            self.credit(peer, amount);
        }
        for Fee { peer, amount } in &settlement.fees {
            let from_kitty = kitty.min(*amount);
            kitty = kitty.minus_up_to(from_kitty);
            let from_pool = self.pool.min(amount.minus_up_to(from_kitty));
            self.pool = self.pool.minus_up_to(from_pool);
            self.credit(*peer, sum(from_kitty, from_pool));
            let missing = amount.minus_up_to(from_kitty).minus_up_to(from_pool);
            if !missing.is_zero() {
                self.owed.push_back((*peer, missing));
            }
        }
        self.pool = sum(self.pool, kitty);
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

    fn credit(&mut self, peer: PeerId, amount: Amount) {
        let account = self.accounts.entry(peer).or_default();
        account.free = sum(account.free, amount);
    }

    /// Takes up to `amount` of a stake and says how much it was.
    fn take_stake(&mut self, peer: PeerId, amount: Amount) -> Amount {
        let account = self.accounts.entry(peer).or_default();
        let taken = account.stake.min(amount);
        account.stake = account.stake.minus_up_to(taken);
        taken
    }

    /// Frees the client's lane, the provider's exposure, and whatever an accusation over this job had frozen.
    fn release(&mut self, closing: &OpenJob) {
        let (id, order) = (closing.job.id(), closing.job.order());
        if let Some(lane) = self.accounts.entry(order.client).or_default().lanes.get_mut(&order.lane) {
            lane.open = None;
        }
        let provider = self.accounts.entry(order.provider).or_default();
        provider.serving.remove(&id);
        provider.accused.remove(&id);
        provider.frozen.remove(&id);
        if closing.job.ticket().rate < Rate::ONE {
            provider.exposed = provider.exposed.minus_up_to(order.price().unwrap_or_default());
        }
    }

    fn judge_trust(&mut self, closing: &OpenJob, outcome: Outcome) {
        let (kind, now) = (open::kind(closing.job.order()), self.moment.live);
        match outcome {
            Outcome::Checked | Outcome::Cleared if closing.job.revealed() => self.trust.pass(kind, now),
            Outcome::Grey => self.trust.grey(kind, false, now),
            Outcome::GreyRefunded => self.trust.grey(kind, true, now),
            Outcome::Slashed | Outcome::Silent | Outcome::Mismatch => self.trust.lose(kind, now),
            Outcome::Checked
            | Outcome::Cleared
            | Outcome::NotDrawn
            | Outcome::Unchecked
            | Outcome::NoClaim
            | Outcome::Aborted
            | Outcome::Disputed
            | Outcome::Withdrawn
            | Outcome::Void => {}
        }
    }

    /// The convicted provider's other jobs: refunded if nothing was claimed yet, otherwise checked whatever the draw.
    fn convict(&mut self, provider: PeerId, out: &mut Vec<Consequence>) {
        let serving = self.accounts.get(&provider).map(|account| account.serving.clone()).unwrap_or_default();
        for id in serving {
            let Some(open) = self.jobs.get_mut(&id) else { continue };
            let taken = open.job.apply(Step::Convicted, Party::Notary, self.moment);
            debug_assert!(taken.is_ok(), "every open job takes a conviction");
            open.events.push(Event { at: self.moment, what: Happening::Convicted });
            self.advance(id, out);
        }
    }

    fn story(&self, closing: OpenJob, outcome: Outcome, settlement: Settlement) -> Story {
        let length = self.genesis.timers.epoch_ticks;
        let mut moments: Vec<u64> = closing.events.iter().map(|event| event.at.beacon.round).collect();
        moments.push(closing.begun.beacon.round);
        let anchors = self
            .anchors
            .iter()
            .filter(|(round, _)| moments.iter().any(|moment| moment >= round && *moment <= *round + length));
        let anchors = anchors.map(|(round, value)| Anchor { round: *round, value: *value }).collect();
        Story {
            genesis: self.genesis.clone(),
            ticket: *closing.job.ticket(),
            open: closing.open,
            begun: closing.begun,
            events: closing.events,
            roster: closing.roster.map(|(epoch, roster)| roster.root(epoch)),
            anchors,
            outcome,
            settlement,
            position: self.sequence,
        }
    }
}

/// A sum that fits, since all money together does.
fn sum(one: Amount, other: Amount) -> Amount {
    debug_assert!(one.plus(other).is_some(), "all money together fits");
    one.plus(other).unwrap_or(one)
}
