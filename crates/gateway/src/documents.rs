//! What pages are told of the peer: the documents that the command line prints, by whoever prints them.
//!
//! **Invariant:** the gateway writes no document of its own: a page reads what `--json` says, word for word.

use std::{fmt, pin::Pin};

use assay_peer::handle::JobView;
use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use crate::{failure::AWAY_S, json_answer::JsonAnswer};

/// What a page can ask of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageQuestion {
    /// How it is.
    Status,
    /// Its latest submissions, or those before this one.
    Jobs(Option<String>),
    /// One of them, by its name.
    Job(String),
    /// The story of one.
    Explanation(String),
    /// What can be ordered.
    Offers,
    /// What could be, and for how much.
    PriceHistory,
    /// What a notary holds for it.
    Account,
    /// What it has earned, day by day.
    Earnings,
    /// Its latest receipts, or those behind this place.
    Receipts(Option<String>),
    /// Its processor and its cards.
    Devices,
    /// When it takes nothing on.
    Rules,
    /// What it asks, beside what others do.
    Prices,
    /// Why it gets the jobs that it gets.
    Why,
}

impl PageQuestion {
    /// The question that a path ends in, unless it names something, and what the list goes on behind that is asked for.
    pub(crate) fn called(name: &str, behind: Option<String>) -> Option<Self> {
        Some(match name {
            "jobs" => Self::Jobs(behind),
            "receipts" => Self::Receipts(behind),
            _ if behind.is_some() => return None,
            "status" => Self::Status,
            "offers" => Self::Offers,
            "price-history" => Self::PriceHistory,
            "account" => Self::Account,
            "earnings" => Self::Earnings,
            "devices" => Self::Devices,
            "rules" => Self::Rules,
            "prices" => Self::Prices,
            "why" => Self::Why,
            _ => return None,
        })
    }
}

/// A document on its way.
pub type DocumentFuture<'a> = Pin<Box<dyn Future<Output = Result<Value, Unanswered>> + Send + 'a>>;

/// Whoever writes documents of the peer.
pub trait PageDocuments: fmt::Debug + Send + Sync {
    /// What is to be said to this.
    fn answer(&self, question: PageQuestion) -> DocumentFuture<'_>;

    /// The document of a submission, as it just became.
    fn job(&self, job: &JobView) -> Value;
}

/// A question without an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Unanswered {
    /// What it is over HTTP, such as 404.
    pub status: u16,
    /// Why, as a command fails with `--json`.
    pub document: Value,
}

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, JsonAnswer(self.document)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(AWAY_S));
        }
        response
    }
}

/// A peer that has the same word for each question.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct EchoedDocuments;

#[cfg(test)]
impl PageDocuments for EchoedDocuments {
    fn answer(&self, question: PageQuestion) -> DocumentFuture<'_> {
        Box::pin(async move {
            if matches!(&question, PageQuestion::Job(name) if name == "none") {
                let document = serde_json::json!({ "error": { "code": "UNKNOWN_JOB" } });
                return Err(Unanswered { status: 404, document });
            }
            Ok(serde_json::json!({ "asked": format!("{question:?}") }))
        })
    }

    fn job(&self, job: &JobView) -> Value {
        serde_json::json!({ "submission": job.submission.key.to_string() })
    }
}
