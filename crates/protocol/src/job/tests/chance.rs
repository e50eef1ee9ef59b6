//! Whatever the parties say in whatever order: nothing that was said is rewritten, closed is final, and ticks close
//! the job in the end (I3, I6, I7, I13).

use proptest::{prelude::*, sample, test_runner::RngSeed};

use super::{
    super::*,
    ticks, words,
    world::{Terms, World},
};

const TERMS: [Terms; 6] = [
    Terms::SPOT,
    Terms::EXACT,
    Terms::LONG.with_margin(1),
    Terms::THRICE.with_margin(2),
    Terms::NEWCOMER,
    Terms { unchecked_ok: true, ..Terms::ALWAYS },
];

/// Where the parties stand when they begin to say anything at all.
const BEGINNINGS: [&str; 14] = [
    "",
    "cancel",
    "claim",
    "claim reveal rounds",
    "claim overdue rounds draw:none",
    "undrawn",
    "drawn",
    "undrawn dispute",
    "drawn seat",
    "drawn seat underway",
    "drawn sealed:same",
    "drawn sealed:same overdue rounds seat",
    "drawn seat unserved",
    "drawn sealed:other rounds open-seal:other",
];

/// What was said once is said for ever.
fn assert_kept(before: &Job, after: &Job) {
    if let Stage::Closed(_) = before.stage() {
        assert_eq!(before.stage(), after.stage(), "a closed job moved on");
    }
    assert!(before.claim().is_none() || before.claim() == after.claim(), "the claim was rewritten");
    assert!(before.opened().is_none() || before.opened() == after.opened(), "the opening was rewritten");
    assert!(before.positions().is_none() || before.positions() == after.positions(), "drawn twice");
    let (round, later) = (before.positions_round, after.positions_round);
    assert!(round.is_none() || round == later, "the round that draws positions was moved");
    assert!(!before.revealed() || before.secret() == after.secret(), "the secret was rewritten");
    assert!(before.jury_from().is_none() || before.jury_from() == after.jury_from(), "two juries");
    assert!(before.seats().len() <= after.seats().len(), "a seat was taken away");
    for (earlier, later) in before.seats().iter().zip(after.seats()) {
        assert_eq!(earlier.peer, later.peer);
        let kept = match (&earlier.testified, &later.testified) {
            (Testified::NotYet, _)
            | (Testified::Sealed(_), Testified::Late)
            | (Testified::Unserved(_), Testified::Heard { .. }) => true,
            (Testified::Sealed(commit), Testified::Heard { evidence, .. }) => *commit == evidence.commit(),
            (earlier, later) => earlier == later,
        };
        assert!(kept, "{earlier:?} became {later:?}");
    }
}

/// A word, and whose seat it is taken in if it is not that of its usual speaker.
fn said() -> impl Strategy<Value = (&'static str, Option<Party>)> {
    let verifiers = (0..4_u16).prop_map(Party::Verifier);
    let parties = prop_oneof![Just(Party::Client), Just(Party::Provider), Just(Party::Notary), verifiers];
    (sample::select(words::all()), prop::option::weighted(0.1, parties))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(20_260_101),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_that_was_said_is_rewritten_and_ticks_close_the_job_in_the_end(
        terms in sample::select(&TERMS[..]),
        beginning in sample::select(&BEGINNINGS[..]),
        speech in prop::collection::vec(said(), 0..60),
    ) {
        let mut world = World::new(&terms);
        world.tell(beginning);
        for (word, by) in speech {
            let before = world.job.clone();
            let by = by.unwrap_or_else(|| world.speaker(word));
            let _ = world.probe(word, by);
            assert_kept(&before, &world.job);
        }
        ticks::close(&mut world, "draw:check", "seat");
        let closed = world.written();
        for word in words::all() {
            let by = world.speaker(word);
            let _ = world.probe(word, by);
            prop_assert_eq!(&closed, &world.written(), "{} changed a closed job", word);
        }
    }
}
