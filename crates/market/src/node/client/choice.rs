//! The choice of an offer: what is known of each, what an order there would cost, and the order itself.
//!
//! **Invariant:** changes nothing but what is told of the choice; an order that is made here fits the user's ceilings.

use alloc::borrow::Cow;

use assay_protocol::{
    costs, deadline,
    id::{Digest, PeerId},
    offer::{Offer, Service},
    order::{Order, Refusal},
    place,
    signed::Verified,
    units::{Amount, Duration, Rate, Timestamp},
};

use super::{Client, Submitted, lanes::LanePlace, search::MATCH_TIME};
use crate::{
    book::Book,
    matching::{self, Criteria, Match, OrderCost, Passed, Yardstick, standing_of},
    node::context::Outlook,
    pace, policy,
    submission::{Submission, Unmatched, is_passing},
};

/// How long an order may take to be opened.
const OPEN_TIME: Duration = Duration::seconds(30);
/// How long a submission waits where the offers are known and none fits: a few more may be on their way.
const GLANCE_TIME: Duration = Duration::seconds(3);
/// How long offers of others are known before whoever is not among them is taken to offer nothing: those of a network that is
/// there arrive within seconds of each other.
pub(super) const HEARING_TIME: Duration = Duration::seconds(5);
/// How long all runs of a model have all the time that the user allows, once one had too little.
pub(super) const OVERDUE_COUNTS: Duration = Duration::seconds(3_600);
/// How long a busy provider is left alone at first; twice as long each time after.
const BUSY_PAUSE: Duration = Duration::seconds(2);

/// An order that could be made, and how long its provider says that a run takes.
pub(super) struct Choice {
    pub(super) order: Order,
    pub(super) promised: Duration,
    /// True if it fell on one of the lot although others are known.
    pub(super) of_lot: bool,
}

impl Client {
    /// The order for the best offer in the book, if there is one, and why the others are not.
    pub(super) fn best_offer(&self, key: Digest, outlook: Outlook<'_>) -> (Option<Choice>, Passed) {
        let Some(submitted) = self.submissions.get(&key) else { return <_>::default() };
        let wish = &submitted.submission;
        let manifest = wish.manifest.digest();
        let offers = outlook.book.serving(manifest, wish.provider);
        self.best_of(submitted, manifest, offers, self.crowded(outlook.now), outlook)
    }

