//! The dashboard: pages for people at `/`, and what they ask under `/assay/v1`.
//!
//! The pages are files in `dashboard/`, as they are: nothing builds them, and they load nothing from elsewhere. A receipt is
//! judged where it was dropped, by the module of `crates/judge`, and its answer computed again there, by that of
//! `crates/recompute`.
//!
//! **Invariant:** the pages themselves say nothing of the peer and are served to everybody who may reach the gateway; what
//! they ask needs a key where there are keys, one for all that the owner may see. Nothing can be changed here.

mod assets;
mod held;
mod told;
mod watcher;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT, VARY},
    },
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{Gateway, failure::HttpFailure};

/// Where the files of the pages are.
const FOLDER: &str = "/dashboard/";
/// What Ollama's clients read to find out whether somebody is there.
const RUNNING: &str = "Assay is running\n";

/// The pages and what they ask.
pub(crate) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/", get(front))
        .route("/dashboard/{name}", get(file))
        .route("/assay/v1/updates", get(told::updates))
        .route("/assay/v1/blobs/{name}", get(held::blob))
        .route("/assay/v1/jobs/{name}", get(told::job))
        .route("/assay/v1/jobs/{name}/explanation", get(told::explanation))
        .route("/assay/v1/jobs/{name}/words", get(words::heard))
        .route("/assay/v1/{noun}", get(told::whole))
}

/// Whether a path leads to what anybody may read: the program of the pages, and nothing of the peer.
pub(crate) fn is_public(path: &str) -> bool {
    path == "/" || path.starts_with(FOLDER)
}

/// The page, for a browser; for programs a line.
async fn front(headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let mut response = match accepted.contains("text/html") {
        true => assets::answer(&assets::PAGE, &headers),
        false => RUNNING.into_response(),
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    response
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match assets::FILES.iter().find(|file| file.name == name) {
        Some(file) => assets::answer(file, &headers),
        None => {
            let message = format!("the pages have no file {name:?}");
            HttpFailure::new(StatusCode::NOT_FOUND, "unknown_url", message).into_response()
        }
    }
}

#[cfg(test)]
mod tests;
