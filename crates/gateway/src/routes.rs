//! What can be asked of a gateway, and what every request goes through first.
//!
//! **Invariant:** nobody that is not let in reaches a route; what every route takes at most is bounded here. Browsers are told
//! what they may do with every answer, also of those that were refused before a route.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{
    Gateway, browser_rules, dashboard,
    failure::{HttpFailure, PlainFailure, SHOULD_RETRY},
    guard::{self, Caller},
    jobs,
    metrics::{self, RequestLabels},
    ollama, openai,
};

/// Bytes of a request: more than any model here reads.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What a route that nobody declared is called in figures.
const UNKNOWN: &str = "unknown";

/// What is asked below `/v1`.
const BELOW_V1: [&str; 7] =
    ["models", "chat/completions", "completions", "responses", "embeddings", "batches", "files"];
/// The same with the name of something behind it.
const NAMED_BELOW_V1: [&str; 5] = ["models", "batches", "files", "jobs", "receipts"];

/// Everything that can be asked.
pub(crate) fn of(gateway: &Arc<Gateway>) -> Router {
    let routes = Router::new()
        .route("/v1/models", get(openai::models::list))
        .route("/v1/models/{*name}", get(openai::models::show))
        .route("/v1/chat/completions", post(openai::chat::complete))
        .route("/v1/completions", post(openai::completions::complete))
        .route("/v1/responses", post(openai::responses::create))
        .route("/v1/embeddings", post(openai::embeddings::embed))
        .route("/v1/batches", get(openai::batches::list).post(openai::batches::create))
        .route("/v1/batches/{name}", get(openai::batches::show))
        .route("/v1/batches/{name}/cancel", post(openai::batches::cancel))
        .route("/v1/files", get(openai::files::list).post(openai::files::create))
        .route("/v1/files/{name}", get(openai::files::show).delete(openai::files::delete))
        .route("/v1/files/{name}/content", get(openai::files::content))
        .route("/v1/jobs/{name}", get(jobs::show).delete(jobs::cancel))
        .route("/v1/receipts/{name}", get(jobs::receipt))
        .route("/api/version", get(ollama::tags::version))
        .route("/api/tags", get(ollama::tags::list))
        .route("/api/ps", get(ollama::tags::running))
        .route("/api/show", post(ollama::tags::show))
        .route("/api/pull", post(ollama::pull::pull))
        .route("/api/chat", post(ollama::chat::chat))
        .route("/api/generate", post(ollama::chat::generate))
        .route("/api/embed", post(ollama::embed::embed))
        .route("/metrics", get(figures))
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(dashboard::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(gateway.clone());
    let routes = routes.layer(middleware::from_fn_with_state(gateway.clone(), guard::admit));
    let routes = match gateway.origins.as_slice() {
        [] => routes,
        origins => routes.layer(shared_with(origins)),
    };
    let routes = routes.layer(middleware::from_fn_with_state(gateway.clone(), counted));
    // Outermost, so that it is told with the answers of those that are further in.
    routes.layer(middleware::map_response(browser_rules::guarded))
}

/// Tells browsers that pages of these origins may ask.
fn shared_with(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let own = ["x-assay-provider", "x-assay-job", "x-assay-receipt", "x-assay-label", "x-assay-cost"];
    // A client in a page that cannot see whether to ask again, and when, does so at once, and may pay again.
    let exposed = own.map(HeaderName::from_static).into_iter().chain([SHOULD_RETRY, header::RETRY_AFTER]);
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed.collect::<Vec<_>>())
}

/// Counts requests by route and status.
async fn counted(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or(UNKNOWN, MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let labels = RequestLabels { route, status: response.status().as_u16() };
    gateway.metrics.requests.get_or_create(&labels).inc();
    response
}

/// What all keys did, for who may see that.
async fn figures(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, HttpFailure> {
    if !caller.may_see_all() {
        let message = "figures of all keys are for a key without a ceiling and without a list of models";
        return Err(HttpFailure::new(StatusCode::FORBIDDEN, "not_allowed", message));
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = metrics::told(&gateway.metrics, &gateway.link).await;
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn unknown(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let hint = match meant(path) {
        Some(meant) => format!("did you mean {method} {meant}?"),
        None => "docs/gateway.md has what there is".to_owned(),
    };
    let message = format!("there is no {method} {path:?} here; {hint}");
    said_as(path, HttpFailure::new(StatusCode::NOT_FOUND, "unknown_url", message))
}

/// The path that would be there, for clients whose address lacks the `/v1` that others write before each, or has it twice.
fn meant(path: &str) -> Option<String> {
    let below = path.trim_start_matches("/v1").strip_prefix('/')?.trim_end_matches('/');
    let is_under =
        |root: &str| below.strip_prefix(root).is_some_and(|name| name.len() > 1 && name.starts_with('/'));
    let is_there = BELOW_V1.contains(&below) || NAMED_BELOW_V1.into_iter().any(is_under);
    is_there.then(|| format!("/v1/{below}")).filter(|meant| meant != path)
}

async fn not_so(request: Request) -> Response {
    let path = request.uri().path();
    let message = format!("{path:?} is not asked with {}", request.method());
    said_as(path, HttpFailure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message))
}

/// A failure in the shape that whoever asks for such a path reads.
pub(crate) fn said_as(path: &str, failure: HttpFailure) -> Response {
    match path.starts_with("/api/") {
        true => PlainFailure(failure).into_response(),
        false => failure.into_response(),
    }
}

#[cfg(test)]
mod tests;
