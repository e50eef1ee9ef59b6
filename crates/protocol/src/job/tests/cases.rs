//! What decides inside a cell of the table: the claim's terms, what is shown, what was said before, the deadlines.
//!
//! A row is a story, the step that is probed after it, and what comes of it: a stage, the way in which the job closed,
//! or `!` and why it was refused.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use super::{
    checks, jury,
    world::{Terms, World, name, said},
};
use crate::outcome::Outcome;

/// Rows that are played under the same terms.
pub(super) struct Group {
    pub(super) terms: Terms,
    pub(super) rows: &'static str,
}

impl Group {
    /// Story, probed words and what comes of them, row by row.
    pub(super) fn rows(&self) -> impl Iterator<Item = [&'static str; 3]> {
        self.rows.lines().filter(|row| !row.trim().is_empty()).map(|row| {
            let columns: Vec<&str> = row.split('|').map(str::trim).collect();
            columns.try_into().expect("story, words, result")
        })
    }
}

/// Plays every row and says which of them came out otherwise.
pub(super) fn check(groups: &[Group]) {
    let mut otherwise = String::new();
    for group in groups {
        for [story, words, expected] in group.rows() {
            let (_, taken) = World::probed(&group.terms, story, words);
            let actual = said(taken);
            if actual != expected {
                otherwise += &format!("{story} | {words} | {actual}, not {expected}; {:?}\n", group.terms);
            }
        }
    }
    assert!(otherwise.is_empty(), "\n{otherwise}");
}

/// All rows of these tests.
pub(super) fn all() -> impl Iterator<Item = &'static Group> {
    [CLAIMS, ENDS, SECRETS, DRAWS, OBJECTIONS, OPENINGS, SEALS, CONVICTIONS, DEADLINES]
        .into_iter()
        .chain(checks::ALL)
        .chain(jury::ALL)
        .flatten()
}

const SPOT: Terms = Terms::SPOT;
/// The provider is a newcomer: nothing stands for its job.
pub(super) const UNCOVERED: Terms = Terms::NEWCOMER;
/// The client pays a check in advance; the stake stands for the job all the same.
pub(super) const COVERED: Terms = Terms::ALWAYS;

const CLAIMS: &[Group] = &[Group {
    terms: SPOT,
    rows: "
                               | claim           | Claimed
                               | claim:most      | Claimed
                               | claim:idle      | Claimed
                               | claim:excess    | ! Excess
                               | claim:ticket    | ! OtherTicket
                               | claim:cancelled | ! NotCancelled
                               | claim:fee       | ! NotCancelled
        almost                 | claim           | Claimed
        cancel                 | claim           | Claimed
        cancel                 | claim:idle      | Claimed
        cancel                 | claim:cancelled | Claimed
        cancel                 | claim:fee       | Cancelled
        cancel                 | claim:excess    | ! Excess
        cancel                 | claim:ticket    | ! OtherTicket
        cancel claim:cancelled | claim:fee       | ! Known
        claim                  | claim           | ! Known
        claim                  | claim:other     | ! Known
        claim                  | claim:excess    | ! Known
        claim                  | claim:ticket    | ! Known
        claim reveal           | claim           | ! Known
        claim reveal           | claim:other     | ! Known
        undrawn                | claim           | ! Known
        undrawn                | claim:other     | ! Known
        drawn                  | claim           | ! Known
        drawn                  | claim:other     | ! Known
        drawn seat             | claim           | ! Known
        drawn seat             | claim:other     | ! Known
        drawn seat seal:same   | claim           | ! Known
        drawn seat seal:same   | claim:other     | ! Known
        accused                | claim           | ! Known
        accused                | claim:other     | ! Known
        accused rounds seat    | claim           | ! Known
        accused rounds seat    | claim:other     | ! Known
        accused sealed:other   | claim           | ! Known
        accused sealed:other   | claim:other     | ! Known
        drawn sealed:other open-seal:other overdue voice:other | claim       | ! Known
        drawn sealed:other open-seal:other overdue voice:other | claim:other | ! Known
        undrawn overdue        | claim           | ! Known
        undrawn overdue        | claim:other     | ! Known
        cancel claim:fee       | claim:fee       | ! Known
        cancel claim:fee       | claim           | ! Known
        abort                  | claim           | ! Closed
        overdue                | claim           | ! Closed
    ",
}];

const ENDS: &[Group] = &[Group {
    terms: SPOT,
    rows: "
                               | abort           | Aborted
        cancel                 | abort           | Aborted
                               | abort:ticket    | ! OtherTicket
        cancel                 | abort:ticket    | ! OtherTicket
                               | abort:alone     | Aborted
        cancel                 | abort:alone     | Aborted
                               | cancel:alone    | ! OtherTicket
        claim                  | abort:alone     | ! TooLate
        claim                  | abort           | ! TooLate
        abort                  | abort           | ! Closed
                               | cancel          | Cancelling
                               | cancel:ticket   | ! OtherTicket
        cancel                 | cancel          | ! Known
        cancel                 | cancel:ticket   | ! Known
        claim                  | cancel          | ! TooLate
        cancel overdue         | cancel          | ! Closed
    ",
}];

