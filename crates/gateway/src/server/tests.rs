//! Connections of clients that say or read next to nothing, say two things at once, or go on where they were not asked to; and
//! of more of them than there may be.

use std::{
    convert::Infallible,
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use axum::{
    body::{Body, Bytes},
    routing::get,
};
use futures::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    net::TcpStream,
    sync::oneshot,
    time::{Instant, timeout},
};

use super::*;
use crate::{AccessKeys, BoundGateway, routes, tests::bound};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two bytes of a client that has hardly anything to say, or hardly reads.
const DRIP: Duration = Duration::from_secs(1);
/// What a whole request asks that stands where none should.
const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
/// A request for what has no end.
const ENDLESS: &[u8] = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n";

/// Who waits as long as a test does.
const PATIENT: ClientWaits =
    ClientWaits { head: PATIENCE, unread: ReadingPace { wait: PATIENCE, bytes: 1_024 } };

/// Both ends of a connection.
async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// A client among few.
fn client() -> UnknownClient {
    UnknownClients::new((1, 1)).come(Ipv4Addr::LOCALHOST.into()).0
}

/// What answers without an end, and what ends once nobody waits for the rest.
fn endless() -> (Router, oneshot::Receiver<()>) {
    let (held, let_go) = oneshot::channel::<()>();
    let held = Arc::new(Mutex::new(Some(held)));
    let answer = move || {
        let held = held.lock().unwrap_or_else(PoisonError::into_inner).take();
        let piece = |held| async move { Some((Ok::<_, Infallible>(Bytes::from(vec![0; 65_536])), held)) };
        let endless = Body::from_stream(stream::unfold(held, piece));
        async move { endless }
    };
    (Router::new().route("/", get(answer)), let_go)
}

