//! A provider: whose orders it takes on, when it begins, and what it claims.

use assay_market::{
    Command, Effect, Input,
    input::RunId,
    provision::{Provision, Workbench},
};
use assay_protocol::{
    claim::Written,
    id::Digest,
    message::Message,
    notice::NoticeEvent,
    order::{Failure, Order, Propose, Refusal},
    outcome::Outcome,
    signed::Signed,
    ticket::{Start, Ticket},
    units::{Amount, Duration},
};

use super::table::{Table, output, result};
use crate::{
    cheap::Cheap,
    course::record,
    office::{CLIENT, FIRST_VERIFIER, NOTARY, PROVIDER, STRANGER, id},
};

/// Why the last order was refused.
fn refusal(table: &Table) -> Option<Refusal> {
    table.sent().find_map(|(_, message)| {
        let Message::Refuse(refuse) = message else { return None };
        Some(refuse.said().reason)
    })
}

/// What was given up: which ticket each abort quotes, and why.
fn aborts(table: &Table) -> Vec<(Digest, Failure)> {
    let given_up = table.sent().filter_map(|(_, message)| {
        let Message::Abort(abort) = message else { return None };
        Some((abort.said().ticket, abort.said().reason))
    });
    given_up.collect()
}

fn quoted(ticket: &Signed<Ticket>) -> Digest {
    Ticket::digest(&ticket.said())
}

/// The claims that were sent.
fn claims(table: &Table) -> Vec<Message> {
    table.sent().map(|(_, message)| message.clone()).filter(|message| message.kind() == "Claim").collect()
}

#[test]
fn what_is_offered_is_known_until_nothing_is_and_after_a_restart_too() {
    let mut table = Table::provider();
    let offered = table.node().provision().cloned();
    assert!(offered.as_ref().is_some_and(|offered| offered.stocks().count() == 1));
    table.restart();
    assert_eq!(table.node().provision(), offered.as_ref());
    let nothing = offered.map(|offered| Provision { benches: Vec::new(), ..offered });
    nothing.into_iter().for_each(|nothing| table.want(Command::Provide(nothing)));
    assert_eq!(table.node().provision(), None);
    table.restart();
    assert_eq!(table.node().provision(), None);
}

#[test]
fn an_order_is_taken_on_from_its_client_alone() {
    for (signed_by, shown_by, taken) in
        [(STRANGER, CLIENT, false), (CLIENT, STRANGER, false), (CLIENT, CLIENT, true)]
    {
        let mut table = Table::provider();
        let order = table.office.say(id::<Cheap>(signed_by), table.order(0, 0));
        table.hear(shown_by, Propose { order, standing: None });
        assert_eq!((table.count("Accept"), table.saves()), (taken.into(), 0), "{signed_by} {shown_by}");
    }
}

#[test]
fn an_order_that_allows_less_time_than_a_typical_run_takes_is_refused() {
    let mut table = Table::provider();
    for (run_max, expected) in [(Duration(99), Some(Refusal::Limits)), (Duration(100), None)] {
        table.propose(&Order { run_max, ..table.order(0, 0) });
        assert_eq!(refusal(&table), expected, "{run_max:?}");
        assert_eq!(table.count("Accept"), usize::from(expected.is_none()));
    }
}

#[test]
fn an_order_names_a_bench_by_its_class_and_takes_a_slot_of_that_device_alone() {
    let (mut table, first) = Table::started(|table| table.order(0, 0));
    let mut provision = table.node().provision().cloned().expect("something is offered");
    let device = "a card".to_owned();
    let other = Workbench { class: Digest::of(b"a card"), device, ..provision.benches[0].clone() };
    let same = Workbench { class: Digest::of(b"another engine"), ..provision.benches[0].clone() };
    provision.benches.extend([other, same]);
    provision.benches[1].services[0].unit_price = first.unit_price.times(2).unwrap();
    table.want(Command::Provide(provision));
    let dear = first.unit_price.times(2).unwrap();
    let cases = [
        (first.class, first.unit_price, Some(Refusal::Busy)),
        (Digest::of(b"another engine"), first.unit_price, Some(Refusal::Busy)),
        (Digest::of(b"a card"), first.unit_price, Some(Refusal::Price)),
        (Digest::of(b"a card"), dear, None),
        (Digest::of(b"nothing here"), dear, Some(Refusal::Class)),
    ];
    for (class, unit_price, expected) in cases {
        table.propose(&Order {
            class,
            unit_price,
            total_max: first.total_max.times(2).unwrap(),
            ..table.order(1, 0)
        });
        let accepted = usize::from(expected.is_none());
        assert_eq!((refusal(&table), table.count("Accept")), (expected, accepted), "{class} at {unit_price}");
    }
}

