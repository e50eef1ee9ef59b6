//! A notary as it is met: what it takes into its books, and whom it answers.

use assay_market::{
    Command, Effect, Event, Input,
    command::{Credit, NotGranted},
    input::Remembered,
    view::AttemptState,
};
use assay_protocol::{
    claim::{Claim, Reveal},
    genesis::Founder,
    id::{Digest, JobId},
    manifest::End,
    message::Message,
    notice::{NoticeEvent, Query},
    order::{Abort, Accept, Failure, Open, Order},
    outcome::Outcome,
    receipt::Receipt,
    ticket::Ticket,
    units::{Amount, Duration, Rate},
};

use super::table::{Table, account};
use crate::{
    cheap::{Cheap, CheapScheme},
    office::{CLIENT, FREE, NOTARY, PROVIDER, STRANGER, id},
};

/// An order with its provider's agreement.
fn open(table: &Table, order: &Order) -> Open {
    let accept =
        Accept { job: order.id(), class: order.class, rate_max: Rate::ONE, starts_in: Duration::default() };
    let accept = table.office.say(order.provider, accept);
    Open { order: table.office.say(order.client, order.clone()), accept }
}

/// A notary that has opened an order.
fn opened() -> (Table, Order, Ticket) {
    let mut table = Table::new(NOTARY);
    let order = table.order(0, 0);
    table.hear(CLIENT, open(&table, &order));
    let ticket = table.sent().find_map(|(to, message)| {
        let Message::Ticket(ticket) = message else { return None };
        assert_eq!(to, CLIENT);
        Some(*ticket.said())
    });
    (table, order, ticket.expect("a ticket"))
}

/// The notary closes it: its provider gives up.
fn closed() -> (Table, JobId) {
    let (mut table, order, ticket) = opened();
    let abort = Abort { job: order.id(), ticket: ticket.digest(), reason: Failure::Machine };
    table.hear(STRANGER, abort);
    assert!(notices(&table).is_empty(), "a stranger gives nothing up: {:?}", table.effects);
    table.hear(PROVIDER, abort);
    (table, order.id())
}

fn notices(table: &Table) -> Vec<(u64, NoticeEvent)> {
    let notices = table.sent().filter_map(|(to, message)| {
        let Message::Notice(notice) = message else { return None };
        Some((to, notice.said().event.clone()))
    });
    notices.collect()
}

fn filed(table: &Table) -> Vec<Receipt> {
    let filed = table.effects.iter().filter_map(|effect| {
        let Effect::File { receipt, .. } = effect else { return None };
        Some((**receipt).clone())
    });
    filed.collect()
}

#[test]
fn an_order_that_both_parties_signed_is_opened_once() {
    let (mut table, order, _) = opened();
    assert_eq!(table.saves(), 1);
    table.hear(CLIENT, open(&table, &order));
    assert_eq!((table.said(), table.saves()), (vec![("Ticket", CLIENT)], 0));
}

#[test]
fn an_order_that_the_books_do_not_allow_is_refused_with_the_reason() {
    let (mut table, order, _) = opened();
    let second = Order { nonce: 5, ..order };
    table.hear(CLIENT, open(&table, &second));
    assert_eq!((table.said(), table.saves()), (vec![("Refuse", CLIENT)], 0));
}

#[test]
fn the_parties_of_a_closed_job_are_told_of_it_and_nobody_else_is() {
    let (mut table, job) = closed();
    let told: Vec<u64> = notices(&table).iter().map(|(to, _)| *to).collect();
    assert_eq!((told, filed(&table).len()), (vec![CLIENT, PROVIDER], 1));
    for (by, answered) in [(STRANGER, false), (10, false), (CLIENT, true), (PROVIDER, true)] {
        table.hear(by, Query { sequence: 1, job: Some(job), standing: false });
        let closed = notices(&table).into_iter().any(|(to, event)| {
            to == by && matches!(event, NoticeEvent::Closed { outcome: Outcome::Aborted, .. })
        });
        assert_eq!(closed, answered, "asked by {by}");
    }
    table.hear(CLIENT, Query { sequence: 1, job: Some(Digest::of(b"no job")), standing: false });
    assert_eq!(notices(&table), [(CLIENT, NoticeEvent::Unknown)]);
}

#[test]
fn of_a_job_that_was_closed_long_ago_its_parties_are_told_what_its_receipt_says() {
    let (mut table, ..) = opened();
    let (job, outcome, receipt) = (Digest::of(b"long ago"), Outcome::Checked, Digest::of(b"its receipt"));
    let (client, provider) = (id::<Cheap>(CLIENT), id::<Cheap>(PROVIDER));
    table.remembered.insert(job, Remembered { client, provider, outcome, receipt });
    let told = |table: &mut Table, by| {
        table.hear(by, Query { sequence: 1, job: Some(job), standing: false });
        notices(table)
    };
    let closed = NoticeEvent::Closed { outcome, receipt };
    assert_eq!(told(&mut table, CLIENT), [(CLIENT, closed.clone())]);
    assert_eq!(told(&mut table, PROVIDER), [(PROVIDER, closed)]);
    assert_eq!(told(&mut table, STRANGER), []);
}

