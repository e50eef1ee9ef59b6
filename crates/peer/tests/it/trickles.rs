//! A client whose inputs trickle holds up nobody but itself.

use std::time::Duration;

use assay_market::event::Event;
use assay_peer::{
    clock,
    executor::Conduct,
    handle::ShowStatus,
    network::{Limits, Pace},
};
use assay_protocol::{
    genesis::{Founder, Genesis, Timers},
    units::{self, Amount},
};
use tokio::time::{Instant, timeout};

use crate::{
    home::WAIT_MAX,
    market::{CLIENT, Market, NOTARY, PROVIDER, UNIT_PRICE, rules, until},
    trickler::{Seen, Target, Trickler},
    world::id,
};

const TRICKLER: u8 = 7;
/// Jobs that the provider takes on at the same time: fetching is what is short of places here.
const SLOTS: u16 = 64;
/// Jobs of the one that trickles: more than the provider has places for fetches.
const TRICKLING: u16 = 24;
/// Jobs that are timed, without and with it.
const JOBS: usize = 20;
/// Jobs before the first that is timed: the first of all are slow for other reasons.
const WARM_UP: usize = 2;
/// By how much the clocks of this machine's processes are late when it is busy.
const SLACK: Duration = Duration::from_secs(1);

/// Rules by which provider and clients have money and stake from the first day, and a claim has time.
async fn rich() -> Genesis {
    let rules = rules().await;
    let founder = |seed| Founder {
        peer: id(seed),
        stake: Amount::credits(1_000),
        free: Amount::credits(1_000),
        classes: Vec::new(),
    };
    let parties = [CLIENT, PROVIDER, TRICKLER].map(founder);
    let verifiers = rules.verifiers.iter().cloned().chain(parties).collect();
    let timers = Timers { claim: units::Duration::seconds(120), ..rules.timers };
    Genesis { verifiers, timers, ..rules }
}

/// A market with one that trickles in it.
struct Scene {
    market: Market,
    genesis: Genesis,
}

impl Scene {
    async fn new() -> Self {
        let genesis = rich().await;
        let market = Market::by(genesis.clone(), Conduct::Honest, SLOTS).await;
        let scene = Self { market, genesis };
        scene.deliver(WARM_UP).await;
        scene
    }

    /// Begins to trickle, and comes back once as much is asked for at the same time as ever will be.
    async fn trickle(&self) -> Trickler {
        let status = self.market.call(PROVIDER, ShowStatus).await;
        let class = status.providing.unwrap().benches[0].class;
        let (notary, provider) = (self.market.peer(NOTARY), self.market.peer(PROVIDER));
        let target = Target { notary, provider, class, unit_price: UNIT_PRICE };
        let mut trickler = Trickler::start(TRICKLER, &self.genesis, &target, TRICKLING, clock::wall());
        asked(&mut trickler, Limits::default().fetches_per_peer_max).await;
        trickler
    }

    /// Says how long each of so many jobs takes from its submission to its result, one after another.
    async fn deliver(&self, jobs: usize) -> Vec<Duration> {
        let mut updates = self.market.watch().await;
        let mut took = Vec::new();
        for _ in 0..jobs {
            let begun = Instant::now();
            let key = self.market.submit().await;
            until(&mut updates, |event| match event {
                Event::Delivered { key: delivered, .. } if *delivered == key => Some(()),
                Event::Failed { key: failed, reason } if *failed == key => panic!("{reason:?}"),
                _ => None,
            })
            .await;
            took.push(begun.elapsed());
        }
        took
    }

    /// Times jobs without and with one that trickles, and demands that it makes little difference.
    #[expect(clippy::print_stdout, reason = "figures beside what is asserted of them")]
    async fn compare(&self) {
        let quiet = p95(self.deliver(JOBS).await);
        let mut trickler = self.trickle().await;
        let beside = self.deliver(JOBS).await;
        let slowest = beside.iter().max().unwrap();
        println!(
            "p95 of {JOBS} without: {quiet:?}; slowest of {JOBS} beside it: {slowest:?}, p95 {:?}",
            p95(beside.clone())
        );
        assert!(*slowest <= 2 * quiet + SLACK, "{beside:?}, and {quiet:?} without");
        check_cuts(&mut trickler).await;
    }
}

async fn asked(trickler: &mut Trickler, times: usize) -> Seen {
    timeout(WAIT_MAX, trickler.asked(times)).await.expect("an input is asked for, once there is a place")
}

/// The one that trickles has its share of the places and no more, and gives them back as soon as it could have stalled.
async fn check_cuts(trickler: &mut Trickler) {
    let share = Limits::default().fetches_per_peer_max;
    let grace = Pace::default().grace;
    let Seen { asked, .. } = asked(trickler, 2 * share).await;
    for all in asked.windows(share + 1) {
        let apart = all[share] - all[0];
        assert!(apart + SLACK > grace, "more than its share at a time: {apart:?}");
    }
    let given_back = asked[share] - asked[0];
    assert!(given_back < 2 * grace, "it held its places for {given_back:?}");
    let taken = trickler.seen().taken;
    assert!(taken.iter().all(|bytes| *bytes <= 1), "bytes that were waited for: {taken:?}");
}

fn p95(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[(took.len() * 95).div_ceil(100) - 1]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits for what trickles, ten seconds and more"]
async fn twenty_jobs_are_delivered_beside_one_that_trickles_as_fast_as_without() {
    let scene = Scene::new().await;
    scene.compare().await;
    scene.market.end().await;
}
