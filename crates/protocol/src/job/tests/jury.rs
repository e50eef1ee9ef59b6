//! How a jury ends: by its margin, by its greatest size, by the provider's silence.

use super::{
    cases::{self, Group},
    world::Terms,
};

/// All rows of this module.
pub(super) const ALL: [&[Group]; 3] = [MARGINS, VOICES, SILENCES];

/// Convicted by the margin h, cleared by h and at most by 4; with nobody left, refunded in doubt from h − 2 on.
const MARGINS: &[Group] = &[
    Group {
        terms: Terms::SPOT.with_margin(1),
        rows: "
            accused                 | voice:other         | Slashed
            accused                 | voice:same          | Cleared
            accused                 | nobody              | Void
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(2),
        rows: "
            accused                 | voice:other         | Jury.Seating
            accused voice:other     | voice:other         | Slashed
            accused                 | voice:same          | Jury.Seating
            accused voice:same      | voice:same          | Cleared
            accused                 | nobody              | Void
            accused voice:other     | nobody              | Disputed
            accused voice:same      | nobody              | Void
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(3),
        rows: "
            accused voice:other     | voice:other         | Jury.Seating
            accused voice:other*2   | voice:other         | Slashed
            accused voice:same      | voice:same          | Jury.Seating
            accused voice:same*2    | voice:same          | Cleared
            accused                 | nobody              | Void
            accused voice:other     | nobody              | Disputed
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(4),
        rows: "
            accused voice:other*2   | voice:other         | Jury.Seating
            accused voice:other*3   | voice:other         | Slashed
            accused voice:same*2    | voice:same          | Jury.Seating
            accused voice:same*3    | voice:same          | Cleared
            accused voice:other     | nobody              | Void
            accused voice:other*2   | nobody              | Disputed
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(5),
        rows: "
            accused voice:other*3   | voice:other         | Jury.Seating
            accused voice:other*4   | voice:other         | Slashed
            accused voice:same*2    | voice:same          | Jury.Seating
            accused voice:same*3    | voice:same          | Cleared
            accused voice:other*2   | nobody              | Void
            accused voice:other*3   | nobody              | Disputed
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(6),
        rows: "
            accused voice:other*4   | voice:other         | Jury.Seating
            accused voice:other*5   | voice:other         | Slashed
            accused voice:same*2    | voice:same          | Jury.Seating
            accused voice:same*3    | voice:same          | Cleared
            accused voice:other*3   | nobody              | Void
            accused voice:other*4   | nobody              | Disputed
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(20),
        rows: "accused voice:other*5    | voice:other         | Slashed",
    },
];

/// Voices weigh against each other; what agrees with nobody weighs nothing, and forty jurors are enough.
const VOICES: &[Group] = &[
    Group {
        terms: Terms::SPOT.with_margin(2),
        rows: "
            accused voice:other voice:same voice:other    | voice:other  | Slashed
            accused voice:other voice:same*2              | voice:same   | Cleared
            accused voice:other voice:third               | voice:other  | Slashed
            accused voice:other voice:third               | voice:same   | Jury.Seating
            accused voice:third                           | voice:other  | Jury.Seating
            accused unserving                             | unserving    | Slashed
            accused voice:other                           | unserving    | Jury.Seating
            accused voice:empty                           | voice:empty  | Slashed
            accused unheard voice:other unheard           | voice:other  | Slashed
            accused sealed:other overdue voice:other      | voice:other  | Slashed
            accused voice:other voice:third               | nobody       | Disputed
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(2),
        rows: "
            accused voice:near                            | voice:same   | Cleared
            accused voice:grey*3                          | voice:grey   | Jury.Seating
            accused voice:grey*3 voice:other              | voice:other  | Slashed
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(6),
        rows: "
            accused unheard*38                            | unheard      | Jury.Seating
            accused unheard*39                            | unheard      | Void
            accused voice:other*3 unheard*36              | unheard      | Void
            accused voice:other*4 unheard*35              | unheard      | Disputed
            accused voice:other*5 unheard*34              | voice:other  | Slashed
            accused voice:same*3 unheard*36               | voice:same   | Cleared
            accused voice:other*5 unheard*34              | voice:same   | Disputed
        ",
    },
];

/// A provider that is accused with a juror's support has an hour to open its claim.
const SILENCES: &[Group] = &[
    Group {
        terms: Terms::SPOT.with_margin(6),
        rows: "
            drawn sealed:other open-seal:other overdue rounds seat | unserved          | Jury.Silence
            drawn sealed:other open-seal:other overdue   | voice:other                 | Jury.Silence
            drawn sealed:other open-seal:other overdue   | unheard                     | Jury.Seating
            drawn sealed:other open-seal:other overdue   | nobody                      | Void
            drawn sealed:other open-seal:other overdue   | sealed:other open           | Jury.Opening
            drawn sealed:other open-seal:other overdue sealed:other open | open-seal:other | Jury.Seating
            drawn sealed:other open-seal:other overdue voice:other | almost            | Jury.Silence
            drawn sealed:other open-seal:other overdue voice:other | overdue           | Silent
            drawn sealed:other open-seal:other overdue voice:other | open              | Jury.Seating
            drawn sealed:other open-seal:other overdue voice:other | almost open       | Jury.Seating
            drawn sealed:other open-seal:other overdue voice:other | open:missing      | ! Unwanted
            drawn sealed:other open-seal:other overdue voice:other | open:output       | FalseOpening
            drawn sealed:other open-seal:other overdue voice:other | seal:other        | ! TooLate
            drawn sealed:other open-seal:other overdue voice:other | seat              | ! TooLate
            drawn sealed:other open-seal:other overdue voice:other open | open         | ! Known
            drawn sealed:other open-seal:other overdue voice:other overdue | open      | ! Closed
            drawn sealed:same open-seal:same overdue     | voice:same                  | Jury.Silence
            drawn sealed:same open-seal:same overdue voice:same open voice:same*2 | voice:same | Cleared
            drawn seat unserved                          | voice:same                  | Jury.Silence
            drawn seat unserved voice:same               | open                        | Jury.Seating
            drawn seat unserved                          | unserving                   | Jury.Silence
            drawn seat unserved unserving                | open                        | Jury.Seating
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(1),
        rows: "
            drawn sealed:other open-seal:other overdue voice:other | open              | Slashed
            drawn sealed:same open-seal:same overdue voice:same    | open              | Cleared
            drawn seat unserved unserving                          | open              | Slashed
        ",
    },
    Group {
        terms: Terms::LONG.with_margin(6),
        rows: "
            drawn seat unserved unserving                | open                        | ! Unwanted
            drawn seat unserved unserving                | rounds open                 | Jury.Seating
        ",
    },
];

#[test]
fn a_jury_convicts_and_clears_by_its_margin_and_hangs_in_doubt() {
    cases::check(MARGINS);
}

#[test]
fn voices_weigh_by_whom_they_agree_with() {
    cases::check(VOICES);
}

#[test]
fn an_accused_provider_is_convicted_of_its_silence_and_heard_until_then() {
    cases::check(SILENCES);
}