const SECRETS: &[Group] = &[Group {
    terms: SPOT,
    rows: "
                                   | reveal          | ! TooEarly
        cancel                     | reveal          | ! TooEarly
        claim                      | reveal          | Drawing
        almost claim almost        | reveal          | Drawing
        claim                      | reveal:position | ! OtherPosition
        claim                      | reveal:secret   | ! Unmatched
        claim reveal               | reveal          | ! Known
        claim reveal               | reveal:secret   | ! TooLate
        undrawn                    | reveal          | ! Known
        drawn                      | reveal          | ! Known
        accused                    | reveal          | ! Known
        accused                    | reveal:secret   | ! TooLate
        claim overdue              | reveal          | ! TooLate
        claim overdue rounds draw:none  | reveal     | ! TooLate
        claim overdue rounds draw:check | reveal     | ! TooLate
        undrawn overdue            | reveal          | ! Closed
    ",
}];

const DRAWS: &[Group] = &[
    Group {
        terms: SPOT,
        rows: "
                                           | draw:check  | ! TooEarly
            claim                          | draw:check  | ! TooEarly
            claim reveal                   | draw:check  | ! TooEarly
            claim reveal tick              | draw:check  | ! TooEarly
            claim reveal rounds            | draw:check  | Checking.Seating
            claim reveal rounds            | draw:none   | Waiting
            claim overdue tick             | draw:check  | ! TooEarly
            claim overdue rounds           | draw:check  | Checking.Seating
            claim overdue rounds           | draw:none   | Checking.Seating
            claim overdue convicted rounds | draw:none   | Checking.Seating
            undrawn                        | draw:check  | ! TooLate
            drawn                          | draw:none   | ! TooLate
            undrawn                        | seat        | ! TooEarly
            drawn                          | seat        | Checking.Calling
            drawn                          | seat:nobody | Unchecked
            drawn seat                     | seat        | ! TooLate
            drawn unheard                  | seat        | ! TooEarly
            drawn unheard tick             | seat        | ! TooEarly
            drawn unheard rounds           | seat        | Checking.Calling
            drawn unheard rounds           | seat:nobody | Unchecked
            accused                        | seat        | ! TooEarly
            accused tick                   | seat:nobody | ! TooEarly
            accused rounds                 | seat        | Jury.Calling
            undrawn overdue                | seat        | ! Closed
        ",
    },
    Group { terms: UNCOVERED, rows: "drawn | seat:nobody | Void" },
    Group { terms: COVERED, rows: "drawn | seat:nobody | Unchecked" },
];

const OBJECTIONS: &[Group] = &[
    Group {
        terms: SPOT,
        rows: "
                                                  | dispute      | ! TooEarly
            cancel                                | dispute      | ! TooEarly
            claim                                 | dispute      | ! TooEarly
            claim reveal                          | dispute      | ! TooEarly
            undrawn                               | dispute      | Checking.Seating
            undrawn almost                        | dispute      | Checking.Seating
            undrawn frozen                        | dispute      | ! TooLate
            undrawn dispute                       | dispute      | ! Known
            undrawn dispute                       | seat         | ! TooEarly
            undrawn dispute rounds                | seat         | Checking.Calling
            undrawn dispute checked:same          | dispute      | ! Closed
            undrawn dispute checked:other         | dispute      | ! Known
            drawn                                 | dispute      | ! TooLate
            drawn seat seal:same                  | dispute      | ! TooLate
            accused                               | dispute      | ! TooLate
            undrawn overdue                       | dispute      | ! Closed
        ",
    },
    Group {
        terms: SPOT,
        rows: "
                                                  | contradict            | ! TooEarly
            cancel                                | contradict            | ! TooEarly
            claim                                 | contradict            | FalseStream
            claim                                 | contradict:longer     | FalseStream
            claim                                 | contradict:root       | FalseStream
            claim                                 | contradict:same-root  | ! Consistent
            claim                                 | contradict:consistent | ! Consistent
            claim                                 | contradict:stranger   | ! Unmatched
            claim                                 | contradict:job        | ! Unmatched
            claim                                 | contradict:leaf       | ! Unmatched
            cancel claim:cancelled                | contradict            | FalseStream
            claim reveal                          | contradict            | FalseStream
            undrawn                               | contradict            | FalseStream
            drawn                                 | contradict            | FalseStream
            accused                               | contradict            | FalseStream
            accused                               | contradict:consistent | ! Consistent
            undrawn overdue                       | contradict            | ! Closed
        ",
    },
];

