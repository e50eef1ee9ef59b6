//! The orders of one request: as many answers as it wants, within what its key may spend.
//!
//! **Invariant:** if one of several cannot be ordered, those before it are cancelled.

use std::sync::Arc;

use assay_peer::handle::{Attachment, FindModel, QuoteJob, Submit};
use assay_protocol::{id::Digest, manifest::Manifest};

use crate::{
    Gateway,
    answer::{AnswerOrder, AnswerPart, LiveAnswer, WholeAnswer},
    failure::HttpFailure,
    guard::Caller,
    order::{AssayTerms, TextWish, TokensMax},
    owner_places::TakenPlaces,
    spending_limit,
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
    count: u32,
    _places: TakenPlaces,
}

impl AnswerCount {
    /// So many, if there are places for them.
    fn begin(gateway: &Arc<Gateway>, caller: &Caller, count: u32) -> Result<Self, HttpFailure> {
        let places = gateway.places.take(caller.owner(), count)?;
        gateway.metrics.open.inc_by(i64::from(count));
        Ok(Self { gateway: gateway.clone(), key: caller.name().to_owned(), count, _places: places })
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
        self.gateway.metrics.open.dec_by(i64::from(self.count));
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
    // Its length is tried with the ceiling that it is ordered with.
    let cost_max = spending_limit::cost_max(gateway, caller.key.as_ref(), terms.max_cost);
    let terms = &AssayTerms { max_cost: cost_max, ..terms.clone() };
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
    let tally = AnswerCount::begin(gateway, caller, count)?;
    let mut answers = Vec::new();
    for mut submit in submits {
        let allowance = spending_limit::allow(gateway, caller.key.as_ref(), &mut submit).await?;
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