#[test]
fn a_notary_that_is_held_back_says_nothing_until_it_goes_on() {
    let (mut table, order, _) = opened();
    table.restart_held_back();
    let query = Query { sequence: 1, job: Some(order.id()), standing: false };
    table.pass(Duration::seconds(120));
    assert_eq!((table.saves(), table.sent().count()), (0, 0), "{:?}", table.effects);
    table.hear(CLIENT, query);
    assert_eq!((table.saves(), table.sent().count()), (0, 0), "{:?}", table.effects);
    assert!(table.node().holds_books_back());
    table.want(Command::KeepBooks);
    assert!(table.saves() > 0, "time enters the books");
    table.hear(CLIENT, query);
    assert!(table.count("Account") > 0);
}

/// What its user was told of grants.
fn decisions(table: &Table) -> Vec<Result<(u64, bool), NotGranted>> {
    let told = table.told().filter_map(|event| {
        if let Event::Granted { credit, is_new } = event {
            Some(Ok((credit.serial, *is_new)))
        } else if let Event::NotGranted { reason, .. } = event {
            Some(Err(*reason))
        } else {
            None
        }
    });
    told.collect()
}

#[test]
fn the_issuer_creates_credits_once_for_each_serial() {
    let mut table = Table::of(NOTARY, |genesis| genesis.issuer = id::<Cheap>(NOTARY));
    let credit = |amount, serial| Credit { account: id::<Cheap>(STRANGER), amount: Amount(amount), serial };
    let minted = |table: &Table| table.node().books().expect("its books").minted.0;
    let before = minted(&table);
    for (restarts, wanted, decided, created) in [
        (false, credit(7, 1), Ok((1, true)), 7),
        (false, credit(7, 1), Ok((1, false)), 7),
        (true, credit(7, 1), Ok((1, false)), 7),
        (false, credit(8, 1), Err(NotGranted::Made { next: 2 }), 7),
        (false, credit(8, 3), Err(NotGranted::Serial { next: 2 }), 7),
        (false, credit(u64::MAX, 2), Err(NotGranted::TooMuch), 7),
        (false, credit(0, 2), Err(NotGranted::Nothing), 7),
        (false, credit(8, 2), Ok((2, true)), 15),
        (false, credit(7, 1), Err(NotGranted::Made { next: 3 }), 15),
    ] {
        if restarts {
            table.restart();
        }
        table.want(Command::Grant(wanted));
        assert_eq!((decisions(&table), minted(&table) - before), (vec![decided], created), "{wanted:?}");
    }
    table.restart_held_back();
    table.want(Command::Grant(credit(1, 3)));
    assert_eq!((decisions(&table), table.saves()), (vec![Err(NotGranted::HeldBack)], 0));
}

#[test]
fn nobody_but_the_issuer_creates_credits() {
    for number in [NOTARY, STRANGER] {
        let mut table = Table::new(number);
        table.want(Command::Grant(Credit { account: id::<Cheap>(number), amount: Amount(7), serial: 1 }));
        let refused = vec![Err(NotGranted::NotTheIssuer)];
        assert_eq!((decisions(&table), table.saves()), (refused, 0), "{number}");
    }
}

#[test]
fn a_client_that_asks_after_its_open_job_is_given_the_ticket_again_and_nobody_else_is() {
    let (mut table, order, ticket) = opened();
    for (by, given) in [(STRANGER, 0), (PROVIDER, 0), (CLIENT, 1)] {
        table.hear(by, Query { sequence: 1, job: Some(order.id()), standing: false });
        let tickets = table.sent().filter(|(to, message)| {
            let Message::Ticket(said) = message else { return false };
            (*to, *said.said()) == (by, ticket)
        });
        assert_eq!(tickets.count(), given, "asked by {by}");
    }
}

/// Otherwise who opens a job and shows its ticket to nobody has it look as if its provider had claimed nothing.
#[test]
fn a_provider_is_told_of_a_job_once_half_of_the_time_for_its_claim_is_over() {
    for restarts in [false, true] {
        let (mut table, _, ticket) = opened();
        if restarts {
            table.restart();
        }
        let half = Duration(ticket.claim_by.since(ticket.standing.opened).0 / 2);
        table.pass(Duration(half.0 - 1));
        assert!(notices(&table).is_empty(), "{restarts}: {:?}", table.said());
        table.pass(table.office.genesis.timers.tick.times(3));
        let told = notices(&table);
        assert!(told.first() == Some(&(PROVIDER, NoticeEvent::Overdue)), "{restarts}: {:?}", table.said());
        let alone = Abort { job: ticket.job, ticket: Digest::default(), reason: Failure::NotStarted };
        table.hear(STRANGER, alone);
        assert!(filed(&table).is_empty(), "{restarts}: a stranger gives nothing up");
        table.hear(PROVIDER, alone);
        assert_eq!(filed(&table).len(), 1, "{restarts}: {:?}", table.said());
        table.pass(half);
        assert!(notices(&table).is_empty(), "{restarts}: {:?}", table.said());
    }
}

