//! The files that the pages are made of.
//!
//! **Invariant:** a file has the name under which pages load it, and a tag that follows from its bytes: whoever has it is not
//! sent it again.

use std::sync::OnceLock;

use assay_protocol::id::Digest;
use axum::{
    body::Bytes,
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the pages.
#[derive(Debug)]
pub(super) struct PageFile {
    pub(super) name: &'static str,
    /// Its media type.
    kind: &'static str,
    bytes: &'static [u8],
    tag: OnceLock<String>,
}

impl PageFile {
    const fn new(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, kind, bytes, tag: OnceLock::new() }
    }

    fn tag(&self) -> &str {
        self.tag.get_or_init(|| format!("\"{}\"", Digest::of(self.bytes)))
    }
}

/// The one page, which loads all others.
pub(super) static PAGE: PageFile =
    PageFile::new("index.html", "text/html; charset=utf-8", include_bytes!("index.html"));

/// What it loads.
pub(super) static FILES: [PageFile; 16] = [
    PageFile::new("style.css", "text/css; charset=utf-8", include_bytes!("style.css")),
    PageFile::new("icon.svg", "image/svg+xml", include_bytes!("icon.svg")),
    PageFile::new("main.mjs", SCRIPT, include_bytes!("main.mjs")),
    PageFile::new("daemon.mjs", SCRIPT, include_bytes!("daemon.mjs")),
    PageFile::new("build.mjs", SCRIPT, include_bytes!("build.mjs")),
    PageFile::new("client.mjs", SCRIPT, include_bytes!("client.mjs")),
    PageFile::new("provider.mjs", SCRIPT, include_bytes!("provider.mjs")),
    PageFile::new("network.mjs", SCRIPT, include_bytes!("network.mjs")),
    PageFile::new("prices.mjs", SCRIPT, include_bytes!("prices.mjs")),
    PageFile::new("receipt.mjs", SCRIPT, include_bytes!("receipt.mjs")),
    PageFile::new("recompute.mjs", SCRIPT, include_bytes!("recompute.mjs")),
    PageFile::new("rerun.mjs", SCRIPT, include_bytes!("rerun.mjs")),
    PageFile::new("rerun-worker.mjs", SCRIPT, include_bytes!("rerun-worker.mjs")),
    PageFile::new("runner.mjs", SCRIPT, include_bytes!("runner.mjs")),
    PageFile::new("judge.wasm", "application/wasm", include_bytes!("../../../judge/judge.wasm")),
    PageFile::new("recompute.wasm", "application/wasm", include_bytes!("../../../recompute/recompute.wasm")),
];

/// The file, or that whoever asks has it.
pub(super) fn answer(file: &'static PageFile, headers: &HeaderMap) -> Response {
    let tag = file.tag();
    let kept = headers.get(IF_NONE_MATCH).and_then(|kept| kept.to_str().ok()).unwrap_or_default();
    let told = [(ETAG, tag), (CACHE_CONTROL, "no-cache")];
    if kept.split(',').any(|kept| kept.trim().trim_start_matches("W/") == tag) {
        return (StatusCode::NOT_MODIFIED, told).into_response();
    }
    (told, [(CONTENT_TYPE, file.kind)], Bytes::from_static(file.bytes)).into_response()
}
