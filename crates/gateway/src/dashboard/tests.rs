//! The pages as browsers and strangers meet them.

use std::path::Path;

use assay_protocol::units::Amount;
use axum::{
    body::{Body, to_bytes},
    http::{Request, header::HeaderMap},
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{watcher::PageWatcher, *};
use crate::{AccessKey, AccessKeys, WATCHERS_MAX, guard::Caller, routes, tests::bound};

/// What was answered.
struct Told {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn document(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Asks a gateway of this folder, in which no daemon runs.
async fn ask(folder: &Path, path: &str, headers: &[(&str, &str)]) -> Told {
    let gateway = bound(folder, "127.0.0.1:0", None).await.unwrap();
    let mut request = Request::get(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = routes::of(&gateway.gateway).oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
    Told { status, headers, body }
}

/// A file that a receipt may name.
const BLOB: &str = "/assay/v1/blobs/e2cd9fdf8dc6e0d6ef5b0e1ca2d4a2d4e2cd9fdf8dc6e0d6ef5b0e1ca2d4a2d4";
/// What every page and every file that it loads is answered with.
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

#[tokio::test]
async fn a_browser_is_shown_the_page_and_a_program_the_line_that_it_expects() {
    let folder = tempfile::tempdir().unwrap();
    let page = ask(folder.path(), "/", &[BROWSER]).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header("vary"), "accept");
    let line = ask(folder.path(), "/", &[("accept", "*/*")]).await;
    assert_eq!((line.status, line.body.as_slice()), (200, RUNNING.as_bytes()));
}

#[tokio::test]
async fn a_page_loads_nothing_from_elsewhere_and_nothing_that_is_written_into_it() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["/", "/dashboard/main.mjs", "/dashboard/none", "/assay/v1/status", "/assay/v1/none"] {
        let told = ask(folder.path(), path, &[BROWSER]).await;
        let policy = told.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'self';") && !policy.contains("unsafe-inline"),
            "{path}: {policy}"
        );
        for part in ["object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        let said = [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        for (name, value) in said {
            assert_eq!(told.header(name), value, "{path}: {name}");
        }
    }
    let page = String::from_utf8(ask(folder.path(), "/", &[BROWSER]).await.body).unwrap();
    for word in ["http://", "https://", "style=", "onclick", "<script>", "javascript:"] {
        assert!(!page.contains(word), "the page says {word}");
    }
}

#[tokio::test]
async fn everything_that_the_page_names_is_there_and_is_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let page = String::from_utf8(ask(folder.path(), "/", &[BROWSER]).await.body).unwrap();
    let named = page.split(['"', ' ']).filter(|word| word.starts_with(FOLDER));
    assert!(named.clone().count() > 2, "{page}");
    let all = assets::FILES.iter().map(|file| format!("{FOLDER}{}", file.name));
    for path in named.map(str::to_owned).chain(all) {
        let told = ask(folder.path(), &path, &[]).await;
        assert_eq!((told.status, told.header("cache-control")), (200, "no-cache"), "{path}");
        assert!(!told.body.is_empty() && !told.header("content-type").is_empty(), "{path}");
        let tag = told.header("etag").to_owned();
        let again = ask(folder.path(), &path, &[("if-none-match", &format!("\"other\", W/{tag}"))]).await;
        assert_eq!((again.status, again.header("etag"), again.body.len()), (304, tag.as_str(), 0), "{path}");
    }
    assert_eq!(ask(folder.path(), "/dashboard/passwd", &[]).await.status, 404);
    assert_eq!(ask(folder.path(), "/dashboard/..%2f..%2fkeys.toml", &[]).await.status, 404);
}

#[tokio::test]
async fn each_question_is_passed_on_and_no_answer_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    for (path, asked) in [
        ("status", "Status"),
        ("jobs", "Jobs(None)"),
        ("jobs?behind=3fa2", "Jobs(Some(\"3fa2\"))"),
        ("jobs/3fa2", "Job(\"3fa2\")"),
        ("jobs/3fa2/explanation", "Explanation(\"3fa2\")"),
        ("offers", "Offers"),
        ("account", "Account"),
        ("earnings", "Earnings"),
        ("receipts", "Receipts(None)"),
        ("receipts?behind=17-3fa2", "Receipts(Some(\"17-3fa2\"))"),
        ("devices", "Devices"),
        ("rules", "Rules"),
        ("prices", "Prices"),
        ("price-history", "PriceHistory"),
        ("why", "Why"),
    ] {
        let told = ask(folder.path(), &format!("/assay/v1/{path}"), &[]).await;
        assert_eq!((told.status, told.document()), (200, json!({ "asked": asked })), "{path}");
        assert_eq!(told.header("cache-control"), "no-store", "{path}");
    }
    let unknown = ask(folder.path(), "/assay/v1/jobs/none", &[]).await;
    assert_eq!((unknown.status, &unknown.document()["error"]["code"]), (404, &json!("UNKNOWN_JOB")));
    for (path, status) in
        [("secrets", 404), ("offers?behind=3fa2", 404), ("jobs?before=3fa2", 400), ("blobs/3fa2", 404)]
    {
        assert_eq!(ask(folder.path(), &format!("/assay/v1/{path}"), &[]).await.status, status, "{path}");
    }
    for path in ["/assay/v1/updates", "/assay/v1/jobs/3fa2/words", BLOB] {
        let alone = ask(folder.path(), path, &[]).await;
        assert_eq!((alone.status, &alone.document()["error"]["code"]), (503, &json!("no_daemon")), "{path}");
    }
}

