//! One table of calls, put to a daemon over its socket and from within its process: both are answered the same.

use assay_peer::handle::{
    Attachment, AuditNotary, CALLS_MAX, Call, CallError, ExplainJob, Handle, INPUT_BYTES_MAX, KeepFile,
    ListHeldMoney, ListJobs, ListOffered, ListOffers, ListReceipts, ListRuns, OfferRefused, PageJobs,
    Provide, QuoteJob, ReadHeld, ReadOutput, ReadReceipt, Refused, Respond, ServiceWish, ShowAccount,
    ShowBooks, ShowJob, ShowLimits, ShowPriceHistory, ShowPrices, ShowRules, ShowStatus, StopProviding,
    Submit, SumEarned, Transit, WatchUpdates,
};
use assay_protocol::{id::Digest, units::Amount};
use futures::StreamExt;
use tokio::time::timeout;

use crate::{
    home::{House, PURE, Running, WAIT_MAX, genesis, pure},
    world::id,
};

/// Both ways to one daemon.
struct Both<'a> {
    socket: &'a Handle,
    local: &'a Handle,
    house: &'a House,
}

impl Both<'_> {
    /// Demands that a call is answered the same both ways, and says how.
    async fn put<C: Respond + Clone>(&self, case: &str, call: C) -> String {
        let answer = told(self.socket, call.clone()).await;
        assert!(answer == told(self.local, call).await, "{case}: not the same as {:.200}", answer);
        answer
    }

    /// The same for an answer that speaks of the moment: it has the same parts, at least.
    async fn put_of_now<C: Respond + Clone>(&self, case: &str, call: C) {
        let [socket, local] = [told(self.socket, call.clone()).await, told(self.local, call).await];
        assert_eq!(names(&socket), names(&local), "{case}");
    }

    async fn put_all(&self, here: &Here) {
        let unknown = || Submit { manifest: "digit".to_owned(), ..Submit::default() };
        let nobody = || "abcdef".to_owned();
        let name = || here.key.to_string();
        let path = |file: &str| self.house.home.root().join(file);
        let (kept, absent) = (path("pure.wasm"), path("absent"));
        let folder = self.house.home.root().to_owned();
        self.put("rules", ShowRules).await;
        self.put("offers", ListOffers).await;
        self.put("jobs", ListJobs::default()).await;
        self.put("jobs that are under way", ListJobs { running: true, ..ListJobs::default() }).await;
        self.put("the last jobs", PageJobs { most: 1, ..PageJobs::default() }).await;
        self.put("jobs before none", PageJobs { behind: Some(here.empty), ..PageJobs::default() }).await;
        self.put("a job", ShowJob { name: name() }).await;
        self.put("a job by its first digits", ShowJob { name: name()[..12].to_owned() }).await;
        self.put("no job", ShowJob { name: nobody() }).await;
        self.put("a job's reasons", ExplainJob { name: name() }).await;
        self.put("reasons of no job", ExplainJob { name: nobody() }).await;
        self.put("a quote that nobody gives", QuoteJob(submit(b""))).await;
        self.put("a quote of nothing", QuoteJob(unknown())).await;
        self.put("the same job again", submit(b"7")).await;
        self.put("a job of nothing", unknown()).await;
        self.put("an output", ReadOutput { digest: here.large, of: None }).await;
        self.put("an empty output", ReadOutput { digest: here.empty, of: None }).await;
        self.put("no output", ReadOutput { digest: Digest::of(b"nothing"), of: None }).await;
        self.put("a blob", ReadHeld { digest: here.large }).await;
        self.put("no blob", ReadHeld { digest: Digest::of(b"nothing") }).await;
        self.put("no receipt", ReadReceipt { name: name() }).await;
        self.put("a receipt of nobody", ReadReceipt { name: nobody() }).await;
        self.put_of_now("status", ShowStatus).await;
        self.put_of_now("an account", ShowAccount::default()).await;
        self.put_of_now("an audit", AuditNotary::default()).await;
        self.put_of_now("books", ShowBooks).await;
        self.put("money that is held", ListHeldMoney).await;
        self.put("runs", ListRuns).await;
        self.put("a file", KeepFile { path: kept }).await;
        self.put("no file", KeepFile { path: absent }).await;
        self.put("a folder", KeepFile { path: folder }).await;
        self.put("nothing to offer", Provide::default()).await;
        let service = ServiceWish { manifest: "digit".to_owned(), ..ServiceWish::default() };
        self.put("an offer of nothing", Provide { services: vec![service], ..Provide::default() }).await;
        self.put("nothing that is offered", ListOffered).await;
        self.put("no prices", ShowPrices::default()).await;
        self.put("the price of a model", ShowPrices { models: vec!["pure-digits".to_owned()] }).await;
        self.put("prices over time", ShowPriceHistory).await;
        self.put("receipts", ListReceipts { most: 9, ..ListReceipts::default() }).await;
        self.put("what was earned", SumEarned).await;
        self.put("no limits", ShowLimits).await;
        self.put("no offer any more", StopProviding).await;
        self.put("watching nobody", WatchUpdates { name: Some(nobody()) }).await;
        self.put("watching a job", WatchUpdates { name: Some(name()) }).await;
    }
}