#[tokio::test]
async fn who_reads_nothing_of_an_answer_is_hung_up_on_and_the_answer_is_let_go() {
    let ((mut reader, server), (routes, let_go)) = (connected().await, endless());
    let unread = ReadingPace { wait: Duration::from_millis(20), ..PATIENT.unread };
    let attending = tokio::spawn(attend(server, routes, client(), ClientWaits { unread, ..PATIENT }));
    reader.write_all(ENDLESS).await.unwrap();
    timeout(PATIENCE, let_go).await.unwrap().unwrap_err();
    timeout(PATIENCE, attending).await.unwrap().unwrap();
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn who_reads_a_byte_a_second_is_hung_up_on_and_the_answer_is_let_go() {
    let ((mut reader, server), (routes, let_go)) = (duplex(64), endless());
    let unread = ReadingPace { wait: 20 * DRIP, bytes: 8 };
    let began = Instant::now();
    let attending = tokio::spawn(attend(server, routes, client(), ClientWaits { unread, ..PATIENT }));
    reader.write_all(ENDLESS).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut byte = [0];
        while reader.read(&mut byte).await.is_ok_and(|read| read > 0) {
            sleep(DRIP).await;
        }
    });
    let_go.await.unwrap_err();
    // Each second it falls behind by seven eighths of one.
    let took = began.elapsed();
    assert!((20 * DRIP..30 * DRIP).contains(&took), "it is hung up on after {took:?}");
    attending.await.unwrap();
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_and_as_fast_as_is_asked_is_read_to() {
    let ((mut reader, server), (routes, _let_go)) = (duplex(64), endless());
    let unread = ReadingPace { wait: 20 * DRIP, bytes: 8 };
    let attending = tokio::spawn(attend(server, routes, client(), ClientWaits { unread, ..PATIENT }));
    reader.write_all(ENDLESS).await.unwrap();
    for _ in 0..200 {
        reader.read_exact(&mut [0; 16]).await.expect("it goes on");
        sleep(DRIP).await;
    }
    assert!(!attending.is_finished());
    drop(reader);
    attending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_says_what_it_wants_byte_by_byte_is_hung_up_on() {
    let (mut speaker, server) = duplex(64);
    let waits = ClientWaits { head: 10 * DRIP, ..PATIENT };
    let began = Instant::now();
    let attending = tokio::spawn(attend(server, Router::new(), client(), waits));
    let speaking = tokio::spawn(async move {
        while speaker.write_all(b"a").await.is_ok() {
            sleep(DRIP).await;
        }
    });
    attending.await.unwrap();
    let took = began.elapsed();
    assert!((10 * DRIP..12 * DRIP).contains(&took), "it is hung up on after {took:?}");
    speaking.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_body_byte_by_byte_is_refused_and_hung_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let BoundGateway { gateway, .. } = bound(folder.path(), "127.0.0.1:0", None).await.unwrap();
    let (speaker, server) = duplex(1_024);
    let began = Instant::now();
    let attending = tokio::spawn(attend(server, routes::of(&gateway), client(), PATIENT));
    let (mut hears, mut says) = split(speaker);
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 9999\r\n\r\n";
    says.write_all(head.as_bytes()).await.unwrap();
    let speaking = tokio::spawn(async move {
        while says.write_all(b" ").await.is_ok() {
            sleep(DRIP).await;
        }
    });
    let mut said = Vec::new();
    // Who is hung up on with something unread may be told so.
    let _ = hears.read_to_end(&mut said).await;
    let (took, said) = (began.elapsed(), String::from_utf8(said).unwrap());
    assert!(statuses(&said) == ["408"] && said.contains("too_slow"), "{said}");
    assert!((30 * DRIP..35 * DRIP).contains(&took), "it is hung up on after {took:?}");
    attending.await.unwrap();
    drop(hears);
    speaking.await.unwrap();
}

#[tokio::test]
async fn who_reads_late_reads_all_of_it() {
    const BYTES: usize = 32 << 20;
    let routes = Router::new().route("/", get(|| async { Bytes::from(vec![7; BYTES]) }));
    let (mut reader, server) = connected().await;
    let attending = tokio::spawn(attend(server, routes, client(), PATIENT));
    reader.write_all(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await.unwrap();
    reader.readable().await.unwrap();
    let mut whole = Vec::new();
    timeout(PATIENCE, reader.read_to_end(&mut whole)).await.unwrap().unwrap();
    assert!(whole.ends_with(&vec![7; BYTES]));
    timeout(PATIENCE, attending).await.unwrap().unwrap();
}

/// What comes back of these bytes, until the other end hangs up.
async fn answered(address: SocketAddr, bytes: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(bytes.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    // Who is hung up on with something unread may be told so.
    let _ = timeout(PATIENCE, connection.read_to_end(&mut said)).await.expect("it is hung up on");
    String::from_utf8_lossy(&said).into_owned()
}

/// The status of each answer in what came back.
fn statuses(said: &str) -> Vec<&str> {
    said.split("HTTP/1.").skip(1).filter_map(|answer| answer.split(' ').nth(1)).collect()
}

/// A request whose head says this beside where it goes, with what comes behind it.
fn post(version: &str, head: &str, body: &str) -> String {
    format!("POST /v1/chat/completions {version}\r\nhost: localhost\r\n{head}\r\n\r\n{body}{SMUGGLED}")
}

#[tokio::test]
async fn a_request_whose_length_others_may_read_otherwise_is_the_last_of_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap();
    let address = gateway.address();
    let heads = [
        "content-length: 4\r\ncontent-length: 2",
        "content-length: +4",
        "content-length: -4",
        "content-length: 0x4",
        "content-length: 4, 4",
        "content-length: 18446744073709551616",
        "content-length : 4",
        "content\u{0}length: 4",
        "transfer-encoding: xchunked",
        "transfer-encoding: identity",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding : chunked",
        "x: a\r\n transfer-encoding: chunked",
        "x: a\rtransfer-encoding: chunked",
    ];
    let chunks =
        ["fffffffffffffffff\r\n", "0x4\r\n{}{}\r\n0\r\n\r\n", "4\r\n{}{}XX0\r\n\r\n", "-4\r\n{}{}\r\n"];
    let asks = async {
        for head in heads {
            let said = answered(address, &post("HTTP/1.1", head, "{}{}")).await;
            assert_eq!(statuses(&said), ["400"], "{head:?}: {said}");
        }
        let old = answered(address, &post("HTTP/1.0", "transfer-encoding: chunked", "0\r\n\r\n")).await;
        assert_eq!(statuses(&old), ["400"], "{old}");
        for chunk in chunks {
            let said = answered(address, &post("HTTP/1.1", "transfer-encoding: chunked", chunk)).await;
            assert_eq!(statuses(&said), ["400"], "{chunk:?}: {said}");
            assert!(said.contains("unreadable"), "{chunk:?}: {said}");
        }
        // Of both lengths the chunks are read, as the law has it, and nothing behind them.
        let both = [
            "content-length: 5\r\ntransfer-encoding: chunked",
            "transfer-encoding: chunked\r\ncontent-length: 5",
        ];
        for head in both {
            let said = answered(address, &post("HTTP/1.1", head, "0\r\n\r\n")).await;
            assert_eq!(statuses(&said), ["400"], "{head:?}: {said}");
            assert!(said.contains("the body is empty"), "{head:?}: {said}");
        }
        let many: String = (0..200).map(|number| format!("x-{number}: a\r\n")).collect();
        let long = format!("x: {}", "a".repeat(2 * HEAD_BYTES_MAX));
        for head in [many.trim_end(), long.as_str()] {
            assert_eq!(statuses(&answered(address, &post("HTTP/1.1", head, "")).await), ["431"]);
        }
    };
    tokio::select! {
        () = asks => {}
        ended = gateway.serve(pending()) => unreachable!("nobody ends it: {ended:?}"),
    }
}

#[tokio::test]
async fn each_request_of_a_connection_shows_a_key_and_names_this_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = AccessKeys::default();
    let secret = keys.add("laptop", None, Vec::new()).unwrap();
    keys.write(&folder.path().join("keys.toml")).unwrap();
    let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap();
    let address = gateway.address();
    let ask = |target: &str, host: &str, more: &str| {
        format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{more}content-length: 0\r\n\r\n")
    };
    let key = format!("authorization: Bearer {secret}\r\n");
    let last = format!("{key}connection: close\r\n");
    let asked = [
        ask("/v1/files", "localhost", &key),
        ask("/v1/files", "localhost", ""),
        ask("/v1/files", "evil.example", &key),
        ask("http://evil.example/v1/files", "localhost", &key),
        ask(&format!("http://{address}/v1/files"), "localhost", &last),
    ];
    let asks = async {
        let said = answered(address, &asked.concat()).await;
        assert_eq!(statuses(&said), ["200", "401", "421", "421", "200"], "{said}");
    };
    tokio::select! {
        () = asks => {}
        ended = gateway.serve(pending()) => unreachable!("nobody ends it: {ended:?}"),
    }
}

/// A client with a key of a gateway, over one connection.
struct KeyedClient {
    connection: TcpStream,
    asks: String,
}

impl KeyedClient {
    async fn connect(address: SocketAddr, secret: &str) -> Self {
        let connection = TcpStream::connect(address).await.unwrap();
        let asks =
            format!("GET /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {secret}\r\n\r\n");
        Self { connection, asks }
    }

    /// Asks something; whether it is answered.
    async fn is_answered(&mut self) -> bool {
        let asked = self.connection.write_all(self.asks.as_bytes()).await;
        asked.is_ok() && timeout(PATIENCE, self.hears()).await.expect("it is answered or hung up on")
    }

    /// Reads an answer to its end; whether it says what was asked for.
    async fn hears(&mut self) -> bool {
        let mut said = Vec::new();
        while self.connection.read_buf(&mut said).await.is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&said);
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && head.lines().any(|line| line == format!("content-length: {}", body.len()))
            {
                return head.starts_with("HTTP/1.1 200 ");
            }
        }
        false
    }
}

