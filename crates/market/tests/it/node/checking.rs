//! A verifier: whose checks it takes, what it finds, and to whom it opens that.

use assay_market::{Effect, Event};
use assay_protocol::{
    check::{Check, Draft},
    claim::Written,
    id::{Digest, JobId},
    manifest::End,
    message::Message,
    notice::NoticeEvent,
    order::Failure,
    units::Duration,
};

use super::table::{Table, result};
use crate::office::{CLIENT, FIRST_VERIFIER, NOTARY, PROVIDER, STRANGER};

/// A verifier that was asked to check a job.
pub(super) fn asked() -> (Table, Check) {
    let mut table = Table::new(FIRST_VERIFIER);
    let check = table.check(1, FIRST_VERIFIER);
    table.hear(NOTARY, check.clone());
    assert_eq!(table.said(), [("Underway", NOTARY), ("Check", CLIENT), ("Check", PROVIDER)]);
    (table, check)
}

/// A verifier that has the input and runs it.
pub(super) fn running() -> (Table, Check) {
    let (mut table, check) = asked();
    table.fetched(check.input_commit, Digest::default());
    assert_eq!(table.runs(), 1);
    (table, check)
}

/// A verifier that was asked to check a job along what was claimed.
fn asked_along(written: Written) -> (Table, Check) {
    let mut table = Table::new(FIRST_VERIFIER);
    let draft = Some(Draft { written, units: 4, end: End::Stop });
    let check = Check { draft, ..table.check(1, FIRST_VERIFIER) };
    table.hear(NOTARY, check.clone());
    (table, check)
}

/// What each run that was begun goes along.
fn along(table: &Table) -> Vec<Option<Digest>> {
    let draft = |effect: &Effect| if let Effect::Run(run) = effect { Some(run.draft) } else { None };
    table.effects.iter().filter_map(draft).collect()
}

/// The seals that were sent.
pub(super) fn seals(table: &Table) -> Vec<Message> {
    table.sent().map(|(_, message)| message.clone()).filter(|message| message.kind() == "Seal").collect()
}

fn shows(table: &Table) -> usize {
    table.effects.iter().filter(|effect| matches!(effect, Effect::Show { .. })).count()
}

#[test]
fn a_check_is_taken_from_a_notary_and_by_whom_it_names_alone() {
    let cases =
        [(STRANGER, FIRST_VERIFIER), (CLIENT, FIRST_VERIFIER), (NOTARY, PROVIDER), (NOTARY, FIRST_VERIFIER)];
    for (by, verifier) in cases {
        let mut table = Table::new(FIRST_VERIFIER);
        table.hear(by, table.check(1, verifier));
        let taken = (by, verifier) == (NOTARY, FIRST_VERIFIER);
        assert_eq!(!table.effects.is_empty(), taken, "{by} asks {verifier}: {:?}", table.effects);
    }
    let mut table = Table::new(STRANGER);
    table.hear(NOTARY, table.check(1, STRANGER));
    assert!(table.effects.is_empty(), "it never said that it could");
}

#[test]
fn a_job_that_no_sandbox_can_run_is_sealed_as_nothing_and_a_fault_of_the_machine_is_not_sealed() {
    let proves = [Failure::BadInput, Failure::Trap, Failure::Limit, Failure::Empty];
    let faults = [Failure::InputAbsent, Failure::Unusable, Failure::Machine, Failure::Overdue];
    for failure in proves.into_iter().chain(faults) {
        let (mut table, check) = running();
        table.ran(check.job, true, Err(failure));
        let expected = if proves.contains(&failure) { vec![("Seal", NOTARY)] } else { Vec::new() };
        assert_eq!((table.said(), table.saves()), (expected, 1), "{failure:?}");
        table.hear(NOTARY, check);
        assert_eq!(table.runs(), 0, "{failure:?}: it is not run again");
        let says = if proves.contains(&failure) { "Seal" } else { "Underway" };
        assert_eq!(table.said(), [(says, NOTARY)], "{failure:?}: it was heard");
    }
}

#[test]
fn what_is_sealed_is_sealed_once_and_said_again_to_whoever_asks_again() {
    let (mut table, check) = running();
    table.ran(check.job, true, Ok(result(4)));
    let sealed = seals(&table);
    assert_eq!(sealed.len(), 1);
    table.ran(check.job, true, Ok(result(3)));
    assert!(table.effects.is_empty(), "{:?}", table.effects);
    table.hear(NOTARY, check);
    assert_eq!((seals(&table), table.saves()), (sealed, 0));
}

#[test]
fn a_seal_is_opened_for_its_notary_alone() {
    let (mut table, check) = running();
    table.notice(NOTARY, check.job, NoticeEvent::Open { beacon: None });
    assert_eq!(shows(&table), 0, "nothing is sealed");
    table.ran(check.job, true, Ok(result(4)));
    for (by, opened) in [(STRANGER, 0), (CLIENT, 0), (PROVIDER, 0), (NOTARY, 1)] {
        table.notice(by, check.job, NoticeEvent::Open { beacon: None });
        assert_eq!(shows(&table), opened, "asked by {by}");
    }
}

