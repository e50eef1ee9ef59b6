//! What a provider tells everyone that it offers, again and again.
//!
//! **Invariant:** an offer is told for a short while only; one that is not renewed is forgotten by those who heard it.

use alloc::vec::Vec;

use assay_protocol::{
    id::Digest,
    message::PUBLISHED_VALIDITY_MAX,
    signed::Signer,
    units::{Duration, Timestamp},
};

use super::Provider;
use crate::{
    book::OFFER_REPEATED,
    effect::Effect,
    node::{
        alarms::Alarm,
        context::Context,
        heard::{Fault, Heard},
    },
    provision::Provision,
    record::ProviderRecord,
};

/// How long somebody may not have heard of another offer yet.
const HEARD_LATE: Duration = Duration::seconds(30);
/// How long an offer is honoured: a quarter of what is believed at most, so that it is believed where a clock is late.
const OFFER_VALIDITY: Duration = Duration(PUBLISHED_VALIDITY_MAX.0 / 4);
/// The first times between two tellings of an offer; then the last of them.
const OFFER_INTERVALS: [Duration; 4] =
    [Duration::seconds(2), Duration::seconds(10), Duration::seconds(30), OFFER_REPEATED];
/// How long after a run the runner counts as warm.
const WARM: Duration = Duration::seconds(300);

impl Provider {
    /// Offers these services from now on; unless there are more than anybody would read of.
    pub(in crate::node) fn provide<S: Signer>(
        &mut self,
        provision: &Provision,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        if provision.examine(cx.genesis).is_err() {
            return Heard::Misstep(Fault::Crowded);
        }
        self.before = self.provision.clone().map(|before| (before, cx.now.after(HEARD_LATE)));
        self.keep(ProviderRecord::Provision(provision.clone()), cx);
        self.told = 0;
        self.tell_offer(cx);
        Heard::Taken
    }

    /// What is on offer; nothing, if that is nothing.
    pub(in crate::node) fn provision(&self) -> Option<&Provision> {
        self.provision.as_ref().filter(|provision| !provision.is_empty())
    }

    /// Tells everyone what is on offer, and sets the time of the next telling.
    pub(in crate::node) fn tell_offer<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        let now = cx.now;
        self.ran.retain(|_, at| at.after(WARM) > now);
        if self.paused.is_some_and(|pause| !pause.holds(now)) {
            self.keep(ProviderRecord::Paused(None), cx);
            self.told = 0;
        }
        let rests = self.rests(now);
        self.told_resting = rests;
        let Some(provision) = &self.provision else { return };
        let until = self.paused.and_then(|pause| pause.until);
        let nothing = rests.then(|| Provision { benches: Vec::new(), ..provision.clone() });
        let provision = nothing.as_ref().unwrap_or(provision);
        let valid_for = if provision.is_empty() { Duration(1_000) } else { OFFER_VALIDITY };
        let is_warm = |manifest: Digest| self.ran.contains_key(&manifest);
        let notaries = cx.notaries_in_use().collect();
        // What was kept by an older version may be more than anybody reads of: then nothing is told.
        let standing = cx.own_standing();
        let made = provision.offer(now.0, now.after(valid_for), notaries, is_warm, standing);
        let Ok(offer) = made else { return };
        let offer = cx.seal(offer);
        cx.out.push(Effect::Publish(offer.into()));
        let interval = OFFER_INTERVALS[self.told.min(OFFER_INTERVALS.len() - 1)];
        self.told += 1;
        let next = now.after(interval);
        cx.set(Alarm::Offer, until.map_or(next, |until| until.min(next)));
    }

    /// True while a model that last ran then counts as loaded.
    pub(in crate::node) fn is_warm(&self, manifest: Digest, now: Timestamp) -> bool {
        self.ran.get(&manifest).is_some_and(|at| at.after(WARM) > now)
    }
}