    /// The order for the best of these offers for a wish for this manifest, if there is one, and why the others are not, where it
    /// is known who of those that made them has no room, and until when.
    pub(super) fn best_of<'a>(
        &self,
        submitted: &Submitted,
        manifest: Digest,
        offers: impl Iterator<Item = &'a Verified<Offer>>,
        crowded: impl IntoIterator<Item = (PeerId, Timestamp)>,
        outlook: Outlook<'a>,
    ) -> (Option<Choice>, Passed) {
        let mut excluded = Cow::Borrowed(&submitted.excluded);
        for job in self.asked(submitted.submission.key).unwrap_or_default() {
            excluded.to_mut().extend(self.attempts.get(&job).map(|attempt| attempt.order.provider));
        }
        for part in self.parts_of(submitted) {
            excluded.to_mut().insert(part.order.provider);
        }
        let mut resting = Cow::Borrowed(&submitted.resting);
        for (provider, until) in crowded {
            let rest = resting.to_mut().entry(provider).or_default();
            rest.until = rest.until.max(until);
        }
        let wish = &submitted.submission;
        let within = self.within_day(wish, outlook.now);
        let criteria = Criteria {
            submission: &within,
            manifest,
            client: outlook.own,
            excluded: &excluded,
            resting: &resting,
            attempt: submitted.orders,
            yardstick: self.yardstick(&submitted.submission, submitted.orders, outlook),
            reliability: &self.reliability,
            convicted: outlook.notaries.convicted(),
            now: outlook.now,
        };
        let place = self.place_for(submitted, outlook);
        let (chosen, mut passed) = self.choose(offers, &criteria, place, outlook);
        if chosen.is_none() {
            self.note_over_day(wish, outlook.now, &mut passed);
            self.note_spent(wish.key, &mut passed);
        }
        let choice = |(order, fit): (Order, Match<'_>)| Choice {
            order,
            promised: fit.service.run,
            of_lot: criteria.yardstick.falls_on_lot && !fit.is_known(),
        };
        (chosen.map(choice), passed)
    }

    /// The order that takes up the best of these offers for these criteria, with that offer, and why the others are not.
    /// Without a place no order can be made.
    pub(super) fn choose<'a>(
        &self,
        offers: impl Iterator<Item = &'a Verified<Offer>>,
        criteria: &Criteria<'_>,
        place: Option<LanePlace>,
        outlook: Outlook<'a>,
    ) -> (Option<(Order, Match<'a>)>, Passed) {
        // Apart from the price, and the hours of a place, every order of this job costs the same: one is drafted for all
        // offers, with the longest run.
        let draft = place.map(|place| draft(criteria.submission, place, criteria.now, outlook));
        let units_max = criteria.submission.units_max;
        let cost = |service: &Service| {
            let draft = draft.as_ref()?;
            let price = service.unit_price.times(units_max)?;
            let total = price.plus(overhead(draft, price, outlook)?)?;
            Some(OrderCost { total, entry: entry(draft, outlook).plus(price).unwrap_or(Amount(u64::MAX)) })
        };
        let ranking = matching::rank(offers, criteria, cost);
        let mut passed = ranking.passed;
        passed.add_elsewhere((outlook.book.len() as u64).saturating_sub(passed.counts.offers));
        let chosen = ranking.chosen.zip(draft);
        let chosen = chosen.map(|(fit, draft)| {
            let price = fit.service.unit_price.times(draft.units_max).unwrap_or_default();
            let run_max = self.run_max(criteria, fit.service.run, outlook).min(draft.run_max);
            let order = Order {
                provider: fit.provider,
                class: fit.bench.class,
                unit_price: fit.service.unit_price,
                total_max: fit.total,
                cancel_fee: draft.cancel_fee.min(price),
                run_max,
                ..draft
            };
            let total = overhead(&order, price, outlook).and_then(|beside| price.plus(beside));
            (Order { total_max: total.map_or(fit.total, |total| total.min(fit.total)), ..order }, fit)
        });
        (chosen, passed)
    }

    /// The longest run of an order for these criteria at a provider that says that a typical one takes `own`: where there was
    /// too little time a while ago, or a provider says that there is, all that the user allows.
    fn run_max(&self, criteria: &Criteria<'_>, own: Duration, outlook: Outlook<'_>) -> Duration {
        let (wish, now) = (criteria.submission, criteria.now);
        let was_overdue =
            self.overdue.get(&criteria.manifest).is_some_and(|at| now.since(*at) < OVERDUE_COUNTS);
        let refused = self.submissions.get(&wish.key).and_then(|submitted| submitted.refusal);
        let is_short = was_overdue || refused == Some(Refusal::Limits);
        if is_short { wish.run_max } else { pace::run_max(wish, own, slowest(criteria, outlook)) }
    }

    /// By what it is told who is known for the order of this number of a submission.
    pub(super) fn yardstick(&self, wish: &Submission, number: usize, outlook: Outlook<'_>) -> Yardstick {
        let notary = outlook.notary_in_use().unwrap_or_default();
        Yardstick {
            notary,
            epoch: outlook.notaries.epoch(notary),
            check: outlook.genesis.check_cost(wish.work_max),
            // Of a submission the first order alone: whoever was let down once is not sent to strangers again.
            falls_on_lot: number == 0 && self.lot.falls(wish.key, outlook.now),
        }
    }

    /// How long to look for an offer: longer where time may bring one, because none for this model was heard of yet, because
    /// the wished-for provider may be heard of as others are just now, or because somebody was only busy; longest where other
    /// orders of this client are what keeps it busy; not at all where all who would be heard of have refused for good.
    pub(super) fn patience(&self, key: Digest, unmatched: &Unmatched, outlook: Outlook<'_>) -> Duration {
        let Some(submitted) = self.submissions.get(&key) else { return GLANCE_TIME };
        if submitted.submission.provider.is_some_and(|wanted| submitted.excluded.contains(&wanted)) {
            return Duration::default();
        }
        if is_busy(submitted, unmatched) {
            return self.patience_for_room(submitted, outlook).unwrap_or(MATCH_TIME);
        }
        if wants_unheard(&submitted.submission, outlook.book) {
            return until_all_heard(submitted, outlook).map_or(MATCH_TIME, |heard| heard.max(GLANCE_TIME));
        }
        let fitting_known = unmatched.price + unmatched.cost + unmatched.tried > 0;
        let unheard = submitted.submission.provider.is_none() && !fitting_known;
        if unheard {
            return MATCH_TIME;
        }
        let refused = unmatched.tried > 0 && submitted.refusal.is_some_and(|reason| !is_passing(reason));
        let heard = until_all_heard(submitted, outlook).filter(|_| refused);
        heard.map_or(GLANCE_TIME, |heard| heard.min(GLANCE_TIME))
    }

    /// Leaves a provider that was busy alone for a while.
    pub(super) fn rest(&mut self, key: Digest, provider: PeerId, now: Timestamp) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        let rest = submitted.resting.entry(provider).or_default();
        (rest.since, rest.until) = (now, now.after(busy_pause(rest.times)));
        rest.times += 1;
    }

    /// Why the offers that were looked at last for a submission were not taken up.
    pub(in crate::node) fn passed_over(&self, key: Digest) -> Option<&Passed> {
        self.submissions.get(&key)?.passed.as_ref()
    }
}