#[test]
fn a_job_is_begun_by_its_client_with_its_notarys_ticket_alone() {
    let mut table = Table::provider();
    let order = table.order(0, 0);
    table.propose(&order);
    let ticket = *table.ticket(&order).said();
    let other = Ticket { claim_by: ticket.claim_by.after(Duration(1)), ..ticket };
    let cases = [
        (STRANGER, NOTARY, ticket, false),
        (CLIENT, STRANGER, ticket, false),
        (CLIENT, CLIENT, ticket, false),
        (CLIENT, NOTARY, other, false),
        (CLIENT, NOTARY, ticket, true),
    ];
    for (shown_by, signed_by, ticket, begun) in cases {
        let ticket = table.office.say(id::<Cheap>(signed_by), ticket);
        table.start(shown_by, &order, ticket);
        assert_eq!(
            (table.fetches(order.input_commit), table.saves() > 0),
            (begun, begun),
            "{shown_by} {signed_by}"
        );
    }
}

#[test]
fn a_second_start_begins_nothing_anew() {
    let (mut table, order) = Table::started(|table| table.order(0, 0));
    let ticket = table.office.job(order.id()).map(|job| *job.ticket()).expect("the job is open");
    let ticket = table.office.say(id::<Cheap>(NOTARY), ticket);
    for begun in [false, true] {
        table.start(CLIENT, &order, ticket.clone());
        assert_eq!((table.saves(), table.runs(), table.said().len()), (0, 0, 0), "{begun}");
        table.fetched(order.input_commit, Digest::default());
        assert_eq!(table.runs(), usize::from(!begun));
    }
    table.ran(order.id(), false, Ok(result(4)));
    let said = table.sent().map(|(_, message)| message.clone()).next();
    table.start(CLIENT, &order, ticket);
    assert_eq!((table.saves(), table.sent().next().map(|(_, message)| message.clone())), (0, said));
}

#[test]
fn the_first_ticket_takes_the_slot_and_a_later_one_is_turned_away() {
    let mut table = Table::provider();
    let orders = [0, 1, 2].map(|lane| table.order(lane, 0));
    for order in &orders {
        table.propose(order);
        assert_eq!((table.said(), table.saves()), (vec![("Accept", CLIENT)], 0), "there is one slot");
    }
    let tickets = [0, 1, 2].map(|lane| table.ticket(&orders[lane]));
    table.start(CLIENT, &orders[1], tickets[1].clone());
    assert!(table.fetches(orders[1].input_commit));
    table.propose(&table.order(3, 0));
    assert_eq!(refusal(&table), Some(Refusal::Busy), "the slot is taken");
    for time in ["at first", "and again"] {
        table.start(CLIENT, &orders[0], tickets[0].clone());
        assert_eq!(table.said(), [("Abort", NOTARY), ("Abort", CLIENT)], "{time}");
        assert_eq!((aborts(&table), table.saves()), (vec![(quoted(&tickets[0]), Failure::Busy); 2], 0));
    }
    table.fetched(orders[1].input_commit, Digest::default());
    table.ran(orders[1].id(), false, Ok(result(4)));
    table.start(CLIENT, &orders[0], tickets[0].clone());
    assert_eq!(table.count("Abort"), 2, "what was said stays so, though the slot is free");
    table.start(CLIENT, &orders[2], tickets[2].clone());
    assert!(table.fetches(orders[2].input_commit), "who was not turned away gets it");
}

