//! Asking a hub: one request, the addresses it is sent on to, and what comes of it.
//!
//! A token is shown only where the hub asks for one, so that nobody is told who fetches what is open to all.
//!
//! **Invariant:** no other file makes a request; a token leaves for the hub's own server and for no other; headers, answers,
//! the addresses that one request is sent on to, and how long next to nothing comes, are bounded.

use std::{
    cell::Cell,
    io::{self, Read},
    time::{Duration, Instant},
};

use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, header},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::{
    address::Address, name::is_commit, pace::LeastPace, sha256::Sha256Sum, surroundings::Surroundings,
    token::Token,
};

/// Servers that one request is sent on to.
const REDIRECTS_MAX: usize = 5;
/// Bytes of the headers of an answer.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// How long a server has to take a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(20);
/// How long it may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Bytes of a text that are read at a time.
const TEXT_READ_BYTES: usize = 64 * 1024;
/// The longest wait that a hub may ask for.
const RETRY_S_MAX: u64 = 24 * 3600;
/// What this program is called.
const USER_AGENT: &str = concat!("assay/", env!("CARGO_PKG_VERSION"));

/// What a hub has none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsentPart {
    /// The repository.
    Repository,
    /// The revision.
    Revision,
    /// The file, or what is no more particular.
    File,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// No connection.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// The connection ended in the middle.
    #[error("the connection to {host} broke off: {reason}")]
    Lost {
        /// Who was asked.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// It has no such thing.
    #[error("{host} has no such {}", match part { AbsentPart::Repository => "repository", AbsentPart::Revision => "revision", AbsentPart::File => "file" })]
    Absent {
        /// Who was asked.
        host: String,
        /// What is not there.
        part: AbsentPart,
    },
    /// Its owner wants to know who fetches it.
    #[error("{host} shows it only to those whom its owner let in{}", if *has_token { ", and the token is not of one of them" } else { "" })]
    Gated {
        /// Who was asked.
        host: String,
        /// Whether a token was shown.
        has_token: bool,
    },
    /// It is private, or is not there, or the token is none.
    #[error("{host} does not show it{}", if *has_token { " to whoever has this token" } else { " to everybody, or has none" })]
    Denied {
        /// Who was asked.
        host: String,
        /// Whether a token was shown.
        has_token: bool,
    },
    /// It has had enough for now.
    #[error("{host} was asked too often")]
    Busy {
        /// Who was asked.
        host: String,
        /// When to come back, in seconds, if it says so.
        retry_s: Option<u64>,
    },
    /// It does not work.
    #[error("{host} does not work now: it answers with status {status}")]
    Failing {
        /// Who was asked.
        host: String,
        /// What it says.
        status: u16,
    },
    /// It says what the protocol does not know.
    #[error("{host} does not speak as a hub does: {reason}")]
    Malformed {
        /// Who was asked.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// It sends on to where nobody should go.
    #[error("{host} sends on to an address that is not gone to: {reason}")]
    Unsafe {
        /// Who was asked.
        host: String,
        /// Why not.
        reason: &'static str,
    },
}

/// From where in a file its bytes are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RangeStart<'a> {
    pub(crate) at: u64,
    /// What the server called the bytes of which some are here.
    pub(crate) tag: Option<&'a str>,
}

/// What the hub itself says of a file before it sends on to where that lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkedFile {
    pub(crate) commit: Option<String>,
    pub(crate) bytes: Option<u64>,
    pub(crate) sha256: Option<Sha256Sum>,
}

/// What a request came to.
pub(crate) struct HubAnswer {
    pub(crate) linked: LinkedFile,
    /// Where the bytes begin, and how many the whole has; nothing, where the answer is the whole.
    pub(crate) range: Option<(u64, u64)>,
    /// True if the file ends before where its bytes were wanted from.
    pub(crate) is_beyond: bool,
    pub(crate) bytes: Option<u64>,
    pub(crate) tag: Option<String>,
    pub(crate) host: String,
    body: Body,
    pace: LeastPace,
}

/// The way to one hub.
pub(crate) struct HubClient {
    agent: Agent,
    endpoint: Address,
    token: Option<Token>,
    /// Whether the hub has asked for the token.
    is_asked: Cell<bool>,
}

