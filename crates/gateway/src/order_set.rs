//! The orders of one request: as many answers as it wants, within what its key may spend.
//!
//! **Invariant:** no order of a key with a ceiling leaves before what it may cost is counted. If one of several cannot be
//! ordered, those before it are cancelled.

use std::sync::Arc;

use assay_peer::handle::{Attachment, FindModel, QuoteJob, Submit};
use assay_protocol::{id::Digest, manifest::Manifest, units::Amount};
use axum::http::StatusCode;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    Gateway,
    answer::{AnswerOrder, AnswerPart, LiveAnswer, WholeAnswer},
    failure::HttpFailure,
    guard::Caller,
    order::{AssayTerms, TextWish, TokensMax},
    spending::{Allowance, SpendingError},
};

/// Answers to one request.
pub(crate) const ANSWERS_MAX: u32 = 8;
/// With so few tokens an answer is not made shorter.
const TOKENS_FEWEST: u32 = 16;

/// Answers that are being written to one request.
pub(crate) struct AnswerSet {
    pub(crate) answers: Vec<LiveAnswer>,
    /// Counts them.
    pub(crate) tally: AnswerCount,
}

/// What a request takes while it is answered, and who answers for what it costs.
pub(crate) struct AnswerCount {
    gateway: Arc<Gateway>,
    key: String,
    _places: OwnedSemaphorePermit,
}

impl AnswerCount {
    fn new(gateway: &Arc<Gateway>, caller: &Caller, places: OwnedSemaphorePermit) -> Self {
        gateway.metrics.open.inc_by(i64::from(u32::try_from(places.num_permits()).unwrap_or(u32::MAX)));
        Self { gateway: gateway.clone(), key: caller.name().to_owned(), _places: places }
    }

    /// Counts what was delivered.
    pub(crate) fn take(&self, part: &Result<AnswerPart, HttpFailure>) {
        if let Ok(AnswerPart::Whole(whole)) = part {
            self.gateway.metrics.count(&self.key, whole);
        }
    }
}

impl Drop for AnswerCount {
    fn drop(&mut self) {
        let places = u32::try_from(self._places.num_permits()).unwrap_or(u32::MAX);
        self.gateway.metrics.open.dec_by(i64::from(places));
    }
}

impl AnswerSet {
    /// The submission of the first.
    pub(crate) fn key(&self) -> Digest {
        self.answers.first().map(LiveAnswer::key).unwrap_or_default()
    }

    /// All answers, once they are whole.
    pub(crate) async fn whole(self) -> Result<Vec<WholeAnswer>, HttpFailure> {
        let Self { answers, tally } = self;
        let all = futures::future::try_join_all(answers.into_iter().map(LiveAnswer::whole)).await?;
        all.iter().for_each(|whole| tally.gateway.metrics.count(&tally.key, whole));
        Ok(all)
    }
}

/// The model that somebody asks by a name.
pub(crate) async fn model(gateway: &Gateway, caller: &Caller, name: &str) -> Result<Manifest, HttpFailure> {
    caller.may_ask(name)?;
    Ok(gateway
        .link
        .call(FindModel { name: name.to_owned() })
        .await
        .map_err(|failure| failure.about("model"))?
        .manifest)
}

/// Orders so many texts.
pub(crate) async fn texts(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    manifest: &Manifest,
    wish: &TextWish,
    terms: &AssayTerms,
    (count, is_told): (u32, bool),
) -> Result<AnswerSet, HttpFailure> {
    if !(1..=ANSWERS_MAX).contains(&count) {
        return Err(HttpFailure::wrong(
            "n",
            format!("n is a number from 1 to {ANSWERS_MAX}, and not {count}"),
        ));
    }
    let wish = &affordable(gateway, manifest, wish, terms).await?;
    let submits = (0..count).map(|number| wish.order(manifest, terms, number));
    all(gateway, caller, manifest, submits.collect::<Result<_, _>>()?, is_told).await
}

/// The same, with fewer tokens where nobody said how many and the usual number costs more than may be spent.
async fn affordable(
    gateway: &Gateway,
    manifest: &Manifest,
    wish: &TextWish,
    terms: &AssayTerms,
) -> Result<TextWish, HttpFailure> {
    let mut wish = wish.clone();
    while let TokensMax::Usual(most) = wish.tokens_max {
        let submit = Submit { input: Attachment::default(), ..wish.order(manifest, terms, 0)? };
        let is_too_dear = gateway.link.call(QuoteJob(submit)).await?.is_too_dear();
        if !is_too_dear || most <= TOKENS_FEWEST {
            break;
        }
        wish.tokens_max = TokensMax::Usual(most / 2);
    }
    Ok(wish)
}

/// Orders all of these.
pub(crate) async fn all(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    manifest: &Manifest,
    submits: Vec<Submit>,
    is_told: bool,
) -> Result<AnswerSet, HttpFailure> {
    let count = u32::try_from(submits.len()).unwrap_or(u32::MAX);
    let places = Arc::clone(&gateway.places).try_acquire_many_owned(count);
    let places =
        places.map_err(|_| HttpFailure::busy("as many answers are being written as there may be"))?;
    let tally = AnswerCount::new(gateway, caller, places);
    let mut answers = Vec::new();
    for mut submit in submits {
        let allowance = allow(gateway, caller, &mut submit).await?;
        let order = AnswerOrder {
            link: gateway.link.clone(),
            cancels: gateway.cancels.clone(),
            manifest: manifest.clone(),
            submit,
            allowance,
            is_told,
        };
        answers.push(order.place().await?);
    }
    Ok(AnswerSet { answers, tally })
}

/// Bounds what an order of a key may cost, by the settings of the home and by what is left to the key, and counts it.
async fn allow(
    gateway: &Gateway,
    caller: &Caller,
    submit: &mut Submit,
) -> Result<Option<Allowance>, HttpFailure> {
    let Some(key) = &caller.key else { return Ok(None) };
    let most = submit.cost_max.unwrap_or(gateway.cost_max).min(gateway.cost_max);
    submit.cost_max = Some(most);
    let Some(daily_max) = key.daily_max else { return Ok(None) };
    let left = gateway.spending.left(&key.name, daily_max);
    let wish = Submit { input: Attachment::default(), ..submit.clone() };
    let quote = gateway.link.call(QuoteJob(wish)).await?;
    // Prices move; half as much again is room for another provider. Where nobody matches now, somebody may in a moment.
    let cost = quote.chosen.map(|chosen| chosen.order.total_max);
    let wanted = cost.map_or(most, |cost| cost.plus(Amount(cost.0 / 2)).unwrap_or(most).min(most));
    let need =
        cost.map_or_else(|| wanted.min(left), |cost| if left < cost { cost } else { wanted.min(left) });
    let (spending, name) = (gateway.spending.clone(), key.name.clone());
    let reserved = tokio::task::spawn_blocking(move || spending.reserve(&name, daily_max, need)).await;
    match reserved {
        Ok(Ok(allowance)) if !need.is_zero() || cost.is_some() => {
            submit.cost_max = Some(allowance.most());
            Ok(Some(allowance))
        }
        Ok(Err(SpendingError::Disk(error))) => {
            Err(HttpFailure::new(StatusCode::INSUFFICIENT_STORAGE, "no_room", error.to_string()))
        }
        Ok(Ok(_) | Err(SpendingError::Over { .. })) => {
            let message = format!(
                "{left} is left to this key today, and the order may cost {need}; its ceiling of {daily_max} a day begins anew at midnight, universal time"
            );
            Err(HttpFailure::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", message))
        }
        Err(_) => Err(HttpFailure::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the order failed")),
    }
}