#[test]
fn others_are_told_that_there_is_no_room_while_a_client_that_keeps_its_word_is_on_its_way() {
    let (mut table, first) = Table::started(|table| table.order(0, 0));
    table.fetched(first.input_commit, Digest::default());
    table.ran(first.id(), false, Ok(result(4)));
    let coming = table.order(1, 0);
    table.propose(&coming);
    assert_eq!(table.said(), [("Accept", CLIENT)]);
    let mut others = 0;
    let mut other = |table: &mut Table| {
        others += 1;
        let order = table.office.order(STRANGER, PROVIDER, others, 0).0;
        let order = table.office.say(id::<Cheap>(STRANGER), order);
        table.hear(STRANGER, Propose { order, standing: None });
        refusal(table)
    };
    assert_eq!(other(&mut table), Some(Refusal::Busy), "there is one slot");
    table.propose(&table.order(2, 0));
    assert_eq!(refusal(&table), None, "nobody stands in its own way");
    let ticket = table.ticket(&coming);
    table.pass(Duration::seconds(2));
    assert_eq!(other(&mut table), None, "it took too long");
    table.start(CLIENT, &coming, ticket);
    assert!(table.fetches(coming.input_commit), "the first ticket takes the slot all the same");
}

#[test]
fn a_ticket_of_nobodys_notary_begins_nothing_and_its_client_keeps_nobody_away() {
    let mut table = Table::provider();
    let real = table.order(0, 0);
    let standing = table.ticket(&real).said().standing;
    let stranger = id::<Cheap>(STRANGER);
    for nonce in 0..3 {
        let order = Order { notary: stranger, ..table.office.order(STRANGER, PROVIDER, 0, nonce).0 };
        let ticket = Ticket::new(&table.office.genesis, &order, standing);
        let (order, ticket) = (table.office.say(stranger, order), table.office.say(stranger, ticket));
        table.hear(STRANGER, Start { order, ticket });
        assert_eq!((table.said(), table.saves()), (Vec::new(), 0), "whoever likes signs such tickets");
    }
    let order = table.office.order(STRANGER, PROVIDER, 1, 0).0;
    let order = table.office.say(stranger, order);
    table.hear(STRANGER, Propose { order, standing: None });
    assert_eq!(table.said(), [("Accept", STRANGER)]);
    table.propose(&real);
    assert_eq!(table.said(), [("Accept", CLIENT)], "nobody is on the way who has shown no ticket");
}

#[test]
fn a_job_that_was_never_begun_is_given_up_by_its_name_alone() {
    let mut table = Table::provider();
    let order = table.order(0, 0);
    for (by, event, given_up) in [
        (NOTARY, NoticeEvent::Unknown, 0),
        (CLIENT, NoticeEvent::Overdue, 0),
        (NOTARY, NoticeEvent::Overdue, 1),
        (NOTARY, NoticeEvent::Cancelled, 1),
    ] {
        table.notice(by, order.id(), event.clone());
        assert_eq!(aborts(&table), vec![(Digest::default(), Failure::NotStarted); given_up], "{event:?}");
        assert_eq!((table.count("Abort"), table.saves()), (given_up, 0));
    }
    let ticket = table.ticket(&order);
    table.start(CLIENT, &order, ticket);
    assert!(!table.fetches(order.input_commit), "what was given up is not begun");
    let (mut table, order) = Table::started(|table| table.order(0, 0));
    table.notice(NOTARY, order.id(), NoticeEvent::Overdue);
    assert!(table.effects.is_empty(), "it has begun: {:?}", table.effects);
}

#[test]
fn a_ticket_begins_nothing_at_other_terms_or_after_its_time() {
    let mut table = Table::provider();
    let order = table.order(0, 0);
    let ticket = table.ticket(&order);
    let other = table.office.order(CLIENT, FIRST_VERIFIER, 1, 0).0;
    table.start(CLIENT, &other, ticket.clone());
    assert!(table.effects.is_empty(), "another order: {:?}", table.effects);
    let claim_time = ticket.said().claim_by.since(ticket.said().standing.opened);
    let late = order.open_by.after(claim_time).since(table.now);
    table.pass(late);
    table.start(CLIENT, &order, ticket.clone());
    assert!(table.effects.is_empty(), "its claim would come too late: {:?}", table.effects);

    let mut table = Table::provider();
    let ticket = table.ticket(&order);
    table.provide_at(order.unit_price.plus(Amount(1)).unwrap_or_default());
    table.start(CLIENT, &order, ticket.clone());
    assert_eq!(aborts(&table), [(quoted(&ticket), Failure::Busy); 2], "it is dearer by now");
}

