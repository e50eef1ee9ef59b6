//! What browsers are told with every answer: what they may load and do with it, and that it is what it says it is.
//!
//! **Invariant:** nothing leaves without it, whoever answers: routes, or who refuses before any is reached.

use axum::{
    http::{
        HeaderName, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    response::Response,
};

/// What a page may load and do: what is here, and nothing that is written into it. Modules of WebAssembly are compiled.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; object-src 'none'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Tells browsers what they may do with an answer; what is told of the peer is not kept.
pub(crate) async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in said() {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What is said with every answer.
fn said() -> [(HeaderName, &'static str); 6] {
    [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ]
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;
    use crate::{AccessKeys, routes, tests::bound};

    type SaidHeaders<'a> = &'a [(&'a str, &'a str)];

    #[tokio::test]
    async fn every_answer_says_what_browsers_may_do_with_it_whoever_gives_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.toml");
        let mut keys = AccessKeys::default();
        let owner = format!("Bearer {}", keys.add("laptop", None, Vec::new()).unwrap());
        let narrow = format!("Bearer {}", keys.add("phone", None, vec!["sums".to_owned()]).unwrap());
        keys.write(&file).unwrap();
        let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
        let long = "x".repeat(5 << 20);
        let cases: [(u16, &str, SaidHeaders<'_>, &str); 14] = [
            (200, "GET /healthz", &[], ""),
            (200, "GET /", &[], ""),
            (200, "GET /v1/files", &[("authorization", &owner)], ""),
            (200, "GET /assay/v1/status", &[("authorization", &owner)], ""),
            (400, "GET /v1/files?magic=1", &[("authorization", &owner)], ""),
            (401, "GET /v1/files", &[], ""),
            (401, "GET /assay/v1/status", &[("authorization", "Bearer none")], ""),
            (401, "POST /api/chat", &[], "{}"),
            (403, "GET /metrics", &[("authorization", &narrow)], ""),
            (403, "GET /dashboard/main.mjs", &[("origin", "https://evil.example")], ""),
            (404, "GET /v1/nothing", &[("authorization", &owner)], ""),
            (405, "GET /v1/chat/completions", &[("authorization", &owner)], ""),
            (413, "POST /v1/chat/completions", &[("authorization", &owner)], &long),
            (503, "GET /v1/models", &[("authorization", &owner)], ""),
        ];
        for (status, head, headers, body) in cases {
            let (method, path) = head.split_once(' ').unwrap();
            let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(Body::from(body.to_owned())).unwrap();
            let response = routes::of(&gateway).oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{head}");
            for (name, value) in said() {
                assert_eq!(response.headers().get(&name).unwrap(), value, "{head}: {name}");
            }
            assert!(response.headers().contains_key(CACHE_CONTROL), "{head}");
            assert_eq!(response.headers().contains_key("www-authenticate"), status == 401, "{head}");
        }
        let request = Request::get("/v1/files").header("host", "evil.example").body(Body::empty()).unwrap();
        let response = routes::of(&gateway).oneshot(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[X_CONTENT_TYPE_OPTIONS]),
            (421, &HeaderValue::from_static("nosniff"))
        );
    }
}