impl HubClient {
    pub(crate) fn new(surroundings: &Surroundings) -> Self {
        let Surroundings { endpoint, token, certificates, .. } = surroundings;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .accept_encoding("identity")
            .max_response_header_size(HEADER_BYTES_MAX)
            .timeout_resolve(Some(CONNECT_WAIT))
            .timeout_connect(Some(CONNECT_WAIT))
            .timeout_per_read(Some(SILENCE_MAX))
            .timeout_per_write(Some(SILENCE_MAX))
            .timeout_recv_response(Some(SILENCE_MAX));
        let config = match certificates {
            Some(pem) => config.tls_config(TlsConfig::builder().root_certs(vouching(pem)).build()),
            None => config,
        };
        let config = if endpoint.is_here() { config.proxy(None) } else { config };
        Self {
            agent: config.build().new_agent(),
            endpoint: endpoint.clone(),
            token: token.clone(),
            is_asked: Cell::new(false),
        }
    }

    /// Whom it asks.
    pub(crate) fn host(&self) -> &str {
        self.endpoint.host()
    }

    /// Gets what lies at a path of the hub, wherever that sends on to.
    pub(crate) fn get(&self, path: &str, from: RangeStart<'_>) -> Result<HubAnswer, HubError> {
        let token = self.token.as_ref();
        let first = self.follow(path, from, token.filter(|_| self.is_asked.get()));
        match (first, token) {
            (Err(HubError::Gated { .. } | HubError::Denied { .. }), Some(token)) if !self.is_asked.get() => {
                let answer = self.follow(path, from, Some(token))?;
                self.is_asked.set(true);
                Ok(answer)
            }
            (first, _) => first,
        }
    }

    /// Gets a text of so many bytes at most.
    pub(crate) fn text(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, HubError> {
        let mut answer = self.get(path, RangeStart::default())?;
        let host = answer.host.clone();
        let too_long = || HubError::Malformed {
            host: host.clone(),
            reason: format!("an answer is longer than {bytes_max} bytes"),
        };
        if answer.bytes.is_some_and(|bytes| bytes > bytes_max) {
            return Err(too_long());
        }
        let (mut text, mut buffer) = (Vec::new(), vec![0; TEXT_READ_BYTES]);
        loop {
            match answer.read(&mut buffer)? {
                0 => return Ok(text),
                read => text.extend_from_slice(&buffer[..read]),
            }
            if text.len() as u64 > bytes_max {
                return Err(too_long());
            }
        }
    }

    fn follow(&self, path: &str, from: RangeStart<'_>, token: Option<&Token>) -> Result<HubAnswer, HubError> {
        let unsafe_from = |at: &Address| {
            let host = at.host().to_owned();
            move |reason| HubError::Unsafe { host, reason }
        };
        let mut at = self.endpoint.below(path).map_err(unsafe_from(&self.endpoint))?;
        let mut linked = LinkedFile::default();
        for _ in 0..=REDIRECTS_MAX {
            let is_own = at.shares_origin(&self.endpoint);
            let shown = token.filter(|_| is_own);
            let response = self.ask(&at, from, shown)?;
            if is_own {
                linked.note(response.headers());
            }
            match response.status().as_u16() {
                200 | 206 | 416 => return answer(response, linked, &at),
                301 | 302 | 303 | 307 | 308 => {
                    let location = text_of(response.headers(), "location").unwrap_or_default();
                    at = at.next(location).map_err(unsafe_from(&at))?;
                }
                status => return Err(refusal(status, response.headers(), &at, is_own, shown.is_some())),
            }
        }
        Err(unsafe_from(&at)("it sends on and on"))
    }

    fn ask(
        &self,
        at: &Address,
        from: RangeStart<'_>,
        token: Option<&Token>,
    ) -> Result<Response<Body>, HubError> {
        let mut request = self.agent.get(at.text());
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token.header());
        }
        if from.at > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", from.at));
            if let Some(tag) = from.tag {
                request = request.header(header::IF_RANGE, tag);
            }
        }
        request.call().map_err(|error| failure(at.host(), error))
    }
}

impl LinkedFile {
    fn note(&mut self, headers: &HeaderMap) {
        let commit = text_of(headers, "x-repo-commit").filter(|commit| is_commit(commit));
        self.commit = commit.map(str::to_owned).or(self.commit.take());
        self.bytes = text_of(headers, "x-linked-size").and_then(|bytes| bytes.parse().ok()).or(self.bytes);
        let sum = text_of(headers, "x-linked-etag").map(|tag| tag.trim_matches('"'));
        self.sha256 = sum.and_then(|sum| sum.parse().ok()).or(self.sha256);
    }
}

