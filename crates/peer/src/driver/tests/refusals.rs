//! Orders that are refused, and what is left of them.

use assay_protocol::units::{self, Amount};

use super::{
    offers::{NOTARY, OWN, PROVIDER, account, manifest, offer},
    *,
};
use crate::{
    executor::SALT_BYTES,
    handle::{Attachment, Refused, Submit},
};

#[tokio::test]
async fn the_input_of_an_order_that_is_refused_is_kept_for_nobody() {
    let [notary, provider] = [NOTARY, PROVIDER].map(Keypair::from_seed);
    let mut genesis = config::genesis("test", notary.id());
    (genesis.notaries, genesis.manifests) = (vec![notary.id()], vec![manifest()]);
    let folder = tempfile::tempdir().unwrap();
    let Started { mut driver, mut inlets, responder, let_through, begins } =
        Started::new(folder.path(), OWN, genesis, 1 << 20).await;
    // As many as there are records, so that the disk holds nothing up.
    (0..64).for_each(|_| let_through.send(()).unwrap());
    let (network, now) = (driver.network_id, moment().wall);
    driver.node.limit_day(Some(Amount::ZERO));
    driver.hear(Opened::Account(Signed::seal(account(), &notary, network))).await.unwrap();
    let lasting = Offer { valid_until: now.after(units::Duration::seconds(900)), ..offer(now) };
    driver.hear(Opened::Offer(Signed::seal(lasting, &provider, network))).await.unwrap();
    tokio::spawn(async move {
        let _disk = (let_through, begins);
        while let Some(visit) = inlets.visits.recv().await {
            visit(&mut driver).await.unwrap();
        }
    });
    let kept = || {
        let figures = responder.store.blobs.figures();
        (figures.pinned_bytes, figures.holders)
    };
    let submit = || {
        let (input, cost_max) = (Attachment(b"input".to_vec()), Some(Amount::credits(100)));
        Submit { manifest: "nothing".to_owned(), input, cost_max, ..Submit::default() }.respond(&responder)
    };
    let (bytes, holders) = kept();
    for _ in 0..2 {
        let refused = submit().await;
        assert!(matches!(refused, Err(Refused::OverDay(_))), "{refused:?}");
        assert_eq!(kept(), (bytes, holders));
    }
    responder.look(|driver| driver.node.limit_day(None)).await.unwrap();
    submit().await.unwrap();
    assert_eq!(kept(), (bytes + SALT_BYTES as u64 + 5, holders + 1), "one that is taken keeps its input");
}
