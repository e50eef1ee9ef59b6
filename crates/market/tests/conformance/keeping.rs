//! Whose bytes are whose: what is kept stays, what is served is served to whom it is meant for, and both end with the holder.

use assay_protocol::id::Digest;

use super::{
    Answer, Case, Cast, Step,
    words::{QUOTA_BYTES, blob, blob_digest, full, keep, name, release},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "what is kept makes no room until it is released", steps: kept },
    Case { name: "what two keep stays until the last is released", steps: kept_by_two },
    Case { name: "what is kept before it is here is kept when it comes", steps: kept_ahead },
    Case { name: "what was used last goes last", steps: in_turn },
    Case { name: "what finds no room takes none from others", steps: refused },
    Case { name: "a permission is for one peer and one blob, and pins nothing", steps: permitted },
    Case { name: "a permission ends with its holder and not with another", steps: permitted_by_two },
    Case { name: "a crash takes pins and permissions, and leaves the blobs", steps: crashed },
];

fn kept(cast: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(1), true),
        Step::Perform(vec![keep(1, blob_digest(1)), keep(1, blob_digest(1))]),
        Step::Put(full(9), false),
        Step::Perform(vec![cast.serve(2, blob_digest(1), 1)]),
        Step::Asks(cast.others[1], blob_digest(1), Some(blob(1))),
        Step::Perform(vec![release(1)]),
        Step::Put(full(9), true),
        Step::Asks(cast.others[1], blob_digest(1), None),
    ]
}

fn kept_by_two(_: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(1), true),
        Step::Perform(vec![keep(1, blob_digest(1)), keep(2, blob_digest(1)), release(1)]),
        Step::Put(full(9), false),
        Step::Perform(vec![release(1), release(7)]),
        Step::Put(full(9), false),
        Step::Perform(vec![release(2)]),
        Step::Put(full(9), true),
    ]
}

fn kept_ahead(_: &Cast) -> Vec<Step> {
    vec![
        Step::Perform(vec![keep(1, blob_digest(1))]),
        Step::Put(full(9), true),
        Step::Put(blob(1), true),
        Step::Put(full(9), false),
        Step::Perform(vec![release(1)]),
        Step::Put(full(9), true),
    ]
}

fn in_turn(cast: &Cast) -> Vec<Step> {
    let third = |number: u8| vec![number; QUOTA_BYTES / 3];
    let digest = |number: u8| Digest::of(&third(number));
    let serves = (1..=4).map(|number| cast.serve(9, digest(number), 1));
    let asks = |number: u8, is_here: bool| {
        Step::Asks(cast.others[1], digest(number), is_here.then(|| third(number)))
    };
    vec![
        Step::Put(third(1), true),
        Step::Put(third(2), true),
        Step::Put(third(3), true),
        Step::Perform(serves.chain([keep(1, digest(2)), release(1)]).collect()),
        asks(1, true),
        Step::Put(third(4), true),
        asks(3, false),
        asks(1, true),
        asks(2, true),
        asks(4, true),
    ]
}

fn refused(cast: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(1), true),
        Step::Put(blob(2), true),
        Step::Perform(vec![keep(1, blob_digest(1)), cast.serve(2, blob_digest(2), 1)]),
        Step::Put(full(9), false),
        Step::Asks(cast.others[1], blob_digest(2), Some(blob(2))),
    ]
}

fn permitted(cast: &Cast) -> Vec<Step> {
    vec![
        Step::Put(blob(1), true),
        Step::Put(blob(2), true),
        Step::Perform(vec![cast.serve(1, blob_digest(1), 1)]),
        Step::Asks(cast.others[1], blob_digest(1), Some(blob(1))),
        Step::Asks(cast.others[2], blob_digest(1), None),
        Step::Asks(cast.others[1], blob_digest(2), None),
        Step::Put(full(9), true),
        Step::Asks(cast.others[1], blob_digest(1), None),
        Step::Put(blob(1), true),
        Step::Asks(cast.others[1], blob_digest(1), Some(blob(1))),
    ]
}

fn permitted_by_two(cast: &Cast) -> Vec<Step> {
    let (digest, other) = (blob_digest(1), cast.others[1]);
    vec![
        Step::Put(blob(1), true),
        Step::Perform(vec![cast.serve(1, digest, 1), cast.serve(1, digest, 1), cast.serve(2, digest, 1)]),
        Step::Perform(vec![release(1)]),
        Step::Asks(other, digest, Some(blob(1))),
        Step::Perform(vec![release(2)]),
        Step::Asks(other, digest, None),
    ]
}

fn crashed(cast: &Cast) -> Vec<Step> {
    let digest = blob_digest(1);
    vec![
        Step::Put(blob(1), true),
        Step::Perform(vec![keep(1, digest), cast.serve(1, digest, 1)]),
        Step::Asks(cast.others[1], digest, Some(blob(1))),
        Step::Crash,
        Step::Asks(cast.others[1], digest, None),
        Step::Perform(vec![cast.fetch(2, digest, &[])]),
        Step::Answers(vec![Answer::Fetched(name(2), digest, Some(blob(1).len() as u64))]),
        Step::Perform(vec![release(2)]),
        Step::Put(full(9), true),
    ]
}
