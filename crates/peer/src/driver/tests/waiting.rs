//! Jobs that wait for a place which others of the same home have.

use assay_market::{Command, ledger::LANES_MAX, submission::Submission, view::AwaitedPlace};
use assay_protocol::units;

use super::{
    offers::{NOTARY, OWN, PROVIDER, account, manifest, offer, submission},
    *,
};
use crate::driver::calls::CancelWaiting;

/// One of many jobs.
fn numbered(number: u16) -> Submission {
    Submission { key: codec::digest("numbered job", &number), ..submission() }
}

#[tokio::test]
async fn a_job_without_a_lane_is_cancelled_for_that_and_one_that_somebody_is_asked_for_goes_on() {
    let [notary, provider] = [NOTARY, PROVIDER].map(Keypair::from_seed);
    let mut genesis = config::genesis("test", notary.id());
    (genesis.notaries, genesis.manifests) = (vec![notary.id()], vec![manifest()]);
    let folder = tempfile::tempdir().unwrap();
    let mut started = Started::new(folder.path(), OWN, genesis, 1 << 20).await;
    // As many as there are records, so that the disk holds nothing up.
    (0..8 * u32::from(LANES_MAX)).for_each(|_| started.let_through.send(()).unwrap());
    let driver = &mut started.driver;
    let (network, now) = (driver.network_id, moment().wall);
    driver.node.limit_day(None);
    driver.hear(Opened::Account(Signed::seal(account(), &notary, network))).await.unwrap();
    let lasting = Offer { valid_until: now.after(units::Duration::seconds(900)), ..offer(now) };
    driver.hear(Opened::Offer(Signed::seal(lasting, &provider, network))).await.unwrap();
    for number in 0..=LANES_MAX {
        driver.take(Input::Command(Command::Submit(numbered(number)))).await.unwrap();
    }
    let cancels = |number| CancelWaiting {
        name: numbered(number).key.to_string(),
        still_for: units::Duration::seconds(30),
    };
    assert_eq!(driver.cancel_waiting(&cancels(0)).await.unwrap(), Ok(None), "somebody is asked");
    let last = driver.cancel_waiting(&cancels(LANES_MAX)).await.unwrap();
    assert_eq!(last, Ok(Some(AwaitedPlace::Lane { most: LANES_MAX })));
    let stands = |number| {
        let submission = driver.node.submission(numbered(number).key).unwrap();
        (submission.cancelled, submission.ended)
    };
    assert_eq!((stands(0), stands(LANES_MAX)), ((false, false), (true, true)));
    // The journal waits for its permits before it ends.
    drop(started.let_through);
}
