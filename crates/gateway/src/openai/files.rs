//! Files, as OpenAI's clients upload and fetch them for batches.
//!
//! **Invariant:** who asks sees its own files and no other, by whatever name.

use std::{io, sync::Arc};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::stream;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{fs::File, io::AsyncReadExt, task::spawn_blocking};

use super::{file_form, list_page};
use crate::{
    Gateway,
    drawn_name::FileId,
    failure::HttpFailure,
    gateway_files::{FileRefused, GatewayFile},
    guard::Caller,
    json_answer::JsonAnswer,
};

/// Files of a page, where nobody says and at most.
const PAGE: (usize, usize) = (10_000, 10_000);
/// Bytes of a file that are on their way at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// What a list of files is asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FileQuery {
    after: Option<String>,
    limit: Option<usize>,
    order: FileOrder,
    purpose: Option<String>,
}

/// Which files come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FileOrder {
    /// The oldest.
    Asc,
    /// The youngest.
    #[default]
    Desc,
}

/// Takes one.
pub(crate) async fn create(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<JsonAnswer, HttpFailure> {
    let _place = gateway.uploads.take(caller.owner(), 1)?;
    let file = file_form::receive(&gateway.files, caller.owner(), request).await?;
    Ok(JsonAnswer(document(&file)))
}

/// Lists those of who asks.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<FileQuery>, QueryRejection>,
) -> Result<JsonAnswer, HttpFailure> {
    let FileQuery { after, limit, order, purpose } = list_page::asked(query)?;
    let limit = list_page::limit(limit, PAGE)?;
    let mut all = gateway.files.all(caller.owner());
    match order {
        FileOrder::Asc => {}
        FileOrder::Desc => all.reverse(),
    }
    all.retain(|file| purpose.as_ref().is_none_or(|purpose| file.purpose.word() == purpose));
    let name = |file: &GatewayFile| file.id.to_string();
    Ok(JsonAnswer(list_page::page(&all, (name, document), (after.as_deref(), limit))?))
}

/// What is known of one.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<JsonAnswer, HttpFailure> {
    Ok(JsonAnswer(document(&own(&gateway, &caller, &name)?)))
}

/// What is in one.
pub(crate) async fn content(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, HttpFailure> {
    let card = own(&gateway, &caller, &name)?;
    let place = gateway.downloads.take(caller.owner(), 1)?;
    let file = File::open(gateway.files.path(card.id)).await.map_err(FileRefused::Disk)?;
    // The place is held for as long as somebody reads.
    let pieces = stream::try_unfold((file, place), |(mut file, place)| async move {
        let mut piece = vec![0; PIECE_BYTES];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, io::Error>((read > 0).then(|| (Bytes::from(piece), (file, place))))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, card.bytes.to_string()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Lets one go.
pub(crate) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<JsonAnswer, HttpFailure> {
    let id = own(&gateway, &caller, &name)?.id;
    let (files, owner) = (gateway.files.clone(), caller.owner());
    let removed = spawn_blocking(move || files.remove(owner, id)).await.map_err(io::Error::other);
    if !removed.and_then(|removed| removed).map_err(FileRefused::Disk)? {
        return Err(unknown());
    }
    Ok(JsonAnswer(json!({ "id": id.to_string(), "object": "file", "deleted": true })))
}

fn own(gateway: &Gateway, caller: &Caller, name: &str) -> Result<GatewayFile, HttpFailure> {
    let id: FileId = name.parse().map_err(|_| unknown())?;
    gateway.files.find(caller.owner(), id).ok_or_else(unknown)
}

fn unknown() -> HttpFailure {
    HttpFailure::new(StatusCode::NOT_FOUND, "not_found", "no file of yours is called so")
}

fn document(file: &GatewayFile) -> Value {
    json!({
        "id": file.id.to_string(), "object": "file", "bytes": file.bytes, "created_at": file.created.as_second(),
        "expires_at": file.expires.map(Timestamp::as_second), "filename": file.filename, "purpose": file.purpose.word(), "status": "processed", "status_details": null,
    })
}
