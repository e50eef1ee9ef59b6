//! What models were offered for, hour by hour: the lowest price of each, and the one in the middle.
//!
//! People look at it; nothing is decided by it. It is what this peer heard of offers while it ran: an hour in which it did
//! not has no price.
//!
//! **Invariant:** at most [`MODELS_MAX`] models are remembered and of each the last [`HOURS_KEPT`] hours; names that cost nothing
//! displace no model that its network pins, nor one that more peers offer.

pub(crate) mod keeper;
mod price_file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use assay_market::pricing::median;
use assay_protocol::{
    id::Digest,
    units::{Amount, Timestamp},
};
use serde::{Deserialize, Serialize};

/// Hours that are remembered: thirty days.
const HOURS_KEPT: u64 = 30 * 24;
/// Models that are remembered.
const MODELS_MAX: usize = 64;
/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

/// What one model was offered for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedModel {
    /// Its manifest.
    pub manifest: Digest,
    /// What it is called: by who offers it, unless this home knows it.
    pub name: String,
    /// True if the network pins it.
    pub pinned: bool,
    /// For how much, the first first.
    pub spans: Vec<PriceSpan>,
}

/// Hours in which a model had one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceSpan {
    /// When the first of them began.
    pub since: Timestamp,
    /// When the last of them ended, or ends.
    pub until: Timestamp,
    /// The least that was asked for a unit.
    pub lowest: Amount,
    /// What was asked in the middle: half of the offers for more, half of them for less.
    pub middle: Amount,
}

/// What a model is offered for at one moment.
#[derive(Clone, Debug)]
pub(crate) struct PriceLook {
    pub(crate) manifest: Digest,
    pub(crate) name: String,
    pub(crate) pinned: bool,
    /// What each offer asks for a unit, the least first.
    pub(crate) asked: Vec<Amount>,
}

/// What some models were offered for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PriceHistory {
    models: BTreeMap<Digest, PriceCourse>,
}

/// The hours of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PriceCourse {
    name: String,
    pinned: bool,
    spans: VecDeque<HourSpan>,
}

/// The same price for some hours, counted since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HourSpan {
    since: u64,
    until: u64,
    lowest: Amount,
    middle: Amount,
}

/// The hour of a moment.
fn hour_of(at: Timestamp) -> u64 {
    at.0 / HOUR_MS
}

impl PriceHistory {
    /// Takes in what is offered now.
    pub(crate) fn note(&mut self, now: Timestamp, looks: Vec<PriceLook>) {
        let hour = hour_of(now);
        self.models.values_mut().for_each(|course| course.forget_after(hour));
        for PriceLook { manifest, name, pinned, asked } in worthiest(looks) {
            let (Some(lowest), Some(middle)) = (asked.first(), median(&asked)) else { continue };
            let course = self.models.entry(manifest).or_default();
            (course.name, course.pinned) = (name, pinned);
            course.note(hour, *lowest, middle);
        }
        self.forget(hour);
    }

    /// Takes in what was remembered of one model.
    fn recall(&mut self, manifest: Digest, name: String, pinned: bool, span: HourSpan) {
        let course = self.models.entry(manifest).or_default();
        (course.name, course.pinned) = (name, pinned);
        let oldest = span.until.saturating_sub(HOURS_KEPT);
        for hour in oldest.max(span.since)..span.until {
            course.note(hour, span.lowest, span.middle);
        }
        course.forget_before(oldest);
        self.forget_models();
    }

    /// Forgets what is too old, and models that are too many.
    fn forget(&mut self, hour: u64) {
        let oldest = hour.saturating_sub(HOURS_KEPT - 1);
        self.models.values_mut().for_each(|course| course.forget_before(oldest));
        self.forget_models();
    }

    /// Forgets models of which nothing is known, and those beyond the number that is remembered: strangers' first, and of them
    /// those that were not offered for longest.
    fn forget_models(&mut self) {
        self.models.retain(|_, course| !course.spans.is_empty());
        while self.models.len() > MODELS_MAX {
            let least = self.models.iter().min_by_key(|(manifest, course)| (course.worth(), **manifest));
            let Some(manifest) = least.map(|(manifest, _)| *manifest) else { return };
            self.models.remove(&manifest);
        }
    }

