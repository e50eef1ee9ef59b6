//! An upload as it comes: a form of parts, one of which is the file.
//!
//! **Invariant:** the file goes to the disk as it comes. What a client writes beside it has a bound: no more is read of a form
//! than was written down of it, and that bound.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{StatusCode, header::CONTENT_TYPE},
};
use futures::{Stream, StreamExt, stream};
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::time::timeout;

use super::expiry::ExpiresAfter;
use crate::{
    asked_once::OnceHead,
    failure::HttpFailure,
    gateway_files::{
        ArrivingFile, FILE_BYTES_MAX, FileOwner, FilePurpose, FileRefused, GatewayFile, GatewayFiles,
    },
};

/// How long a client may be silent.
const PIECE_WAIT: Duration = Duration::from_secs(30);
/// How long a whole upload may take.
const UPLOAD_WAIT: Duration = Duration::from_secs(60 * 60);
/// Bytes of a form beside what was written down of its file.
const FORM_BYTES_MAX: u64 = 256 * 1024;
/// Parts of a form.
const PARTS_MAX: usize = 16;
/// Bytes of a part that is no file.
const TEXT_BYTES_MAX: usize = 256;
/// Bytes of what parts are divided by, as the standard has it.
const BOUNDARY_BYTES_MAX: usize = 70;
/// The parts that say when a file is let go.
const ANCHOR: &str = "expires_after[anchor]";
const SECONDS: &str = "expires_after[seconds]";
/// Characters of what a client calls its file; what is beyond is left out.
const FILENAME_CHARS_MAX: usize = 255;

/// What came of a form.
#[derive(Debug, Default)]
struct FileForm {
    /// What its request says of itself.
    head: OnceHead,
    /// Bytes that came, but for those that were written down.
    held: Arc<AtomicU64>,
    purpose: Option<FilePurpose>,
    /// When it is to be let go, as far as that is said.
    anchor: Option<String>,
    seconds: Option<i64>,
    /// With what its client calls it.
    file: Option<(ArrivingFile, String)>,
}

/// Takes a file for its owner.
pub(super) async fn receive(
    files: &GatewayFiles,
    owner: FileOwner,
    request: Request,
) -> Result<GatewayFile, HttpFailure> {
    let late = |_| too_slow();
    timeout(UPLOAD_WAIT, take(files, owner, request)).await.map_err(late)?
}

async fn take(files: &GatewayFiles, owner: FileOwner, request: Request) -> Result<GatewayFile, HttpFailure> {
    let mut form = FileForm { head: OnceHead::read(request.headers())?, ..FileForm::default() };
    let mut parts = parts(request, form.held.clone())?;
    let mut count = 0;
    while let Some(part) = in_time(parts.next_field()).await? {
        count += 1;
        if count > PARTS_MAX {
            return Err(wrong(&format!("a form has at most {PARTS_MAX} parts")));
        }
        form.take(part, files, owner).await?;
    }
    form.keep().await
}

fn parts(request: Request, held: Arc<AtomicU64>) -> Result<Multipart<'static>, HttpFailure> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind)
        .map_err(|_| wrong("a file is uploaded as multipart/form-data, with a boundary"))?;
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
        return Err(wrong(&format!("a boundary has 1 to {BOUNDARY_BYTES_MAX} characters")));
    }
    let most = SizeLimit::new().whole_stream(FILE_BYTES_MAX + FORM_BYTES_MAX);
    let constraints = Constraints::new().size_limit(most);
    Ok(Multipart::with_constraints(pieces(request.into_body(), held), boundary, constraints))
}

