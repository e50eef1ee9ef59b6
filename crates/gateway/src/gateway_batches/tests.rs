//! Batches as their owners find them, before and after a restart.

use super::*;
use crate::{asked_once::OnceHead, drawn_name::FileId};

const PHONE: FileOwner = Some(Digest([1; 32]));

fn record(owner: FileOwner) -> BatchRecord {
    let (id, file) = (BatchId::draw().unwrap(), FileId::draw().unwrap());
    BatchRecord::new((id, owner), ("/v1/embeddings".to_owned(), file), None)
}

/// One whose lines have so many bytes.
fn long(owner: FileOwner, input_bytes: u64) -> BatchRecord {
    BatchRecord { input_bytes, ..record(owner) }
}

fn over(batch: &OpenBatch) {
    batch.change(|record| record.times.completed = Some(Timestamp::now())).unwrap();
}

#[test]
fn a_batch_is_its_owners_alone_and_goes_on_after_a_restart_unless_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let batches = GatewayBatches::open(folder.path()).unwrap();
    let first = batches.add(record(PHONE)).unwrap().unwrap();
    let second = batches.add(record(PHONE)).unwrap().unwrap();
    let id = first.record().id;
    assert!(batches.find(None, id).is_none() && batches.all(None).is_empty());
    over(&second);
    for batch in [&first, &second] {
        fs::create_dir(folder.path().join(batch.record().id.to_string())).unwrap();
    }
    drop(batches);
    let batches = GatewayBatches::open(folder.path()).unwrap();
    let unfinished: Vec<BatchId> = batches.unfinished().iter().map(|batch| batch.record().id).collect();
    assert_eq!(unfinished, [id]);
    let is_there = |batch: &OpenBatch| folder.path().join(batch.record().id.to_string()).exists();
    assert_eq!((is_there(&first), is_there(&second)), (true, false), "what is over was let go");
    let all: Vec<BatchRecord> = batches.all(PHONE).iter().map(|batch| batch.record()).collect();
    assert_eq!(all, [second.record(), first.record()], "the youngest is first");
    assert!(batches.find(PHONE, id).is_some());
}

#[test]
fn a_record_that_is_damaged_is_put_aside_once_and_keeps_no_other_back() {
    let folder = tempfile::tempdir().unwrap();
    let batches = GatewayBatches::open(folder.path()).unwrap();
    let healthy = batches.add(record(PHONE)).unwrap().unwrap();
    let torn = batches.add(record(PHONE)).unwrap().unwrap();
    let swapped = batches.add(record(PHONE)).unwrap().unwrap();
    for batch in [&healthy, &torn] {
        batch.work().make().unwrap();
        fs::write(batch.work().path().join("results.jsonl"), "paid").unwrap();
    }
    fs::write(&torn.path, "{\"id\":").unwrap();
    fs::copy(&healthy.path, &swapped.path).unwrap();
    drop(batches);
    for _ in 0..2 {
        let batches = GatewayBatches::open(folder.path()).unwrap();
        let unfinished: Vec<BatchId> = batches.unfinished().iter().map(|batch| batch.id).collect();
        assert_eq!(unfinished, [healthy.id]);
        assert!(!torn.path.exists() && !swapped.path.exists() && healthy.work().path().exists());
        let kept = folder.path().join(format!("{}.damaged", torn.id)).join("results.jsonl");
        assert_eq!(fs::read_to_string(kept).unwrap(), "paid", "what came of it is not thrown away");
        assert!(folder.path().join(format!("{}.json.damaged", torn.id)).exists());
    }
}

/// How a request is told from others that has a key, or says how often it was sent.
fn once(key: Option<&'static str>, retries: &'static str, asked: &str) -> AskedOnce {
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("x-stainless-retry-count", retries.parse().unwrap());
    if let Some(key) = key {
        headers.insert("idempotency-key", key.parse().unwrap());
    }
    OnceHead::read(&headers).unwrap().asks(Digest::of(asked.as_bytes()))
}

#[test]
fn a_request_that_is_sent_again_hands_in_the_same_batch_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let batches = GatewayBatches::open(folder.path()).unwrap();
    let asked = |owner: FileOwner, once: AskedOnce| BatchRecord { once, ..record(owner) };
    let keyed = batches.add(asked(PHONE, once(Some("a"), "0", "one"))).unwrap().unwrap();
    let repeated = batches.add(asked(PHONE, once(None, "0", "two"))).unwrap().unwrap();
    drop(batches);
    let batches = GatewayBatches::open(folder.path()).unwrap();
    let add = |owner: FileOwner, once: AskedOnce| batches.add(asked(owner, once)).unwrap();
    assert_eq!(add(PHONE, once(Some("a"), "1", "one")).unwrap().id, keyed.id);
    assert_eq!(add(PHONE, once(Some("a"), "0", "two")).unwrap_err(), BatchRefused::Key(KeyTaken));
    let found = batches.asked_before(PHONE, &once(None, "1", "two")).unwrap().unwrap();
    assert_eq!(found.id, repeated.id);
    for (owner, other) in [(None, once(Some("a"), "0", "one")), (None, once(None, "1", "two"))] {
        assert!(batches.asked_before(owner, &other).unwrap().is_none(), "it is another's");
    }
    batches.find(PHONE, repeated.id).unwrap();
    assert!(
        batches.asked_before(PHONE, &once(None, "1", "two")).unwrap().is_none(),
        "its client knows of it"
    );

    let first = add(None, once(None, "0", "two")).unwrap();
    let second = add(None, once(None, "0", "two")).unwrap();
    assert_ne!(first.id, second.id, "the same file handed in anew is answered anew");
    assert_eq!(add(None, once(None, "2", "two")).unwrap().id, second.id);
    assert!(batches.asked_before(None, &once(None, "0", "two")).unwrap().is_none());
    let third = add(None, once(None, "1", "two")).unwrap();
    assert!(third.id != first.id && third.id != second.id, "it repeats what was refused meanwhile");
    assert!(third.begin() && !third.begin(), "it is carried out once");
}

