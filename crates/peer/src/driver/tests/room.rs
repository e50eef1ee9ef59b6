//! A disk that is nearly full: what was begun goes on, and nothing is begun.

use assay_protocol::{
    order::{Order, Propose},
    units::{Amount, Duration, Timestamp},
};

use super::{offers::manifest, *};

/// An order of this client for somebody else.
fn elsewhere(client: PeerId) -> Order {
    let nothing = Digest::default();
    Order {
        client,
        provider: PeerId([2; 32]),
        notary: PeerId([1; 32]),
        lane: 0,
        nonce: 0,
        class: nothing,
        manifest: manifest(),
        input_commit: nothing,
        units_max: 1,
        work_max: 1,
        unit_price: Amount(1),
        total_max: Amount(1),
        checks: 0,
        unchecked_ok: false,
        cancel_fee: Amount::ZERO,
        run_max: Duration::seconds(1),
        open_by: Timestamp::default(),
        secret_commit: nothing,
    }
}

#[tokio::test]
async fn a_disk_with_too_little_room_offers_nothing_and_begins_nothing() {
    let mut held = Held::new().await;
    held.driver.room.set(0);
    let stranger = Keypair::from_seed([3; 32]);
    let network = held.driver.network_id;
    let order = Signed::seal(elsewhere(stranger.id()), &stranger, network).into_signed();
    let propose = Message::from(Signed::seal(Propose { order, standing: None }, &stranger, network));
    let opened = || propose.clone().open::<Ed25519>(network).unwrap();
    held.driver.hear(opened()).await.unwrap();
    assert!(held.driver.node.faults().is_empty(), "the brain heard of it");
    let (offer, query) = (held.offer(), held.query(2));
    held.perform(vec![offer, query]).await;
    assert_eq!(held.left().await, ["send Query 2"]);
    held.driver.room.set(1);
    held.driver.hear(opened()).await.unwrap();
    assert_eq!(held.driver.node.faults().len(), 1);
    let offer = held.offer();
    held.perform(vec![offer]).await;
    assert_eq!(held.left().await, ["publish"]);
}
