//! Providers of a model that are not there, beside the failure of whoever orders it: whoever pauses tells nobody more than that.

use assay_peer::handle::ProvidersAway;

use crate::{command_error::CommandError, printer::local};

/// What helps where who has a model takes nothing new on.
const REST_HINT: &str = "say the same again once one of them takes jobs: nobody is told how long a pause is; `assay offers` lists \
    what can be ordered now, and `assay offers --history` when the model was offered; nothing was spent";

/// True of a failure that they may be the reason of.
pub(crate) fn may_be_why(failure: &CommandError) -> bool {
    failure.code() == "NO_MATCH"
}

/// The same failure, with who is away.
pub(crate) fn beside(failure: CommandError, away: &ProvidersAway) -> CommandError {
    let Some(words) = away.words(local).filter(|_| may_be_why(&failure)) else { return failure };
    let [message, _] = failure.lines();
    let message = format!("{message}; {words}");
    let failure = failure.saying(message);
    if away.rests() { failure.hinting(REST_HINT).retryable() } else { failure }
}

#[cfg(test)]
mod tests {
    use assay_peer::handle::RestingProvider;
    use assay_protocol::{
        id::{Digest, PeerId},
        units::Timestamp,
    };

    use super::*;
    use crate::command_error::Exit;

    #[test]
    fn who_rests_may_be_asked_again_and_who_is_lost_is_only_named() {
        let (model, told) = (Digest([1; 32]), Timestamp(1_000));
        let rests = RestingProvider { provider: PeerId([2; 32]), since: told, told, manifests: vec![model] };
        let no_match = || CommandError::new(Exit::NoMatch, "NO_MATCH", "no offer matches: 0 seen", "wait");
        let resting = ProvidersAway::of(model, &[rests], 0);
        let rested = beside(no_match(), &resting);
        let [message, hint] = rested.lines();
        assert_eq!(
            message,
            format!(
                "no offer matches: 0 seen; 1 provider of it is there and takes nothing new since {}: paused, or finished",
                local(told)
            )
        );
        assert!(hint.starts_with("say the same again once"), "{hint}");
        assert_eq!(rested.to_json()["error"]["retryable"], true);
        let lost = beside(no_match(), &ProvidersAway::of(model, &[], 1));
        assert!(lost.lines()[0].ends_with("; 1 of those that were asked is lost, and may be gone"));
        assert_eq!((lost.lines()[1], &lost.to_json()["error"]["retryable"]), ("wait", &false.into()));
        let busy = CommandError::new(Exit::NoMatch, "BUSY", "busy", "wait");
        assert_eq!(beside(busy.clone(), &resting).lines(), busy.lines());
    }
}