    /// What each model cost in one hour, of those that were offered in it.
    fn hour(&self, hour: u64) -> impl Iterator<Item = (Digest, &str, bool, HourSpan)> {
        self.models.iter().filter_map(move |(manifest, course)| {
            let mut recent = course.spans.iter().rev();
            let span = recent.find(|span| (span.since..span.until).contains(&hour))?;
            let span = HourSpan { since: hour, until: hour + 1, ..*span };
            Some((*manifest, course.name.as_str(), course.pinned, span))
        })
    }

    /// All that is remembered, model by model.
    fn all(&self) -> impl Iterator<Item = (Digest, &str, bool, HourSpan)> {
        self.models.iter().flat_map(|(manifest, course)| {
            let spans = course.spans.iter();
            spans.map(|span| (*manifest, course.name.as_str(), course.pinned, *span))
        })
    }

    /// The same as people see it: those of the network first, then by their names.
    pub(crate) fn view(&self) -> Vec<PricedModel> {
        let view = |(manifest, course): (&Digest, &PriceCourse)| PricedModel {
            manifest: *manifest,
            name: course.name.clone(),
            pinned: course.pinned,
            spans: course.spans.iter().map(PriceSpan::from).collect(),
        };
        let mut models: Vec<PricedModel> = self.models.iter().map(view).collect();
        models.sort_by(|one, other| {
            (!one.pinned, &one.name, one.manifest).cmp(&(!other.pinned, &other.name, other.manifest))
        });
        models
    }
}

/// As many looks as models are remembered: those of models of the network, and of others those that most offer.
pub(crate) fn worthiest(mut looks: Vec<PriceLook>) -> Vec<PriceLook> {
    looks.sort_by_key(|look| (!look.pinned, std::cmp::Reverse(look.asked.len()), look.manifest));
    looks.truncate(MODELS_MAX);
    looks
}

impl From<&HourSpan> for PriceSpan {
    fn from(span: &HourSpan) -> Self {
        let at = |hour: u64| Timestamp(hour.saturating_mul(HOUR_MS));
        Self { since: at(span.since), until: at(span.until), lowest: span.lowest, middle: span.middle }
    }
}

impl PriceCourse {
    /// Takes in the prices of an hour that is not before the last. Of one hour the lowest is the lowest that was seen in it, the
    /// middle that which was seen last.
    fn note(&mut self, hour: u64, lowest: Amount, middle: Amount) {
        let Some(last) = self.spans.back_mut() else {
            return self.spans.push_back(HourSpan { since: hour, until: hour + 1, lowest, middle });
        };
        if hour + 1 < last.until {
            return;
        }
        let is_same_hour = hour + 1 == last.until;
        let lowest = if is_same_hour { last.lowest.min(lowest) } else { lowest };
        if (lowest, middle) == (last.lowest, last.middle) && hour <= last.until {
            last.until = hour + 1;
            return;
        }
        if is_same_hour {
            last.until = hour;
        }
        if last.since == last.until {
            self.spans.pop_back();
        }
        self.spans.push_back(HourSpan { since: hour, until: hour + 1, lowest, middle });
    }

    /// Forgets hours that are not yet: the clock was ahead.
    fn forget_after(&mut self, hour: u64) {
        while self.spans.back().is_some_and(|last| last.since > hour) {
            self.spans.pop_back();
        }
        if let Some(last) = self.spans.back_mut() {
            last.until = last.until.min(hour + 1);
        }
    }

    fn forget_before(&mut self, hour: u64) {
        while self.spans.front().is_some_and(|first| first.until <= hour) {
            self.spans.pop_front();
        }
        if let Some(first) = self.spans.front_mut() {
            first.since = first.since.max(hour);
        }
    }

    /// How much it is worth to be remembered: whether the network pins it, until when it was offered, and for how many hours.
    fn worth(&self) -> (bool, u64, u64) {
        let until = self.spans.back().map_or(0, |last| last.until);
        (self.pinned, until, self.spans.iter().map(|span| span.until - span.since).sum())
    }
}
