//! How a check ends: by what its verifiers found, by how many of them it wants, by their absence.

use super::{
    super::*,
    cases::{self, COVERED, Group, UNCOVERED},
    world::{Terms, World, name},
};
use crate::units::Amount;

/// All rows of this module.
pub(super) const ALL: [&[Group]; 8] = [CHECKS, EXACT, SERIES, ANSWERS, ABSENCES, UNSERVED, LOOKS, TRAPS];

const CHECKS: &[Group] = &[
    Group {
        terms: Terms::SPOT,
        rows: "
            drawn                         | checked:same    | Checked
            drawn                         | checked:other   | Jury.Seating
            undrawn dispute               | checked:same    | Checked
            undrawn dispute               | checked:other   | Jury.Seating
            drawn sealed:same open-seal:same | overdue      | Jury.Seating
            cancel claim:cancelled reveal rounds draw:check | checked:same   | Checked
            cancel claim:cancelled reveal rounds draw:check | checked:length | Checked
        ",
    },
    Group {
        terms: Terms::NEWCOMER,
        rows: "
            drawn                         | checked:same    | Checked
            drawn                         | checked:other   | Jury.Doubting
            drawn sealed:same open-seal:same | overdue      | Jury.Doubting
        ",
    },
    Group {
        terms: Terms::SPOT,
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
    Group { terms: Terms { greys: 2, ..Terms::SPOT }, rows: "drawn | checked:grey | Grey" },
    Group {
        terms: Terms { greys: 3, ..Terms::SPOT },
        rows: "drawn | checked:grey | GreyRefunded\n drawn | checked:near | Checked",
    },
];

/// Where a claim opens itself nobody waits for anybody: the notary enters what came with it, a verifier says all at once.
const EXACT: &[Group] = &[
    Group {
        terms: Terms::EXACT,
        rows: "
            claim                         | open            | ! TooEarly
            claim reveal                  | open            | ! TooEarly
            undrawn                       | open            | ! TooEarly
            drawn                         | tick            | Checking.Disclosing
            drawn                         | seat            | ! TooEarly
            drawn                         | dispute         | ! TooLate
            drawn                         | convicted       | Checking.Disclosing
            drawn                         | open            | Checking.Seating
            drawn                         | open:output     | ! Unmatched
            drawn                         | open:two-roots  | ! Unmatched
            drawn                         | open:records    | ! Unmatched
            drawn                         | open:measure    | ! Unmatched
            drawn                         | almost          | Checking.Disclosing
            drawn                         | overdue         | Void
            drawn overdue                 | open            | ! Closed
            claim:two-roots reveal rounds draw:check | open:two-roots | ! Unmatched
            drawn open                    | open            | ! Known
            drawn open                    | open:output     | ! Known
            drawn open                    | seat            | Checking.Calling
            drawn tick open               | seat            | ! TooEarly
            drawn tick open tick          | seat            | ! TooEarly
            drawn tick open rounds        | seat            | Checking.Calling
            undrawn dispute               | tick            | Checking.Disclosing
            undrawn dispute               | overdue         | Void
            undrawn dispute open          | seat            | ! TooEarly
            undrawn dispute open rounds   | seat            | Checking.Calling
            undrawn convicted open        | seat            | ! TooEarly
            undrawn convicted open rounds | seat            | Checking.Calling
            drawn open seat               | seal:same       | Checked
            drawn open seat               | seal:other      | Jury.Seating
            drawn open seat               | seal:near       | Jury.Seating
            drawn open seat               | seal:cheaper    | Jury.Seating
            drawn open seat               | seal:fewer      | Jury.Seating
            drawn open seat               | seal:length     | Jury.Seating
            drawn open seat               | seal:empty      | Jury.Seating
            drawn open seat               | seal:bare       | ! Unmatched
            drawn open seat               | seal:measure    | ! Unmatched
            drawn open seat               | seal:swapped    | ! Unmatched
            drawn open seat               | seal:two-roots  | ! Unmatched
            drawn open seat               | open-seal:same  | ! TooEarly
            drawn open seat               | overdue         | Checking.Seating
            drawn open seat overdue       | seal:same       | ! TooLate
            drawn open seat seal:other    | seal:other      | ! Known
            drawn open seat seal:other    | seal:same       | ! TooLate
            drawn open seat seal:other    | open-seal:other | ! Known
            drawn open seat seal:other    | open            | ! Known
            drawn open seat seal:other sealed:other*5 | sealed:other | Slashed
            drawn open seat seal:other sealed:same*3  | sealed:same  | Cleared
            cancel claim:cancelled reveal rounds draw:check open seat | seal:same   | Checked
            cancel claim:cancelled reveal rounds draw:check open seat | seal:length | Checked
            cancel claim:cancelled reveal rounds draw:check open seat | seal:fewer  | Jury.Seating
        ",
    },
    Group { terms: Terms::SPOT, rows: "drawn seat                 | seal:whole      | ! Unmatched" },
    Group {
        terms: Terms { stake: Amount::ZERO, ..Terms::EXACT },
        rows: "drawn open seat            | seal:other      | Jury.Doubting",
    },
];

/// Below the entry level two of three decide, drawn like a jury; the first of them is who accused the provider.
const LOOKS: &[Group] = &[
    Group {
        terms: Terms::NEWCOMER,
        rows: "
            drawn checked:other                                | draw:check   | ! TooEarly
            drawn checked:other rounds                         | seat         | ! TooEarly
            drawn checked:other rounds                         | draw:none    | Mismatch
            drawn checked:other rounds                         | draw:check   | Jury.Seating
            drawn checked:other rounds draw:check              | draw:check   | ! TooLate
            drawn checked:other rounds draw:check              | seat:accuser | Mismatch
            drawn checked:other rounds draw:check              | voice:other  | Mismatch
            drawn checked:other rounds draw:check              | voice:third  | Mismatch
            drawn checked:other rounds draw:check              | unserving    | Mismatch
            drawn checked:other rounds draw:check              | nobody       | Mismatch
            drawn checked:other rounds draw:check unheard*2    | unheard      | Mismatch
            drawn checked:other rounds draw:check              | voice:same   | Jury.Seating
            drawn checked:other rounds draw:check voice:same   | voice:same   | Checked
            drawn checked:other rounds draw:check voice:same   | voice:other  | Mismatch
            drawn checked:other rounds draw:check voice:same   | unserving    | Mismatch
            drawn checked:other rounds draw:check voice:same   | voice:grey   | Mismatch
            drawn checked:other rounds draw:check voice:same rounds | seat:accuser | Mismatch
            drawn checked:other rounds draw:check voice:same rounds | seat:again   | Checked
            drawn                                              | unserving    | Jury.Seating
            drawn unserving                                    | checked:other | Mismatch
            drawn unserving                                    | checked:same | Jury.Seating
            drawn unserving checked:same                       | voice:same   | Checked
            drawn unserving                                    | voice:same   | Jury.Opening
            drawn unserving voice:same                         | open         | Jury.Seating
            drawn unserving voice:same                         | overdue      | Mismatch
            drawn unserving                                    | unserving    | Jury.Seating
            drawn unserving*2                                  | checked:same | Unreached
            drawn unserving*2                                  | unserving    | Unreached
            drawn unserving rounds seat:again                  | seat:again   | Unreached
            drawn unserving                                    | nobody       | Unreached
            drawn sealed:same open-seal:same overdue rounds draw:check voice:same | overdue | Mismatch
            drawn sealed:same open-seal:same overdue open rounds draw:check | voice:same | Checked
        ",
    },
    Group {
        terms: Terms { stake: Amount::ZERO, ..Terms::EXACT },
        rows: "
            drawn open unserving                               | seal:same    | Jury.Seating
            drawn open unserving seal:same                     | sealed:same  | Checked
            drawn open unserving                               | seal:other   | Jury.Seating
            drawn open unserving seal:other                    | sealed:other | Mismatch
        ",
    },
];

/// Whoever is given no input accuses nobody: the check goes on until more were given it, or far fewer.
const UNSERVED: &[Group] = &[
    Group {
        terms: Terms::SPOT,
        rows: "
            drawn                                     | unserving     | Checking.Seating
            drawn unserving                           | checked:same  | Checking.Seating
            drawn unserving checked:same              | voice:same    | Checked
            drawn unserving                           | checked:other | Jury.Seating
            drawn unserving                           | checked:grey  | Grey
            drawn unserving                           | nobody        | Unreached
            drawn unserving checked:same              | nobody        | Unreached
            drawn unserving unheard*2                 | unheard       | Unreached
            drawn unserving*7                         | unserving     | Unreached
            drawn unserving*6                         | unserving     | Checking.Seating
            drawn unserving*7 checked:same            | unserving     | Checking.Seating
            drawn unserving*7 checked:same unserving  | unserving     | Unreached
            drawn unserving                           | seal:same     | ! TooLate
            undrawn dispute unserving*2               | unserving     | Unchecked
            undrawn dispute unserving                 | unserving     | Checking.Seating
            undrawn dispute unserving checked:same    | voice:same    | Checked
        ",
    },
    Group {
        terms: Terms::THRICE,
        rows: "
            drawn checked:same unserving voice:same   | voice:same    | Checked
            drawn checked:same unserving voice:same   | nobody        | Checked
            drawn checked:same unserving              | nobody        | Unreached
        ",
    },
    Group {
        terms: Terms::EXACT,
        rows: "
            drawn open unserving                      | seal:same     | Checked
            drawn open unserving                      | seal:other    | Jury.Seating
            drawn open unserving seal:same            | unserved      | ! Closed
            drawn open unserving seal:other           | seal:same     | ! TooLate
            drawn open unserving rounds seat          | seal:same     | Checking.Seating
            drawn open seat seal:other unserving      | seal:same     | Jury.Seating
            drawn open seat seal:other unserving seal:other | seal:same | ! TooLate
            drawn open seat seal:other sealed:same*3 unserving | seal:same | Cleared
            drawn open seat seal:other sealed:other*5 unserving | seal:other | Slashed
        ",
    },
    Group {
        terms: Terms::SPOT,
        rows: "
                                          | unreached     | Open
            cancel                        | unreached     | Cancelling
            claim                         | unreached     | Claimed
            claim unreached reveal rounds | draw:none     | Checking.Seating
            undrawn                       | unreached     | Checking.Seating
            drawn                         | unreached     | Checking.Seating
            accused                       | unreached     | Jury.Seating
            undrawn unreached             | unserving     | Unreached
            undrawn unreached             | checked:same  | Checked
            undrawn convicted             | unserving     | Checking.Seating
            drawn unreached               | unserving     | Checking.Seating
        ",
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
        rows: "drawn checked:same voice:same | voice:other | Jury.Doubting",
    },
    Group {
        terms: Terms { checks: 3, ..Terms::SPOT },
        rows: "drawn checked:same            | voice:grey  | Grey",
    },
];

/// A verifier says that it is there, or what it found at once. Whoever does neither is absent, who says so has its time.
const ANSWERS: &[Group] = &[
    Group {
        terms: Terms::EXACT,
        rows: "
            drawn open                          | underway       | ! NotYours
            drawn open seat                     | underway       | Checking.Sealing
            drawn open seat                     | underway:other | ! OtherDeadline
            drawn open seat                     | seal:same      | Checked
            drawn open seat                     | almost         | Checking.Calling
            drawn open seat                     | overdue        | Checking.Seating
            drawn open seat overdue             | underway       | ! TooLate
            drawn open seat underway            | underway       | ! Known
            drawn open seat underway            | underway:other | ! Known
            drawn open seat underway            | seal:same      | Checked
            drawn open seat underway            | unserved       | Checking.Seating
            drawn open seat underway            | almost         | Checking.Sealing
            drawn open seat underway almost     | seal:same      | Checked
            drawn open seat underway            | overdue        | Checking.Seating
            drawn open seat underway overdue    | seal:same      | ! TooLate
            drawn open seat underway overdue    | underway       | ! TooLate
            drawn open seat seal:other rounds seat | underway    | Jury.Sealing
            drawn open seat seal:other rounds seat underway | overdue | Jury.Seating
        ",
    },
    Group { terms: Terms::SPOT, rows: "drawn sealed:same | underway | ! Known" },
];

/// Until when a seal is due, how long after the draw, and until when an answer is, in seconds.
#[test]
fn a_verifier_answers_at_once_and_has_its_time_from_the_end_of_the_checks_that_it_was_given_before() {
    let (terms, seconds) = (Terms::EXACT, |length: crate::units::Duration| length.0 / 1_000);
    for (drawn, waits) in [("seat", 0), ("seat:queued", 100), ("seat:behind", 12 * 3_600)] {
        let mut world = World::after(&terms, &alloc::format!("drawn open {drawn}"));
        let begun = world.now.live;
        let sealing = crate::deadline::sealing(&world.genesis, world.job.order());
        let answer = world.job.due().0.map(|until| seconds(until.since(begun)));
        assert_eq!(answer, Some(world.genesis.timers.underway.0 / 1_000), "{drawn}");
        world.tell("underway");
        assert_eq!(
            world.job.due().0.map(|until| seconds(until.since(begun))),
            Some(waits + seconds(sealing)),
            "{drawn}"
        );
    }
}

#[test]
fn silence_and_lateness_of_verifiers_are_told_apart() {
    for (story, lost) in [
        ("drawn open seat overdue", Testified::Absent),
        ("drawn open seat underway overdue", Testified::Late),
    ] {
        let world = World::after(&Terms::EXACT, story);
        assert_eq!(world.job.seats()[0].testified, lost, "{story}");
    }
    let world = World::after(&Terms::SPOT, "drawn sealed:same overdue");
    assert_eq!(world.job.seats()[0].testified, Testified::Late, "sealed, and never opened");
}

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

/// A trap convicts nobody: who finds something else ends it, who finds what was claimed is looked at by two more.
const TRAPS: &[Group] = &[
    Group {
        terms: Terms::EXACT,
        rows: "
            claim reveal                                | open:trap             | ! TooEarly
            drawn                                       | open:trap             | Checking.Seating
            drawn                                       | open:trap-of-provider | ! Unmatched
            drawn                                       | open:trap-elsewhere   | ! Unmatched
            drawn                                       | open:trap-of-another  | ! Unmatched
            drawn                                       | open:trap-dear        | ! Unmatched
            drawn                                       | open:no-trap          | ! Unmatched
            drawn                                       | open:trap-short       | Trap
            drawn                                       | open:trap-unfunded    | Trap
            drawn open                                  | open:trap             | ! Known
            drawn open:trap                             | open                  | ! Known
            undrawn dispute                             | open:trap             | Checking.Seating
            drawn open:trap                             | nobody                | Trap
            drawn open:trap seat                        | seal:other            | Trap
            drawn open:trap seat                        | seal:empty            | Trap
            drawn open:trap seat                        | seal:same             | Jury.Seating
            drawn open:trap seat                        | overdue               | Checking.Seating
            drawn open:trap seat                        | convicted             | Checking.Calling
            drawn open:trap seat                        | contradict            | FalseStream
            drawn open:trap seat overdue unheard        | unheard               | Trap
            drawn open:trap seat overdue                | sealed:other          | Trap
            drawn open:trap seat unserved               | sealed:other          | Trap
            drawn open:trap seat unserved               | sealed:same           | Jury.Seating
            drawn open:trap seat unserved unserving*5   | unserving             | Checking.Seating
            drawn open:trap seat unserved unserving*6   | unserving             | Unreached
            drawn open:trap seat unserved               | nobody                | Unreached
            drawn open:trap seat unserved unheard*2     | unheard               | Unreached
            undrawn dispute open:trap unserving*2        | unserving             | Unchecked
            claim unreached reveal rounds draw:none open:trap seat | unserved   | Unreached
            drawn open:trap seat seal:same              | seat                  | ! TooEarly
            drawn open:trap seat seal:same rounds       | seat:first            | Jury.Seating
            drawn open:trap seat seal:same rounds seat:first | seat:first       | Trap
            drawn open:trap seat seal:same rounds seat:first rounds | seat      | Jury.Calling
            drawn open:trap seat seal:same              | sealed:other          | Jury.Seating
            drawn open:trap seat seal:same sealed:other | sealed:other          | Trap
            drawn open:trap seat seal:same sealed:other rounds | seat:again     | Trap
            drawn open:trap seat seal:same sealed:other | sealed:same           | Trap
            drawn open:trap seat seal:same sealed:other | unserving             | Trap
            drawn open:trap seat seal:same              | unserving             | Jury.Seating
            drawn open:trap seat seal:same unserving    | unserving             | Trap
            drawn open:trap seat seal:same              | unheard               | Jury.Seating
            drawn open:trap seat seal:same unheard      | unheard               | Trap
            drawn open:trap seat seal:same              | nobody                | Trap
            drawn open:trap seat seal:same unheard      | sealed:other          | Jury.Seating
            drawn open:trap seat seal:same unheard sealed:other | unheard       | Trap
            drawn open:trap seat overdue unheard sealed:same unheard | sealed:other | Jury.Seating
        ",
    },
    Group {
        terms: Terms { stake: Amount::ZERO, ..Terms::EXACT },
        rows: "
            drawn open:trap seat                        | seal:other            | Trap
            drawn open:trap seat                        | unserved              | Checking.Seating
            drawn open:trap seat unserved               | sealed:same           | Jury.Seating
            drawn open:trap seat unserved               | unserving             | Checking.Seating
            drawn open:trap seat unserved unserving     | unserving             | Unreached
            drawn open:trap seat unserved               | nobody                | Unreached
            drawn open:trap seat seal:same              | sealed:other          | Jury.Seating
            drawn open:trap seat seal:same sealed:other | sealed:other          | Trap
            drawn open:trap seat seal:same sealed:other | sealed:same           | Trap
        ",
    },
    Group {
        terms: Terms { checks: 3, ..Terms::EXACT },
        rows: "drawn open:trap seat                     | seal:same             | Jury.Seating",
    },
    Group { terms: Terms::SPOT, rows: "drawn sealed:same rounds | open:trap     | ! Unmatched" },
];

#[test]
fn a_trap_convicts_nobody_and_who_matches_it_is_looked_at_by_two() {
    cases::check(TRAPS);
}

/// Whoever was given no input may find something after all: as long as the next is not drawn, and where it was drawn to look.
#[test]
fn of_a_trap_only_the_first_and_who_looks_can_find_something_later() {
    for (story, by, taken) in [
        ("drawn open:trap seat unserved", 0, Ok("Trap")),
        ("drawn open:trap seat unserved rounds seat", 0, Err(Misstep::TooLate)),
        ("drawn open:trap seat unserved sealed:same", 0, Err(Misstep::TooLate)),
        ("drawn open:trap seat unserved sealed:same unserving", 0, Err(Misstep::TooLate)),
        ("drawn open:trap seat unserved sealed:same unserving", 2, Ok("Jury.Seating")),
        ("drawn open:trap seat unserved sealed:same rounds seat:first", 0, Ok("Jury.Seating")),
        ("drawn open seat unserved sealed:other", 0, Ok("Jury.Seating")),
    ] {
        let mut world = World::after(&Terms::EXACT, story);
        let party = Party::Verifier(by);
        let step = world.step("seal:other", party);
        let found = world.job.apply(step, party, world.now);
        assert_eq!(found.map(name), taken.map(alloc::string::String::from), "{story} {by}");
    }
}

#[test]
fn who_looks_at_a_match_is_drawn_by_numbers_of_its_own() {
    for (terms, story, drawn) in [
        (Terms::EXACT, "drawn open:trap seat seal:same", 1),
        (Terms::EXACT, "drawn open:trap seat seal:same rounds seat:first", 2),
        (Terms { stake: Amount::ZERO, ..Terms::EXACT }, "drawn open:trap seat seal:same", 1),
        (Terms { stake: Amount::ZERO, ..Terms::EXACT }, "drawn open seat seal:other", 1),
    ] {
        assert_eq!(World::after(&terms, story).job.drawn_so_far(), drawn, "{story}");
    }
}

#[test]
fn a_match_pays_a_mismatch_calls_a_jury_and_what_is_grey_is_paid_a_few_times() {
    cases::check(CHECKS);
}

#[test]
fn a_claim_that_opens_itself_is_checked_without_a_word_of_its_provider() {
    cases::check(EXACT);
}

#[test]
fn below_the_entry_level_two_of_three_decide() {
    cases::check(LOOKS);
}

#[test]
fn whoever_is_given_no_input_accuses_nobody_and_the_check_goes_on() {
    cases::check(UNSERVED);
}

#[test]
fn of_several_checks_all_must_match() {
    cases::check(SERIES);
}

#[test]
fn a_verifier_that_answers_is_waited_for_and_one_that_does_not_is_absent() {
    cases::check(ANSWERS);
}

#[test]
fn three_absent_verifiers_end_a_check() {
    cases::check(ABSENCES);
}
