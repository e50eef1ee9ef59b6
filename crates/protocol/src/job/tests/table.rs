//! Every stage, every step, every party: the whole table as text.
//!
//! A cell is the stage that the step leads to, `=` and the way in which it closes the job, or in small letters why the
//! step is refused; `-` is [`Misstep::NotYours`]. Each is probed twice: what is refused changes nothing, and what was
//! taken changes nothing the second time.

use alloc::{format, string::String};
use core::fmt::Write as _;

use super::{
    super::*,
    world::{Terms, World, name},
};
use crate::outcome::Outcome;

/// Each stage with a story that leads to it; rounds that are awaited have come.
const STAGES: [(&str, Terms, &str); 17] = [
    ("Open", Terms::SPOT, ""),
    ("Cancelling", Terms::SPOT, "cancel"),
    ("Claimed", Terms::SPOT, "claim"),
    ("Drawing", Terms::SPOT, "claim reveal rounds"),
    ("Waiting", Terms::SPOT, "undrawn"),
    ("Checking.Disclosing", Terms::EXACT, "drawn"),
    ("Checking.Seating", Terms::SPOT, "drawn"),
    ("Checking.Calling", Terms::SPOT, "drawn seat"),
    ("Checking.Sealing", Terms::SPOT, "drawn seat underway"),
    ("Checking.Opening", Terms::SPOT, "drawn seat seal:other"),
    ("Jury.Seating", Terms::SPOT, "drawn checked:other rounds"),
    ("Jury.Calling", Terms::SPOT, "drawn checked:other rounds seat"),
    ("Jury.Sealing", Terms::SPOT, "drawn checked:other rounds seat underway"),
    ("Jury.Opening", Terms::SPOT, "drawn checked:other sealed:other"),
    ("Jury.Silence", Terms::SPOT, "drawn sealed:other open-seal:other overdue voice:other"),
    ("Jury.Doubting", Terms::NEWCOMER, "drawn checked:other rounds"),
    ("NotDrawn", Terms::SPOT, "undrawn overdue"),
];

/// Each step, as somebody takes it whose step it is and who tells the truth.
const STEPS: [&str; 16] = [
    "claim:other",
    "abort",
    "cancel",
    "reveal",
    "dispute",
    "contradict",
    "draw:check",
    "seat",
    "underway",
    "seal:other",
    "unserved",
    "open",
    "open-seal:other",
    "tick",
    "convicted",
    "unreached",
];

/// Where in [`STEPS`] a step stands: there is no step without a column.
fn column(step: &Step) -> usize {
    match step {
        Step::Claim { .. } => 0,
        Step::Abort { .. } => 1,
        Step::Cancel { .. } => 2,
        Step::Reveal { .. } => 3,
        Step::Dispute => 4,
        Step::Contradict { .. } => 5,
        Step::Draw { .. } => 6,
        Step::Seat { .. } => 7,
        Step::Underway { .. } => 8,
        Step::Seal { .. } => 9,
        Step::Unserved => 10,
        Step::OpenClaim { .. } => 11,
        Step::OpenSeal { .. } => 12,
        Step::Tick { .. } => 13,
        Step::Convicted => 14,
        Step::Unreached => 15,
    }
}

fn cell(taken: Result<Stage, Misstep>) -> &'static str {
    match taken {
        Ok(Stage::Open { .. }) => "Open",
        Ok(Stage::Cancelling { .. }) => "Cancel",
        Ok(Stage::Claimed { .. }) => "Claimd",
        Ok(Stage::Drawing { .. }) => "Drawng",
        Ok(Stage::Waiting { .. }) => "Wait",
        Ok(Stage::Checking(SeatPhase::Disclosing { .. })) => "C.Disc",
        Ok(Stage::Jury(SeatPhase::Disclosing { .. })) => "J.Disc",
        Ok(Stage::Checking(SeatPhase::Seating { .. })) => "C.Seat",
        Ok(Stage::Checking(SeatPhase::Calling { .. })) => "C.Call",
        Ok(Stage::Jury(SeatPhase::Calling { .. })) => "J.Call",
        Ok(Stage::Checking(SeatPhase::Sealing { .. })) => "C.Seal",
        Ok(Stage::Checking(SeatPhase::Opening { .. })) => "C.Open",
        Ok(Stage::Checking(SeatPhase::Silence { .. })) => "C.Sile",
        Ok(Stage::Jury(SeatPhase::Seating { .. })) => "J.Seat",
        Ok(Stage::Jury(SeatPhase::Sealing { .. })) => "J.Seal",
        Ok(Stage::Jury(SeatPhase::Opening { .. })) => "J.Open",
        Ok(Stage::Jury(SeatPhase::Silence { .. })) => "J.Sile",
        Ok(Stage::Checking(SeatPhase::Doubting { .. })) => "C.Doub",
        Ok(Stage::Jury(SeatPhase::Doubting { .. })) => "J.Doub",
        Ok(Stage::Closed(outcome)) => closed(outcome),
        Err(misstep) => refused(misstep),
    }
}

