//! A client until its job is opened: whose word counts when, whom it asks next, and under which number.

use assay_market::{
    Command, Event, Input,
    ledger::LANES_MAX,
    node::{Fault, Heard},
    submission::{OverFunds, Unmatched},
    view::{AttemptState, AwaitedPlace},
};
use assay_protocol::{
    id::Digest,
    message::Message,
    notice::{Account, NoticeEvent},
    order::{Abort, Accept, Failure, Order, Refusal, Refuse},
    outcome::Outcome,
    receipt::Happening,
    ticket::Ticket,
    units::{Amount, Duration, Rate, Timestamp},
};

use super::{
    awaiting::proven,
    table::{Table, account},
};
use crate::{
    cheap::Cheap,
    office::{CLIENT, FIRST_VERIFIER, NOTARY, PROVIDER, STRANGER, id},
};

pub(super) const OTHER: u64 = FIRST_VERIFIER;
pub(super) const KEY: Digest = Digest([1; 32]);

/// Two providers, and which of them is not this one.
pub(super) const BOTH: [u64; 2] = [PROVIDER, OTHER];

pub(super) fn other(than: u64) -> u64 {
    if than == PROVIDER { OTHER } else { PROVIDER }
}

pub(super) fn refuse(table: &mut Table, by: u64, job: Digest, reason: Refusal) {
    table.hear(by, Refuse { job, reason });
}

/// How far the last attempt at the first submission is.
fn state(table: &Table) -> Option<AttemptState> {
    Some(table.node().submission(Digest([1; 32]))?.attempts.last()?.state)
}

/// When messages of this kind are sent within this time, from now on.
pub(super) fn times(table: &mut Table, kind: &str, within: Duration) -> Vec<u64> {
    let (begin, step) = (table.now, Duration(100));
    let mut times = Vec::new();
    while table.now.since(begin) < within {
        table.pass(step);
        times.extend((0..table.count(kind)).map(|_| table.now.since(begin).0));
    }
    times
}

/// Lets time pass until a submission has come to nothing, and says why.
pub(super) fn why_given_up(table: &mut Table) -> Unmatched {
    for _ in 0..1_000 {
        if let Some(reason) = failed(table) {
            return reason;
        }
        table.pass(Duration(100));
    }
    panic!("it is never given up");
}

/// Why a submission has just come to nothing, if one has.
pub(super) fn failed(table: &Table) -> Option<Unmatched> {
    table.told().find_map(|event| {
        if let Event::Failed { reason, .. } = event { Some((**reason).clone()) } else { None }
    })
}

#[test]
fn where_no_offer_is_there_nothing_is_done_until_one_comes() {
    let mut table = Table::client(&[]);
    let begin = table.now;
    table.submit(1, |_| {});
    assert_eq!(table.wakes_at(), begin.after(Duration::seconds(30)), "it only waits for its end");
    table.pass(Duration(12_345));
    assert!(table.effects.is_empty(), "{:?}", table.effects);
    table.offer(PROVIDER);
    assert_eq!(table.proposed().0, PROVIDER, "at once");
    assert!(!table.node().awaits_offers(), "nobody waits any more");
}

#[test]
fn the_oldest_of_those_who_wait_is_served_first_whatever_they_wait_for() {
    let proposed = |table: &Table| {
        let proposed = table.told().filter_map(|event| {
            let Event::Proposed { key, .. } = event else { return None };
            Some(*key)
        });
        proposed.collect::<Vec<_>>()
    };
    let mut table = Table::client(&[]);
    let keys = [9, 4, 7].map(|number| table.submit(number, |_| {}));
    table.offer(PROVIDER);
    assert_eq!(proposed(&table), keys, "for an offer");

    let mut table = Table::new(CLIENT);
    table.offer(PROVIDER);
    let keys = [9, 4, 7].map(|number| table.submit(number, |_| {}));
    table.restart();
    assert_eq!(proposed(&table), []);
    table.hear(NOTARY, account(0, 0));
    assert_eq!(proposed(&table), keys, "for an account");
}

