//! Offers, from the network to the book and to a brain that waits for one.

use assay_market::{Command, submission::Submission};
use assay_protocol::{
    manifest::{Manifest, Meter, Policy, WorkPerMeter},
    notice::{Account, Head},
    offer::Service,
    units::{Amount, Duration, Rate, Timestamp},
};

use super::*;

/// The keys of the peer itself, of its notary and of a provider.
const OWN: [u8; 32] = [1; 32];
const NOTARY: [u8; 32] = [2; 32];
const PROVIDER: [u8; 32] = [3; 32];

pub(super) fn manifest() -> Manifest {
    Manifest {
        name: "nothing".into(),
        runner: Digest::of(b"runner"),
        model: Digest::of(b"model"),
        params: String::new(),
        policy: Policy::Exact,
        meter: Meter::Calls,
        work: WorkPerMeter { call: 1, ..WorkPerMeter::default() },
        work_most: 64,
        memory_bytes: 1,
        licence: "MIT".into(),
    }
}

fn account() -> Account {
    Account {
        sequence: 0,
        free: Amount::credits(100),
        stake: Amount::ZERO,
        unbonding: Amount::ZERO,
        instruction: 0,
        held: Amount::ZERO,
        owed: Amount::ZERO,
        fee_margin: Rate::ZERO,
        open: 0,
        head: Head::default(),
    }
}

fn submission() -> Submission {
    Submission {
        key: Digest([7; 32]),
        content: Digest::default(),
        manifest: manifest(),
        input_commit: Digest::of(b"input"),
        input_bytes: 5,
        units_max: 1,
        work_max: 1,
        run_max: Duration::seconds(1),
        checks: 0,
        unchecked_ok: true,
        cost_max: Amount::credits(100),
        unit_price_max: Amount::credits(1),
        provider: None,
        attempts_max: 1,
        cancel_fee: Amount::ZERO,
        until: None,
    }
}

fn offer(now: Timestamp) -> Offer {
    let service = Service {
        manifest: manifest().digest(),
        name: "nothing".into(),
        unit_price: Amount(1),
        run: Duration(1),
        warm: true,
    };
    Offer {
        sequence: 1,
        valid_until: now.after(Duration::seconds(60)),
        class: Digest::default(),
        machine: String::new(),
        services: vec![service],
        slots: 1,
        notaries: Vec::new(),
        addresses: Vec::new(),
    }
}

#[tokio::test]
async fn an_offer_that_a_submission_waits_for_is_taken_up_when_it_comes() {
    let [notary, provider] = [NOTARY, PROVIDER].map(Keypair::from_seed);
    let mut genesis = config::genesis("test", notary.id());
    (genesis.notaries, genesis.manifests) = (vec![notary.id()], vec![manifest()]);
    let folder = tempfile::tempdir().unwrap();
    let mut started = Started::new(folder.path(), OWN, genesis, 1 << 20).await;
    let (driver, key) = (&mut started.driver, submission().key);
    let network = driver.network_id;
    driver.hear(Opened::Account(Signed::seal(account(), &notary, network))).await.unwrap();
    driver.take(Input::Command(Command::Submit(submission()))).await.unwrap();
    assert!(driver.node.awaits_offers());
    let orders = |driver: &Driver| driver.node.submission(key).map(|view| view.attempts.len());
    assert_eq!(orders(driver), Some(0));
    let offer = Signed::seal(offer(moment().wall), &provider, network);
    driver.hear(Opened::Offer(offer)).await.unwrap();
    assert_eq!((orders(driver), driver.node.awaits_offers()), (Some(1), false));
    // The journal waits for its permits before it ends.
    drop(started.let_through);
}
