//! The choice of an offer: what is known of each, what an order there would cost, and the order itself.
//!
//! **Invariant:** changes nothing but what is told of the choice; an order that is made here fits the user's ceilings.

use assay_protocol::{
    id::{Digest, PeerId},
    order::Order,
    payout,
    signed::Signer,
    units::{Amount, Duration, Rate, Timestamp},
};

use super::{BUSY_PAUSE, Client, GLANCE_TIME, MATCH_TIME, Node, OPEN_TIME, Submitted, is_passing};
use crate::{
    effect::Unmatched,
    ledger::LANES_MAX,
    matching::{self, Match, Passed, Wish},
};

/// An order that could be made, and how long its provider says that a run takes.
pub(super) struct Choice {
    pub(super) order: Order,
    pub(super) promised: Duration,
}

impl<S: Signer> Node<S> {
    /// The order for the best offer, if there is one, and why the others are not.
    pub(super) fn best_offer(&self, key: Digest, now: Timestamp) -> (Option<Choice>, Passed) {
        let Some(submitted) = self.client.submissions.get(&key) else { return <_>::default() };
        let wish = Wish {
            submission: &submitted.submission,
            manifest: submitted.submission.manifest.digest(),
            client: self.signer.id(),
            excluded: &submitted.excluded,
            resting: &submitted.resting,
            attempt: submitted.orders,
            reliability: &self.client.reliability,
            now,
        };
        // Apart from the price every order of this job costs the same, so one is drafted for all offers.
        let draft = self.draft(submitted, now);
        let units_max = submitted.submission.units_max;
        let total = |unit_price: Amount| unit_price.times(units_max)?.plus(self.overhead(draft.as_ref()?)?);
        let ranking = matching::rank(
            self.book.serving(wish.manifest, submitted.submission.provider),
            &wish,
            |service| total(service.unit_price),
        );
        let mut passed = ranking.passed;
        passed.add_elsewhere((self.book.len() as u64).saturating_sub(passed.counts.offers));
        let chosen = ranking.chosen.zip(draft);
        let choice = chosen.map(|(Match { provider, offer, service, total }, draft)| Choice {
            order: Order {
                provider,
                class: offer.class,
                unit_price: service.unit_price,
                total_max: total,
                cancel_fee: draft
                    .cancel_fee
                    .min(service.unit_price.times(draft.units_max).unwrap_or_default()),
                ..draft
            },
            promised: service.run,
        });
        (choice, passed)
    }

    /// What an order costs beside its price. The margin doubles at most, and a newcomer's check is prepaid: what is not
    /// needed comes back.
    fn overhead(&self, order: &Order) -> Option<Amount> {
        let margin = Rate(self.config.genesis.money.margin.0.saturating_mul(2));
        let quote = payout::quote(&self.config.genesis, order, order.work_max, Rate::ONE, margin);
        quote.premium.plus(quote.check.times(u64::from(order.checks.max(1)))?)
    }

    /// An order without provider, price and secret; none if every lane is in use.
    fn draft(&self, submitted: &Submitted, now: Timestamp) -> Option<Order> {
        let wish = &submitted.submission;
        let notary = self.notaries_in_use().next()?;
        let (lane, nonce) = self.lane(submitted, notary)?;
        Some(Order {
            client: self.signer.id(),
            provider: PeerId::default(),
            notary,
            lane,
            nonce,
            class: Digest::default(),
            manifest: wish.manifest.clone(),
            input_commit: wish.input_commit,
            units_max: wish.units_max,
            work_max: wish.work_max,
            unit_price: Amount::ZERO,
            total_max: Amount::ZERO,
            checks: wish.checks,
            unchecked_ok: wish.unchecked_ok,
            cancel_fee: wish.cancel_fee,
            run_max: wish.run_max,
            open_by: now.after(OPEN_TIME),
            secret_commit: Digest::default(),
        })
    }

    /// The lane of a submission, or a free one, with the next number in it.
    fn lane(&self, submitted: &Submitted, notary: PeerId) -> Option<(u16, u64)> {
        let next = |lane: u16| self.client.lanes.get(&(notary, lane)).map_or(0, |lane| lane.next);
        if let Some((_, lane)) = submitted.lane.filter(|(at, _)| *at == notary) {
            return Some((lane, next(lane)));
        }
        let lane = self.client.free_lane(notary)?;
        Some((lane, next(lane)))
    }

    /// True if another submission could have a lane now.
    pub(super) fn has_lane(&self) -> bool {
        let notary = self.notaries_in_use().next();
        notary.is_none_or(|notary| self.client.free_lane(notary).is_some())
    }

    /// How long to look for an offer: longer where time may bring one, because none for this model or of the wished-for
    /// provider was heard of yet, or because somebody was only busy.
    pub(super) fn patience(&self, key: Digest, unmatched: &Unmatched) -> Duration {
        let Some(submitted) = self.client.submissions.get(&key) else { return GLANCE_TIME };
        if submitted.submission.provider.is_some_and(|wanted| submitted.excluded.contains(&wanted)) {
            return Duration::default();
        }
        let busy = submitted.refusal.is_some_and(is_passing);
        let unheard = match submitted.submission.provider {
            Some(wanted) => self.book.get(wanted).is_none(),
            None => unmatched.price + unmatched.cost + unmatched.tried + unmatched.busy == 0,
        };
        if busy || unheard { MATCH_TIME } else { GLANCE_TIME }
    }
}

impl Client {
    fn free_lane(&self, notary: PeerId) -> Option<u16> {
        // In one walk: lanes are taken from the first on, so up to a free one there is no gap.
        let taken = self.lanes.range((notary, 0)..).zip(0..LANES_MAX);
        let taken = taken.take_while(|(((of, lane), state), place)| {
            (*of, *lane) == (notary, *place) && state.user.is_some()
        });
        u16::try_from(taken.count()).ok().filter(|lane| *lane < LANES_MAX)
    }

    /// True for a submission that never had a lane.
    pub(super) fn waits_for_lane(&self, key: Digest) -> bool {
        self.submissions.get(&key).is_some_and(|submitted| submitted.lane.is_none() && !submitted.ended)
    }

    /// Leaves a provider that was busy alone for a while.
    pub(super) fn rest(&mut self, key: Digest, provider: PeerId, now: Timestamp) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        let rest = submitted.resting.entry(provider).or_default();
        rest.until = now.after(BUSY_PAUSE.times(1 << rest.times.min(4)));
        rest.times += 1;
    }

    /// Why the offers that were looked at last for a submission were not taken up.
    pub(in crate::node) fn passed_over(&self, key: Digest) -> Option<&Passed> {
        self.submissions.get(&key)?.passed.as_ref()
    }
}
