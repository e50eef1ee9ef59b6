//! The files that a receipt names, as far as they are here, for a page that computes an answer again.
//!
//! **Invariant:** who asks names a file by its digest, and holds what comes to it. Nothing counts as handed over by that, and
//! nothing that is longer than a page computes leaves.

use std::{io, sync::Arc};

use assay_peer::handle::ReadHeld;
use assay_protocol::id::Digest;
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::stream;

use super::watcher::PageWatcher;
use crate::{Gateway, failure::HttpFailure, guard::Caller};

/// Bytes of the longest file: the longest model that is computed in a page.
const HELD_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A blob of this home, piece by piece.
pub(super) async fn blob(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, HttpFailure> {
    // It has a way to the daemon to itself, as long as it goes on, like whoever follows what happens.
    let watcher = PageWatcher::admit(gateway, caller)?;
    let unknown = |_| HttpFailure::new(StatusCode::NOT_FOUND, "not_found", "that is no digest of a file");
    let digest: Digest = name.parse().map_err(unknown)?;
    let daemon = watcher.gateway.link.open().await?;
    let pieces = daemon.call(ReadHeld { digest }).await?;
    let bytes = pieces.bytes();
    if bytes > HELD_BYTES_MAX {
        let message = format!(
            "the file has {bytes} bytes, and none of more than {HELD_BYTES_MAX} is computed in a page"
        );
        return Err(HttpFailure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_long", message));
    }
    let body = stream::try_unfold((watcher, daemon, pieces), |(watcher, daemon, mut pieces)| async move {
        if !watcher.may_hear() {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        let piece = pieces.next().await.transpose().map_err(io::Error::other)?;
        Ok::<_, io::Error>(piece.map(|piece| (Bytes::from(piece), (watcher, daemon, pieces))))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}
