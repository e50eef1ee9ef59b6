//! Answers that do not come, before a daemon that says why.

use assay_market::ledger::LANES_MAX;
use assay_peer::handle::{CancelledView, JobView, KnownJob, Submit, SubmittedView};
use assay_protocol::{
    id::{Digest, PeerId},
    order::Failure,
    outcome::Outcome,
    units::{Rate, Timestamp},
};
use axum::{
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::IntoResponse,
};
use tokio::time::timeout;

use super::*;
use crate::{
    answer::{AnswerAgain, AnswerOrder, AnswerTelling},
    asked_once::OnceHead,
    keyed_answers::{AnswerWaiter, KeyedAnswers, KeyedRequest},
    stand_in::{StandInDaemon, attempted, submission},
    tests::poet,
    waited_job::Cancels,
};

const LANE: AwaitedPlace = AwaitedPlace::Lane { most: LANES_MAX };

/// How long nobody took it up: longer than somebody waits.
fn long() -> Duration {
    Duration::from_secs((UNTAKEN_S + 1).into())
}

/// A daemon at which a job waits so, and what it says to whoever wants it cancelled.
fn daemon(awaits: AwaitedPlace, cancelled: Option<AwaitedPlace>) -> StandInDaemon {
    let daemon = StandInDaemon::begin();
    daemon.answers("submit", SubmittedView { key: Digest::default() });
    daemon.answers("cancel_waiting", cancelled);
    daemon.answers("cancel_job", CancelledView { key: Digest::default(), open: false });
    daemon.shows(&job(submission(), Some(awaits)));
    daemon
}

/// How a job stands, and what it waits for.
fn job(submission: SubmissionView, awaits: Option<AwaitedPlace>) -> JobView {
    let (timeline, held) = (Vec::new(), Vec::new());
    JobView { submission, timeline, retry_of: None, retried_as: None, held, awaits }
}

/// A job whose result is here, and may be refuted yet.
fn given() -> SubmissionView {
    let attempt = attempted(AttemptState::Delivered, Some(Rate::ONE)).attempts.remove(0);
    SubmissionView {
        attempts: vec![AttemptView { output: Some(Digest::default()), ..attempt }],
        ..submission()
    }
}

/// An answer that was ordered so long ago.
async fn ordered(daemon: &StandInDaemon, ago: Duration, taken_up: TakenUp) -> (LiveAnswer, Cancels) {
    let cancels = Cancels::default();
    let order = AnswerOrder {
        link: daemon.link.clone(),
        cancels: cancels.clone(),
        manifest: poet(),
        submit: Submit::default(),
        allowance: None,
        is_told: false,
        chances: None,
        keyed: None,
        taken_up,
    };
    let mut answer = order.place().await.unwrap();
    answer.ordered = Instant::now().checked_sub(ago).unwrap();
    (answer, cancels)
}

/// An answer that was ordered before, by a request with a key.
async fn again(daemon: &StandInDaemon, waiter: AnswerWaiter) -> LiveAnswer {
    let again = AnswerAgain {
        link: daemon.link.clone(),
        cancels: Cancels::default(),
        manifest: poet(),
        key: Digest::default(),
        telling: AnswerTelling { is_told: false, is_sure: false },
        waiter,
    };
    again.place().await.unwrap()
}

/// A request with a key.
async fn keyed(answers: &KeyedAnswers) -> KeyedRequest {
    let mut headers = HeaderMap::new();
    headers.insert("idempotency-key", "a".parse().unwrap());
    let once = OnceHead::read(&headers).unwrap().asks(Digest::default());
    answers.begin((None, once.key().unwrap()), once, (Digest::default(), None)).await.unwrap()
}

