//! Matching: which offer a client takes up, and why not the others.
//!
//! ```text
//! all offers ─▶ those that fit ─▶ the known ─▶ score: total cost × (1 + handicaps) ─▶ near the best ─▶ a lot decides
//!         │ others: Expired, Price, …  │ others: Stranger      │ others: Outranked          │ others: Lot
//! ```
//!
//! **Invariant:** a pure function of the offers, the criteria and what the client has seen; every offer but the chosen one is
//! counted under exactly one reason; among offers that are nearly as good as the best the choice is spread by a hash,
//! so that a provider one micro-credit cheaper does not get everything.

mod convicted;
mod score;
mod worth;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    offer::{Bench, Offer, Service},
    signed::Verified,
    units::{Amount, Rate, Timestamp},
};
use serde::{Deserialize, Serialize};

pub(crate) use self::convicted::CONVICTS_MAX;
pub use self::convicted::Convicted;
use self::score::{Candidate, NEAR};
pub use self::worth::{Worth, Yardstick};
pub(crate) use self::worth::{is_convicted, standing_of};
use crate::{
    reliability::Reliability,
    submission::{Submission, Unmatched},
};

/// How much worse than the best a provider may score whom a client goes on with: what is known there of a conversation saves
/// reading it again.
const LOYALTY: Rate = Rate(Rate::ONE.0 / 10);
/// Offers whose reason is told one by one, those nearest to being chosen first: a page; the rest is counted.
pub const PASSED_MAX: usize = 32;

/// What a client looks for.
#[derive(Clone, Copy, Debug)]
pub struct Criteria<'a> {
    /// The job.
    pub submission: &'a Submission,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Who asks: nobody runs its own job.
    pub client: PeerId,
    /// Who was tried before.
    pub excluded: &'a BTreeSet<PeerId>,
    /// Who was busy, and until when it is left alone.
    pub resting: &'a BTreeMap<PeerId, Rest>,
    /// How many orders there were: another choice for each.
    pub attempt: usize,
    /// By what it is told who is known.
    pub yardstick: Yardstick,
    /// What the client has seen of each provider.
    pub reliability: &'a Reliability,
    /// Who was convicted, as notaries tell everyone.
    pub convicted: &'a Convicted,
    /// Now.
    pub now: Timestamp,
}

/// How long a provider that was busy is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How often it was busy.
    pub times: u32,
}

/// An offer that fits.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// Whose it is.
    pub provider: PeerId,
    /// The offer.
    pub offer: &'a Offer,
    /// The bench that would run the job.
    pub bench: &'a Bench,
    /// The service on it.
    pub service: &'a Service,
    /// What the job would cost there in all.
    pub total: Amount,
    /// What the provider has to lose by it.
    pub worth: Worth,
}

impl Match<'_> {
    /// True if its provider has something to lose by the job, or a name for such work.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.worth.is_known()
    }
}

/// What a job would come to at a price.
#[derive(Clone, Copy, Debug)]
pub struct OrderCost {
    /// What it would cost in all.
    pub total: Amount,
    /// The least stake that stands for it.
    pub entry: Amount,
}

/// What became of the offers.
#[derive(Clone, Debug)]
pub struct Ranking<'a> {
    /// The one to take up.
    pub chosen: Option<Match<'a>>,
    /// The others.
    pub passed: Passed,
}

/// The offers that were not taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// How many for each reason.
    pub counts: Unmatched,
    /// Why each was not, those nearest to being chosen first; at most [`PASSED_MAX`].
    pub offers: Vec<PassedOver>,
}

/// An offer that was not taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Whose it is.
    pub provider: PeerId,
    /// Why not.
    pub reason: Reason,
}

/// Why an offer was not taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// As good as the best, and a lot fell on another; `behind` is how much worse it scored.
    Lot {
        /// In parts of the best score.
        behind: Rate,
    },
    /// Another is better.
    Outranked {
        /// How much worse it scored, in parts of the best score.
        behind: Rate,
        /// In what it fell behind most.
        over: Aspect,
    },
    /// Others have more to lose by this job.
    Stranger,
    /// It was convicted a short while ago.
    Convicted,
    /// It was tried before, for this job.
    Tried,
    /// It was busy a moment ago.
    Busy {
        /// Until when it is left alone.
        until: Timestamp,
    },
    /// A unit costs more than the user pays.
    Price {
        /// What it costs.
        asked: Amount,
    },
    /// The job would cost more in all than the user pays.
    Cost {
        /// What it would cost; nothing if the sum has no number or no order can be made now.
        total: Option<Amount>,
    },
    /// It is no longer valid.
    Expired {
        /// Since when.
        at: Timestamp,
    },
    /// The user wants another provider.
    OtherProvider,
    /// The user does not want this one.
    Ignored,
    /// It is the client's own.
    Own,
    /// It is for other models.
    OtherModel,
}

