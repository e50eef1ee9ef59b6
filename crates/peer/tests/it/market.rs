//! Jobs among whole peers over real sockets: paid when they are right, refunded when they are made up.

use assay_market::{
    event::Event,
    quote::{Basis, Chosen},
    view::AttemptState,
};
use assay_peer::{
    executor::{Conduct, Executor},
    handle::{
        Attachment, AuditNotary, CallError, ExplainJob, Provide, QuoteJob, ReadOutput, ReadReceipt, Refused,
        Respond, ServiceWish, ShowAccount, ShowJob, Submit, Update, Updates, WatchUpdates,
    },
};
use assay_protocol::{
    genesis::{Checks, Founder, Genesis, Money, Timers},
    id::Digest,
    outcome::Outcome,
    receipt::Receipt,
    units::{Amount, Duration},
};
use assay_runtime::class::Class;
use tokio::time::timeout;

use crate::{
    home::{House, Running, WAIT_MAX, genesis, worker},
    world::id,
};

pub(crate) const NOTARY: u8 = 1;
pub(crate) const CLIENT: u8 = 2;
pub(crate) const PROVIDER: u8 = 3;
const VERIFIERS: [u8; 3] = [4, 5, 6];
const INPUT: [u8; 64] = [128; 64];

/// What a unit costs at the provider.
pub(crate) const UNIT_PRICE: Amount = Amount(5_000);

/// The peers of one network.
pub(crate) struct Market {
    houses: Vec<(u8, House)>,
    running: Vec<(u8, Running)>,
}

impl Market {
    pub(crate) async fn new(conduct: Conduct) -> Self {
        Self::by(rules().await, conduct, 1).await
    }

    /// A network with these rules, in which the provider of the digits, of so many at a time, is known to the client.
    pub(crate) async fn by(rules: Genesis, conduct: Conduct, slots: u16) -> Self {
        let house = House::new(NOTARY, rules.clone(), Vec::new());
        let notary = house.start().await;
        notary.keep_runner(&house).await;
        let contact = notary.contact();
        let mut market = Self { houses: vec![(NOTARY, house)], running: vec![(NOTARY, notary)] };
        for seed in [CLIENT, PROVIDER].into_iter().chain(VERIFIERS) {
            let house = House::new(seed, rules.clone(), vec![contact.clone()]);
            let conduct = if seed == PROVIDER { conduct } else { Conduct::Honest };
            let running = house.start_as(conduct).await;
            market.houses.push((seed, house));
            market.running.push((seed, running));
        }
        let mut updates = market.watch().await;
        let service = ServiceWish {
            manifest: "pure-digits".to_owned(),
            unit_price: UNIT_PRICE,
            sample: Some(Attachment(INPUT.to_vec())),
        };
        let provide = Provide { services: vec![service], slots: Some(slots), ..Provide::default() };
        market.call(PROVIDER, provide).await;
        for seed in [CLIENT, PROVIDER] {
            market.opens_account(seed).await;
        }
        until(&mut updates, |event| matches!(event, Event::OfferSeen { .. }).then_some(())).await;
        market
    }

    pub(crate) fn peer(&self, seed: u8) -> &Running {
        &self.running.iter().find(|(other, _)| *other == seed).unwrap().1
    }

    pub(crate) fn house(&self, seed: u8) -> &House {
        &self.houses.iter().find(|(other, _)| *other == seed).unwrap().1
    }

    pub(crate) async fn call<C: Respond>(&self, seed: u8, call: C) -> C::Answer {
        timeout(WAIT_MAX, self.peer(seed).handle.call(call)).await.expect("answered in time").unwrap()
    }

    /// Has a peer ask for its account, which opens it and brings the welcome grant. A notary that is not found yet is asked again.
    async fn opens_account(&self, seed: u8) {
        let asks = async {
            loop {
                match self.peer(seed).handle.call(ShowAccount::default()).await {
                    Err(CallError::Refused(Refused::NoAnswer { .. })) => {}
                    answer => return answer.unwrap(),
                }
            }
        };
        timeout(WAIT_MAX, asks).await.expect("answered in time");
    }

    /// What happens at the client.
    pub(crate) async fn watch(&self) -> Updates<Update> {
        self.call(CLIENT, WatchUpdates::default()).await
    }

    /// Submits a job, and gives its name.
    pub(crate) async fn submit(&self) -> Digest {
        let submit = Submit {
            manifest: "pure-digits".to_owned(),
            input: Attachment(INPUT.to_vec()),
            attempts_max: Some(1),
            ..Submit::default()
        };
        self.call(CLIENT, submit).await.key
    }

    /// Submits a job and waits until it is closed.
    async fn close_one(&self) -> (Digest, Outcome) {
        let mut updates = self.watch().await;
        let key = self.submit().await;
        let outcome = until(&mut updates, |event| match event {
            Event::Closed { key: closed, outcome, .. } if *closed == key => Some(*outcome),
            Event::Failed { key: failed, reason } if *failed == key => panic!("{reason:?}"),
            _ => None,
        });
        (key, outcome.await)
    }