#[test]
fn an_agreement_says_how_long_loading_takes() {
    let starts_in = |table: &Table| {
        table.sent().find_map(|(_, message)| {
            let Message::Accept(accept) = message else { return None };
            Some(accept.said().starts_in)
        })
    };
    let (mut table, order) = Table::started(|table| table.order(0, 0));
    table.fetched(order.input_commit, Digest::default());
    table.pass(Duration(1_600));
    table.ran(order.id(), false, Ok(result(4)));
    table.propose(&table.order(1, 0));
    assert_eq!(starts_in(&table), Some(Duration::default()), "it is warm now");
    table.pass(Duration::seconds(301));
    table.propose(&Order { open_by: table.now.after(Duration::seconds(30)), ..table.order(1, 0) });
    assert_eq!(starts_in(&table), Some(Duration(1_500)), "as long as the last time, beside the run");
}

#[test]
fn a_key_that_proposes_without_end_is_not_answered_each_time() {
    const BURST: u16 = 256;
    let mut table = Table::provider();
    let answered: usize = (0..2 * BURST)
        .map(|number| {
            table.propose(&table.order(number % BURST, u64::from(number / BURST)));
            table.count("Accept")
        })
        .sum();
    assert_eq!(answered, usize::from(BURST));
    table.pass(Duration::seconds(1));
    table.propose(&table.order(0, 2));
    assert_eq!(table.count("Accept"), 1, "after a while it is heard again");
}

#[test]
fn a_run_that_cannot_be_claimed_is_given_up() {
    let nothing = assay_market::input::RunResult { written: Written::of(&[]), ..result(4) };
    let cases = [
        (Ok(result(5)), Failure::Limit),
        (Ok(nothing), Failure::Empty),
        (Ok(assay_market::input::RunResult { evidence_records: 0, ..result(4) }), Failure::Empty),
        (Err(Failure::Trap), Failure::Trap),
        (Err(Failure::Machine), Failure::Machine),
    ];
    for (ran, expected) in cases {
        let (mut table, order) = Table::started(|table| table.order(0, 0));
        table.fetched(order.input_commit, Digest::default());
        table.ran(order.id(), false, ran);
        assert_eq!(table.said(), [("Abort", NOTARY), ("Abort", CLIENT)], "{expected:?}");
        let given = |message: &Message| {
            let Message::Abort(abort) = message else { return None };
            Some(abort.said().reason)
        };
        assert!(table.sent().all(|(_, message)| given(message) == Some(expected)), "{expected:?}");
    }
}

#[test]
fn what_is_claimed_is_never_claimed_otherwise() {
    let (mut table, order) = Table::claimed();
    let claimed = claims(&table);
    table.notice(NOTARY, order.id(), NoticeEvent::Cancelled);
    assert_eq!((table.saves(), claims(&table)), (0, claimed.clone()), "cancelled too late");
    table.ran(order.id(), false, Ok(result(3)));
    assert!(table.effects.is_empty(), "{:?}", table.effects);
}

#[test]
fn a_job_that_is_cancelled_while_it_runs_is_claimed_for_the_fee_and_never_otherwise() {
    for running in [false, true] {
        let (mut table, order) = Table::started(|table| table.order(0, 0));
        if running {
            table.fetched(order.input_commit, Digest::default());
        }
        table.notice(NOTARY, order.id(), NoticeEvent::Cancelled);
        let yielded = claims(&table);
        assert_eq!((yielded.len(), table.saves()), (1, 1), "running {running}");
        let run = RunId { job: order.id(), check: false };
        assert!(
            table.effects.iter().any(|effect| matches!(effect, Effect::Stop(stopped) if *stopped == run))
        );
        table.fetched(order.input_commit, Digest::default());
        assert_eq!(table.runs(), 0, "it is not begun any more");
        table.ran(order.id(), false, Ok(result(4)));
        assert!(table.effects.is_empty(), "{:?}", table.effects);
        table.notice(NOTARY, order.id(), NoticeEvent::Cancelled);
        assert_eq!((table.saves(), claims(&table)), (0, yielded), "it says the same again");
    }
}