#[test]
fn a_claimed_output_is_waited_for_half_as_long_as_an_input_and_used_if_it_is_what_was_claimed() {
    let written = result(4).written;
    for (root, used) in [(written.root, Some(written.blob)), (Digest::of(b"another root"), None)] {
        let (mut table, check) = asked_along(written);
        table.fetched(check.input_commit, Digest::default());
        assert_eq!(table.runs(), 0, "the claimed output is on its way");
        table.fetched(written.blob, root);
        assert_eq!(along(&table), [used]);
    }
    let (mut table, check) = asked_along(written);
    table.fetched(check.input_commit, Digest::default());
    table.pass(table.office.genesis.timers.input);
    assert_eq!(along(&table), [None], "nobody serves it");
}

#[test]
fn an_input_that_nobody_serves_is_given_up_after_both_had_their_time() {
    let (mut table, check) = asked();
    let input = table.office.genesis.timers.input;
    table.pass(Duration(2 * input.0 - 2_000));
    assert_eq!((table.count("Check"), table.count("Unserved")), (0, 0), "the fetch goes on");
    for _ in 0..2 {
        table.unfetched(check.input_commit);
        assert_eq!((table.count("Check"), table.count("Unserved")), (2, 0), "both are asked again");
        table.pass(Duration(700));
    }
    table.pass(Duration(1_000));
    assert_eq!(table.count("Unserved"), 1);
    table.hear(NOTARY, check.clone());
    assert_eq!((table.said(), table.saves()), (vec![("Unserved", NOTARY)], 0));
    table.fetched(check.input_commit, Digest::default());
    assert_eq!(table.runs(), 0, "it is too late");
}

/// Who is to serve an input hears who checks at about the time that it is asked for it.
#[test]
fn an_input_that_is_not_served_yet_is_asked_for_again_after_as_long_as_it_was_looked_for() {
    let (mut table, check) = asked();
    for pause in [50, 50, 100, 200, 400, 700, 700] {
        table.unfetched(check.input_commit);
        table.pass(Duration(pause - 1));
        assert!(!table.fetches(check.input_commit), "not before {pause} ms");
        table.pass(Duration(1));
        assert!(table.fetches(check.input_commit), "after {pause} ms");
    }
}

/// Whoever is asked answers at once, and until it has sealed whenever it is asked again, to the deadline of its check.
#[test]
fn a_verifier_says_that_it_is_there_whenever_it_is_asked_until_it_has_sealed() {
    let underway =
        |table: &Table| table.sent().filter(|(_, message)| matches!(message, Message::Underway(_))).count();
    let (mut table, check) = asked();
    assert!(table.sent().any(|(to, message)| {
        to == NOTARY && matches!(message, Message::Underway(said) if said.said().due == check.due)
    }));
    let later = Check { due: check.due.after(Duration(1)), ..check.clone() };
    table.hear(NOTARY, later);
    let promised = table.sent().find_map(|(_, message)| {
        if let Message::Underway(said) = message { Some(said.said().due) } else { None }
    });
    assert_eq!((promised, table.saves()), (Some(check.due), 0), "one deadline: {:?}", table.effects);
    table.fetched(check.input_commit, Digest::default());
    table.hear(NOTARY, check.clone());
    assert_eq!((underway(&table), table.saves()), (1, 0), "{:?}", table.effects);
    table.ran(check.job, true, Ok(result(4)));
    table.hear(NOTARY, check);
    assert_eq!((underway(&table), seals(&table).len()), (0, 1), "{:?}", table.effects);
}

/// A check that waits behind others, or runs long, is kept in mind to its own deadline, however long that is.
#[test]
fn a_check_is_not_forgotten_before_its_seal_is_due() {
    let mut table = Table::new(FIRST_VERIFIER);
    let check = table.check(1, FIRST_VERIFIER);
    let check = Check { seal_by: check.seal_by.after(Duration::seconds(40 * 3_600)), ..check };
    table.hear(NOTARY, check.clone());
    table.fetched(check.input_commit, Digest::default());
    assert_eq!(table.runs(), 1);
    table.pass(Duration::seconds(30 * 3_600));
    table.ran(check.job, true, Ok(result(4)));
    assert_eq!(seals(&table).len(), 1, "{:?}", table.effects);
}

#[test]
fn a_verifier_answers_every_check_and_begins_so_many_at_a_time_those_first_that_are_due_first() {
    let mut table = Table::new(FIRST_VERIFIER);
    let asked = |table: &mut Table, number: u8| {
        table.hear(NOTARY, table.check(number, FIRST_VERIFIER));
        let answered = table.sent().any(|(_, message)| matches!(message, Message::Underway(_)));
        assert!(answered, "{number} is answered");
        let job: JobId = Digest([number; 32]);
        assert!(table.told().any(|event| *event == Event::Checking { job }));
        table.fetches(Digest::of(&[number]))
    };
    assert!((0..64).all(|number| asked(&mut table, number)));
    assert!([66, 65, 64].into_iter().all(|number| !asked(&mut table, number)), "their turn comes later");
    table.fetched(Digest::of(&[7]), Digest::default());
    assert!(!table.fetches(Digest::of(&[64])), "that one runs");
    table.ran(Digest([7; 32]), true, Ok(result(4)));
    assert!(table.fetches(Digest::of(&[64])) && !table.fetches(Digest::of(&[65])));
}
