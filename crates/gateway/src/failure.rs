//! Why a request is not answered, in the shapes that clients of other endpoints read.
//!
//! **Invariant:** every failure has a status, a code that programs can tell apart and one line that says what to do.

use std::io;

use assay_market::{
    submission::{OverFunds, Unmatched},
    view::{AttemptState, SubmissionView},
};
use assay_peer::handle::{CallError, ConnectError, LostNotary, ModelRefused, Refused};
use assay_protocol::{
    id::Digest,
    order::{Failure, Refusal},
    units::Amount,
};
use axum::{
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    counted::counted, json_answer::JsonAnswer, keys::KeysError, known_besides::KnownBesides, lost_provider,
};

/// By which the clients of OpenAI are told whether to ask again by themselves.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Seconds after which somebody for whom there was no place may ask again.
const ASK_AGAIN_S: u16 = 1;
/// Seconds after which somebody may ask again where the daemon is away.
pub(crate) const AWAY_S: u16 = 2;

/// A request that is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpFailure {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// What of the request is meant.
    param: Option<String>,
    retry_after: Option<u16>,
    /// Something was ordered, and may be paid: clients that ask again by themselves must not.
    is_ordered: bool,
}

impl HttpFailure {
    /// What programs tell by that no daemon is there.
    pub(crate) const NO_DAEMON: &str = "no_daemon";
    /// What programs tell by that nobody takes a job.
    pub(crate) const NO_OFFER: &str = "no_offer";

