//! Getting blobs: each wish is answered once, each blob is brought once, and a holder that is released wants nothing.

use assay_protocol::id::Digest;

use super::{
    Answer, Case, Cast, Step,
    words::{QUOTA_BYTES, blob, blob_digest, full, keep, name, release, save},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "what a source serves is fetched and kept for its holder", steps: fetched },
    Case { name: "what is here is fetched from nobody and kept at once", steps: here },
    Case { name: "what nobody serves is answered with nothing, once", steps: served_by_nobody },
    Case { name: "sources are asked in turn, and one that lies or lacks is passed over", steps: in_turn },
    Case { name: "more bytes than are wanted are as good as none", steps: too_long },
    Case { name: "what two want is brought once, and both are answered", steps: wanted_by_two },
    Case { name: "who joins a fetch brings its own sources and its own bound", steps: joined },
    Case { name: "the fetch of a released holder ends and keeps nothing", steps: released },
    Case { name: "the fetch of another holder goes on", steps: released_one_of_two },
    Case {
        name: "a release that waits for the disk ends a fetch, and what came of it, when it leaves",
        steps: released_late,
    },
    Case { name: "what finds no room is answered with nothing", steps: no_room },
    Case { name: "the fetches of a process end with it", steps: crashed },
];

fn answered(holder: u8, digest: Digest, bytes: Option<&[u8]>) -> Answer {
    Answer::Fetched(name(holder), digest, bytes.map(|bytes| bytes.len() as u64))
}

fn fetched(cast: &Cast) -> Vec<Step> {
    let digest = blob_digest(1);
    vec![
        Step::Stock(1, digest, blob(1)),
        Step::Perform(vec![cast.fetch(1, digest, &[1])]),
        Step::Answers(vec![answered(1, digest, Some(&blob(1)))]),
        Step::Asked(1, 1),
        Step::Put(full(9), false),
        Step::Perform(vec![release(1)]),
        Step::Put(full(9), true),
    ]
}

fn here(cast: &Cast) -> Vec<Step> {
    let digest = blob_digest(1);
    vec![
        Step::Stock(1, digest, blob(1)),
        Step::Put(blob(1), true),
        Step::Perform(vec![cast.fetch(1, digest, &[1])]),
        Step::Put(full(9), false),
        Step::Answers(vec![answered(1, digest, Some(&blob(1)))]),
        Step::Asked(1, 0),
        Step::Put(full(9), false),
    ]
}

fn served_by_nobody(cast: &Cast) -> Vec<Step> {
    let (first, second) = (blob_digest(1), blob_digest(2));
    vec![
        Step::Perform(vec![cast.fetch(1, first, &[1, 2]), cast.fetch(1, second, &[])]),
        Step::Answers(vec![answered(1, first, None), answered(1, second, None)]),
        Step::Asked(1, 1),
        Step::Asked(2, 1),
        // The holder wanted it, so it is kept if it comes all the same.
        Step::Put(blob(1), true),
        Step::Put(full(9), false),
        Step::Answers(vec![]),
    ]
}

fn in_turn(cast: &Cast) -> Vec<Step> {
    let digest = blob_digest(1);
    vec![
        Step::Stock(1, digest, blob(2)),
        Step::Stock(2, digest, blob(1)),
        Step::Perform(vec![cast.fetch(1, digest, &[0, 1, 2])]),
        Step::Answers(vec![answered(1, digest, Some(&blob(1)))]),
        Step::Asked(0, 1),
        Step::Asked(1, 1),
        Step::Asked(2, 1),
        Step::Perform(vec![cast.fetch(1, blob_digest(3), &[2, 1])]),
        Step::Answers(vec![answered(1, blob_digest(3), None)]),
        Step::Perform(vec![cast.fetch(1, digest, &[1])]),
        Step::Answers(vec![answered(1, digest, Some(&blob(1)))]),
        Step::Asked(1, 2),
    ]
}

fn too_long(cast: &Cast) -> Vec<Step> {
    let (digest, bytes) = (blob_digest(1), blob(1).len() as u64);
    vec![
        Step::Stock(1, digest, blob(1)),
        Step::Stock(2, digest, blob(1)),
        Step::Perform(vec![cast.fetch_within(1, digest, &[1, 2], bytes - 1)]),
        Step::Answers(vec![answered(1, digest, None)]),
        Step::Asked(2, 1),
        Step::Perform(vec![cast.fetch_within(2, digest, &[1], bytes)]),
        Step::Answers(vec![answered(2, digest, Some(&blob(1)))]),
        Step::Perform(vec![cast.fetch_within(3, digest, &[1], bytes - 1)]),
        Step::Answers(vec![answered(3, digest, None)]),
        Step::Asked(1, 2),
    ]
}