/// What comes, piece by piece. Who reads parts takes whatever is there, however much; so that it deals with one piece before it
/// has the next, it is told after each that there is nothing for now.
fn pieces(body: Body, held: Arc<AtomicU64>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let mut pieces = body.into_data_stream();
    let mut has_given = false;
    stream::poll_fn(move |context| {
        if std::mem::take(&mut has_given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = pieces.poll_next_unpin(context).map_err(io::Error::other);
        has_given = piece.is_ready();
        if let Poll::Ready(Some(Ok(piece))) = &piece {
            let more = piece.len() as u64;
            if held.fetch_add(more, Ordering::Relaxed) + more > FORM_BYTES_MAX {
                return Poll::Ready(Some(Err(io::ErrorKind::InvalidData.into())));
            }
        }
        piece
    })
}

impl FileForm {
    async fn take(
        &mut self,
        mut part: Field<'_>,
        files: &GatewayFiles,
        owner: FileOwner,
    ) -> Result<(), HttpFailure> {
        let name = part.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "purpose" if self.purpose.is_none() => {
                self.purpose = Some(purpose(&text(part).await?)?);
                Ok(())
            }
            "file" if self.file.is_none() => {
                let filename = part.file_name().unwrap_or("upload");
                let filename = filename.chars().take(FILENAME_CHARS_MAX).collect();
                let mut file = files.receive(owner, self.head)?;
                while let Some(piece) = in_time(part.chunk()).await? {
                    file.write(&piece).await?;
                    self.held.fetch_sub(piece.len() as u64, Ordering::Relaxed);
                }
                self.file = Some((file, filename));
                Ok(())
            }
            ANCHOR if self.anchor.is_none() => {
                self.anchor = Some(text(part).await?);
                Ok(())
            }
            SECONDS if self.seconds.is_none() => {
                let seconds: Option<i64> = text(part).await?.trim().parse().ok();
                let no_number =
                    || HttpFailure::wrong("expires_after.seconds", "expires_after.seconds is a number");
                self.seconds = Some(seconds.ok_or_else(no_number)?);
                Ok(())
            }
            "purpose" | "file" | ANCHOR | SECONDS => {
                Err(HttpFailure::wrong(&name, format!("{name} is said once")))
            }
            _ => {
                let field: String = name.chars().take_while(|letter| *letter != '[').take(64).collect();
                let why = "of a file are said its purpose and when it expires, and nothing else";
                Err(HttpFailure::unsupported(&field, why))
            }
        }
    }

    async fn keep(self) -> Result<GatewayFile, HttpFailure> {
        let Some(purpose) = self.purpose else {
            return Err(HttpFailure::wrong("purpose", "say with purpose what the file is for"));
        };
        let lasts_s = match (self.anchor, self.seconds) {
            (None, None) => None,
            (Some(anchor), Some(seconds)) => Some(ExpiresAfter { anchor, seconds }.lasts_s("expires_after")?),
            (Some(_), None) | (None, Some(_)) => {
                return Err(HttpFailure::wrong("expires_after", "expires_after has an anchor and seconds"));
            }
        };
        let Some((file, filename)) = self.file else {
            return Err(HttpFailure::wrong("file", "there is no part called file"));
        };
        Ok(file.keep(purpose, filename, lasts_s).await?)
    }
}

fn purpose(said: &str) -> Result<FilePurpose, HttpFailure> {
    match said {
        "batch" => Ok(FilePurpose::Batch),
        _ => Err(HttpFailure::unsupported("purpose", "files are uploaded for a batch and for nothing else")),
    }
}

/// What a part that is no file says.
async fn text(mut part: Field<'_>) -> Result<String, HttpFailure> {
    let mut bytes = Vec::new();
    while let Some(piece) = in_time(part.chunk()).await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(wrong(&format!("a part that is no file has at most {TEXT_BYTES_MAX} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong("a part that is no file is UTF-8"))
}

/// What comes next, unless nothing does for too long.
async fn in_time<T>(next: impl Future<Output = multer::Result<T>>) -> Result<T, HttpFailure> {
    match timeout(PIECE_WAIT, next).await {
        Err(_) => Err(too_slow()),
        Ok(next) => next.map_err(|error| unread(&error)),
    }
}

fn too_slow() -> HttpFailure {
    HttpFailure::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the file did not come in time")
}

fn unread(error: &multer::Error) -> HttpFailure {
    if matches!(error, multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. }) {
        return FileRefused::TooLong.into();
    }
    if let multer::Error::StreamReadFailed(cause) = error {
        let is_much =
            cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData);
        let message =
            if is_much { "beside its file a form says little" } else { "the request did not come whole" };
        return HttpFailure::new(StatusCode::BAD_REQUEST, "unreadable", message);
    }
    wrong(&format!("the form cannot be read: {error}"))
}

fn wrong(message: &str) -> HttpFailure {
    HttpFailure::new(StatusCode::BAD_REQUEST, "invalid_request", message)
}

impl From<FileRefused> for HttpFailure {
    fn from(refused: FileRefused) -> Self {
        let code = match &refused {
            FileRefused::TooLong => "too_long",
            // A client that asks again by itself would upload it again.
            FileRefused::Full { .. } => "no_room",
            FileRefused::Key(taken) => return (*taken).into(),
            FileRefused::Short(short) => {
                tracing::warn!(%short, "nothing of a client is taken");
                return Self::new(StatusCode::INSUFFICIENT_STORAGE, "no_room", short.to_string());
            }
            FileRefused::Disk(error) => return Self::no_room(error, error.kind()),
        };
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, refused.to_string())
    }
}

#[cfg(test)]
mod tests;