/// What offers are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// What the job costs in all.
    Cost,
    /// How often attempts there came to something, as this client saw it.
    Reliability,
    /// How long a run takes, as promised and as measured.
    Speed,
    /// Whether runner and model are loaded.
    Warmth,
    /// Whether the offer says where the provider can be reached.
    Reach,
}

/// The offer to take up, and why each other is not. `cost` says what a service would cost in all: price, premium and
/// prepaid check.
pub fn rank<'a>(
    offers: impl Iterator<Item = &'a Verified<Offer>>,
    criteria: &Criteria<'_>,
    cost: impl Fn(&Service) -> Option<OrderCost>,
) -> Ranking<'a> {
    let mut fitting: Vec<Match<'a>> = Vec::new();
    let mut unfit: Vec<PassedOver> = Vec::new();
    for offer in offers {
        match consider(offer, criteria, &cost) {
            Ok(fit) => fitting.push(fit),
            Err(reason) => unfit.push(PassedOver { provider: offer.signer(), reason }),
        }
    }
    let (asked, strangers) = worth::among(fitting, criteria);
    unfit.extend(strangers.iter().map(|fit| PassedOver { provider: fit.provider, reason: Reason::Stranger }));
    let candidates = score::scored(asked, criteria);
    let chosen = returned_to(&candidates, criteria).or_else(|| draw(&candidates, criteria));
    let passed = passed(&candidates, chosen, unfit);
    Ranking { chosen: chosen.map(|index| candidates[index].fit.clone()), passed }
}

fn consider<'a>(
    offer: &'a Verified<Offer>,
    criteria: &Criteria<'_>,
    cost: &impl Fn(&Service) -> Option<OrderCost>,
) -> Result<Match<'a>, Reason> {
    let provider = offer.signer();
    // Of several benches the cheapest, and of those the quickest.
    let serving = offer.services().filter(|(_, service)| service.manifest == criteria.manifest);
    let found = serving.min_by_key(|(_, service)| (service.unit_price, service.run));
    let Some((bench, service)) = found else { return Err(Reason::OtherModel) };
    if provider == criteria.client {
        return Err(Reason::Own);
    }
    if criteria.submission.provider.is_some_and(|wanted| wanted != provider) {
        return Err(Reason::OtherProvider);
    }
    if criteria.submission.ignored.contains(&provider) {
        return Err(Reason::Ignored);
    }
    if offer.valid_until <= criteria.now {
        return Err(Reason::Expired { at: offer.valid_until });
    }
    if criteria.excluded.contains(&provider) {
        return Err(Reason::Tried);
    }
    let rest = criteria.resting.get(&provider).copied().unwrap_or_default();
    if rest.until > criteria.now {
        return Err(Reason::Busy { until: rest.until });
    }
    // No ceiling is high enough for whoever was convicted, so that what it asks is told to nobody as the least.
    if criteria.submission.provider.is_none() && is_out(offer, criteria) {
        return Err(Reason::Convicted);
    }
    if service.unit_price > criteria.submission.unit_price_max {
        return Err(Reason::Price { asked: service.unit_price });
    }
    let cost = cost(service);
    let within = cost.filter(|cost| cost.total <= criteria.submission.cost_max);
    let Some(OrderCost { total, entry }) = within else {
        return Err(Reason::Cost { total: cost.map(|cost| cost.total) });
    };
    let worth = Worth::of(offer, bench, criteria, entry);
    Ok(Match { provider, offer, bench, service, total, worth })
}

/// True if a provider was convicted a short while ago.
fn is_out(offer: &Verified<Offer>, criteria: &Criteria<'_>) -> bool {
    let Yardstick { notary, epoch, .. } = criteria.yardstick;
    is_convicted(offer, criteria.convicted, (notary, epoch), criteria.now)
}