fn closed(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotDrawn => "=ndrwn",
        Outcome::Checked => "=check",
        Outcome::Grey => "=grey",
        Outcome::Cleared => "=clear",
        Outcome::Unchecked => "=unchk",
        Outcome::NoClaim => "=noclm",
        Outcome::Aborted => "=abort",
        Outcome::Cancelled => "=cancl",
        Outcome::GreyRefunded => "=greyr",
        Outcome::Mismatch => "=mism",
        Outcome::Disputed => "=disp",
        Outcome::Withdrawn => "=withd",
        Outcome::Slashed => "=slash",
        Outcome::Silent => "=silnt",
        Outcome::FalseStream => "=fstrm",
        Outcome::FalseOpening => "=fopen",
        Outcome::Void => "=void",
        Outcome::Unreached => "=unrch",
        Outcome::Trap => "=trap",
    }
}

fn refused(misstep: Misstep) -> &'static str {
    match misstep {
        Misstep::NotYours => "-",
        Misstep::TooEarly => "early",
        Misstep::TooLate => "late",
        Misstep::Known => "known",
        Misstep::Conflict => "confl",
        Misstep::OtherTicket => "ticket",
        Misstep::OtherPosition => "posit",
        Misstep::OtherDeadline => "dead",
        Misstep::Unmatched => "unmat",
        Misstep::Unwanted => "unwant",
        Misstep::Unproven => "unprov",
        Misstep::Consistent => "consis",
        Misstep::Excess => "excess",
        Misstep::NotCancelled => "notcan",
        Misstep::Closed => "closed",
    }
}

/// Probes one cell of the table.
fn probe((stage, terms, story): &(&str, Terms, &str), word: &str, party: fn(&Job) -> Party) -> &'static str {
    let mut world = World::after(terms, story);
    assert_eq!(name(world.job.stage()), *stage, "where the story of this row ends");
    let by = party(&world.job);
    let step = world.step(word, by);
    assert_eq!(STEPS.get(column(&step)), Some(&word), "the column that this step belongs to");
    let (taken, again) = world.probe(word, by);
    let repeats = matches!(step, Step::Tick { .. } | Step::Convicted | Step::Unreached);
    assert!(taken.is_err() || repeats || again.is_err(), "{word} was taken twice in {stage}");
    cell(taken)
}

/// Compares the table of one party with what was written down for it.
fn check(party: fn(&Job) -> Party, expected: &str) {
    let mut actual = format!("{:17}", "");
    for word in STEPS {
        let verb = word.split(':').next().unwrap_or_default();
        let _ = write!(actual, "{verb:7.6}");
    }
    for row in &STAGES {
        actual = String::from(actual.trim_end()) + "\n";
        let _ = write!(actual, "{:17.16}", row.0);
        for word in STEPS {
            let _ = write!(actual, "{:7}", probe(row, word, party));
        }
    }
    let (actual, expected) = (actual.trim_end(), expected.trim_matches('\n'));
    let differing = actual.lines().zip(expected.lines()).filter(|(actual, expected)| actual != expected);
    let differing: String =
        differing.map(|(actual, expected)| format!("- {expected}\n+ {actual}\n")).collect();
    assert!(actual == expected, "\n{differing}\nthe whole table is now\n{actual}\n");
}

/// The seat of whoever was drawn last.
fn last(job: &Job) -> Party {
    Party::Verifier(u16::try_from(job.seats().len()).expect("few seats").saturating_sub(1))
}