/// An answer, or why there is none, as text.
async fn told<C: Respond>(handle: &Handle, call: C) -> String {
    let told = async {
        let answer = match handle.call(call).await {
            Ok(answer) => answer,
            Err(error) => return format!("{error:?}"),
        };
        let (head, parts) = answer.split();
        let mut told = serde_json::to_string(&head).unwrap();
        let mut parts = parts.unwrap_or_else(|| futures::stream::empty().boxed());
        // What a watcher is told first is all that there is to hear; bytes have an end.
        let parts_max = if C::NAME == WatchUpdates::NAME { 1 } else { usize::MAX };
        let mut taken = 0;
        while taken < parts_max
            && let Some(part) = parts.next().await
        {
            taken += 1;
            told += &Digest::of(&part.unwrap()).to_string();
        }
        told
    };
    timeout(WAIT_MAX, told).await.expect("answered in time")
}

/// What the parts of an answer are called.
fn names(answer: &str) -> Vec<String> {
    let answer: serde_json::Map<_, _> = serde_json::from_str(answer).unwrap();
    answer.into_iter().map(|(name, _)| name).collect()
}

fn submit(input: &[u8]) -> Submit {
    Submit {
        manifest: "pure-digits".to_owned(),
        input: Attachment(input.to_vec()),
        idempotency_key: Some("the same".to_owned()),
        ..Submit::default()
    }
}

/// What is there to be asked for.
struct Here {
    key: Digest,
    large: Digest,
    empty: Digest,
}

impl Here {
    async fn new(house: &House, running: &Running) -> Self {
        running.keep_runner(house).await;
        let key = running.handle.call(submit(b"7")).await.unwrap().key;
        let path = house.home.root().join("large");
        let keep = async |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            running.handle.call(KeepFile { path: path.clone() }).await.unwrap()
        };
        Self { key, large: keep(&large()).await, empty: keep(&[]).await }
    }
}

