//! Connections of clients that read nothing, say two things at once, or go on where they were not asked to.

use std::{
    convert::Infallible,
    future::pending,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use axum::{
    body::{Body, Bytes},
    routing::get,
};
use futures::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    time::timeout,
};

use super::*;
use crate::{AccessKeys, tests::bound};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a whole request asks that stands where none should.
const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Both ends of a connection.
async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn who_reads_nothing_of_an_answer_is_hung_up_on_and_the_answer_is_let_go() {
    let (held, let_go) = oneshot::channel::<()>();
    let held = Arc::new(Mutex::new(Some(held)));
    let answer = move || {
        let held = held.lock().unwrap_or_else(PoisonError::into_inner).take();
        let piece = |held| async move { Some((Ok::<_, Infallible>(Bytes::from(vec![0; 65_536])), held)) };
        let endless = Body::from_stream(stream::unfold(held, piece));
        async move { endless }
    };
    let (mut client, server) = connected().await;
    let routes = Router::new().route("/", get(answer));
    let attending = tokio::spawn(attend(server, routes, Duration::from_millis(20)));
    client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    timeout(PATIENCE, let_go).await.unwrap().unwrap_err();
    timeout(PATIENCE, attending).await.unwrap().unwrap();
    drop(client);
}

#[tokio::test]
async fn who_reads_late_reads_all_of_it() {
    const BYTES: usize = 32 << 20;
    let routes = Router::new().route("/", get(|| async { Bytes::from(vec![7; BYTES]) }));
    let (mut client, server) = connected().await;
    let attending = tokio::spawn(attend(server, routes, PATIENCE));
    client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await.unwrap();
    client.readable().await.unwrap();
    let mut whole = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut whole)).await.unwrap().unwrap();
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
        () = gateway.serve(pending()) => unreachable!("nobody ends it"),
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
        () = gateway.serve(pending()) => unreachable!("nobody ends it"),
    }
}