#[test]
fn what_a_client_can_do_in_each_stage() {
    check(
        |_| Party::Client,
        "
                 claim  abort  cancel reveal disput contra draw   seat   underw seal   unserv open   open-s tick   convic unreac
Open             -      -      Cancel early  early  early  -      -      -      -      -      -      -      -      -      -
Cancelling       -      -      known  early  early  early  -      -      -      -      -      -      -      -      -      -
Claimed          -      -      late   Drawng early  =fstrm -      -      -      -      -      -      -      -      -      -
Drawing          -      -      late   known  early  =fstrm -      -      -      -      -      -      -      -      -      -
Waiting          -      -      late   known  C.Seat =fstrm -      -      -      -      -      -      -      -      -      -
Checking.Disclos -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Checking.Seating -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Checking.Calling -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Checking.Sealing -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Checking.Opening -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Jury.Seating     -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Jury.Calling     -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Jury.Sealing     -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Jury.Opening     -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Jury.Silence     -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
Jury.Doubting    -      -      late   known  late   =fstrm -      -      -      -      -      -      -      -      -      -
NotDrawn         -      -      closed closed closed closed -      -      -      -      -      -      -      -      -      -
",
    );
}

#[test]
fn what_a_provider_can_do_in_each_stage() {
    check(
        |_| Party::Provider,
        "
                 claim  abort  cancel reveal disput contra draw   seat   underw seal   unserv open   open-s tick   convic unreac
Open             Claimd =abort -      -      -      -      -      -      -      -      -      early  -      -      -      -
Cancelling       Claimd =abort -      -      -      -      -      -      -      -      -      early  -      -      -      -
Claimed          known  late   -      -      -      -      -      -      -      -      -      early  -      -      -      -
Drawing          known  late   -      -      -      -      -      -      -      -      -      early  -      -      -      -
Waiting          known  late   -      -      -      -      -      -      -      -      -      early  -      -      -      -
Checking.Disclos known  late   -      -      -      -      -      -      -      -      -      C.Seat -      -      -      -
Checking.Seating known  late   -      -      -      -      -      -      -      -      -      early  -      -      -      -
Checking.Calling known  late   -      -      -      -      -      -      -      -      -      early  -      -      -      -
Checking.Sealing known  late   -      -      -      -      -      -      -      -      -      early  -      -      -      -
Checking.Opening known  late   -      -      -      -      -      -      -      -      -      C.Open -      -      -      -
Jury.Seating     known  late   -      -      -      -      -      -      -      -      -      known  -      -      -      -
Jury.Calling     known  late   -      -      -      -      -      -      -      -      -      known  -      -      -      -
Jury.Sealing     known  late   -      -      -      -      -      -      -      -      -      known  -      -      -      -
Jury.Opening     known  late   -      -      -      -      -      -      -      -      -      known  -      -      -      -
Jury.Silence     known  late   -      -      -      -      -      -      -      -      -      J.Seat -      -      -      -
Jury.Doubting    known  late   -      -      -      -      -      -      -      -      -      known  -      -      -      -
NotDrawn         known  closed -      -      -      -      -      -      -      -      -      closed -      -      -      -
",
    );
}

#[test]
fn what_the_verifier_that_was_drawn_last_can_do_in_each_stage() {
    check(
        last,
        "
                 claim  abort  cancel reveal disput contra draw   seat   underw seal   unserv open   open-s tick   convic unreac
Open             -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Cancelling       -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Claimed          -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Drawing          -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Waiting          -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Disclos -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Seating -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Calling -      -      -      -      -      -      -      -      C.Seal C.Open C.Seat -      early  -      -      -
Checking.Sealing -      -      -      -      -      -      -      -      known  C.Open C.Seat -      early  -      -      -
Checking.Opening -      -      -      -      -      -      -      -      known  known  late   -      C.Open -      -      -
Jury.Seating     -      -      -      -      -      -      -      -      known  late   late   -      known  -      -      -
Jury.Calling     -      -      -      -      -      -      -      -      J.Seal J.Open J.Seat -      early  -      -      -
Jury.Sealing     -      -      -      -      -      -      -      -      known  J.Open J.Seat -      early  -      -      -
Jury.Opening     -      -      -      -      -      -      -      -      known  known  late   -      J.Seat -      -      -
Jury.Silence     -      -      -      -      -      -      -      -      known  late   late   -      known  -      -      -
Jury.Doubting    -      -      -      -      -      -      -      -      known  late   late   -      known  -      -      -
NotDrawn         -      -      -      -      -      -      -      -      closed closed closed -      closed -      -      -
",
    );
}