fn wanted_by_two(cast: &Cast) -> Vec<Step> {
    let digest = blob_digest(1);
    let got = |holder| answered(holder, digest, Some(&blob(1)));
    let wants = [1, 2, 2].map(|holder| cast.fetch(holder, digest, &[1]));
    vec![
        Step::Stock(1, digest, blob(1)),
        Step::Perform(wants.into()),
        Step::Answers(vec![got(1), got(2), got(2)]),
        Step::Asked(1, 1),
        Step::Perform(vec![release(1)]),
        Step::Put(full(9), false),
        Step::Perform(vec![release(2)]),
        Step::Put(full(9), true),
    ]
}

fn joined(cast: &Cast) -> Vec<Step> {
    let (digest, bytes) = (blob_digest(1), blob(1).len() as u64);
    let wants = vec![
        cast.fetch_within(1, digest, &[1], bytes - 1),
        cast.fetch_within(2, digest, &[1, 2], bytes),
        cast.fetch_within(3, digest, &[], bytes + 1),
    ];
    vec![
        Step::Stock(2, digest, blob(1)),
        Step::Perform(wants),
        Step::Answers(vec![
            answered(1, digest, None),
            answered(2, digest, Some(&blob(1))),
            answered(3, digest, Some(&blob(1))),
        ]),
        Step::Asked(2, 1),
    ]
}

fn released(cast: &Cast) -> Vec<Step> {
    let digest = blob_digest(1);
    vec![
        Step::Stock(1, digest, blob(1)),
        Step::Perform(vec![cast.fetch(1, digest, &[1]), release(1)]),
        Step::Answers(vec![answered(1, digest, None)]),
        Step::Put(blob(1), true),
        Step::Put(full(9), true),
        Step::Perform(vec![cast.fetch(1, digest, &[1])]),
        Step::Answers(vec![answered(1, digest, Some(&blob(1)))]),
    ]
}

fn released_one_of_two(cast: &Cast) -> Vec<Step> {
    let digest = blob_digest(1);
    let wants = [1, 2].map(|holder| cast.fetch(holder, digest, &[1]));
    vec![
        Step::Stock(1, digest, blob(1)),
        Step::Perform(wants.into_iter().chain([release(1)]).collect()),
        Step::Answers(vec![answered(1, digest, None), answered(2, digest, Some(&blob(1)))]),
        Step::Put(full(9), false),
        Step::Perform(vec![release(2)]),
        Step::Put(full(9), true),
    ]
}

fn released_late(cast: &Cast) -> Vec<Step> {
    let digest = blob_digest(1);
    vec![
        Step::Stock(1, digest, blob(1)),
        Step::Perform(vec![cast.fetch(1, digest, &[1]), save(1), release(1)]),
        Step::Answers(vec![answered(1, digest, Some(&blob(1)))]),
        Step::Put(full(9), false),
        Step::Sync,
        Step::Put(full(9), true),
    ]
}

fn no_room(cast: &Cast) -> Vec<Step> {
    let (digest, most) = (blob_digest(1), vec![7; QUOTA_BYTES - 1]);
    vec![
        Step::Stock(1, digest, blob(1)),
        Step::Put(most.clone(), true),
        Step::Perform(vec![keep(1, Digest::of(&most)), cast.fetch(2, digest, &[1])]),
        Step::Answers(vec![answered(2, digest, None)]),
        Step::Perform(vec![release(1), cast.fetch(2, digest, &[1])]),
        Step::Answers(vec![answered(2, digest, Some(&blob(1)))]),
    ]
}

fn crashed(cast: &Cast) -> Vec<Step> {
    let digest = blob_digest(1);
    vec![
        Step::Stock(1, digest, blob(1)),
        Step::Perform(vec![cast.fetch(1, digest, &[1])]),
        Step::Crash,
        Step::Answers(vec![]),
        Step::Put(blob(1), true),
        Step::Put(full(9), true),
    ]
}