impl HubAnswer {
    /// What is read next of it.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HubError> {
        loop {
            let read = self.body.as_reader().read(buffer);
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(read) if read > 0 && !self.pace.keeps(Instant::now(), read) => {
                    let slow = io::Error::new(io::ErrorKind::TimedOut, "next to nothing comes");
                    return Err(self.lost(&slow));
                }
                read => return read.map_err(|error| self.lost(&error)),
            }
        }
    }

    pub(crate) fn lost(&self, error: &io::Error) -> HubError {
        HubError::Lost { host: self.host.clone(), reason: error.to_string() }
    }

    pub(crate) fn malformed(&self, reason: impl Into<String>) -> HubError {
        HubError::Malformed { host: self.host.clone(), reason: reason.into() }
    }
}

fn answer(response: Response<Body>, linked: LinkedFile, at: &Address) -> Result<HubAnswer, HubError> {
    let (head, body) = response.into_parts();
    let host = at.host().to_owned();
    let range = match (head.status.as_u16(), text_of(&head.headers, "content-range")) {
        (206, range) => {
            let reason = "it does not say which part of a file it gives".to_owned();
            let malformed = HubError::Malformed { host: host.clone(), reason };
            Some(range.and_then(range_of).ok_or(malformed)?)
        }
        _ => None,
    };
    Ok(HubAnswer {
        linked,
        range,
        is_beyond: head.status.as_u16() == 416,
        bytes: body.content_length(),
        tag: text_of(&head.headers, "etag").filter(|tag| is_strong(tag)).map(str::to_owned),
        host,
        body,
        pace: LeastPace::begin(Instant::now()),
    })
}

/// What `bytes 5-9/10` says: where the part begins, and how long the whole is.
fn range_of(text: &str) -> Option<(u64, u64)> {
    let (part, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = part.split_once('-')?;
    Some((first.parse().ok()?, whole.parse().ok()?))
}

/// Whether equal tags mean equal bytes.
fn is_strong(tag: &str) -> bool {
    tag.len() >= 2 && tag.len() <= 256 && tag.starts_with('"') && tag.ends_with('"')
}

fn refusal(status: u16, headers: &HeaderMap, at: &Address, is_own: bool, has_token: bool) -> HubError {
    let host = at.host().to_owned();
    let code = text_of(headers, "x-error-code").unwrap_or_default();
    match (status, code) {
        (401 | 403, "GatedRepo") if is_own => HubError::Gated { host, has_token },
        (401 | 403, _) if is_own => HubError::Denied { host, has_token },
        (404, "RepoNotFound") => HubError::Absent { host, part: AbsentPart::Repository },
        (404, "RevisionNotFound") => HubError::Absent { host, part: AbsentPart::Revision },
        (404, _) => HubError::Absent { host, part: AbsentPart::File },
        (429, _) => {
            let retry_s = text_of(headers, "retry-after").and_then(|wait| wait.parse().ok());
            HubError::Busy { host, retry_s: retry_s.map(|wait: u64| wait.min(RETRY_S_MAX)) }
        }
        (500.., _) => HubError::Failing { host, status },
        (status, _) => HubError::Malformed { host, reason: format!("it answers with status {status}") },
    }
}

fn failure(host: &str, error: ureq::Error) -> HubError {
    let host = host.to_owned();
    if let ureq::Error::Protocol(error) = &error {
        return HubError::Malformed { host, reason: error.to_string() };
    }
    if let ureq::Error::LargeResponseHeader(..) = &error {
        return HubError::Malformed { host, reason: "its headers are too long".to_owned() };
    }
    HubError::Unreachable { host, reason: error.to_string() }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Those who vouch for hubs, from a file of the user's.
fn vouching(pem: &[u8]) -> RootCerts {
    let certificates = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    });
    RootCerts::new_with_certs(&certificates.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_where_it_begins_and_of_how_much() {
        assert_eq!(range_of("bytes 5-9/10"), Some((5, 10)));
        for text in ["", "bytes */10", "bytes 5-9", "bytes 5-9/*", "items 5-9/10", "bytes -9/10"] {
            assert_eq!(range_of(text), None, "{text}");
        }
        assert!(is_strong("\"a\"") && !is_strong("W/\"a\"") && !is_strong("\""));
    }
}
