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
    input::Submission,
    ledger::LANES_MAX,
    matching::{self, Match, Passed, Wish},
    policy,
};

/// An order that could be made, and how long its provider says that a run takes.
pub(super) struct Choice {
    pub(super) order: Order,
    pub(super) promised: Duration,
}

/// Where an order goes: which notary, which lane there, and its number in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    notary: PeerId,
    lane: u16,
    nonce: u64,
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
        let (chosen, passed) = self.choose(&wish, self.place(submitted));
        (chosen.map(|(order, fit)| Choice { order, promised: fit.service.run }), passed)
    }

    /// The order that takes up the best offer for a wish, with that offer, and why the others are not. Without a place
    /// no order can be made.
    pub(super) fn choose(
        &self,
        wish: &Wish<'_>,
        place: Option<Place>,
    ) -> (Option<(Order, Match<'_>)>, Passed) {
        // Apart from the price every order of this job costs the same, so one is drafted for all offers.
        let draft = place.map(|place| self.draft(wish.submission, place, wish.now));
        let units_max = wish.submission.units_max;
        let total = |unit_price: Amount| unit_price.times(units_max)?.plus(self.overhead(draft.as_ref()?)?);
        let ranking =
            matching::rank(self.book.serving(wish.manifest, wish.submission.provider), wish, |service| {
                total(service.unit_price)
            });
        let mut passed = ranking.passed;
        passed.add_elsewhere((self.book.len() as u64).saturating_sub(passed.counts.offers));
        let chosen = ranking.chosen.zip(draft);
        let chosen = chosen.map(|(fit, draft)| {
            let price = fit.service.unit_price.times(draft.units_max).unwrap_or_default();
            let order = Order {
                provider: fit.provider,
                class: fit.offer.class,
                unit_price: fit.service.unit_price,
                total_max: fit.total,
                cancel_fee: draft.cancel_fee.min(price),
                ..draft
            };
            (order, fit)
        });
        (chosen, passed)
    }

    /// What an order costs beside its price. The margin doubles at most, and a newcomer's check is prepaid: what is not
    /// needed comes back.
    fn overhead(&self, order: &Order) -> Option<Amount> {
        let margin = policy::margin_max(&self.config.genesis);
        let quote = payout::quote(&self.config.genesis, order, order.work_max, Rate::ONE, margin);
        quote.premium.plus(quote.check.times(u64::from(order.checks.max(1)))?)
    }

    /// An order without provider, price and secret.
    fn draft(&self, wish: &Submission, place: Place, now: Timestamp) -> Order {
        Order {
            client: self.signer.id(),
            provider: PeerId::default(),
            notary: place.notary,
            lane: place.lane,
            nonce: place.nonce,
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
        }
    }

    /// Where the next order of a submission goes: its own lane, or a free one. None if every lane is in use.
    fn place(&self, submitted: &Submitted) -> Option<Place> {
        let notary = self.notaries_in_use().next()?;
        let own = submitted.lane.filter(|(at, _)| *at == notary).map(|(_, lane)| lane);
        let lane = own.or_else(|| self.client.free_lane(notary))?;
        Some(self.client.place(notary, lane))
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
    /// The next place in a lane.
    pub(super) fn place(&self, notary: PeerId, lane: u16) -> Place {
        Place { notary, lane, nonce: self.lanes.get(&(notary, lane)).map_or(0, |lane| lane.next) }
    }

    /// The first lane that nobody uses.
    pub(super) fn free_lane(&self, notary: PeerId) -> Option<u16> {
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