#[test]
fn what_no_offer_fits_is_given_up_sooner_where_some_are_known() {
    let (dear, cheap) = (Amount(250_000_000), Amount(249_999_999));
    let ended = |table: &mut Table, begin: Timestamp| {
        while !table.told().any(|event| matches!(event, Event::Failed { .. })) {
            table.pass(Duration(1));
        }
        table.now.since(begin).0
    };
    let wanting = || {
        let mut table = Table::client(&[]);
        let begin = table.now;
        table.submit(1, |submission| submission.unit_price_max = cheap);
        (table, begin)
    };
    let (mut table, begin) = wanting();
    assert_eq!(ended(&mut table, begin), 30_000, "none was heard of");
    for (heard_after, given_up_after) in [(1_000, 3_000), (10_000, 10_000)] {
        let (mut table, begin) = wanting();
        table.pass(Duration(heard_after));
        table.offer_at(PROVIDER, dear);
        assert_eq!(ended(&mut table, begin), given_up_after, "one that is too dear");
    }
    let (mut table, _) = wanting();
    table.offer_at(PROVIDER, dear);
    table.pass(Duration(1_000));
    table.offer_at(PROVIDER, cheap);
    assert_eq!(table.proposed().0, PROVIDER, "one that became cheaper is taken up at once");
}

#[test]
fn a_provider_that_nobody_heard_of_is_given_up_sooner_where_others_have_been_known_for_a_while() {
    // When another is heard of, before and after a job is wanted of somebody else, and how long that one is looked for.
    let cases = [
        (None, None, 30_000),
        (Some(10_000), None, 3_000),
        (Some(3_000), None, 3_000),
        (Some(1_000), None, 4_000),
        (Some(0), None, 5_000),
        (None, Some(500), 5_500),
        (None, Some(7_000), 12_000),
        (None, Some(28_000), 30_000),
    ];
    for (before, after, given_up_after) in cases {
        let mut table = Table::client(&[]);
        if let Some(before) = before {
            table.offer(PROVIDER);
            table.pass(Duration(before));
        }
        let begin = table.now;
        table.submit(1, |submission| submission.provider = Some(id::<Cheap>(STRANGER)));
        if let Some(after) = after {
            table.pass(Duration(after));
            table.offer(PROVIDER);
        }
        let _ = why_given_up(&mut table);
        let took = table.now.since(begin).0;
        assert_eq!(took, given_up_after, "{before:?} before, {after:?} after");
    }
    let mut table = Table::client(&[PROVIDER]);
    table.pass(Duration::seconds(10));
    table.submit(1, |submission| submission.provider = Some(id::<Cheap>(OTHER)));
    table.pass(Duration::seconds(2));
    table.offer(OTHER);
    assert_eq!(table.proposed().0, OTHER, "what comes meanwhile is taken up at once");
}

#[test]
fn an_account_is_asked_for_after_growing_pauses_and_what_waits_for_it_goes_on_at_once() {
    let mut table = Table::new(CLIENT);
    table.offer(PROVIDER);
    table.submit(1, |_| {});
    assert_eq!(table.count("Query"), 1);
    assert_eq!(times(&mut table, "Query", Duration::seconds(20)), [400, 1_200, 2_800, 6_000, 12_400]);
    table.hear(NOTARY, account(0, 0));
    assert_eq!(table.proposed().0, PROVIDER);
}

#[test]
fn an_agreement_counts_from_the_provider_that_was_asked_and_for_its_class_alone() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |_| {});
    let (_, order) = table.proposed();
    for by in [NOTARY, STRANGER, OTHER] {
        table.accept(by, &order);
        assert!(table.effects.is_empty(), "{by}: {:?}", table.effects);
    }
    let accept = Accept {
        job: order.id(),
        class: Digest::default(),
        rate_max: Rate::ONE,
        starts_in: Duration::default(),
    };
    table.hear(PROVIDER, accept);
    assert!(table.effects.is_empty(), "another class: {:?}", table.effects);
    table.accept(PROVIDER, &order);
    assert_eq!((table.said(), table.saves()), (vec![("Open", NOTARY)], 1));
    table.accept(PROVIDER, &order);
    assert!(table.effects.is_empty(), "once is enough: {:?}", table.effects);
}

#[test]
fn a_ticket_counts_from_the_notary_alone_and_for_the_terms_that_follow_from_the_order() {
    let (mut table, order, to) = Table::opening(&BOTH);
    let ticket = *table.ticket(&order).said();
    let dearer = Ticket { prepaid: ticket.prepaid + 1, ..ticket };
    for (by, ticket) in [(to, ticket), (STRANGER, ticket), (CLIENT, ticket), (NOTARY, dearer)] {
        table.hear(by, ticket);
        assert!(table.effects.is_empty(), "{by}: {:?}", table.effects);
    }
    table.hear(NOTARY, ticket);
    assert_eq!((table.said(), table.saves()), (vec![("Start", to)], 1));
    assert_eq!(table.served(), [(order.input_commit, to)]);
}

