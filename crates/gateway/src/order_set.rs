//! The orders of one request: as many answers as it wants, within what its key may spend.
//!
//! **Invariant:** if one of several cannot be ordered, those before it are cancelled. A client that asks again by itself is told not
//! to where another of its answers may have cost something by then.

use std::{sync::Arc, time::Duration};

use assay_peer::handle::{Attachment, FindModel, QuoteJob, Submit};
use assay_protocol::{id::Digest, manifest::Manifest};
use futures::future::{join_all, try_join_all};
use tokio::time::timeout;

use crate::{
    Gateway,
    answer::{AnswerAgain, AnswerOrder, AnswerPart, AnswerTelling, LiveAnswer, TakenUp, WholeAnswer},
    asked_once::AskedOnce,
    chances::{ChanceParams, ChanceQuestion},
    failure::HttpFailure,
    guard::Caller,
    keyed_answers::KeyedRequest,
    order::{AssayTerms, TextWish, TokensMax},
    owner_places::TakenPlaces,
    spending_limit,
    template_traits::TemplateTraits,
};

/// Answers to one request.
pub(crate) const ANSWERS_MAX: u32 = 8;
/// With so few tokens an answer is not made shorter.
const TOKENS_FEWEST: u32 = 16;
/// How long it is asked how the other answers to a request stand, where one fails.
const OTHERS_WAIT: Duration = Duration::from_secs(2);

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
    /// The submissions of those that were ordered for it.
    orders: Vec<Digest>,
    /// Whether one of its answers was taken up.
    taken_up: TakenUp,
    /// Whether what comes was counted before.
    is_again: bool,
    _places: TakenPlaces,
}

impl AnswerCount {
    /// So many, if there are places for them.
    fn begin(gateway: &Arc<Gateway>, caller: &Caller, count: u32) -> Result<Self, HttpFailure> {
        let places = gateway.places.take(caller.owner(), count)?;
        gateway.metrics.open.inc_by(i64::from(count));
        let (gateway, key) = (gateway.clone(), caller.name().to_owned());
        let (orders, taken_up) = (Vec::new(), TakenUp::default());
        Ok(Self { gateway, key, count, orders, taken_up, is_again: false, _places: places })
    }

    /// Why the whole request fails, where one of its answers does: if another may cost by then, whoever asks again pays that again.
    pub(crate) async fn failed(&self, failure: HttpFailure) -> HttpFailure {
        if self.count > 1 && self.may_cost().await { failure.after_order() } else { failure }
    }

    /// Whether one of them may cost. What was told of each may be older than what its provider has done since, so each is asked;
    /// nothing is wanted of the others any more, and only of what is cancelled is it known that nobody takes it up a moment later.
    async fn may_cost(&self) -> bool {
        if self.taken_up.is_noted() {
            return true;
        }
        let looks = self.orders.iter().copied().map(|key| self.taken_up.note_last(&self.gateway.link, key));
        timeout(OTHERS_WAIT, join_all(looks)).await.is_err() || self.taken_up.is_noted()
    }

    /// Counts what was delivered.
    pub(crate) fn take(&self, part: &Result<AnswerPart, HttpFailure>) {
        if let Ok(AnswerPart::Whole(whole)) = part {
            self.count(whole);
        }
    }

