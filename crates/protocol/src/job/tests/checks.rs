//! How a check ends: by what its verifiers found, by how many of them it wants, by their absence.

use super::{
    cases::{self, COVERED, Group, UNCOVERED},
    world::Terms,
};

/// All rows of this module.
pub(super) const ALL: [&[Group]; 3] = [CHECKS, SERIES, ABSENCES];

const CHECKS: &[Group] = &[
    Group {
        terms: Terms::SPOT,
        rows: "
            drawn                         | checked:same    | Checked
            drawn                         | checked:other   | Jury.Seating
            drawn                         | checked:near    | Jury.Seating
            drawn                         | checked:cheaper | Jury.Seating
            drawn                         | checked:fewer   | Jury.Seating
            drawn                         | checked:length  | Jury.Seating
            drawn                         | checked:empty   | Jury.Seating
            drawn seat                    | unserved        | Jury.Seating
            undrawn dispute               | checked:same    | Checked
            undrawn dispute               | checked:other   | Jury.Seating
            drawn sealed:same open-seal:same | overdue      | Jury.Seating
            cancel claim:cancelled reveal rounds draw:check | checked:same   | Checked
            cancel claim:cancelled reveal rounds draw:check | checked:length | Checked
            cancel claim:cancelled reveal rounds draw:check | checked:fewer  | Jury.Seating
        ",
    },
    Group {
        terms: Terms::NEWCOMER,
        rows: "
            drawn                         | checked:same    | Checked
            drawn                         | checked:other   | Mismatch
            drawn seat                    | unserved        | Mismatch
            drawn sealed:same open-seal:same | overdue      | Mismatch
        ",
    },
    Group {
        terms: Terms::TENSOR,
        rows: "
            drawn                         | checked:same    | Checked
            drawn                         | checked:near    | Checked
            drawn                         | checked:cheaper | Checked
            drawn                         | checked:fewer   | Checked
            drawn                         | checked:grey    | Grey
            drawn                         | checked:other   | Jury.Seating
            drawn                         | checked:length  | Jury.Seating
            drawn                         | checked:empty   | Jury.Seating
        ",
    },
    Group { terms: Terms::LONG, rows: "drawn | checked:near | Checked\n drawn | checked:grey | Grey" },
    Group { terms: Terms { greys: 2, ..Terms::TENSOR }, rows: "drawn | checked:grey | Grey" },
    Group {
        terms: Terms { greys: 3, ..Terms::TENSOR },
        rows: "drawn | checked:grey | GreyRefunded\n drawn | checked:near | Checked",
    },
];

const SERIES: &[Group] = &[
    Group {
        terms: Terms::THRICE,
        rows: "
            drawn                                     | checked:same  | Checking.Seating
            drawn checked:same                        | seat          | ! TooEarly
            drawn checked:same                        | voice:same    | Checking.Seating
            drawn checked:same voice:same             | voice:same    | Checked
            drawn                                     | checked:other | Jury.Seating
            drawn checked:same                        | voice:other   | Jury.Seating
            drawn checked:same voice:same             | voice:other   | Jury.Seating
            drawn checked:same                        | unserving     | Jury.Seating
            drawn unheard checked:same unheard voice:same | voice:same | Checked
            drawn checked:same unheard*2              | unheard       | Unchecked
            drawn checked:same voice:same             | nobody        | Unchecked
        ",
    },
    Group {
        terms: Terms { unchecked_ok: true, ..Terms::THRICE },
        rows: "
            drawn checked:same unheard*2              | unheard       | Unchecked
            drawn checked:same voice:same             | nobody        | Unchecked
        ",
    },
    Group {
        terms: Terms { checks: 3, ..Terms::NEWCOMER },
        rows: "drawn checked:same voice:same | voice:other | Mismatch",
    },
    Group {
        terms: Terms { checks: 3, ..Terms::TENSOR },
        rows: "drawn checked:same            | voice:grey  | Grey",
    },
];

const ABSENCES: &[Group] = &[
    Group {
        terms: Terms::SPOT,
        rows: "
            drawn                         | unheard                     | Checking.Seating
            drawn unheard                 | unheard                     | Checking.Seating
            drawn unheard*2               | unheard                     | Unchecked
            drawn unheard*2               | sealed:same overdue         | Unchecked
            drawn unheard*2               | checked:same                | Checked
            drawn unheard*2               | checked:other               | Jury.Seating
        ",
    },
    Group { terms: UNCOVERED, rows: "drawn unheard*2 | unheard | Void" },
    Group { terms: COVERED, rows: "drawn unheard*2 | unheard | Unchecked" },
];

#[test]
fn a_match_pays_a_mismatch_calls_a_jury_and_what_is_grey_is_paid_a_few_times() {
    cases::check(CHECKS);
}

#[test]
fn of_several_checks_all_must_match() {
    cases::check(SERIES);
}

#[test]
fn three_absent_verifiers_end_a_check() {
    cases::check(ABSENCES);
}