#[test]
fn a_ticket_that_comes_before_the_order_was_shown_to_the_notary_is_not_heard() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |_| {});
    let (_, order) = table.proposed();
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    assert!(table.effects.is_empty(), "{:?}", table.effects);
}

#[test]
fn a_refusal_counts_from_whoever_was_asked_last() {
    let mut table = Table::client(&BOTH);
    table.submit(1, |_| {});
    let (to, order) = table.proposed();
    for by in [NOTARY, STRANGER, other(to)] {
        refuse(&mut table, by, order.id(), Refusal::Price);
        assert!(table.effects.is_empty(), "{by}: {:?}", table.effects);
    }
    refuse(&mut table, to, order.id(), Refusal::Price);
    assert_eq!(table.proposed().0, other(to), "who refused is not asked again");

    let (mut table, order, to) = Table::opening(&BOTH);
    for by in [to, STRANGER, other(to)] {
        refuse(&mut table, by, order.id(), Refusal::Price);
        assert!(table.effects.is_empty(), "{by}: {:?}", table.effects);
    }
    refuse(&mut table, NOTARY, order.id(), Refusal::Frozen);
    assert_eq!(table.proposed().0, other(to));

    let (mut table, order, to) = Table::running(&BOTH);
    for by in [NOTARY, to] {
        refuse(&mut table, by, order.id(), Refusal::Frozen);
        assert!(table.effects.is_empty(), "it is open: {:?}", table.effects);
    }
}

#[test]
fn an_account_that_holds_too_little_is_told_beside_what_it_takes_if_that_is_more() {
    let (free, plenty) = (Amount(5), Amount::credits(100));
    for stated in [free, plenty] {
        let (mut table, order, _) = Table::opening(&[PROVIDER]);
        table.hear(NOTARY, Account { free: stated, ..account(1, 0) });
        refuse(&mut table, NOTARY, order.id(), Refusal::Funds);
        let why = why_given_up(&mut table);
        assert_eq!((why.refusal, why.over_funds.is_some()), (Some(Refusal::Funds), stated == free));
        if let Some(OverFunds { free: told, need }) = why.over_funds {
            assert!(told == free && need >= order.total_max, "{told} and {need}");
        }
    }
}

#[test]
fn whoever_has_too_little_for_one_is_told_so_at_once_whatever_the_next_one_says() {
    let (mut table, order, to) = Table::opening(&BOTH);
    table.hear(NOTARY, Account { free: Amount(5), ..account(1, 0) });
    refuse(&mut table, NOTARY, order.id(), Refusal::Funds);
    let (next, second) = table.proposed();
    assert_eq!(next, other(to));
    refuse(&mut table, next, second.id(), Refusal::Price);
    let why = failed(&table).expect("nobody is waited for");
    assert!(why.refusal == Some(Refusal::Price) && why.over_funds.is_some(), "{why:?}");
}

#[test]
fn a_provider_that_three_messages_could_not_reach_is_given_up_for_another() {
    let mut table = Table::client(&BOTH);
    table.submit(1, |_| {});
    let (to, order) = table.proposed();
    for times in 1..=2 {
        for peer in [to, other(to)] {
            table.feed(Input::Undelivered { to: id::<Cheap>(peer) });
            assert!(table.effects.is_empty(), "{times} times: {:?}", table.effects);
        }
    }
    table.feed(Input::Undelivered { to: id::<Cheap>(to) });
    let (next, second) = table.proposed();
    assert_eq!((next, second.lane, second.nonce), (other(to), order.lane, order.nonce), "in the same place");
}

#[test]
fn a_busy_provider_is_left_alone_for_a_while_and_for_longer_the_second_time() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |_| {});
    let mut pauses = Vec::new();
    for _ in 0..2 {
        let (_, order) = table.proposed();
        refuse(&mut table, PROVIDER, order.id(), Refusal::Busy);
        let begin = table.now;
        while table.count("Propose") == 0 {
            table.pass(Duration(100));
            assert!(table.now.since(begin) < Duration::seconds(20), "it gave up");
        }
        pauses.push(table.now.since(begin).0);
    }
    assert_eq!(pauses, [2_000, 4_000]);
}

