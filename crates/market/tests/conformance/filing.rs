//! Receipts: kept for good beside the blobs, given to those whose job it was, and judged before they are believed.

use assay_market::{
    Effect,
    input::{Inquiry, Proven, Remembered, Uncollected},
};
use assay_protocol::{
    id::{Digest, JobId},
    order::Refusal,
    receipt::Happening,
    units::Amount,
};

use super::{
    Answer, Case, Cast, Left, Step,
    words::{blob, full, job, keep, name, release, save},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a receipt needs no room and is given to its parties alone", steps: filed },
    Case { name: "a receipt that was filed is there after a crash", steps: crashed },
    Case { name: "a receipt from its notary is judged and filed", steps: collected },
    Case { name: "a receipt that is here is asked of nobody", steps: here },
    Case { name: "a receipt of something else is refuted and not filed", steps: other },
    Case { name: "what is no receipt is refuted", steps: no_receipt },
    Case { name: "a receipt that nobody has is absent", steps: absent },
    Case { name: "a job is recalled by its receipt, for whoever asks, and no other is", steps: recalled },
];

/// Who is given a receipt, and that nobody else is.
fn given(cast: &Cast, receipt: usize, is_filed: bool) -> Vec<Step> {
    let digest = cast.digest(receipt);
    let parties = cast.parties(receipt).map(|party| (party, is_filed));
    let others = cast.others[1..].iter().filter(|other| !cast.parties(receipt).contains(other));
    let all = parties.into_iter().chain(others.map(|other| (*other, false)));
    all.map(|(by, gets)| Step::Asks(by, digest, gets.then(|| cast.bytes(receipt)))).collect()
}

/// A receipt is collected as the one of this job.
fn collect(cast: &Cast, job: JobId, digest: Digest, from: usize) -> Effect {
    Effect::Collect { job, digest, from: cast.others[from] }
}

/// The job of the first receipt.
fn right(cast: &Cast) -> JobId {
    job(&cast.receipts[0])
}

fn wrong() -> JobId {
    name(7)
}

fn proven(cast: &Cast) -> Answer {
    let story = &cast.receipts[0].story;
    let claim = story.events.iter().find_map(|event| {
        if let Happening::Claim { claim, .. } = &event.what { Some(claim.said().digest()) } else { None }
    });
    Answer::Collected(
        right(cast),
        cast.digest(0),
        Ok(Proven { outcome: story.outcome, claim, cost: cost(cast) }),
    )
}

/// What the client has paid in all.
fn cost(cast: &Cast) -> Amount {
    let story = &cast.receipts[0].story;
    story.open.said().order.said().total_max.minus_up_to(story.settlement.client)
}

fn filed(cast: &Cast) -> Vec<Step> {
    let whole = full(9);
    let mut steps = vec![
        Step::Put(whole.clone(), true),
        Step::Perform(vec![keep(1, Digest::of(&whole)), cast.file(0), cast.file(1), cast.file(0)]),
        Step::Put(blob(1), false),
    ];
    steps.extend(given(cast, 0, true));
    steps.extend(given(cast, 1, true));
    let ended = Effect::Release { holder: job(&cast.receipts[0]) };
    steps.extend([Step::Perform(vec![release(1), ended]), Step::Put(full(8), true)]);
    steps.extend(given(cast, 0, true));
    steps
}

fn crashed(cast: &Cast) -> Vec<Step> {
    let filed = vec![Left::filed(&cast.receipts[0])];
    let mut steps = vec![Step::Perform(vec![cast.file(0)]), Step::Left(filed), Step::Crash];
    steps.extend(given(cast, 0, true));
    steps.extend(given(cast, 1, false));
    steps
}

fn collected(cast: &Cast) -> Vec<Step> {
    let digest = cast.digest(0);
    let mut steps = vec![
        Step::Stock(0, digest, cast.bytes(0)),
        Step::Perform(vec![collect(cast, right(cast), digest, 0)]),
        Step::Answers(vec![proven(cast)]),
        Step::Asked(0, 1),
        Step::Left(vec![]),
    ];
    steps.extend(given(cast, 0, true));
    steps.push(Step::Crash);
    steps.extend(given(cast, 0, true));
    steps
}

fn here(cast: &Cast) -> Vec<Step> {
    let digest = cast.digest(0);
    vec![
        Step::Perform(vec![cast.file(0)]),
        Step::Left(vec![Left::filed(&cast.receipts[0])]),
        Step::Crash,
        Step::Perform(vec![collect(cast, right(cast), digest, 0), collect(cast, wrong(), digest, 0)]),
        Step::Answers(vec![proven(cast), Answer::Collected(wrong(), digest, Err(Uncollected::Refuted))]),
        Step::Asked(0, 0),
    ]
}

fn other(cast: &Cast) -> Vec<Step> {
    let digest = cast.digest(0);
    let mut steps = vec![
        Step::Stock(0, digest, cast.bytes(0)),
        Step::Stock(1, digest, cast.bytes(0)),
        // Of another job, and not signed by whom it is asked of.
        Step::Perform(vec![collect(cast, wrong(), digest, 0), collect(cast, right(cast), digest, 1)]),
        Step::Answers(vec![
            Answer::Collected(wrong(), digest, Err(Uncollected::Refuted)),
            Answer::Collected(right(cast), digest, Err(Uncollected::Refuted)),
        ]),
    ];
    steps.extend(given(cast, 0, false));
    steps
}

fn no_receipt(cast: &Cast) -> Vec<Step> {
    let (noise, digest) = (blob(1), Digest::of(&blob(1)));
    vec![
        Step::Stock(0, digest, noise.clone()),
        Step::Perform(vec![collect(cast, right(cast), digest, 0)]),
        Step::Answers(vec![Answer::Collected(right(cast), digest, Err(Uncollected::Refuted))]),
        Step::Asks(cast.parties(0)[0], digest, None),
        // Nor does it lie among the blobs now.
        Step::Perform(vec![cast.fetch(1, digest, &[])]),
        Step::Answers(vec![Answer::Fetched(name(1), digest, None)]),
    ]
}

fn recalled(cast: &Cast) -> Vec<Step> {
    let asks = |job, refusal| Inquiry { job, to: cast.others[2], refusal };
    let [plain, refused] = [None, Some(Refusal::Class)].map(|refusal| asks(right(cast), refusal));
    let closed = Some(Remembered::of(&cast.receipts[0], cast.digest(0)));
    vec![
        Step::Perform(vec![Effect::Recall(refused)]),
        Step::Answers(vec![Answer::Recalled(refused, None)]),
        Step::Perform(vec![save(1), cast.file(0)]),
        Step::Sync,
        Step::Left(vec![Left::filed(&cast.receipts[0])]),
        Step::Perform([plain, refused, asks(wrong(), None)].map(Effect::Recall).into()),
        Step::Answers(vec![
            Answer::Recalled(plain, closed),
            Answer::Recalled(refused, closed),
            Answer::Recalled(asks(wrong(), None), None),
        ]),
    ]
}

fn absent(cast: &Cast) -> Vec<Step> {
    let (first, second) = (cast.digest(0), cast.digest(1));
    vec![
        // The notary has one of them not at all, and gives other bytes for the other.
        Step::Stock(0, second, cast.bytes(0)),
        Step::Perform(vec![collect(cast, right(cast), first, 0), collect(cast, right(cast), second, 0)]),
        Step::Answers(vec![
            Answer::Collected(right(cast), first, Err(Uncollected::Absent)),
            Answer::Collected(right(cast), second, Err(Uncollected::Absent)),
        ]),
        Step::Asked(0, 2),
    ]
}
