//! A client as a snapshot of the version before has it.
//!
//! **Invariant:** its fields are those that it had, in their order: by that such a snapshot is known.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    order::{Failure, Refusal},
};

use super::{Attempt, Client, Lane, Past, SpentToday, Submitted};
use crate::{
    former::{FormerSubmission, FormerSubmissionView},
    recent::Recent,
    reliability::Reliability,
};

/// A client's state.
#[derive(serde::Deserialize)]
#[serde(rename = "Client")]
pub(in crate::node) struct FormerClient {
    submissions: BTreeMap<Digest, FormerSubmitted>,
    ended: VecDeque<Digest>,
    past: Recent<Digest, FormerPast>,
    arrivals: u64,
    attempts: BTreeMap<JobId, Box<Attempt>>,
    lanes: BTreeMap<(PeerId, u16), Lane>,
    today: SpentToday,
    reliability: Reliability,
}

impl From<FormerClient> for Client {
    fn from(former: FormerClient) -> Self {
        let submissions = former.submissions.into_iter();
        Self {
            submissions: submissions.map(|(key, of)| (key, Box::new(Submitted::from(of)))).collect(),
            ended: former.ended,
            past: former.past.map(Past::from),
            arrivals: former.arrivals,
            attempts: former.attempts,
            lanes: former.lanes,
            today: former.today,
            reliability: former.reliability,
            ..Self::default()
        }
    }
}

/// A wish, and what became of it.
#[derive(serde::Deserialize)]
#[serde(rename = "Submitted")]
struct FormerSubmitted {
    submission: FormerSubmission,
    arrival: u64,
    attempts: Vec<JobId>,
    waived: Vec<JobId>,
    orders: usize,
    too_late: usize,
    excluded: BTreeSet<PeerId>,
    lane: Option<(PeerId, u16)>,
    refusal: Option<Refusal>,
    failure: Option<Failure>,
    failures: Vec<(PeerId, Failure)>,
    hopeless: Option<Failure>,
    ended: bool,
    cancelled: bool,
    has_untaken: bool,
}

impl From<FormerSubmitted> for Submitted {
    fn from(former: FormerSubmitted) -> Self {
        Self {
            attempts: former.attempts,
            waived: former.waived,
            orders: former.orders,
            too_late: former.too_late,
            excluded: former.excluded,
            lane: former.lane,
            refusal: former.refusal,
            failure: former.failure,
            failures: former.failures,
            hopeless: former.hopeless,
            ended: former.ended,
            cancelled: former.cancelled,
            has_untaken: former.has_untaken,
            ..Self::new(former.submission.into(), former.arrival)
        }
    }
}

/// A wish that is long over.
#[derive(serde::Deserialize)]
#[serde(rename = "Past")]
struct FormerPast {
    arrival: u64,
    content: Digest,
    view: FormerSubmissionView,
}

impl From<FormerPast> for Past {
    fn from(former: FormerPast) -> Self {
        Self { arrival: former.arrival, content: former.content, view: former.view.into() }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use assay_protocol::codec;

    use super::*;
    use crate::{
        fixture::{peer, submission},
        submission::{Submission, Unmatched},
        view::SubmissionView,
    };

    /// A client with one wish, which leaves these out, and one that is long over, of which so many offers were left out.
    fn client(ignored: &[PeerId], offers: u64) -> Client {
        let mut client = Client::default();
        client.add(Submission { ignored: ignored.into(), ..submission(1) });
        let unmatched = Some(Unmatched { offers: 300, ignored: offers, price: 200, ..Unmatched::default() });
        let (key, manifest, attempts) = (submission(2).key, "digits".into(), Vec::new());
        let view = SubmissionView { key, manifest, attempts, cancelled: false, ended: true, unmatched };
        client.past.insert(key, Past { arrival: 7, content: Digest::default(), view });
        client
    }

    #[test]
    fn a_client_of_the_version_before_is_read() {
        let now = client(&[], 0);
        let bytes = codec::encode(&now);
        let place = |other: Client| {
            let other = codec::encode(&other);
            bytes.iter().zip(&other).take_while(|(one, other)| one == other).count()
        };
        let (wish, view) = (place(client(&[peer(9)], 0)), place(client(&[], 1)));
        let before: Vec<u8> = bytes
            .iter()
            .enumerate()
            .filter_map(|(at, byte)| (at != wish && at != view).then_some(*byte))
            .collect();
        assert_eq!(before.len() + 2, bytes.len());
        let read = codec::decode_own::<FormerClient>(&before).map(Client::from);
        assert_eq!(format!("{read:?}"), format!("{:?}", Some(now)));
    }
}