#[test]
fn nobody_but_its_notary_moves_a_job_or_says_who_checks_it() {
    let (mut table, order) = Table::claimed();
    let (outcome, receipt) = (Outcome::Checked, Digest::default());
    let events = [
        NoticeEvent::Cancelled,
        NoticeEvent::Open { beacon: None },
        NoticeEvent::Closed { outcome, receipt },
    ];
    for by in [STRANGER, CLIENT, FIRST_VERIFIER] {
        for event in events.clone() {
            table.notice(by, order.id(), event.clone());
            assert!(table.effects.is_empty(), "{by} {event:?}");
        }
    }
    for (by, served) in [(STRANGER, false), (CLIENT, false), (NOTARY, true)] {
        let check = assay_protocol::check::Check {
            job: order.id(),
            input_commit: order.input_commit,
            ..table.check(1, FIRST_VERIFIER)
        };
        table.hear(by, check);
        let expected = if served { vec![(order.input_commit, FIRST_VERIFIER)] } else { Vec::new() };
        assert_eq!(table.served(), expected, "asked by {by}");
    }
}

#[test]
fn a_claim_is_said_until_the_notary_has_it() {
    let (mut table, order) = Table::claimed();
    table.pass(Duration::seconds(10));
    assert!((3..6).contains(&table.count("Claim")), "{:?}", table.said());
    let claim = table.office.say(
        id::<Cheap>(PROVIDER),
        assay_protocol::claim::Claim {
            job: order.id(),
            ticket: Digest::default(),
            units: 4,
            work: 8,
            check_work: 8,
            end: assay_protocol::manifest::End::Stop,
            commit: Digest::default(),
        },
    );
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 1, claim });
    let timers = table.office.genesis.timers;
    table.pass(timers.window);
    assert_eq!((table.count("Claim"), table.asked()), (0, 0), "nothing is due before the window is over");
    table.pass(timers.window);
    assert!(table.asked() > 0, "{:?}", table.said());
}

#[test]
fn a_claim_is_not_opened_with_records_that_a_disk_has_spoilt() {
    let (mut table, order) = Table::claimed();
    table.notice(NOTARY, order.id(), NoticeEvent::Open { beacon: None });
    let shown = table.effects.iter().find_map(|effect| {
        let Effect::Show { run, positions, .. } = effect else { return None };
        Some((*run, positions.clone()))
    });
    let Some((run, positions)) = shown else { panic!("nothing is read: {:?}", table.effects) };
    let intact: Vec<_> = positions.iter().map(|position| record(&output(), *position)).collect();
    let mut spoilt = intact.clone();
    spoilt[1].bytes[0] ^= 1;
    for (records, opened) in [(spoilt, 0), (intact, 1)] {
        table.feed(Input::Shown { run, records });
        assert_eq!(table.count("OpenClaim"), opened);
    }
}

/// A machine that lost its disk may claim something else the next time. What opens that would be a false opening.
#[test]
fn what_opens_another_claim_than_the_one_in_the_books_is_not_said() {
    let (mut table, order) = Table::claimed();
    let claim = table.claim(&order, Digest::default());
    let shown = RunId { job: order.id(), check: false };
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 1, claim });
    table.notice(NOTARY, order.id(), NoticeEvent::Open { beacon: None });
    assert!(table.effects.is_empty(), "{:?}", table.effects);
    let records = vec![record(&output(), 0), record(&output(), 1)];
    table.feed(Input::Shown { run: shown, records });
    assert_eq!(table.count("OpenClaim"), 0, "{:?}", table.said());
}

/// Whoever tells what cannot be read is taken for somebody who does it on purpose.
#[test]
fn more_than_one_offer_can_hold_is_not_offered_and_what_was_offered_stays() {
    let mut table = Table::provider();
    let offered = table.node().provision().cloned();
    for times in [17, 64] {
        let more = offered.clone().map(|mut more| {
            let services = &mut more.benches[0].services;
            *services = services.iter().cycle().take(times).cloned().collect();
            more
        });
        more.into_iter().for_each(|more| table.want(Command::Provide(more)));
        assert_eq!((table.saves(), table.published()), (0, 0), "{times} services");
        assert_eq!(table.node().provision(), offered.as_ref());
    }
    let reached = offered.map(|mut reached| {
        reached.addresses = (0..40).map(|port| format!("/ip4/192.0.2.1/tcp/{port}")).collect();
        reached
    });
    reached.into_iter().for_each(|reached| table.want(Command::Provide(reached)));
    assert_eq!((table.saves(), table.published()), (1, 1), "the first of many addresses are enough");
}