/// Whether the other end hangs up on who says nothing.
async fn is_hung_up_on(connection: &mut TcpStream) -> bool {
    let read = timeout(PATIENCE, connection.read(&mut [0])).await.expect("it is hung up on");
    !read.is_ok_and(|read| read > 0)
}

#[tokio::test]
async fn silent_strangers_keep_out_nobody_who_has_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = AccessKeys::default();
    let secret = keys.add("laptop", None, Vec::new()).unwrap();
    keys.write(&folder.path().join("keys.toml")).unwrap();
    let BoundGateway { gateway, listener, address } =
        bound(folder.path(), "127.0.0.1:0", None).await.unwrap();
    let limits = ServerLimits { connections: 5, unknown: (3, 4), waits: PATIENT };
    let asks = async {
        let mut first = KeyedClient::connect(address, &secret).await;
        assert!(first.is_answered().await);
        let mut silent = Vec::new();
        for _ in 0..5 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        // Of one address there are three, and the oldest go.
        for oldest in &mut silent[..2] {
            assert!(is_hung_up_on(oldest).await);
        }
        let mut second = KeyedClient::connect(address, &secret).await;
        assert!(second.is_answered().await, "though three say nothing");
        assert!(is_hung_up_on(&mut silent[2]).await, "the second client came behind them");
        assert!(first.is_answered().await, "who was let in stays, though it said nothing meanwhile");
        // Two were let in and two say nothing; the next fills the house, and strangers make room for more.
        let mut others = Vec::new();
        for _ in 0..3 {
            let mut other = KeyedClient::connect(address, &secret).await;
            assert!(other.is_answered().await);
            others.push(other);
        }
        assert!(is_hung_up_on(&mut silent[3]).await && is_hung_up_on(&mut silent[4]).await);
        let mut beyond = TcpStream::connect(address).await.unwrap();
        assert!(is_hung_up_on(&mut beyond).await, "all places are of clients that were let in");
        drop(others.pop());
        assert!(first.is_answered().await && second.is_answered().await);
    };
    tokio::select! {
        () = asks => {}
        () = serve_within(listener, routes::of(&gateway), pending(), limits) => unreachable!("nobody ends it"),
    }
}