/// How long a provider is left alone that was busy so often before.
pub(super) fn busy_pause(times: u32) -> Duration {
    BUSY_PAUSE.times(1 << times.min(4))
}

/// True if time may bring what was passed over of these offers only because somebody was busy.
pub(super) fn is_busy(submitted: &Submitted, unmatched: &Unmatched) -> bool {
    submitted.waits_for_busy() || unmatched.busy > 0
}

/// True if a submission is for a provider alone that was not heard of.
pub(super) fn wants_unheard(wish: &Submission, book: &Book) -> bool {
    wish.provider.is_some_and(|wanted| book.get(wanted).is_none())
}

/// How long it takes from the beginning of a search until whoever is there would be heard of, where others are known.
fn until_all_heard(submitted: &Submitted, outlook: Outlook<'_>) -> Option<Duration> {
    let begun = submitted.seeks_since.unwrap_or(outlook.now);
    let heard = outlook.book.knows_others_since(outlook.own)?.after(HEARING_TIME);
    Some(heard.since(begun).min(MATCH_TIME))
}

/// The longest that anybody says a typical run takes who may check it: with as much at stake as that wants. What others say
/// costs them nothing, and would make every order a long one.
fn slowest(criteria: &Criteria<'_>, outlook: Outlook<'_>) -> Duration {
    let (measure, least) =
        (&criteria.yardstick, outlook.genesis.stake_least(criteria.submission.manifest.work_most));
    let may_check = |offer: &&Verified<Offer>| {
        let standing = standing_of(offer, measure.notary, measure.epoch);
        offer.valid_until > criteria.now && standing.is_some_and(|standing| standing.stake >= least)
    };
    let offers = outlook.book.serving(criteria.manifest, None).filter(may_check);
    let services = offers.flat_map(|offer| offer.services()).map(|(_, service)| service);
    let runs = services.filter(|service| service.manifest == criteria.manifest).map(|service| service.run);
    runs.max().unwrap_or_default()
}

/// What an order costs beside its price. The margin doubles at most, a newcomer's check is prepaid with its part of a second
/// look, and a place may cost twice as much when it is opened: what is not needed comes back.
fn overhead(order: &Order, price: Amount, outlook: Outlook<'_>) -> Option<Amount> {
    let margin = policy::margin_max(outlook.genesis);
    let costs = costs::of_order(outlook.genesis, order, order.check_work_max(), Rate::ONE, margin);
    let open = outlook.notaries.account(order.notary).map_or(0, |account| account.open);
    let place = place::reserved(outlook.genesis, order, place::hour_ahead(outlook.genesis, open))?;
    let again = costs::second(outlook.genesis, order.work_max, Some(price));
    let prepaid = costs::prepaid(costs::looked_at(outlook.genesis, order, true), order.checks, again)?;
    costs.premium.plus(prepaid)?.plus(place)
}

/// The entry level of an order, beside its price.
fn entry(order: &Order, outlook: Outlook<'_>) -> Amount {
    costs::of_order(outlook.genesis, order, order.work_max, Rate::ONE, Rate::ZERO).entry
}

/// When an order was made.
pub(super) fn ordered(order: &Order) -> Timestamp {
    Timestamp(order.open_by.0.saturating_sub(OPEN_TIME.0))
}

/// An order without provider, price and secret.
fn draft(wish: &Submission, place: LanePlace, now: Timestamp, outlook: Outlook<'_>) -> Order {
    let order = Order {
        client: outlook.own,
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
    };
    Order { run_max: order.run_max.min(deadline::run_max(outlook.genesis, &order)), ..order }
}
