//! Offers, from the network to the book and to a brain that waits for one.

use assay_market::{Command, book::Received, submission::Submission};
use assay_protocol::{
    manifest::{Manifest, Meter, Policy, WorkPerMeter},
    notice::{Account, Head},
    offer::{Bench, Offer, Reachability, Service},
    units::{Amount, Duration, Rate, Timestamp},
};

use super::*;

/// The keys of the peer itself, of its notary and of a provider.
pub(super) const OWN: [u8; 32] = [1; 32];
pub(super) const NOTARY: [u8; 32] = [2; 32];
pub(super) const PROVIDER: [u8; 32] = [3; 32];

pub(in crate::driver) fn manifest() -> Manifest {
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

pub(super) fn account() -> Account {
    Account {
        sequence: 0,
        free: Amount::credits(100),
        stake: Amount::ZERO,
        unbonding: Amount::ZERO,
        forfeited: Amount::ZERO,
        instruction: 0,
        held: Amount::ZERO,
        owed: Amount::ZERO,
        fee_margin: Rate::ZERO,
        suspended: 0,
        open: 0,
        head: Head::default(),
    }
}

pub(super) fn submission() -> Submission {
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
        ignored: Vec::new(),
        returns_to: None,
        attempts_max: 1,
        cancel_fee: Amount::ZERO,
        until: None,
    }
}

pub(super) fn offer(now: Timestamp) -> Offer {
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
        benches: vec![Bench {
            class: Digest::default(),
            machine: String::new(),
            device: String::new(),
            memory_free: 1 << 30,
            slots: 1,
            services: vec![service],
        }],
        notaries: Vec::new(),
        addresses: Vec::new(),
        reachability: Reachability::Unknown,
        standing: None,
    }
}

/// Strangers that offer: more than the network keeps addresses of.
const STRANGERS: u64 = 4_200;

#[tokio::test]
async fn a_flood_of_offers_takes_no_provider_out_of_reach() {
    let mut genesis = config::genesis("test", Keypair::from_seed(NOTARY).id());
    genesis.manifests = vec![manifest()];
    let folder = tempfile::tempdir().unwrap();
    let mut started = Started::new(folder.path(), OWN, genesis, 1 << 20).await;
    let driver = &mut started.driver;
    let settings = NetworkSettings {
        secret: PROVIDER,
        listen: vec!["/ip4/127.0.0.1/tcp/0".into()],
        known: Vec::new(),
        nearby: Vec::new(),
        network: driver.network_id,
        notaries: Vec::new(),
        limits: Limits::default(),
    };
    let (network, mut heard) =
        Network::start(settings, Arc::new(driver.background.store.clone())).await.unwrap();
    let (name, now) = (driver.network_id, moment().wall);
    let seal = move |secret, addresses| {
        Signed::seal(Offer { addresses, ..offer(now) }, &Keypair::from_seed(secret), name).signed().clone()
    };
    let (first, intake) = (seal(PROVIDER, network.listening()), driver.background.intake.clone());
    let feeding = tokio::spawn(async move {
        intake.book(PeerId(PROVIDER), vec![first]).await;
        for stranger in 0..STRANGERS {
            let addresses = (1..=8).map(|port| format!("/ip4/127.0.0.1/tcp/{port}")).collect();
            let offer = seal(codec::digest("stranger", &stranger).0, addresses);
            intake.book(PeerId(PROVIDER), vec![offer]).await;
        }
    });
    while driver.book.len() < 1 + STRANGERS as usize {
        let arrival = started.inlets.arrivals.recv().await.unwrap();
        driver.arrive(arrival).await.unwrap();
    }
    feeding.await.unwrap();
    let query =
        Signed::seal(Query { sequence: 1, job: None, standing: false }, &Keypair::from_seed(OWN), name);
    let to = Keypair::from_seed(PROVIDER).id();
    driver.perform(Effect::Send { to, message: query.into() }).await.unwrap();
    let message = async { while !matches!(heard.recv().await.unwrap(), NetworkEvent::Message { .. }) {} };
    time::timeout(super::WAIT_MAX, message).await.expect("it is out of reach");
    drop(started.let_through);
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

#[tokio::test]
async fn an_offer_that_is_over_is_not_listed_any_more() {
    let genesis = config::genesis("test", Keypair::from_seed(NOTARY).id());
    let folder = tempfile::tempdir().unwrap();
    let driver = &mut Started::new(folder.path(), OWN, genesis, 1 << 20).await.driver;
    let provider = Keypair::from_seed(PROVIDER);
    let ends = moment().wall.after(Duration(500));
    let offer = Offer { valid_until: ends, ..offer(ends) };
    assert_eq!(driver.note_offer(Signed::seal(offer, &provider, driver.network_id)), Received::First);
    while driver.node.time(moment()) < ends {
        tokio::task::yield_now().await;
    }
    driver.keep_house().await;
    assert!(driver.book.is_empty());
}
