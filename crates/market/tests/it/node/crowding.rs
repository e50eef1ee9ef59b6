//! A client with more to do than a provider takes at a time: it learns that from refusals, and shows it no more.

use std::ops::Range;

use assay_market::{Command, Event, Input, view::AwaitedPlace};
use assay_protocol::{
    id::Digest,
    notice::NoticeEvent,
    order::{Order, Refusal},
    outcome::Outcome,
    units::Duration,
};

use super::{
    awaiting::{bind, delivery, proven},
    ordering::{BOTH, KEY, failed, other, refuse},
    table::{Table, result},
};
use crate::{
    cheap::Cheap,
    office::{NOTARY, PROVIDER, id},
};

/// Whose orders somebody was shown for the first time.
fn ordered(table: &Table) -> Vec<Digest> {
    let ordered = table.told().filter_map(|event| {
        let Event::Proposed { key, .. } = event else { return None };
        Some(*key)
    });
    ordered.collect()
}

/// A client of whom one order runs at the only provider, and seven more were refused for a while when the notary saw them.
fn crowded() -> (Table, Order, Vec<Digest>) {
    let (mut table, running, _) = Table::running(&[PROVIDER]);
    let mut keys = Vec::new();
    let mut orders = Vec::new();
    for number in 2..=8 {
        keys.push(table.submit(number, |_| {}));
        orders.push(table.proposed().1);
    }
    orders.iter().for_each(|order| table.accept(PROVIDER, order));
    for order in &orders {
        refuse(&mut table, NOTARY, order.id(), Refusal::Newcomer);
        assert_eq!(ordered(&table), [], "there is no room for any of them");
    }
    (table, running, keys)
}

/// The notary proves that a job is over.
fn close(table: &mut Table, order: &Order) {
    let (job, receipt, outcome) = (order.id(), Digest([9; 32]), Outcome::NotDrawn);
    table.notice(NOTARY, job, NoticeEvent::Closed { outcome, receipt });
    table.feed(Input::Collected { job, digest: receipt, found: Ok(proven(outcome, None)) });
}

/// The result of a job is here.
fn deliver(table: &mut Table, order: &Order) {
    let deliver = delivery(table, order);
    table.hear(PROVIDER, deliver.clone());
    bind(table, order, &deliver);
    table.fetched(result(4).written.blob, result(4).written.root);
}

#[test]
fn eight_jobs_at_one_who_takes_one_are_refused_once_each_and_served_as_soon_as_there_is_room() {
    let (mut table, running, keys) = crowded();
    assert!(keys.iter().all(|key| table.awaited(*key).is_some()));
    table.pass(Duration::seconds(29));
    assert_eq!(ordered(&table), [], "each knows of the others");
    let late = table.submit(9, |_| {});
    assert_eq!(ordered(&table), [], "so does who comes later");
    assert!(table.awaited(late).is_some());
    close(&mut table, &running);
    assert_eq!(ordered(&table), [keys[0]], "the oldest, at once, and it alone");
    let (_, next) = table.proposed();
    assert!(table.awaited(keys[0]).is_none() && table.awaited(keys[1]).is_some());
    table.accept(PROVIDER, &next);
    close(&mut table, &next);
    assert_eq!(ordered(&table), [keys[1]]);
}

#[test]
fn who_waits_for_room_that_others_of_its_client_take_knows_since_when_none_was_made() {
    let (mut table, running, keys) = crowded();
    let learnt = AwaitedPlace::OwnRoom { since: table.now };
    assert_eq!(table.awaited(KEY), None, "it runs");
    table.pass(Duration::seconds(20));
    assert!(keys.iter().all(|key| table.awaited(*key) == Some(learnt)));
    close(&mut table, &running);
    let (_, next) = table.proposed();
    assert_eq!(table.awaited(keys[1]), Some(AwaitedPlace::Room), "what is only asked takes none yet");
    table.accept(PROVIDER, &next);
    assert_eq!(table.awaited(keys[1]), Some(AwaitedPlace::OwnRoom { since: table.now }));
    table.want(Command::Cancel { key: keys[1] });
    assert_eq!(table.awaited(keys[1]), None, "nobody wants it any more");
}

#[test]
fn who_waits_for_room_that_strangers_take_is_not_told_that_its_own_jobs_do() {
    let mut table = Table::client(&[PROVIDER]);
    let key = table.submit(1, |_| {});
    let (_, order) = table.proposed();
    assert_eq!(table.awaited(key), None, "somebody is asked");
    refuse(&mut table, PROVIDER, order.id(), Refusal::Busy);
    assert_eq!(table.awaited(key), Some(AwaitedPlace::Room));
}

#[test]
fn now_and_then_one_more_is_tried() {
    let (mut table, ..) = crowded();
    for _ in 0..2 {
        table.pass(Duration::seconds(30));
        assert_eq!(ordered(&table).len(), 1, "one after half a minute");
        let (_, order) = table.proposed();
        refuse(&mut table, PROVIDER, order.id(), Refusal::Busy);
        assert_eq!(ordered(&table), []);
        table.pass(Duration(29_999));
        assert_eq!(ordered(&table), [], "it was one too many");
        table.pass(Duration(1));
        assert_eq!(ordered(&table).len(), 1);
        let (_, order) = table.proposed();
        refuse(&mut table, PROVIDER, order.id(), Refusal::Busy);
    }
}

