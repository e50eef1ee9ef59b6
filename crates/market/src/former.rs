//! What the version before wrote otherwise. A home that it kept is read, and written on as this version writes.
//!
//! Two things of what is kept have grown: a wish says whom it leaves out, and what is counted of offers says how many were left
//! out so. Where they stand in a snapshot, the client's own file says.
//!
//! **Invariant:** nothing is written so.

use alloc::{boxed::Box, string::String, vec::Vec};

use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    manifest::Manifest,
    order::{Failure, Refusal},
    units::{Amount, Duration, Timestamp, Units, Work},
};
use serde::{Deserialize, Serialize};

use crate::{
    record::{ClientRecord, RECORD_BYTES_MAX, Record},
    submission::{OverDay, OverFunds, Submission, Unmatched},
    view::{AttemptView, SubmissionView},
};

/// A record that was written otherwise; nothing, if these bytes are none.
pub(crate) fn record(bytes: &[u8]) -> Option<Record> {
    let FormerRecord::Client(record) = codec::decode(bytes, RECORD_BYTES_MAX).ok()?;
    let FormerClientRecord::Submitted(submission) = *record;
    Some(Record::Client(Box::new(ClientRecord::Submitted(submission.into()))))
}

#[derive(Serialize, Deserialize)]
enum FormerRecord {
    Client(Box<FormerClientRecord>),
}

#[derive(Serialize, Deserialize)]
enum FormerClientRecord {
    Submitted(FormerSubmission),
}

/// A wish that leaves nobody out.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Submission")]
pub(crate) struct FormerSubmission {
    key: Digest,
    content: Digest,
    manifest: Manifest,
    input_commit: Digest,
    input_bytes: u64,
    units_max: Units,
    work_max: Work,
    run_max: Duration,
    checks: u16,
    unchecked_ok: bool,
    cost_max: Amount,
    unit_price_max: Amount,
    provider: Option<PeerId>,
    returns_to: Option<PeerId>,
    attempts_max: u16,
    cancel_fee: Amount,
    until: Option<Timestamp>,
}

impl From<FormerSubmission> for Submission {
    fn from(former: FormerSubmission) -> Self {
        let FormerSubmission { key, content, manifest, input_commit, input_bytes, .. } = former;
        Self {
            key,
            content,
            manifest,
            input_commit,
            input_bytes,
            units_max: former.units_max,
            work_max: former.work_max,
            run_max: former.run_max,
            checks: former.checks,
            unchecked_ok: former.unchecked_ok,
            cost_max: former.cost_max,
            unit_price_max: former.unit_price_max,
            provider: former.provider,
            ignored: Vec::new(),
            returns_to: former.returns_to,
            attempts_max: former.attempts_max,
            cancel_fee: former.cancel_fee,
            until: former.until,
        }
    }
}

/// Why offers were not taken up, none of them because it was left out.
#[derive(Deserialize)]
#[serde(rename = "Unmatched")]
struct FormerUnmatched {
    offers: u64,
    other_model: u64,
    other_provider: u64,
    price: u64,
    cost: u64,
    price_least: Option<Amount>,
    cost_least: Option<Amount>,
    expired: u64,
    tried: u64,
    busy: u64,
    outranked: u64,
    strangers: u64,
    convicted: u64,
    lot: u64,
    over_day: Option<OverDay>,
    over_funds: Option<OverFunds>,
    refusal: Option<Refusal>,
    failure: Option<Failure>,
}

impl From<FormerUnmatched> for Unmatched {
    fn from(former: FormerUnmatched) -> Self {
        Self {
            offers: former.offers,
            other_model: former.other_model,
            other_provider: former.other_provider,
            ignored: 0,
            price: former.price,
            cost: former.cost,
            price_least: former.price_least,
            cost_least: former.cost_least,
            expired: former.expired,
            tried: former.tried,
            busy: former.busy,
            outranked: former.outranked,
            strangers: former.strangers,
            convicted: former.convicted,
            lot: former.lot,
            over_day: former.over_day,
            over_funds: former.over_funds,
            refusal: former.refusal,
            failure: former.failure,
        }
    }
}

/// What a user was shown of a job.
#[derive(Deserialize)]
#[serde(rename = "SubmissionView")]
pub(crate) struct FormerSubmissionView {
    key: Digest,
    manifest: String,
    attempts: Vec<AttemptView>,
    cancelled: bool,
    ended: bool,
    unmatched: Option<FormerUnmatched>,
}

impl From<FormerSubmissionView> for SubmissionView {
    fn from(former: FormerSubmissionView) -> Self {
        let FormerSubmissionView { key, manifest, attempts, cancelled, ended, unmatched } = former;
        Self { key, manifest, attempts, cancelled, ended, unmatched: unmatched.map(Unmatched::from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{peer, submission};

    #[test]
    fn a_wish_that_the_version_before_kept_is_read_and_leaves_nobody_out() {
        let usual = submission(1);
        let returning = Submission {
            returns_to: Some(peer(3)),
            attempts_max: 1,
            until: Some(Timestamp(1)),
            ..submission(2)
        };
        for wish in [usual, returning] {
            let kept =
                |wish: Submission| codec::encode(&Record::Client(Box::new(ClientRecord::Submitted(wish))));
            let (now, other) =
                (kept(wish.clone()), kept(Submission { ignored: [peer(9)].into(), ..wish.clone() }));
            // Where the number of those stands that are left out.
            let place = now.iter().zip(&other).take_while(|(one, other)| one == other).count();
            let before = [&now[..place], &now[place + 1..]].concat();
            assert!(codec::decode::<Record>(&before, RECORD_BYTES_MAX).is_err());
            let expected = Record::Client(Box::new(ClientRecord::Submitted(wish)));
            assert_eq!(Record::read(&before).as_ref(), Ok(&expected));
            assert_eq!(Record::read(&now).as_ref(), Ok(&expected));
            assert!(Record::read(&before[..before.len() - 1]).is_err(), "a part of it is nothing");
        }
    }
}