#[test]
fn what_is_not_answered_is_said_again_after_growing_pauses() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |_| {});
    let within = Duration::seconds(29);
    assert_eq!(times(&mut table, "Propose", within), [400, 1_200, 2_800, 6_000, 12_400, 20_400, 28_400]);
    let (mut table, ..) = Table::opening(&[PROVIDER]);
    assert_eq!(times(&mut table, "Open", within), [400, 1_200, 2_800, 6_000, 12_400, 20_400, 28_400]);
}

#[test]
fn an_order_that_nobody_answers_is_given_up_once_it_can_be_opened_no_more() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |_| {});
    table.pass(Duration::seconds(30));
    assert_eq!(state(&table), Some(AttemptState::Proposed));
    table.pass(Duration::seconds(10));
    assert_eq!(state(&table), Some(AttemptState::Unanswered));
}

/// The notary may still open it, and then both orders would be paid.
#[test]
fn an_order_that_the_notary_was_shown_is_given_up_on_its_word_alone_and_not_before_its_time() {
    let (mut table, order, to) = Table::opening(&BOTH);
    table.notice(NOTARY, order.id(), NoticeEvent::Unknown);
    assert!(table.effects.is_empty(), "it could still be opened: {:?}", table.effects);
    table.pass(Duration::seconds(60));
    assert_eq!((state(&table), table.count("Propose")), (Some(AttemptState::Opening), 0));
    assert!(table.count("Query") > 0, "it asks: {:?}", table.said());
    for by in [to, STRANGER] {
        table.notice(by, order.id(), NoticeEvent::Unknown);
        assert!(table.effects.is_empty(), "{by}: {:?}", table.effects);
    }
    table.notice(NOTARY, order.id(), NoticeEvent::Unknown);
    assert_eq!(table.proposed().0, other(to));
}

#[test]
fn an_order_that_was_refused_for_a_while_and_opened_all_the_same_is_under_way_again() {
    let (mut table, order, _) = Table::opening(&[PROVIDER]);
    refuse(&mut table, NOTARY, order.id(), Refusal::Exposure);
    assert_eq!(table.node().submission(Digest([1; 32])).map(|view| view.attempts.len()), Some(0));
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    assert_eq!((table.said(), state(&table)), (vec![("Start", PROVIDER)], Some(AttemptState::Running)));
    table.pass(Duration::seconds(20));
    assert_eq!(table.count("Propose"), 0, "another order would be paid as well");
}

#[test]
fn a_client_whose_number_is_taken_asks_after_the_orders_that_it_showed() {
    for (reason, asked) in [(Refusal::Nonce, true), (Refusal::Frozen, false)] {
        let (mut table, order, _) = Table::opening(&[PROVIDER]);
        refuse(&mut table, NOTARY, order.id(), reason);
        let asks = table.sent().any(|(to, message)| {
            let Message::Query(query) = message else { return false };
            (to, query.said().job) == (NOTARY, Some(order.id()))
        });
        assert_eq!(asks, asked, "{reason:?}");
    }
}

#[test]
fn the_next_order_in_a_lane_has_the_next_number_even_where_no_ticket_came() {
    let (mut table, order, to) = Table::opening(&BOTH);
    table.submit(2, |_| {});
    let second = table.proposed().1;
    assert_eq!((second.lane, second.nonce), (order.lane + 1, 0), "one order in a lane at a time");
    let receipt = Digest::of(b"a receipt");
    for by in [to, STRANGER] {
        table.notice(by, order.id(), NoticeEvent::Closed { outcome: Outcome::NoClaim, receipt });
        assert!(table.effects.is_empty(), "{by}: {:?}", table.effects);
    }
    table.notice(NOTARY, order.id(), NoticeEvent::Closed { outcome: Outcome::NoClaim, receipt });
    assert!(table.collects(receipt));
    let found = Ok(proven(Outcome::NoClaim, None));
    table.feed(Input::Collected { job: order.id(), digest: receipt, found });
    let (next, order) = table.proposed();
    assert_eq!((next, order.lane, order.nonce), (other(to), 0, 1));
}

