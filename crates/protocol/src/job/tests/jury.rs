//! How a jury ends: by its margin, by its greatest size, by the provider's silence.

use alloc::vec::Vec;

use super::{
    super::*,
    cases::{self, Group},
    world::{CLIENT, PROVIDER, Terms, World, name},
};

/// All rows of this module.
pub(super) const ALL: [&[Group]; 4] = [MARGINS, AGAIN, VOICES, SILENCES];

/// Convicted by the margin, cleared by it and at most by 4, both by two voices; with nobody left, refunded in doubt.
const MARGINS: &[Group] = &[
    Group {
        terms: Terms::SPOT.with_margin(1),
        rows: "
            accused                 | voice:other         | Jury.Seating
            accused voice:other     | voice:other         | Slashed
            accused                 | voice:same          | Jury.Seating
            accused voice:same      | voice:same          | Cleared
            accused                 | nobody              | Void
            accused voice:other     | nobody              | Disputed
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
        terms: Terms::SPOT.with_margin(6),
        rows: "
            accused voice:other*4   | voice:other         | Jury.Seating
            accused voice:other*5   | voice:other         | Slashed
            accused voice:same*2    | voice:same          | Jury.Seating
            accused voice:same*3    | voice:same          | Cleared
            accused voice:other     | nobody              | Disputed
            accused voice:other voice:same | nobody       | Void
        ",
    },
];

/// Whoever is drawn again counts again with what it said: at once, by the same beacon, and never as another voice.
const AGAIN: &[Group] = &[Group {
    terms: Terms::SPOT.with_margin(6),
    rows: "
        accused voice:other rounds                        | seat:again    | Jury.Seating
        accused voice:other rounds seat:again*4           | seat:again    | Jury.Seating
        accused voice:other rounds seat:again*9           | voice:other   | Slashed
        accused voice:other*4 rounds seat:accuser         | seat:accuser  | Slashed
        accused voice:same rounds seat:again*30           | voice:same    | Cleared
        accused voice:other rounds seat:again*38          | seat:again    | Disputed
        accused unserving rounds seat:again*10            | seat:again    | Unreached
        drawn unserving checked:other rounds seat:first*11 | seat:first   | Unreached
    ",
}];

/// Voices weigh against each other; what is exact and differs stands against, and forty draws are enough.
const VOICES: &[Group] = &[
    Group {
        terms: Terms::SPOT.with_margin(2),
        rows: "
            accused voice:other voice:same voice:other    | voice:other  | Slashed
            accused voice:other voice:same*2              | voice:same   | Cleared
            accused unserving                             | unserving    | Jury.Seating
            accused voice:other                           | unserving    | Jury.Seating
            accused voice:same unserving                  | voice:same   | Jury.Seating
            accused voice:same unserving voice:same       | voice:same   | Cleared
            accused voice:empty                           | voice:empty  | Slashed
            accused unheard voice:other unheard           | voice:other  | Slashed
            accused sealed:other overdue voice:other      | voice:other  | Slashed
        ",
    },
    Group {
        terms: Terms::EXACT.with_margin(2),
        rows: "
            drawn open seat seal:other sealed:third       | sealed:other | Slashed
            drawn open seat seal:other sealed:cheaper     | sealed:fewer | Slashed
            drawn open seat seal:other sealed:third       | sealed:same  | Jury.Seating
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(2),
        rows: "
            accused voice:near                            | voice:same   | Cleared
            accused voice:grey*3                          | voice:grey   | Jury.Seating
            accused voice:grey*3 voice:other              | voice:other  | Slashed
            accused voice:third                           | voice:other  | Jury.Seating
            accused voice:other voice:third               | voice:other  | Slashed
            accused voice:other voice:third               | voice:same   | Jury.Seating
            accused voice:other voice:third               | nobody       | Disputed
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(6),
        rows: "
            accused unheard*38                            | unheard      | Jury.Seating
            accused unheard*39                            | unheard      | Void
            accused voice:other*3 unheard*36              | unheard      | Disputed
            accused voice:other*5 unheard*34              | voice:other  | Slashed
            accused voice:same*3 unheard*36               | voice:same   | Cleared
            accused voice:other*5 unheard*34              | voice:same   | Disputed
            accused unserving*10                          | unserving    | Jury.Seating
            accused unserving*11                          | unserving    | Unreached
            accused voice:other unserving*11              | unserving    | Jury.Seating
            accused voice:other unserving*12              | unserving    | Unreached
            accused voice:other unserving unheard*37      | unheard      | Unreached
        ",
    },
];

/// A provider that is accused with a juror's support has an hour to open its claim.
const SILENCES: &[Group] = &[
    Group {
        terms: Terms::SPOT.with_margin(6),
        rows: "
            drawn sealed:other open-seal:other overdue rounds seat | unserved          | Jury.Seating
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
            drawn sealed:other open-seal:other overdue   | unserving                   | Jury.Seating
            drawn unserving                              | open                        | ! TooEarly
        ",
    },
    Group {
        terms: Terms::SPOT.with_margin(2),
        rows: "
            drawn sealed:other open-seal:other overdue voice:other rounds | open       | Jury.Seating
            drawn sealed:other open-seal:other overdue voice:other open | voice:other  | Slashed
            drawn sealed:same open-seal:same overdue voice:same open | voice:same      | Cleared
        ",
    },
];

#[test]
fn a_jury_convicts_and_clears_by_its_margin_and_hangs_in_doubt() {
    cases::check(MARGINS);
}

#[test]
fn who_is_drawn_again_counts_again_and_is_one_voice() {
    cases::check(AGAIN);
}

#[test]
fn every_seat_of_a_check_is_of_another_verifier() {
    for (story, barred) in [
        ("drawn", &[][..]),
        ("drawn checked:same", &[100]),
        ("drawn checked:same unheard", &[100, 101]),
        // A jury passes over nobody but who was absent.
        ("drawn checked:same unheard voice:other", &[101]),
        ("drawn checked:same voice:other voice:other unheard", &[103]),
    ] {
        let passed = [CLIENT, PROVIDER].into_iter().chain(barred.iter().map(|name| PeerId([*name; 32])));
        let passed: Vec<PeerId> = passed.collect();
        assert_eq!(World::after(&Terms::THRICE, story).job.barred(), passed, "{story}");
    }
}

#[test]
fn more_than_half_of_all_that_can_be_drawn_decides_and_who_is_absent_weighs_nothing() {
    for (electorate, story, expected) in [
        (3, "accused voice:other voice:other", "Slashed"),
        (4, "accused voice:other voice:other", "Jury.Seating"),
        (4, "accused unheard voice:other voice:other", "Slashed"),
        (5, "accused unheard voice:other voice:other", "Jury.Seating"),
    ] {
        let mut world = World::new(&Terms::SPOT);
        world.job.enrol(electorate);
        world.tell(story);
        assert_eq!(name(world.job.stage()), expected, "{electorate}: {story}");
    }
}

#[test]
fn voices_weigh_by_whom_they_agree_with() {
    cases::check(VOICES);
}

#[test]
fn an_accused_provider_is_convicted_of_its_silence_and_heard_until_then() {
    cases::check(SILENCES);
}
