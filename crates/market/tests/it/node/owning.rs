//! An owner of an account: how its instructions get their numbers, and when one of them is over.

use assay_market::{Command, Event, command::NotCarriedOut};
use assay_protocol::{
    id::Digest,
    message::Message,
    notice::Account,
    units::{Amount, Duration},
};

use super::table::{Table, account};
use crate::{
    cheap::Cheap,
    office::{CLIENT, NOTARY, STRANGER, class, id},
};

const AMOUNT: Amount = Amount::credits(1);

/// An owner that wants to put something at stake.
fn wished() -> Table {
    let mut table = Table::new(CLIENT);
    stake(&mut table);
    table
}

fn stake(table: &mut Table) {
    table.want(Command::Stake { notary: id::<Cheap>(NOTARY), amount: AMOUNT, target: None });
}

/// The number of the question that was asked last.
fn asked(table: &Table) -> Option<u64> {
    let asked = table.sent().filter_map(|(_, message)| {
        let Message::Query(query) = message else { return None };
        Some(query.said().sequence)
    });
    asked.last()
}

/// The number of the instruction that was said last.
fn said(table: &Table) -> Option<u64> {
    let said = table.sent().filter_map(|(_, message)| {
        let Message::Stake(stake) = message else { return None };
        Some(stake.said().sequence)
    });
    said.last()
}

/// An owner that has said its instruction under the number 5.
fn numbered() -> Table {
    let mut table = wished();
    let question = asked(&table).expect("it asks");
    table.hear(NOTARY, account(question, 4));
    assert_eq!(said(&table), Some(5));
    table
}

#[test]
fn an_instruction_gets_the_next_number_after_those_in_a_fresh_statement() {
    let mut table = wished();
    let question = asked(&table).expect("it asks first");
    for (by, sequence) in [(NOTARY, question - 1), (NOTARY, 3), (STRANGER, question)] {
        table.hear(by, account(sequence, 4));
        assert_eq!(said(&table), None, "{by} answers {sequence}");
    }
    table.hear(NOTARY, account(question, 4));
    assert_eq!((said(&table), table.saves()), (Some(5), 1));
}

#[test]
fn an_instruction_is_over_once_the_account_shows_its_number_and_then_comes_the_next() {
    let mut table = numbered();
    stake(&mut table);
    assert_eq!(table.said().len(), 0, "one after another");
    table.hear(NOTARY, account(3, 4));
    assert_eq!(table.saves(), 0);
    table.hear(NOTARY, account(3, 5));
    assert!(table.told().any(|event| matches!(event, Event::CarriedOut { .. })), "{:?}", table.effects);
    let question = asked(&table).expect("it asks for the number of the next");
    table.hear(NOTARY, account(question, 5));
    assert_eq!(said(&table), Some(6));
}

/// After an answer that shows that it was refused, a copy of it may still be on its way.
#[test]
fn a_refused_instruction_is_not_said_again_and_its_end_is_only_known_from_a_fresh_statement() {
    for (free, over) in [(Amount::ZERO, true), (AMOUNT, false)] {
        let mut table = numbered();
        table.hear(NOTARY, account(5, 4));
        table.pass(Duration(7_900));
        assert!(table.said().is_empty(), "{:?}", table.said());
        table.pass(Duration(200));
        let question = asked(&table).expect("it asks");
        assert_eq!(said(&table), None);
        table.hear(NOTARY, Account { free, stake: AMOUNT, ..account(question, 4) });
        let told = table.told().find_map(|event| {
            let Event::NotCarriedOut { reason, .. } = event else { return None };
            Some(*reason)
        });
        assert_eq!(told, over.then_some(NotCarriedOut::Funds));
        assert_eq!(
            said(&table),
            (!over).then_some(5),
            "it is said again where it can be carried out after all"
        );
    }
}

#[test]
fn what_a_stranger_says_of_an_account_is_not_heard() {
    let mut table = Table::new(CLIENT);
    table.hear(STRANGER, account(1, 1));
    assert!(table.effects.is_empty(), "{:?}", table.effects);
}

/// A check can still be drawn from the list before the last.
#[test]
fn a_verifier_checks_what_it_registered_last_and_before_that() {
    let mut table = Table::new(STRANGER);
    let kind = table.kind();
    let other = assay_protocol::account::Registration { class: Digest::of(b"another machine"), ..kind };
    for (number, kinds) in [(1, vec![kind]), (2, vec![other]), (3, vec![other])] {
        let notary = id::<Cheap>(NOTARY);
        table.want(Command::Register { notary, kinds });
        let question = asked(&table).expect("it asks");
        table.hear(NOTARY, account(question, number - 1));
        table.hear(NOTARY, account(1, number));
        assert!(table.told().any(|event| matches!(event, Event::CarriedOut { .. })), "{:?}", table.effects);
        let check = table.check(number as u8, STRANGER);
        assert_eq!(check.class, class());
        table.hear(NOTARY, check);
        assert_eq!(table.count("Check") > 0, number < 3, "after list {number}");
    }
}

/// No notary comes that far by itself; one may say so all the same, to any of its accounts, at any time.
#[test]
fn an_account_whose_numbers_are_said_to_be_used_up_instructs_nothing_and_lives_on() {
    for (instruction, number) in [(u64::MAX - 1, Some(u64::MAX)), (u64::MAX, None)] {
        let mut table = wished();
        let question = asked(&table).expect("it asks");
        table.hear(NOTARY, account(question, instruction));
        assert_eq!(said(&table), number);
        let told = table.told().any(|event| matches!(event, Event::NotCarriedOut { .. }));
        assert_eq!(told, number.is_none(), "{:?}", table.effects);
        table.restart();
        table.pass(Duration::seconds(60));
    }
}