    /// A failure with the code that programs read and the line that people do.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), param: None, retry_after: None, is_ordered: false }
    }

    /// A request that says something wrong.
    pub(crate) fn wrong(param: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_value", message).about(param)
    }

    /// A request that wants what is not done here.
    pub(crate) fn unsupported(param: &str, why: &str) -> Self {
        let message = format!("{param} is not supported: {why}");
        Self::new(StatusCode::BAD_REQUEST, "unsupported_parameter", message).about(param)
    }

    /// Nothing is there for now.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message).asked_again()
    }

    /// The disk failed. Where that was is for the owner of the home, and is logged.
    pub(crate) fn no_room(error: &dyn std::error::Error, kind: io::ErrorKind) -> Self {
        tracing::error!(error = %error, "the disk fails a client of the gateway");
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "no_room",
            format!("the disk of this gateway failed: {kind}"),
        )
    }

    /// Keys cannot be read. Why is for the owner of the home, and is logged.
    pub(crate) fn no_keys(error: &KeysError) -> Self {
        tracing::error!(%error, "nobody is let in");
        let message = "the keys of this gateway cannot be read; it says why where it was started";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "no_keys", message)
    }

    /// The same, about a part of the request.
    pub(crate) fn about(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }

    /// The same, where it may go well a moment later.
    pub(crate) fn asked_again(self) -> Self {
        self.asked_again_after(ASK_AGAIN_S)
    }

    /// The same, where it may go well after so many seconds.
    pub(crate) fn asked_again_after(self, seconds: u16) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The same, with what to do.
    pub(crate) fn with_hint(self, hint: &str) -> Self {
        Self { message: format!("{}; {hint}", self.message), ..self }
    }

    /// The same, behind an order: whoever asks again pays again.
    pub(crate) fn after_order(self) -> Self {
        Self { is_ordered: true, ..self }
    }

    /// What it is over HTTP.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What programs tell it by.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// What of the request is meant.
    pub(crate) fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// Whether asking again may help, and costs nothing twice.
    pub(crate) fn passes(&self) -> bool {
        self.retry_after.is_some() && !self.is_ordered
    }

    /// After how many seconds it may be asked again, if that is known. Where something was ordered, nobody is told to.
    fn asks_again_after(&self) -> Option<u16> {
        let is_away = self.code == Self::NO_DAEMON;
        self.retry_after.or(is_away.then_some(AWAY_S)).filter(|_| !self.is_ordered)
    }

    /// It in a line, with the place that is meant.
    pub(crate) fn line(&self) -> String {
        match &self.param {
            Some(param) if !self.message.contains(param.as_str()) => format!("{param}: {}", self.message),
            _ => self.message.clone(),
        }
    }

    /// The notary is gone, and what follows from that.
    pub(crate) fn notary_gone(lost: &LostNotary, rest: &str) -> Self {
        let seconds = lost.silent_for.0 / 1_000;
        let heard = match lost.heard {
            Some(_) => format!("which was last heard {seconds} s ago"),
            None => format!("which was not heard since the daemon started {seconds} s ago"),
        };
        let message = format!("there is no connection to the notary {}, {heard}{rest}", lost.notary);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "notary_gone", message)
    }

    /// A result that is paid for and did not come.
    pub(crate) fn undelivered(key: Digest) -> Self {
        let message = format!(
            "the job is closed and paid, and its result did not come; GET /v1/jobs/{key} says how it stands"
        );
        Self::new(StatusCode::GATEWAY_TIMEOUT, "undelivered", message).after_order()
    }

    /// A check was paid for, and none confirms the result.
    pub(crate) fn not_checked(key: Digest) -> Self {
        let message = format!(
            "no check confirms the result, so it is not given; GET /v1/jobs/{key} says how it stands, and \
             `assay job result {key}` prints it all the same"
        );
        Self::new(StatusCode::BAD_GATEWAY, "not_checked", message).after_order()
    }

    /// As OpenAI's clients read it.
    pub(crate) fn document(&self) -> Value {
        let Self { code, message, param, .. } = self;
        json!({ "error": { "message": message, "type": self.kind(), "param": param, "code": code } })
    }

    /// As OpenAI's clients read it in a response that broke off. Those have few codes, so its own stands beside.
    pub(crate) fn response_error(&self) -> Value {
        let code = match self.status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => "invalid_prompt",
            _ => "server_error",
        };
        let Self { message, param, .. } = self;
        json!({
            "code": code, "message": message, "type": self.kind(), "param": param, "assay_code": self.code,
        })
    }

    /// As Ollama's clients read it.
    pub(crate) fn plain_document(&self) -> Value {
        json!({ "error": self.message })
    }

    fn kind(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::TOO_MANY_REQUESTS if self.code == "insufficient_quota" => "insufficient_quota",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        }
    }

    /// As an answer with this document.
    fn answer(&self, document: Value) -> Response {
        let mut response = (self.status, JsonAnswer(document)).into_response();
        if let Some(seconds) = self.asks_again_after() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.is_ordered {
            response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }

    /// Why nothing came of an order, with what is known besides.
    pub(crate) fn of_submission(submission: &SubmissionView, besides: &KnownBesides) -> Self {
        if submission.cancelled {
            return Self::new(StatusCode::CONFLICT, "cancelled", "the job was cancelled").after_order();
        }
        let unmatched = submission.unmatched.clone().unwrap_or_default();
        let spent = submission.cost_max();
        // A daemon that was started since knows only what each attempt came to.
        let of_last = || {
            let last = submission.attempts.last().filter(|_| submission.unmatched.is_none())?;
            if let AttemptState::Failed(failure) = last.state { Some(failure) } else { None }
        };
        match unmatched.failure.or_else(of_last) {
            Some(Failure::BadInput) => Self::new(
                StatusCode::BAD_REQUEST,
                "refused_input",
                format!("{} refuses the input", submission.manifest),
            ),
            Some(Failure::Busy) => Self::unmatched(&unmatched, besides, spent),
            Some(failure) => {
                let spent = spent_words(spent);
                let message = match submission.attempts.as_slice() {
                    [_] => format!("the attempt failed: {failure}; {spent}"),
                    _ => format!("every attempt failed, the last: {failure}; {spent}"),
                };
                Self::new(StatusCode::BAD_GATEWAY, "job_failed", message)
            }
            None => lost_provider::told(submission, Self::unmatched(&unmatched, besides, spent)),
        }
    }

    fn unmatched(unmatched: &Unmatched, besides: &KnownBesides, spent: Amount) -> Self {
        let (held, cost, spent) = (besides.held_words(), spent, spent_words(spent));
        if let Some(over_day) = unmatched.over_day {
            return Self::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", over_day.to_string());
        }
        if let Some(over_funds) = unmatched.over_funds {
            let OverFunds { free, need } = over_funds;
            let message =
                format!("the account has {free} to spend, and the job needs {need} at most; {held}; {spent}");
            return Self::new(StatusCode::PAYMENT_REQUIRED, "refused", message);
        }
        if let Some(refusal @ (Refusal::Funds | Refusal::Total)) = unmatched.refusal {
            let held = if refusal == Refusal::Funds { format!("; {held}") } else { String::new() };
            let message = format!("every offer was refused, the last: {refusal}{held}; {spent}");
            return Self::new(StatusCode::PAYMENT_REQUIRED, "refused", message);
        }
        let is_too_much = unmatched.cost > 0 || unmatched.price > 0;
        if is_too_much && unmatched.busy == 0 && unmatched.refusal.is_none() {
            return Self::new(StatusCode::PAYMENT_REQUIRED, "too_expensive", too_expensive(unmatched, cost));
        }
        if unmatched.refusal == Some(Refusal::Notary) && unmatched.offers == 0 {
            let told = "the notary of this network keeps two journals, and this peer has left it for good";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, Self::NO_OFFER, format!("{told}; {spent}"));
        }
        let why = match unmatched.refusal {
            Some(refusal) => format!("the last refusal: {refusal}"),
            None => format!(
                "{} seen, {} of them busy, {} tried in vain{}",
                counted(unmatched.offers, "offer was", "offers were"),
                unmatched.busy,
                unmatched.tried,
                besides.away_words()
            ),
        };
        let message = format!("nobody takes this now: {why}; {spent}; ask again later");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Self::NO_OFFER, message).asked_again()
    }
}

