//! A provider that was lost in the middle of a job, after which nobody else was found.
//!
//! **Invariant:** commands and the gateway call the same lost; who was never opened a job, or gave a result of it, is not.

use assay_market::view::{AttemptState, AttemptView, SubmissionView};
use assay_protocol::outcome::Outcome;
use axum::http::StatusCode;

use crate::failure::HttpFailure;

/// The last attempt that was opened, if its provider gave nothing by the time that it had.
#[must_use]
pub fn lost_amid(submission: &SubmissionView) -> Option<&AttemptView> {
    let opened = submission.attempts.iter().rev().find(|attempt| attempt.rate.is_some())?;
    let is_lost = matches!(opened.state, AttemptState::Closed(Outcome::NoClaim | Outcome::Cancelled))
        && opened.output.is_none();
    is_lost.then_some(opened)
}

/// That nobody takes a job, which is what is left of it where its provider was lost amid: that is said first.
pub(crate) fn told(submission: &SubmissionView, nobody: HttpFailure) -> HttpFailure {
    let unmatched = submission.unmatched.clone().unwrap_or_default();
    // Who is busy, or refused it, may take it in a moment; that it is too dear, or no money is there, has to do with nobody lost.
    let is_another_matter =
        nobody.code() != HttpFailure::NO_OFFER || unmatched.is_busy() || unmatched.refusal.is_some();
    let Some(lost) = lost_amid(submission).filter(|_| !is_another_matter) else {
        return nobody;
    };
    let message = format!(
        "provider {} was lost in the middle of the job, and is paid nothing; {}",
        lost.provider,
        nobody.line()
    );
    HttpFailure::new(StatusCode::BAD_GATEWAY, "provider_lost", message).asked_again()
}

#[cfg(test)]
mod tests {
    use assay_market::submission::Unmatched;
    use assay_protocol::{
        id::{Digest, PeerId},
        order::Refusal,
        units::{Amount, Rate, Timestamp},
    };

    use super::*;
    use crate::known_besides::KnownBesides;

    fn told_of(state: AttemptState, rate: Option<Rate>, unmatched: Unmatched) -> HttpFailure {
        let attempt = AttemptView {
            job: Digest::default(),
            provider: PeerId([1; 32]),
            ordered: Timestamp(0),
            price: Amount(1),
            total_max: Amount(900_000_000),
            held: Amount(900_000_000),
            state,
            end: None,
            rate,
            output: None,
            receipt: None,
            cost: Some(Amount::ZERO),
        };
        let submission = SubmissionView {
            key: Digest::default(),
            manifest: "sums".to_owned(),
            attempts: vec![attempt],
            cancelled: false,
            ended: true,
            unmatched: Some(unmatched),
        };
        HttpFailure::of_submission(&submission, &KnownBesides::default())
    }

    #[test]
    fn who_was_lost_in_the_middle_is_told_with_a_code_of_its_own() {
        let (gone, opened) = (AttemptState::Closed(Outcome::NoClaim), Some(Rate::ZERO));
        let tried = || Unmatched { offers: 1, tried: 1, ..Unmatched::default() };
        let lost = told_of(gone, opened, tried());
        assert_eq!((lost.status().as_u16(), lost.code()), (502, "provider_lost"));
        assert!(lost.passes(), "somebody else may offer it a moment later");
        assert_eq!(lost.document()["error"]["type"], "server_error");
        let begins =
            format!("provider {} was lost in the middle of the job, and is paid nothing; ", "01".repeat(32));
        let line = lost.line();
        assert!(line.starts_with(&begins), "{line}");
        assert!(line.ends_with("1 tried in vain; nothing was spent; ask again later"), "{line}");

        let busy = Unmatched { busy: 1, ..tried() };
        assert_eq!(told_of(gone, opened, busy).code(), "no_offer", "who is busy may be asked in a moment");
        let refused = Unmatched { refusal: Some(Refusal::Exposure), ..tried() };
        assert_eq!(told_of(gone, opened, refused).code(), "no_offer");
        assert_eq!(told_of(AttemptState::Unanswered, None, tried()).code(), "no_offer", "it never began");
    }
}