#[tokio::test]
async fn there_are_so_many_watchers_and_none_hears_anything_once_its_key_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    let admit = |key: Option<AccessKey>| PageWatcher::admit(Arc::clone(&gateway), Caller { key });
    let mut all: Vec<PageWatcher> = (0..WATCHERS_MAX).map(|_| admit(None).unwrap()).collect();
    assert_eq!(admit(None).unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
    all.truncate(1);
    assert!(all[0].may_hear());
    key(folder.path(), "laptop", &[]);
    assert!(!all[0].may_hear(), "a key is needed by now");

    let file = folder.path().join("keys.toml");
    let mut keys = AccessKeys::read(&file).unwrap();
    let keyed = admit(Some(keys.keys[0].clone())).unwrap();
    assert!(keyed.may_hear());
    keys.keys[0].daily_max = Some(Amount::credits(1));
    keys.write(&file).unwrap();
    assert!(!keyed.may_hear(), "it opens less by now");
    assert_eq!(admit(Some(keys.keys[0].clone())).unwrap_err().status(), StatusCode::FORBIDDEN);
    keys.remove("laptop").unwrap();
    keys.write(&file).unwrap();
    assert!(!keyed.may_hear());
}

/// A key of a folder.
fn key(folder: &Path, name: &str, models: &[&str]) -> String {
    let file = folder.join("keys.toml");
    let mut keys = AccessKeys::read(&file).unwrap();
    let models = models.iter().map(|model| (*model).to_owned()).collect();
    let secret = keys.add(name, None, models).unwrap();
    keys.write(&file).unwrap();
    format!("Bearer {secret}")
}

#[tokio::test]
async fn without_a_key_the_pages_are_shown_and_nothing_of_the_peer() {
    let folder = tempfile::tempdir().unwrap();
    let owner = key(folder.path(), "laptop", &[]);
    let limited = key(folder.path(), "phone", &["sums"]);
    for path in ["/", "/dashboard/main.mjs", "/dashboard/judge.wasm", "/dashboard/recompute.wasm"] {
        assert_eq!(ask(folder.path(), path, &[BROWSER]).await.status, 200, "{path}");
    }
    let told = ["/assay/v1/status", "/assay/v1/jobs", "/assay/v1/jobs/3fa2/words", "/assay/v1/updates", BLOB];
    for path in told {
        let status = async |headers: &[(&str, &str)]| ask(folder.path(), path, headers).await.status;
        assert_eq!(status(&[]).await, 401, "{path}");
        assert_eq!(status(&[("authorization", "Bearer none")]).await, 401, "{path}");
        assert_eq!(status(&[("authorization", &limited)]).await, 403, "{path}");
        // Without a daemon nothing is told as it happens, and no file is here.
        let let_in = if path.ends_with("status") || path.ends_with("jobs") { 200 } else { 503 };
        assert_eq!(status(&[("authorization", &owner)]).await, let_in, "{path}");
    }
    let in_path = format!("/assay/v1/status?key={}", owner.trim_start_matches("Bearer "));
    assert_eq!(ask(folder.path(), &in_path, &[]).await.status, 401, "an address is no place for a key");
}

#[tokio::test]
async fn another_name_and_another_origin_are_refused_whatever_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["/", "/dashboard/main.mjs", "/assay/v1/status"] {
        let status = async |headers: &[(&str, &str)]| ask(folder.path(), path, headers).await.status;
        assert_eq!(status(&[("host", "evil.example")]).await, 421, "{path}");
        assert_eq!(status(&[("host", "localhost"), ("origin", "https://evil.example")]).await, 403, "{path}");
        assert_eq!(status(&[("sec-fetch-site", "cross-site")]).await, 403, "{path}");
    }
}