    fn count(&self, whole: &WholeAnswer) {
        if !self.is_again {
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
        let all = try_join_all(answers.into_iter().map(LiveAnswer::whole)).await;
        let all = match all {
            Ok(all) => all,
            Err(failure) => return Err(tally.failed(failure).await),
        };
        all.iter().for_each(|whole| tally.count(whole));
        Ok(all)
    }
}

/// The model that somebody asks by a name, and the one that ran if the same request came before, whatever is called so now.
pub(crate) async fn model_once(
    gateway: &Gateway,
    caller: &Caller,
    name: &str,
    once: &AskedOnce,
) -> Result<Manifest, HttpFailure> {
    match gateway.keyed.model(caller.owner(), once)? {
        None => model(gateway, caller, name).await,
        Some(before) => {
            caller.may_ask(name)?;
            Ok(gateway.link.call(FindModel { name: before.to_string() }).await?.manifest)
        }
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

/// Refuses to tell how likely tokens are, where that is asked, if it cannot be known: it is computed by the model's file, in this
/// home, by a runner that may run here.
pub(crate) async fn tells_chances(
    gateway: &Gateway,
    manifest: &Manifest,
    once: &AskedOnce,
    (chances, params): (Option<u8>, ChanceParams),
) -> Result<(), HttpFailure> {
    if chances.is_none() {
        return Ok(());
    }
    if once.key().is_some() {
        let why = "chances of an answer with an Idempotency-Key are not told: it is kept, and what it was asked is not";
        return Err(HttpFailure::unsupported(params.told, why));
    }
    match ChanceQuestion::refusal(&gateway.link.open().await?, manifest).await? {
        Some(why) => Err(HttpFailure::unsupported(params.told, &why)),
        None => Ok(()),
    }
}

/// Orders so many texts, unless this request has ordered them before; with what a template showed by which they are read.
pub(crate) async fn texts(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    manifest: &Manifest,
    (wish, terms): (&TextWish, &AssayTerms),
    (count, is_told): (u32, bool),
    once: (AskedOnce, Option<&TemplateTraits>),
) -> Result<AnswerSet, HttpFailure> {
    if !(1..=ANSWERS_MAX).contains(&count) {
        return Err(HttpFailure::wrong(
            "n",
            format!("n is a number from 1 to {ANSWERS_MAX}, and not {count}"),
        ));
    }
    let telling = AnswerTelling { is_told, is_sure: terms.check.is_sure() };
    let keyed = match before(gateway, caller, manifest, (count, telling), once).await? {
        OrderedBefore::Yes(answers) => return Ok(answers),
        OrderedBefore::No(keyed) => keyed,
    };
    // Its length is tried with the ceiling that it is ordered with.
    let cost_max = spending_limit::cost_max(gateway, caller.key.as_ref(), terms.max_cost);
    let terms = &AssayTerms { max_cost: cost_max, ..terms.clone() };
    let wish = &affordable(gateway, manifest, wish, terms).await?;
    let submits = (0..count).map(|number| wish.order(manifest, terms, number));
    let submits = submits.collect::<Result<_, _>>()?;
    place(gateway, caller, manifest, (submits, is_told, wish.chances), keyed).await
}

/// Orders what needs no text, unless this request has ordered it before.
pub(crate) async fn one(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    manifest: &Manifest,
    submit: Submit,
    once: AskedOnce,
) -> Result<AnswerSet, HttpFailure> {
    let telling = AnswerTelling { is_told: false, is_sure: submit.checks > 0 };
    match before(gateway, caller, manifest, (1, telling), (once, None)).await? {
        OrderedBefore::Yes(answers) => Ok(answers),
        OrderedBefore::No(keyed) => {
            place(gateway, caller, manifest, (vec![submit], false, None), keyed).await
        }
    }
}

/// Whether a request was ordered when it came before.
enum OrderedBefore {
    /// What comes of that.
    Yes(AnswerSet),
    /// It is to be ordered, and has a key or has none.
    No(Option<KeyedRequest>),
}

/// Looks whether a request has ordered its one answer before.
async fn before(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    manifest: &Manifest,
    (count, telling): (u32, AnswerTelling),
    (once, traits): (AskedOnce, Option<&TemplateTraits>),
) -> Result<OrderedBefore, HttpFailure> {
    let Some(key) = once.key() else { return Ok(OrderedBefore::No(None)) };
    if count != 1 {
        return Err(HttpFailure::unsupported("n", "a request with an Idempotency-Key has one answer"));
    }
    let request = gateway.keyed.begin((caller.owner(), key), once, (manifest.digest(), traits)).await?;
    let Some(key) = request.found(&gateway.link).await? else {
        return Ok(OrderedBefore::No(Some(request)));
    };
    let mut tally = AnswerCount::begin(gateway, caller, count)?;
    tally.is_again = true;
    let again = AnswerAgain {
        link: gateway.link.clone(),
        cancels: gateway.cancels.clone(),
        manifest: manifest.clone(),
        key,
        telling,
        waiter: request.waiter(),
    };
    Ok(OrderedBefore::Yes(AnswerSet { answers: vec![again.place().await?], tally }))
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

/// Orders all of these; where the request has a key, it is one.
async fn place(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    manifest: &Manifest,
    (submits, is_told, chances): (Vec<Submit>, bool, Option<u8>),
    mut keyed: Option<KeyedRequest>,
) -> Result<AnswerSet, HttpFailure> {
    let count = u32::try_from(submits.len()).unwrap_or(u32::MAX);
    let mut tally = AnswerCount::begin(gateway, caller, count)?;
    let mut answers: Vec<LiveAnswer> = Vec::new();
    for mut submit in submits {
        let has_ordered = !answers.is_empty();
        let behind = |failure: HttpFailure| if has_ordered { failure.after_order() } else { failure };
        let allowed = spending_limit::allow(gateway, caller.key.as_ref(), &mut submit).await;
        let allowance = allowed.map_err(behind)?;
        let order = AnswerOrder {
            link: gateway.link.clone(),
            cancels: gateway.cancels.clone(),
            manifest: manifest.clone(),
            submit,
            allowance,
            is_told,
            chances,
            keyed: keyed.take(),
            taken_up: tally.taken_up.clone(),
        };
        let answer = order.place().await.map_err(behind)?;
        tally.orders.push(answer.key());
        answers.push(answer);
    }
    Ok(AnswerSet { answers, tally })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use assay_market::{
        quote::Quote,
        submission::Unmatched,
        view::{AttemptState, SubmissionView},
    };
    use assay_peer::handle::{CancelledView, JobView, SubmittedView};
    use assay_protocol::units::Rate;
    use axum::response::IntoResponse;

    use super::*;
    use crate::{
        BoundGateway, GatewayOptions,
        keys::AccessKeys,
        stand_in::{StandInDaemon, attempted, submission},
        tests::{options, poet},
    };

    /// A daemon that takes all orders, of which nothing comes.
    fn daemon() -> StandInDaemon {
        let daemon = StandInDaemon::begin();
        daemon.answers("submit", SubmittedView { key: Digest::default() });
        daemon.answers("quote_job", Quote::default());
        daemon.answers("cancel_job", CancelledView { key: Digest::default(), open: false });
        let unmatched = Unmatched { offers: 1, busy: 1, ..Unmatched::default() };
        daemon.shows(&job(SubmissionView { ended: true, unmatched: Some(unmatched), ..submission() }));
        daemon
    }

    fn job(submission: SubmissionView) -> JobView {
        JobView {
            submission,
            timeline: Vec::new(),
            retry_of: None,
            retried_as: None,
            held: Vec::new(),
            awaits: None,
        }
    }

    async fn gateway(folder: &tempfile::TempDir, daemon: &StandInDaemon) -> Arc<Gateway> {
        let options = options(folder.path(), "127.0.0.1:0", None);
        BoundGateway::bind(GatewayOptions { link: daemon.link.clone(), ..options }).await.unwrap().gateway
    }

    /// So many answers that somebody orders.
    async fn placed(gateway: &Arc<Gateway>, caller: &Caller, count: usize) -> Result<AnswerSet, HttpFailure> {
        place(gateway, caller, &poet(), (vec![Submit::default(); count], false, None), None).await
    }

    /// What the clients of OpenAI are told of whether to ask again by themselves.
    fn is_asked_again(failure: HttpFailure) -> bool {
        failure.into_response().headers().get("x-should-retry").is_none()
    }

    #[tokio::test]
    async fn where_one_of_several_answers_was_ordered_and_the_next_is_not_nobody_is_to_ask_again() {
        let (folder, daemon) = (tempfile::tempdir().unwrap(), daemon());
        let gateway = gateway(&folder, &daemon).await;
        let mut keys = AccessKeys::default();
        // The first may cost all of that.
        keys.add("phone", Some(gateway.cost_max), Vec::new()).unwrap();
        let caller = Caller { key: keys.keys.first().cloned() };
        let Err(second) = placed(&gateway, &caller, 2).await else { panic!("nothing is left for two") };
        assert_eq!((second.code(), daemon.asked("submit").len()), ("insufficient_quota", 1));
        assert!(!is_asked_again(second), "the first would be paid again");
        let Err(alone) = placed(&gateway, &caller, 1).await else { panic!("nothing is left") };
        assert_eq!((alone.code(), daemon.asked("submit").len()), ("insufficient_quota", 1));
        assert!(is_asked_again(alone), "it costs nothing");
    }

    #[tokio::test]
    async fn where_one_of_several_answers_fails_and_another_may_cost_nobody_is_to_ask_again() {
        for (count, taken_up, asks_again) in [(1, true, true), (2, false, true), (2, true, false)] {
            let (folder, daemon) = (tempfile::tempdir().unwrap(), daemon());
            let gateway = gateway(&folder, &daemon).await;
            let mut set = placed(&gateway, &Caller::default(), 1).await.ok().unwrap();
            set.tally.count = count;
            if taken_up {
                set.tally.taken_up.note(&attempted(AttemptState::Running, Some(Rate::ONE)));
            }
            let Err(failure) = set.whole().await else { panic!("nobody takes it") };
            assert_eq!((failure.code(), failure.passes()), (HttpFailure::NO_OFFER, asks_again), "{count}");
            assert_eq!(is_asked_again(failure), asks_again, "{count} {taken_up}");
        }
    }

    #[tokio::test]
    async fn what_somebody_took_up_a_moment_ago_is_found_out_before_a_client_is_told_to_ask_again() {
        for (other, asks_again) in [
            (submission(), true),
            (attempted(AttemptState::Cancelled, None), true),
            (attempted(AttemptState::Opening, None), false),
            (attempted(AttemptState::Running, Some(Rate::ONE)), false),
        ] {
            let (folder, daemon) = (tempfile::tempdir().unwrap(), daemon());
            let gateway = gateway(&folder, &daemon).await;
            let set = placed(&gateway, &Caller::default(), 2).await.ok().unwrap();
            // Whoever watches one of them is told that it came to nothing, and whoever watches the other is told nothing.
            daemon.answers("show_job", job(other.clone()));
            let Err(failure) = set.whole().await else { panic!("nobody takes it") };
            assert_eq!(failure.code(), HttpFailure::NO_OFFER);
            assert!(daemon.asked("cancel_job").len() >= 2, "nothing is wanted of it any more");
            assert_eq!(is_asked_again(failure), asks_again, "{other:?}");
        }
    }
}