#[test]
fn jobs_for_which_there_is_no_lane_wait_until_there_is_one() {
    let mut table = Table::client(&[PROVIDER]);
    let key = |number: u16| Digest::of(&number.to_be_bytes());
    for number in 0..LANES_MAX {
        table.submit(0, |submission| submission.key = key(number));
        assert_eq!(table.count("Propose"), 1, "job {number}");
    }
    assert_eq!(table.awaited(key(0)), None, "somebody is asked for it");
    table.submit(0, |submission| submission.key = key(LANES_MAX));
    assert_eq!(table.count("Propose"), 0);
    assert_eq!(table.awaited(key(LANES_MAX)), Some(AwaitedPlace::Lane { most: LANES_MAX }));
    table.pass(Duration::seconds(10));
    let told = table.told().any(|event| matches!(event, Event::Failed { .. }));
    assert!(!told, "it is given up");
    table.want(Command::Cancel { key: key(3) });
    let (_, order) = table.proposed();
    assert_eq!((order.lane, order.nonce), (3, 0));
    assert_eq!(table.awaited(key(LANES_MAX)), None);
}

#[test]
fn a_client_of_many_jobs_goes_on_with_no_more_of_them_at_once_than_one_peer_is_heard_of() {
    const AT_ONCE: usize = 256;
    let mut table = Table::client(&[PROVIDER]);
    for number in 0..LANES_MAX {
        table.submit(0, |submission| submission.key = Digest::of(&number.to_be_bytes()));
    }
    table.restart();
    assert_eq!(table.count("Propose"), AT_ONCE);
    table.pass(Duration::seconds(2));
    assert!(table.count("Propose") >= AT_ONCE, "the next of them, beside those that are said again");
}

#[test]
fn the_same_key_is_the_same_wish_only_with_the_same_content() {
    let mut table = Table::client(&[PROVIDER]);
    let key = table.submit(1, |_| {});
    let proposed = table.proposed().1.id();
    table.submit(1, |again| again.input_commit = Digest::of(b"salted anew"));
    assert_eq!((table.heard, table.saves()), (Heard::Taken, 0), "its content is the same");
    for _ in 0..2 {
        table.submit(1, |other| other.content = Digest::of(b"another content"));
        assert_eq!((table.heard, table.saves()), (Heard::Misstep(Fault::Contrary), 0));
        assert_eq!(table.node().submission_content(key), Some(Digest::default()), "the first one counts");
        table.restart();
    }
    assert_eq!(table.node().submission(key).map(|known| known.attempts[0].job), Some(proposed));
}

/// Gives up the order that is running, and closes its job.
fn give_up(table: &mut Table, order: &Order, reason: Failure) {
    let ticket = table.office.job(order.id()).map(|job| job.ticket().digest()).expect("the job is open");
    let provider = (0..100).find(|number| id::<Cheap>(*number) == order.provider).expect("somebody");
    let abort = Abort { job: order.id(), ticket, reason };
    let said = table.office.say(order.provider, abort);
    assert!(table.office.step(Happening::Abort(said)).is_ok(), "the books take it");
    table.hear(provider, abort);
    let (outcome, receipt) = (Outcome::Aborted, Digest::of(&order.id().0));
    table.notice(NOTARY, order.id(), NoticeEvent::Closed { outcome, receipt });
    table.feed(Input::Collected { job: order.id(), digest: receipt, found: Ok(proven(outcome, None)) });
}

#[test]
fn a_failure_that_a_second_provider_repeats_ends_the_submission_and_blames_neither() {
    for (reasons, ends) in [
        ([Failure::Empty, Failure::Empty], true),
        ([Failure::Trap, Failure::Trap], true),
        ([Failure::Empty, Failure::BadInput], false),
        ([Failure::Machine, Failure::Machine], false),
    ] {
        let (mut table, first, to) = Table::running(&[PROVIDER, OTHER, FIRST_VERIFIER + 1]);
        give_up(&mut table, &first, reasons[0]);
        let (next, second) = table.proposed();
        table.accept(next, &second);
        let ticket = *table.ticket(&second).said();
        table.hear(NOTARY, ticket);
        give_up(&mut table, &second, reasons[1]);
        let failed = table
            .told()
            .any(|event| matches!(event, Event::Failed { reason, .. } if reason.failure == Some(reasons[1])));
        assert_eq!((failed, table.count("Propose")), (ends, usize::from(!ends)), "{reasons:?}");
        assert_eq!(table.node().submission(KEY).map(|view| view.ended), Some(ends));
        let blamed = [to, next].map(|peer| table.node().impression(id::<Cheap>(peer)).odds < Rate::ONE);
        let counts = reasons[0] == Failure::Machine;
        assert_eq!(blamed, [counts; 2], "{reasons:?}");
    }
}
