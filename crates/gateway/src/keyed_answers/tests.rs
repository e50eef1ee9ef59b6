//! Requests with keys, before and after an end, where no daemon is.

use assay_peer::config::Home;
use axum::http::HeaderMap;

use super::*;
use crate::asked_once::OnceHead;

const PHONE: FileOwner = Some(Digest([1; 32]));
const MODEL: Digest = Digest([9; 32]);

/// A request with a key that asks something.
fn once(key: &'static str, asked: &str) -> AskedOnce {
    let mut headers = HeaderMap::new();
    headers.insert("idempotency-key", key.parse().unwrap());
    OnceHead::read(&headers).unwrap().asks(Digest::of(asked.as_bytes()))
}

async fn begin(
    answers: &KeyedAnswers,
    owner: FileOwner,
    once: AskedOnce,
) -> Result<KeyedRequest, HttpFailure> {
    answers.begin((owner, once.key().unwrap()), once, (MODEL, None)).await
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap()
}

fn records(folder: &tempfile::TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

#[tokio::test]
async fn what_may_have_been_ordered_is_looked_for_under_the_same_word_after_whatever_end() {
    let folder = tempfile::tempdir().unwrap();
    let answers = KeyedAnswers::open(folder.path()).unwrap();
    let link = DaemonLink(Home::at(folder.path().join("home")));
    let first = begin(&answers, PHONE, once("a", "one")).await.unwrap();
    assert_eq!(first.found(&link).await, Ok(None), "nothing was ordered yet");
    first.keep().await.unwrap();
    let word = first.word();
    drop((first, answers));

    let answers = KeyedAnswers::open(folder.path()).unwrap();
    assert_eq!(answers.model(PHONE, &once("a", "one")), Ok(Some(MODEL)));
    let again = begin(&answers, PHONE, once("a", "one")).await.unwrap();
    assert_eq!(again.word(), word);
    // Only the daemon knows whether it was made; without it nothing is ordered.
    assert_eq!(again.found(&link).await.unwrap_err().code(), HttpFailure::NO_DAEMON);
    again.made().await;
    drop(again);
    assert_eq!(answers.model(PHONE, &once("a", "two")), Err(KeyTaken));
    let taken = begin(&answers, PHONE, once("a", "two")).await.unwrap_err();
    assert_eq!((taken.status().as_u16(), taken.code()), (409, "key_in_use"));
    let others = begin(&answers, None, once("a", "two")).await.unwrap();
    assert_ne!(others.word(), word, "another owner's key is another one");
    drop(others);
    assert_eq!(answers.model(None, &once("a", "two")), Ok(None), "nothing was ordered under it");
}

#[tokio::test]
async fn a_key_is_given_back_where_nothing_was_ordered_and_had_by_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let answers = KeyedAnswers::open(folder.path()).unwrap();
    drop(begin(&answers, PHONE, once("a", "one")).await.unwrap());
    let refused = begin(&answers, PHONE, once("a", "two")).await.unwrap();
    refused.keep().await.unwrap();
    assert_eq!(records(&folder), 1);
    let waits = begin(&answers, PHONE, once("a", "two"));
    let mut waits = std::pin::pin!(waits);
    assert!(futures::poll!(&mut waits).is_pending(), "another one has the turn");
    refused.give_back();
    let word = refused.word();
    drop(refused);
    let next = waits.await.unwrap();
    assert_ne!(next.word(), word, "what was given back is not gone on with");
    assert_eq!(records(&folder), 0);
    drop(next);
    assert!(answers.lock().is_empty());
}

#[tokio::test]
async fn what_one_before_may_have_ordered_is_not_given_back_by_one_that_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let answers = KeyedAnswers::open(folder.path()).unwrap();
    let lost = begin(&answers, PHONE, once("a", "one")).await.unwrap();
    lost.keep().await.unwrap();
    let word = lost.word();
    drop(lost);
    let refused = begin(&answers, PHONE, once("a", "one")).await.unwrap();
    refused.keep().await.unwrap();
    refused.give_back();
    drop(refused);
    assert_eq!(begin(&answers, PHONE, once("a", "one")).await.unwrap().word(), word);
    assert_eq!(records(&folder), 1);
}

#[tokio::test]
async fn a_key_is_remembered_for_a_day_and_of_too_many_the_oldest_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let answers = KeyedAnswers::open(folder.path()).unwrap();
    let kept = begin(&answers, None, once("a", "one")).await.unwrap();
    kept.keep().await.unwrap();
    let key = Submit::key_of(&kept.word());
    assert!(answers.forget_old(later(LASTS_S + 60)).is_empty(), "it is being looked for");
    drop(kept);
    assert!(answers.forget_old(later(LASTS_S - 60)).is_empty());
    assert_eq!(answers.forget_old(later(LASTS_S + 60)), [key]);
    assert_eq!((records(&folder), answers.lock().len()), (0, 0));

    let first = begin(&answers, PHONE, once("a", "one")).await.unwrap();
    first.keep().await.unwrap();
    let waiter = first.waiter();
    drop(first);
    let filler = answers.lock()[&(PHONE, once("a", "one").key().unwrap())].record();
    for number in 1..KEYS_MAX.0 {
        let name = (PHONE, Digest::of(&number.to_le_bytes()));
        let record = KeyedRecord { created: later(60), ..filler.clone() };
        let path = folder.path().join(number.to_string());
        answers.lock().insert(name, Arc::new(KeyedAnswer::new(path, record, true)));
    }
    let is_known = |key: &'static str| answers.model(PHONE, &once(key, "one")).unwrap().is_some();
    drop(begin(&answers, PHONE, once("b", "one")).await.unwrap());
    assert!(is_known("a"), "somebody waits for it");
    assert_eq!(answers.lock().len(), KEYS_MAX.0 - 1, "another one was forgotten");
    begin(&answers, PHONE, once("b", "one")).await.unwrap().keep().await.unwrap();
    drop(waiter);
    drop(begin(&answers, PHONE, once("c", "one")).await.unwrap());
    assert!(!is_known("a") && is_known("b"), "the oldest is forgotten");
}

#[tokio::test]
async fn who_comes_back_in_time_finds_its_job_and_a_damaged_record_keeps_none_back() {
    let folder = tempfile::tempdir().unwrap();
    let answers = KeyedAnswers::open(folder.path()).unwrap();
    let request = begin(&answers, PHONE, once("a", "one")).await.unwrap();
    request.keep().await.unwrap();
    let first = request.waiter();
    let other = request.waiter();
    let left = first.leave();
    assert!(!left.is_alone(), "another one waits");
    let last = other.leave();
    assert!(left.is_alone() && last.is_alone());
    let back = request.waiter();
    drop(back);
    assert!(!last.is_alone(), "who came back and left is waited for anew");
    drop(request);
    drop(answers);

    fs::write(folder.path().join("torn.json"), "{").unwrap();
    for _ in 0..2 {
        let answers = KeyedAnswers::open(folder.path()).unwrap();
        assert_eq!(answers.lock().len(), 1);
        assert!(folder.path().join("torn.json.damaged").exists());
    }
}