    /// Demands that what the client says of a closed job, and of the next, rests on the ticket in its receipt.
    async fn explains_itself(&self, receipt: &[u8], key: Digest) {
        let ticket = Receipt::from_bytes(receipt).unwrap().story.ticket;
        let explained = self.call(CLIENT, ExplainJob { name: key.to_string() }).await;
        let grounds = explained.grounds.unwrap();
        assert_eq!(grounds.passed, None, "not known after a restart");
        let [order] = &grounds.orders[..] else { panic!("{grounds:?}") };
        assert_eq!((order.job, order.standing), (ticket.job, Some(ticket.standing)));
        assert_eq!(order.explanation.as_ref().unwrap().rate, ticket.rate);
        let chosen = self.quote().await;
        assert_eq!(chosen.order.provider, id(PROVIDER));
        let (opened, position) = (ticket.standing.opened, ticket.standing.position);
        assert_eq!(chosen.basis, Basis::Ticket { job: ticket.job, opened, position });
    }

    /// What the next job would come to, once an offer is known.
    async fn quote(&self) -> Chosen {
        let mut updates = self.watch().await;
        loop {
            let submit = Submit { manifest: "pure-digits".to_owned(), ..Submit::default() };
            let quote = self.call(CLIENT, QuoteJob(submit)).await;
            if let Some(chosen) = quote.chosen {
                return chosen;
            }
            until(&mut updates, |event| matches!(event, Event::OfferSeen { .. }).then_some(())).await;
        }
    }

    async fn restart(&mut self, seed: u8) {
        let place = self.running.iter().position(|(other, _)| *other == seed).unwrap();
        self.running.remove(place).1.stop().await;
        let house = &self.houses.iter().find(|(other, _)| *other == seed).unwrap().1;
        self.running.push((seed, house.start().await));
    }

    pub(crate) async fn end(self) {
        for (_, running) in self.running.into_iter().rev() {
            running.stop().await;
        }
    }
}

/// Waits for an event of some kind.
pub(crate) async fn until<T>(updates: &mut Updates<Update>, pick: impl Fn(&Event) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Update::Event(dated) = updates.next().await.unwrap().unwrap()
                && let Some(found) = pick(&dated.event)
            {
                return found;
            }
        }
    };
    timeout(2 * WAIT_MAX, found).await.expect("it happens in time")
}

/// Rules by which a job is over in seconds, for machines like this one, and by which nobody is late who is only slow.
pub(crate) async fn rules() -> Genesis {
    let folder = tempfile::tempdir().unwrap();
    let blobs = assay_peer::blobs::Blobs::open(folder.path(), 1 << 20).unwrap();
    let executor = Executor::new(worker(), folder.path().join("compiled"), 1, blobs, Conduct::Honest);
    let classes: Vec<Digest> = executor.classes().await.unwrap().iter().map(Class::digest).collect();
    let founders = VERIFIERS.map(|seed| Founder {
        peer: id(seed),
        stake: Amount::credits(100),
        free: Amount::credits(10),
        classes: classes.clone(),
    });
    Genesis {
        timers: Timers {
            tick: Duration(200),
            gap_max: Duration(400),
            claim: Duration::seconds(20),
            reveal: Duration::seconds(30),
            input: Duration::seconds(10),
            underway: Duration::seconds(30),
            seal: Duration::seconds(60),
            opening: Duration::seconds(30),
            settle_max: Duration::seconds(3_600),
            ..Timers::brisk()
        },
        checks: Checks { ramp: 1, ..Checks::default() },
        money: Money { welcome: Amount::credits(100), welcomes_per_hour: 60, ..Money::default() },
        verifiers: founders.to_vec(),
        ..genesis(id(NOTARY))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_true_result_is_checked_and_paid_and_outlives_a_restart() {
    let mut market = Market::new(Conduct::Honest).await;
    let (key, outcome) = market.close_one().await;
    assert_eq!(outcome, Outcome::Checked);

    market.restart(CLIENT).await;
    let name = key.to_string()[..12].to_owned();
    let job = market.call(CLIENT, ShowJob { name: name.clone() }).await;
    let attempt = &job.submission.attempts[0];
    assert_eq!((attempt.provider, attempt.state), (id(PROVIDER), AttemptState::Closed(Outcome::Checked)));
    let digest = attempt.output.unwrap();
    let output = market.call(CLIENT, ReadOutput { digest, of: None }).await.all().await.unwrap();
    assert_eq!(output.len(), 10 * 4);

    let file = market.call(CLIENT, ReadReceipt { name }).await.all().await.unwrap();
    assert_eq!(Some(Digest::of(&file)), attempt.receipt);
    assert_eq!(Receipt::from_bytes(&file).unwrap().story.outcome, Outcome::Checked);
    let job = attempt.job.to_string();
    let filed = market.call(NOTARY, ReadReceipt { name: job }).await.all().await.unwrap();
    assert_eq!(filed, file, "the notary has the same");

    market.explains_itself(&filed, key).await;
    let account = market.call(PROVIDER, ShowAccount::default()).await;
    assert!(account.account.free.plus(account.account.stake) > Some(Amount::credits(100)), "{account:?}");
    let audited = market.call(CLIENT, AuditNotary::default()).await;
    assert_eq!((audited.divergence, audited.closed), (None, 1));
    assert_eq!(audited.total, audited.supply);
    market.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_made_up_result_is_noticed_and_refunded() {
    let market = Market::new(Conduct::Forge).await;
    let (_, outcome) = market.close_one().await;
    assert!(!outcome.is_paid(), "{outcome:?}");
    assert_eq!(outcome, Outcome::Mismatch, "a newcomer's first");
    market.end().await;
}
