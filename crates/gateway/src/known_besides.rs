//! What a daemon knows besides of an order of which nothing came: what open jobs hold, and which providers of its model are away.
//!
//! **Invariant:** nobody waits long for a notary: what it does not say soon is not told.

use std::time::Duration;

use assay_market::view::SubmissionView;
use assay_peer::handle::{Handle, ProvidersAway, ShowAccount};
use assay_protocol::{
    id::Digest,
    units::{Amount, Timestamp},
};
use tokio::time::timeout;

/// How long a notary has to say what open jobs hold.
const HELD_WAIT: Duration = Duration::from_secs(2);

/// What is known besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownBesides {
    /// What open jobs hold, where too little was free and the notary says so.
    pub(crate) held: Option<Amount>,
    /// Who would be asked and is not there.
    pub(crate) away: ProvidersAway,
}

impl KnownBesides {
    /// Asks a daemon for what is known besides of an order of this model.
    pub(crate) async fn of(submission: &SubmissionView, manifest: Digest, handle: &Handle) -> Self {
        let away = ProvidersAway::of_submission(handle, manifest, submission).await;
        Self { away, held: held(handle, submission).await }
    }

    /// What becomes of money that is not free.
    pub(crate) fn held_words(&self) -> String {
        match self.held {
            Some(held) => format!("open jobs hold {held}, which comes back as they close"),
            None => "what open jobs hold comes back as they close".to_owned(),
        }
    }

    /// Who is away, behind what else is said of why nobody takes it.
    pub(crate) fn away_words(&self) -> String {
        self.away.words(moment).map_or_else(String::new, |words| format!("; {words}"))
    }
}

/// What open jobs hold, where too little was free for this one and the notary says so soon.
async fn held(handle: &Handle, submission: &SubmissionView) -> Option<Amount> {
    submission.unmatched.as_ref()?.over_funds?;
    let told = timeout(HELD_WAIT, handle.call(ShowAccount::default())).await;
    Some(told.ok()?.ok()?.account.held)
}

/// A moment in universal time, for whoever asks from anywhere.
fn moment(time: Timestamp) -> String {
    let moment = i64::try_from(time.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.map_or_else(|| "then".to_owned(), |moment| format!("{moment:.0}"))
}

#[cfg(test)]
mod tests {
    use assay_market::submission::Unmatched;
    use assay_peer::handle::RestingProvider;
    use assay_protocol::id::PeerId;

    use super::*;
    use crate::failure::HttpFailure;

    #[test]
    fn who_asks_where_nobody_sells_is_told_who_rests_and_who_is_lost() {
        let (model, told) = (Digest([1; 32]), Timestamp(1_000));
        let rests = RestingProvider { provider: PeerId([2; 32]), since: told, told, manifests: vec![model] };
        let submission = SubmissionView {
            key: Digest([3; 32]),
            manifest: "sums".to_owned(),
            attempts: Vec::new(),
            cancelled: false,
            ended: true,
            unmatched: Some(Unmatched::default()),
        };
        let said = |resting: &[RestingProvider], lost| {
            let away = ProvidersAway::of(model, resting, lost);
            HttpFailure::of_submission(&submission, &KnownBesides { away, held: None })
        };
        let resting = said(&[rests], 0);
        assert_eq!((resting.status().as_u16(), resting.code()), (503, "no_offer"));
        assert!(resting.passes(), "one that rests may take orders a moment later");
        assert_eq!(
            resting.document()["error"]["message"],
            "nobody takes this now: 0 offers were seen, 0 of them busy, 0 tried in vain; 1 provider of it is there and takes \
             nothing new since 1970-01-01T00:00:01Z: paused, or finished; nothing was spent; ask again later"
        );
        let lost = said(&[], 1).line();
        assert!(
            lost.contains("in vain; 1 of those that were asked is lost, and may be gone; nothing"),
            "{lost}"
        );
        let none = said(&[], 0).line();
        assert!(none.contains("0 tried in vain; nothing was spent"), "{none}");
    }
}
