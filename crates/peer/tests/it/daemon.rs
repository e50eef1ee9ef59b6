//! A daemon and its user: who may connect, what is answered, what is left behind.

use std::{os::unix::fs::PermissionsExt, path::Path};

use assay_peer::{
    config::Home,
    daemon::{Daemon, DaemonError, Options},
    handle::{
        CallError, ConnectError, HANDLE_VERSION, Handle, Provide, Refused, ServiceWish, ShowStatus, Shutdown,
        StopProviding,
    },
    network::USUAL_PORT,
};
use assay_protocol::{
    genesis::Genesis,
    id::Digest,
    manifest::Manifest,
    units::{Amount, Duration},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use crate::{
    home::{House, WAIT_MAX, genesis, pure, worker},
    world::id,
};

fn alone() -> House {
    House::new(1, genesis(id(1)), Vec::new())
}

#[tokio::test]
async fn a_daemon_serves_its_user_and_leaves_no_socket_behind() {
    let house = alone();
    let running = house.start().await;
    let status = running.handle.call(ShowStatus).await.unwrap();
    assert_eq!((status.peer, status.network), (id(1), genesis(id(1)).id()));
    assert!(status.is_notary && !status.is_verifier && status.providing.is_none());
    assert!(!status.addresses.is_empty());
    let mode = std::fs::metadata(house.home.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    running.handle.call(Shutdown).await.unwrap();
    running.ended().await;
    assert!(!house.home.socket().exists());
    assert!(matches!(Handle::connect(&house.home).await, Err(ConnectError::NotRunning { .. })));
}

#[tokio::test]
async fn who_only_asks_listens_on_nothing_until_it_offers() {
    let house = House::new(2, genesis(id(1)), Vec::new());
    let running = house.start_with(Options::new(worker())).await;
    assert_eq!(running.handle.call(ShowStatus).await.unwrap().addresses, [""; 0]);
    running.keep_runner(&house).await;
    let service = ServiceWish { manifest: "pure-digits".to_owned(), unit_price: Amount(1), sample: None };
    let provide = Provide { services: vec![service], ..Provide::default() };
    let offered = running.handle.call(provide).await.unwrap().addresses;
    assert!(!offered.is_empty());
    running.stop().await;
    let again = house.start_with(Options::new(worker())).await;
    assert!(!again.ready.addresses.is_empty(), "it offers from the start");
    again.stop().await;
}

#[tokio::test]
async fn a_notary_listens_where_it_is_looked_for() {
    let house = alone();
    let running = house.start_with(Options::new(worker())).await;
    let port = |address: &String| address.rsplit('/').next().unwrap().parse::<u16>().unwrap();
    let ports: Vec<u16> = running.ready.addresses.iter().map(port).collect();
    // Another peer of this machine may have the usual one.
    let taken = std::net::TcpListener::bind(("0.0.0.0", USUAL_PORT)).is_err();
    assert!(!ports.is_empty() && ports.iter().all(|port| *port == USUAL_PORT || taken), "{ports:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_home_has_one_daemon() {
    let house = alone();
    let running = house.start().await;
    let second = Daemon::run(house.home.clone(), house.options()).await;
    assert!(matches!(second, Err(DaemonError::Lock(_))), "{second:?}");
    assert!(running.handle.call(ShowStatus).await.is_ok(), "the first is none the worse");
    running.stop().await;
    house.start().await.stop().await;
}

/// Puts another's home in the place of one; where that is.
fn replaced(home: &Home) -> &Path {
    let root = home.root();
    std::fs::rename(root, root.with_extension("aside")).unwrap();
    std::fs::create_dir(root).unwrap();
    std::fs::write(home.socket(), "another's").unwrap();
    root
}

#[tokio::test]
async fn a_daemon_ends_with_its_home_and_lets_the_one_in_its_place_be() {
    let house = alone();
    let running = house.start().await;
    let root = replaced(&house.home);
    let ended = running.failed().await;
    assert!(matches!(&ended, DaemonError::HomeGone { home } if home == root), "{ended:?}");
    assert_eq!(std::fs::read_to_string(house.home.socket()).unwrap(), "another's");

    let house = alone();
    let running = house.start().await;
    std::fs::remove_dir_all(house.home.root()).unwrap();
    let ended = running.failed().await;
    assert!(matches!(ended, DaemonError::HomeGone { .. }), "{ended:?}");
}

#[tokio::test]
async fn a_daemon_that_is_told_to_end_as_its_home_goes_lets_the_one_in_its_place_be() {
    let house = alone();
    let running = house.start().await;
    replaced(&house.home);
    // It may have found that out by itself before it hears this.
    running.stopped_anyhow().await;
    assert_eq!(std::fs::read_to_string(house.home.socket()).unwrap(), "another's");
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
async fn what_does_not_work_keeps_nothing_else_from_being_offered_where_nobody_named_it() {
    let broken = Manifest { name: "broken".to_owned(), runner: Digest([5; 32]), ..pure() };
    let rules = Genesis { manifests: vec![broken, pure()], ..genesis(id(1)) };
    let house = House::new(1, rules, Vec::new());
    let running = house.start().await;
    running.keep_runner(&house).await;
    let wish = |name: &str| ServiceWish { manifest: name.to_owned(), unit_price: Amount(1), sample: None };
    let provide = |names: &[&str], what_works| {
        let services = names.iter().map(|name| wish(name)).collect();
        running.handle.call(Provide { services, what_works, ..Provide::default() })
    };
    let providing = provide(&["broken", "pure-digits"], true).await.unwrap();
    assert_eq!(providing.benches[0].services[0].name, "pure-digits");
    assert_eq!(providing.left_out.len(), 1);
    assert_eq!(providing.left_out[0].manifest, "broken");
    for (names, what_works) in [(&["broken", "pure-digits"][..], false), (&["broken"], true)] {
        let refused = provide(names, what_works).await.unwrap_err();
        assert!(matches!(refused, CallError::Refused(Refused::PartAbsent { .. })), "{refused:?}");
    }
    running.stop().await;
}

#[tokio::test]
async fn what_is_offered_was_tried_first() {
    let house = alone();
    let running = house.start().await;
    running.keep_runner(&house).await;
    let service = ServiceWish { manifest: "pure-digits".to_owned(), unit_price: Amount(7), sample: None };
    let provide = Provide { services: vec![service], slots: Some(3), ..Provide::default() };
    let providing = running.handle.call(provide).await.unwrap();
    let bench = &providing.benches[0];
    assert_eq!((bench.services[0].unit_price, bench.slots), (Amount(7), 3));
    assert!(bench.services[0].run > Duration::default());
    assert_eq!(providing.addresses, running.ready.addresses);
    assert_ne!(bench.class, Digest::default());
    let status = running.handle.call(ShowStatus).await.unwrap();
    assert_eq!(status.providing, Some(providing));
    running.handle.call(StopProviding).await.unwrap();
    let status = running.handle.call(ShowStatus).await.unwrap();
    assert_eq!(status.providing, None);
    running.stop().await;
}
