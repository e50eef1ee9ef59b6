//! Whole peers among each other.

use assay_peer::handle::{CallError, ReadOutput, Refused, WatchUpdates};
use assay_protocol::{
    genesis::{Founder, Genesis},
    units::Amount,
};
use tokio::time::{sleep, timeout};

use crate::{
    home::{House, PURE, WAIT_MAX, genesis, pure},
    world::id,
};

/// A network whose notary is peer 1 and whose verifier is peer 2.
fn with_verifier() -> Genesis {
    let verifier =
        Founder { peer: id(2), stake: Amount::credits(10), free: Amount::ZERO, classes: Vec::new() };
    Genesis { verifiers: vec![verifier], ..genesis(id(1)) }
}

#[tokio::test]
async fn a_verifier_gets_what_it_will_run_from_whoever_has_it() {
    let notary = House::new(1, with_verifier(), Vec::new());
    let first = notary.start().await;
    first.keep_runner(&notary).await;

    let verifier = House::new(2, with_verifier(), vec![first.contact()]);
    let second = verifier.start().await;
    let here = async {
        loop {
            match second.handle.call(ReadOutput { digest: pure().runner, of: None }).await {
                Ok(pieces) => return pieces.all().await.unwrap(),
                Err(CallError::Refused(Refused::BlobAbsent { .. })) => {
                    sleep(std::time::Duration::from_millis(20)).await;
                }
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(timeout(WAIT_MAX, here).await.expect("fetched in time"), PURE);
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn a_watcher_hears_of_the_end() {
    let house = House::new(1, genesis(id(1)), Vec::new());
    let running = house.start().await;
    let mut updates = running.handle.call(WatchUpdates::default()).await.unwrap();
    running.stop().await;
    let ended = async {
        loop {
            match updates.next().await {
                Some(Ok(_)) => {}
                ended => return ended,
            }
        }
    };
    let ended = timeout(WAIT_MAX, ended).await.expect("told in time");
    assert!(matches!(ended, None | Some(Err(CallError::Refused(Refused::Ending)))), "{ended:?}");
    assert!(updates.next().await.is_none(), "it has ended");
}