/// What an order has cost of which nothing came: attempts that were opened had places among open jobs, and some were checked.
fn spent_words(spent: Amount) -> String {
    if spent.is_zero() { "nothing was spent".to_owned() } else { format!("{spent} was spent on attempts") }
}

/// What would be enough, and where to say so. Those whose units are not too dear are told of first.
fn too_expensive(unmatched: &Unmatched, spent: Amount) -> String {
    let (what, least, raise) = match unmatched.cost {
        0 => (
            "asks more for a unit than may be spent",
            unmatched.price_least,
            "raise assay.max_price, or client.unit_price_max of this home",
        ),
        _ => (
            "costs more than may be spent",
            unmatched.cost_least,
            "raise assay.max_cost, or client.cost_max of this home; a shorter answer costs less (max_tokens)",
        ),
    };
    let least = least.map_or_else(String::new, |least| format!("; the least is {least}"));
    let spent = if spent.is_zero() { String::new() } else { format!("; {}", spent_words(spent)) };
    format!("every offer that fits {what}{least}; {raise}{spent}")
}

impl IntoResponse for HttpFailure {
    fn into_response(self) -> Response {
        self.answer(self.document())
    }
}

/// The same in Ollama's shape.
#[derive(Debug)]
pub(crate) struct PlainFailure(pub(crate) HttpFailure);

impl IntoResponse for PlainFailure {
    fn into_response(self) -> Response {
        self.0.answer(self.0.plain_document())
    }
}

impl From<HttpFailure> for PlainFailure {
    fn from(failure: HttpFailure) -> Self {
        Self(failure)
    }
}

impl From<ConnectError> for HttpFailure {
    fn from(error: ConnectError) -> Self {
        // Where the home is, clients need not know.
        let why = match error {
            ConnectError::NotRunning { .. } => "none is running".to_owned(),
            ConnectError::Forbidden { .. } | ConnectError::Unnameable { .. } => {
                "its socket cannot be used".to_owned()
            }
            error @ (ConnectError::WrongVersion { .. } | ConnectError::Broken(_)) => error.to_string(),
        };
        let message = format!("the daemon of this home is not reached: {why}; `assay up` starts it");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Self::NO_DAEMON, message)
    }
}

impl From<CallError> for HttpFailure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refused) => refused.into(),
            CallError::Lost(error) => {
                let message = format!("the daemon went away: {error}; `assay up` starts it");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Self::NO_DAEMON, message)
            }
        }
    }
}

impl From<Refused> for HttpFailure {
    fn from(refused: Refused) -> Self {
        let (status, code) = status_of(&refused);
        let failure = Self::new(status, code, refused.to_string());
        match status {
            // What is spent today is spent: asking again soon is in vain.
            StatusCode::TOO_MANY_REQUESTS if code != "insufficient_quota" => failure.asked_again(),
            _ => failure,
        }
    }
}