#[test]
fn a_provider_is_told_of_a_job_although_its_notary_stood_still_until_half_of_the_time_for_its_claim_was_over()
{
    let (mut table, _, ticket) = opened();
    let half = Duration(ticket.claim_by.since(ticket.standing.opened).0 / 2);
    table.now = table.now.after(half.times(2));
    table.pass(Duration(1));
    assert!(notices(&table).is_empty(), "in its books hardly any time has passed: {:?}", table.said());
    table.pass(half.plus(table.office.genesis.timers.tick));
    assert!(notices(&table).contains(&(PROVIDER, NoticeEvent::Overdue)), "{:?}", table.said());
}

#[test]
fn a_notary_that_begins_anew_files_the_last_receipts_again_and_answers_as_before() {
    let (mut table, job) = closed();
    let receipts = filed(&table);
    table.restart();
    assert_eq!(filed(&table), receipts);
    table.hear(CLIENT, Query { sequence: 2, job: Some(job), standing: false });
    assert!(notices(&table).iter().any(|(_, event)| matches!(event, NoticeEvent::Closed { .. })));
}

/// It takes no result of another claim; and an answer to its own steps would have it answer for ever.
#[test]
fn a_client_that_asks_after_a_claimed_job_is_shown_the_claim_in_the_books_and_its_steps_are_not_answered_so()
{
    let (mut table, order, ticket) = opened();
    let (job, commit) = (order.id(), Digest::default());
    let (ticket, end) = (ticket.digest(), End::Stop);
    let claim = Claim { job, ticket, units: 4, work: 8, check_work: 8, end, commit };
    table.hear(PROVIDER, claim);
    table.pass(table.office.genesis.timers.reveal.times(2));
    let shown = |table: &Table, by: u64| {
        let is_it =
            |event| matches!(event, NoticeEvent::Claimed { claim: said, .. } if *said.said() == claim);
        notices(table).into_iter().filter(|(to, event)| *to == by && is_it(event.clone())).count()
    };
    table.hear(PROVIDER, Claim { work: 9, ..claim });
    assert_eq!((table.saves(), shown(&table, PROVIDER)), (0, 1), "{:?}", table.effects);
    for (by, expected) in [(STRANGER, 0), (CLIENT, 1)] {
        table.hear(by, Query { sequence: 1, job: Some(job), standing: false });
        assert_eq!(shown(&table, by), expected, "asked by {by}");
    }
    table.hear(CLIENT, Reveal { job, position: 9, secret: Digest::default() });
    assert_eq!((shown(&table, CLIENT), table.saves()), (0, 0), "{:?}", table.effects);
}

#[test]
fn nobody_is_told_of_a_claimed_job_because_a_stranger_asked_after_it() {
    let (mut table, order, ticket) = opened();
    let (job, ticket) = (order.id(), ticket.digest());
    table.hear(
        PROVIDER,
        Claim { job, ticket, units: 4, work: 8, check_work: 8, end: End::Stop, commit: Digest::default() },
    );
    for (by, told) in [(STRANGER, vec![]), (CLIENT, vec![CLIENT, PROVIDER])] {
        table.hear(by, Query { sequence: 1, job: Some(job), standing: false });
        let whom: Vec<u64> = notices(&table).iter().map(|(to, _)| *to).collect();
        assert_eq!(whom, told, "asked by {by}");
    }
}

/// The notary's own messages to itself come in again.
fn answer_itself(table: &mut Table) {
    let own: Vec<Message> =
        table.sent().filter(|(to, _)| *to == NOTARY).map(|(_, said)| said.clone()).collect();
    for message in own {
        let opened = message.open::<CheapScheme>(table.office.network);
        table.feed(Input::Message(opened.unwrap_or_else(|forged| panic!("{forged}"))));
    }
}

/// A notary that may order something itself, and has.
#[test]
fn a_notary_hears_of_the_end_of_its_own_job_as_its_client_and_then_as_its_notary() {
    let mut table = Table::of(NOTARY, |genesis| {
        let peer = id::<Cheap>(NOTARY);
        let stake = Amount::ZERO;
        genesis.verifiers.push(Founder { peer, stake, free: FREE, classes: Vec::new() });
    });
    table.hear(NOTARY, account(0, 0));
    table.offer(PROVIDER);
    table.submit(1, |_| {});
    let (_, order) = table.proposed();
    table.accept(PROVIDER, &order);
    answer_itself(&mut table);
    answer_itself(&mut table);
    let start = table.sent().find_map(|(_, message)| {
        let Message::Start(start) = message else { return None };
        Some(start.said().ticket.said().digest())
    });
    let abort = Abort { job: order.id(), ticket: start.expect("the job is open"), reason: Failure::Machine };
    for open in [1, 0] {
        table.hear(PROVIDER, abort);
        assert_eq!(table.node().books().map(|books| books.open), Some(open), "{:?}", table.effects);
    }
    let state = table.node().submissions()[0].attempts[0].state;
    assert_eq!(state, AttemptState::Failed(Failure::Machine));
}