/// The one whom the client would rather go on with, if nobody is much better.
fn returned_to(candidates: &[Candidate<'_>], criteria: &Criteria<'_>) -> Option<usize> {
    let wanted = criteria.submission.returns_to?;
    candidates.iter().position(|candidate| candidate.fit.provider == wanted && candidate.behind <= LOYALTY)
}

/// Draws among the candidates near the best, the better the likelier. The draw hangs on the name of the submission,
/// which no provider knows before it is asked.
fn draw(candidates: &[Candidate<'_>], criteria: &Criteria<'_>) -> Option<usize> {
    let share = |candidate: &Candidate<'_>| worth::share(&candidate.fit, candidate.weight(), criteria);
    let weights: Vec<u64> = candidates.iter().map(share).collect();
    // No overflow: a weight has 33 bits, and no book has 2³¹ offers.
    let total: u64 = weights.iter().sum();
    let digest = codec::digest("match", &(criteria.submission.key, criteria.attempt as u64));
    let (head, _) = digest.0.split_first_chunk::<8>()?;
    let mut lot = u64::from_be_bytes(*head).checked_rem(total)?;
    weights.iter().position(|weight| match lot.checked_sub(*weight) {
        Some(rest) => {
            lot = rest;
            false
        }
        None => true,
    })
}

/// Why each was passed over, counted and, for the first of them, one by one.
fn passed(candidates: &[Candidate<'_>], chosen: Option<usize>, mut unfit: Vec<PassedOver>) -> Passed {
    let Some(best) = candidates.first() else { return Passed::of(unfit) };
    let outranked = candidates.iter().enumerate().filter(|(index, _)| Some(*index) != chosen);
    let outranked = outranked.map(|(_, candidate)| {
        let behind = candidate.behind;
        let over = candidate.weakest_against(best);
        let reason = if behind <= NEAR { Reason::Lot { behind } } else { Reason::Outranked { behind, over } };
        PassedOver { provider: candidate.fit.provider, reason }
    });
    let mut all: Vec<PassedOver> = outranked.collect();
    all.append(&mut unfit);
    let mut passed = Passed::of(all);
    passed.counts.offers += u64::from(chosen.is_some());
    passed
}

impl Passed {
    fn of(mut offers: Vec<PassedOver>) -> Self {
        let mut counts = Unmatched { offers: offers.len() as u64, ..Unmatched::default() };
        offers.iter().for_each(|passed| *counts.of(passed.reason) += 1);
        counts.price_least = offers.iter().filter_map(|passed| passed.reason.price()).min();
        counts.cost_least = offers.iter().filter_map(|passed| passed.reason.total()).min();
        // Stable, so that candidates stay in the order of their scores.
        offers.sort_by_key(|passed| passed.reason.distance());
        offers.truncate(PASSED_MAX);
        Self { counts, offers }
    }

    /// Counts offers that were not looked at because they are for other models.
    pub fn add_elsewhere(&mut self, offers: u64) {
        self.counts.offers += offers;
        self.counts.other_model += offers;
    }
}

impl Reason {
    /// What a unit costs, where that is too much.
    fn price(self) -> Option<Amount> {
        if let Self::Price { asked } = self { Some(asked) } else { None }
    }

    /// What the job would cost in all, where that is too much and has a number.
    pub(crate) fn total(self) -> Option<Amount> {
        if let Self::Cost { total } = self { total } else { None }
    }

    /// How far from being chosen: in the order in which a user could do something about it.
    fn distance(self) -> u8 {
        match self {
            Self::Lot { .. } => 0,
            Self::Outranked { .. } => 1,
            Self::Stranger => 2,
            Self::Busy { .. } => 3,
            Self::Tried => 4,
            Self::Price { .. } => 5,
            Self::Cost { .. } => 6,
            Self::Convicted => 7,
            Self::Expired { .. } => 8,
            Self::Ignored => 9,
            Self::OtherProvider => 10,
            Self::Own => 11,
            Self::OtherModel => 12,
        }
    }
}

impl Unmatched {
    /// The counter of a reason.
    fn of(&mut self, reason: Reason) -> &mut u64 {
        match reason {
            Reason::Lot { .. } => &mut self.lot,
            Reason::Outranked { .. } => &mut self.outranked,
            Reason::Stranger => &mut self.strangers,
            Reason::Convicted => &mut self.convicted,
            Reason::Tried => &mut self.tried,
            Reason::Busy { .. } => &mut self.busy,
            Reason::Price { .. } => &mut self.price,
            Reason::Cost { .. } => &mut self.cost,
            Reason::Expired { .. } => &mut self.expired,
            Reason::OtherProvider | Reason::Own => &mut self.other_provider,
            Reason::Ignored => &mut self.ignored,
            Reason::OtherModel => &mut self.other_model,
        }
    }
}

#[cfg(test)]
mod tests;
