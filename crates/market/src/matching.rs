//! Matching: which offer a client takes up.
//!
//! **Invariant:** a pure function of the offers and the wish; among offers of nearly the same price the choice is spread
//! by a hash, so that a provider one micro-credit cheaper does not get everything.

use alloc::{collections::BTreeSet, vec::Vec};

use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    offer::{Offer, Service},
    signed::Verified,
    units::{Amount, Rate, Timestamp},
};

use crate::{effect::Unmatched, input::Submission};

/// Prices up to this share above the lowest count as the same.
const NEAR: Rate = Rate(Rate::ONE.0 / 20);

/// What a client looks for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The job.
    pub submission: &'a Submission,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Who asks: nobody runs its own job.
    pub client: PeerId,
    /// Who was tried before.
    pub excluded: &'a BTreeSet<PeerId>,
    /// How many attempts there were: another choice for each.
    pub attempt: usize,
    /// Now.
    pub now: Timestamp,
}

/// An offer that fits.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// Whose it is.
    pub provider: PeerId,
    /// The offer.
    pub offer: &'a Offer,
    /// The service in it.
    pub service: &'a Service,
}

/// The offer to take up, or why each was not. `cost` says what a service would cost in all.
pub fn rank<'a>(
    offers: impl Iterator<Item = &'a Verified<Offer>>,
    wish: &Wish<'_>,
    cost: impl Fn(&Service) -> Option<Amount>,
) -> Result<Match<'a>, Unmatched> {
    let mut unmatched = Unmatched::default();
    let mut fitting: Vec<Match<'a>> = Vec::new();
    for offer in offers {
        unmatched.offers += 1;
        match consider(offer, wish, &cost) {
            Ok(service) => fitting.push(Match { provider: offer.signer(), offer, service }),
            Err(counter) => *counter(&mut unmatched) += 1,
        }
    }
    let Some(lowest) = fitting.iter().map(|fit| fit.service.unit_price).min() else { return Err(unmatched) };
    let near = lowest.plus(lowest.share(NEAR)).unwrap_or(lowest);
    let lot =
        |fit: &Match<'_>| codec::digest("match", &(wish.submission.key, wish.attempt as u64, fit.provider));
    fitting.retain(|fit| fit.service.unit_price <= near);
    fitting.into_iter().min_by_key(lot).ok_or(unmatched)
}

/// Picks the counter of the reason why an offer does not fit.
type Counter = fn(&mut Unmatched) -> &mut u64;

fn consider<'a>(
    offer: &'a Verified<Offer>,
    wish: &Wish<'_>,
    cost: &impl Fn(&Service) -> Option<Amount>,
) -> Result<&'a Service, Counter> {
    let provider = offer.signer();
    let found = offer.services.iter().find(|service| service.manifest == wish.manifest);
    let Some(service) = found else { return Err(|unmatched| &mut unmatched.other_model) };
    if wish.submission.provider.is_some_and(|wanted| wanted != provider) || provider == wish.client {
        return Err(|unmatched| &mut unmatched.other_provider);
    }
    if offer.valid_until <= wish.now {
        return Err(|unmatched| &mut unmatched.expired);
    }
    if wish.excluded.contains(&provider) {
        return Err(|unmatched| &mut unmatched.tried);
    }
    if service.unit_price > wish.submission.unit_price_max {
        return Err(|unmatched| &mut unmatched.price);
    }
    if cost(service).is_none_or(|cost| cost > wish.submission.cost_max) {
        return Err(|unmatched| &mut unmatched.cost);
    }
    Ok(service)
}