/// 16 MiB, no two pieces of which are the same.
fn large() -> Vec<u8> {
    (0..4 * 1024 * 1024_u32).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn alone() -> House {
    House::new(1, genesis(id(1)), Vec::new())
}

#[tokio::test]
async fn a_socket_and_the_process_itself_give_the_same_answers() {
    let house = alone();
    let running = house.start().await;
    let here = Here::new(&house, &running).await;
    let both = Both { socket: &running.handle, local: &running.ready.handle, house: &house };
    both.put_all(&here).await;
    assert!(matches!((&running.handle, &running.ready.handle), (Handle::Socket(_), Handle::Local(_))));
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_by_name() {
    let house = alone();
    let running = house.start().await;
    let handle = &running.handle;
    let known = vec!["pure-digits".to_owned()];
    let unknown = Refused::UnknownManifest { name: "digit".to_owned(), known };
    let of_nothing = Submit { manifest: "digit".to_owned(), ..Submit::default() };
    assert_eq!(refused(handle.call(of_nothing.clone()).await), unknown);
    assert_eq!(refused(handle.call(QuoteJob(of_nothing)).await), unknown);
    let (bytes, max) = (INPUT_BYTES_MAX as u64 + 1, INPUT_BYTES_MAX as u64);
    let too_long = submit(&vec![7; INPUT_BYTES_MAX + 1]);
    for handle in [handle, &running.ready.handle] {
        assert_eq!(refused(handle.call(too_long.clone()).await), Refused::InputTooLong { bytes, max });
    }
    let name = "abcdef".to_owned();
    let nobody = Refused::UnknownJob { name: name.clone() };
    assert_eq!(refused(handle.call(ShowJob { name: name.clone() }).await), nobody);
    assert_eq!(refused(handle.call(ExplainJob { name: name.clone() }).await), nobody);
    assert_eq!(refused(handle.call(WatchUpdates { name: Some(name) }).await), nobody);
    let digest = Digest::of(b"nothing");
    assert_eq!(refused(handle.call(ReadOutput { digest, of: None }).await), Refused::BlobAbsent { digest });
    let services =
        vec![ServiceWish { manifest: "pure-digits".to_owned(), unit_price: Amount(1), sample: None }];
    let absent = refused(handle.call(Provide { services, ..Provide::default() }).await);
    assert!(matches!(absent, Refused::PartAbsent { digest, .. } if digest == pure().runner), "{absent:?}");
    let service = ServiceWish { manifest: "pure-digits".to_owned(), ..ServiceWish::default() };
    let free = refused(
        handle.call(Provide { services: vec![service], what_works: true, ..Provide::default() }).await,
    );
    assert!(matches!(free, Refused::Offer(OfferRefused::NoPrice { .. })), "{free:?}");
    running.stop().await;
}

fn refused<T: std::fmt::Debug>(answer: Result<T, CallError>) -> Refused {
    match answer {
        Err(CallError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bytes_come_as_they_are_and_the_longest_input_goes_through() {
    let house = alone();
    let running = house.start().await;
    let here = Here::new(&house, &running).await;
    for handle in [&running.handle, &running.ready.handle] {
        let read =
            async |digest| handle.call(ReadOutput { digest, of: None }).await.unwrap().all().await.unwrap();
        assert!(read(here.large).await == large());
        assert!(read(here.empty).await.is_empty());
        assert!(read(pure().runner).await == PURE);
        let held = handle.call(ReadHeld { digest: pure().runner }).await.unwrap();
        assert!(held.all().await.unwrap() == PURE);
        let longest = Submit { idempotency_key: None, ..submit(&large()[..INPUT_BYTES_MAX]) };
        handle.call(longest).await.unwrap();
    }
    running.stop().await;
}

#[tokio::test]
async fn a_place_is_free_once_a_call_is_over_or_dropped() {
    let house = alone();
    let running = house.start().await;
    for handle in [&running.handle, &running.ready.handle] {
        let mut watching = Vec::new();
        for _ in 0..CALLS_MAX {
            watching.push(handle.call(WatchUpdates::default()).await.unwrap());
        }
        let full = refused(handle.call(ShowStatus).await);
        assert_eq!(full, Refused::TooManyCalls { max: CALLS_MAX });
        watching.pop();
        for _ in 0..CALLS_MAX {
            handle.call(ShowStatus).await.unwrap();
        }
        watching.truncate(CALLS_MAX / 2);
        handle.call(ShowStatus).await.unwrap();
    }
    running.stop().await;
}

#[tokio::test]
async fn a_question_that_waits_for_another_peer_holds_up_no_other() {
    let house = alone();
    let running = house.start().await;
    for handle in [&running.handle, &running.ready.handle] {
        let mut silent = Box::pin(handle.call(ShowAccount { notary: Some(id(9)) }));
        for _ in 0..10 {
            tokio::select! {
                biased;
                answer = &mut silent => panic!("{answer:?}"),
                status = handle.call(ShowStatus) => drop(status.unwrap()),
            }
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn a_daemon_that_has_ended_answers_nothing() {
    let house = alone();
    let running = house.start().await;
    let (socket, local) = (running.handle.clone(), running.ready.handle.clone());
    let mut watching = [
        socket.call(WatchUpdates::default()).await.unwrap(),
        local.call(WatchUpdates::default()).await.unwrap(),
    ];
    running.stop().await;
    for updates in &mut watching {
        let end = async { while let Some(Ok(_)) = updates.next().await {} };
        timeout(WAIT_MAX, end).await.expect("told in time");
    }
    assert!(matches!(socket.call(ShowStatus).await, Err(CallError::Lost(_))));
    assert_eq!(refused(local.call(ShowStatus).await), Refused::Ending);
    assert_eq!(refused(local.call(AuditNotary::default()).await), Refused::Ending);
}

/// Users who wait at a time.
const WAITING: usize = 400;

#[tokio::test]
async fn hundreds_of_users_who_wait_keep_nobody_from_being_answered() {
    let house = alone();
    let running = house.start().await;
    let mut waiting = Vec::new();
    for _ in 0..WAITING {
        let handle = timeout(WAIT_MAX, Handle::connect(&house.home)).await.expect("let in").unwrap();
        waiting.push((handle.call(WatchUpdates::default()).await.unwrap(), handle));
    }
    let one_more = timeout(WAIT_MAX, Handle::connect(&house.home)).await.expect("let in").unwrap();
    timeout(WAIT_MAX, one_more.call(ShowStatus)).await.expect("answered").unwrap();
    drop(waiting);
    running.stop().await;
}