#[tokio::test]
async fn whoever_waits_for_a_place_that_its_own_jobs_have_is_told_and_nothing_of_it_is_left() {
    let own = AwaitedPlace::OwnRoom { since: Timestamp(7) };
    let open = format!("{LANES_MAX} orders of this home are under way");
    for (awaits, words) in [(LANE, &*open), (own, "other jobs of this home")] {
        let daemon = daemon(awaits, Some(awaits));
        let (mut answer, cancels) = ordered(&daemon, long(), TakenUp::default()).await;
        // The next look is due.
        answer.next_look = Instant::now();
        let failure = answer.next().await.unwrap_err();
        assert_eq!((failure.status(), failure.code()), (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"));
        assert!(failure.line().contains(words) && failure.passes(), "{}", failure.line());
        let response = failure.into_response();
        assert_eq!(response.headers()[RETRY_AFTER], UNTAKEN_S.to_string());
        let wanted = daemon.asked("cancel_waiting");
        assert_eq!(wanted.len(), 1);
        assert_eq!(wanted[0]["still_for"], 1_000 * u64::from(UNTAKEN_S));
        drop(answer);
        cancels.finish(Duration::from_secs(60)).await;
        assert!(daemon.asked("cancel_job").is_empty(), "it is cancelled already");
    }
}

#[tokio::test]
async fn nobody_is_refused_early_nor_where_somebody_takes_it_up_at_the_last_moment() {
    let early = daemon(LANE, Some(LANE));
    let (mut answer, _) = ordered(&early, Duration::ZERO, TakenUp::default()).await;
    assert_eq!(answer.look_why_it_waits().await, Ok(()));
    assert!(early.asked("cancel_waiting").is_empty());

    let taken = daemon(LANE, None);
    let (mut answer, cancels) = ordered(&taken, long(), TakenUp::default()).await;
    assert_eq!(answer.look_why_it_waits().await, Ok(()), "the daemon says that it goes on");
    assert_eq!(taken.asked("cancel_waiting").len(), 1);
    drop(answer);
    cancels.finish(Duration::from_secs(60)).await;
    assert_eq!(taken.asked("cancel_job").len(), 1, "its client went away meanwhile");
}

#[tokio::test]
async fn what_was_taken_up_is_waited_for() {
    let daemon = daemon(LANE, Some(LANE));
    let beside = TakenUp::default();
    let (mut answer, _) = ordered(&daemon, long(), beside.clone()).await;
    beside.note(&attempted(AttemptState::Closed(Outcome::NoClaim), Some(Rate::ONE)));
    assert_eq!(answer.look_why_it_waits().await, Ok(()), "another answer to the same request was");
    assert!(daemon.asked("cancel_waiting").is_empty());

    for (taken, rate) in [
        (AttemptState::Opening, None),
        (AttemptState::Closed(Outcome::NoClaim), None),
        (AttemptState::Running, Some(Rate::ONE)),
    ] {
        let noted = TakenUp::default();
        noted.note(&attempted(taken, rate));
        assert!(noted.is_noted(), "{taken:?} may cost");
    }
    let never = TakenUp::default();
    never.note(&attempted(AttemptState::Unanswered, None));
    assert!(!never.is_noted());
}

#[tokio::test]
async fn whoever_waits_for_the_word_of_a_notary_that_is_gone_is_told_so_though_the_job_was_opened() {
    let silent_for = units::Duration::seconds(90);
    let lost = LostNotary { notary: PeerId([7; 32]), silent_for, heard: Some(Timestamp(1)) };
    let opened = |state| attempted(state, Some(Rate::ONE));
    for stands in [
        // Its provider may be gone as well.
        opened(AttemptState::Running),
        opened(AttemptState::Failed(Failure::Overdue)),
        // It is checked for sure.
        given(),
    ] {
        let daemon = StandInDaemon::begin();
        daemon.answers("submit", SubmittedView { key: Digest::default() });
        daemon.answers("cancel_job", CancelledView { key: Digest::default(), open: true });
        daemon.answers("show_job", job(stands.clone(), None));
        let (mut answer, cancels) = ordered(&daemon, long(), TakenUp::default()).await;
        answer.is_sure = true;
        assert_eq!(answer.look(&stands).await, Ok(()));
        daemon.answers("look_for_notary", Some(lost));
        assert_eq!(answer.look_why_it_waits().await, Ok(()), "it may be back in a moment");
        let long_ago = Instant::now().checked_sub(WORD_WAIT);
        for is_there in [true, false] {
            answer.quiet = long_ago;
            if is_there {
                daemon.answers("look_for_notary", None::<LostNotary>);
                assert_eq!(answer.look_why_it_waits().await, Ok(()));
                daemon.answers("look_for_notary", Some(lost));
            } else {
                answer.tell("its provider writes".to_owned());
            }
            assert_eq!(answer.quiet, None, "{is_there}");
        }
        answer.parts.clear();
        (answer.quiet, answer.next_look) = (long_ago, Instant::now());
        let failure = timeout(Duration::from_secs(60), answer.next()).await.unwrap().unwrap_err();
        assert_eq!((failure.status(), failure.code()), (StatusCode::SERVICE_UNAVAILABLE, "notary_gone"));
        assert!(failure.line().contains("last heard 90 s ago and has opened the job"), "{}", failure.line());
        drop(answer);
        cancels.finish(Duration::from_secs(60)).await;
        assert_eq!(daemon.asked("cancel_job").len(), 1, "{stands:?}");
    }
}

#[tokio::test]
async fn a_job_that_is_told_anew_and_stands_as_before_was_not_heard_of() {
    let daemon = daemon(LANE, None);
    let (mut answer, _) = ordered(&daemon, Duration::ZERO, TakenUp::default()).await;
    let [running, failed] = [AttemptState::Running, AttemptState::Failed(Failure::Overdue)]
        .map(|state| attempted(state, Some(Rate::ONE)));
    let quiet = Some(Instant::now());
    for (stands, has_moved) in [(&running, true), (&running, false), (&failed, true), (&failed, false)] {
        answer.quiet = quiet;
        assert_eq!(answer.look(stands).await, Ok(()));
        assert_eq!(answer.quiet, quiet.filter(|_| !has_moved));
    }
}

#[tokio::test]
async fn why_it_waits_is_not_looked_while_its_words_come() {
    let daemon = daemon(LANE, None);
    let (mut answer, _) = ordered(&daemon, Duration::ZERO, TakenUp::default()).await;
    let due = Instant::now();
    answer.next_look = due;
    answer.tell(String::new());
    assert_eq!(answer.next_look, due, "nothing came");
    answer.tell("its provider writes".to_owned());
    assert!(answer.next_look >= due + LOOK_STEP);
}

#[tokio::test]
async fn a_result_that_a_daemon_went_away_with_is_cancelled_where_its_client_hangs_up_before_it_is_read() {
    let daemon = daemon(LANE, None);
    daemon.leaves_at("read_output");
    let (mut answer, cancels) = ordered(&daemon, Duration::ZERO, TakenUp::default()).await;
    (answer.known, answer.quiet) = (given().attempts, Some(Instant::now()));
    assert_eq!(answer.look(&given()).await, Ok(()), "the daemon is back");
    assert_eq!(answer.quiet, None, "nobody heard its notary meanwhile");
    assert_eq!((daemon.asked("read_output").len(), daemon.asked("watch_updates").len()), (1, 2));
    drop(answer);
    cancels.finish(Duration::from_secs(60)).await;
    assert_eq!(
        daemon.asked("cancel_job").len(),
        1,
        "it may be refuted meanwhile, and another provider asked"
    );
}

#[tokio::test]
async fn all_who_wait_for_a_job_with_a_key_are_told_the_same() {
    let daemon = daemon(LANE, Some(LANE));
    let folder = tempfile::tempdir().unwrap();
    let request = keyed(&KeyedAnswers::open(folder.path()).unwrap()).await;
    let (mut first, mut other) =
        (again(&daemon, request.waiter()).await, again(&daemon, request.waiter()).await);
    first.ordered = Instant::now().checked_sub(long()).unwrap();
    let told = first.look_why_it_waits().await.unwrap_err();
    let ended = SubmissionView { cancelled: true, ended: true, ..submission() };
    assert_eq!(other.look(&ended).await.unwrap_err(), told);
}

#[tokio::test]
async fn by_a_key_what_was_cancelled_before_it_was_opened_is_ordered_anew_and_what_may_cost_is_not() {
    let daemon = StandInDaemon::begin();
    let folder = tempfile::tempdir().unwrap();
    let request = keyed(&KeyedAnswers::open(folder.path()).unwrap()).await;
    request.keep().await.unwrap();
    request.made().await;
    let is = |submission: SubmissionView| {
        let submission = SubmissionView { cancelled: true, ended: true, ..submission };
        let job =
            KnownJob { submission, cost_max: None, unit_price_max: None, gives_parts: false, awaits: None };
        daemon.answers("known_jobs", [job]);
    };
    let word = request.word();
    is(attempted(AttemptState::Closed(Outcome::Cancelled), Some(Rate::ONE)));
    let failure = request.found(&daemon.link).await.unwrap_err();
    assert_eq!((failure.code(), request.word()), ("cancelled", word));
    for untaken in [submission(), attempted(AttemptState::Cancelled, None)] {
        let word = request.word();
        is(untaken);
        assert_eq!(request.found(&daemon.link).await, Ok(None));
        assert_ne!(request.word(), word, "it is another order");
    }
}