const OPENINGS: &[Group] = &[
    Group {
        terms: SPOT,
        rows: "
            drawn                                 | open          | ! TooEarly
            drawn seat                            | open          | ! TooEarly
            drawn seat                            | open:output   | ! TooEarly
            drawn seat seal:same                  | open          | Checking.Opening
            drawn seat seal:same                  | open:output   | FalseOpening
            drawn seat seal:same                  | open:forged   | FalseOpening
            drawn seat seal:same                  | open:missing  | ! Unwanted
            drawn seat seal:same                  | open:shuffled | ! Unwanted
            drawn seat seal:same open             | open          | ! Known
            drawn seat seal:same open             | open:missing  | ! Known
            drawn seat seal:same open             | open:output   | FalseOpening
            drawn seat seal:same open-seal:same   | open          | Checked
            drawn seat seal:other open-seal:other | open          | Jury.Seating
            drawn seat seal:same overdue          | open          | Checking.Seating
            drawn seat seal:other open-seal:other overdue | open        | Jury.Seating
            drawn seat seal:other open-seal:other overdue | open:output | FalseOpening
            accused                               | open          | ! Known
            accused                               | open:forged   | FalseOpening
            claim:two-roots reveal rounds draw:check seat seal:same | open:two-roots | FalseOpening
            undrawn overdue                       | open          | ! Closed
        ",
    },
    Group {
        terms: Terms::LONG,
        rows: "
            drawn seat seal:same                  | open           | ! Unwanted
            drawn seat seal:same                  | open-seal:same | ! Unwanted
            drawn seat seal:same tick             | open           | ! Unwanted
            drawn seat seal:same rounds           | open           | Checking.Opening
            drawn seat seal:same rounds           | open:missing   | ! Unwanted
            drawn seat seal:same rounds           | open:forged    | FalseOpening
            drawn seat seal:same rounds           | open-seal:same | Checking.Opening
            drawn seat seal:same rounds           | open-seal:same:missing | ! Unwanted
            drawn seat seal:same rounds           | open-seal:same:forged  | ! Unproven
            drawn unheard sealed:same             | open           | ! Unwanted
            drawn unheard sealed:same rounds      | open           | Checking.Opening
        ",
    },
];

const SEALS: &[Group] = &[
    Group {
        terms: SPOT,
        rows: "
            drawn                                  | seal:same               | ! NotYours
            drawn seat                             | seal:same               | Checking.Opening
            drawn seat                             | open-seal:same          | ! TooEarly
            drawn seat                             | unserved                | Checking.Seating
            drawn seat seal:same                   | seal:same               | ! Known
            drawn seat seal:same                   | seal:other              | ! Conflict
            drawn seat seal:same                   | unserved                | ! TooLate
            drawn seat seal:same                   | open-seal:same          | Checking.Opening
            drawn seat seal:same                   | open-seal:other         | ! Unmatched
            drawn seat seal:same                   | open-seal:same:missing  | ! Unwanted
            drawn seat seal:same                   | open-seal:same:shuffled | ! Unwanted
            drawn seat seal:same                   | open-seal:same:forged   | ! Unproven
            drawn seat seal:measure                | open-seal:measure       | ! Unproven
            drawn seat seal:two-roots              | open-seal:two-roots     | ! Unmatched
            drawn seat seal:empty                  | open-seal:empty         | Checking.Opening
            drawn seat seal:same open              | open-seal:same          | Checked
            drawn seat seal:same open-seal:same    | open-seal:same          | ! Known
            drawn seat seal:same open-seal:same    | open-seal:other         | ! Unmatched
            drawn seat seal:same open-seal:same    | seal:same               | ! TooLate
            drawn seat seal:same open-seal:same    | unserved                | ! TooLate
            drawn seat unserved                    | unserved                | ! Known
            drawn seat unserved                    | seal:same               | ! TooLate
            drawn seat unserved                    | open-seal:same          | ! TooLate
            drawn seat overdue                     | seal:same               | ! TooLate
            drawn seat overdue                     | unserved                | ! TooLate
            drawn seat seal:same overdue           | open-seal:same          | ! TooLate
            accused                                | seal:same               | ! TooLate
            accused                                | open-seal:other         | ! Known
            drawn checked:same                     | seal:same               | ! Closed
        ",
    },
    Group { terms: Terms::SPOT, rows: "drawn seat seal:measure        | open-seal:measure | ! Unproven" },
    Group {
        terms: Terms::LONG,
        rows: "drawn seat seal:measure rounds | open-seal:measure | Checking.Opening",
    },
];