#[tokio::test]
async fn a_batch_is_cancelled_once_and_not_when_it_is_too_late() {
    let folder = tempfile::tempdir().unwrap();
    let batches = GatewayBatches::open(folder.path()).unwrap();
    let batch = batches.add(record(None)).unwrap().unwrap();
    let cancelled = batch.cancel().unwrap().unwrap();
    assert_eq!(cancelled.status(), "cancelling");
    assert_eq!(batch.cancel().unwrap(), Some(cancelled), "to say it again changes nothing");
    batch.cancelled().await;
    let again = GatewayBatches::open(folder.path()).unwrap();
    again.find(None, batch.record().id).unwrap().cancelled().await;
    let late = batches.add(record(None)).unwrap().unwrap();
    late.change(|record| record.times.finalizing = Some(Timestamp::now())).unwrap();
    assert_eq!(late.cancel().unwrap(), None);
    over(&late);
    assert_eq!(late.cancel().unwrap(), None);
}

#[test]
fn there_are_no_more_open_batches_than_there_may_be_and_the_oldest_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let batches = GatewayBatches::open(folder.path()).unwrap();
    let first = batches.add(record(PHONE)).unwrap().unwrap();
    for _ in 1..OPEN_MOST.batches {
        batches.add(record(PHONE)).unwrap().unwrap();
    }
    let refused = batches.add(record(PHONE)).unwrap().unwrap_err();
    assert!(
        refused.to_string().starts_with("you have 16 batches of 0 bytes under way, where at most 16"),
        "{refused}"
    );
    assert!(batches.add(record(None)).unwrap().is_ok(), "another key has room of its own");
    over(&first);
    batches.add(record(PHONE)).unwrap().unwrap();
    assert_eq!(batches.all(PHONE).len(), OPEN_MOST.batches + 1);
    let old = record(PHONE);
    let times = crate::batch_record::BatchTimes {
        created: Timestamp::UNIX_EPOCH,
        completed: Some(Timestamp::UNIX_EPOCH),
        ..old.times.clone()
    };
    let old = batches.batch(BatchRecord { times, ..old });
    old.record().write(&old.path).unwrap();
    let (path, id) = (old.path.clone(), old.record().id);
    lock(&batches.known).insert(id, Arc::new(old));
    for _ in 0..REMEMBERED_MAX {
        let filler = record(PHONE);
        lock(&batches.known).insert(filler.id, Arc::new(batches.batch(filler)));
    }
    batches.forget_more(PHONE);
    assert!(!path.exists() && batches.find(PHONE, id).is_none());
}

#[test]
fn what_is_copied_for_batches_that_are_under_way_has_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let batches = GatewayBatches::open(folder.path()).unwrap();
    let most = batches.add(long(PHONE, OPEN_MOST.bytes - 1)).unwrap().unwrap();
    batches.add(long(PHONE, 1)).unwrap().unwrap();
    let refused = batches.add(long(PHONE, 1)).unwrap().unwrap_err();
    let BatchRefused::Many(many) = refused else { panic!("{refused:?}") };
    assert_eq!((many.have.batches, many.have.bytes), (2, OPEN_MOST.bytes));
    over(&most);
    drop(batches);
    let batches = GatewayBatches::open(folder.path()).unwrap();
    batches.add(long(PHONE, 1)).unwrap().unwrap();
    for number in 0..3 {
        let owner = Some(Digest([number + 7; 32]));
        batches.add(long(owner, OPEN_MOST.bytes)).unwrap().unwrap();
    }
    let refused = batches.add(long(None, OPEN_MOST.bytes)).unwrap().unwrap_err();
    assert!(refused.to_string().starts_with("all keys together have 5 batches"), "{refused}");
}

#[test]
fn how_far_a_batch_is_shows_while_it_is_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let batches = GatewayBatches::open(folder.path()).unwrap();
    let batch = batches.add(record(None)).unwrap().unwrap();
    batch.change(|record| record.counts.total = 3).unwrap();
    batch.tell(BatchSign::Away);
    assert_eq!(batch.document()["assay"]["waits_for"]["code"], "no_daemon");
    let tally = crate::LineTally { answered: 1, failed: 1 };
    let spent = assay_protocol::units::Amount::credits(2);
    batch.tell(BatchSign::Progress { tally, open: 2, spent, is_held: true, is_cancelled: false });
    let waits = batch.document()["assay"]["waits_for"].clone();
    assert_eq!(waits["code"], "jobs_open");
    assert!(waits["message"].as_str().unwrap().contains("until one of its 2 open jobs closes"), "{waits}");
    batch.tell(BatchSign::Progress { tally, open: 1, spent, is_held: false, is_cancelled: false });
    let document = batch.document();
    let counts = serde_json::json!({ "total": 3, "completed": 1, "failed": 1 });
    assert_eq!(
        (&document["request_counts"], &document["assay"]["waits_for"]),
        (&counts, &serde_json::Value::Null)
    );
}
