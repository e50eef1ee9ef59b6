//! Who is let in, asked before anything of a request is read but its head.
//!
//! **Invariant:** a page that somebody opens in a browser can do nothing here: a foreign origin, what a page of another site
//! loads, and a name of a host that is not this gateway's, are refused. Where there are keys, one is needed for everything but
//! `/healthz` and the files that the dashboard is made of, which say nothing of the peer.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{AUTHORIZATION, HOST, ORIGIN},
        uri::Authority,
    },
    middleware::Next,
    response::Response,
};

use crate::{
    Gateway, dashboard,
    failure::HttpFailure,
    gateway_files::FileOwner,
    keys::{AccessKey, AccessKeys},
    routes::said_as,
    server::UnknownClient,
};

/// What a caller without a key is called.
const NOBODY: &str = "";

/// Who asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The key that it showed; none where none is needed.
    pub(crate) key: Option<AccessKey>,
}

impl Caller {
    /// What it is called in figures.
    pub(crate) fn name(&self) -> &str {
        self.key.as_ref().map_or(NOBODY, |key| &key.name)
    }

    /// Whose what it asks and uploads is.
    pub(crate) fn owner(&self) -> FileOwner {
        self.key.as_ref().map(|key| key.digest)
    }

    /// Whether it is the owner of the home, or has a key for all that the owner may do.
    pub(crate) fn may_see_all(&self) -> bool {
        self.key.as_ref().is_none_or(|key| key.daily_max.is_none() && key.models.is_empty())
    }

