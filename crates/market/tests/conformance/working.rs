//! Runs, what they write, what is shown of it, and being woken.

use assay_market::{Effect, input::RunId};
use assay_protocol::{id::Digest, order::Failure};

use super::{
    Answer, Case, Cast, Step,
    words::{blob, blob_digest, full, keep, name, release, run, run_id},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a run is answered once, and what it writes is kept for its job", steps: ran },
    Case { name: "the input of a run stays while it runs", steps: pinned },
    Case { name: "a run that finds no room for its output fails for the machine", steps: no_room },
    Case { name: "a run whose input is not here fails for that", steps: no_input },
    Case { name: "a run that was stopped is not answered and keeps nothing", steps: stopped },
    Case { name: "a run that is cut short is answered once", steps: cut_short },
    Case { name: "a run that was stopped may be begun anew", steps: begun_anew },
    Case { name: "a run that is asked for again while it goes on is one run", steps: twice },
    Case { name: "the runs of a process end with it", steps: crashed },
    Case { name: "records are shown all or not at all", steps: shown },
    Case { name: "the last wish to be woken replaces all others", steps: woken },
];

const INPUT: u8 = 1;

fn input() -> Digest {
    blob_digest(INPUT)
}

fn job(number: u8) -> Effect {
    run(run_id(number), input())
}

fn ran(_: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(INPUT), true),
        Step::Perform(vec![job(1), job(2)]),
        Step::Answers(vec![Answer::Ran(run_id(1), Ok(())), Answer::Ran(run_id(2), Ok(()))]),
        Step::Perform(vec![release(1)]),
        Step::Put(full(9), false),
        Step::Perform(vec![release(2)]),
        Step::Put(full(9), true),
        Step::Answers(vec![]),
    ]
}

fn pinned(_: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(INPUT), true),
        Step::Perform(vec![job(1)]),
        Step::Put(full(9), false),
        Step::Answers(vec![Answer::Ran(run_id(1), Ok(()))]),
        Step::Perform(vec![release(1)]),
        Step::Put(full(9), true),
    ]
}

fn no_room(_: &Cast) -> Vec<Step> {
    // Input and filler leave no byte.
    let filler = full(9)[blob(INPUT).len()..].to_vec();
    vec![
        Step::Put(blob(INPUT), true),
        Step::Put(filler.clone(), true),
        Step::Perform(vec![keep(7, Digest::of(&filler)), job(1)]),
        Step::Answers(vec![Answer::Ran(run_id(1), Err(Failure::Machine))]),
        Step::Perform(vec![release(7)]),
        Step::Put(full(9), true),
    ]
}

fn no_input(_: &Cast) -> Vec<Step> {
    let check = RunId { job: name(1), check: true };
    vec![
        Step::Perform(vec![run(check, input())]),
        Step::Answers(vec![Answer::Ran(check, Err(Failure::InputAbsent))]),
    ]
}

fn stopped(_: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(INPUT), true),
        Step::Perform(vec![job(1), Effect::Stop(run_id(1)), Effect::Stop(run_id(2))]),
        Step::Answers(vec![]),
        Step::Put(full(9), true),
    ]
}

fn cut_short(_: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(INPUT), true),
        Step::Perform(vec![job(1), Effect::Cut(run_id(1)), Effect::Cut(run_id(2))]),
        // There is something of it to hold if it had begun by then.
        Step::Ended(run_id(1)),
        Step::Perform(vec![release(1)]),
        Step::Put(full(9), true),
    ]
}

fn begun_anew(_: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(INPUT), true),
        Step::Perform(vec![job(1), Effect::Stop(run_id(1)), job(1)]),
        Step::Answers(vec![Answer::Ran(run_id(1), Ok(()))]),
    ]
}

fn twice(_: &Cast) -> Vec<Step> {
    let again = Answer::Ran(run_id(1), Ok(()));
    vec![
        Step::Put(blob(INPUT), true),
        Step::Perform(vec![job(1), job(1)]),
        Step::Answers(vec![again.clone()]),
        Step::Perform(vec![job(1)]),
        Step::Answers(vec![again]),
    ]
}

fn crashed(_: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(INPUT), true),
        Step::Perform(vec![job(1)]),
        Step::Crash,
        Step::Answers(vec![]),
        Step::Put(full(9), true),
    ]
}

fn shown(_: &Cast) -> Vec<Step> {
    let show = |job: u8, output, positions: &[u64]| Effect::Show {
        run: run_id(job),
        output,
        positions: positions.to_vec(),
    };
    vec![
        Step::Put(blob(1), true),
        Step::Perform(vec![
            show(1, blob_digest(1), &[2, 0]),
            show(2, blob_digest(1), &[0, 3]),
            show(3, blob_digest(2), &[0]),
        ]),
        Step::Answers(vec![
            Answer::Shown(run_id(1), vec![2, 0]),
            Answer::Shown(run_id(2), vec![]),
            Answer::Shown(run_id(3), vec![]),
        ]),
    ]
}

fn woken(_: &Cast) -> Vec<Step> {
    vec![
        Step::Wakes(vec![10, 100], 100..50_000),
        Step::Wakes(vec![3_600_000, 10], 10..50_000),
        Step::Answers(vec![]),
    ]
}
