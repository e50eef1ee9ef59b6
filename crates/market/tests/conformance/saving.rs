//! Save, then say: what others can see waits for the disk, and nothing else does.

use assay_market::Effect;

use super::{
    Answer, Case, Cast, Left, Step,
    words::{blob, blob_digest, full, keep, name, release, run_id, save},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "what rests on nothing leaves at once", steps: at_once },
    Case { name: "what others can see waits for the disk, and nothing overtakes", steps: in_order },
    Case { name: "a record holds back only what comes behind it", steps: behind },
    Case { name: "what stays on the machine waits for nothing", steps: within },
    Case { name: "a release waits like the end of what others can see", steps: late_release },
    Case { name: "what was not durable never leaves after a crash", steps: crashed },
    Case { name: "a message that reaches nobody comes back", steps: undelivered },
];

/// One of each that others can see.
fn visible(cast: &Cast) -> Vec<Effect> {
    let served = cast.serve(1, blob_digest(1), 1);
    vec![cast.send(1), served, cast.publish(), cast.file(0), release(2), cast.send(2)]
}

fn seen(effects: &[Effect]) -> Step {
    Step::Left(effects.iter().filter_map(Left::of).collect())
}

fn at_once(cast: &Cast) -> Vec<Step> {
    let all = visible(cast);
    vec![Step::Perform(all.clone()), seen(&all)]
}

fn in_order(cast: &Cast) -> Vec<Step> {
    let (digest, party) = (cast.digest(0), cast.parties(0)[0]);
    let mut all = vec![save(1)];
    all.extend(visible(cast));
    all.push(save(2));
    all.extend([release(1), cast.send(0), cast.serve(3, blob_digest(1), 2)]);
    let expected = seen(&all);
    vec![
        Step::Put(blob(1), true),
        Step::Perform(all),
        Step::Left(vec![]),
        Step::Asks(cast.others[1], blob_digest(1), None),
        Step::Asks(party, digest, None),
        Step::Sync,
        expected,
        Step::Asks(party, digest, Some(cast.bytes(0))),
        Step::Asks(cast.others[1], blob_digest(1), None),
        Step::Asks(cast.others[2], blob_digest(1), Some(blob(1))),
    ]
}

fn behind(cast: &Cast) -> Vec<Step> {
    let (first, second, third) = (cast.send(1), cast.send(2), cast.send(0));
    vec![
        Step::Perform(vec![first.clone(), save(1), second.clone()]),
        seen(&[first]),
        Step::Perform(vec![third.clone()]),
        Step::Left(vec![]),
        Step::Sync,
        seen(&[second, third.clone()]),
        Step::Perform(vec![third.clone()]),
        seen(&[third]),
    ]
}

fn within(cast: &Cast) -> Vec<Step> {
    let (here, there) = (blob_digest(1), blob_digest(2));
    let show = Effect::Show { run: run_id(1), output: here, positions: vec![0] };
    vec![
        Step::Put(blob(1), true),
        Step::Stock(1, there, blob(2)),
        Step::Perform(vec![save(1), keep(1, here), cast.fetch(2, there, &[1]), show]),
        Step::Answers(vec![
            Answer::Fetched(name(2), there, Some(blob(2).len() as u64)),
            Answer::Shown(run_id(1), vec![0]),
        ]),
        Step::Put(full(9), false),
        Step::Wakes(vec![10], 10..10_000),
        Step::Left(vec![]),
    ]
}

fn late_release(_: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(1), true),
        Step::Perform(vec![keep(1, blob_digest(1)), save(1), release(1)]),
        Step::Put(full(9), false),
        Step::Sync,
        Step::Left(vec![Left::Released(name(1))]),
        Step::Put(full(9), true),
    ]
}

fn crashed(cast: &Cast) -> Vec<Step> {
    let (first, second) = (cast.send(1), cast.send(2));
    let mut lost = vec![save(2)];
    lost.extend(visible(cast));
    vec![
        Step::Put(blob(1), true),
        Step::Perform(vec![save(1), first.clone()]),
        Step::Sync,
        seen(&[first]),
        Step::Perform(lost),
        Step::Crash,
        Step::Sync,
        Step::Left(vec![]),
        Step::Asks(cast.parties(0)[0], cast.digest(0), None),
        Step::Asks(cast.others[1], blob_digest(1), None),
        Step::Perform(vec![save(3), second.clone()]),
        Step::Left(vec![]),
        Step::Sync,
        seen(&[second]),
    ]
}

fn undelivered(cast: &Cast) -> Vec<Step> {
    vec![
        Step::Perform(vec![cast.send_to(cast.away)]),
        Step::Left(vec![Left::Sent(cast.away)]),
        Step::Undelivered(cast.away),
    ]
}