const CONVICTIONS: &[Group] = &[Group {
    terms: SPOT,
    rows: "
                                               | convicted  | Withdrawn
        cancel                                 | convicted  | Withdrawn
        claim                                  | convicted  | Claimed
        claim convicted reveal rounds          | draw:none  | Checking.Seating
        claim reveal                           | convicted  | Drawing
        claim reveal rounds convicted          | draw:none  | Checking.Seating
        undrawn                                | convicted  | Checking.Seating
        undrawn convicted                      | seat       | ! TooEarly
        undrawn convicted rounds               | seat       | Checking.Calling
        drawn seat                             | convicted  | Checking.Calling
        accused rounds seat                    | convicted  | Jury.Calling
        undrawn overdue                        | convicted  | ! Closed
    ",
}];

const DEADLINES: &[Group] = &[Group {
    terms: SPOT,
    rows: "
                                               | almost     | Open
                                               | overdue    | NoClaim
        cancel                                 | almost     | Cancelling
        cancel                                 | overdue    | Cancelled
        almost cancel                          | tick       | Cancelled
        claim                                  | almost     | Claimed
        claim                                  | overdue    | Drawing
        claim reveal                           | leap       | Drawing
        undrawn                                | almost     | Waiting
        undrawn                                | overdue    | NotDrawn
        undrawn                                | frozen     | Waiting
        undrawn frozen*3                       | overdue    | NotDrawn
        claim reveal leap leap draw:none       | tick       | Waiting
        drawn                                  | leap       | Checking.Seating
        drawn seat                             | almost     | Checking.Calling
        drawn seat                             | overdue    | Checking.Seating
        drawn seat                             | leap       | Checking.Seating
        drawn seat seal:same                   | almost     | Checking.Opening
        drawn seat seal:same                   | overdue    | Checking.Seating
        drawn seat seal:same open              | overdue    | Checking.Seating
        accused                                | leap       | Jury.Seating
        accused rounds seat                    | almost     | Jury.Calling
        accused rounds seat                    | overdue    | Jury.Seating
        accused sealed:other                   | almost     | Jury.Opening
        accused sealed:other                   | overdue    | Jury.Seating
        undrawn overdue                        | leap       | NotDrawn
    ",
}];

#[test]
fn the_first_claim_within_the_order_binds_and_any_other_is_known() {
    check(CLAIMS);
}

#[test]
fn a_job_is_given_up_or_cancelled_only_before_its_claim_and_under_its_own_ticket() {
    check(ENDS);
}

#[test]
fn a_secret_is_revealed_once_for_the_claim_in_the_books() {
    check(SECRETS);
}

#[test]
fn nothing_is_drawn_before_its_round_or_twice() {
    check(DRAWS);
}

#[test]
fn a_client_objects_while_it_is_not_too_late_and_only_to_what_is_wrong() {
    check(OBJECTIONS);
}

#[test]
fn an_opening_that_does_not_open_the_claim_convicts_and_one_of_other_records_is_refused() {
    check(OPENINGS);
}

#[test]
fn a_verifier_seals_once_and_opens_what_it_sealed() {
    check(SEALS);
}

#[test]
fn a_conviction_over_another_job_withdraws_what_is_unclaimed_and_checks_what_is_unpaid() {
    check(CONVICTIONS);
}

#[test]
fn a_deadline_falls_at_the_first_tick_at_or_past_it_and_a_pause_skips_no_stage() {
    check(DEADLINES);
}

/// Whoever could drop a reveal would choose between the draw with the secret and the one without it.
#[test]
fn a_job_whose_client_reveals_nothing_in_time_is_checked_whatever_is_drawn() {
    for (story, revealed, unrevealed) in [
        ("", false, false),
        ("overdue", false, false),
        ("cancel overdue", false, false),
        ("claim", false, false),
        ("claim reveal", true, false),
        ("undrawn overdue", true, false),
        ("claim overdue", false, true),
        ("claim overdue rounds draw:none checked:same", false, true),
    ] {
        let World { job, .. } = World::after(&SPOT, story);
        assert_eq!((job.revealed(), job.unrevealed()), (revealed, unrevealed), "{story}");
        assert_eq!((job.forced(), job.checked_anyway()), (false, unrevealed), "{story}");
    }
    for (terms, stage) in [(SPOT, "Checking.Seating"), (Terms::EXACT, "Checking.Disclosing")] {
        for drawn in ["draw:check", "draw:none"] {
            let World { job, .. } = World::after(&terms, &format!("claim overdue rounds {drawn}"));
            assert_eq!(name(job.stage()), stage, "{drawn}");
        }
    }
}

#[test]
fn the_rows_reach_every_way_to_end() {
    let reached: BTreeSet<&str> = all().flat_map(Group::rows).map(|[_, _, result]| result).collect();
    for outcome in Outcome::ALL {
        assert!(reached.contains(&*format!("{outcome:?}")), "{outcome:?} is the result of no row");
    }
}