#[test]
fn what_the_verifier_that_was_drawn_first_can_do_in_each_stage() {
    check(
        |_| Party::Verifier(0),
        "
                 claim  abort  cancel reveal disput contra draw   seat   underw seal   unserv open   open-s tick   convic unreac
Open             -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Cancelling       -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Claimed          -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Drawing          -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Waiting          -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Disclos -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Seating -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Calling -      -      -      -      -      -      -      -      C.Seal C.Open C.Seat -      early  -      -      -
Checking.Sealing -      -      -      -      -      -      -      -      known  C.Open C.Seat -      early  -      -      -
Checking.Opening -      -      -      -      -      -      -      -      known  known  late   -      C.Open -      -      -
Jury.Seating     -      -      -      -      -      -      -      -      known  late   late   -      known  -      -      -
Jury.Calling     -      -      -      -      -      -      -      -      known  late   late   -      known  -      -      -
Jury.Sealing     -      -      -      -      -      -      -      -      known  late   late   -      known  -      -      -
Jury.Opening     -      -      -      -      -      -      -      -      known  late   late   -      known  -      -      -
Jury.Silence     -      -      -      -      -      -      -      -      known  late   late   -      known  -      -      -
Jury.Doubting    -      -      -      -      -      -      -      -      known  late   late   -      known  -      -      -
NotDrawn         -      -      -      -      -      -      -      -      closed closed closed -      closed -      -      -
",
    );
}

#[test]
fn what_a_verifier_without_a_seat_can_do_in_each_stage() {
    check(
        |_| Party::Verifier(9),
        "
                 claim  abort  cancel reveal disput contra draw   seat   underw seal   unserv open   open-s tick   convic unreac
Open             -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Cancelling       -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Claimed          -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Drawing          -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Waiting          -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Disclos -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Seating -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Calling -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Sealing -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Checking.Opening -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Jury.Seating     -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Jury.Calling     -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Jury.Sealing     -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Jury.Opening     -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Jury.Silence     -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
Jury.Doubting    -      -      -      -      -      -      -      -      -      -      -      -      -      -      -      -
NotDrawn         -      -      -      -      -      -      -      -      closed closed closed -      closed -      -      -
",
    );
}

#[test]
fn what_a_notary_can_do_in_each_stage() {
    check(
        |_| Party::Notary,
        "
                 claim  abort  cancel reveal disput contra draw   seat   underw seal   unserv open   open-s tick   convic unreac
Open             -      -      -      -      -      -      early  early  -      -      -      -      -      Open   =withd Open
Cancelling       -      -      -      -      -      -      early  early  -      -      -      -      -      Cancel =withd Cancel
Claimed          -      -      -      -      -      -      early  early  -      -      -      -      -      Claimd Claimd Claimd
Drawing          -      -      -      -      -      -      C.Seat early  -      -      -      -      -      Drawng Drawng Drawng
Waiting          -      -      -      -      -      -      late   early  -      -      -      -      -      Wait   C.Seat C.Seat
Checking.Disclos -      -      -      -      -      -      late   early  -      -      -      -      -      C.Disc C.Disc C.Disc
Checking.Seating -      -      -      -      -      -      late   C.Call -      -      -      -      -      C.Seat C.Seat C.Seat
Checking.Calling -      -      -      -      -      -      late   late   -      -      -      -      -      C.Call C.Call C.Call
Checking.Sealing -      -      -      -      -      -      late   late   -      -      -      -      -      C.Seal C.Seal C.Seal
Checking.Opening -      -      -      -      -      -      late   late   -      -      -      -      -      C.Open C.Open C.Open
Jury.Seating     -      -      -      -      -      -      late   J.Call -      -      -      -      -      J.Seat J.Seat J.Seat
Jury.Calling     -      -      -      -      -      -      late   late   -      -      -      -      -      J.Call J.Call J.Call
Jury.Sealing     -      -      -      -      -      -      late   late   -      -      -      -      -      J.Seal J.Seal J.Seal
Jury.Opening     -      -      -      -      -      -      late   late   -      -      -      -      -      J.Open J.Open J.Open
Jury.Silence     -      -      -      -      -      -      late   late   -      -      -      -      -      J.Sile J.Sile J.Sile
Jury.Doubting    -      -      -      -      -      -      J.Seat early  -      -      -      -      -      J.Doub J.Doub J.Doub
NotDrawn         -      -      -      -      -      -      closed closed -      -      -      -      -      =ndrwn closed closed
",
    );
}
