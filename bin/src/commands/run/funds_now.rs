//! What an account holds now, where too little was there for a job: what its notary said last may be older than a grant.
//!
//! **Invariant:** nobody waits long for a notary: where it does not say soon, what is known stays.

use assay_market::{submission::OverFunds, view::SubmissionView};
use assay_peer::handle::{Handle, STATEMENT_WAIT, ShowAccount};
use assay_protocol::{id::PeerId, units::Amount};
use tokio::time::timeout;

/// A job of which nothing came, with what its account holds now. Where that would do by now, it is not said what it held.
pub(super) async fn stated_anew(
    submission: &SubmissionView,
    notaries: &[PeerId],
    handle: &Handle,
) -> SubmissionView {
    let is_over = submission.unmatched.as_ref().is_some_and(|unmatched| unmatched.over_funds.is_some());
    // Of several nobody knows here whose word it was.
    let free = match notaries {
        [notary] if is_over => free_now(*notary, handle).await,
        _ => None,
    };
    match free {
        Some(free) => holding(submission.clone(), free),
        None => submission.clone(),
    }
}

async fn free_now(notary: PeerId, handle: &Handle) -> Option<Amount> {
    let told = timeout(STATEMENT_WAIT, handle.call(ShowAccount { notary: Some(notary) })).await;
    Some(told.ok()?.ok()?.account.free)
}

fn holding(mut submission: SubmissionView, free: Amount) -> SubmissionView {
    if let Some(unmatched) = &mut submission.unmatched {
        let over = unmatched.over_funds.filter(|over| free < over.need);
        unmatched.over_funds = over.map(|over| OverFunds { free, ..over });
    }
    submission
}

#[cfg(test)]
mod tests {
    use assay_market::submission::Unmatched;
    use assay_protocol::id::Digest;

    use super::*;

    #[test]
    fn what_an_account_holds_by_now_is_told_and_nothing_where_that_would_do() {
        let over = OverFunds { free: Amount::credits(1), need: Amount::credits(4) };
        let submission = SubmissionView {
            key: Digest::default(),
            manifest: "sums".to_owned(),
            attempts: Vec::new(),
            cancelled: false,
            ended: true,
            unmatched: Some(Unmatched { over_funds: Some(over), ..Unmatched::default() }),
        };
        let told = |credits| {
            let now = holding(submission.clone(), Amount::credits(credits));
            now.unmatched.and_then(|unmatched| unmatched.over_funds)
        };
        assert_eq!(told(3), Some(OverFunds { free: Amount::credits(3), ..over }));
        assert_eq!([told(4), told(50)], [None, None], "it is there by now");
    }
}
