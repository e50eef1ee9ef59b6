//! Peers that are kept apart from each other by whoever owns them.

use std::collections::BTreeSet;

use assay_peer::network::{ExchangeFailure, NetworkEvent};
use assay_protocol::id::PeerId;

use crate::world::{Peer, pair, plan};

/// Sends what cannot arrive, and says why it did not.
async fn fails(from: &mut Peer, to: PeerId) -> ExchangeFailure {
    from.network.send(to, b"across".to_vec()).unwrap();
    let undelivered = from.wait_for(|event| match event {
        NetworkEvent::Undelivered { to, why } => Some((to, why)),
        _ => None,
    });
    let (undelivered, why) = undelivered.await;
    assert_eq!(undelivered, to);
    why
}

#[tokio::test]
async fn a_severed_peer_is_gone_at_once_and_is_found_again_when_it_is_let_go_of() {
    let (mut first, mut second) = pair().await;
    let mut third = plan(3).knowing(&first).start().await;
    third.connected(first.id).await;
    first.connected(third.id).await;
    first.network.sever([second.id].into()).await.unwrap();
    assert_eq!((first.network.peers(), first.network.severed()), (vec![third.id], vec![second.id]));
    let is_gone = |event| matches!(event, NetworkEvent::Disconnected { is_lost: true, .. }).then_some(());
    first.wait_for(is_gone).await;
    second.wait_for(is_gone).await;
    assert_eq!(fails(&mut first, second.id).await, ExchangeFailure::Unreachable);
    let why = fails(&mut second, first.id).await;
    assert!(matches!(why, ExchangeFailure::Unreachable | ExchangeFailure::Broken), "{why}");
    third.network.send(first.id, b"as before".to_vec()).unwrap();
    assert_eq!(first.message().await, (third.id, b"as before".to_vec()), "nothing came from the second");

    first.network.sever(BTreeSet::new()).await.unwrap();
    second.connected(first.id).await;
    second.network.send(first.id, b"again".to_vec()).unwrap();
    assert_eq!(first.message().await, (second.id, b"again".to_vec()));
}

#[tokio::test]
async fn who_severs_a_peer_that_it_stays_connected_with_finds_it_by_itself() {
    let (mut first, mut second) = pair().await;
    second.network.sever([first.id].into()).await.unwrap();
    assert!(second.network.peers().is_empty());
    first.wait_for(|event| matches!(event, NetworkEvent::Disconnected { .. }).then_some(())).await;
    assert_eq!(fails(&mut second, first.id).await, ExchangeFailure::Unreachable);
    second.network.sever(BTreeSet::new()).await.unwrap();
    second.connected(first.id).await;
}