#[test]
fn what_runs_makes_room_with_its_result_and_what_is_at_stake_with_its_receipt() {
    // Who refuses, why, and whether there is room as soon as the result is here.
    let cases = [
        (PROVIDER, Refusal::Busy, true),
        (NOTARY, Refusal::Newcomer, false),
        (NOTARY, Refusal::Exposure, false),
        (NOTARY, Refusal::Full, false),
    ];
    for (by, reason, with_result) in cases {
        let (mut table, running, _) = Table::running(&[PROVIDER]);
        let key = table.submit(2, |_| {});
        let (_, order) = table.proposed();
        if by == NOTARY {
            table.accept(PROVIDER, &order);
        }
        refuse(&mut table, by, order.id(), reason);
        deliver(&mut table, &running);
        assert_eq!(ordered(&table), if with_result { vec![key] } else { vec![] }, "{reason:?}: result");
        close(&mut table, &running);
        assert_eq!(ordered(&table), if with_result { vec![] } else { vec![key] }, "{reason:?}: receipt");
    }
}

/// A client of two providers, of which the one that is told has no room for a second order; and numbers for more jobs.
fn one_crowded() -> (Table, u64, Range<u8>) {
    let (mut table, _, crowded) = Table::running(&BOTH);
    let mut numbers = 2..100;
    loop {
        table.submit(numbers.next().expect("the lot falls on each now and then"), |_| {});
        let (to, order) = table.proposed();
        if to == crowded {
            refuse(&mut table, to, order.id(), Refusal::Busy);
            assert_eq!(table.proposed().0, other(crowded));
            return (table, crowded, numbers);
        }
    }
}

#[test]
fn another_provider_is_asked_instead_of_one_that_has_no_room() {
    let (mut table, crowded, numbers) = one_crowded();
    for number in numbers.take(10) {
        table.submit(number, |_| {});
        assert_eq!(table.proposed().0, other(crowded), "job {number}");
    }
}

#[test]
fn room_at_a_provider_that_an_order_leaves_out_is_not_waited_for() {
    let (mut table, crowded, mut numbers) = one_crowded();
    let left_out = vec![id::<Cheap>(crowded)];
    let key = table.submit(numbers.next().expect("few were needed"), |wish| wish.ignored = left_out);
    for _ in 0..40 {
        let asked = table.told().find_map(|event| {
            let Event::Proposed { key: of, job, .. } = event else { return None };
            (*of == key).then_some(*job)
        });
        asked.into_iter().for_each(|job| refuse(&mut table, other(crowded), job, Refusal::Busy));
        table.pass(Duration::seconds(1));
    }
    assert!(table.node().submission(key).expect("it is known").ended, "others' room is waited for so long");
}

#[test]
fn an_order_that_is_cancelled_before_it_is_answered_makes_room() {
    let (mut table, _, keys) = crowded();
    let learnt = AwaitedPlace::OwnRoom { since: table.now };
    table.pass(Duration::seconds(30));
    let tried = ordered(&table);
    assert_eq!(tried.len(), 1, "one more than there was room for");
    table.want(Command::Cancel { key: tried[0] });
    assert_eq!(ordered(&table).len(), 1, "another one instead of it");
    assert_eq!(table.awaited(keys[6]), Some(learnt), "none of those that it had taken on is over");
}

/// The provider refuses each order for a while; says after how long the submission is given up.
fn given_up_after(table: &mut Table) -> u64 {
    let begin = table.now;
    table.submit(2, |_| {});
    for step in 1..2_000 {
        if table.count("Propose") > 0 {
            let (_, order) = table.proposed();
            refuse(table, PROVIDER, order.id(), Refusal::Busy);
        }
        if let Some(why) = failed(table) {
            assert!(why.busy > 0, "{why:?}");
            return table.now.since(begin).0;
        }
        if step % 100 == 0 {
            table.offer(PROVIDER);
        } else {
            table.pass(Duration(1_000));
        }
    }
    panic!("it is never given up");
}

#[test]
fn room_that_the_client_itself_takes_is_waited_for_longer_than_what_others_take_but_not_for_ever() {
    let others = given_up_after(&mut Table::client(&[PROVIDER]));
    assert!((30_000..40_000).contains(&others), "{others}");
    let (mut table, ..) = Table::running(&[PROVIDER]);
    let own = given_up_after(&mut table);
    assert!((900_000..940_000).contains(&own), "{own}");
}

#[test]
fn a_new_offer_of_whoever_was_busy_is_taken_up_at_once_but_not_before_the_first_pause() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |_| {});
    let mut order = table.proposed().1;
    for pause in [2, 4] {
        refuse(&mut table, PROVIDER, order.id(), Refusal::Busy);
        table.pass(Duration::seconds(pause));
        order = table.proposed().1;
    }
    refuse(&mut table, PROVIDER, order.id(), Refusal::Busy);
    table.pass(Duration(500));
    table.offer(PROVIDER);
    assert_eq!(ordered(&table), [], "it was asked a moment ago");
    table.pass(Duration(500));
    table.offer(PROVIDER);
    assert_eq!(ordered(&table), [], "however often it says so");
    table.pass(Duration(999));
    assert_eq!(ordered(&table), []);
    table.pass(Duration(1));
    assert_eq!(ordered(&table).len(), 1, "without it that would be in six seconds");
    let (_, order) = table.proposed();
    refuse(&mut table, PROVIDER, order.id(), Refusal::Busy);
    table.pass(Duration(3_000));
    assert_eq!(ordered(&table), []);
    table.offer(PROVIDER);
    assert_eq!(ordered(&table).len(), 1, "at once");
}