    /// Whether it may ask this model.
    pub(crate) fn may_ask(&self, model: &str) -> Result<(), HttpFailure> {
        match &self.key {
            Some(key) if !key.may_ask(model) => {
                let message =
                    format!("the key {} may not ask {model}; it may ask {}", key.name, key.models.join(", "));
                Err(HttpFailure::new(StatusCode::FORBIDDEN, "model_not_allowed", message).about("model"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Lets a request in, with who asks, or refuses it.
pub(crate) async fn admit(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    match admitted(&gateway, request.headers(), request.uri()) {
        Ok(caller) => {
            // What everybody is told shows of nobody who it is.
            if !is_for_all(request.uri().path())
                && let Some(client) = request.extensions().get::<UnknownClient>()
            {
                client.is_let_in();
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => said_as(request.uri().path(), failure),
    }
}

fn admitted(gateway: &Gateway, headers: &HeaderMap, target: &Uri) -> Result<Caller, HttpFailure> {
    let path = target.path();
    known_host(&gateway.hosts, headers)?;
    own_target(&gateway.hosts, target)?;
    own_origin(&gateway.origins, headers)?;
    own_site(headers, path)?;
    if is_for_all(path) {
        return Ok(Caller::default());
    }
    let keys = AccessKeys::read(&gateway.keys_file).map_err(|error| HttpFailure::no_keys(&error))?;
    if !keys.keys.is_empty() {
        gateway.needs_key.store(true, Ordering::Relaxed);
    } else if !gateway.needs_key.load(Ordering::Relaxed) {
        return Ok(Caller::default());
    }
    let shown = shown_key(headers).and_then(|secret| keys.shown(secret));
    let message =
        "a key of this gateway is needed, as `Authorization: Bearer …`; `assay serve key new NAME` makes one";
    let unknown = || HttpFailure::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message);
    Ok(Caller { key: Some(shown.ok_or_else(unknown)?.clone()) })
}

/// The key that a head shows. The word before it is written in whatever case its client likes.
fn shown_key(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim_start_matches(' '))
}

/// Whether anybody may ask it, with a key or without.
fn is_for_all(path: &str) -> bool {
    path == "/healthz" || dashboard::is_public(path)
}

/// Whether somebody that was let in would be now, to the same: what is told for long ends with the key that opened it.
pub(crate) fn is_let_in_still(gateway: &Gateway, caller: &Caller) -> bool {
    AccessKeys::read(&gateway.keys_file).is_ok_and(|known| match &caller.key {
        Some(key) => known.keys.contains(key),
        None => known.keys.is_empty() && !gateway.needs_key.load(Ordering::Relaxed),
    })
}

/// A page of somebody's, whose name suddenly leads to this machine, still says its own name.
fn known_host(hosts: &[String], headers: &HeaderMap) -> Result<(), HttpFailure> {
    let mut said = headers.get_all(HOST).iter();
    let host = match (said.next(), said.next()) {
        (Some(host), None) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
        _ => None,
    };
    if host.as_ref().is_some_and(|host| is_known(hosts, host)) {
        return Ok(());
    }
    Err(unknown_host(&host.map_or_else(|| "none".to_owned(), |host| host.to_string())))
}

/// What a request is for may say a host too, which goes before the one in its head for others that read it on its way.
fn own_target(hosts: &[String], target: &Uri) -> Result<(), HttpFailure> {
    match target.authority() {
        Some(host) if !is_known(hosts, host) => Err(unknown_host(host.as_str())),
        Some(_) | None => Ok(()),
    }
}

fn is_known(hosts: &[String], host: &Authority) -> bool {
    hosts.iter().any(|known| known.eq_ignore_ascii_case(host.host()))
}

fn unknown_host(named: &str) -> HttpFailure {
    let message =
        format!("this gateway is not called {named:?}; `assay serve --host NAME` gives it another name");
    HttpFailure::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", message)
}

/// A browser says where a page comes from.
fn own_origin(origins: &[String], headers: &HeaderMap) -> Result<(), HttpFailure> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("?");
    let is_own = origin.split_once("://").map(|(_, authority)| authority.as_bytes())
        == headers.get(HOST).map(|host| host.as_bytes());
    if is_own || origins.iter().any(|known| known == origin) {
        return Ok(());
    }
    let message =
        format!("pages of {origin:?} may not use this gateway; `assay serve --allow-origin` lets them");
    Err(HttpFailure::new(StatusCode::FORBIDDEN, "foreign_origin", message))
}

/// A browser asks for a picture, a script or a link's page without an origin, and says whose page wants it. A link to the
/// dashboard leads there.
fn own_site(headers: &HeaderMap, path: &str) -> Result<(), HttpFailure> {
    let says =
        |name: &str, word: &str| headers.get(name).is_some_and(|said| said.as_bytes() == word.as_bytes());
    let is_foreign = says("sec-fetch-site", "cross-site") || says("sec-fetch-site", "same-site");
    let is_link = path == "/" && says("sec-fetch-mode", "navigate");
    // One that says its origin was judged by that.
    if !is_foreign || is_link || headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let message = "pages of another site may load nothing from this gateway";
    Err(HttpFailure::new(StatusCode::FORBIDDEN, "foreign_origin", message))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;
    use crate::{routes, tests::bound};

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            let name: axum::http::HeaderName = name;
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn only_names_of_this_gateway_lead_to_it() {
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:11435", "[::1]:11435"] {
            assert_eq!(known_host(&hosts, &headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:11435",
            "localhost@evil.example",
            "",
        ] {
            assert!(known_host(&hosts, &headers(&[("host", host)])).is_err(), "{host}");
        }
        assert!(known_host(&hosts, &headers(&[])).is_err());
        assert!(known_host(&hosts, &headers(&[("host", "localhost"), ("host", "evil.example")])).is_err());
        let target = |target: &str| own_target(&hosts, &target.parse().unwrap()).is_ok();
        assert!(target("/v1/models") && target("http://localhost:11435/v1/models") && target("*"));
        assert!(!target("http://evil.example/v1/models") && !target("evil.example:443"));
    }

    #[test]
    fn a_key_is_shown_behind_its_word_in_whatever_case_that_is_written() {
        for said in ["Bearer assay-1", "bearer assay-1", "BEARER  assay-1"] {
            assert_eq!(shown_key(&headers(&[("authorization", said)])), Some("assay-1"), "{said}");
        }
        for said in ["assay-1", "Bearer", "Bearerassay-1", "Basic assay-1", "Bearer\tassay-1"] {
            assert_eq!(shown_key(&headers(&[("authorization", said)])), None, "{said}");
        }
        assert_eq!(shown_key(&headers(&[])), None);
    }

    #[tokio::test]
    async fn nothing_is_done_without_a_key_whatever_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = AccessKeys::default();
        keys.add("laptop", None, Vec::new()).unwrap();
        keys.write(&folder.path().join("keys.toml")).unwrap();
        let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
        let declared = [include_str!("routes.rs"), include_str!("dashboard.rs")];
        let declared = declared.iter().flat_map(|text| text.split(".route(\"").skip(1));
        let paths = declared.filter_map(|rest| rest.split('"').next());
        let paths = paths.filter(|path| *path != "/healthz" && !dashboard::is_public(path));
        let paths: Vec<String> = paths.map(|path| path.replace(['{', '}', '*'], "")).collect();
        assert!(paths.len() > 25, "only {} routes were found", paths.len());
        for path in paths.iter().map(String::as_str).chain(["/", "/v1/nothing"]) {
            for method in ["GET", "POST", "DELETE", "PUT", "OPTIONS"] {
                let request = Request::builder().method(method).uri(path).header("host", "localhost");
                let request = request.body(Body::from("{}")).unwrap();
                let status = routes::of(&gateway).oneshot(request).await.unwrap().status();
                // The pages say nothing, and can be read alone.
                let refused = if path != "/" {
                    401
                } else if method == "GET" {
                    200
                } else {
                    405
                };
                assert_eq!(status.as_u16(), refused, "{method} {path}");
            }
        }
    }

    #[test]
    fn only_pages_of_its_own_and_those_that_were_let_in_use_it() {
        let origins = ["https://notes.example".to_owned()];
        let asked =
            |origin: &str| own_origin(&origins, &headers(&[("host", "localhost:11435"), ("origin", origin)]));
        assert_eq!(asked("http://localhost:11435"), Ok(()));
        assert_eq!(asked("https://notes.example"), Ok(()));
        for origin in ["https://evil.example", "http://localhost:8080", "null", "https://notes.example.evil"]
        {
            assert!(asked(origin).is_err(), "{origin}");
        }
        assert_eq!(own_origin(&origins, &headers(&[("host", "localhost")])), Ok(()));
    }

    #[test]
    fn a_page_of_another_site_loads_nothing_and_may_link_to_the_dashboard() {
        let asked = |path: &str, site: &str, mode: &str| {
            own_site(&headers(&[("sec-fetch-site", site), ("sec-fetch-mode", mode)]), path)
        };
        for path in ["/", "/dashboard/main.mjs", "/assay/v1/why", "/v1/models"] {
            assert_eq!(own_site(&headers(&[]), path), Ok(()), "{path} for a program");
            for site in ["same-origin", "none"] {
                assert_eq!(asked(path, site, "cors"), Ok(()), "{path}, {site}");
            }
            for site in ["cross-site", "same-site"] {
                assert!(asked(path, site, "no-cors").is_err(), "{path}, {site}");
                assert_eq!(asked(path, site, "navigate").is_ok(), path == "/", "{path}, {site}");
            }
        }
        let allowed = [("sec-fetch-site", "cross-site"), ("origin", "https://notes.example")];
        assert_eq!(own_site(&headers(&allowed), "/v1/models"), Ok(()), "its origin says whether it may");
    }
}
