//! A provider whose owner settled when the machine is wanted for something else.

use assay_market::{
    Effect, Input,
    input::RunId,
    owner::{HeldRule, MachineReading, OwnerRule, OwnerRules},
};
use assay_protocol::{
    id::Digest,
    message::Message,
    order::{Failure, Order, Refusal},
    units::Duration,
};

use super::table::{Table, result};
use crate::office::{CLIENT, NOTARY};

/// How long a rule must have been kept.
const SETTLE: Duration = Duration::seconds(60);

fn rules() -> OwnerRules {
    let night = "22:00-07:00".parse().unwrap_or_else(|bad| panic!("{bad}"));
    OwnerRules {
        programs: vec!["game".to_owned()],
        hours: vec![night],
        settle: SETTLE,
        ..OwnerRules::default()
    }
}

/// It is night, and this runs.
fn sense(table: &mut Table, programs: &[&str]) {
    let programs = programs.iter().map(|name| (*name).to_owned()).collect();
    table.feed(Input::Sensed(MachineReading {
        programs: Some(programs),
        minute: Some(0),
        ..MachineReading::default()
    }));
}

fn sense_noon(table: &mut Table) {
    let reading =
        MachineReading { programs: Some(Vec::new()), minute: Some(12 * 60), ..MachineReading::default() };
    table.feed(Input::Sensed(reading));
}

/// How many services each offer names that was told.
fn offered(table: &Table) -> Vec<usize> {
    let told = table.effects.iter().filter_map(|effect| {
        let Effect::Publish(Message::Offer(offer)) = effect else { return None };
        Some(offer.said().services().count())
    });
    told.collect()
}

/// Why an order of now would be refused.
fn refused(table: &mut Table, nonce: u64) -> Option<Refusal> {
    table.propose(&Order { open_by: table.now.after(Duration::seconds(30)), ..table.order(7, nonce) });
    table.sent().find_map(|(_, message)| {
        let Message::Refuse(refuse) = message else { return None };
        Some(refuse.said().reason)
    })
}

fn held(table: &Table) -> Vec<OwnerRule> {
    table.node().held(table.moment()).into_iter().map(|HeldRule { rule, .. }| rule).collect()
}

#[test]
fn while_a_rule_holds_nothing_is_offered_and_whoever_asks_hears_that_there_is_no_room() {
    let mut table = Table::provider();
    table.heed(rules());
    sense(&mut table, &[]);
    assert_eq!((offered(&table), held(&table)), (vec![], vec![]), "nothing new, nothing is told");
    sense(&mut table, &["game"]);
    assert_eq!((offered(&table), table.saves()), (vec![0], 0), "told, and kept nowhere");
    assert_eq!((held(&table), refused(&mut table, 0)), (vec![OwnerRule::Program], Some(Refusal::Busy)));
    table.pass(Duration(SETTLE.0 - 1));
    sense(&mut table, &[]);
    assert_eq!(
        (offered(&table), refused(&mut table, 1)),
        (vec![], Some(Refusal::Busy)),
        "a moment too early"
    );
    table.pass(Duration(1));
    sense(&mut table, &[]);
    assert_eq!((offered(&table), refused(&mut table, 2)), (vec![1], None));
}

#[test]
fn after_a_start_nothing_is_taken_on_until_somebody_has_looked() {
    let mut table = Table::provider();
    table.heed(rules());
    table.restart();
    assert_eq!((offered(&table), refused(&mut table, 0)), (vec![0], Some(Refusal::Busy)));
    assert_eq!(held(&table), [OwnerRule::NotLooked]);
    sense(&mut table, &[]);
    assert_eq!((offered(&table), refused(&mut table, 1)), (vec![1], None));
}

#[test]
fn rules_that_are_taken_back_let_go_with_the_next_look() {
    let mut table = Table::provider();
    table.heed(rules());
    sense(&mut table, &["game"]);
    table.heed(OwnerRules::default());
    sense(&mut table, &[]);
    assert_eq!((offered(&table), refused(&mut table, 0)), (vec![1], None));
}

#[test]
fn a_program_ends_what_runs_and_the_end_of_the_hours_does_not() {
    for is_sudden in [false, true] {
        let (mut table, order) = Table::started(|table| table.order(0, 0));
        table.fetched(order.input_commit, Digest::default());
        table.heed(rules());
        if is_sudden {
            sense(&mut table, &["game"]);
        } else {
            sense_noon(&mut table);
        }
        let run = RunId { job: order.id(), check: false };
        let stops =
            table.effects.iter().any(|effect| matches!(effect, Effect::Stop(stopped) if *stopped == run));
        assert_eq!((stops, table.node().due().len()), (is_sudden, usize::from(!is_sudden)));
        let aborts: Vec<Failure> = table
            .sent()
            .filter_map(|(_, message)| {
                let Message::Abort(abort) = message else { return None };
                Some(abort.said().reason)
            })
            .collect();
        assert_eq!(aborts, vec![Failure::Busy; if is_sudden { 2 } else { 0 }], "no fault of anybody's");
        table.ran(order.id(), false, Ok(result(4)));
        assert_eq!(table.count("Claim"), usize::from(!is_sudden));
    }
}

#[test]
fn an_end_of_hours_with_a_program_behind_it_gives_up_what_runs_after_all() {
    let (mut table, order) = Table::started(|table| table.order(0, 0));
    table.fetched(order.input_commit, Digest::default());
    table.heed(rules());
    sense_noon(&mut table);
    let game = MachineReading {
        programs: Some(vec!["game".to_owned()]),
        minute: Some(12 * 60),
        ..MachineReading::default()
    };
    table.feed(Input::Sensed(game));
    assert_eq!((held(&table).len(), table.node().due().len()), (2, 0));
}

#[test]
fn what_was_agreed_to_is_not_begun_while_a_rule_holds() {
    let mut table = Table::provider();
    let order = table.order(0, 0);
    table.propose(&order);
    table.heed(rules());
    sense(&mut table, &["game"]);
    let ticket = table.ticket(&order);
    table.start(CLIENT, &order, ticket);
    assert_eq!((table.said(), table.saves()), (vec![("Abort", NOTARY), ("Abort", CLIENT)], 0));
}
