//! A daemon and its user: who may connect, what is answered, what is left behind.

use std::os::unix::fs::PermissionsExt;

use assay_peer::{
    daemon::{Daemon, DaemonError},
    handle::{
        CallError, ConnectError, HANDLE_VERSION, Handle, Provide, Refused, Request, Response, Stall, Submit,
    },
};
use assay_protocol::{
    id::Digest,
    units::{Amount, Duration},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use crate::{
    home::{House, WAIT_MAX, genesis, pure},
    world::id,
};

fn alone() -> House {
    House::new(1, genesis(id(1)), Vec::new())
}

fn refused(answer: Result<Response, CallError>) -> Refused {
    match answer {
        Err(CallError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_daemon_serves_its_user_and_leaves_no_socket_behind() {
    let house = alone();
    let running = house.start().await;
    let Response::Status(status) = running.handle.call(Request::Status).await.unwrap() else { panic!() };
    assert_eq!((status.peer, status.network), (id(1), genesis(id(1)).id()));
    assert!(status.is_notary && !status.is_verifier && status.providing.is_none());
    assert!(!status.addresses.is_empty());
    let mode = std::fs::metadata(house.home.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(running.handle.call(Request::Shutdown).await, Ok(Response::Done)));
    running.ended().await;
    assert!(!house.home.socket().exists());
    assert!(matches!(Handle::connect(&house.home).await, Err(ConnectError::NotRunning { .. })));
}

#[tokio::test]
async fn a_home_has_one_daemon() {
    let house = alone();
    let running = house.start().await;
    let second = Daemon::run(house.home.clone(), house.options()).await;
    assert!(matches!(second, Err(DaemonError::Lock(_))), "{second:?}");
    assert!(running.handle.call(Request::Status).await.is_ok(), "the first is none the worse");
    running.stop().await;
    house.start().await.stop().await;
}

#[tokio::test]
async fn another_version_is_told_apart_by_both_sides() {
    let house = alone();
    let listener = UnixListener::bind(house.home.socket()).unwrap();
    let connecting = Handle::connect(&house.home);
    let greeting = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        send(&mut stream, "{\"assay\":77,\"program\":\"7.7\",\"later\":[]}").await;
        stream
    };
    let (connected, _stream) = tokio::join!(connecting, greeting);
    match connected.unwrap_err() {
        ConnectError::WrongVersion { daemon, theirs: 77, ours: HANDLE_VERSION } => assert_eq!(daemon, "7.7"),
        other => panic!("{other:?}"),
    }

    let running = house.start().await;
    let mut stream = UnixStream::connect(house.home.socket()).await.unwrap();
    send(&mut stream, "{\"assay\":77,\"program\":\"7.7\"}").await;
    let mut said = Vec::new();
    timeout(WAIT_MAX, stream.read_to_end(&mut said)).await.unwrap().unwrap();
    let hello = String::from_utf8(said[4..].to_vec()).unwrap();
    let greeting = format!("{{\"assay\":{HANDLE_VERSION},");
    assert!(hello.starts_with(&greeting), "one greeting, then the end: {hello}");
    running.stop().await;
}

async fn send(stream: &mut UnixStream, json: &str) {
    stream.write_all(&u32::try_from(json.len()).unwrap().to_be_bytes()).await.unwrap();
    stream.write_all(json.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_frame_that_is_too_long_or_no_request_hurts_nobody() {
    let house = alone();
    let running = house.start().await;
    let mut rude = UnixStream::connect(house.home.socket()).await.unwrap();
    send(&mut rude, &format!("{{\"assay\":{HANDLE_VERSION},\"program\":\"\"}}")).await;
    send(&mut rude, "{\"no\":\"request\"}").await;
    rude.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    let mut said = Vec::new();
    timeout(WAIT_MAX, rude.read_to_end(&mut said)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&said).contains("unreadable"));
    assert!(running.handle.call(Request::Status).await.is_ok());
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_by_name() {
    let house = alone();
    let running = house.start().await;
    let call = |request| running.handle.call(request);
    let submit = Submit { manifest: "digit".to_owned(), ..Submit::default() };
    let known = vec!["pure-digits".to_owned()];
    let unknown = Refused::UnknownManifest { name: "digit".to_owned(), known };
    assert_eq!(refused(call(Request::Submit(Box::new(submit.clone()))).await), unknown);
    assert_eq!(refused(call(Request::Quote(Box::new(submit))).await), unknown);
    let name = "abcdef".to_owned();
    let nobody = Refused::UnknownJob { name: name.clone() };
    assert_eq!(refused(call(Request::Job { name: name.clone() }).await), nobody);
    assert_eq!(refused(call(Request::Explain { name }).await), nobody);
    let digest = Digest::of(b"nothing");
    assert_eq!(refused(call(Request::Output { digest }).await), Refused::BlobAbsent { digest });
    let stalls = vec![Stall { manifest: "pure-digits".to_owned(), ..Stall::default() }];
    let absent = refused(call(Request::Provide(Provide { services: stalls, slots: None })).await);
    assert!(matches!(absent, Refused::PartAbsent { digest, .. } if digest == pure().runner), "{absent:?}");
    let watched = running.handle.watch(Some("abcdef".to_owned())).await;
    assert!(matches!(watched, Err(CallError::Refused(Refused::UnknownJob { .. }))));
    running.stop().await;
}

#[tokio::test]
async fn what_is_offered_was_tried_first() {
    let house = alone();
    let running = house.start().await;
    running.keep_runner(&house).await;
    let stall = Stall { manifest: "pure-digits".to_owned(), unit_price: Amount(7), sample: None };
    let provide = Request::Provide(Provide { services: vec![stall], slots: Some(3) });
    let Response::Providing(providing) = running.handle.call(provide).await.unwrap() else { panic!() };
    assert_eq!((providing.services[0].unit_price, providing.slots), (Amount(7), 3));
    assert!(providing.services[0].run > Duration::default());
    assert_eq!(providing.addresses, running.ready.addresses);
    assert_ne!(providing.class, Digest::default());
    let Response::Status(status) = running.handle.call(Request::Status).await.unwrap() else { panic!() };
    assert_eq!(status.providing, Some(providing));
    assert!(matches!(running.handle.call(Request::StopProviding).await, Ok(Response::Done)));
    let Response::Status(status) = running.handle.call(Request::Status).await.unwrap() else { panic!() };
    assert_eq!(status.providing, None);
    running.stop().await;
}