/// What a daemon's refusal is on the web.
fn status_of(refused: &Refused) -> (StatusCode, &'static str) {
    match refused {
        Refused::UnknownManifest { .. } => (StatusCode::NOT_FOUND, "model_not_found"),
        Refused::Model(ModelRefused::Shared { .. })
        | Refused::Ambiguous { .. }
        | Refused::TooFewDigits { .. } => (StatusCode::BAD_REQUEST, "ambiguous"),
        Refused::Model(ModelRefused::NoTemplate { .. }) => (StatusCode::GATEWAY_TIMEOUT, "no_answer"),
        Refused::Model(_) => (StatusCode::NOT_FOUND, "model_not_found"),
        Refused::UnknownJob { .. } | Refused::BlobAbsent { .. } => (StatusCode::NOT_FOUND, "not_found"),
        Refused::NoReceipt => (StatusCode::NOT_FOUND, "no_receipt_yet"),
        Refused::Unreadable { .. } => (StatusCode::BAD_REQUEST, "invalid_value"),
        Refused::InputTooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_long"),
        Refused::OverDay(_) => (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota"),
        Refused::KeyInUse => (StatusCode::CONFLICT, "key_in_use"),
        Refused::NotCancelled { .. } => (StatusCode::CONFLICT, "not_cancelled"),
        Refused::NotDisputed { .. } => (StatusCode::CONFLICT, "not_disputed"),
        Refused::NotOver { .. } | Refused::Paid { .. } | Refused::InVain { .. } => {
            (StatusCode::CONFLICT, "not_retried")
        }
        Refused::Forgotten { .. } => (StatusCode::GONE, "forgotten"),
        Refused::TooManyJobs | Refused::TooManyCalls { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "too_many_requests")
        }
        Refused::NoRoom { .. } | Refused::Disk { .. } => (StatusCode::INSUFFICIENT_STORAGE, "no_room"),
        Refused::Ending => (StatusCode::SERVICE_UNAVAILABLE, HttpFailure::NO_DAEMON),
        Refused::Unheard { .. }
        | Refused::NoAnswer { .. }
        | Refused::Unreachable { .. }
        | Refused::NotYet { .. } => (StatusCode::GATEWAY_TIMEOUT, "no_answer"),
        Refused::NotCarriedOut { .. }
        | Refused::NotGranted { .. }
        | Refused::NotANotary
        | Refused::NoNotary
        | Refused::TooMuchToOffer
        | Refused::PartAbsent { .. }
        | Refused::BlobsFull { .. }
        | Refused::BadSettings { .. }
        | Refused::TestFailed { .. }
        | Refused::NoClass { .. }
        | Refused::NotListening { .. }
        | Refused::NotOffering
        | Refused::Offer(_)
        | Refused::NothingToOffer => (StatusCode::INTERNAL_SERVER_ERROR, "refused"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_while_the_daemon_is_away_is_told_when_to_ask_again_but_not_behind_an_order() {
        let away = || HttpFailure::from(ConnectError::NotRunning { home: "/home".into() });
        let told = |failure: HttpFailure| {
            let response = failure.into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            response.headers().get(RETRY_AFTER).map(|after| after.to_str().unwrap().to_owned())
        };
        assert_eq!(told(away()), Some(AWAY_S.to_string()));
        assert_eq!(told(HttpFailure::from(Refused::Ending)), Some(AWAY_S.to_string()));
        assert_eq!(told(away().after_order()), None, "it would be paid twice");
        assert_eq!(told(away().asked_again().after_order()), None, "nor where it would pass");
        assert_eq!(PlainFailure(away()).into_response().headers()[RETRY_AFTER], "2");
    }

    #[test]
    fn who_would_pay_too_little_is_told_what_is_enough() {
        let (price, cost) = (Some(Amount(140_000_000)), Some(Amount(1_425_000_000)));
        let none = Unmatched::default;
        let over_funds = Some(OverFunds { free: Amount(300_000_000), need: Amount(900_000_000) });
        let refusal = Some(Refusal::Funds);
        let cases = [
            (
                Unmatched { cost: 2, cost_least: cost, ..none() },
                "; the least is 1.425; raise assay.max_cost, or client.cost_max of this home",
            ),
            (Unmatched { cost: 2, ..none() }, "may be spent; raise assay.max_cost"),
            (
                Unmatched { price: 1, price_least: price, ..none() },
                "; the least is 0.14; raise assay.max_price, or client.unit_price_max of this home",
            ),
            (
                Unmatched { over_funds, refusal, ..none() },
                "has 0.30 to spend, and the job needs 0.90 at most; open jobs hold 0.70, which comes back",
            ),
            (
                Unmatched { refusal, ..none() },
                "; open jobs hold 0.70, which comes back as they close; nothing was spent",
            ),
        ];
        let besides = KnownBesides { held: Some(Amount(700_000_000)), ..KnownBesides::default() };
        for (unmatched, told) in cases {
            let failure = HttpFailure::unmatched(&unmatched, &besides, Amount::ZERO);
            assert_eq!(failure.status(), StatusCode::PAYMENT_REQUIRED, "{unmatched:?}");
            assert!(failure.line().contains(told), "{}", failure.line());
            let spent = HttpFailure::unmatched(&unmatched, &besides, Amount(140_000_000)).line();
            assert!(spent.ends_with("; 0.14 was spent on attempts"), "{spent}");
        }
    }

    #[test]
    fn what_attempts_have_cost_in_vain_is_not_called_nothing() {
        let besides = KnownBesides::default();
        let told = |spent| HttpFailure::unmatched(&Unmatched::default(), &besides, spent).line();
        assert!(told(Amount::ZERO).ends_with("0 tried in vain; nothing was spent; ask again later"));
        let spent = told(Amount(140_000_000));
        assert!(spent.ends_with("; 0.14 was spent on attempts; ask again later"), "{spent}");
    }
}
